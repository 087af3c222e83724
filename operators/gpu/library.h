/* cuBLASLt and cuDNN: a handle a queue, made when first needed, and their errors. */
#ifndef OPERATORS_GPU_LIBRARY_H
#define OPERATORS_GPU_LIBRARY_H

#include <cublasLt.h>
#include <cudnn.h>

#include "operators/gpu/gpu.h"

IG_EXTERN_C_BEGIN

/* The queue's handles; NULL with a record on failure. By the queue's thread. */
cublasLtHandle_t gpu_blaslt(const ig_kernel_ctx *k);
cudnnHandle_t gpu_cudnn(const ig_kernel_ctx *k);
void gpu_library_close(gpu_queue *q);

/* "cuBLASLt 13.0.2, cuDNN 9.19.0", of the libraries that are loaded. */
const char *gpu_library_versions(void);

/* IG_OK, or a record that names the operator (k may be NULL), what was tried and the
 * library's text. OUT_OF_MEMORY and UNSUPPORTED for their kinds, else DEVICE. */
ig_status gpu_blas_status(const ig_kernel_ctx *k, cublasStatus_t s, const char *what);
ig_status gpu_dnn_status(const ig_kernel_ctx *k, cudnnStatus_t s, const char *what);

IG_EXTERN_C_END

#endif
