// Exp: y = e^x.

#include "operators/common.h"

IG_USES_OP(Mul);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_OUT(0, IG_BIT(0)), {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0), {0}};

static ig_status exp_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), ig_grad_out(g, 0)));
    return IG_OK;
}

static ig_status exp_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(exp(a)));
}

IG_OPERATOR(Exp) = {
    IG_OP_HEAD,
    .name = "Exp",
    .since = 13,
    .doc = "y = e^x, elementwise.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = exp_gradient,
    .saves = saves,
    .reference = exp_reference,
    .samples = samples,
};
