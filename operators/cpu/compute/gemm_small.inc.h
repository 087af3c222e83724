/* Products that do not go through packed panels: rows of B in place as dot products,
 * and float64. */

/* y[i] = sum of a[i][k] * b[k] for m rows of A, b being read once: each in DOT_CHAINS
 * chains of vectors, whose order depends on k alone. */
#define DOT_ROWS   4
#define DOT_CHAINS 4
VEC_INLINE void
dot_rows(const int m, float *y, const float *a, int64_t lda, const float *b, int64_t k)
{
    vf acc[DOT_ROWS][DOT_CHAINS];
    int64_t at = 0;
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int s = 0; s < DOT_CHAINS; s++)
            acc[i][s] = vset1(0.0f);
    }
    for (; at + DOT_CHAINS * VW <= k; at += DOT_CHAINS * VW) {
        VEC_UNROLL
        for (int s = 0; s < DOT_CHAINS; s++) {
            const vf x = vload(b + at + s * VW);
            VEC_UNROLL
            for (int i = 0; i < m; i++)
                acc[i][s] = vfma(vload(a + i * lda + at + s * VW), x, acc[i][s]);
        }
    }
    for (; at + VW <= k; at += VW) {
        const vf x = vload(b + at);
        VEC_UNROLL
        for (int i = 0; i < m; i++)
            acc[i][0] = vfma(vload(a + i * lda + at), x, acc[i][0]);
    }
    if (at < k) {
        const vm tail = vtail(k - at);
        const vf x = vload_tail(b + at, tail);
        VEC_UNROLL
        for (int i = 0; i < m; i++)
            acc[i][1] = vfma(vload_tail(a + i * lda + at, tail), x, acc[i][1]);
    }
    VEC_UNROLL
    for (int i = 0; i < m; i++)
        y[i] = vsum(vadd(vadd(acc[i][0], acc[i][1]), vadd(acc[i][2], acc[i][3])));
}

static void
dot_some(int64_t m, float *y, const float *a, int64_t lda, const float *b, int64_t k)
{
    switch (m) {
    case 1:
        dot_rows(1, y, a, lda, b, k);
        break;
    case 2:
        dot_rows(2, y, a, lda, b, k);
        break;
    case 3:
        dot_rows(3, y, a, lda, b, k);
        break;
    default:
        dot_rows(DOT_ROWS, y, a, lda, b, k);
        break;
    }
}

static void gemm_dot(const igi_gemm *g, int64_t col_lo, int64_t col_hi);

/* When the residual is C and comes last. */
static void gemm_dot_apart(const igi_gemm *g, int64_t col_lo, int64_t col_hi)
{
    float tile[GEMM_MR * GEMM_PANEL];
    for (int64_t col = col_lo; col < col_hi; col += GEMM_PANEL) {
        const int64_t cols = col_hi - col < GEMM_PANEL ? col_hi - col : GEMM_PANEL;
        for (int64_t row = 0; row < g->m; row += GEMM_MR) {
            igi_gemm part = gemm_part(g, tile, row, col, cols);
            part.m = g->m - row < GEMM_MR ? g->m - row : GEMM_MR;
            part.b += col * g->ldb;
            gemm_dot(&part, 0, cols);
            gemm_add_part(g, &part, row, part.m, col);
        }
    }
}

/* One row of B at a time: one stream from memory, several would halve its speed. */
static void gemm_dot(const igi_gemm *g, int64_t col_lo, int64_t col_hi)
{
    const igi_epilogue *e = &g->epilogue;
    if (gemm_reads_c_last(g)) {
        gemm_dot_apart(g, col_lo, col_hi);
        return;
    }
    for (int64_t c0 = col_lo; c0 < col_hi; c0 += GEMM_PANEL) {
        const int64_t c1 = c0 + GEMM_PANEL < col_hi ? c0 + GEMM_PANEL : col_hi;
        for (int64_t j = c0; j < c1; j++) {
            float y[DOT_ROWS];
            for (int64_t i = 0; i < g->m; i++) {
                const int64_t at = i % DOT_ROWS, rows = g->m - i;
                if (at == 0)
                    dot_some(rows, y, g->a + i * g->lda, g->lda, g->b + j * g->ldb,
                             g->k);
                float x = y[at];
                if (e->bias)
                    x += e->bias[j];
                if (e->residual && !e->residual_after)
                    x += e->residual[i * e->ld_residual + j];
                g->c[i * g->ldc + j] = x;
            }
        }
        if (e->act || (e->residual && e->residual_after))
            gemm_finish(g, 0, g->m, c0, c1 - c0);
    }
}

/* float64: tiles of 4 rows x 2 vectors over a slice of B copied to the stack, which
 * serves any strides of B. Chains run in the order of k; between slices they rest in C.
 */
#define F64_NV    2
#define F64_PANEL (F64_NV * VDW)
#define F64_K     128
#define F64_MR    4

VEC_INLINE void f64_kernel(const int m,
                           const igi_gemm_f64 *g,
                           const double *a,
                           const double *slice,
                           int64_t k,
                           double (*tile)[F64_PANEL])
{
    vd acc[F64_MR][F64_NV];
    VEC_UNROLL
    for (int i = 0; i < m; i++)
        VEC_UNROLL
    for (int j = 0; j < F64_NV; j++)
        acc[i][j] = vdload(&tile[i][j * VDW]);
    for (int64_t kk = 0; kk < k; kk++) {
        VEC_UNROLL
        for (int i = 0; i < m; i++) {
            vd av = vdset1(a[i * g->a_rs + kk * g->a_cs]);
            VEC_UNROLL
            for (int j = 0; j < F64_NV; j++)
                acc[i][j] = vdfma(av, vdload(slice + j * VDW), acc[i][j]);
        }
        slice += F64_PANEL;
    }
    VEC_UNROLL
    for (int i = 0; i < m; i++)
        VEC_UNROLL
    for (int j = 0; j < F64_NV; j++)
        vdstore(&tile[i][j * VDW], acc[i][j]);
}

typedef struct f64_block {
    int64_t col, cols; /* valid columns of the panel */
    int64_t k0, k;
} f64_block;

static void f64_rows(const igi_gemm_f64 *g,
                     const f64_block *blk,
                     const double *slice,
                     int64_t row,
                     int64_t rows)
{
    double tile[F64_MR][F64_PANEL] = {{0}};
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < blk->cols; j++) {
            if (blk->k0 > 0)
                tile[i][j] = g->c[(row + i) * g->ldc + blk->col + j];
            else if (g->init)
                tile[i][j] =
                    g->init[(row + i) * g->init_rs + (blk->col + j) * g->init_cs];
        }
    }
    const double *a = g->a + row * g->a_rs + blk->k0 * g->a_cs;
    if (rows == F64_MR) {
        f64_kernel(F64_MR, g, a, slice, blk->k, tile);
    } else {
        for (int64_t i = 0; i < rows; i++)
            f64_kernel(1, g, a + i * g->a_rs, slice, blk->k, &tile[i]);
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < blk->cols; j++)
            g->c[(row + i) * g->ldc + blk->col + j] = tile[i][j];
}

static void gemm_f64(const igi_gemm_f64 *g, int64_t row_lo, int64_t row_hi)
{
    double slice[F64_K * F64_PANEL];
    for (int64_t col = 0; col < g->n; col += F64_PANEL) {
        f64_block blk = {.col = col};
        blk.cols = g->n - col < F64_PANEL ? g->n - col : F64_PANEL;
        do { /* once for k == 0 too */
            blk.k = g->k - blk.k0 < F64_K ? g->k - blk.k0 : F64_K;
            for (int64_t k = 0; k < blk.k; k++) {
                const double *b = g->b + (blk.k0 + k) * g->b_rs + col * g->b_cs;
                double *s = slice + k * F64_PANEL;
                for (int64_t j = 0; j < F64_PANEL; j++)
                    s[j] = j < blk.cols ? g->alpha * b[j * g->b_cs] : 0.0;
            }
            for (int64_t row = row_lo; row < row_hi; row += F64_MR) {
                const int64_t rows = row_hi - row < F64_MR ? row_hi - row : F64_MR;
                f64_rows(g, &blk, slice, row, rows);
            }
            blk.k0 += blk.k;
        } while (blk.k0 < g->k);
    }
}
