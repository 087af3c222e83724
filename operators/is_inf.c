// IsInf: y = whether x is infinite, of the signs that are asked for. No gradient: the
// result is bool.

#include <float.h>

#include "operators/common.h"

typedef struct is_inf_attrs {
    uint32_t struct_size;
    int64_t detect_negative, detect_positive;
} is_inf_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(is_inf_attrs,
                detect_negative,
                1,
                "1: negative infinity counts.",
                .min = 0,
                .max = 1),
    IG_ATTR_INT(is_inf_attrs,
                detect_positive,
                1,
                "1: positive infinity counts.",
                .min = 0,
                .max = 1),
    {0},
};
static const is_inf_attrs negative = {sizeof(is_inf_attrs), 1, 0};
static const is_inf_attrs positive = {sizeof(is_inf_attrs), 0, 1};
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
    {.name = "both",
     IGI_INPUTS({IG_SHAPE_IN(2, 3),
                 .data = (const double[]){1, -INFINITY, NAN, INFINITY, 0, -2}})},
    {.name = "negative",
     .attrs = &negative,
     IGI_INPUTS({IG_SHAPE_IN(2, 3),
                 .data = (const double[]){1, -INFINITY, NAN, INFINITY, 0, -2}})},
    {.name = "positive",
     .attrs = &positive,
     IGI_INPUTS({IG_SHAPE_IN(2, 3),
                 .data = (const double[]){1, -INFINITY, NAN, INFINITY, 0, -2}})},
    {0},
};

static ig_status is_inf_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    const is_inf_attrs *o = k->attrs;
    uint8_t *to = ig_data(y);
    for (int64_t i = 0, n = ig_numel(x); i < n; i++) {
        double v = igi_get_f64(ig_dtype_of(x), ig_data(x), i);
        to[i] =
            (o->detect_positive && v > DBL_MAX) || (o->detect_negative && v < -DBL_MAX);
    }
    return IG_OK;
}

IG_OPERATOR(IsInf) = {
    IG_OP_HEAD,
    .name = "IsInf",
    .since = 20,
    .doc = "Whether x is infinite, elementwise; either sign can be left out. No "
           "gradient: the result is bool.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(is_inf_attrs),
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = is_inf_reference,
    .samples = samples,
};
