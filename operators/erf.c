// Erf: error function, y = 2 / sqrt(pi) * integral of e^(-t^2) over 0..x. Integers give
// its whole part.

#include "operators/common.h"

IG_USES_OP(Exp);
IG_USES_OP(Mul);
IG_USES_OP(Neg);

static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0), {0}};

static ig_status erf_gradient(ig_grad *g)
{
    // dy 2 / sqrt(pi) e^(-x^2)
    ig_var x = ig_grad_in(g, 0);
    ig_var square = ig_emit1(g, IG_OP(Neg), NULL, ig_emit2(g, IG_OP(Mul), NULL, x, x));
    ig_var bell = ig_emit1(g, IG_OP(Exp), NULL, square);
    ig_var scaled =
        ig_emit2(g, IG_OP(Mul), NULL, bell, igi_grad_const(g, 1.1283791670955126));
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), scaled));
    return IG_OK;
}

static ig_status erf_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(erf(a)) IGI_CASES_SIGNED((int64_t)erf((double)a))
                     IGI_CASES_UNSIGNED((uint64_t)erf((double)a)));
}

IG_OPERATOR(Erf) = {
    IG_OP_HEAD,
    .name = "Erf",
    .since = 13,
    .doc = "Error function, elementwise.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = erf_gradient,
    .saves = saves,
    .reference = erf_reference,
    .samples = samples,
};
