// BitwiseOr: c = a | b, bit by bit, with NumPy broadcasting. No gradient: integers have
// none.

#include "operators/common.h"

static const ig_type_rule types[] = {{'T', IG_INTEGERS}, {0}};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_NORMAL, IG_FILL_NORMAL, 0), {0}};

static ig_status bitwise_or_reference(ig_kernel_ctx *k)
{
    IGI_BINARY(k, IGI_CASES2_SIGNED(a | b) IGI_CASES2_UNSIGNED(a | b));
}

IG_OPERATOR(BitwiseOr) = {
    IG_OP_HEAD,
    .name = "BitwiseOr",
    .since = 18,
    .doc =
        "a | b, bit by bit, elementwise with broadcasting. No gradient: integers have "
        "none.",
    .inputs = igi_binary_inputs,
    .outputs = igi_binary_outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED | IG_OP_COMMUTATIVE,
    .infer = ig_infer_broadcast,
    .gradient = ig_gradient_none,
    .reference = bitwise_or_reference,
    .samples = samples,
};
