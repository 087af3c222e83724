/* MatMul, Gemm and ingot::Linear by cuBLASLt. */
#include "operators/common_act_kind.h"
#include "operators/common_fused.h"
#include "operators/gpu/cuda.h"
#include "operators/gpu/product.h"

typedef struct product_state {
    gpu_product p;
    gpu_lt *lt;
    bool ends;       /* bias, activation and a later residual follow in a kernel */
    size_t at_plain; /* scratch: the product before them; SIZE_MAX: it is the result */
} product_state;

static void unprepare(ig_kernel_ctx *k)
{
    product_state *s = k->state;
    if (!s)
        return;
    gpu_lt_free(s->lt);
    gpu_heap_free(s);
    k->state = NULL;
}

/* By an epilogue of the library if it has one that does it all, else by ours. */
static ig_status make(ig_kernel_ctx *k, product_state *s)
{
    const gpu_product *p = &s->p;
    int epilogue = gpu_product_epilogue(p->bias, p->act.kind);
    if (epilogue >= 0 && !p->act.after) {
        ig_status rc = gpu_lt_new(&s->lt, k, p, epilogue);
        if (rc != IG_UNSUPPORTED || epilogue == CUBLASLT_EPILOGUE_DEFAULT)
            return rc;
    }
    s->ends = true;
    return gpu_lt_new(&s->lt, k, p, CUBLASLT_EPILOGUE_DEFAULT);
}

static ig_status prepare(ig_kernel_ctx *k, const gpu_product *p)
{
    product_state *s = gpu_heap(1, sizeof(*s));
    if (!s)
        return ig_kernel_fail(k, IG_OUT_OF_MEMORY, "out of memory for its state");
    s->p = *p;
    s->at_plain = SIZE_MAX;
    k->state = s;
    ig_status rc = make(k, s);
    if (rc != IG_OK) {
        unprepare(k);
        return rc;
    }
    k->scratch_bytes = (gpu_lt_workspace(s->lt) + 255) & ~(size_t)255;
    if (s->ends && p->act.after) {
        s->at_plain = k->scratch_bytes;
        k->scratch_bytes += (size_t)(p->m * p->n) * (size_t)ig_dtype_bits(p->type) / 8;
    }
    return IG_OK;
}

/* `residual`: what is added behind the activation. */
static ig_status run(ig_kernel_ctx *k, gpu_lt_data *d, const void *residual)
{
    const product_state *s = k->state;
    const gpu_product *p = &s->p;
    void *y = d->y;
    d->workspace = k->scratch;
    if (s->at_plain != SIZE_MAX)
        d->y = k->scratch + s->at_plain;
    IG_TRY(gpu_lt_run(k, s->lt, d));
    if (!s->ends)
        return IG_OK;
    gpu_epilogue e = {.type = p->type,
                      .n = p->m * p->n,
                      .channels = p->n,
                      .inner = 1,
                      .v = d->y,
                      .bias = d->bias,
                      .residual = residual,
                      .y = y,
                      .act = p->act};
    return gpu_epilogue_run(k, &e);
}

/* ---- MatMul ---- */

static ig_status mat_mul_supports(const ig_kernel_ctx *k)
{
    gpu_product p;
    return gpu_product_of_matmul(&p, ig_in(k, 0), ig_in(k, 1), ig_out(k, 0));
}

static ig_status mat_mul_prepare(ig_kernel_ctx *k)
{
    gpu_product p;
    IG_TRY(gpu_product_of_matmul(&p, ig_in(k, 0), ig_in(k, 1), ig_out(k, 0)));
    return prepare(k, &p);
}

static ig_status mat_mul_run(ig_kernel_ctx *k)
{
    gpu_lt_data d = {.a = ig_data(ig_in(k, 0)),
                     .b = ig_data(ig_in(k, 1)),
                     .y = ig_data(ig_out(k, 0))};
    return run(k, &d, NULL);
}

/* ---- Gemm ---- */

typedef struct gemm_attrs { /* operators/gemm.c */
    uint32_t struct_size;
    float alpha, beta;
    int64_t transA, transB;
} gemm_attrs;

typedef enum gemm_c { NO_C, ROW_C, WHOLE_C, SPREAD_C } gemm_c;

/* What C is to the product: nothing, a bias, a matrix, or something to be spread over
 * the result before. */
static gemm_c kind_of_c(const ig_kernel_ctx *k, const gpu_product *p)
{
    const gemm_attrs *a = k->attrs;
    const ig_tensor *c = ig_in(k, 2);
    if (!c || a->beta == 0)
        return NO_C;
    int64_t n = ig_numel(c), last = ig_rank(c) ? ig_dims(c)[ig_rank(c) - 1] : 1;
    if (a->beta == 1 && n == p->n && last == p->n)
        return ROW_C;
    return n == p->m * p->n ? WHOLE_C : SPREAD_C;
}

static ig_status gemm_product(const ig_kernel_ctx *k, gpu_product *p)
{
    const gemm_attrs *a = k->attrs;
    const int64_t *y = ig_dims(ig_out(k, 0)), *x = ig_dims(ig_in(k, 0));
    *p = (gpu_product){.m = y[0],
                       .n = y[1],
                       .depth = x[a->transA ? 0 : 1],
                       .ld_y = y[1],
                       .batch = 1,
                       .type = ig_dtype_of(ig_in(k, 0)),
                       .type_y = ig_dtype_of(ig_in(k, 0)),
                       .alpha = a->alpha};
    p->a = (gpu_matrix){a->transA != 0, a->transA ? p->m : p->depth};
    p->b = (gpu_matrix){a->transB != 0, a->transB ? p->depth : p->n};
    gemm_c c = kind_of_c(k, p);
    p->bias = c == ROW_C;
    p->beta = c == WHOLE_C || c == SPREAD_C ? a->beta : 0;
    return gpu_product_check(p);
}

static ig_status gemm_supports(const ig_kernel_ctx *k)
{
    gpu_product p;
    return gemm_product(k, &p);
}

static ig_status gemm_prepare(ig_kernel_ctx *k)
{
    gpu_product p;
    IG_TRY(gemm_product(k, &p));
    return prepare(k, &p);
}

/* Y := C, broadcast. */
static ig_status spread(ig_kernel_ctx *k, const ig_tensor *c, ig_tensor *y)
{
    int64_t from[2], to[2] = {ig_dims(y)[1], 1};
    gpu_spread(c, ig_rank(c), 2, from);
    return gpu_move(k->queue, (size_t)ig_dtype_bits(ig_dtype_of(c)) / 8, 2, ig_dims(y),
                    ig_data(y), to, ig_data(c), from);
}

static ig_status gemm_run(ig_kernel_ctx *k)
{
    const product_state *s = k->state;
    const ig_tensor *c = ig_in(k, 2);
    ig_tensor *y = ig_out(k, 0);
    gpu_lt_data d = {
        .a = ig_data(ig_in(k, 0)), .b = ig_data(ig_in(k, 1)), .y = ig_data(y)};
    switch (kind_of_c(k, &s->p)) {
    case ROW_C:
        d.bias = ig_data(c);
        break;
    case WHOLE_C:
        d.c = ig_data(c);
        break;
    case SPREAD_C:
        IG_TRY(spread(k, c, y));
        d.c = d.y;
        break;
    default:
        break;
    }
    return run(k, &d, NULL);
}

/* ---- ingot::Linear ---- */

static ig_status linear_product(const ig_kernel_ctx *k, gpu_product *p)
{
    const igi_linear_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *y = ig_out(k, 0);
    if (ig_dtype_of(w) != ig_dtype_of(x))
        return ig_reject("weights of another type than the input");
    int64_t depth = ig_dims(x)[ig_rank(x) - 1], n = ig_dims(y)[ig_rank(y) - 1];
    *p = (gpu_product){.m = ig_numel(x) / (depth ? depth : 1),
                       .n = n,
                       .depth = depth,
                       .a = {false, depth},
                       .b = {a->trans_w != 0, a->trans_w ? depth : n},
                       .ld_y = n,
                       .batch = 1,
                       .type = ig_dtype_of(x),
                       .type_y = ig_dtype_of(x),
                       .alpha = a->alpha,
                       .bias = ig_in(k, 2) != NULL,
                       .act = {a->activation, a->act_a, a->act_b, false}};
    if (ig_in(k, 3)) {
        p->act.after = a->residual_after != 0;
        p->beta = p->act.after ? 0 : 1;
    }
    return gpu_product_check(p);
}

static ig_status linear_supports(const ig_kernel_ctx *k)
{
    gpu_product p;
    return linear_product(k, &p);
}

static ig_status linear_prepare(ig_kernel_ctx *k)
{
    gpu_product p;
    IG_TRY(linear_product(k, &p));
    return prepare(k, &p);
}

static ig_status linear_run(ig_kernel_ctx *k)
{
    const product_state *s = k->state;
    const ig_tensor *b = ig_in(k, 2), *r = ig_in(k, 3);
    const void *residual = r ? ig_data(r) : NULL;
    gpu_lt_data d = {.a = ig_data(ig_in(k, 0)),
                     .b = ig_data(ig_in(k, 1)),
                     .c = residual,
                     .bias = b ? ig_data(b) : NULL,
                     .y = ig_data(ig_out(k, 0))};
    return run(k, &d, s->p.act.after ? residual : NULL);
}

#define ROW(op_, needs_, name_)                                                        \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "cublaslt", .types = IG_FLOATS,             \
                        .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY | (needs_),        \
                        .supports = name_##_supports, .prepare = name_##_prepare,      \
                        .run = name_##_run, .unprepare = unprepare                     \
    }

GPU_TABLE(products) = {
    ROW("MatMul", IG_KERNEL_STRIDED, mat_mul),
    ROW("MatMul", IG_NEED_CONTIGUOUS, mat_mul), /* copies of what has odd strides */
    ROW("Gemm", IG_NEED_CONTIGUOUS, gemm),
    ROW("ingot::Linear", IG_NEED_CONTIGUOUS, linear),
    {0},
};
