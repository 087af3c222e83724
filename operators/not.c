// Not: y = !x.

#include "operators/common.h"

static const ig_type_rule types[] = {{'T', IG_T(BOOL)}, {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_ZERO_ONE, 0), {0}};

static ig_status not_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_BOOL(!a));
}

IG_OPERATOR(Not) = {
    IG_OP_HEAD,
    .name = "Not",
    .since = 1,
    .doc = "Logical negation, elementwise.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = not_reference,
    .samples = samples,
};
