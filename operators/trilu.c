// Trilu: the upper or lower triangle of matrices, zeros elsewhere.
//
// Element [i, j] of a matrix stays where j - i >= k (upper) or j - i <= k (lower).

#include "operators/common_move.h"

IG_USES_OP(Trilu);

typedef struct trilu_attrs {
    uint32_t struct_size;
    int64_t upper;
} trilu_attrs;

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Matrices in the last two dims."),
    IG_PORT("k",
            'I',
            "A scalar: the diagonal that bounds the triangle; absent: 0, the main one.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Same shape.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(trilu_attrs,
                upper,
                1,
                "1: the upper triangle; 0: the lower one.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status trilu_infer(ig_infer *x)
{
    if (x->in[0]->rank < 2)
        return ig_infer_fail(x, "the input must have rank >= 2");
    return ig_infer_copy(x, 0, 0);
}

static ig_status trilu_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(Trilu), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

// First column that an upper triangle keeps of row i, first that a lower one drops.
static int64_t bound(int64_t i, int64_t k, int64_t columns)
{
    int64_t at;
    if (!igi_add_i64(i, k, &at))
        return k > 0 ? columns : 0;
    return at < 0 ? 0 : at > columns ? columns : at;
}

static void clear(const ig_tensor *y, int64_t at, int64_t n)
{
    if (ig_dtype_of(y) == IG_STRING) {
        for (int64_t i = 0; i < n; i++)
            igi_string_put((igi_str **)ig_data(y) + at + i, NULL);
    } else {
        size_t size = (size_t)ig_dtype_bits(ig_dtype_of(y)) / 8;
        memset((char *)ig_data(y) + (size_t)at * size, 0, (size_t)n * size);
    }
}

static ig_status trilu_reference(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0), *diagonal = ig_in(k, 1);
    bool upper = ((const trilu_attrs *)k->attrs)->upper;
    int64_t by = igi_scalar_i64(diagonal, 0);
    int64_t rows = ig_dims(y)[ig_rank(y) - 2], columns = ig_dims(y)[ig_rank(y) - 1];
    if (diagonal && ig_numel(diagonal) != 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "k must be one number");
    if (ig_numel(y) == 0)
        return IG_OK;
    IG_TRY(igi_copy_to_output(k, 0, 0));
    for (int64_t r = 0, n = ig_numel(y) / columns; r < n; r++) {
        int64_t i = r % rows, lo = upper ? 0 : bound(i + 1, by, columns);
        int64_t hi = upper ? bound(i, by, columns) : columns;
        clear(y, r * columns + lo, hi - lo);
    }
    return IG_OK;
}

static const trilu_attrs lower = {sizeof(trilu_attrs), 0};
#define K(v_) IGI_IN_NUMBER(IG_INT64, v_)
static const ig_sample samples[] = {
    {.name = "upper", IGI_INPUTS(IGI_IN(3, 4))},
    {.name = "lower", .attrs = &lower, IGI_INPUTS(IGI_IN(2, 4, 3))},
    {.name = "upper_above", IGI_INPUTS(IGI_IN(4, 4), K(1))},
    {.name = "upper_below", IGI_INPUTS(IGI_IN(4, 4), K(-2))},
    {.name = "lower_above", .attrs = &lower, IGI_INPUTS(IGI_IN(3, 5), K(2))},
    {.name = "lower_below", .attrs = &lower, IGI_INPUTS(IGI_IN(3, 5), K(-1))},
    {.name = "all", .attrs = &lower, IGI_INPUTS(IGI_IN(2, 3), K(9e18))},
    {.name = "nothing", IGI_INPUTS(IGI_IN(2, 3), K(9e18))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(3, 1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0, 3))},
    {0},
};

IG_OPERATOR(Trilu) = {
    IG_OP_HEAD,
    .name = "Trilu",
    .since = 14,
    .doc = "The upper or lower triangle of matrices, bounded by diagonal k; zeros "
           "elsewhere.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(trilu_attrs),
    .flags = IG_OP_STRIDED,
    .infer = trilu_infer,
    .gradient = trilu_gradient,
    .saves = saves,
    .reference = trilu_reference,
    .samples = samples,
};
