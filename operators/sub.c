// Sub: c = a - b with NumPy broadcasting. Integers wrap around.

#include "operators/common.h"

IG_USES_OP(Neg);

static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_NORMAL, IG_FILL_NORMAL, 0), {0}};

static int sub_values(ig_infer *x, int64_t *out, int cap)
{
    return ig_values_binary(x, out, cap, ig_dim_sub);
}

static ig_status sub_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, ig_grad_dy(g, 0));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1, ig_emit1(g, IG_OP(Neg), NULL, ig_grad_dy(g, 0)));
    return IG_OK;
}

static ig_status sub_reference(ig_kernel_ctx *k)
{
    IGI_BINARY(k, IGI_CASES2_FLOAT(a - b) IGI_CASES2_SIGNED(igi_wrap_sub(a, b))
                      IGI_CASES2_UNSIGNED(a - b));
}

IG_OPERATOR(Sub) = {
    IG_OP_HEAD,
    .name = "Sub",
    .since = 14,
    .doc = "c = a - b, elementwise with broadcasting; integers wrap around.",
    .inputs = igi_binary_inputs,
    .outputs = igi_binary_outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .values = sub_values,
    .gradient = sub_gradient,
    .reference = sub_reference,
    .samples = samples,
};
