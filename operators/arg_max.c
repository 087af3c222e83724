// ArgMax: where along an axis the maximum is. NaN counts as the maximum; of equal ones
// the first is taken, or the last.

#include "operators/common_arg.h"

static ig_status arg_max_reference(ig_kernel_ctx *k)
{
    return igi_arg_search(k, false);
}

IG_OPERATOR(ArgMax) = {
    IG_OP_HEAD,
    .name = "ArgMax",
    .since = 13,
    .doc = "The index of the maximum along `axis`.",
    .inputs = igi_arg_inputs,
    .outputs = igi_arg_outputs,
    .types = igi_arg_types,
    .attrs = igi_arg_options,
    .attrs_size = sizeof(igi_arg_attrs),
    .infer = igi_arg_infer,
    .gradient = ig_gradient_none,
    .reference = arg_max_reference,
    .samples = igi_arg_samples,
};
