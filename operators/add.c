// Add: c = a + b with NumPy broadcasting. Integers wrap around.

#include "operators/common.h"

static const ig_port inputs[] = {
    IG_PORT("A", 'T', "First operand."),
    IG_PORT("B", 'T', "Second operand."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("C", 'T', "Shape of the broadcast.", .alias = IG_MAY_ALIAS(0, 1)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_NORMAL, IG_FILL_NORMAL, 0), {0}};

static int add_values(ig_infer *x, int64_t *out, int cap)
{
    return ig_values_binary(x, out, cap, ig_dim_add);
}

static ig_status add_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, ig_grad_dy(g, 0)); // the engine sums a broadcast gradient down
    ig_grad_set(g, 1, ig_grad_dy(g, 0));
    return IG_OK;
}

static ig_status add_reference(ig_kernel_ctx *k)
{
    IGI_BINARY(k, IGI_CASES2_FLOAT(a + b) IGI_CASES2_SIGNED(igi_wrap_add(a, b))
                      IGI_CASES2_UNSIGNED(a + b));
}

IG_OPERATOR(Add) = {
    IG_OP_HEAD,
    .name = "Add",
    .since = 14,
    .doc = "c = a + b, elementwise with broadcasting; integers wrap around.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED | IG_OP_COMMUTATIVE,
    .infer = ig_infer_broadcast,
    .values = add_values,
    .gradient = add_gradient,
    .reference = add_reference,
    .samples = samples,
};
