/* The end of a fused operator: y = act(v + bias + residual), or act(v + bias) +
 * residual. What of it a library takes into its own kernel, and a kernel for the rest.
 */
#ifndef OPERATORS_GPU_EPILOGUE_H
#define OPERATORS_GPU_EPILOGUE_H

#include "operators/gpu/gpu.h"

IG_EXTERN_C_BEGIN

typedef struct gpu_act { /* attributes of ingot::Conv and ingot::Linear */
    int64_t kind;        /* ORDER: activation */
    float a, b;
    bool after; /* the residual is added behind the activation */
} gpu_act;

typedef struct gpu_epilogue {
    ig_dtype type;
    int64_t n;                       /* elements */
    int64_t channels, inner;         /* element i has the bias (i / inner) % channels */
    const void *v, *bias, *residual; /* bias and residual may be NULL */
    void *y;                         /* may be v or residual */
    gpu_act act;
} gpu_epilogue;

ig_status gpu_epilogue_run(const ig_kernel_ctx *k, const gpu_epilogue *e);

IG_EXTERN_C_END

#endif
