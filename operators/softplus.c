// Softplus: y = log(1 + e^x), written so that neither side overflows.

#include "operators/common.h"

IG_USES_OP(Mul);
IG_USES_OP(Sigmoid);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};
static const double far[] = {-1000, -40, -1, 1, 40, 1000};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    {.name = "far_from_zero",
     .n_in = 1,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(6), .data = far}},
     .types = IG_T(FLOAT32) | IG_T(FLOAT64)},
    {0},
};

static ig_status softplus_gradient(ig_grad *g)
{
    // dy / (1 + e^-x)
    ig_var slope = ig_emit1(g, IG_OP(Sigmoid), NULL, ig_grad_in(g, 0));
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), slope));
    return IG_OK;
}

static ig_status softplus_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT((a > 0 ? a : 0) + log1p(exp(-fabs(a)))));
}

IG_OPERATOR(Softplus) = {
    IG_OP_HEAD,
    .name = "Softplus",
    .since = 22,
    .doc = "y = log(1 + e^x), elementwise.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = softplus_gradient,
    .saves = saves,
    .reference = softplus_reference,
    .samples = samples,
};
