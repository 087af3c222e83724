// Tanh: hyperbolic tangent.

#include "operators/common.h"

IG_USES_OP(Mul);
IG_USES_OP(Sub);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_OUT(0, IG_BIT(0)), {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0), {0}};

static ig_status tanh_gradient(ig_grad *g)
{
    // dy (1 - y^2)
    ig_var y = ig_grad_out(g, 0), dy = ig_grad_dy(g, 0);
    ig_var lost =
        ig_emit2(g, IG_OP(Mul), NULL, dy, ig_emit2(g, IG_OP(Mul), NULL, y, y));
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Sub), NULL, dy, lost));
    return IG_OK;
}

static ig_status tanh_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(tanh(a)));
}

IG_OPERATOR(Tanh) = {
    IG_OP_HEAD,
    .name = "Tanh",
    .since = 13,
    .doc = "y = tanh(x), elementwise.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = tanh_gradient,
    .saves = saves,
    .reference = tanh_reference,
    .samples = samples,
};
