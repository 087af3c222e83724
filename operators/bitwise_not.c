// BitwiseNot: y = ~x. No gradient: integers have none.

#include "operators/common.h"

static const ig_type_rule types[] = {{'T', IG_INTEGERS}, {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0), {0}};

static ig_status bitwise_not_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_SIGNED(~a) IGI_CASES_UNSIGNED(~a));
}

IG_OPERATOR(BitwiseNot) = {
    IG_OP_HEAD,
    .name = "BitwiseNot",
    .since = 18,
    .doc = "Every bit inverted, elementwise. No gradient: integers have none.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = bitwise_not_reference,
    .samples = samples,
};
