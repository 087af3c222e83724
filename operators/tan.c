// Tan: y = tan(x), x in radians; y' = 1 + y^2.

#include "operators/common_unary.h"

static ig_var slope(ig_grad *g)
{
    return igi_emit_plus(g, 1, igi_emit_square(g, ig_grad_out(g, 0)));
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(tan(a)))

static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_UNIT, 0),
    {0},
};

IG_OPERATOR(Tan) = {
    IGI_UNARY_FIELDS("Tan", 22, igi_save_y),
    .doc = "Tangent of radians, elementwise.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
};
