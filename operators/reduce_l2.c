// ReduceL2: roots of sums of squares over axes; those of integers are truncated. The
// derivative where all are 0 is taken as 0.

#include "operators/common_grad.h"
#include "operators/common_reduce.h"

IG_USES_OP(Div);
IG_USES_OP(Equal);
IG_USES_OP(Where);

static ig_status reduce_l2_gradient(ig_grad *g)
{
    ig_var y = igi_reduce_restore(g, ig_grad_out(g, 0));
    ig_var zero = ig_emit2(g, IG_OP(Equal), NULL, y, igi_grad_const(g, 0));
    ig_var safe = ig_emit3(g, IG_OP(Where), NULL, zero, igi_grad_const(g, 1), y);
    ig_var share =
        ig_emit2(g, IG_OP(Div), NULL, igi_reduce_restore(g, ig_grad_dy(g, 0)), safe);
    ig_grad_set(g, 0, igi_emit_mul(g, share, ig_grad_in(g, 0)));
    return IG_OK;
}

static ig_status reduce_l2_reference(ig_kernel_ctx *k)
{
    IGI_REDUCE(k, 0, sum += v * v, sqrt(sum), sum += (uint64_t)v * (uint64_t)v,
               igi_f64_to_i64(sqrt((double)s)));
}

IG_OPERATOR(ReduceL2) = {
    IG_OP_HEAD,
    .name = "ReduceL2",
    .since = 18,
    .doc = "Roots of sums of squares over `axes`; those of integers are truncated. The "
           "gradient at 0 is 0.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = igi_sum_types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = reduce_l2_gradient,
    .saves = igi_reduce_saves_all,
    .reference = reduce_l2_reference,
    .samples = igi_reduce_samples,
};
