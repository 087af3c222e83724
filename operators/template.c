// SquarePlus: y = (x + sqrt(x^2 + b)) / 2, a smooth Relu (Barron 2021).
//
// This file is a template: copy it, and docs/ADDING_AN_OPERATOR.md. It is compiled and
// tested, but part of no library. First lines say what is computed, in a formula, and
// what is worth knowing about it.

#include "operators/common.h" // <ingot/plugin.h>, typed loops, samples

// Operators that the gradient emits.
IG_USES_OP(Add);
IG_USES_OP(Div);
IG_USES_OP(Mul);
IG_USES_OP(Sqrt);

// Attributes: a plain struct that begins with its size, and a row for each member.
typedef struct {
    uint32_t struct_size;
    float b;
} square_plus_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(square_plus_attrs, b, 4, "Size of the bend around 0; positive."),
    {0},
};

// Ports: name, type variable, text. Flags say what is special (<ingot/plugin.h>). The
// output may take the memory of input 0 when nobody else reads it.
static const ig_port inputs[] = {IG_PORT("x", 'T', "Input tensor."), {0}};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "Same shape as x.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

// What the gradient reads of the forward call: input 0, for the gradient of input 0.
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};

// Inputs for the suite: the usual shapes (empty and size 1 among them), and what is
// special here.
static const square_plus_attrs sharp = {sizeof(square_plus_attrs), 0.25f};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    IGI_SAMPLE_1("sharp", &sharp, IG_FILL_NORMAL, 0, IG_SHAPE_IN(3, 4)),
    {0},
};

// dx = dy (1 + x / sqrt(x^2 + b)) / 2, made of operators, so that it can be traced,
// exported and differentiated again. No call needs a check: the first failure sticks.
static ig_status square_plus_gradient(ig_grad *g)
{
    const square_plus_attrs *a = ig_grad_attrs(g);
    ig_var x = ig_grad_in(g, 0);
    ig_var square = ig_emit2(g, IG_OP(Mul), NULL, x, x);
    ig_var sum = ig_emit2(g, IG_OP(Add), NULL, square, igi_grad_const(g, (double)a->b));
    ig_var root = ig_emit1(g, IG_OP(Sqrt), NULL, sum);
    ig_var ratio = ig_emit2(g, IG_OP(Div), NULL, x, root);
    ig_var slope = ig_emit2(g, IG_OP(Add), NULL, ratio, igi_grad_const(g, 1));
    ig_var half = ig_emit2(g, IG_OP(Mul), NULL, slope, igi_grad_const(g, 0.5));
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), half));
    return IG_OK;
}

// The specification: right for every type above. `a` is the element, in float or
// double.
static ig_status square_plus_reference(ig_kernel_ctx *k)
{
    const float b = ((const square_plus_attrs *)k->attrs)->b;
    IGI_UNARY(k, IGI_CASES_FLOAT((a + sqrt(a * a + b)) / 2));
}

IG_OPERATOR(SquarePlus) = {
    IG_OP_HEAD,
    .domain = "example", // ONNX's own operators have none
    .name = "SquarePlus",
    .since = 1, // the opset in which this meaning began
    .doc = "y = (x + sqrt(x^2 + b)) / 2, elementwise: a smooth Relu.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(square_plus_attrs),
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED, // any strides: IGI_UNARY walks them
    .infer = ig_infer_same,
    .gradient = square_plus_gradient,
    .saves = saves,
    .reference = square_plus_reference,
    .samples = samples,
};
