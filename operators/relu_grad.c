// ReluGrad: dx = dy where x > 0, alpha dy elsewhere (at 0 too).
//
// The derivative of Relu (alpha 0; its output serves as x as well) and LeakyRelu in one
// pass. It is linear in dy, so it is its own gradient; x only selects and gets none.

#include "operators/common.h"

IG_USES_OP(ReluGrad);

static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(igi_slope_attrs, alpha, 0.0, "Slope where x <= 0."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of the output."),
    IG_PORT("x", 'T', "Input (or, for alpha 0, output) of Relu.", .flags = IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Gradient of the input.", .alias = IG_MAY_ALIAS(0, 1)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};
static const igi_slope_attrs leaky = {sizeof(igi_slope_attrs), 0.1f};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_NORMAL, IG_FILL_NONZERO, 0),
    IGI_SAMPLE_2("leaky",
                 &leaky,
                 IG_FILL_NORMAL,
                 IG_FILL_NONZERO,
                 0,
                 (IG_SHAPE_IN(3, 4)),
                 (IG_SHAPE_IN(3, 4))),
    {0},
};

static ig_status relu_grad_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(ReluGrad), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1)));
    return IG_OK;
}

static ig_status relu_grad_reference(ig_kernel_ctx *k)
{
    const float alpha = ((const igi_slope_attrs *)k->attrs)->alpha;
    // Not alpha * a for alpha 0: an infinite gradient must not become NaN.
    IGI_BINARY(k, IGI_CASES2_FLOAT(b <= 0 ? (alpha == 0 ? 0 : alpha * a) : a));
}

IG_OPERATOR(ReluGrad) = {
    IG_OP_HEAD,
    .name = "ReluGrad",
    .domain = "ingot",
    .since = 1,
    .doc =
        "dx = dy where x > 0, alpha dy elsewhere: the gradient of Relu and LeakyRelu.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_slope_attrs),
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .gradient = relu_grad_gradient,
    .saves = saves,
    .reference = relu_grad_reference,
    .samples = samples,
};
