// Mul: c = a * b with NumPy broadcasting. Integers wrap around.

#include "operators/common.h"

IG_USES_OP(Mul);

static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)), IG_SAVE_IN(0, IG_BIT(1)), {0}};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_NORMAL, IG_FILL_NORMAL, 0), {0}};

static int mul_values(ig_infer *x, int64_t *out, int cap)
{
    return ig_values_binary(x, out, cap, ig_dim_mul);
}

static ig_status mul_gradient(ig_grad *g)
{
    ig_var dy = ig_grad_dy(g, 0);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, dy, ig_grad_in(g, 1)));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1, ig_emit2(g, IG_OP(Mul), NULL, dy, ig_grad_in(g, 0)));
    return IG_OK;
}

static ig_status mul_reference(ig_kernel_ctx *k)
{
    IGI_BINARY(k, IGI_CASES2_FLOAT(a * b) IGI_CASES2_SIGNED(igi_wrap_mul(a, b))
                      IGI_CASES2_UNSIGNED(a * b));
}

IG_OPERATOR(Mul) = {
    IG_OP_HEAD,
    .name = "Mul",
    .since = 14,
    .doc = "c = a * b, elementwise with broadcasting; integers wrap around.",
    .inputs = igi_binary_inputs,
    .outputs = igi_binary_outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED | IG_OP_COMMUTATIVE,
    .infer = ig_infer_broadcast,
    .values = mul_values,
    .gradient = mul_gradient,
    .saves = saves,
    .reference = mul_reference,
    .samples = samples,
};
