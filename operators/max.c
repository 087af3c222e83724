// Max: the largest of any number of inputs, with NumPy broadcasting; NaN wins.
//
// Pairwise: y = data_0, then y = max(y, data_i). Where several inputs are equal the
// gradient is shared evenly among them (PyTorch's and JAX's convention).

#include "operators/common.h"

static const ig_port inputs[] = {
    IG_PORT("data_0", 'T', "Tensors to compare.", .flags = IG_VARIADIC),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("max", 'T', "Shape of the broadcast."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_sample samples[] = {IGI_SAMPLES_EXTREMUM, {0}};

static int max_values(ig_infer *x, int64_t *out, int cap)
{
    return igi_values_extremum(x, out, cap, ig_dim_max);
}

static ig_status
combine(ig_kernel_ctx *k, const ig_tensor *left, const ig_tensor *right)
{
    IGI_APPLY2(k, ig_out(k, 0), left, right,
               IGI_CASES2_FLOAT(a != a || a > b ? a : b)
                   IGI_CASES2_SIGNED(a > b ? a : b) IGI_CASES2_UNSIGNED(a > b ? a : b));
    return IG_OK;
}

static ig_status max_reference(ig_kernel_ctx *k)
{
    return igi_fold_inputs(k, combine);
}

IG_OPERATOR(Max) = {
    IG_OP_HEAD,
    .name = "Max",
    .since = 13,
    .doc = "Elementwise maximum of all inputs, with broadcasting; NaN where any is "
           "NaN. Equal inputs share the gradient evenly.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .values = max_values,
    .gradient = igi_gradient_extremum,
    .saves = igi_saves_extremum,
    .reference = max_reference,
    .samples = samples,
};
