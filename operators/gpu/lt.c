/* Products by cuBLASLt.
 *
 * cuBLASLt stores matrices by columns; a matrix stored by rows is its transpose stored
 * by columns. So y = a b is asked for as y^T = b^T a^T: the operands change places, m
 * and n too, and a bias along our rows is one along its columns, as the library has it.
 *
 * The heuristics are asked once a shape, for addresses aligned to 16 bytes and for
 * addresses aligned to one element; a run takes what fits its addresses. */
#include "operators/gpu/cuda.h"
#include "operators/gpu/product.h"

/* What H100 kernels use at most. */
#define WORKSPACE ((size_t)32 << 20)

struct gpu_lt {
    gpu_product p;
    cublasLtMatmulDesc_t op;
    cublasLtMatrixLayout_t a, b, y;
    cublasLtMatmulAlgo_t tight, loose; /* by alignment of the addresses */
    bool has_tight;
    bool bias;
    size_t workspace;
    size_t element, element_y;
};

static cudaDataType_t type_of(ig_dtype t)
{
    switch (t) {
    case IG_FLOAT64:
        return CUDA_R_64F;
    case IG_FLOAT16:
        return CUDA_R_16F;
    case IG_BFLOAT16:
        return CUDA_R_16BF;
    default:
        return CUDA_R_32F;
    }
}

static cublasComputeType_t compute_of(const ig_kernel_ctx *k, ig_dtype t)
{
    if (t == IG_FLOAT64)
        return CUBLAS_COMPUTE_64F;
    if (t == IG_FLOAT32 && k->flags & IG_RUN_TF32)
        return CUBLAS_COMPUTE_32F_FAST_TF32;
    return CUBLAS_COMPUTE_32F;
}

/* ---- description ---- */

static cublasStatus_t layout(cublasLtMatrixLayout_t *out,
                             const gpu_product *p,
                             ig_dtype type,
                             int64_t rows,
                             int64_t cols,
                             int64_t ld,
                             int64_t step)
{
    const int32_t batch = (int32_t)p->batch;
    cublasStatus_t s = cublasLtMatrixLayoutCreate(out, type_of(type), (uint64_t)rows,
                                                  (uint64_t)cols, ld);
    if (s == CUBLAS_STATUS_SUCCESS)
        s = cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                             &batch, sizeof(batch));
    if (s == CUBLAS_STATUS_SUCCESS)
        s = cublasLtMatrixLayoutSetAttribute(
            *out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof(step));
    return s;
}

/* A matrix stored by rows, in the library's terms. */
static cublasStatus_t layout_of(cublasLtMatrixLayout_t *out,
                                const gpu_product *p,
                                const gpu_matrix *m,
                                int64_t rows,
                                int64_t cols,
                                int64_t step)
{
    return m->transposed ? layout(out, p, p->type, rows, cols, m->ld, step)
                         : layout(out, p, p->type, cols, rows, m->ld, step);
}

static cublasStatus_t
set(gpu_lt *l, cublasLtMatmulDescAttributes_t name, const void *value, size_t size)
{
    return cublasLtMatmulDescSetAttribute(l->op, name, value, size);
}

static cublasStatus_t describe(gpu_lt *l, const ig_kernel_ctx *k, int epilogue)
{
    const gpu_product *p = &l->p;
    const cudaDataType_t scale = p->type == IG_FLOAT64 ? CUDA_R_64F : CUDA_R_32F;
    const cublasOperation_t first = p->b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                            second = p->a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasLtEpilogue_t how = (cublasLtEpilogue_t)epilogue;
    const void *const aligned = (const void *)(uintptr_t)4096;
    cublasStatus_t s = cublasLtMatmulDescCreate(&l->op, compute_of(k, p->type), scale);
    if (s == CUBLAS_STATUS_SUCCESS)
        s = set(l, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof(first));
    if (s == CUBLAS_STATUS_SUCCESS)
        s = set(l, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof(second));
    if (s == CUBLAS_STATUS_SUCCESS)
        s = set(l, CUBLASLT_MATMUL_DESC_EPILOGUE, &how, sizeof(how));
    if (s == CUBLAS_STATUS_SUCCESS && l->bias) /* not read: the heuristics look at it */
        s = set(l, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &aligned, sizeof(aligned));
    if (s == CUBLAS_STATUS_SUCCESS)
        s = layout_of(&l->b, p, &p->b, p->depth, p->n, p->step_b);
    if (s == CUBLAS_STATUS_SUCCESS)
        s = layout_of(&l->a, p, &p->a, p->m, p->depth, p->step_a);
    if (s == CUBLAS_STATUS_SUCCESS)
        s = layout(&l->y, p, p->type_y, p->n, p->m, p->ld_y, p->step_y);
    return s;
}

/* ---- choosing ---- */

/* Partial sums stay in the computing type. */
static cublasStatus_t
preference(cublasLtMatmulPreference_t *out, size_t workspace, uint32_t alignment)
{
    static const cublasLtMatmulPreferenceAttributes_t alignments[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
    };
    const uint32_t sums = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    cublasStatus_t s = cublasLtMatmulPreferenceCreate(out);
    if (s == CUBLAS_STATUS_SUCCESS)
        s = cublasLtMatmulPreferenceSetAttribute(
            *out, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
            sizeof(workspace));
    if (s == CUBLAS_STATUS_SUCCESS)
        s = cublasLtMatmulPreferenceSetAttribute(
            *out, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &sums, sizeof(sums));
    for (int i = 0; i < 4 && s == CUBLAS_STATUS_SUCCESS; i++)
        s = cublasLtMatmulPreferenceSetAttribute(*out, alignments[i], &alignment,
                                                 sizeof(alignment));
    return s;
}

static cublasStatus_t choose(gpu_lt *l,
                             cublasLtHandle_t handle,
                             uint32_t alignment,
                             cublasLtMatmulAlgo_t *out)
{
    cublasLtMatmulPreference_t how = NULL;
    cublasLtMatmulHeuristicResult_t found;
    int n = 0;
    cublasStatus_t s = preference(&how, WORKSPACE, alignment);
    if (s == CUBLAS_STATUS_SUCCESS)
        s = cublasLtMatmulAlgoGetHeuristic(handle, l->op, l->b, l->a, l->y, l->y, how,
                                           1, &found, &n);
    if (how)
        (void)cublasLtMatmulPreferenceDestroy(how);
    if (s == CUBLAS_STATUS_SUCCESS && n == 0)
        s = CUBLAS_STATUS_NOT_SUPPORTED;
    if (s != CUBLAS_STATUS_SUCCESS)
        return s;
    *out = found.algo;
    if (found.workspaceSize > l->workspace)
        l->workspace = found.workspaceSize;
    return found.state;
}

/* Each item of a batch begins where the alignment says, too. */
static bool steps_aligned(const gpu_lt *l)
{
    const gpu_product *p = &l->p;
    int64_t all = p->step_a | p->step_b | p->step_y;
    for (int i = 0; i < p->outer; i++)
        all |= p->outer_a[i] | p->outer_b[i] | p->outer_y[i];
    return (size_t)all * l->element % 16 == 0;
}

ig_status
gpu_lt_new(gpu_lt **out, const ig_kernel_ctx *k, const gpu_product *p, int epilogue)
{
    cublasLtHandle_t handle = gpu_blaslt(k);
    *out = NULL;
    if (!handle)
        return ig_error_status();
    gpu_lt *l = gpu_heap(1, sizeof(*l));
    if (!l)
        return ig_kernel_fail(k, IG_OUT_OF_MEMORY, "out of memory for its state");
    l->p = *p;
    l->element = (size_t)ig_dtype_bits(p->type) / 8;
    l->element_y = (size_t)ig_dtype_bits(p->type_y) / 8;
    l->bias = p->bias && epilogue != CUBLASLT_EPILOGUE_DEFAULT;
    cublasStatus_t s = describe(l, k, epilogue);
    if (s == CUBLAS_STATUS_SUCCESS)
        s = choose(l, handle, (uint32_t)l->element, &l->loose);
    if (s == CUBLAS_STATUS_SUCCESS && steps_aligned(l))
        l->has_tight = choose(l, handle, 16, &l->tight) == CUBLAS_STATUS_SUCCESS;
    if (s == CUBLAS_STATUS_SUCCESS) {
        *out = l;
        return IG_OK;
    }
    gpu_lt_free(l);
    if (s == CUBLAS_STATUS_INVALID_VALUE) /* types, epilogue and strides in conflict */
        s = CUBLAS_STATUS_NOT_SUPPORTED;
    return gpu_blas_status(k, s, "cuBLASLt has no algorithm for it");
}

void gpu_lt_free(gpu_lt *l)
{
    if (!l)
        return;
    if (l->a)
        (void)cublasLtMatrixLayoutDestroy(l->a);
    if (l->b)
        (void)cublasLtMatrixLayoutDestroy(l->b);
    if (l->y)
        (void)cublasLtMatrixLayoutDestroy(l->y);
    if (l->op)
        (void)cublasLtMatmulDescDestroy(l->op);
    gpu_heap_free(l);
}

/* The workspace, and behind it room for a bias that lies at an odd address. */
static size_t bias_at(const gpu_lt *l)
{
    return (l->workspace + 255) & ~(size_t)255;
}

size_t gpu_lt_workspace(const gpu_lt *l)
{
    return bias_at(l) + (l->bias ? (size_t)l->p.n * l->element : 0);
}

/* ---- running ---- */

static ig_status
set_bias(const ig_kernel_ctx *k, gpu_lt *l, const void *bias, void *workspace)
{
    const gpu_queue *q = k->queue;
    if ((uintptr_t)bias % 16) {
        void *copy = (char *)workspace + bias_at(l);
        IG_TRY(gpu_cuda_status(k,
                               cudaMemcpyAsync(copy, bias, (size_t)l->p.n * l->element,
                                               cudaMemcpyDeviceToDevice, q->stream),
                               "copying the bias"));
        bias = copy;
    }
    return gpu_blas_status(
        k, set(l, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof(bias)), "cuBLASLt");
}

typedef struct place { /* offsets of one call, in elements */
    int64_t a, b, y;
} place;

static place place_of(const gpu_product *p, int64_t call)
{
    place at = {0, 0, 0};
    for (int i = p->outer - 1; i >= 0; i--) {
        int64_t index = call % p->outer_dim[i];
        call /= p->outer_dim[i];
        at.a += index * p->outer_a[i];
        at.b += index * p->outer_b[i];
        at.y += index * p->outer_y[i];
    }
    return at;
}

static const void *shift(const void *p, int64_t elements, size_t element)
{
    return (const char *)p + elements * (int64_t)element;
}

ig_status gpu_lt_run(const ig_kernel_ctx *k, gpu_lt *l, const gpu_lt_data *d)
{
    const gpu_product *p = &l->p;
    const gpu_queue *q = k->queue;
    const double alpha64 = (double)p->alpha, beta64 = (double)p->beta;
    bool wide = p->type == IG_FLOAT64;
    const void *alpha = wide ? (const void *)&alpha64 : &p->alpha;
    const void *beta = wide ? (const void *)&beta64 : &p->beta;
    const void *c = p->beta != 0 ? d->c : d->y;
    uintptr_t all = (uintptr_t)d->a | (uintptr_t)d->b | (uintptr_t)c | (uintptr_t)d->y;
    bool tight = l->has_tight && all % 16 == 0;
    cublasLtHandle_t handle = gpu_blaslt(k);
    int64_t calls = 1;
    if (!handle)
        return ig_error_status();
    if (l->bias)
        IG_TRY(set_bias(k, l, d->bias, d->workspace));
    for (int i = 0; i < p->outer; i++)
        calls *= p->outer_dim[i];
    for (int64_t i = 0; i < calls; i++) {
        place at = place_of(p, i);
        IG_TRY(gpu_blas_status(
            k,
            cublasLtMatmul(
                handle, l->op, alpha, shift(d->b, at.b, l->element), l->b,
                shift(d->a, at.a, l->element), l->a, beta, shift(c, at.y, l->element_y),
                l->y, (void *)(uintptr_t)shift(d->y, at.y, l->element_y), l->y,
                tight ? &l->tight : &l->loose, d->workspace, l->workspace, q->stream),
            "cuBLASLt"));
    }
    return IG_OK;
}
