// Celu: y = x where x >= 0, alpha (e^(x / alpha) - 1) below (Barron 2017).
//
// ONNX 12 knows float32 only, 28 (provisional) all float types.

#include "operators/common_unary.h"

static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(igi_alpha_attrs, alpha, 1, "Scale of the bend, not 0."),
    {0},
};
static double alpha_of(const ig_grad *g)
{
    return (double)((const igi_alpha_attrs *)ig_grad_attrs(g))->alpha;
}

static ig_var slope(ig_grad *g)
{
    return igi_emit_exp_below(g, 1, alpha_of(g), 1);
}
IGI_UNARY_PARTS(slope(g),
                IGI_CASES_FLOAT(a < 0 ? IGI_ALPHA(k) * expm1(a / IGI_ALPHA(k)) : a))

static const igi_alpha_attrs other = {sizeof(igi_alpha_attrs), 2};
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

IG_OPERATOR(Celu) = {
    IGI_UNARY_FIELDS("Celu", 12, igi_save_x),
    .doc = "x where x >= 0, alpha (e^(x / alpha) - 1) below, elementwise.",
    IGI_ALPHA_FIELDS,
};
