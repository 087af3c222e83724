// Neg: y = -x. The smallest signed integer stays itself (two's complement).

#include "operators/common.h"

IG_USES_OP(Neg);

static const ig_type_rule types[] = {{'T', IG_FLOATS | IG_INT_SIGNED}, {0}};
static const ig_sample samples[] = {IGI_SAMPLES_UNARY(NULL, IG_FILL_NORMAL, 0), {0}};

static int neg_values(ig_infer *x, int64_t *out, int cap)
{
    int n = ig_infer_ints(x, 0, out, cap);
    for (int i = 0; i < n; i++) // a negated symbol is no size
        out[i] = ig_dim_is_symbol(out[i]) ? ig_int_fresh(x->syms) : -out[i];
    return n < 0 ? IG_INTS_UNKNOWN : n;
}

static ig_status neg_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, ig_emit1(g, IG_OP(Neg), NULL, ig_grad_dy(g, 0)));
    return IG_OK;
}

static ig_status neg_reference(ig_kernel_ctx *k)
{
    IGI_UNARY(k, IGI_CASES_FLOAT(-a) IGI_CASES_SIGNED(igi_wrap_sub(0, a)));
}

IG_OPERATOR(Neg) = {
    IG_OP_HEAD,
    .name = "Neg",
    .since = 13,
    .doc = "y = -x, elementwise; the smallest integer maps to itself.",
    .inputs = igi_unary_x,
    .outputs = igi_unary_y,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_same,
    .values = neg_values,
    .gradient = neg_gradient,
    .reference = neg_reference,
    .samples = samples,
};
