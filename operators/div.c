// Div: c = a / b with NumPy broadcasting.
//
// Integers divide toward zero. What C leaves open is defined here: a zero divisor gives
// 0, as NumPy has it, and the smallest integer divided by -1 wraps around to itself.

#include "operators/common.h"

IG_USES_OP(Div);
IG_USES_OP(Mul);
IG_USES_OP(Neg);

static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(1)), IG_SAVE_OUT(0, IG_BIT(1)), {0}};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_NORMAL, IG_FILL_NONZERO, 0), {0}};

static int64_t divide(int64_t a, int64_t b)
{
    if (b == -1)
        return igi_wrap_sub(0, a);
    return b == 0 ? 0 : a / b;
}

static int div_values(ig_infer *x, int64_t *out, int cap)
{
    return ig_values_binary(x, out, cap, ig_dim_div);
}

static ig_status div_gradient(ig_grad *g)
{
    // da = dy / b, db = -dy / b * c
    ig_var da = ig_emit2(g, IG_OP(Div), NULL, ig_grad_dy(g, 0), ig_grad_in(g, 1));
    ig_grad_set(g, 0, da);
    if (ig_grad_wants(g, 1)) {
        ig_var db = ig_emit2(g, IG_OP(Mul), NULL, da, ig_grad_out(g, 0));
        ig_grad_set(g, 1, ig_emit1(g, IG_OP(Neg), NULL, db));
    }
    return IG_OK;
}

static ig_status div_reference(ig_kernel_ctx *k)
{
    IGI_BINARY(k, IGI_CASES2_FLOAT(a / b) IGI_CASES2_SIGNED(divide(a, b))
                      IGI_CASES2_UNSIGNED(b == 0 ? 0 : a / b));
}

IG_OPERATOR(Div) = {
    IG_OP_HEAD,
    .name = "Div",
    .since = 14,
    .doc = "c = a / b, elementwise with broadcasting. Integers divide toward zero; x / "
           "0 is 0 and MIN / -1 is MIN.",
    .inputs = igi_binary_inputs,
    .outputs = igi_binary_outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .values = div_values,
    .gradient = div_gradient,
    .saves = saves,
    .reference = div_reference,
    .samples = samples,
};
