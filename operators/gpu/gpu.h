/* Ground of the GPU plugin: its queue, the fault record of kernels, and error texts.
 *
 * The folder is compiled twice. With nvcc it is the plugin of the device "cuda". With
 * IG_GPU_HOST a C++ compiler makes the same kernels into loops, for the device
 * "host-gpu" of operators/gpu/host, on which tests run without hardware.
 *
 * Tables: each .cu or .c file with kernels defines `igi_kernels_<file>` and is a word
 * in a list of CMake (ig_gpu_tables), which writes the array of all tables, best first.
 *
 * Faults: a thread that meets a bad value writes a gpu_fault, if it is the first since
 * the last wait, and then neither reads nor writes by that value. Kernels that follow
 * in the queue run on whatever that leaves; the wait reports the first fault. */
#ifndef OPERATORS_GPU_GPU_H
#define OPERATORS_GPU_GPU_H

#include <ingot/plugin_abi.h>
#ifndef IG_GPU_HOST
#include <cuda_runtime_api.h>
#endif

IG_EXTERN_C_BEGIN

enum { /* gpu_fault.code */
       GPU_FAULT_NONE = 0,
       GPU_FAULT_INDEX = 1,      /* value is not in [-bound, bound) */
       GPU_FAULT_LABEL = 2,      /* value is not in [0, bound) */
       GPU_FAULT_DIVISOR = 3,    /* an integer division by zero */
       GPU_FAULT_RANGE = 4,      /* a position that no element has */
       GPU_FAULT_RATIO = 5,      /* Dropout's ratio is not in [0, 1) */
       GPU_FAULT_STEP = 6,       /* the number of an optimiser's step is below 1 */
       GPU_FAULT_PROBABILITY = 7 /* element `value` is not in [0, 1] */
};

typedef struct gpu_fault {
    uint32_t tag; /* of the kernel (ig_kernel_ctx.tag) */
    int32_t code; /* set first and by one thread alone: the record is that thread's */
    int64_t value, bound;
} gpu_fault;

typedef struct gpu_queue gpu_queue;

/* ---- tables ---- */

/* C++ gives const objects internal linkage: GPU_TABLE(unary) = {{...}, {0}}; declares
 * and begins the definition. In C the same as IG_KERNELS. */
#ifdef __cplusplus
#define GPU_TABLE(name_)                                                               \
    extern "C" {                                                                       \
    extern const ig_kernel_def igi_kernels_##name_[];                                  \
    }                                                                                  \
    const ig_kernel_def igi_kernels_##name_[]
#else
#define GPU_TABLE(name_)                                                               \
    extern const ig_kernel_def igi_kernels_##name_[];                                  \
    const ig_kernel_def igi_kernels_##name_[]
#endif

/* ---- services of the kernels for the devices ---- */

/* ig_device_def.move: one launch. `tag` is that of no kernel (0). */
ig_status gpu_move(gpu_queue *q,
                   size_t element,
                   int rank,
                   const int64_t *dims,
                   void *dst,
                   const int64_t *dst_strides,
                   const void *src,
                   const int64_t *src_strides);

/* The status and message of a fault that a wait found; IG_OK when there is none. */
static inline ig_status gpu_fault_status(const gpu_fault *f)
{
    long long value = (long long)f->value, bound = (long long)f->bound;
    switch (f->code) {
    case GPU_FAULT_NONE:
        return IG_OK;
    case GPU_FAULT_INDEX:
        return ig_fail(IG_INVALID_ARGUMENT, "index %lld is outside [%lld, %lld]", value,
                       -bound, bound - 1);
    case GPU_FAULT_LABEL:
        return ig_fail(IG_INVALID_ARGUMENT, "label %lld is outside [0, %lld]", value,
                       bound - 1);
    case GPU_FAULT_DIVISOR:
        return ig_fail(IG_INVALID_ARGUMENT, "division of an integer by zero");
    case GPU_FAULT_RANGE:
        return ig_fail(IG_INVALID_ARGUMENT, "position %lld is outside [0, %lld]", value,
                       bound - 1);
    case GPU_FAULT_RATIO:
        return ig_fail(IG_INVALID_ARGUMENT, "ratio is not in [0, 1)");
    case GPU_FAULT_STEP:
        return ig_fail(IG_INVALID_ARGUMENT, "step is %lld; steps count from 1", value);
    case GPU_FAULT_PROBABILITY:
        return ig_fail(IG_INVALID_ARGUMENT, "element %lld is not a probability", value);
    default:
        return ig_fail(IG_INTERNAL, "a kernel left the unknown fault %d", (int)f->code);
    }
}

/* ---- the queue of CUDA ---- */

#ifndef IG_GPU_HOST
struct gpu_queue {
    cudaStream_t stream;
    gpu_fault *fault; /* device memory; all zero: none. Reset by the wait */
    void *blaslt;     /* cublasLtHandle_t, made when first needed; cublaslt.c */
    void *cudnn;      /* cudnnHandle_t; cudnn.c */
    void *device;     /* gpu_device of device.cu: what all queues share */
};

/* IG_DEVICE with the operator (NULL k: none), what was tried and CUDA's text; IG_OK for
 * cudaSuccess, OUT_OF_MEMORY for its kind. */
static inline ig_status
gpu_cuda_status(const ig_kernel_ctx *k, cudaError_t e, const char *what)
{
    if (e == cudaSuccess)
        return IG_OK;
    ig_status code = e == cudaErrorMemoryAllocation ? IG_OUT_OF_MEMORY : IG_DEVICE;
    if (k)
        return ig_kernel_fail(k, code, "%s: %s", what, cudaGetErrorString(e));
    return ig_fail(code, "CUDA: %s: %s", what, cudaGetErrorString(e));
}
#endif

IG_EXTERN_C_END

#endif
