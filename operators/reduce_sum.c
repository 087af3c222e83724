// ReduceSum: sums over axes; the sum of nothing is 0.

#include "operators/common_reduce.h"

IG_USES_OP(Expand);

static ig_status reduce_sum_gradient(ig_grad *g)
{
    ig_var dy = igi_reduce_restore(g, ig_grad_dy(g, 0));
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Expand), NULL, dy, ig_grad_in_shape(g, 0)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status reduce_sum_reference(ig_kernel_ctx *k)
{
    igi_reduce r;
    IG_TRY(igi_reduce_read(k, &r));
    return igi_reduce_sum(k, &r, false);
}

IG_OPERATOR(ReduceSum) = {
    IG_OP_HEAD,
    .name = "ReduceSum",
    .since = 13,
    .doc = "Sums over `axes`; integers wrap.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = igi_sum_types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = reduce_sum_gradient,
    .saves = saves,
    .reference = reduce_sum_reference,
    .samples = igi_reduce_samples,
};
