/* MatMul: the matrix product with NumPy's rules: leading dims are batches and
 * broadcast, an operand of rank 1 is a row (A) or column (B) whose dim is dropped from
 * the result. */
#include "operators/common_gemm.h"
#include "operators/common_grad.h"
#include "operators/common_matmul.h"

IG_USES_OP(MatMul);
IG_USES_OP(Transpose);

static const ig_port inputs[] = {
    IG_PORT("A", 'T', "Left matrices [..., M, K] or [K]."),
    IG_PORT("B", 'T', "Right matrices [..., K, N] or [K]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Products [..., M, N], without M or N for an operand of rank 1."),
    {0},
};
static const ig_type_rule types[] = {{'T', IGI_SUMMABLE}, {0}};

static ig_status mat_mul_infer(ig_infer *x)
{
    return igi_mat_mul_infer(x, 0, 1);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(0, IG_BIT(1)),
    {0},
};

static ig_var swap_last_two(ig_grad *g, ig_var v)
{
    const ig_type *t = ig_grad_type(g, v);
    int64_t perm[IG_RANK_MAX];
    if (!t || t->rank < 2)
        return v;
    for (int i = 0; i < t->rank; i++)
        perm[i] = i;
    perm[t->rank - 2] = t->rank - 1;
    perm[t->rank - 1] = t->rank - 2;
    igi_transpose_attrs a = {sizeof(a), {t->rank, perm}};
    return ig_emit1(g, IG_OP(Transpose), &a, v);
}

/* Operands of rank 1 become matrices, then dA = dY B^T and dB = A^T dY; what a batch
 * broadcast is summed down by the engine. */
static ig_status mat_mul_gradient(ig_grad *g)
{
    const int64_t first[1] = {0}, second[1] = {-2}, last[1] = {-1};
    bool row = ig_grad_in_type(g, 0)->rank == 1,
         column = ig_grad_in_type(g, 1)->rank == 1;
    ig_var dy = ig_grad_dy(g, 0);
    if (column)
        dy = igi_emit_unsqueeze(g, dy, last, 1);
    if (row)
        dy = igi_emit_unsqueeze(g, dy, second, 1);
    if (ig_grad_wants(g, 0)) {
        ig_var b = ig_grad_in(g, 1);
        if (column)
            b = igi_emit_unsqueeze(g, b, last, 1);
        ig_var da = ig_emit2(g, IG_OP(MatMul), NULL, dy, swap_last_two(g, b));
        ig_grad_set(g, 0, row ? igi_emit_squeeze(g, da, second, 1) : da);
    }
    if (ig_grad_wants(g, 1)) {
        ig_var a = ig_grad_in(g, 0);
        if (row)
            a = igi_emit_unsqueeze(g, a, first, 1);
        ig_var db = ig_emit2(g, IG_OP(MatMul), NULL, swap_last_two(g, a), dy);
        ig_grad_set(g, 1, column ? igi_emit_squeeze(g, db, last, 1) : db);
    }
    return IG_OK;
}

typedef struct {
    igi_product p;
    void *y;
    int64_t at;
} mat_mul_call;

IGI_INLINE ig_status mat_mul_float(ig_dtype T, mat_mul_call *v)
{
    double acc[IGI_CHUNK];
    for (int64_t row = 0; row < v->p.m; row++) {
        for (int64_t col = 0; col < v->p.n; col += IGI_CHUNK) {
            int64_t n = igi_chunk_end(col, v->p.n) - col;
            IG_TRY(igi_product_float(T, &v->p, row, col, n, acc));
            for (int64_t j = 0; j < n; j++)
                igi_store(T, v->y, v->at + row * v->p.n + col + j, acc[j]);
        }
    }
    return IG_OK;
}

IGI_INLINE ig_status mat_mul_int(ig_dtype T, mat_mul_call *v)
{
    uint64_t acc[IGI_CHUNK];
    for (int64_t row = 0; row < v->p.m; row++) {
        for (int64_t col = 0; col < v->p.n; col += IGI_CHUNK) {
            int64_t n = igi_chunk_end(col, v->p.n) - col;
            IG_TRY(igi_product_int(T, &v->p, row, col, n, acc));
            for (int64_t j = 0; j < n; j++)
                igi_store_int(T, v->y, v->at + row * v->p.n + col + j, acc[j]);
        }
    }
    return IG_OK;
}

static ig_status mat_mul_one(ig_kernel_ctx *k, mat_mul_call *v, ig_dtype dtype)
{
    switch (dtype) {
        IGI_EACH_WIDE_INT(IG_TRY(mat_mul_int(T, v)))
    default:
        IGI_EACH_FLOAT(k, dtype, IG_TRY(mat_mul_float(T, v)));
    }
    return IG_OK;
}

static ig_status mat_mul_reference(ig_kernel_ctx *k)
{
    const ig_tensor *a = ig_in(k, 0), *b = ig_in(k, 1);
    ig_tensor *y = ig_out(k, 0);
    igi_mat_mul_shape s;
    igi_mat_mul_set(&s, a, b, y);
    mat_mul_call v = {
        .p = {.m = s.m, .n = s.n, .depth = s.depth, .pace = igi_pace_of(k)},
        .y = ig_data(y)};
    for (int64_t i = 0; i < s.items; i++) {
        IG_TRY(igi_pace_go(&v.p.pace, 1));
        v.p.a = (igi_matrix){ig_data(a),
                             igi_batch_offset(a, s.m * s.depth, ig_dims(y), s.batch, i),
                             s.depth, 1};
        v.p.b = (igi_matrix){ig_data(b),
                             igi_batch_offset(b, s.depth * s.n, ig_dims(y), s.batch, i),
                             s.n, 1};
        v.at = i * s.m * s.n;
        IG_TRY(mat_mul_one(k, &v, ig_dtype_of(a)));
    }
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "two_axes", IGI_INPUTS(IGI_IN(3, 4), IGI_IN(4, 2))},
    {.name = "batches", IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN(2, 4, 5))},
    {.name = "broadcast_batches", IGI_INPUTS(IGI_IN(2, 1, 2, 3), IGI_IN(4, 3, 2))},
    {.name = "shared_right", IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN(4, 2))},
    {.name = "shared_left", IGI_INPUTS(IGI_IN(2, 3), IGI_IN(2, 3, 4))},
    {.name = "vector_vector", IGI_INPUTS(IGI_IN(4), IGI_IN(4))},
    {.name = "vector_matrix", IGI_INPUTS(IGI_IN(3), IGI_IN(3, 2))},
    {.name = "vector_batches", IGI_INPUTS(IGI_IN(3), IGI_IN(2, 3, 2))},
    {.name = "matrix_vector", IGI_INPUTS(IGI_IN(2, 3), IGI_IN(3))},
    {.name = "batches_vector", IGI_INPUTS(IGI_IN(2, 2, 3), IGI_IN(3))},
    {.name = "empty_batch", IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN(3, 2))},
    {.name = "empty_sum", IGI_INPUTS(IGI_IN(2, 0), IGI_IN(0, 3))},
    {.name = "no_columns", IGI_INPUTS(IGI_IN(2, 3), IGI_IN(3, 0))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1), IGI_IN(1, 1))},
    {0},
};

IG_OPERATOR(MatMul) = {
    IG_OP_HEAD,
    .name = "MatMul",
    .since = 13,
    .doc = "Matrix product with the rules of numpy.matmul. Integers wrap around.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = mat_mul_infer,
    .gradient = mat_mul_gradient,
    .saves = saves,
    .reference = mat_mul_reference,
    .samples = samples,
};
