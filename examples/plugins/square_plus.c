/* A plugin with one operator: y = (x + sqrt(x^2 + b)) / 2, a smooth Relu (Barron 2021).
 *
 *     cc -shared -fPIC $(pkg-config --cflags ingot) square_plus.c -o square_plus.so -lm
 *     ingot check-plugin ./square_plus.so
 *     ingot run --plugin ./square_plus.so model.onnx
 *
 * The same file builds as a part of Ingot. */
#include <ingot/plugin.h>

#include <math.h>

IG_PLUGIN("acme", 1);

IG_USES_OP(Add); /* what the gradient emits */
IG_USES_OP(Div);
IG_USES_OP(Mul);
IG_USES_OP(Sqrt);

typedef struct square_plus_attrs {
    uint32_t struct_size;
    float b;
} square_plus_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(square_plus_attrs, b, 4, "Size of the bend around 0; positive."),
    {0}};
static const ig_port inputs[] = {IG_PORT("x", 'T', "Input tensor."), {0}};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "Same shape as x.", .alias = IG_MAY_ALIAS(0)), {0}};
static const ig_type_rule types[] = {{'T', IG_T(FLOAT32) | IG_T(FLOAT64)}, {0}};
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};

/* dx = dy (1 + x / sqrt(x^2 + b)) / 2 */
static ig_status square_plus_gradient(ig_grad *g)
{
    const square_plus_attrs *a = ig_grad_attrs(g);
    ig_dtype type = (ig_dtype)ig_grad_in_type(g, 0)->dtype;
    ig_var x = ig_grad_in(g, 0);
    ig_var square = ig_emit2(g, IG_OP(Mul), NULL, x, x);
    ig_var sum =
        ig_emit2(g, IG_OP(Add), NULL, square, ig_grad_scalar(g, type, (double)a->b));
    ig_var ratio =
        ig_emit2(g, IG_OP(Div), NULL, x, ig_emit1(g, IG_OP(Sqrt), NULL, sum));
    ig_var slope = ig_emit2(g, IG_OP(Add), NULL, ratio, ig_grad_scalar(g, type, 1));
    ig_var half = ig_emit2(g, IG_OP(Mul), NULL, slope, ig_grad_scalar(g, type, 0.5));
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, ig_grad_dy(g, 0), half));
    return IG_OK;
}

static ig_status square_plus_reference(ig_kernel_ctx *k)
{
    const float b = ((const square_plus_attrs *)k->attrs)->b;
    const void *x = ig_data(ig_in(k, 0));
    void *y = ig_data(ig_out(k, 0));
    int64_t n = ig_numel(ig_in(k, 0));
    if (ig_dtype_of(ig_in(k, 0)) == IG_FLOAT64)
        for (int64_t i = 0; i < n; i++) {
            double v = ((const double *)x)[i];
            ((double *)y)[i] = (v + sqrt(v * v + (double)b)) / 2;
        }
    else
        for (int64_t i = 0; i < n; i++) {
            float v = ((const float *)x)[i];
            ((float *)y)[i] = (v + sqrtf(v * v + b)) / 2;
        }
    return IG_OK;
}

/* What check-plugin tries, in every type. */
static const square_plus_attrs sharp = {sizeof(square_plus_attrs), 0.25f};
static const ig_sample samples[] = {
    {.name = "matrix", .n_in = 1, .in = (const ig_sample_in[]){{IG_SHAPE_IN(3, 4)}}},
    {.name = "sharp",
     .attrs = &sharp,
     .n_in = 1,
     .in = (const ig_sample_in[]){{IG_SHAPE_IN(1, 5)}}},
    {.name = "empty", .n_in = 1, .in = (const ig_sample_in[]){{IG_SHAPE_IN(0, 2)}}},
    {0}};

IG_OPERATOR(SquarePlus) = {
    IG_OP_HEAD,
    .domain = "acme",
    .name = "SquarePlus",
    .since = 1,
    .doc = "y = (x + sqrt(x^2 + b)) / 2, elementwise: a smooth Relu.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(square_plus_attrs),
    .flags = IG_OP_ELEMENTWISE,
    .infer = ig_infer_same,
    .gradient = square_plus_gradient,
    .saves = saves,
    .reference = square_plus_reference,
    .samples = samples,
};
IG_PLUGIN_OPS(SquarePlus);
