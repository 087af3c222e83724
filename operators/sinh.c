// Sinh: y = sinh(x).

#include "operators/common_unary.h"

IG_USES_OP(Cosh);

static ig_var slope(ig_grad *g)
{
    return ig_emit1(g, IG_OP(Cosh), NULL, ig_grad_in(g, 0));
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(sinh(a)))

static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    {0},
};

IG_OPERATOR(Sinh) = {
    IGI_UNARY_FIELDS("Sinh", 22, igi_save_x),
    .doc = "Hyperbolic sine, elementwise.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
};
