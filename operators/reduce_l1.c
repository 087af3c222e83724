// ReduceL1: sums of absolute values over axes. The derivative at 0 is 0.

#include "operators/common_grad.h"
#include "operators/common_reduce.h"

IG_USES_OP(Sign);

static ig_status reduce_l1_gradient(ig_grad *g)
{
    ig_var sign = ig_emit1(g, IG_OP(Sign), NULL, ig_grad_in(g, 0));
    ig_grad_set(g, 0, igi_emit_mul(g, igi_reduce_restore(g, ig_grad_dy(g, 0)), sign));
    return IG_OK;
}

static ig_status reduce_l1_reference(ig_kernel_ctx *k)
{
    IGI_REDUCE(k, 0, sum += fabs(v), sum, sum += v > 0 ? (uint64_t)v : 0 - (uint64_t)v,
               s);
}

IG_OPERATOR(ReduceL1) = {
    IG_OP_HEAD,
    .name = "ReduceL1",
    .since = 18,
    .doc = "Sums of absolute values over `axes`; integers wrap.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = igi_sum_types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = reduce_l1_gradient,
    .saves = igi_reduce_saves_all,
    .reference = reduce_l1_reference,
    .samples = igi_reduce_samples,
};
