/* The vector type of the portable variant: 4 floats in the compiler's own vector
 * extension (SSE2 on x86-64, NEON on aarch64, scalars elsewhere). Meanings as in
 * vec_avx512.h.
 *
 * Multiply-add rounds twice except on aarch64: emulating one rounding costs tenfold. */
#ifndef OPERATORS_CPU_COMPUTE_VEC_PORTABLE_H
#define OPERATORS_CPU_COMPUTE_VEC_PORTABLE_H

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#define VEC_NAME  "portable"
#define VEC_LEVEL IGI_CPU_PORTABLE
#define VW        4
#define VDW       2
#if defined(__aarch64__)
#define GEMM_MR 6 /* 24 of 32 registers */
#else
#define GEMM_MR 3 /* 12 of 16 registers */
#endif
#define GEMM_NV 4

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef vi vm;
typedef double vd __attribute__((vector_size(16)));

VEC_INLINE vf vset1(float x)
{
    return (vf){x, x, x, x};
}
VEC_INLINE vf vload(const float *p)
{
    vf x;
    memcpy(&x, p, sizeof(x));
    return x;
}
VEC_INLINE void vstore(float *p, vf x)
{
    memcpy(p, &x, sizeof(x));
}
VEC_INLINE vm vtail(int64_t n)
{
    int32_t k = (int32_t)n;
    return (vi){k, k, k, k} > (vi){0, 1, 2, 3};
}
VEC_INLINE vf vload_tail(const float *p, vm tail)
{
    return (vf){tail[0] ? p[0] : 0.0f, tail[1] ? p[1] : 0.0f, tail[2] ? p[2] : 0.0f,
                tail[3] ? p[3] : 0.0f};
}
VEC_INLINE void vstore_tail(float *p, vm tail, vf x)
{
    for (int i = 0; i < VW && tail[i]; i++)
        p[i] = x[i];
}
VEC_INLINE vf vadd(vf a, vf b)
{
    return a + b;
}
VEC_INLINE vf vsub(vf a, vf b)
{
    return a - b;
}
VEC_INLINE vf vmul(vf a, vf b)
{
    return a * b;
}
VEC_INLINE vf vdiv(vf a, vf b)
{
    return a / b;
}
VEC_INLINE vf vfma(vf a, vf b, vf c)
{
#if defined(__aarch64__)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}
VEC_INLINE vf vfnma(vf a, vf b, vf c)
{
#if defined(__aarch64__)
    return (vf)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return c - a * b;
#endif
}
VEC_INLINE bool vany(vm a)
{
    return (a[0] | a[1] | a[2] | a[3]) != 0;
}
VEC_INLINE float vsum(vf a)
{
    return (a[0] + a[2]) + (a[1] + a[3]);
}
VEC_INLINE float vmost(vf a)
{
    const float x = a[0] > a[2] ? a[0] : a[2], y = a[1] > a[3] ? a[1] : a[3];
    return x > y ? x : y;
}
VEC_INLINE vf vsel(vm m, vf a, vf b)
{
    return (vf)((m & (vi)a) | (~m & (vi)b));
}
VEC_INLINE vm vlt(vf a, vf b)
{
    return a < b;
}
VEC_INLINE vm vle(vf a, vf b)
{
    return a <= b;
}
VEC_INLINE vm veq(vf a, vf b)
{
    return a == b;
}
VEC_INLINE vm vnan(vf a)
{
    return a != a;
}
VEC_INLINE vf vmin(vf a, vf b)
{
    return vsel(a < b, a, b);
}
VEC_INLINE vf vmax(vf a, vf b)
{
    return vsel(a > b, a, b);
}
VEC_INLINE vf vsqrt(vf a)
{
    return (vf){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])};
}
VEC_INLINE vf vabs(vf a)
{
    return (vf)((vi)a & 0x7fffffff);
}
VEC_INLINE vf vneg(vf a)
{
    return -a;
}
VEC_INLINE vf vcopysign(vf magnitude, vf sign)
{
    vi bits = (vi){0} + 0x7fffffff;
    return vsel(bits, magnitude, sign);
}
/* Adding 1.5 * 2^23 leaves no fraction bits. For |a| < 2^22, all that callers need. */
VEC_INLINE vf vround(vf a)
{
    return (a + 12582912.0f) - 12582912.0f;
}
/* The integer stands in the low bits of n + 1.5 * 2^23: no conversion that NaN could
 * break. */
VEC_INLINE vf vpow2(vf n)
{
    typedef uint32_t vu __attribute__((vector_size(16)));
    vu bits = (vu)(n + 12582912.0f);
    return (vf)((bits + (127u - 0x4b400000u)) << 23);
}
VEC_INLINE vf vscale(vf x, vf n)
{
    vf half = vround(n * 0.5f);
    return x * vpow2(half) * vpow2(n - half);
}
VEC_INLINE vi vbits(vf a)
{
    return (vi)a;
}
VEC_INLINE vf vfrombits(vi a)
{
    return (vf)a;
}
VEC_INLINE vi viset1(int32_t x)
{
    return (vi){x, x, x, x};
}
VEC_INLINE vi viload(const uint32_t *p)
{
    vi x;
    memcpy(&x, p, sizeof(x));
    return x;
}
VEC_INLINE vi vishr(vi a, int n)
{
    typedef uint32_t vu __attribute__((vector_size(16)));
    return (vi)((vu)a >> (uint32_t)n);
}
VEC_INLINE vi viput(vi a, vi mask, vi rest)
{
    return (a & mask) | rest;
}
VEC_INLINE vi visub(vi a, vi b)
{
    typedef uint32_t vu __attribute__((vector_size(16)));
    return (vi)((vu)a - (vu)b);
}
VEC_INLINE vi viexponent(vi a)
{
    return a & -0x800000;
}
VEC_INLINE vf vfromexponent(vi a)
{
    vi e = a >> 23;
    return (vf){(float)e[0], (float)e[1], (float)e[2], (float)e[3]};
}

VEC_INLINE vd vdset1(double x)
{
    return (vd){x, x};
}
VEC_INLINE vd vdload(const double *p)
{
    vd x;
    memcpy(&x, p, sizeof(x));
    return x;
}
VEC_INLINE void vdstore(double *p, vd x)
{
    memcpy(p, &x, sizeof(x));
}
VEC_INLINE vd vdfma(vd a, vd b, vd c)
{
#if defined(__aarch64__)
    return (vd)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
    return a * b + c;
#endif
}

#endif
