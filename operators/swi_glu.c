// SwiGLU: y = a sigmoid(alpha a) b, a gate that multiplies a value (Shazeer 2020).
// Provisional: of ONNX's opset 28, which is not released. Level 2 writes it as Swish
// and Mul, which have fast kernels.

#include "operators/common_unary.h"

IG_USES_OP(Sigmoid);
IG_USES_OP(Swish);

static const ig_port inputs[] = {
    IG_PORT("A", 'T', "Gate."),
    IG_PORT("B", 'T', "Value, of the same shape: nothing is broadcast."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Shape of A and B.", .alias = IG_MAY_ALIAS(0, 1)), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(igi_alpha_attrs, alpha, 1, "Steepness of the sigmoid."),
    {0},
};

static ig_status glu_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    const ig_type *a = x->in[0], *b = x->in[1];
    if (a->rank != b->rank)
        return ig_infer_fail(x, "A and B must have one shape");
    for (int i = 0; i < a->rank; i++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(a)[i], ig_type_dims(b)[i],
                              "dims of A and B", &dims[i]));
    return ig_infer_set(x, 0, a->rank, dims);
}

static ig_status glu_reference(ig_kernel_ctx *k)
{
    const double alpha = (double)((const igi_alpha_attrs *)k->attrs)->alpha;
    IGI_BINARY(k,
               IGI_CASES2_FLOAT((double)a / (1 + exp(-alpha * (double)a)) * (double)b));
}

// da = dy b (s + alpha a s (1 - s)), s = sigmoid(alpha a); db = dy Swish(a).
static ig_status glu_gradient(ig_grad *g)
{
    const double alpha = (double)((const igi_alpha_attrs *)ig_grad_attrs(g))->alpha;
    ig_var dy = ig_grad_dy(g, 0), a = ig_grad_in(g, 0);
    if (ig_grad_wants(g, 0)) {
        ig_var scaled = igi_emit_scale(g, a, alpha),
               s = ig_emit1(g, IG_OP(Sigmoid), NULL, scaled),
               bend = igi_emit_mul(g, s, igi_emit_minus(g, 1, s)),
               slope = igi_emit_add(g, s, igi_emit_mul(g, scaled, bend));
        ig_grad_set(g, 0,
                    igi_emit_mul(g, igi_emit_mul(g, dy, ig_grad_in(g, 1)), slope));
    }
    if (ig_grad_wants(g, 1))
        ig_grad_set(
            g, 1, igi_emit_mul(g, dy, ig_emit1(g, IG_OP(Swish), ig_grad_attrs(g), a)));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0) | IG_BIT(1)), IG_SAVE_IN(1, IG_BIT(0)), {0}};

static const igi_alpha_attrs steep = {sizeof(steep), 1.7f};
static const ig_sample samples[] = {
    {.name = "matrix", IGI_INPUTS(IGI_IN(3, 5), IGI_IN(3, 5))},
    {.name = "steep", .attrs = &steep, IGI_INPUTS(IGI_IN(2, 1, 3), IGI_IN(2, 1, 3))},
    {.name = "scalar", IGI_INPUTS(IGI_IN_SCALAR, IGI_IN_SCALAR)},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1), IGI_IN(1, 1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0), IGI_IN(2, 0))},
    {0},
};

IG_OPERATOR(SwiGLU) = {
    IG_OP_HEAD,
    .name = "SwiGLU",
    .since = 28,
    .doc = "y = A / (1 + e^(-alpha A)) B, elementwise; ONNX's opset 28 is provisional.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_alpha_attrs),
    .flags = IG_OP_STRIDED,
    .infer = glu_infer,
    .gradient = glu_gradient,
    .saves = saves,
    .reference = glu_reference,
    .samples = samples,
};
