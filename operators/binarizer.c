/* Binarizer: 1 where X is above a threshold, else 0. */
#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    float threshold;
} binarizer_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(binarizer_attrs, threshold, 0, "Larger values give 1."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Numbers."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "0 or 1, in the shape of X.", .alias = IG_MAY_ALIAS(0)), {0}};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS}, {0}};
static const binarizer_attrs one = {sizeof(binarizer_attrs), 1};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    IGI_SAMPLE_1("above_one", &one, IG_FILL_NORMAL, 0, IG_SHAPE_IN(3, 4)),
    {0},
};

static ig_status binarizer_reference(ig_kernel_ctx *k)
{
    const double limit = (double)((const binarizer_attrs *)k->attrs)->threshold;
    IGI_UNARY(k, IGI_CASES_FLOAT((double)a > limit ? 1 : 0)
                     IGI_CASES_SIGNED((double)a > limit ? 1 : 0));
}

IG_OPERATOR(Binarizer) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "Binarizer",
    .since = 1,
    .doc = "1 where X is above the threshold, else 0.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(binarizer_attrs),
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = binarizer_reference,
    .samples = samples,
};
