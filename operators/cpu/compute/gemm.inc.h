/* f32 matrix product: register tiles of up to GEMM_MR rows x GEMM_NV vectors of
 * columns.
 *
 * B comes as panels [k][GEMM_NV * VW] (packed) or in place with a row stride; A is read
 * in place. Accumulators start from zero; a finished block of K is added to bias and
 * residual, or to C after the first block, on its way from the registers to memory. So
 * both addends cost nothing, and they are rounded once a block: accumulators that start
 * from a large residual would round every product at its size. An element is one chain
 * of multiply-adds a block, in the order of k.
 * K goes in blocks of 768 (a panel's block and the rows of A stay in L1 and L2),
 * then groups of panels, then row tiles, then the panels of the group. Heights are
 * spread evenly over the rows (128 = 8 x 13 + 2 x 12), as short tiles leave the
 * multipliers waiting. Every height has its own kernel with all loops unrolled.
 * Activations run on the finished tile in L1. */

#define GEMM_PANEL   (GEMM_NV * VW)
#define GEMM_K_BLOCK 768
#define GEMM_GROUP   6
#define GEMM_AHEAD   16 /* rows of B between a prefetch and its use */
/* B in place beyond this many floats (L1) is read in slabs of whole rows: a panel's
 * pieces of rows lie too far apart for the CPU's own prefetching, 2.5 times slower at M
 * = 1. */
#define GEMM_SLAB_FLOATS 8192
#define GEMM_SLAB_ROWS   32

typedef struct gemm_tile {
    int64_t k;
    const float *a;
    int64_t lda, a_step;
    const float *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
    const float *add0; /* two addends of the sum, either may be NULL; ld 0 repeats */
    int64_t ld0;
    const float *add1;
    int64_t ld1;
    int64_t cols, last; /* all columns, and those of the last vector */
    bool bounded;       /* results are kept between low and high */
    float low, high;
} gemm_tile;

/* Rows of a packed panel. */
static int64_t gemm_depth(const igi_gemm *g)
{
    return g->depth ? g->depth : g->k;
}

VEC_INLINE vf gemm_load(const float *p, bool tail, vm mask)
{
    return tail ? vload_tail(p, mask) : vload(p);
}

/* Stores one sum with its addends. */
VEC_INLINE void gemm_store(const gemm_tile *t, int i, int j, bool tail, vm mask, vf x)
{
    float *c = t->c + i * t->ldc + j * VW;
    if (t->add0)
        x = vadd(x, gemm_load(t->add0 + i * t->ld0 + j * VW, tail, mask));
    if (t->add1)
        x = vadd(x, gemm_load(t->add1 + i * t->ld1 + j * VW, tail, mask));
    if (t->bounded)
        x = vmin(vset1(t->high), vmax(vset1(t->low), x));
    if (tail)
        vstore_tail(c, mask, x);
    else
        vstore(c, x);
}

/* m, nv and masked are constants wherever this is inlined. Rows of A are addressed as
 * three bases of five rows: base + {0, 1, 2, 3, 4} * ld are address forms of the CPU,
 * so the loop advances three pointers instead of 14. */
VEC_INLINE void
gemm_kernel(const int m, const int nv, const bool masked, const gemm_tile *tile)
{
    const gemm_tile copy = *tile,
                    *t = &copy; /* C might alias *tile for all gcc knows */
    vf acc[GEMM_MR][GEMM_NV];
    const vm mask = vtail(masked ? t->last : 1);
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int j = 0; j < nv; j++)
            acc[i][j] = vset1(0.0f);
    }
    const int64_t ld = t->lda * (int64_t)sizeof(float), ld3 = 3 * ld;
    const int64_t step = t->a_step * (int64_t)sizeof(float);
    const char *p0 = (const char *)t->a;
    const char *p1 = m > 5 ? p0 + 5 * ld : p0;
    const char *p2 = m > 10 ? p1 + 5 * ld : p0;
    const float *b = t->b;
    const int64_t ldb = t->ldb;
    for (int64_t k = t->k; k > 0; k--) {
        VEC_KEEP(p0); /* or gcc replaces the bases by a pointer a row, and spills */
        if (m > 5)
            VEC_KEEP(p1);
        if (m > 10)
            VEC_KEEP(p2);
        for (int j = 0; j < nv * VW; j += 16)
            __builtin_prefetch(b + GEMM_AHEAD * ldb + j);
        vf bv[GEMM_NV];
        VEC_UNROLL
        for (int j = 0; j < nv; j++)
            bv[j] = gemm_load(b + j * VW, masked && j == nv - 1, mask);
        VEC_UNROLL
        for (int i = 0; i < m; i++) {
            const char *base = i < 5 ? p0 : i < 10 ? p1 : p2;
            const char *row = base + (i % 5 == 3 ? ld3 : (i % 5) * ld);
            vf av = vset1(*(const float *)(const void *)row);
            VEC_UNROLL
            for (int j = 0; j < nv; j++)
                acc[i][j] = vfma(av, bv[j], acc[i][j]);
        }
        p0 += step;
        p1 += step;
        p2 += step;
        b += ldb;
    }
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int j = 0; j < nv; j++)
            gemm_store(t, i, j, masked && j == nv - 1, mask, acc[i][j]);
    }
}

/* One column of B at M = 1 is a chain of dependent multiply-adds; four chains hide
 * their latency. Chain s takes k = s mod 4. */
VEC_INLINE void gemv_kernel(const int nv, const bool masked, const gemm_tile *tile)
{
    const gemm_tile copy = *tile, *t = &copy;
    vf acc[4][GEMM_NV];
    const vm mask = vtail(masked ? t->last : 1);
    VEC_UNROLL
    for (int j = 0; j < nv; j++)
        acc[0][j] = acc[1][j] = acc[2][j] = acc[3][j] = vset1(0.0f);
    const float *b = t->b;
    int64_t k = 0;
    for (; k + 4 <= t->k; k += 4) {
        VEC_UNROLL
        for (int s = 0; s < 4; s++) {
            vf av = vset1(t->a[k + s]);
            VEC_UNROLL
            for (int j = 0; j < nv; j++) {
                vf bv = gemm_load(b + j * VW, masked && j == nv - 1, mask);
                acc[s][j] = vfma(av, bv, acc[s][j]);
            }
            b += t->ldb;
        }
    }
    VEC_UNROLL
    for (int s = 0; s < 3; s++) {
        if (k + s < t->k) {
            vf av = vset1(t->a[k + s]);
            VEC_UNROLL
            for (int j = 0; j < nv; j++) {
                vf bv = gemm_load(b + j * VW, masked && j == nv - 1, mask);
                acc[s][j] = vfma(av, bv, acc[s][j]);
            }
            b += t->ldb;
        }
    }
    VEC_UNROLL
    for (int j = 0; j < nv; j++) {
        vf sum = vadd(vadd(acc[0][j], acc[1][j]), vadd(acc[2][j], acc[3][j]));
        gemm_store(t, 0, j, masked && j == nv - 1, mask, sum);
    }
}

typedef void (*gemm_kernel_fn)(const gemm_tile *t);

/* Kernels named by height and by vectors of columns; "full" needs no mask. */
#define GEMM_KERNEL(m_, nv_)                                                           \
    static void gemm_##m_##_##nv_(const gemm_tile *t)                                  \
    {                                                                                  \
        gemm_kernel(m_, nv_, true, t);                                                 \
    }
#define GEMM_KERNEL_FULL(m_)                                                           \
    static void gemm_##m_##_full(const gemm_tile *t)                                   \
    {                                                                                  \
        gemm_kernel(m_, GEMM_NV, false, t);                                            \
    }
#define GEMV_KERNEL(nv_)                                                               \
    static void gemv_##nv_(const gemm_tile *t)                                         \
    {                                                                                  \
        gemv_kernel(nv_, true, t);                                                     \
    }
#if GEMM_NV == 4
#define GEMM_HEIGHT(m_)                                                                \
    GEMM_KERNEL_FULL(m_)                                                               \
    GEMM_KERNEL(m_, 1)                                                                 \
    GEMM_KERNEL(m_, 2)                                                                 \
    GEMM_KERNEL(m_, 3)                                                                 \
    GEMM_KERNEL(m_, 4)
#define GEMM_ROW(m_)                                                                   \
    {                                                                                  \
        gemm_##m_##_full, gemm_##m_##_1, gemm_##m_##_2, gemm_##m_##_3, gemm_##m_##_4   \
    }
GEMV_KERNEL(1)
GEMV_KERNEL(2)
GEMV_KERNEL(3)
GEMV_KERNEL(4)
#else
#define GEMM_HEIGHT(m_)                                                                \
    GEMM_KERNEL_FULL(m_)                                                               \
    GEMM_KERNEL(m_, 1)                                                                 \
    GEMM_KERNEL(m_, 2)
#define GEMM_ROW(m_)                                                                   \
    {                                                                                  \
        gemm_##m_##_full, gemm_##m_##_1, gemm_##m_##_2                                 \
    }
GEMV_KERNEL(1)
GEMV_KERNEL(2)
#endif
static void gemv_full(const gemm_tile *t)
{
    gemv_kernel(GEMM_NV, false, t);
}

GEMM_HEIGHT(1)
GEMM_HEIGHT(2)
GEMM_HEIGHT(3)
#if GEMM_MR > 3
GEMM_HEIGHT(4)
GEMM_HEIGHT(5)
GEMM_HEIGHT(6)
#endif
#if GEMM_MR > 6
GEMM_HEIGHT(7)
GEMM_HEIGHT(8)
GEMM_HEIGHT(9)
GEMM_HEIGHT(10)
GEMM_HEIGHT(11)
GEMM_HEIGHT(12)
GEMM_HEIGHT(13)
GEMM_HEIGHT(14)
#endif

/* [height - 1][0: full, j: j vectors, the last one masked] */
static const gemm_kernel_fn gemm_kernels[GEMM_MR][GEMM_NV + 1] = {
    GEMM_ROW(1),  GEMM_ROW(2),  GEMM_ROW(3),
#if GEMM_MR > 3
    GEMM_ROW(4),  GEMM_ROW(5),  GEMM_ROW(6),
#endif
#if GEMM_MR > 6
    GEMM_ROW(7),  GEMM_ROW(8),  GEMM_ROW(9),  GEMM_ROW(10),
    GEMM_ROW(11), GEMM_ROW(12), GEMM_ROW(13), GEMM_ROW(14),
#endif
};
#if GEMM_NV == 4
static const gemm_kernel_fn gemv_kernels[] = {gemv_full, gemv_1, gemv_2, gemv_3,
                                              gemv_4};
#else
static const gemm_kernel_fn gemv_kernels[] = {gemv_full, gemv_1, gemv_2};
#endif

/* Whether what follows the addends is a minimum and a maximum (infinite without an
 * activation), which need no second pass. */
static bool epilogue_bounds(const igi_epilogue *e, float *low, float *high)
{
    *low = -INFINITY;
    *high = INFINITY;
    if (e->residual && e->residual_after)
        return false;
    if (e->act == IGI_UNARY_RELU) {
        *low = 0.0f;
    } else if (e->act == IGI_UNARY_CLIP) {
        *low = e->act_params[0];
        *high = e->act_params[1];
    }
    return e->act == IGI_UNARY_NONE || e->act == IGI_UNARY_RELU ||
           e->act == IGI_UNARY_CLIP;
}

/* What follows the sum, on the finished tile of `rows` x `cols` at (row, col) of C. */
static void
gemm_finish(const igi_gemm *g, int64_t row, int64_t rows, int64_t col, int64_t cols)
{
    const igi_epilogue *e = &g->epilogue;
    if (e->act)
        unary_tiles[e->act](g->c + row * g->ldc + col, g->ldc, rows, cols,
                            e->act_params);
    for (int64_t i = row; e->residual && e->residual_after && i < row + rows; i++) {
        float *c = g->c + i * g->ldc + col;
        binary_add_vv(c, c, e->residual + i * e->ld_residual + col, cols);
    }
}

/* How a product is cut, by its sizes alone. */
typedef struct gemm_way {
    bool slabs, single; /* single: M = 1 by four chains */
    int64_t k_block;
} gemm_way;

typedef struct gemm_block {
    int64_t k0, k; /* the block of K */
    bool first, last;
    bool single;
} gemm_block;

/* What a tile writes and adds: rows from `row` in panel p. *plain: nothing is left to
 * do behind the store. */
static gemm_tile gemm_tile_at(
    const igi_gemm *g, const gemm_block *kb, int64_t row, int64_t p, bool *plain)
{
    const igi_epilogue *e = &g->epilogue;
    const int64_t col = p * GEMM_PANEL;
    const int64_t cols = g->n - col < GEMM_PANEL ? g->n - col : GEMM_PANEL;
    gemm_tile t = {
        .c = g->c + row * g->ldc + col,
        .ldc = g->ldc,
        .cols = cols,
        .last = cols - (cols - 1) / VW * VW,
    };
    if (!kb->first) {
        t.add0 = t.c;
        t.ld0 = t.ldc;
    } else {
        t.add0 = e->bias ? e->bias + col : NULL;
        if (e->residual && !e->residual_after) {
            t.add1 = e->residual + row * e->ld_residual + col;
            t.ld1 = e->ld_residual;
        }
    }
    const bool bounds = epilogue_bounds(e, &t.low, &t.high);
    t.bounded = kb->last && bounds && e->act;
    *plain = !kb->last || bounds;
    return t;
}

/* One tile of at most GEMM_MR rows in panel p. */
static void gemm_do_tile(
    const igi_gemm *g, const gemm_block *kb, int64_t row, int64_t rows, int64_t p)
{
    bool plain;
    const int64_t col = p * GEMM_PANEL, step = g->a_step ? g->a_step : 1;
    gemm_tile t = gemm_tile_at(g, kb, row, p, &plain);
    t.k = kb->k;
    t.a = g->a + row * g->lda + kb->k0 * step;
    t.lda = g->lda;
    t.a_step = step;
    t.b = g->ldb ? g->b + kb->k0 * g->ldb + col
                 : g->b + (p * gemm_depth(g) + kb->k0) * GEMM_PANEL;
    t.ldb = g->ldb ? g->ldb : GEMM_PANEL;
    const int64_t kind = t.cols == GEMM_PANEL ? 0 : (t.cols + VW - 1) / VW;
    if (kb->single)
        gemv_kernels[kind](&t);
    else
        gemm_kernels[rows - 1][kind](&t);
    if (!plain)
        gemm_finish(g, row, rows, col, t.cols);
}

/* Asks for the lines that the next tile will write and add: they lie row strides apart,
 * and no prefetcher of the CPU finds them. */
static void gemm_ahead(const igi_gemm *g, int64_t row, int64_t rows, int64_t p)
{
    const int64_t col = p * GEMM_PANEL;
    const igi_epilogue *e = &g->epilogue;
    for (int64_t i = row; i < row + rows; i++) {
        for (int64_t j = col; j < col + GEMM_PANEL; j += 16) {
            __builtin_prefetch(g->c + i * g->ldc + j, 0, 2);
            if (e->residual)
                __builtin_prefetch(e->residual + i * e->ld_residual + j, 0, 2);
        }
    }
}

/* All row tiles against the panels [p0, p1) of one block of K. */
static void gemm_group(const igi_gemm *g,
                       const gemm_block *kb,
                       int64_t row_lo,
                       int64_t row_hi,
                       int64_t p0,
                       int64_t p1)
{
    const int64_t rows = row_hi - row_lo;
    const int64_t tiles = (rows + GEMM_MR - 1) / GEMM_MR;
    int64_t row = row_lo;
    for (int64_t i = 0; i < tiles; i++) {
        const int64_t height = rows / tiles + (i < rows % tiles);
        for (int64_t p = p0; p < p1; p++) {
            if (p + 1 < p1)
                gemm_ahead(g, row, height, p + 1);
            else if (i + 1 < tiles)
                gemm_ahead(g, row + height, height, p0);
            gemm_do_tile(g, kb, row, height, p);
        }
        row += height;
    }
}

/* Panels that stay in L2 together: more when they are shallow, so that rows of A and C
 * are visited once. */
static int64_t gemm_group_of(int64_t k)
{
    return k > 0 && k < GEMM_K_BLOCK ? GEMM_GROUP * (GEMM_K_BLOCK / k) : GEMM_GROUP;
}

/* The parts of a product, K in blocks of k_block. */
static void gemm_blocks(const igi_gemm *g,
                        gemm_way way,
                        int64_t row_lo,
                        int64_t row_hi,
                        int64_t panel_lo,
                        int64_t panel_hi)
{
    int64_t k0 = 0;
    do { /* once for k == 0 too: the result is the epilogue of 0 */
        const int64_t left = g->k - k0;
        const gemm_block kb = {
            .k0 = k0,
            .k = left < way.k_block ? left : way.k_block,
            .first = k0 == 0,
            .last = left <= way.k_block,
            .single = way.single,
        };
        const int64_t group = way.slabs ? panel_hi - panel_lo : gemm_group_of(kb.k);
        for (int64_t p0 = panel_lo; p0 < panel_hi; p0 += group) {
            const int64_t p1 = p0 + group < panel_hi ? p0 + group : panel_hi;
            gemm_group(g, &kb, row_lo, row_hi, p0, p1);
        }
        k0 += kb.k;
    } while (k0 < g->k);
}

/* A residual that is C itself and comes last: C must rest until then. */
static bool gemm_reads_c_last(const igi_gemm *g)
{
    return g->epilogue.residual == g->c && g->c && g->epilogue.residual_after;
}

/* The product of some rows and columns, to be made on the stack. */
static igi_gemm
gemm_part(const igi_gemm *g, float *tile, int64_t row, int64_t col, int64_t cols)
{
    igi_gemm part = *g;
    part.a += row * g->lda;
    part.n = cols;
    part.c = tile;
    part.ldc = GEMM_PANEL;
    part.epilogue.residual = NULL;
    if (part.epilogue.bias)
        part.epilogue.bias += col;
    return part;
}

/* C += such a product. */
static void gemm_add_part(
    const igi_gemm *g, const igi_gemm *part, int64_t row, int64_t rows, int64_t col)
{
    for (int64_t i = 0; i < rows; i++) {
        float *c = g->c + (row + i) * g->ldc + col;
        binary_add_vv(c, part->c + i * part->ldc, c, part->n);
    }
}

/* The same bits as with the residual elsewhere: only the order of the work differs. */
static void gemm_apart(const igi_gemm *g,
                       gemm_way way,
                       int64_t row_lo,
                       int64_t row_hi,
                       int64_t panel_lo,
                       int64_t panel_hi)
{
    float tile[GEMM_MR * GEMM_PANEL];
    for (int64_t p = panel_lo; p < panel_hi; p++) {
        const int64_t col = p * GEMM_PANEL, left = g->n - col;
        for (int64_t row = row_lo; row < row_hi; row += GEMM_MR) {
            const int64_t rows = row_hi - row < GEMM_MR ? row_hi - row : GEMM_MR;
            igi_gemm part =
                gemm_part(g, tile, row, col, left < GEMM_PANEL ? left : GEMM_PANEL);
            part.b += g->ldb ? col : col * gemm_depth(g);
            gemm_blocks(&part, way, 0, rows, 0, 1);
            gemm_add_part(g, &part, row, rows, col);
        }
    }
}

static void gemm(const igi_gemm *g,
                 int64_t row_lo,
                 int64_t row_hi,
                 int64_t panel_lo,
                 int64_t panel_hi)
{
    const bool slabs = g->ldb && g->n * g->k > GEMM_SLAB_FLOATS;
    const bool single = g->m == 1 && !slabs;
    const gemm_way way = {.slabs = slabs,
                          .single = single,
                          .k_block = slabs    ? GEMM_SLAB_ROWS
                                     : single ? g->k
                                              : GEMM_K_BLOCK};
    if (row_lo >= row_hi)
        return;
    if (gemm_reads_c_last(g))
        gemm_apart(g, way, row_lo, row_hi, panel_lo, panel_hi);
    else
        gemm_blocks(g, way, row_lo, row_hi, panel_lo, panel_hi);
}
