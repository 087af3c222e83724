// Log: y = ln(x).

#include "operators/common.h"

IG_USES_OP(Div);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_POSITIVE, 0), {0}};

static ig_status log_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(Div), NULL, ig_grad_dy(g, 0), ig_grad_in(g, 0)));
    return IG_OK;
}

static ig_status log_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(log(a)));
}

IG_OPERATOR(Log) = {
    IG_OP_HEAD,
    .name = "Log",
    .since = 13,
    .doc = "y = ln(x), elementwise; NaN below 0, -inf at 0.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = log_gradient,
    .saves = saves,
    .reference = log_reference,
    .samples = samples,
};
