/* ingot::Linear: y = act(alpha * x w + b + residual) over the rows of x[..., K]; made
 * by the optimiser from MatMul or Gemm with a constant matrix and what follows it. */
#include "operators/common_linear.h"

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Rows [..., K]."),
    IG_PORT("w", 'W', "Weights [K, N], or [N, K] with trans_w; any float type."),
    IG_PORT("b", 'T', "Bias [N].", .flags = IG_OPTIONAL),
    IG_PORT("residual", 'T', "Added to the result; shape of y.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "Rows [..., N].", .alias = IG_MAY_ALIAS(3)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'W', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_linear_attrs, trans_w, 0, "1: w is [N, K].", .min = 0, .max = 1),
    IG_ATTR_FLOAT(igi_linear_attrs, alpha, 1, "Factor of the product."),
    IGI_ACT_ATTRS(igi_linear_attrs),
    {0},
};

static ig_status linear_infer(ig_infer *x)
{
    const igi_linear_attrs *a = x->attrs;
    return igi_linear_infer(x, a->trans_w != 0);
}

typedef struct {
    igi_product p; /* x w */
    igi_linear l;
    ig_dtype w;
    double alpha;
} linear_call;

/* igi_product_float for weights of another type. */
IGI_INLINE ig_status mixed_product(
    ig_dtype T, linear_call *v, int64_t row, int64_t col, int64_t n, double *acc)
{
    const igi_matrix *a = &v->p.a, *b = &v->p.b;
    for (int64_t j = 0; j < n; j++) {
        IG_TRY(igi_pace_go(&v->p.pace, v->p.depth));
        acc[j] = 0;
        for (int64_t k = 0; k < v->p.depth; k++)
            acc[j] += igi_load(T, a->data, row * a->rs + k) *
                      igi_load(v->w, b->data, k * b->rs + (col + j) * b->cs);
    }
    return IG_OK;
}

IGI_INLINE ig_status linear_rows(ig_dtype T, linear_call *v)
{
    double acc[IGI_CHUNK];
    for (int64_t row = 0; row < v->l.m; row++) {
        for (int64_t col = 0; col < v->l.n; col += IGI_CHUNK) {
            int64_t n = igi_chunk_end(col, v->l.n) - col;
            if (v->w == T)
                IG_TRY(igi_product_float(T, &v->p, row, col, n, acc));
            else
                IG_TRY(mixed_product(T, v, row, col, n, acc));
            for (int64_t j = 0; j < n; j++)
                acc[j] *= v->alpha;
            igi_linear_store(T, &v->l, row, col, n, acc);
        }
    }
    return IG_OK;
}

static ig_status linear_reference(ig_kernel_ctx *k)
{
    const igi_linear_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1);
    linear_call v = {.w = ig_dtype_of(w), .alpha = (double)a->alpha};
    igi_linear_set(&v.l, k);
    v.l.activation = a->activation;
    v.l.act_a = (double)a->act_a;
    v.l.act_b = (double)a->act_b;
    v.l.residual_after = a->residual_after != 0;
    v.p = (igi_product){
        .a = {ig_data(x), 0, v.l.depth, 1},
        .b = {ig_data(w), 0, a->trans_w ? 1 : v.l.n, a->trans_w ? v.l.depth : 1},
        .m = v.l.m,
        .n = v.l.n,
        .depth = v.l.depth,
        .pace = igi_pace_of(k)};
    IGI_EACH_FLOAT(k, ig_dtype_of(x), IG_TRY(linear_rows(T, &v)));
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_linear_attrs)
static const igi_linear_attrs relu = {HEAD, .alpha = 1, .activation = IGI_ACT_RELU};
static const igi_linear_attrs gelu = {HEAD, .trans_w = 1, .alpha = 0.5f,
                                      .activation = IGI_ACT_GELU_ERF};
static const igi_linear_attrs silu_after = {
    HEAD, .alpha = 1, .activation = IGI_ACT_SILU, .residual_after = 1};

static const ig_sample samples[] = {
    {.name = "plain", IGI_INPUTS(IGI_IN(2, 3), IGI_IN(3, 4)), .no_gradient = true},
    {.name = "bias_relu",
     .attrs = &relu,
     IGI_INPUTS(IGI_IN(2, 2, 3), IGI_IN(3, 4), IGI_IN(4)),
     .no_gradient = true},
    {.name = "transposed_gelu",
     .attrs = &gelu,
     IGI_INPUTS(IGI_IN(3, 5), IGI_IN(2, 5), IGI_IN(2)),
     .no_gradient = true},
    {.name = "residual_after_silu",
     .attrs = &silu_after,
     IGI_INPUTS(IGI_IN(2, 3), IGI_IN(3, 2), {.rank = -1}, IGI_IN(2, 2)),
     .no_gradient = true},
    {.name = "half_weights",
     IGI_INPUTS(IGI_IN(3, 5), {IG_SHAPE_IN(5, 4), .dtype = IG_FLOAT16}, IGI_IN(4)),
     .types = IG_T(FLOAT32) | IG_T(BFLOAT16),
     .no_gradient = true},
    {.name = "bfloat16_weights",
     .attrs = &gelu,
     IGI_INPUTS(IGI_IN(2, 35), {IG_SHAPE_IN(70, 35), .dtype = IG_BFLOAT16}),
     .types = IG_T(FLOAT32) | IG_T(FLOAT64),
     .no_gradient = true},
    {.name = "bfloat16_weights_of_one_row", /* transposed and not: the same memory */
     .attrs = &gelu,
     IGI_INPUTS(IGI_IN(2, 1), {IG_SHAPE_IN(70, 1), .dtype = IG_BFLOAT16}),
     .types = IG_T(FLOAT32),
     .no_gradient = true},
    {.name = "wide_weights",
     IGI_INPUTS(IGI_IN(3, 5), {IG_SHAPE_IN(5, 4), .dtype = IG_FLOAT64}, IGI_IN(4)),
     .types = IG_T(FLOAT32),
     .no_gradient = true},
    {.name = "size_one",
     IGI_INPUTS(IGI_IN(1, 1), IGI_IN(1, 1), IGI_IN(1)),
     .no_gradient = true},
    {.name = "one_row",
     IGI_INPUTS(IGI_IN(3), IGI_IN(3, 2), IGI_IN(2)),
     .no_gradient = true},
    {.name = "empty_batch",
     IGI_INPUTS(IGI_IN(0, 3), IGI_IN(3, 2), IGI_IN(2)),
     .no_gradient = true},
    {0},
};

IG_OPERATOR(Linear) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "Linear",
    .since = 1,
    .doc = "y = act(alpha * x w + b + residual), or act(alpha * x w + b) + residual. "
           "Internal: the optimiser makes it after gradients are taken.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_linear_attrs),
    .infer = linear_infer,
    .gradient = ig_gradient_forbidden,
    .reference = linear_reference,
    .samples = samples,
};
