// Acosh: y = arcosh(x); y' = (x^2 - 1)^-1/2. NaN below 1.

#include "operators/common_unary.h"

static ig_var slope(ig_grad *g)
{
    return igi_emit_rsqrt(g,
                          igi_emit_plus(g, -1, igi_emit_square(g, ig_grad_in(g, 0))));
}
IGI_UNARY_PARTS(slope(g), IGI_CASES_FLOAT(acosh(a)))

#define ABOVE_ONE                                                                      \
    .data = (const double[])                                                           \
    {                                                                                  \
        1.25, 1.5, 2, 3.5, 100, 8                                                      \
    }
static const ig_sample samples[] = {
    {.name = "matrix", IGI_INPUTS({IG_SHAPE_IN(2, 3), ABOVE_ONE})},
    {.name = "rank_4", IGI_INPUTS({IG_SHAPE_IN(1, 3, 2, 1), ABOVE_ONE})},
    {.name = "scalar", IGI_INPUTS({.rank = 0, ABOVE_ONE})},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0))},
    {.name = "outside",
     .no_gradient = true,
     IGI_INPUTS({IG_SHAPE_IN(3), .data = (const double[]){1, 0.5, -2}})},
    {0},
};

IG_OPERATOR(Acosh) = {
    IGI_UNARY_FIELDS("Acosh", 22, igi_save_x),
    .doc = "Inverse hyperbolic cosine, elementwise; NaN below 1.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
};
