// Mean: the mean of any number of inputs, with NumPy broadcasting: their sum from left
// to right, divided by their number.

#include "operators/common.h"
#include "operators/common_grad.h"

static const ig_port inputs[] = {
    IG_PORT("data_0", 'T', "Tensors to average.", .flags = IG_VARIADIC),
    {0},
};
static const ig_port outputs[] = {IG_PORT("mean", 'T', "Shape of the broadcast."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_sample samples[] = {IGI_SAMPLES_EXTREMUM, {0}};

static ig_status mean_gradient(ig_grad *g)
{
    int n = ig_grad_n_in(g);
    ig_var share = igi_emit_scale(g, ig_grad_dy(g, 0), 1.0 / n);
    for (int i = 0; i < n; i++)
        ig_grad_set(g, i, share); // the engine sums a broadcast gradient down
    return IG_OK;
}

static ig_status
combine(ig_kernel_ctx *k, const ig_tensor *left, const ig_tensor *right)
{
    IGI_APPLY2(k, ig_out(k, 0), left, right, IGI_CASES2_FLOAT(a + b));
    return IG_OK;
}

static ig_status divide(ig_kernel_ctx *k, const ig_tensor *y)
{
    const float n = (float)k->n_in; // exact: there are at most IG_PORTS_MAX
    IGI_APPLY2(k, y, y, y, IGI_CASES2_FLOAT((void)b, a / n));
    return IG_OK;
}

static ig_status mean_reference(ig_kernel_ctx *k)
{
    IG_TRY(igi_fold_inputs(k, combine));
    return k->n_in > 1 ? divide(k, ig_out(k, 0)) : IG_OK;
}

IG_OPERATOR(Mean) = {
    IG_OP_HEAD,
    .name = "Mean",
    .since = 13,
    .doc = "Elementwise mean of all inputs, with broadcasting.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .gradient = mean_gradient,
    .reference = mean_reference,
    .samples = samples,
};
