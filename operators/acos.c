// Acos: y = arccos(x); y' = -(1 - x^2)^-1/2. NaN outside [-1, 1].

#include "operators/common_unary.h"

IG_USES_OP(Neg);

static ig_var slope(ig_grad *g)
{
    ig_var root = igi_emit_minus(g, 1, igi_emit_square(g, ig_grad_in(g, 0)));
    return ig_emit1(g, IG_OP(Neg), NULL, igi_emit_rsqrt(g, root));
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(acos(a)))

static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_UNIT, 0),
    {0},
};

IG_OPERATOR(Acos) = {
    IGI_UNARY_FIELDS("Acos", 22, igi_save_x),
    .doc = "Inverse cosine in radians, elementwise; NaN outside [-1, 1].",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
};
