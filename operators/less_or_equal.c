// LessOrEqual: c = a <= b with NumPy broadcasting. No gradient: the result is bool.

#include "operators/common.h"

static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {'B', IG_T(BOOL)}, {0}};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_ZERO_ONE, IG_FILL_ZERO_ONE, 0), {0}};

static ig_status less_or_equal_reference(ig_kernel_ctx *k)
{
    IGI_COMPARE(k, IGI_CASES3_NUMERIC(a <= b));
}

IG_OPERATOR(LessOrEqual) = {
    IG_OP_HEAD,
    .name = "LessOrEqual",
    .since = 16,
    .doc = "a <= b, elementwise with broadcasting; false when either is NaN. No "
           "gradient: the result is bool.",
    .inputs = igi_binary_inputs,
    .outputs = igi_compare_outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .gradient = ig_gradient_none,
    .reference = less_or_equal_reference,
    .samples = samples,
};
