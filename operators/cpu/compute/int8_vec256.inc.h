/* 8 lanes: the vectors that int8.inc.h asks for, all but qi_dot. qf_min and qf_max
 * give their second operand when one is NaN. */

#define Q_INLINE   static inline __attribute__((always_inline))
#define Q_KEEP(p_) __asm__ volatile("" : "+r"(p_)) /* hides where it comes from */
#define QW         8

typedef __m256i qi;
typedef __m256 qf;

Q_INLINE qi qi_set1(int32_t x)
{
    return _mm256_set1_epi32(x);
}
Q_INLINE qi qi_load(const void *p)
{
    return _mm256_loadu_si256(p);
}
/* Four bytes in every lane. */
Q_INLINE qi qi_splat(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof(v));
    return _mm256_set1_epi32(v);
}
Q_INLINE void qi_store(void *p, qi v)
{
    _mm256_storeu_si256(p, v);
}
Q_INLINE qi qi_add(qi a, qi b)
{
    return _mm256_add_epi32(a, b);
}
Q_INLINE qi qi_sub(qi a, qi b)
{
    return _mm256_sub_epi32(a, b);
}
Q_INLINE qi qi_mul(qi a, qi b)
{
    return _mm256_mullo_epi32(a, b);
}
Q_INLINE qi qi_min(qi a, qi b)
{
    return _mm256_min_epi32(a, b);
}
Q_INLINE qi qi_max(qi a, qi b)
{
    return _mm256_max_epi32(a, b);
}
Q_INLINE qi qi_load_u8(const void *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
Q_INLINE qi qi_load_s8(const void *p)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
Q_INLINE void qi_store_bytes(uint8_t *p, qi v)
{
    /* The low byte of every lane to the front of its half. */
    const __m256i pick =
        _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0,
                         4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    __m256i b = _mm256_shuffle_epi8(v, pick);
    __m128i lo = _mm256_castsi256_si128(b), hi = _mm256_extracti128_si256(b, 1);
    _mm_storel_epi64((__m128i *)(void *)p, _mm_unpacklo_epi32(lo, hi));
}
/* To nearest even; NaN and what is too small gives INT32_MIN. */
Q_INLINE qi qi_from(qf v)
{
    return _mm256_cvtps_epi32(v);
}
Q_INLINE qf qf_from(qi v)
{
    return _mm256_cvtepi32_ps(v);
}
Q_INLINE qf qf_set1(float v)
{
    return _mm256_set1_ps(v);
}
Q_INLINE qf qf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
Q_INLINE void qf_store(float *p, qf v)
{
    _mm256_storeu_ps(p, v);
}
Q_INLINE qf qf_add(qf a, qf b)
{
    return _mm256_add_ps(a, b);
}
Q_INLINE qf qf_sub(qf a, qf b)
{
    return _mm256_sub_ps(a, b);
}
Q_INLINE qf qf_mul(qf a, qf b)
{
    return _mm256_mul_ps(a, b);
}
Q_INLINE qf qf_div(qf a, qf b)
{
    return _mm256_div_ps(a, b);
}
Q_INLINE qf qf_min(qf a, qf b)
{
    return _mm256_min_ps(a, b);
}
Q_INLINE qf qf_max(qf a, qf b)
{
    return _mm256_max_ps(a, b);
}
