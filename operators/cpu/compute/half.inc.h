/* float16 and bfloat16 to float32 and back. float16 by the CPU's own conversion where
 * it has one; the rest are loops that become vectors. */

static void widen_f16(float *y, const uint16_t *x, int64_t n)
{
    int64_t i = 0;
#ifdef VEC_HAS_256
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(
                                    (const __m128i *)(const void *)(x + i))));
#endif
    for (; i < n; i++)
        y[i] = igi_f16_to_f32(x[i]);
}

static void narrow_f16(uint16_t *y, const float *x, int64_t n)
{
    int64_t i = 0;
#ifdef VEC_HAS_256
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128(
            (__m128i *)(void *)(y + i),
            _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#endif
    for (; i < n; i++)
        y[i] = igi_f32_to_f16(x[i]);
}

static void widen_bf16(float *y, const uint16_t *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, sizeof(bits));
    }
}

/* Adding just under half of the last place rounds, half of it when that place is odd; a
 * NaN keeps its upper bits and becomes quiet. */
static void narrow_bf16(uint16_t *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof(bits));
        const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1);
        const uint32_t quiet = bits | 0x400000u;
        y[i] = (uint16_t)(((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded) >> 16);
    }
}
