// ReduceMean: means over axes. The mean of nothing is NaN (0 for integers); means of
// integers are truncated toward zero.

#include "operators/common_reduce.h"

IG_USES_OP(DivByDims);
IG_USES_OP(Expand);
IG_USES_OP(Mul);

// A reduced axis of symbolic size must not become a number: DivByDims reads it at run
// time.
static ig_status reduce_mean_gradient(ig_grad *g)
{
    const ig_type *in = ig_grad_in_type(g, 0);
    const igi_reduce_attrs *o = ig_grad_attrs(g);
    int64_t count = igi_reduce_count(in, ig_grad_out_type(g, 0));
    ig_var dy = ig_grad_dy(g, 0), shape = ig_grad_in_shape(g, 0);
    if (count > 0) {
        ig_var scale = ig_grad_scalar(g, (ig_dtype)in->dtype, 1.0 / (double)count);
        dy = ig_emit2(g, IG_OP(Mul), NULL, dy, scale);
    } else if (count != 0) {
        const igi_div_by_dims_attrs noop = {sizeof(noop), o->noop_with_empty_axes};
        dy = ig_emit3(g, IG_OP(DivByDims), &noop, dy, shape, ig_grad_in(g, 1));
    }
    dy = igi_reduce_restore(g, dy);
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Expand), NULL, dy, shape));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status reduce_mean_reference(ig_kernel_ctx *k)
{
    igi_reduce r;
    IG_TRY(igi_reduce_read(k, &r));
    return igi_reduce_sum(k, &r, true);
}

IG_OPERATOR(ReduceMean) = {
    IG_OP_HEAD,
    .name = "ReduceMean",
    .since = 18,
    .doc = "Means over `axes`; those of integers are truncated toward zero.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = igi_sum_types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = reduce_mean_gradient,
    .saves = saves,
    .reference = reduce_mean_reference,
    .samples = igi_reduce_samples,
};
