/* Loops over the four float types (and bytes), written once as plain functions.
 *
 * igi_load and igi_store take the element type as a parameter that is constant at every
 * call: a body marked IGI_INLINE is specialised per type by IGI_EACH_FLOAT, which calls
 * it with a constant T. Everything is computed in double, so a reference is exact to
 * the last bits of its output type and serves as an oracle for float32 kernels. */
#ifndef OPERATORS_COMMON_FLOAT_H
#define OPERATORS_COMMON_FLOAT_H

#include "operators/common.h"

#if defined(__GNUC__)
#define IGI_INLINE static inline __attribute__((always_inline))
#else
#define IGI_INLINE static inline
#endif

/* Elements that a reference accumulates at once on the stack. */
enum { IGI_CHUNK = 256 };
/* Where the chunk that begins at lo ends, among n elements. */
IGI_INLINE int64_t igi_chunk_end(int64_t lo, int64_t n)
{
    return n - lo < IGI_CHUNK ? n : lo + IGI_CHUNK;
}

IGI_INLINE double igi_load(ig_dtype type, const void *p, int64_t i)
{
    switch (type) {
    case IG_FLOAT64:
        return ((const double *)p)[i];
    case IG_FLOAT16:
        return (double)igi_f16_to_f32(((const uint16_t *)p)[i]);
    case IG_BFLOAT16:
        return (double)igi_bf16_to_f32(((const uint16_t *)p)[i]);
    case IG_INT8:
        return ((const int8_t *)p)[i];
    case IG_UINT8:
        return ((const uint8_t *)p)[i];
    default:
        return (double)((const float *)p)[i];
    }
}

IGI_INLINE void igi_store(ig_dtype type, void *p, int64_t i, double v)
{
    switch (type) {
    case IG_FLOAT64:
        ((double *)p)[i] = v;
        break;
    case IG_FLOAT16:
        ((uint16_t *)p)[i] = igi_f32_to_f16((float)v);
        break;
    case IG_BFLOAT16:
        ((uint16_t *)p)[i] = igi_f32_to_bf16((float)v);
        break;
    case IG_INT8:
        ((int8_t *)p)[i] = (int8_t)v;
        break;
    case IG_UINT8:
        ((uint8_t *)p)[i] = (uint8_t)v;
        break;
    default:
        ((float *)p)[i] = (float)v;
        break;
    }
}

/* An operand of the loops below: element i is p[at + i * step]. */
typedef struct igi_line {
    const void *p;
    int64_t at, step;
} igi_line;

/* sum of x[i] * y[i], i < n; four partial sums, so that additions overlap. */
IGI_INLINE double igi_dot(ig_dtype type, igi_line x, igi_line y, int64_t n)
{
    double sum[4] = {0};
    int64_t i = 0;
    for (; x.step == 1 && y.step == 1 && i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++)
            sum[j] +=
                igi_load(type, x.p, x.at + i + j) * igi_load(type, y.p, y.at + i + j);
    for (; i < n; i++)
        sum[0] += igi_load(type, x.p, x.at + i * x.step) *
                  igi_load(type, y.p, y.at + i * y.step);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* acc[i] += factor * x[i], i < n. */
IGI_INLINE void
igi_axpy(ig_dtype type, double *acc, double factor, igi_line x, int64_t n)
{
    if (x.step == 1)
        for (int64_t i = 0; i < n; i++)
            acc[i] += factor * igi_load(type, x.p, x.at + i);
    else
        for (int64_t i = 0; i < n; i++)
            acc[i] += factor * igi_load(type, x.p, x.at + i * x.step);
}

/* Runs the statement with a constant T equal to dtype_; other types are an error. */
#define IGI_EACH_FLOAT(k_, dtype_, ...)                                                \
    switch (dtype_) {                                                                  \
        IGI_EACH_CASE_(IG_FLOAT32, __VA_ARGS__)                                        \
        IGI_EACH_CASE_(IG_FLOAT64, __VA_ARGS__)                                        \
        IGI_EACH_CASE_(IG_FLOAT16, __VA_ARGS__)                                        \
        IGI_EACH_CASE_(IG_BFLOAT16, __VA_ARGS__)                                       \
    default:                                                                           \
        return igi_bad_dtype(k_, dtype_);                                              \
    }
#define IGI_EACH_CASE_(dtype_, ...)                                                    \
    case dtype_: {                                                                     \
        const ig_dtype T = dtype_;                                                     \
        __VA_ARGS__;                                                                   \
        break;                                                                         \
    }

#endif
