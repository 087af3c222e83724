// Reciprocal: y = 1 / x.

#include "operators/common.h"

IG_USES_OP(Mul);
IG_USES_OP(Neg);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_OUT(0, IG_BIT(0)), {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NONZERO, 0), {0}};

static ig_status reciprocal_gradient(ig_grad *g)
{
    // -dy y^2
    ig_var y = ig_grad_out(g, 0);
    ig_var slope = ig_emit1(g, IG_OP(Neg), NULL, ig_emit2(g, IG_OP(Mul), NULL, y, y));
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), slope));
    return IG_OK;
}

static ig_status reciprocal_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(1 / a));
}

IG_OPERATOR(Reciprocal) = {
    IG_OP_HEAD,
    .name = "Reciprocal",
    .since = 13,
    .doc = "y = 1 / x, elementwise.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = reciprocal_gradient,
    .saves = saves,
    .reference = reciprocal_reference,
    .samples = samples,
};
