// HardSigmoid: y = max(0, min(1, alpha x + beta)); the derivative at both corners is 0.

#include "operators/common_unary.h"

IG_USES_OP(And);

typedef struct hard_sigmoid_attrs {
    uint32_t struct_size;
    float alpha, beta;
} hard_sigmoid_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(hard_sigmoid_attrs, alpha, 0.2, "Slope between the corners."),
    IG_ATTR_FLOAT(hard_sigmoid_attrs, beta, 0.5, "Value at 0."),
    {0},
};

static ig_var slope(ig_grad *g)
{
    const hard_sigmoid_attrs *o = ig_grad_attrs(g);
    ig_var line = igi_emit_plus(g, (double)o->beta,
                                igi_emit_scale(g, ig_grad_in(g, 0), (double)o->alpha));
    ig_var inside = ig_emit2(g, IG_OP(And), NULL, igi_emit_above(g, line, 0),
                             igi_emit_below(g, line, 1));
    return igi_emit_masked(g, inside, igi_grad_const(g, (double)o->alpha));
}
#define OF(m_)   (((const hard_sigmoid_attrs *)k->attrs)->m_)
#define LINE(a_) (OF(alpha) * (a_) + OF(beta))
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(LINE(a) > 1 ? 1 : LINE(a) < 0 ? 0 : LINE(a)))

static const hard_sigmoid_attrs other = {sizeof(hard_sigmoid_attrs), 0.75f, 0.25f};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    IGI_SAMPLE_1("alpha_beta", &other, IG_FILL_DISTINCT, 0, IG_SHAPE_IN(3, 4)),
    {0},
};

IG_OPERATOR(HardSigmoid) = {
    IGI_UNARY_FIELDS("HardSigmoid", 22, igi_save_x),
    .doc = "max(0, min(1, alpha x + beta)), elementwise.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .attrs = attrs,
    .attrs_size = sizeof(hard_sigmoid_attrs),
};
