// LeakyRelu: y = x where x >= 0, alpha x below. Its derivative at 0 is alpha, the left
// one.

#include "operators/common.h"

IG_USES_OP(ReluGrad);

static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(igi_slope_attrs, alpha, 0.01, "Slope below 0."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};
static const igi_slope_attrs steep = {sizeof(igi_slope_attrs), 0.3f};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NONZERO, 0),
    IGI_SAMPLE_1("alpha", &steep, IG_FILL_NONZERO, 0, IG_SHAPE_IN(3, 4)),
    {0},
};

static ig_status leaky_relu_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(ReluGrad), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 0)));
    return IG_OK;
}

static ig_status leaky_relu_reference(ig_kernel_ctx *k)
{
    const float alpha = ((const igi_slope_attrs *)k->attrs)->alpha;
    IGI_UNARY(k, IGI_CASES_FLOAT(a < 0 ? alpha * a : a));
}

IG_OPERATOR(LeakyRelu) = {
    IG_OP_HEAD,
    .name = "LeakyRelu",
    .since = 16,
    .doc = "y = x where x >= 0, alpha x below. Its derivative at 0 is alpha.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_slope_attrs),
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = leaky_relu_gradient,
    .saves = saves,
    .reference = leaky_relu_reference,
    .samples = samples,
};
