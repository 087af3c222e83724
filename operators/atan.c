// Atan: y = arctan(x); y' = 1 / (1 + x^2).

#include "operators/common_unary.h"

static ig_var slope(ig_grad *g)
{
    return igi_emit_reciprocal(
        g, igi_emit_plus(g, 1, igi_emit_square(g, ig_grad_in(g, 0))));
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(atan(a)))

static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    {0},
};

IG_OPERATOR(Atan) = {
    IGI_UNARY_FIELDS("Atan", 22, igi_save_x),
    .doc = "Inverse tangent in radians, elementwise.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
};
