// Sigmoid: y = 1 / (1 + e^-x), written so that neither side overflows.

#include "operators/common.h"

IG_USES_OP(Mul);
IG_USES_OP(Sub);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_OUT(0, IG_BIT(0)), {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0), {0}};

static ig_status sigmoid_gradient(ig_grad *g)
{
    // dy y (1 - y)
    ig_var y = ig_grad_out(g, 0);
    ig_var rest = ig_emit2(g, IG_OP(Sub), NULL, igi_grad_const(g, 1), y);
    ig_var slope = ig_emit2(g, IG_OP(Mul), NULL, y, rest);
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), slope));
    return IG_OK;
}

static ig_status sigmoid_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(a >= 0 ? 1 / (1 + exp(-a)) : exp(a) / (1 + exp(a))));
}

IG_OPERATOR(Sigmoid) = {
    IG_OP_HEAD,
    .name = "Sigmoid",
    .since = 13,
    .doc = "y = 1 / (1 + e^-x), elementwise.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = sigmoid_gradient,
    .saves = saves,
    .reference = sigmoid_reference,
    .samples = samples,
};
