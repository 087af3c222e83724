// Floor: y = the greatest integer <= x. Its derivative is 0 wherever there is one.

#include "operators/common_unary.h"

static ig_status reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(floor(a)));
}

static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    {.name = "halves_and_large",
     .n_in = 1,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(8),
                                   .data = (const double[]){0.5, 1.5, 2.5, -0.5, -1.5,
                                                            2048, -0.25, 3}}}},
    {0},
};

IG_OPERATOR(Floor) = {
    IG_OP_HEAD,
    .name = "Floor",
    .since = 13,
    .doc = "Greatest integer not above x, elementwise. The gradient is 0.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = igi_float_types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = ig_gradient_none,
    .reference = reference,
    .samples = samples,
};
