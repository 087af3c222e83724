// NonZero: the coordinates of elements that are not zero, in row-major order.
//
// Output [rank, n]; of a scalar [0, n]. NaN and strings that are not empty count.

#include "operators/common_move.h"

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Any tensor.", .flags = IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'I', "A row per axis, a column per element.", .flags = IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT64)},
    {0},
};

static ig_status non_zero_infer(ig_infer *x)
{
    const int64_t dims[2] = {x->in[0]->rank, ig_dim_fresh(x->syms)};
    return ig_infer_set(x, 0, 2, dims);
}

static bool is_set(ig_dtype type, const void *p, int64_t i)
{
    switch (type) {
    case IG_STRING: {
        const igi_str *s = ((igi_str *const *)p)[i];
        return s && s->length > 0;
    }
    case IG_COMPLEX64:
        return ((const float *)p)[2 * i] != 0 || ((const float *)p)[2 * i + 1] != 0;
    case IG_COMPLEX128:
        return ((const double *)p)[2 * i] != 0 || ((const double *)p)[2 * i + 1] != 0;
    case IG_BOOL:
        return ((const uint8_t *)p)[i];
    default:
        return igi_get_f64(type, p, i) != 0;
    }
}

static ig_status non_zero_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    ig_dtype type = ig_dtype_of(x);
    int64_t n = ig_numel(x), dims[2] = {ig_rank(x), 0}, at = 0;
    for (int64_t i = 0; i < n; i++)
        dims[1] += is_set(type, ig_data(x), i);
    IG_TRY(ig_out_alloc(k, 0, 2, dims));
    int64_t *y = ig_data(ig_out(k, 0));
    for (int64_t i = 0; i < n; i++) {
        if (!is_set(type, ig_data(x), i))
            continue;
        int64_t rest = i;
        for (int64_t a = dims[0] - 1; a >= 0; a--) {
            y[a * dims[1] + at] = rest % ig_dims(x)[a];
            rest /= ig_dims(x)[a];
        }
        at++;
    }
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "matrix", IGI_INPUTS({IG_SHAPE_IN(3, 4), .fill = IG_FILL_ZERO_ONE})},
    {.name = "vector",
     IGI_INPUTS({IG_SHAPE_IN(5), .data = (const double[]){0, 2, 0, 1, 3}})},
    {.name = "rank_4", IGI_INPUTS({IG_SHAPE_IN(2, 1, 3, 2), .fill = IG_FILL_ZERO_ONE})},
    {.name = "none",
     .types = ~IG_T(STRING),
     IGI_INPUTS({IG_SHAPE_IN(1, 2), .data = (const double[]){0, 0}})},
    {.name = "scalar", IGI_INPUTS({.rank = 0, .data = (const double[]){3}})},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0))},
    {0},
};

IG_OPERATOR(NonZero) = {
    IG_OP_HEAD,
    .name = "NonZero",
    .since = 13,
    .doc =
        "Coordinates of the elements that are not zero, in row-major order: a row per "
        "axis (none for a scalar), a column per element.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = non_zero_infer,
    .gradient = ig_gradient_none,
    .reference = non_zero_reference,
    .samples = samples,
};
