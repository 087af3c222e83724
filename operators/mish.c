// Mish: y = x tanh(softplus(x)), softplus(x) = log(1 + e^x) (Misra 2019).

#include "operators/common_unary.h"

IG_USES_OP(Sigmoid);
IG_USES_OP(Softplus);
IG_USES_OP(Tanh);

static ig_var slope(ig_grad *g)
{
    // t + x s (1 - t^2), t = tanh(softplus(x)), s = softplus'(x) = sigmoid(x)
    ig_var x = ig_grad_in(g, 0);
    ig_var t = ig_emit1(g, IG_OP(Tanh), NULL, ig_emit1(g, IG_OP(Softplus), NULL, x));
    ig_var s = igi_emit_mul(g, x, ig_emit1(g, IG_OP(Sigmoid), NULL, x));
    ig_var bend = igi_emit_minus(g, 1, igi_emit_square(g, t));
    return igi_emit_add(g, t, igi_emit_mul(g, s, bend));
}
IGI_UNARY_PARTS(slope(g),
                IGI_CASES_FLOAT(a *tanh((a > 0 ? a : 0) + log1p(exp(-fabs(a))))))

static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    {.name = "far_from_zero",
     .n_in = 1,
     .in =
         (const ig_sample_in[]){
             {IG_SHAPE_IN(6), .data = (const double[]){-1000, -40, -1, 1, 40, 1000}}},
     .types = IG_T(FLOAT32) | IG_T(FLOAT64)},
    {0},
};

IG_OPERATOR(Mish) = {
    IGI_UNARY_FIELDS("Mish", 22, igi_save_x),
    .doc = "x tanh(log(1 + e^x)), elementwise.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
};
