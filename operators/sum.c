// Sum: the sum of any number of inputs, with NumPy broadcasting, from left to right.

#include "operators/common.h"

static const ig_port inputs[] = {
    IG_PORT("data_0", 'T', "Tensors to add.", .flags = IG_VARIADIC),
    {0},
};
static const ig_port outputs[] = {IG_PORT("sum", 'T', "Shape of the broadcast."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_sample samples[] = {IGI_SAMPLES_EXTREMUM, {0}};

static ig_status sum_gradient(ig_grad *g)
{
    for (int i = 0; i < ig_grad_n_in(g); i++)
        ig_grad_set(g, i,
                    ig_grad_dy(g, 0)); // the engine sums a broadcast gradient down
    return IG_OK;
}

static ig_status
combine(ig_kernel_ctx *k, const ig_tensor *left, const ig_tensor *right)
{
    IGI_APPLY2(k, ig_out(k, 0), left, right, IGI_CASES2_FLOAT(a + b));
    return IG_OK;
}

static ig_status sum_reference(ig_kernel_ctx *k)
{
    return igi_fold_inputs(k, combine);
}

IG_OPERATOR(Sum) = {
    IG_OP_HEAD,
    .name = "Sum",
    .since = 13,
    .doc = "Elementwise sum of all inputs, with broadcasting.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .gradient = sum_gradient,
    .reference = sum_reference,
    .samples = samples,
};
