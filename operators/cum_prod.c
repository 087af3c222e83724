// CumProd: running products along an axis.
//
// Gradient without a division, so that zeros are as good as any number: with y(t) =
// x(t) y(t-1), dx(t) = y(t-1) r(t), where r(t) = dy(t) + x(t+1) r(t+1) is a LinearScan.

#include "operators/common_grad.h"
#include "operators/common_scan.h"

IG_USES_OP(CumProd);
IG_USES_OP(LinearScan);

static ig_status cum_prod_gradient(ig_grad *g)
{
    const igi_cum_attrs *o = ig_grad_attrs(g);
    const igi_cum_attrs before = {sizeof(before), 1, o->reverse};
    const igi_scan_attrs back = {sizeof(back), 1, o->reverse};
    ig_var x = ig_grad_in(g, 0), axis = ig_grad_in(g, 1), dy = ig_grad_dy(g, 0);
    if (o->exclusive)
        dy = igi_emit_shift(g, dy, axis, o->reverse, false);
    ig_var rest = ig_emit3(g, IG_OP(LinearScan), &back, x, dy, axis);
    ig_grad_set(g, 0,
                igi_emit_mul(g, ig_emit2(g, IG_OP(CumProd), &before, x, axis), rest));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0)),
    IG_SAVE_IN(1, IG_BIT(0)),
    {0},
};

static ig_status cum_prod_reference(ig_kernel_ctx *k)
{
    return igi_cumulate(k, true);
}

IG_OPERATOR(CumProd) = {
    IG_OP_HEAD,
    .name = "CumProd",
    .since = 26,
    .doc = "Running products along `axis`; integers wrap.",
    .inputs = igi_cum_inputs,
    .outputs = igi_cum_outputs,
    .types = igi_cum_types,
    .attrs = igi_cum_options,
    .attrs_size = sizeof(igi_cum_attrs),
    .infer = ig_infer_same,
    .gradient = cum_prod_gradient,
    .saves = saves,
    .reference = cum_prod_reference,
    .samples = igi_cum_samples,
};
