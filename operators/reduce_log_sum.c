// ReduceLogSum: logarithms of sums over axes; those of integers are truncated.

#include "operators/common_grad.h"
#include "operators/common_reduce.h"

IG_USES_OP(Div);
IG_USES_OP(Expand);
IG_USES_OP(ReduceSum);

static ig_status reduce_log_sum_gradient(ig_grad *g)
{
    const igi_reduce_attrs *o = ig_grad_attrs(g);
    const igi_reduce_attrs keep = {sizeof(keep), 1, o->noop_with_empty_axes};
    ig_var sum =
        ig_emit2(g, IG_OP(ReduceSum), &keep, ig_grad_in(g, 0), ig_grad_in(g, 1));
    ig_var share =
        ig_emit2(g, IG_OP(Div), NULL, igi_reduce_restore(g, ig_grad_dy(g, 0)), sum);
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Expand), NULL, share, ig_grad_in_shape(g, 0)));
    return IG_OK;
}

static ig_status reduce_log_sum_reference(ig_kernel_ctx *k)
{
    IGI_REDUCE(k, 0, sum += v, log(sum), sum += (uint64_t)v,
               igi_f64_to_i64(log((double)s)));
}

IG_OPERATOR(ReduceLogSum) = {
    IG_OP_HEAD,
    .name = "ReduceLogSum",
    .since = 18,
    .doc = "Logarithms of sums over `axes`; those of integers are truncated.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = igi_sum_types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = reduce_log_sum_gradient,
    .saves = igi_reduce_saves_all,
    .reference = reduce_log_sum_reference,
    .samples = igi_reduce_samples_positive,
};
