// Sqrt: y = x^(1/2).

#include "operators/common.h"

IG_USES_OP(Div);
IG_USES_OP(Mul);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_OUT(0, IG_BIT(0)), {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_POSITIVE, 0), {0}};

static ig_status sqrt_gradient(ig_grad *g)
{
    ig_var half =
        ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), igi_grad_const(g, 0.5));
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Div), NULL, half, ig_grad_out(g, 0)));
    return IG_OK;
}

static ig_status sqrt_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(sqrt(a)));
}

IG_OPERATOR(Sqrt) = {
    IG_OP_HEAD,
    .name = "Sqrt",
    .since = 13,
    .doc = "Square root, elementwise; NaN below 0.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = sqrt_gradient,
    .saves = saves,
    .reference = sqrt_reference,
    .samples = samples,
};
