// Softsign: y = x / (1 + |x|); y' = (1 + |x|)^-2.

#include "operators/common_unary.h"

IG_USES_OP(Abs);

static ig_var slope(ig_grad *g)
{
    ig_var size = ig_emit1(g, IG_OP(Abs), NULL, ig_grad_in(g, 0));
    return igi_emit_reciprocal(g, igi_emit_square(g, igi_emit_plus(g, 1, size)));
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(a / (1 + fabs(a))))

static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NONZERO, 0),
    {0},
};

IG_OPERATOR(Softsign) = {
    IGI_UNARY_FIELDS("Softsign", 22, igi_save_x),
    .doc = "x / (1 + |x|), elementwise.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
};
