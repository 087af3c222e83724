// GeluGrad: dx = dy g'(x), g being Gelu, in one pass instead of ten emitted ones.
//
// With the normal density f and distribution F: exact  g' = F + x f,  g'' = f (2 -
// x^2); by tanh, with u = c (x + d x^3) and t = tanh u:
//   g'  = (1 + t) / 2 + x/2 (1 - t^2) u'
//   g'' = (1 - t^2) u' + x/2 (1 - t^2) (u'' - 2 t u'^2)
// The gradient for x emits g'' from elementary operators, so higher orders follow by
// themselves.

#include "operators/common.h"

IG_USES_OP(Add);
IG_USES_OP(Clip);
IG_USES_OP(Exp);
IG_USES_OP(GeluGrad);
IG_USES_OP(Mul);
IG_USES_OP(Sub);
IG_USES_OP(Tanh);

#define GELU_C 0.7978845608028654 // sqrt(2 / pi)
#define GELU_D 0.044715

static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(igi_gelu_attrs, approximate, 0, igi_gelu_names, "As Gelu's."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of the output."),
    IG_PORT("x", 'T', "Input of Gelu."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Gradient of the input.", .alias = IG_MAY_ALIAS(0, 1)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(1)),
    {0},
};
static const igi_gelu_attrs tanh_sample = {sizeof(igi_gelu_attrs), 1};
static const ig_sample samples[] = {
    IGI_SAMPLES_BINARY(NULL, IG_FILL_NORMAL, IG_FILL_NORMAL, 0),
    IGI_SAMPLE_2("tanh",
                 &tanh_sample,
                 IG_FILL_NORMAL,
                 IG_FILL_NORMAL,
                 0,
                 (IG_SHAPE_IN(3, 4)),
                 (IG_SHAPE_IN(3, 4))),
    {0},
};

static ig_var mul(ig_grad *g, ig_var a, ig_var b)
{
    return ig_emit2(g, IG_OP(Mul), NULL, a, b);
}

static ig_var add(ig_grad *g, ig_var a, ig_var b)
{
    return ig_emit2(g, IG_OP(Add), NULL, a, b);
}

static ig_var sub(ig_grad *g, ig_var a, ig_var b)
{
    return ig_emit2(g, IG_OP(Sub), NULL, a, b);
}

// x within [-far, far]: beyond, g'' is 0 in every type, where squares of x may overflow
// and 0 times infinity is no number.
static ig_var within(ig_grad *g, ig_var x, double far)
{
    return ig_emit3(g, IG_OP(Clip), NULL, x, igi_grad_const(g, -far),
                    igi_grad_const(g, far));
}

// f(x) (2 - x^2)
static ig_var curve_exact(ig_grad *g, ig_var x)
{
    x = within(g, x, 40); // exp(-800) is 0 in float64
    ig_var xx = mul(g, x, x);
    ig_var bell = ig_emit1(g, IG_OP(Exp), NULL, mul(g, xx, igi_grad_const(g, -0.5)));
    ig_var f = mul(g, bell, igi_grad_const(g, 0.3989422804014327)); // 1 / sqrt(2 pi)
    return mul(g, f, sub(g, igi_grad_const(g, 2), xx));
}

static ig_var curve_tanh(ig_grad *g, ig_var x)
{
    x = within(g, x, 16); // tanh(159) is 1, and u'^2 fits float16
    ig_var one = igi_grad_const(g, 1), xx = mul(g, x, x);
    ig_var inner = add(g, one, mul(g, xx, igi_grad_const(g, GELU_D)));
    ig_var u = mul(g, mul(g, x, inner), igi_grad_const(g, GELU_C));
    ig_var slope = add(g, one, mul(g, xx, igi_grad_const(g, 3 * GELU_D)));
    ig_var u1 = mul(g, slope, igi_grad_const(g, GELU_C));
    ig_var u2 = mul(g, x, igi_grad_const(g, 6 * GELU_C * GELU_D));
    ig_var t = ig_emit1(g, IG_OP(Tanh), NULL, u);
    ig_var rest = sub(g, one, mul(g, t, t));
    ig_var bend = sub(g, u2, mul(g, mul(g, t, mul(g, u1, u1)), igi_grad_const(g, 2)));
    ig_var half = mul(g, mul(g, x, igi_grad_const(g, 0.5)), bend);
    return mul(g, rest, add(g, u1, half));
}

static ig_status gelu_grad_gradient(ig_grad *g)
{
    const igi_gelu_attrs *a = ig_grad_attrs(g);
    ig_var seed = ig_grad_dy(g, 0), x = ig_grad_in(g, 1);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, ig_emit2(g, IG_OP(GeluGrad), a, seed, x));
    if (ig_grad_wants(g, 1)) {
        ig_var curve = a->approximate == 1 ? curve_tanh(g, x) : curve_exact(g, x);
        ig_grad_set(g, 1, mul(g, mul(g, seed, ig_grad_in(g, 0)), curve));
    }
    return IG_OK;
}

static double slope_of(double x, bool by_tanh)
{
    if (!by_tanh)
        return 0.5 * erfc(-x * 0.7071067811865476) +
               x * 0.3989422804014327 * exp(-0.5 * x * x);
    double t = tanh(GELU_C * (x + GELU_D * x * x * x));
    double u1 = GELU_C * (1 + 3 * GELU_D * x * x);
    // 1 - t^2 is 0 far out, where x u1 may overflow: 0 is the limit of their product.
    double rest = 1 - t * t;
    return 0.5 * (1 + t) + (rest == 0 ? 0 : 0.5 * x * rest * u1);
}

static ig_status gelu_grad_reference(ig_kernel_ctx *k)
{
    const bool by_tanh = ((const igi_gelu_attrs *)k->attrs)->approximate == 1;
    IGI_BINARY(k, IGI_CASES2_FLOAT(a * slope_of(b, by_tanh)));
}

IG_OPERATOR(GeluGrad) = {
    IG_OP_HEAD,
    .name = "GeluGrad",
    .domain = "ingot",
    .since = 1,
    .doc = "dx = dy times the derivative of Gelu at x.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_gelu_attrs),
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .gradient = gelu_grad_gradient,
    .saves = saves,
    .reference = gelu_grad_reference,
    .samples = samples,
};
