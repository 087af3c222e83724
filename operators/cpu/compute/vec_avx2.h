/* The vector type of the AVX2 + FMA variant: 8 floats, masks as vectors.
 * Meanings as in vec_avx512.h. */
#ifndef OPERATORS_CPU_COMPUTE_VEC_AVX2_H
#define OPERATORS_CPU_COMPUTE_VEC_AVX2_H

#define VEC_NAME  "avx2"
#define VEC_LEVEL IGI_CPU_AVX2
#define VW        8
#define VDW       4
#define GEMM_MR   6 /* 12 accumulators, 2 vectors of B, 1 or 2 of A: all 16 registers */
#define GEMM_NV   2

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm;
typedef __m256d vd;

VEC_INLINE vf vset1(float x)
{
    return _mm256_set1_ps(x);
}
VEC_INLINE vf vload(const float *p)
{
    return _mm256_loadu_ps(p);
}
VEC_INLINE void vstore(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}
VEC_INLINE vm vtail(int64_t n)
{
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
}
VEC_INLINE vf vload_tail(const float *p, vm tail)
{
    return _mm256_maskload_ps(p, _mm256_castps_si256(tail));
}
VEC_INLINE void vstore_tail(float *p, vm tail, vf x)
{
    _mm256_maskstore_ps(p, _mm256_castps_si256(tail), x);
}
VEC_INLINE vf vadd(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
VEC_INLINE vf vsub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
VEC_INLINE vf vmul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
VEC_INLINE vf vdiv(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
VEC_INLINE vf vfma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
VEC_INLINE vf vfnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}
VEC_INLINE vf vmin(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
VEC_INLINE vf vmax(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
VEC_INLINE vf vsqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}
VEC_INLINE vf vabs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
VEC_INLINE vf vneg(vf a)
{
    return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f));
}
VEC_INLINE vf vcopysign(vf magnitude, vf sign)
{
    vf bit = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign));
}
VEC_INLINE vm vlt(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
VEC_INLINE vm vle(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LE_OQ);
}
VEC_INLINE vm veq(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}
VEC_INLINE vm vnan(vf a)
{
    return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}
VEC_INLINE bool vany(vm a)
{
    return _mm256_movemask_ps(a) != 0;
}
VEC_INLINE float vsum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
VEC_INLINE float vmost(vf a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}
VEC_INLINE vf vsel(vm m, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, m);
}
VEC_INLINE vf vround(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VEC_INLINE vf vpow2(vf n)
{
    __m256i i = _mm256_cvtps_epi32(n);
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_add_epi32(i, _mm256_set1_epi32(127)), 23));
}
/* Two steps, as 2^n itself may not be a float; the first stays normal, so only one
 * rounds. */
VEC_INLINE vf vscale(vf x, vf n)
{
    vf half = vround(_mm256_mul_ps(n, _mm256_set1_ps(0.5f)));
    return _mm256_mul_ps(_mm256_mul_ps(x, vpow2(half)), vpow2(_mm256_sub_ps(n, half)));
}
VEC_INLINE vi vbits(vf a)
{
    return _mm256_castps_si256(a);
}
VEC_INLINE vf vfrombits(vi a)
{
    return _mm256_castsi256_ps(a);
}
VEC_INLINE vi viset1(int32_t x)
{
    return _mm256_set1_epi32(x);
}
VEC_INLINE vi viload(const uint32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
VEC_INLINE vi vishr(vi a, int n)
{
    return _mm256_srli_epi32(a, n);
}
VEC_INLINE vi viput(vi a, vi mask, vi rest)
{
    return _mm256_or_si256(_mm256_and_si256(a, mask), rest);
}
VEC_INLINE vi visub(vi a, vi b)
{
    return _mm256_sub_epi32(a, b);
}
VEC_INLINE vi viexponent(vi a)
{
    return _mm256_and_si256(a, _mm256_set1_epi32(-0x800000));
}
VEC_INLINE vf vfromexponent(vi a)
{
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(a, 23));
}

VEC_INLINE vd vdset1(double x)
{
    return _mm256_set1_pd(x);
}
VEC_INLINE vd vdload(const double *p)
{
    return _mm256_loadu_pd(p);
}
VEC_INLINE void vdstore(double *p, vd x)
{
    _mm256_storeu_pd(p, x);
}
VEC_INLINE vd vdfma(vd a, vd b, vd c)
{
    return _mm256_fmadd_pd(a, b, c);
}

#endif
