// Abs: y = |x|. The smallest signed integer stays itself. abs'(0) = 0.

#include "operators/common.h"

IG_USES_OP(Mul);
IG_USES_OP(Sign);

static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NONZERO, 0), {0}};

static ig_status abs_gradient(ig_grad *g)
{
    ig_var sign = ig_emit1(g, IG_OP(Sign), NULL, ig_grad_in(g, 0));
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), sign));
    return IG_OK;
}

static ig_status abs_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(fabs(a)) IGI_CASES_SIGNED(
                     a < 0 ? igi_wrap_sub(0, a) : a) IGI_CASES_UNSIGNED(a));
}

IG_OPERATOR(Abs) = {
    IG_OP_HEAD,
    .name = "Abs",
    .since = 13,
    .doc = "y = |x|, elementwise; the smallest signed integer maps to itself. Its "
           "derivative at 0 is 0.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = abs_gradient,
    .saves = saves,
    .reference = abs_reference,
    .samples = samples,
};
