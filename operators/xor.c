// Xor: c = a != b of bools, with NumPy broadcasting. No gradient: bool has none.

#include "operators/common.h"

static const ig_type_rule types[] = {{'T', IG_T(BOOL)}, {0}};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_ZERO_ONE, IG_FILL_ZERO_ONE, 0), {0}};

static ig_status xor_reference(ig_kernel_ctx *k)
{
    IGI_BINARY(k, IGI_CASES2_BOOL((a != 0) != (b != 0)));
}

IG_OPERATOR(Xor) = {
    IG_OP_HEAD,
    .name = "Xor",
    .since = 7,
    .doc = "Exactly one of both, elementwise with broadcasting. No gradient: bool has "
           "none.",
    .inputs = igi_binary_inputs,
    .outputs = igi_binary_outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED | IG_OP_COMMUTATIVE,
    .infer = ig_infer_broadcast,
    .gradient = ig_gradient_none,
    .reference = xor_reference,
    .samples = samples,
};
