// CumSum: running sums along an axis.
//
// Gradient: dy summed the other way round.

#include "operators/common_scan.h"

IG_USES_OP(CumSum);

static ig_status cum_sum_gradient(ig_grad *g)
{
    igi_cum_attrs back = *(const igi_cum_attrs *)ig_grad_attrs(g);
    back.reverse = !back.reverse;
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(CumSum), &back, ig_grad_dy(g, 0), ig_grad_in(g, 1)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status cum_sum_reference(ig_kernel_ctx *k)
{
    return igi_cumulate(k, false);
}

IG_OPERATOR(CumSum) = {
    IG_OP_HEAD,
    .name = "CumSum",
    .since = 14,
    .doc = "Running sums along `axis`; integers wrap.",
    .inputs = igi_cum_inputs,
    .outputs = igi_cum_outputs,
    .types = igi_cum_types,
    .attrs = igi_cum_options,
    .attrs_size = sizeof(igi_cum_attrs),
    .infer = ig_infer_same,
    .gradient = cum_sum_gradient,
    .saves = saves,
    .reference = cum_sum_reference,
    .samples = igi_cum_samples,
};
