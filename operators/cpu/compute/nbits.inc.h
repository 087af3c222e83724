/* Products with a matrix of 2, 4 or 8 bits (igi_nbits).
 *
 * A code becomes a float without a conversion: its bits in the mantissa of 2^23 are
 * 2^23 + code, and 2^23 + zero point, subtracted, leaves the exact difference. Few rows
 * multiply it at once, and the scale comes once a block; for many rows a panel is
 * written out as floats, which the product for floats takes. */

#define NBITS_CODES_MAX 16         /* of a word */
#define NBITS_MAGIC     8388608.0f /* 2^23 */
/* Rows that share the work of a code: their sums must stay in registers. */
#if GEMM_MR > 6
#define NBITS_MR 4
#else
#define NBITS_MR 2
#endif

typedef struct nbits_panel_at {
    const uint32_t *codes;
    const float *scale, *zero;
} nbits_panel_at;

VEC_INLINE nbits_panel_at nbits_at(const igi_nbits *b, int64_t p)
{
    const int64_t per = 32 / b->bits, words = b->g.k / per + (b->g.k % per != 0);
    const int64_t blocks = b->g.k / b->block + (b->g.k % b->block != 0);
    return (nbits_panel_at){b->codes + p * words * GEMM_PANEL,
                            b->scale + p * blocks * GEMM_PANEL,
                            b->zero ? b->zero + p * blocks * GEMM_PANEL : NULL};
}

/* Codes that are read without a shift: in place number i a code stands i * bits higher,
 * in the mantissa of 2^(23 - i * bits). Each place needs zero points of its own. */
#if GEMM_MR > 6
#define NBITS_PLACES(bits_) ((bits_) == 4 ? 5 : 1)
#else
#define NBITS_PLACES(bits_) 1
#endif
#define NBITS_PLACES_MAX 5

VEC_INLINE vf nbits_magic(const int bits, int place)
{
    return vset1(NBITS_MAGIC / (float)(1 << (place * bits)));
}

/* The zero points of a block, in the form that codes are compared with. */
VEC_INLINE void nbits_zero(const int bits,
                           vf (*out)[GEMM_NV],
                           const igi_nbits *b,
                           const nbits_panel_at *at)
{
    VEC_UNROLL
    for (int j = 0; j < GEMM_NV; j++) {
        const vf zero = at->zero ? vload(at->zero + j * VW) : vset1(b->middle);
        VEC_UNROLL
        for (int i = 0; i < NBITS_PLACES_MAX; i++)
            if (i < NBITS_PLACES(bits))
                out[i][j] = vadd(nbits_magic(bits, i), zero);
    }
}

/* Code number s of each word, less its zero point; j: which vector of the panel. */
VEC_INLINE vf nbits_value(const int bits, vi word, int s, vf (*zero)[GEMM_NV], int j)
{
    const int place = s % NBITS_PLACES(bits);
    const vi mask = viset1(((1 << bits) - 1) << (place * bits));
    const vi code =
        viput(vishr(word, (s - place) * bits), mask, vbits(nbits_magic(bits, place)));
    return vsub(vfrombits(code), zero[place][j]);
}

VEC_INLINE void nbits_next(nbits_panel_at *at)
{
    at->scale += GEMM_PANEL;
    at->zero += at->zero ? GEMM_PANEL : 0;
}

/* part[i] += x[i][k] times element s of the words; bits, m are constants. */
VEC_INLINE void nbits_step(const int bits,
                           const int m,
                           vf (*part)[GEMM_NV],
                           const float *a,
                           int64_t lda,
                           const vi *word,
                           int s,
                           vf (*zero)[GEMM_NV])
{
    VEC_UNROLL
    for (int j = 0; j < GEMM_NV; j++) {
        const vf w = nbits_value(bits, word[j], s, zero, j);
        VEC_UNROLL
        for (int i = 0; i < m; i++)
            part[i][j] = vfma(vset1(a[i * lda + s]), w, part[i][j]);
    }
}

/* part[i] += the words at `codes` times the `left` elements of x that they stand for.
 */
VEC_INLINE void nbits_word(const int bits,
                           const int m,
                           vf (*part)[GEMM_NV],
                           const float *a,
                           int64_t lda,
                           const uint32_t *codes,
                           int64_t left,
                           vf (*zero)[GEMM_NV])
{
    const int per = 32 / bits;
    vi word[GEMM_NV];
    VEC_UNROLL
    for (int j = 0; j < GEMM_NV; j++)
        word[j] = viload(codes + j * VW);
    if (left >= per) {
        VEC_UNROLL
        for (int s = 0; s < per; s++)
            nbits_step(bits, m, part, a, lda, word, s, zero);
    } else {
        VEC_UNROLL
        for (int s = 0; s < per; s++)
            if (s < left)
                nbits_step(bits, m, part, a, lda, word, s, zero);
    }
}

VEC_INLINE void nbits_clear(const int m, vf (*sum)[GEMM_NV])
{
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int j = 0; j < GEMM_NV; j++)
            sum[i][j] = vset1(0.0f);
    }
}

/* Rows [row, row + m) of panel p. */
VEC_INLINE void
nbits_kernel(const int bits, const int m, const igi_nbits *b, int64_t row, int64_t p)
{
    const int per = 32 / bits;
    const igi_gemm *g = &b->g;
    const gemm_block whole = {.first = true, .last = true};
    nbits_panel_at at = nbits_at(b, p);
    vf acc[NBITS_MR][GEMM_NV], part[NBITS_MR][GEMM_NV], zero[NBITS_PLACES_MAX][GEMM_NV];
    bool plain;
    nbits_clear(m, acc);
    for (int64_t k = 0, end; k < g->k; k = end, nbits_next(&at)) {
        const float *a = g->a + row * g->lda + k;
        end = g->k - k < b->block ? g->k : k + b->block;
        nbits_zero(bits, zero, b, &at);
        nbits_clear(m, part);
        for (int64_t left = end - k; left > 0;
             left -= per, a += per, at.codes += GEMM_PANEL)
            nbits_word(bits, m, part, a, g->lda, at.codes, left, zero);
        VEC_UNROLL
        for (int i = 0; i < m; i++) {
            VEC_UNROLL
            for (int j = 0; j < GEMM_NV; j++)
                acc[i][j] = vfma(vload(at.scale + j * VW), part[i][j], acc[i][j]);
        }
    }
    const gemm_tile t = gemm_tile_at(g, &whole, row, p, &plain);
    const vm mask = vtail(t.last);
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int j = 0; j < GEMM_NV; j++)
            if (j * VW < t.cols)
                gemm_store(&t, i, j, t.cols - j * VW < VW, mask, acc[i][j]);
    }
    if (!plain)
        gemm_finish(g, row, m, p * GEMM_PANEL, t.cols);
}

typedef void (*nbits_kernel_fn)(const igi_nbits *b, int64_t row, int64_t p);

#define NBITS_KERNEL(bits_, m_)                                                        \
    static void nbits_##bits_##_##m_(const igi_nbits *b, int64_t row, int64_t p)       \
    {                                                                                  \
        nbits_kernel(bits_, m_, b, row, p);                                            \
    }
NBITS_KERNEL(2, 1)
NBITS_KERNEL(4, 1)
NBITS_KERNEL(8, 1)
NBITS_KERNEL(2, 2)
NBITS_KERNEL(4, 2)
NBITS_KERNEL(8, 2)
#if NBITS_MR == 4
NBITS_KERNEL(2, 4)
NBITS_KERNEL(4, 4)
NBITS_KERNEL(8, 4)
#define NBITS_HEIGHTS(bits_) nbits_##bits_##_1, nbits_##bits_##_2, nbits_##bits_##_4
#else
#define NBITS_HEIGHTS(bits_) nbits_##bits_##_1, nbits_##bits_##_2
#endif

static void nbits_rows(const igi_nbits *b, int64_t panel_lo, int64_t panel_hi)
{
    static const nbits_kernel_fn kernels[3][3] = {
        {NBITS_HEIGHTS(2)}, {NBITS_HEIGHTS(4)}, {NBITS_HEIGHTS(8)}};
    const nbits_kernel_fn *of = kernels[b->bits == 2 ? 0 : b->bits == 4 ? 1 : 2];
    for (int64_t p = panel_lo; p < panel_hi; p++) {
        int64_t row = 0;
        for (int height = NBITS_MR, i = NBITS_MR / 2; height > 0; height /= 2, i--)
            for (; b->g.m - row >= height; row += height)
                of[i](b, row, p);
    }
}

/* `count` rows of a panel from one word a column. */
VEC_INLINE void nbits_write(const int bits,
                            float *dst,
                            const nbits_panel_at *at,
                            int64_t count,
                            vf (*zero)[GEMM_NV])
{
    for (int j = 0; j < GEMM_NV; j++) {
        const vi word = viload(at->codes + j * VW);
        const vf scale = vload(at->scale + j * VW);
        VEC_UNROLL
        for (int s = 0; s < NBITS_CODES_MAX; s++)
            if (s < 32 / bits && s < count)
                vstore(dst + s * GEMM_PANEL + j * VW,
                       vmul(scale, nbits_value(bits, word, s, zero, j)));
    }
}

VEC_INLINE void nbits_unpack(const int bits, float *dst, const igi_nbits *b, int64_t p)
{
    const int per = 32 / bits;
    nbits_panel_at at = nbits_at(b, p);
    vf zero[NBITS_PLACES_MAX][GEMM_NV];
    for (int64_t k = 0, end; k < b->g.k; k = end, nbits_next(&at)) {
        end = b->g.k - k < b->block ? b->g.k : k + b->block;
        nbits_zero(bits, zero, b, &at);
        for (int64_t left = end - k; left > 0; left -= per, at.codes += GEMM_PANEL) {
            nbits_write(bits, dst, &at, left, zero);
            dst += (left < per ? left : per) * GEMM_PANEL;
        }
    }
}

static void nbits_panel(float *dst, const igi_nbits *b, int64_t p)
{
    if (b->bits == 2)
        nbits_unpack(2, dst, b, p);
    else if (b->bits == 4)
        nbits_unpack(4, dst, b, p);
    else
        nbits_unpack(8, dst, b, p);
}
