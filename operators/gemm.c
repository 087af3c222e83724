/* Gemm: Y = alpha * A' * B' + beta * C, A' and B' transposed on request, C broadcast to
 * Y. Integers: exact modulo 2^width when alpha and beta are integers; else computed in
 * double and truncated. */
#include "operators/common_gemm.h"
#include "operators/common_grad.h"

IG_USES_OP(Gemm);

static const ig_port inputs[] = {
    IG_PORT("A", 'T', "[M, K], or [K, M] with transA."),
    IG_PORT("B", 'T', "[K, N], or [N, K] with transB."),
    IG_PORT(
        "C", 'T', "Added to the product; broadcasts to [M, N].", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "[M, N]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IGI_SUMMABLE}, {0}};

typedef struct {
    uint32_t struct_size;
    float alpha, beta;
    int64_t transA, transB;
} gemm_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(gemm_attrs, alpha, 1, "Factor of the product."),
    IG_ATTR_FLOAT(gemm_attrs, beta, 1, "Factor of C."),
    IG_ATTR_INT(gemm_attrs, transA, 0, "Not 0: A is given transposed."),
    IG_ATTR_INT(gemm_attrs, transB, 0, "Not 0: B is given transposed."),
    {0},
};

static ig_status gemm_infer(ig_infer *x)
{
    const gemm_attrs *o = x->attrs;
    if (x->in[0]->rank != 2 || x->in[1]->rank != 2)
        return ig_infer_fail(x, "A and B must have rank 2");
    const int64_t *a = ig_type_dims(x->in[0]), *b = ig_type_dims(x->in[1]);
    int ta = o->transA != 0, tb = o->transB != 0;
    int64_t dims[2] = {a[ta], b[!tb]};
    IG_TRY(ig_infer_equal(x, a[!ta], b[tb], "the inner dims of A and B", NULL));
    const ig_type *c = x->n_in > 2 ? x->in[2] : NULL;
    if (c && c->rank > 2)
        return ig_infer_fail(x, "C must have at most rank 2");
    for (int i = 0; c && i < c->rank; i++) {
        int64_t to = dims[2 - c->rank + i], have = ig_type_dims(c)[i];
        if (have >= 0 && to >= 0 && have != 1 && have != to)
            return ig_infer_fail(x, "C does not broadcast to the shape of the product");
    }
    return ig_infer_set(x, 0, 2, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(0, IG_BIT(1)),
    {0},
};

/* P = alpha A' B': dA' = alpha dY B'^T and dB' = alpha A'^T dY, each one Gemm again. */
static ig_status gemm_gradient(ig_grad *g)
{
    const gemm_attrs *o = ig_grad_attrs(g);
    ig_var dy = ig_grad_dy(g, 0);
    bool ta = o->transA != 0, tb = o->transB != 0;
    gemm_attrs d = {.struct_size = sizeof(d), .alpha = o->alpha, .beta = 1};
    if (ig_grad_wants(g, 0)) {
        ig_var b = ig_grad_in(g, 1);
        d.transA = ta && tb;
        d.transB = ta || !tb;
        ig_grad_set(g, 0, ig_emit2(g, IG_OP(Gemm), &d, ta ? b : dy, ta ? dy : b));
    }
    if (ig_grad_wants(g, 1)) {
        ig_var a = ig_grad_in(g, 0);
        d.transA = tb || !ta;
        d.transB = tb && ta;
        ig_grad_set(g, 1, ig_emit2(g, IG_OP(Gemm), &d, tb ? dy : a, tb ? a : dy));
    }
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, igi_emit_scale(g, dy, (double)o->beta));
    return IG_OK;
}

typedef struct {
    igi_product p;
    igi_matrix c; /* strides 0 where broadcast; data NULL: absent */
    double alpha, beta;
    void *y;
} gemm_call;

IGI_INLINE ig_status gemm_float(ig_dtype T, gemm_call *v)
{
    double acc[IGI_CHUNK];
    for (int64_t row = 0; row < v->p.m; row++) {
        for (int64_t col = 0; col < v->p.n; col += IGI_CHUNK) {
            int64_t n = igi_chunk_end(col, v->p.n) - col;
            IG_TRY(igi_product_float(T, &v->p, row, col, n, acc));
            for (int64_t j = 0; j < n; j++) {
                double y = v->alpha * acc[j];
                if (v->c.data)
                    y += v->beta *
                         igi_load(T, v->c.data, row * v->c.rs + (col + j) * v->c.cs);
                igi_store(T, v->y, row * v->p.n + col + j, y);
            }
        }
    }
    return IG_OK;
}

IGI_INLINE double int_value(ig_dtype T, uint64_t v)
{
    return T == IG_UINT64 || T == IG_UINT32 ? (double)v : (double)(int64_t)v;
}

/* One element: acc is the product's, c that of C. */
IGI_INLINE uint64_t gemm_int_value(ig_dtype T,
                                   const gemm_call *v,
                                   uint64_t acc,
                                   uint64_t c)
{
    bool exact = v->alpha == trunc(v->alpha) && v->beta == trunc(v->beta);
    if (exact && fabs(v->alpha) < 0x1p62 && fabs(v->beta) < 0x1p62)
        return (uint64_t)(int64_t)v->alpha * acc + (uint64_t)(int64_t)v->beta * c;
    double y = v->alpha * int_value(T, acc) + v->beta * int_value(T, c);
    return T == IG_UINT64 || T == IG_UINT32 ? igi_f64_to_u64(y)
                                            : (uint64_t)igi_f64_to_i64(y);
}

IGI_INLINE ig_status gemm_int(ig_dtype T, gemm_call *v)
{
    uint64_t acc[IGI_CHUNK];
    for (int64_t row = 0; row < v->p.m; row++) {
        for (int64_t col = 0; col < v->p.n; col += IGI_CHUNK) {
            int64_t n = igi_chunk_end(col, v->p.n) - col;
            IG_TRY(igi_product_int(T, &v->p, row, col, n, acc));
            for (int64_t j = 0; j < n; j++) {
                int64_t at = row * v->c.rs + (col + j) * v->c.cs;
                uint64_t c = v->c.data ? igi_load_int(T, v->c.data, at) : 0;
                igi_store_int(T, v->y, row * v->p.n + col + j,
                              gemm_int_value(T, v, acc[j], c));
            }
        }
    }
    return IG_OK;
}

static igi_matrix matrix_of(const ig_tensor *t, bool transposed)
{
    int64_t cols = ig_dims(t)[1];
    return (igi_matrix){ig_data(t), 0, transposed ? 1 : cols, transposed ? cols : 1};
}

static ig_status gemm_reference(ig_kernel_ctx *k)
{
    const gemm_attrs *o = k->attrs;
    const ig_tensor *a = ig_in(k, 0), *b = ig_in(k, 1), *c = ig_in(k, 2);
    ig_tensor *y = ig_out(k, 0);
    gemm_call v = {.p.a = matrix_of(a, o->transA != 0),
                   .p.b = matrix_of(b, o->transB != 0),
                   .p.m = ig_dims(y)[0],
                   .p.n = ig_dims(y)[1],
                   .p.depth = ig_dims(a)[o->transA ? 0 : 1],
                   .p.pace = igi_pace_of(k),
                   .alpha = (double)o->alpha,
                   .beta = (double)o->beta,
                   .y = ig_data(y)};
    if (c &&
        (o->beta < 0 || o->beta > 0)) { // times 0 it is not read, whatever it holds
        int64_t strides[2];
        igi_broadcast_strides(c, 2, ig_dims(y), strides);
        v.c = (igi_matrix){ig_data(c), 0, strides[0], strides[1]};
    }
    switch (ig_dtype_of(a)) {
        IGI_EACH_WIDE_INT(IG_TRY(gemm_int(T, &v)))
    default:
        IGI_EACH_FLOAT(k, ig_dtype_of(a), IG_TRY(gemm_float(T, &v)));
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(gemm_attrs)
static const gemm_attrs scaled = {HEAD, .alpha = 0.5f, .beta = 2};
static const gemm_attrs trans_a = {HEAD, .alpha = 1, .beta = 1, .transA = 1};
static const gemm_attrs trans_b = {HEAD, .alpha = 2, .beta = 1, .transB = 1};
static const gemm_attrs trans_both = {HEAD, .alpha = 1, .beta = 0.25f, .transA = 1,
                                      .transB = 1};

static const ig_sample samples[] = {
    {.name = "plain", IGI_INPUTS(IGI_IN(2, 3), IGI_IN(3, 4), IGI_IN(2, 4))},
    {.name = "no_c", IGI_INPUTS(IGI_IN(2, 3), IGI_IN(3, 4))},
    {.name = "scaled_row",
     .attrs = &scaled,
     IGI_INPUTS(IGI_IN(2, 3), IGI_IN(3, 4), IGI_IN(4))},
    {.name = "trans_a_column",
     .attrs = &trans_a,
     IGI_INPUTS(IGI_IN(3, 2), IGI_IN(3, 4), IGI_IN(2, 1))},
    {.name = "trans_b_row",
     .attrs = &trans_b,
     IGI_INPUTS(IGI_IN(2, 3), IGI_IN(4, 3), IGI_IN(1, 4))},
    {.name = "trans_both_scalar",
     .attrs = &trans_both,
     IGI_INPUTS(IGI_IN(3, 2), IGI_IN(4, 3), {.rank = 0})},
    {.name = "empty_batch", IGI_INPUTS(IGI_IN(0, 3), IGI_IN(3, 4), IGI_IN(4))},
    {.name = "empty_sum", IGI_INPUTS(IGI_IN(2, 0), IGI_IN(0, 3), IGI_IN(3))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1), IGI_IN(1, 1), IGI_IN(1))},
    {0},
};

IG_OPERATOR(Gemm) = {
    IG_OP_HEAD,
    .name = "Gemm",
    .since = 13,
    .doc = "Y = alpha * A' * B' + beta * C with optional transposes; C broadcasts to "
           "[M, N].",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(gemm_attrs),
    .infer = gemm_infer,
    .gradient = gemm_gradient,
    .saves = saves,
    .reference = gemm_reference,
    .samples = samples,
};
