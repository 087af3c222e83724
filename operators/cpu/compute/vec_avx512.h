/* The vector type of the AVX-512 variant: 16 floats, masks in k registers.
 *
 * The same names in vec_avx2.h and vec_portable.h. vmin and vmax return their second
 * operand when one is NaN, so `vmax(constant, x)` lets a NaN in x through. */
#ifndef OPERATORS_CPU_COMPUTE_VEC_AVX512_H
#define OPERATORS_CPU_COMPUTE_VEC_AVX512_H

#define VEC_NAME  "avx512"
#define VEC_LEVEL IGI_CPU_AVX512
#define VW        16 /* floats a vector */
#define VDW       8  /* doubles a vector */
#define GEMM_MR   14 /* 28 accumulators, 2 vectors of B, up to 2 of A: 32 registers */
#define GEMM_NV   2

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;
typedef __m512d vd;

VEC_INLINE vf vset1(float x)
{
    return _mm512_set1_ps(x);
}
VEC_INLINE vf vload(const float *p)
{
    return _mm512_loadu_ps(p);
}
VEC_INLINE void vstore(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}
/* The first n of 1..VW lanes; the others read as 0. */
VEC_INLINE vm vtail(int64_t n)
{
    return (vm)((1u << n) - 1u);
}
VEC_INLINE vf vload_tail(const float *p, vm tail)
{
    return _mm512_maskz_loadu_ps(tail, p);
}
VEC_INLINE void vstore_tail(float *p, vm tail, vf x)
{
    _mm512_mask_storeu_ps(p, tail, x);
}
VEC_INLINE vf vadd(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
VEC_INLINE vf vsub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
VEC_INLINE vf vmul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
VEC_INLINE vf vdiv(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
VEC_INLINE vf vfma(vf a, vf b, vf c) /* a * b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}
VEC_INLINE vf vfnma(vf a, vf b, vf c) /* c - a * b */
{
    return _mm512_fnmadd_ps(a, b, c);
}
VEC_INLINE vf vmin(vf a, vf b) /* a < b ? a : b */
{
    return _mm512_min_ps(a, b);
}
VEC_INLINE vf vmax(vf a, vf b) /* a > b ? a : b */
{
    return _mm512_max_ps(a, b);
}
VEC_INLINE vf vsqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}
VEC_INLINE vf vabs(vf a)
{
    return _mm512_abs_ps(a);
}
VEC_INLINE vf vneg(vf a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}
VEC_INLINE vf vcopysign(vf magnitude, vf sign)
{
    vf bit = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(bit, magnitude), _mm512_and_ps(bit, sign));
}
VEC_INLINE vm vlt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
VEC_INLINE vm vle(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
}
VEC_INLINE vm veq(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
VEC_INLINE vm vnan(vf a)
{
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}
VEC_INLINE bool vany(vm a)
{
    return a != 0;
}
/* Halves added, then their halves: one order for all lengths of vectors. */
VEC_INLINE float vsum(vf a)
{
    return _mm512_reduce_add_ps(a);
}
VEC_INLINE float vmost(vf a) /* the largest lane; none may be NaN */
{
    return _mm512_reduce_max_ps(a);
}
VEC_INLINE vf vsel(vm m, vf a, vf b) /* m ? a : b */
{
    return _mm512_mask_blend_ps(m, b, a);
}
/* To nearest even, |a| < 2^22: adding 1.5 * 2^23 leaves no fraction bits. As fast as
 * the instruction, whose intrinsic warns in gcc 12 without optimisation. */
VEC_INLINE vf vround(vf a)
{
    vf magic = _mm512_set1_ps(12582912.0f);
    return _mm512_sub_ps(_mm512_add_ps(a, magic), magic);
}
/* x * 2^n, n integral; rounds once, also into denormals. */
VEC_INLINE vf vscale(vf x, vf n)
{
    return _mm512_scalef_ps(x, n);
}
VEC_INLINE vf vpow2(vf n) /* 2^n, n integral in -126..127 */
{
    return _mm512_scalef_ps(_mm512_set1_ps(1.0f), n);
}
VEC_INLINE vi vbits(vf a)
{
    return _mm512_castps_si512(a);
}
VEC_INLINE vf vfrombits(vi a)
{
    return _mm512_castsi512_ps(a);
}
VEC_INLINE vi viset1(int32_t x)
{
    return _mm512_set1_epi32(x);
}
VEC_INLINE vi viload(const uint32_t *p)
{
    return _mm512_loadu_si512(p);
}
VEC_INLINE vi vishr(vi a, int n) /* logical */
{
    return _mm512_srli_epi32(a, (unsigned)n);
}
VEC_INLINE vi viput(vi a, vi mask, vi rest) /* (a & mask) | rest */
{
    return _mm512_ternarylogic_epi32(a, mask, rest, 0xea);
}
VEC_INLINE vi visub(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}
/* The exponent field of a difference of bit patterns, still in place: (a >> 23) << 23.
 */
VEC_INLINE vi viexponent(vi a)
{
    return _mm512_and_si512(a, _mm512_set1_epi32(-0x800000));
}
VEC_INLINE vf vfromexponent(vi a) /* (float)(a >> 23) */
{
    return _mm512_cvtepi32_ps(_mm512_srai_epi32(a, 23));
}

VEC_INLINE vd vdset1(double x)
{
    return _mm512_set1_pd(x);
}
VEC_INLINE vd vdload(const double *p)
{
    return _mm512_loadu_pd(p);
}
VEC_INLINE void vdstore(double *p, vd x)
{
    _mm512_storeu_pd(p, x);
}
VEC_INLINE vd vdfma(vd a, vd b, vd c)
{
    return _mm512_fmadd_pd(a, b, c);
}

#endif
