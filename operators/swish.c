// Swish: y = x sigmoid(alpha x); alpha 1 is SiLU.

#include "operators/common_unary.h"

IG_USES_OP(Sigmoid);

static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(igi_alpha_attrs, alpha, 1, "Steepness of the sigmoid."),
    {0},
};
static double alpha_of(const ig_grad *g)
{
    return (double)((const igi_alpha_attrs *)ig_grad_attrs(g))->alpha;
}

static ig_var slope(ig_grad *g)
{
    // s + alpha x s (1 - s), s = sigmoid(alpha x)
    ig_var x = ig_grad_in(g, 0), scaled = igi_emit_scale(g, x, alpha_of(g));
    ig_var s = ig_emit1(g, IG_OP(Sigmoid), NULL, scaled);
    ig_var bend = igi_emit_mul(g, s, igi_emit_minus(g, 1, s));
    return igi_emit_add(g, s, igi_emit_mul(g, scaled, bend));
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(a / (1 + exp(-IGI_ALPHA(k) * a))))

static const igi_alpha_attrs other = {sizeof(igi_alpha_attrs), 1.7f};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    IGI_SAMPLE_1("alpha", &other, IG_FILL_NORMAL, 0, IG_SHAPE_IN(3, 4)),
    {0},
};

IG_OPERATOR(Swish) = {
    IGI_UNARY_FIELDS("Swish", 24, igi_save_x),
    .doc = "x / (1 + e^(-alpha x)), elementwise.",
    IGI_ALPHA_FIELDS,
};
