/* Rounding to quantized integers, as operators/common_quant.h has it. */
#ifndef OPERATORS_GPU_QUANT_CUH
#define OPERATORS_GPU_QUANT_CUH

#include "operators/gpu/math.cuh"

struct gpu_limits {
    float low, high;
};

inline gpu_limits gpu_limits_of(ig_dtype type)
{
    switch (type) {
    case IG_INT8:
        return {-128, 127};
    case IG_UINT8:
        return {0, 255};
    case IG_INT16:
        return {-32768, 32767};
    default:
        return {0, 65535};
    }
}

/* round(q) + zero within the limits; NaN gives the lower one. */
GPU_FN int64_t gpu_clamped(float q, float zero, gpu_limits l)
{
    float r = nearbyint(q) + zero;
    r = r > l.low ? r : l.low;
    return (int64_t)(r < l.high ? r : l.high);
}

/* A product that is not fused into the sum around it: quantized results are the same
 * on every device. */
GPU_FN float gpu_exact_product(float a, float b)
{
#ifdef __CUDA_ARCH__
    return __fmul_rn(a, b);
#else
    return a * b;
#endif
}

#endif
