/* Few rows of A by a row-major B in place: the time is that of reading B, once.
 *
 * B is walked along its rows, some of them at a time, over a block of columns as wide
 * as sums for it stay in L1: a few long sequential streams, which the CPU's own
 * prefetching follows. (A panel of 32 columns reads short pieces a row apart, at a
 * quarter of the speed.) Nothing is packed, so nothing is twice in memory.
 *
 * FEW_CHAIN rows of B make one chain of multiply-adds, which is added to the sum; rows
 * that are left at the end of k are added one by one. So an element depends on k alone:
 * neither on the cut of columns nor on how many rows A has. Epilogues run on the
 * finished sums in L1. */
#define FEW_CHAIN 4
#define FEW_SUMS  4096 /* floats of sums; those of one row of A: this / rows */

typedef struct few_part {
    int64_t col, cols;
    float *acc; /* [m][ld] */
    int64_t ld;
} few_part;

/* acc += A[m][k..k+depth] * B[k..k+depth][cols]. m and depth are constants wherever
 * this is inlined; depth is 1 or a multiple of FEW_CHAIN. */
VEC_INLINE void few_add(
    const int m, const int depth, const igi_gemm *g, int64_t k, const few_part *part)
{
    const int64_t step = g->a_step ? g->a_step : 1, ldb = g->ldb;
    const int64_t cols = part->cols, ld = part->ld;
    const float *b = g->b + k * ldb + part->col;
    float *acc = part->acc;
    vf x[IGI_FEW_ROWS][2 * FEW_CHAIN];
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int s = 0; s < depth; s++)
            x[i][s] = vset1(g->a[i * g->lda + (k + s) * step]);
    }
    for (int64_t j = 0; j < cols; j += VW) {
        const bool tail = cols - j < VW;
        const vm mask = vtail(tail ? cols - j : 1);
        vf bv[2 * FEW_CHAIN];
        VEC_UNROLL
        for (int s = 0; s < depth; s++)
            bv[s] = gemm_load(b + s * ldb + j, tail, mask);
        VEC_UNROLL
        for (int i = 0; i < m; i++) {
            vf sum = vload(acc + i * ld + j);
            VEC_UNROLL
            for (int s = 0; s < depth; s += FEW_CHAIN) {
                if (depth == 1) {
                    sum = vfma(x[i][0], bv[0], sum);
                    continue;
                }
                vf chain = vmul(x[i][s], bv[s]);
                VEC_UNROLL
                for (int r = 1; r < FEW_CHAIN; r++)
                    chain = vfma(x[i][s + r], bv[s + r], chain);
                sum = vadd(sum, chain);
            }
            vstore(acc + i * ld + j, sum);
        }
    }
}

/* depth: rows of B at a time, as many as the registers hold factors for. */
VEC_INLINE void
few_block(const int m, const int depth, const igi_gemm *g, const few_part *part)
{
    int64_t k = 0;
    for (; k + depth <= g->k; k += depth)
        few_add(m, depth, g, k, part);
    if (depth > FEW_CHAIN && k + FEW_CHAIN <= g->k) {
        few_add(m, FEW_CHAIN, g, k, part);
        k += FEW_CHAIN;
    }
    for (; k < g->k; k++)
        few_add(m, 1, g, k, part);
}

/* Writes finished sums; a residual may be C. */
static void few_finish(const igi_gemm *g, const few_part *part)
{
    const igi_epilogue *e = &g->epilogue;
    const int64_t ld = part->ld, col = part->col, cols = part->cols;
    for (int64_t i = 0; i < g->m; i++) {
        float *sum = part->acc + i * ld, *c = g->c + i * g->ldc + col;
        const float *r = e->residual ? e->residual + i * e->ld_residual + col : NULL;
        if (e->bias)
            binary_add_vv(sum, sum, e->bias + col, cols);
        if (r && !e->residual_after)
            binary_add_vv(sum, sum, r, cols);
        if (e->act)
            unary_tiles[e->act](sum, ld, 1, cols, e->act_params);
        if (r && e->residual_after)
            binary_add_vv(c, sum, r, cols);
        else
            memcpy(c, sum, (size_t)cols * sizeof(float));
    }
}

/* Columns [col_lo, col_hi) of at most IGI_FEW_ROWS rows. */
static void gemm_few(const igi_gemm *g, int64_t col_lo, int64_t col_hi)
{
    float acc[FEW_SUMS];
    const int64_t ld = g->m > 0 ? FEW_SUMS / g->m / VW * VW : col_hi;
    for (int64_t col = col_lo; col < col_hi; col += ld) {
        const int64_t cols = col_hi - col < ld ? col_hi - col : ld;
        const few_part part = {.col = col, .cols = cols, .acc = acc, .ld = ld};
        for (int64_t i = 0; i < g->m; i++)
            memset(acc + i * ld, 0, (size_t)(cols + VW - 1) / VW * VW * sizeof(float));
        switch (g->m) {
        case 1:
            few_block(1, 2 * FEW_CHAIN, g, &part);
            break;
        case 2:
            few_block(2, 2 * FEW_CHAIN, g, &part);
            break;
        case 3:
            few_block(3, FEW_CHAIN, g, &part);
            break;
        case 4:
            few_block(4, FEW_CHAIN, g, &part);
            break;
        }
        few_finish(g, &part);
    }
}
