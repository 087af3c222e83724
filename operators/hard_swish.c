// HardSwish: y = x clip(x / 6 + 1/2, 0, 1). Its derivative is x / 3 + 1/2 from -3 to 3,
// both included, as PyTorch has it; 0 below and 1 above.

#include "operators/common.h"

IG_USES_OP(Abs);
IG_USES_OP(Add);
IG_USES_OP(Greater);
IG_USES_OP(Mul);
IG_USES_OP(Where);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};
static const double beyond[] = {-9, -4, -2.5, 2.5, 4, 9};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_UNIT, 0),
    {.name = "beyond_the_kinks",
     .n_in = 1,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(6), .data = beyond}}},
    {0},
};

static ig_status hard_swish_gradient(ig_grad *g)
{
    ig_var x = ig_grad_in(g, 0);
    ig_var outside = ig_emit2(g, IG_OP(Greater), NULL, ig_emit1(g, IG_OP(Abs), NULL, x),
                              igi_grad_const(g, 3));
    ig_var above = ig_emit2(g, IG_OP(Greater), NULL, x, igi_grad_const(g, 0));
    ig_var third = ig_emit2(g, IG_OP(Mul), NULL, x, igi_grad_const(g, 1.0 / 3.0));
    ig_var inner = ig_emit2(g, IG_OP(Add), NULL, third, igi_grad_const(g, 0.5));
    ig_var outer = igi_emit_masked(g, above, ig_grad_dy(g, 0));
    ig_var middle = ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), inner);
    ig_grad_set(g, 0, ig_emit3(g, IG_OP(Where), NULL, outside, outer, middle));
    return IG_OK;
}

static ig_status hard_swish_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(a * fmin(fmax(a / 6 + 0.5f, 0.0f), 1.0f)));
}

IG_OPERATOR(HardSwish) = {
    IG_OP_HEAD,
    .name = "HardSwish",
    .since = 22,
    .doc = "y = x clip(x / 6 + 1/2, 0, 1), elementwise.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = hard_swish_gradient,
    .saves = saves,
    .reference = hard_swish_reference,
    .samples = samples,
};
