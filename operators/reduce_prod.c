// ReduceProd: products over axes; integers wrap.
//
// Gradient without a division, so that zeros are as good as any number: the product of
// the others is that of those before times that of those behind, axis by axis.

#include "operators/common_grad.h"
#include "operators/common_move.h"
#include "operators/common_reduce.h"
#include "operators/common_scan.h"

IG_USES_OP(CumProd);
IG_USES_OP(Gather);
IG_USES_OP(ReduceProd);

// Per element, the product of all others along the axis.
static ig_var others(ig_grad *g, ig_var v, ig_var axis)
{
    const igi_cum_attrs before = {sizeof(before), 1, 0},
                        behind = {sizeof(behind), 1, 1};
    return igi_emit_mul(g, ig_emit2(g, IG_OP(CumProd), &before, v, axis),
                        ig_emit2(g, IG_OP(CumProd), &behind, v, axis));
}

static ig_status reduce_prod_gradient(ig_grad *g)
{
    const igi_reduce_attrs *o = ig_grad_attrs(g);
    const igi_reduce_attrs keep = {sizeof(keep), 1, 0};
    const ig_type *t = ig_grad_in_type(g, 1);
    int64_t n = !t ? 0 : t->rank == 1 ? ig_type_dims(t)[0] : -1;
    ig_var dy = igi_reduce_restore(g, ig_grad_dy(g, 0)), x = ig_grad_in(g, 0), all = dy;
    if (n < 0)
        return ig_grad_fail(g, IG_UNSUPPORTED, "the number of axes is not known");
    if (n == 0 && !o->noop_with_empty_axes) { // as a vector
        ig_var flat = igi_emit_reshape(g, x, ig_grad_ints(g, (const int64_t[]){-1}, 1));
        all = igi_emit_mul(
            g, dy,
            igi_emit_reshape(g, others(g, flat, ig_grad_scalar(g, IG_INT64, 0)),
                             ig_grad_in_shape(g, 0)));
    }
    for (int64_t i = 0; i < n; i++) {
        ig_var axes = ig_grad_in(g, 1);
        ig_var axis = ig_emit2(g, IG_OP(Gather), NULL, axes,
                               ig_grad_scalar(g, IG_INT64, (double)i));
        ig_var one = ig_emit2(g, IG_OP(Gather), NULL, axes, ig_grad_ints(g, &i, 1));
        all = igi_emit_mul(g, all, others(g, x, axis));
        x = ig_emit2(g, IG_OP(ReduceProd), &keep, x, one);
    }
    ig_grad_set(g, 0, all);
    return IG_OK;
}

static ig_status reduce_prod_reference(ig_kernel_ctx *k)
{
    IGI_REDUCE(k, 1, sum *= v, sum, sum *= (uint64_t)v, s);
}

IG_OPERATOR(ReduceProd) = {
    IG_OP_HEAD,
    .name = "ReduceProd",
    .since = 18,
    .doc = "Products over `axes`; integers wrap.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = igi_sum_types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = reduce_prod_gradient,
    .saves = igi_reduce_saves_all,
    .reference = reduce_prod_reference,
    .samples = igi_reduce_samples,
};
