/* 2-D transpose of 4-byte elements: 8 x 8 (4 x 4) register tiles inside 32 x 32 blocks,
 * so that the lines of both sides stay in L1. Elements travel as bits; they may be
 * integers. */

#if defined(VEC_HAS_256)
#define TILE 8
VEC_INLINE void
transpose_tile(float *dst, int64_t ld_dst, const float *src, int64_t ld_src)
{
    __m256 r[8], t[8];
    VEC_UNROLL
    for (int i = 0; i < 4; i++) { /* halves of rows i and i + 4 side by side */
        const float *lo = src + i * ld_src, *hi = src + (i + 4) * ld_src;
        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(lo)),
                                    _mm_loadu_ps(hi), 1);
        r[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(lo + 4)),
                                        _mm_loadu_ps(hi + 4), 1);
    }
    VEC_UNROLL
    for (int h = 0; h < 8; h += 4) {
        t[h] = _mm256_unpacklo_ps(r[h], r[h + 1]);
        t[h + 1] = _mm256_unpackhi_ps(r[h], r[h + 1]);
        t[h + 2] = _mm256_unpacklo_ps(r[h + 2], r[h + 3]);
        t[h + 3] = _mm256_unpackhi_ps(r[h + 2], r[h + 3]);
        float *d = dst + h * ld_dst;
        _mm256_storeu_ps(d, _mm256_shuffle_ps(t[h], t[h + 2], 0x44));
        _mm256_storeu_ps(d + ld_dst, _mm256_shuffle_ps(t[h], t[h + 2], 0xee));
        _mm256_storeu_ps(d + 2 * ld_dst, _mm256_shuffle_ps(t[h + 1], t[h + 3], 0x44));
        _mm256_storeu_ps(d + 3 * ld_dst, _mm256_shuffle_ps(t[h + 1], t[h + 3], 0xee));
    }
}
#else
#define TILE 4
VEC_INLINE void
transpose_tile(float *dst, int64_t ld_dst, const float *src, int64_t ld_src)
{
    for (int c = 0; c < TILE; c++)
        for (int r = 0; r < TILE; r++)
            memcpy(dst + c * ld_dst + r, src + r * ld_src + c, sizeof(float));
}
#endif

static void transpose_block(float *dst,
                            int64_t ld_dst,
                            const float *src,
                            int64_t ld_src,
                            int64_t rows,
                            int64_t cols)
{
    int64_t r = 0;
    for (; r + TILE <= rows; r += TILE) {
        int64_t c = 0;
        for (; c + TILE <= cols; c += TILE)
            transpose_tile(dst + c * ld_dst + r, ld_dst, src + r * ld_src + c, ld_src);
        for (; c < cols; c++)
            for (int64_t i = r; i < r + TILE; i++)
                memcpy(dst + c * ld_dst + i, src + i * ld_src + c, sizeof(float));
    }
    for (; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            memcpy(dst + c * ld_dst + r, src + r * ld_src + c, sizeof(float));
}

static void transpose_32(void *dst,
                         int64_t ld_dst,
                         const void *src,
                         int64_t ld_src,
                         int64_t rows,
                         int64_t cols)
{
    enum { BLOCK = 32 };
    float *d = dst;
    const float *s = src;
    for (int64_t r = 0; r < rows; r += BLOCK) {
        const int64_t nr = rows - r < BLOCK ? rows - r : BLOCK;
        for (int64_t c = 0; c < cols; c += BLOCK) {
            const int64_t nc = cols - c < BLOCK ? cols - c : BLOCK;
            transpose_block(d + c * ld_dst + r, ld_dst, s + r * ld_src + c, ld_src, nr,
                            nc);
        }
    }
}
#undef TILE
