// Gelu: y = x P(X <= x) for a normal X, or its tanh approximation
// y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks, Gimpel 2016).

#include "operators/common.h"
#include "operators/common_act.h"

IG_USES_OP(GeluGrad);

static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(igi_gelu_attrs, approximate, 0, igi_gelu_names, "Exact, or by tanh."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};
static const igi_gelu_attrs tanh_sample = {sizeof(igi_gelu_attrs), 1};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    IGI_SAMPLE_1("tanh", &tanh_sample, IG_FILL_NORMAL, 0, IG_SHAPE_IN(3, 4)),
    {0},
};

static ig_status gelu_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(GeluGrad), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 0)));
    return IG_OK;
}

static ig_status gelu_reference(ig_kernel_ctx *k)
{
    const int64_t act = ((const igi_gelu_attrs *)k->attrs)->approximate == 1
                            ? IGI_ACT_GELU_TANH
                            : IGI_ACT_GELU_ERF;
    IGI_UNARY(k, IGI_CASES_FLOAT(igi_act(act, 0, 0, a)));
}

IG_OPERATOR(Gelu) = {
    IG_OP_HEAD,
    .name = "Gelu",
    .since = 20,
    .doc = "y = x/2 (1 + erf(x / sqrt 2)), or the tanh approximation of it.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_gelu_attrs),
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = gelu_gradient,
    .saves = saves,
    .reference = gelu_reference,
    .samples = samples,
};
