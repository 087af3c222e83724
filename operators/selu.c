// Selu: y = gamma x where x > 0, gamma alpha (e^x - 1) below (Klambauer et al. 2017).

#include "operators/common_unary.h"

typedef struct selu_attrs {
    uint32_t struct_size;
    float alpha, gamma;
} selu_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(
        selu_attrs, alpha, 1.67326319217681884765625, "Limit below is -gamma alpha."),
    IG_ATTR_FLOAT(
        selu_attrs, gamma, 1.05070102214813232421875, "Factor of everything."),
    {0},
};

static ig_var slope(ig_grad *g)
{
    const selu_attrs *o = ig_grad_attrs(g);
    return igi_emit_exp_below(g, (double)o->gamma * (double)o->alpha, 1,
                              (double)o->gamma);
}
#define OF(m_) (((const selu_attrs *)k->attrs)->m_)
IGI_UNARY_PARTS(slope(g),
                IGI_CASES_FLOAT(OF(gamma) * (a > 0 ? a : OF(alpha) * expm1(a))))

static const selu_attrs other = {sizeof(selu_attrs), 0.5f, 2};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NONZERO, 0),
    IGI_SAMPLE_1("alpha_gamma", &other, IG_FILL_NONZERO, 0, IG_SHAPE_IN(3, 4)),
    {0},
};

IG_OPERATOR(Selu) = {
    IGI_UNARY_FIELDS("Selu", 22, igi_save_x),
    .doc = "gamma x where x > 0, gamma alpha (e^x - 1) below, elementwise.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .attrs = attrs,
    .attrs_size = sizeof(selu_attrs),
};
