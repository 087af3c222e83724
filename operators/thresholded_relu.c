// ThresholdedRelu: y = x where x > alpha, else 0. Its derivative at alpha is 0.

#include "operators/common_unary.h"

static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(igi_alpha_attrs, alpha, 1, "Threshold."),
    {0},
};
static double alpha_of(const ig_grad *g)
{
    return (double)((const igi_alpha_attrs *)ig_grad_attrs(g))->alpha;
}

static ig_var slope(ig_grad *g)
{
    ig_var above = igi_emit_above(g, ig_grad_in(g, 0), alpha_of(g));
    return igi_emit_masked(g, above, igi_grad_const(g, 1));
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(a > IGI_ALPHA(k) ? a : 0))

static const igi_alpha_attrs other = {sizeof(igi_alpha_attrs), 0.25f};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NONZERO, 0),
    IGI_SAMPLE_1("alpha", &other, IG_FILL_NONZERO, 0, IG_SHAPE_IN(3, 4)),
    {0},
};

IG_OPERATOR(ThresholdedRelu) = {
    IGI_UNARY_FIELDS("ThresholdedRelu", 22, igi_save_x),
    .doc = "x where x > alpha, else 0, elementwise.",
    IGI_ALPHA_FIELDS,
};
