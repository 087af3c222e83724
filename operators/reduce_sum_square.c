// ReduceSumSquare: sums of squares over axes.

#include "operators/common_grad.h"
#include "operators/common_reduce.h"

static ig_status reduce_sum_square_gradient(ig_grad *g)
{
    ig_var twice = igi_emit_scale(g, igi_reduce_restore(g, ig_grad_dy(g, 0)), 2);
    ig_grad_set(g, 0, igi_emit_mul(g, twice, ig_grad_in(g, 0)));
    return IG_OK;
}

static ig_status reduce_sum_square_reference(ig_kernel_ctx *k)
{
    IGI_REDUCE(k, 0, sum += v * v, sum, sum += (uint64_t)v * (uint64_t)v, s);
}

IG_OPERATOR(ReduceSumSquare) = {
    IG_OP_HEAD,
    .name = "ReduceSumSquare",
    .since = 18,
    .doc = "Sums of squares over `axes`; integers wrap.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = igi_sum_types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = reduce_sum_square_gradient,
    .saves = igi_reduce_saves_all,
    .reference = reduce_sum_square_reference,
    .samples = igi_reduce_samples,
};
