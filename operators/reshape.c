// Reshape: the same elements in row-major order under other dims.
//
// A dim that `shape` copies from data cancels on both sides before -1 is computed, so
// that [0, -1] works for an empty batch and symbolic dims divide exactly.

#include <inttypes.h>

#include "operators/common_move.h"

static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Any tensor."),
    IG_PORT("shape",
            'S',
            "New dims. -1 (once): computed. 0: that of data, unless allowzero.",
            .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("reshaped", 'T', "The elements of data, in order."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_ALL_TYPES}, {'S', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_reshape_attrs,
                allowzero,
                0,
                "1: a 0 in shape means 0.",
                .min = 0,
                .max = 1),
    {0},
};

// Dims of data, or fresh ones when its rank is unknown.
static ig_status copied_dim(ig_infer *x, int i, int64_t *dim)
{
    if (x->in[0]->rank >= 0)
        return ig_infer_dim(x, 0, i, dim);
    *dim = ig_dim_fresh(x->syms);
    return IG_OK;
}

// Resolves zeros; *hole: index of -1 or -1; *copied: mask of dims taken from data.
static ig_status resolve(ig_infer *x, int n, int64_t *want, int *hole, uint64_t *copied)
{
    bool literal = ((const igi_reshape_attrs *)x->attrs)->allowzero, zero = false;
    *hole = -1;
    *copied = 0;
    for (int i = 0; i < n; i++) {
        if (want[i] < -1 && !igi_is_symbol(x, 1, want[i]))
            return ig_infer_fail(x, "shape[%d] is %" PRId64, i, want[i]);
        if (want[i] == -1 && *hole >= 0)
            return ig_infer_fail(x, "shape has two -1, at %d and %d", *hole, i);
        if (want[i] == -1)
            *hole = i;
        if (want[i] == 0 && literal)
            zero = true;
        if (want[i] == 0 && !literal) {
            IG_TRY(copied_dim(x, i, &want[i]));
            *copied |= IG_BIT(i);
        }
    }
    if (zero && *hole >= 0)
        return ig_infer_fail(x, "with allowzero, shape must not hold both 0 and -1");
    return IG_OK;
}

static ig_status reshape_infer(ig_infer *x)
{
    int64_t want[IG_RANK_MAX], total = 1, rest = 1, length;
    uint64_t copied;
    int hole, rank = x->in[0]->rank, n;
    IG_TRY(igi_infer_vector(x, 1, &length));
    n = ig_infer_ints(x, 1, want, IG_RANK_MAX);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    if (n < 0)
        return ig_infer_fresh(x, 0, (int)(length > IG_RANK_MAX ? -1 : length));
    IG_TRY(resolve(x, n, want, &hole, &copied));
    for (int i = 0; i < rank; i++)
        if (!(copied >> i & 1))
            total = ig_dim_mul(x->syms, total, ig_type_dims(x->in[0])[i]);
    for (int i = 0; i < n; i++)
        if (i != hole && !(copied >> i & 1))
            rest = ig_dim_mul(x->syms, rest, want[i]);
    bool fits = hole >= 0 ? (rest ? total % (rest > 0 ? rest : 1) == 0 : total == 0)
                          : total == rest;
    if (rank >= 0 && total >= 0 && rest >= 0 && !fits)
        return ig_infer_fail(x,
                             "%" PRId64 " elements do not fit a shape of %" PRId64 "%s",
                             total, rest, hole >= 0 ? " times a whole number" : "");
    if (hole >= 0)
        want[hole] = rank < 0 ? -1 : rest ? ig_dim_div(x->syms, total, rest) : 0;
    if (hole >= 0 && want[hole] == -1)
        want[hole] = ig_dim_fresh(x->syms);
    return ig_infer_set(x, 0, n, want);
}

static const igi_reshape_attrs literal_zero = {sizeof(igi_reshape_attrs), 1};
static const ig_sample samples[] = {
    {.name = "usual", IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN_INTS(4, 6))},
    {.name = "computed", IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN_INTS(2, -1, 2))},
    {.name = "copied", IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN_INTS(0, -1))},
    {.name = "to_scalar", IGI_INPUTS(IGI_IN(1, 1), IGI_IN_NO_INTS)},
    {.name = "from_scalar", IGI_INPUTS(IGI_IN_SCALAR, IGI_IN_INTS(1, 1, 1))},
    {.name = "empty_batch", IGI_INPUTS(IGI_IN(0, 3, 4), IGI_IN_INTS(0, -1))},
    {.name = "allowzero",
     .attrs = &literal_zero,
     IGI_INPUTS(IGI_IN(3, 0, 4), IGI_IN_INTS(4, 0, 2))},
    {0},
};

IG_OPERATOR(Reshape) = {
    IG_OP_HEAD,
    .name = "Reshape",
    .since = 25,
    .doc = "The elements of data in row-major order under the dims given by shape.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_reshape_attrs),
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED,
    .infer = reshape_infer,
    .values = igi_values_kept,
    .view = ig_view_contiguous,
    .gradient = igi_reshape_gradient,
    .reference = igi_copy_elements,
    .samples = samples,
};
