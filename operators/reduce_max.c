// ReduceMax: maxima over axes. NaN wins over everything; the maximum of nothing is
// -inf, or the smallest integer, or false.

#include "operators/common_reduce.h"

static ig_status reduce_max_reference(ig_kernel_ctx *k)
{
    return igi_reduce_extremum(k, false);
}

IG_OPERATOR(ReduceMax) = {
    IG_OP_HEAD,
    .name = "ReduceMax",
    .since = 20,
    .doc = "Maxima over `axes`; equal ones share the gradient evenly.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = igi_extremum_types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = igi_reduce_extremum_gradient,
    .saves = igi_reduce_saves_all,
    .reference = reduce_max_reference,
    .samples = igi_reduce_samples,
};
