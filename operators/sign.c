// Sign: -1, 0 or 1. Its derivative is 0 wherever it has one: none is declared.

#include "operators/common.h"

static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NONZERO, 0), {0}};

static ig_status sign_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(a > 0   ? 1
                                 : a < 0 ? -1
                                         : a) IGI_CASES_SIGNED((a > 0) - (a < 0))
                     IGI_CASES_UNSIGNED(a > 0));
}

IG_OPERATOR(Sign) = {
    IG_OP_HEAD,
    .name = "Sign",
    .since = 13,
    .doc = "-1, 0 or 1 by the sign of x, elementwise; NaN for NaN. No gradient: it is "
           "constant between jumps.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = sign_reference,
    .samples = samples,
};
