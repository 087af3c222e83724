// Cos: y = cos(x), x in radians.

#include "operators/common_unary.h"

IG_USES_OP(Neg);
IG_USES_OP(Sin);

static ig_var slope(ig_grad *g)
{
    return ig_emit1(g, IG_OP(Neg), NULL,
                    ig_emit1(g, IG_OP(Sin), NULL, ig_grad_in(g, 0)));
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(cos(a)))

static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    {0},
};

IG_OPERATOR(Cos) = {
    IGI_UNARY_FIELDS("Cos", 22, igi_save_x),
    .doc = "Cosine of radians, elementwise.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
};
