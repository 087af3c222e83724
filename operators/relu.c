// Relu: y = max(0, x); NaN stays NaN. relu'(0) = 0.

#include "operators/common.h"

IG_USES_OP(ReluGrad);

static const ig_type_rule types[] = {{'T', IG_FLOATS | IG_INT_SIGNED}, {0}};
static const ig_save saves[] = {IG_SAVE_OUT(0, IG_BIT(0)), {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NONZERO, 0), {0}};

static ig_status relu_gradient(ig_grad *g)
{
    // y > 0 exactly where x > 0, and y is often kept anyway.
    ig_grad_set(
        g, 0, ig_emit2(g, IG_OP(ReluGrad), NULL, ig_grad_dy(g, 0), ig_grad_out(g, 0)));
    return IG_OK;
}

static ig_status relu_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(a <= 0 ? 0 : a) IGI_CASES_SIGNED(a <= 0 ? 0 : a));
}

IG_OPERATOR(Relu) = {
    IG_OP_HEAD,
    .name = "Relu",
    .since = 14,
    .doc = "y = max(0, x), elementwise. Its derivative at 0 is 0.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = relu_gradient,
    .saves = saves,
    .reference = relu_reference,
    .samples = samples,
};
