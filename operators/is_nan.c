// IsNaN: y = whether x is NaN. No gradient: the result is bool.

#include "operators/common.h"

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input tensor.", .flags = IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'B', "Same shape as X."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS | IG_FLOAT8S},
    {'B', IG_T(BOOL)},
    {0},
};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    {.name = "odd_numbers",
     IGI_INPUTS({IG_SHAPE_IN(2, 3),
                 .data = (const double[]){1, -INFINITY, NAN, INFINITY, 0, -2}})},
    {0},
};

static ig_status is_nan_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    uint8_t *to = ig_data(y);
    for (int64_t i = 0, n = ig_numel(x); i < n; i++) {
        double v = igi_get_f64(ig_dtype_of(x), ig_data(x), i);
        to[i] = v != v;
    }
    return IG_OK;
}

IG_OPERATOR(IsNaN) = {
    IG_OP_HEAD,
    .name = "IsNaN",
    .since = 20,
    .doc = "Whether x is NaN, elementwise. No gradient: the result is bool.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = is_nan_reference,
    .samples = samples,
};
