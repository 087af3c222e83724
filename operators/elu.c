// Elu: y = x where x >= 0, alpha (e^x - 1) below.

#include "operators/common_unary.h"

static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(igi_alpha_attrs, alpha, 1, "Limit below is -alpha."),
    {0},
};
static double alpha_of(const ig_grad *g)
{
    return (double)((const igi_alpha_attrs *)ig_grad_attrs(g))->alpha;
}

static ig_var slope(ig_grad *g)
{
    return igi_emit_exp_below(g, alpha_of(g), 1, 1);
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(a < 0 ? IGI_ALPHA(k) * expm1(a) : a))

static const igi_alpha_attrs other = {sizeof(igi_alpha_attrs), 0.3f};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NONZERO, 0),
    IGI_SAMPLE_1("alpha", &other, IG_FILL_NONZERO, 0, IG_SHAPE_IN(3, 4)),
    {.name = "far_from_zero",
     .n_in = 1,
     .in =
         (const ig_sample_in[]){
             {IG_SHAPE_IN(6), .data = (const double[]){-1000, -40, -1, 1, 40, 1000}}},
     .types = IG_T(FLOAT32) | IG_T(FLOAT64)},
    {0},
};

IG_OPERATOR(Elu) = {
    IGI_UNARY_FIELDS("Elu", 22, igi_save_x),
    .doc = "x where x >= 0, alpha (e^x - 1) below, elementwise.",
    IGI_ALPHA_FIELDS,
};
