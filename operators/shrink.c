// Shrink: y = x + bias where x < -lambd, x - bias where x > lambd, else 0.
//
// lambd and bias are first cast to the type of x, as ONNX's function body does: for
// integers both lose their fraction.

#include "operators/common_unary.h"

IG_USES_OP(Or);

typedef struct shrink_attrs {
    uint32_t struct_size;
    float bias, lambd;
} shrink_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(shrink_attrs, bias, 0, "What is taken off the size of x."),
    IG_ATTR_FLOAT(shrink_attrs, lambd, 0.5, "Threshold of the size of x."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};

static ig_var slope(ig_grad *g)
{
    double lambd = (double)((const shrink_attrs *)ig_grad_attrs(g))->lambd;
    ig_var x = ig_grad_in(g, 0);
    ig_var outside = ig_emit2(g, IG_OP(Or), NULL, igi_emit_below(g, x, -lambd),
                              igi_emit_above(g, x, lambd));
    return igi_emit_masked(g, outside, igi_grad_const(g, 1));
}

static ig_status gradient(ig_grad *g)
{
    ig_grad_set(g, 0, igi_emit_mul(g, ig_grad_dy(g, 0), slope(g)));
    return IG_OK;
}

static ig_status reference(ig_kernel_ctx *k)
{
    const shrink_attrs *o = k->attrs;
    const float l = o->lambd, s = o->bias;
    const int64_t li = igi_f64_to_i64((double)l), si = igi_f64_to_i64((double)s);
    IGI_UNARY(k, IGI_CASES_FLOAT(a < -l  ? a + s
                                 : a > l ? a - s
                                         : 0)
                     IGI_CASES_SIGNED(a < igi_wrap_sub(0, li) ? igi_wrap_add(a, si)
                                      : a > li                ? igi_wrap_sub(a, si)
                                                              : 0)
                         IGI_CASES_UNSIGNED(
                             li < 0 || a > (uint64_t)li ? a - (uint64_t)si : 0));
}

static const shrink_attrs hard = {sizeof(shrink_attrs), 1.5f, 1.25f};
static const ig_sample samples[] = {
    IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0),
    IGI_SAMPLE_1("bias_lambd", &hard, IG_FILL_NORMAL, 0, IG_SHAPE_IN(5, 7)),
    {0},
};

IG_OPERATOR(Shrink) = {
    IG_OP_HEAD,
    .name = "Shrink",
    .since = 9,
    .doc = "x + bias where x < -lambd, x - bias where x > lambd, else 0, elementwise.",
    .inputs = igi_unary_input,
    .outputs = igi_unary_output,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(shrink_attrs),
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .gradient = gradient,
    .saves = igi_save_x,
    .reference = reference,
    .samples = samples,
};
