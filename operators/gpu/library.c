/* Handles and errors of cuBLASLt and cuDNN. */
#include "operators/gpu/library.h"

#include <pthread.h>
#include <stdio.h>

static ig_status blas_code(cublasStatus_t s)
{
    switch (s) {
    case CUBLAS_STATUS_SUCCESS:
        return IG_OK;
    case CUBLAS_STATUS_ALLOC_FAILED:
        return IG_OUT_OF_MEMORY;
    case CUBLAS_STATUS_NOT_SUPPORTED:
    case CUBLAS_STATUS_ARCH_MISMATCH:
        return IG_UNSUPPORTED;
    default:
        return IG_DEVICE;
    }
}

static ig_status dnn_code(cudnnStatus_t s)
{
    if (s == CUDNN_STATUS_SUCCESS)
        return IG_OK;
    if (s == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
        s == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)
        return IG_OUT_OF_MEMORY;
    return s >= 3000 && s < 4000 ? IG_UNSUPPORTED : IG_DEVICE; /* NOT_SUPPORTED... */
}

static ig_status
report(const ig_kernel_ctx *k, ig_status code, const char *what, const char *text)
{
    if (code == IG_OK)
        return IG_OK;
    return k ? ig_kernel_fail(k, code, "%s: %s", what, text)
             : ig_fail(code, "%s: %s", what, text);
}

ig_status gpu_blas_status(const ig_kernel_ctx *k, cublasStatus_t s, const char *what)
{
    return report(k, blas_code(s), what, cublasLtGetStatusString(s));
}

ig_status gpu_dnn_status(const ig_kernel_ctx *k, cudnnStatus_t s, const char *what)
{
    return report(k, dnn_code(s), what, cudnnGetErrorString(s));
}

/* ---- handles ---- */

cublasLtHandle_t gpu_blaslt(const ig_kernel_ctx *k)
{
    gpu_queue *q = k->queue;
    if (!q->blaslt) {
        cublasLtHandle_t made = NULL;
        if (gpu_blas_status(k, cublasLtCreate(&made), "cuBLASLt does not start") !=
            IG_OK)
            return NULL;
        q->blaslt = made;
    }
    return q->blaslt;
}

cudnnHandle_t gpu_cudnn(const ig_kernel_ctx *k)
{
    gpu_queue *q = k->queue;
    if (!q->cudnn) {
        cudnnHandle_t made = NULL;
        if (gpu_dnn_status(k, cudnnCreate(&made), "cuDNN does not start") != IG_OK)
            return NULL;
        if (gpu_dnn_status(k, cudnnSetStream(made, q->stream), "cuDNN") != IG_OK) {
            (void)cudnnDestroy(made);
            return NULL;
        }
        q->cudnn = made;
    }
    return q->cudnn;
}

void gpu_library_close(gpu_queue *q)
{
    if (q->blaslt)
        (void)cublasLtDestroy(q->blaslt);
    if (q->cudnn)
        (void)cudnnDestroy(q->cudnn);
    q->blaslt = q->cudnn = NULL;
}

static char versions[64];

static void write_versions(void)
{
    size_t blas = cublasLtGetVersion(), dnn = cudnnGetVersion();
    (void)snprintf(versions, sizeof(versions),
                   "cuBLASLt %zu.%zu.%zu, cuDNN %zu.%zu.%zu", blas / 10000,
                   blas / 100 % 100, blas % 100, dnn / 10000, dnn / 100 % 100,
                   dnn % 100);
}

const char *gpu_library_versions(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, write_versions);
    return versions;
}
