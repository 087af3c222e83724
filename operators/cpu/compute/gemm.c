/* Packing of B for the matrix product, and products whose B is not packed ahead.
 *
 * igi_matmul_run chooses by sizes and strides alone (so results repeat): B with
 * adjacent columns is used in place while it is small or rows of A are few (very few:
 * along its rows); B with
 * adjacent rows (a transposed matrix) is read as dot products for up to DOT_ROWS rows
 * of A; everything else is packed one panel at a time into scratch. A with a stride
 * inside rows is copied first, unless it is a small transposed one, whose columns are
 * read across. */
#include "operators/cpu/compute.h"

#include "graph/core/checked.h"

#include <string.h>

#define DOT_ROWS       4
#define IN_PLACE_ROWS  36
#define FEW_COLUMNS    64    /* of B read along its rows, at least */
#define IN_PLACE_BYTES 32768 /* B this small stays in L1 whatever its strides */
#define PIECE_WORK                                                                     \
    ((int64_t)1 << 30)   /* multiply-adds between questions whether to stop */
#define PIECE_TILES   16 /* rows of tiles of a piece, at least */
#define SCRATCH_ALIGN 16 /* floats: both parts of scratch start on a cache line */

int64_t igi_gemm_panels(const igi_cpu_isa *isa, int64_t n)
{
    return n / isa->gemm_panel + (n % isa->gemm_panel != 0);
}

bool igi_gemm_packed_size(const igi_cpu_isa *isa, int64_t n, int64_t k, size_t *floats)
{
    int64_t columns, total;
    size_t bytes;
    if (n < 0 || k < 0 ||
        !igi_mul_i64(igi_gemm_panels(isa, n), isa->gemm_panel, &columns) ||
        !igi_mul_i64(columns, k, &total))
        return false;
    *floats = (size_t)total;
    return igi_mul_size((size_t)total, sizeof(float), &bytes) && bytes <= PTRDIFF_MAX;
}

/* Any strides: row by row of the panel. */
static void
pack_rows(float *dst, int panel, const igi_gemm_source *s, int64_t col, int64_t cols)
{
    for (int64_t k = 0; k < s->k; k++, dst += panel) {
        const float *b = s->b + k * s->rs + col * s->cs;
        if (s->cs == 1 && s->scale == 1.0f) {
            memcpy(dst, b, (size_t)cols * sizeof(float));
        } else {
            for (int64_t j = 0; j < cols; j++) {
                float x; /* B may lie at any address */
                memcpy(&x, b + j * s->cs, sizeof(x));
                dst[j] = s->scale * x;
            }
        }
        for (int64_t j = cols; j < panel; j++)
            dst[j] = 0.0f;
    }
}

/* Adjacent rows (transposed B): a 2-D transpose of `cols` rows of length k. */
static void pack_transposed(const igi_cpu_isa *isa,
                            float *dst,
                            const igi_gemm_source *s,
                            int64_t col,
                            int64_t cols)
{
    const int panel = isa->gemm_panel;
    isa->transpose_32(dst, panel, s->b + col * s->cs, s->cs, cols, s->k);
    if (s->scale != 1.0f || cols < panel) {
        for (int64_t k = 0; k < s->k; k++, dst += panel) {
            for (int64_t j = 0; j < cols; j++)
                dst[j] *= s->scale;
            for (int64_t j = cols; j < panel; j++)
                dst[j] = 0.0f;
        }
    }
}

static void
pack_panel(const igi_cpu_isa *isa, float *dst, const igi_gemm_source *s, int64_t p)
{
    const int panel = isa->gemm_panel;
    const int64_t col = p * panel;
    const int64_t cols = s->n - col < panel ? s->n - col : panel;
    if (s->rs == 1 && s->cs != 1)
        pack_transposed(isa, dst, s, col, cols);
    else
        pack_rows(dst, panel, s, col, cols);
}

void igi_gemm_pack(const igi_cpu_isa *isa,
                   float *dst,
                   const igi_gemm_source *source,
                   int64_t panel_lo,
                   int64_t panel_hi)
{
    const int64_t size = (source->depth ? source->depth : source->k) * isa->gemm_panel;
    for (int64_t p = panel_lo; p < panel_hi; p++)
        pack_panel(isa, dst + p * size, source, p);
}

typedef enum matmul_way { WAY_IN_PLACE, WAY_FEW, WAY_DOT, WAY_PACK } matmul_way;

static bool scales_a(const igi_matmul *g)
{
    return g->alpha != 1.0f && g->m <= g->n;
}

static matmul_way matmul_choose(const igi_matmul *g)
{
    /* Negative and zero strides cannot say "packed" or step as ldb: they are packed. */
    if (g->alpha != 1.0f && !scales_a(g))
        return WAY_PACK;
    const bool small = g->n <= IN_PLACE_BYTES / (int64_t)sizeof(float) &&
                       g->k <= IN_PLACE_BYTES / (int64_t)sizeof(float) &&
                       g->n * g->k <= IN_PLACE_BYTES / (int64_t)sizeof(float);
    if (g->b_cs == 1 && g->b_rs > 0 && !small && g->m <= IGI_FEW_ROWS &&
        g->n >= FEW_COLUMNS)
        return WAY_FEW;
    if (g->b_cs == 1 && g->b_rs > 0 && (small || g->m <= IN_PLACE_ROWS))
        return WAY_IN_PLACE;
    if (g->b_rs == 1 && g->b_cs > 0 && g->m <= DOT_ROWS)
        return WAY_DOT;
    return WAY_PACK;
}

/* Transposed and in L1: a tile reads neighbours at every step. */
static bool reads_across(const igi_matmul *g)
{
    const int64_t most = IN_PLACE_BYTES / (int64_t)sizeof(float);
    return g->a_rs == 1 && g->a_cs > 0 && g->m > DOT_ROWS && g->m <= most &&
           g->k <= most && g->a_cs <= most && g->a_cs * g->k <= most;
}

/* Floats of the copy of A, rounded up so that what follows is aligned. */
static bool matmul_a_size(const igi_matmul *g, size_t *floats)
{
    *floats = 0;
    if ((g->a_cs == 1 || g->k <= 1 || reads_across(g)) && !scales_a(g))
        return true;
    return igi_mul_size((size_t)g->m, (size_t)g->k, floats) &&
           igi_round_up(*floats, SCRATCH_ALIGN, floats);
}

bool igi_matmul_scratch(const igi_cpu_isa *isa, const igi_matmul *g, size_t *floats)
{
    size_t a, b = 0, bytes;
    if (g->m < 0 || g->n < 0 || g->k < 0 || !matmul_a_size(g, &a))
        return false;
    if (matmul_choose(g) == WAY_PACK &&
        !igi_gemm_packed_size(isa, isa->gemm_panel, g->k, &b))
        return false;
    return igi_add_size(a, b, floats) && igi_mul_size(*floats, sizeof(float), &bytes) &&
           bytes <= PTRDIFF_MAX;
}

/* A, scaled by alpha if that falls to it, as dst[m][k]. */
static void matmul_copy_a(const igi_cpu_isa *isa, float *dst, const igi_matmul *g)
{
    if (g->a_rs == 1) {
        isa->transpose_32(dst, g->k, g->a, g->a_cs, g->k, g->m);
    } else {
        for (int64_t i = 0; i < g->m; i++)
            igi_copy_strided(sizeof(float), dst + i * g->k, 1, g->a + i * g->a_rs,
                             g->a_cs, g->k);
    }
    if (scales_a(g))
        isa->binary[IGI_BINARY_MUL][IGI_BINARY_VS](dst, dst, &g->alpha, g->m * g->k);
}

static int64_t at_least(int64_t v, int64_t least)
{
    return v > least ? v : least;
}

void igi_gemm_run(const igi_cpu_isa *isa,
                  const igi_gemm *g,
                  int64_t row_lo,
                  int64_t row_hi,
                  int64_t panel_lo,
                  int64_t panel_hi,
                  igi_stop *stop)
{
    const double line = (double)g->k * isa->gemm_panel; /* of one row of one panel */
    const double whole =
        line * (double)(row_hi - row_lo) * (double)(panel_hi - panel_lo);
    if (!stop || whole <= (double)PIECE_WORK) {
        if (!stop || !stop->yes)
            isa->gemm(g, row_lo, row_hi, panel_lo, panel_hi);
        return;
    }
    const int64_t lines = at_least((int64_t)((double)PIECE_WORK / line), 1);
    int64_t rows = lines / (panel_hi - panel_lo) / isa->gemm_rows * isa->gemm_rows;
    rows = at_least(rows, PIECE_TILES * isa->gemm_rows);
    const int64_t panels = at_least(lines / rows, 1);
    for (int64_t r = row_lo; r < row_hi; r += rows)
        for (int64_t p = panel_lo; p < panel_hi && !igi_stopped(stop); p += panels)
            isa->gemm(g, r, row_hi - r < rows ? row_hi : r + rows, p,
                      panel_hi - p < panels ? panel_hi : p + panels);
}

/* Panels of columns, each packed where the last one was. */
static void matmul_packed(const igi_cpu_isa *isa,
                          const igi_matmul *g,
                          igi_gemm task,
                          float *packed,
                          int64_t panel_lo,
                          int64_t panel_hi)
{
    const int panel = isa->gemm_panel;
    const igi_gemm_source source = {.b = g->b,
                                    .rs = g->b_rs,
                                    .cs = g->b_cs,
                                    .n = g->n,
                                    .k = g->k,
                                    .scale = scales_a(g) ? 1.0f : g->alpha};
    const igi_epilogue *e = &g->epilogue;
    task.b = packed;
    for (int64_t p = panel_lo; p < panel_hi && !igi_stopped(g->stop); p++) {
        const int64_t col = p * panel;
        pack_panel(isa, packed, &source, p);
        task.n = g->n - col < panel ? g->n - col : panel;
        task.c = g->c + col;
        task.epilogue.bias = e->bias ? e->bias + col : NULL;
        task.epilogue.residual = e->residual ? e->residual + col : NULL;
        igi_gemm_run(isa, &task, 0, g->m, 0, 1, g->stop);
    }
}

/* As igi_gemm_run, in pieces of panels. */
static void matmul_few(const igi_cpu_isa *isa,
                       const igi_gemm *g,
                       int64_t panel_lo,
                       int64_t panel_hi,
                       igi_stop *stop)
{
    const double line = (double)g->k * isa->gemm_panel * (double)g->m; /* of a panel */
    const int64_t piece = at_least((int64_t)((double)PIECE_WORK / (line + 1.0)), 1);
    for (int64_t p = panel_lo; p < panel_hi; p += piece) {
        const int64_t end = panel_hi - p < piece ? panel_hi : p + piece;
        const int64_t col_hi = end * isa->gemm_panel;
        if (p > panel_lo && igi_stopped(stop))
            return;
        isa->gemm_few(g, p * isa->gemm_panel, col_hi < g->n ? col_hi : g->n);
    }
}

void igi_matmul_run(const igi_cpu_isa *isa,
                    const igi_matmul *g,
                    float *scratch,
                    int64_t panel_lo,
                    int64_t panel_hi)
{
    size_t a_size = 0;
    igi_gemm task = {
        .m = g->m,
        .n = g->n,
        .k = g->k,
        .a = g->a,
        .lda = g->a_rs,
        .a_step = g->a_cs,
        .c = g->c,
        .ldc = g->ldc,
        .epilogue = g->epilogue,
    };
    if (matmul_a_size(g, &a_size) && a_size > 0) {
        matmul_copy_a(isa, scratch, g);
        task.a = scratch;
        task.lda = g->k;
        task.a_step = 1;
    }
    const int64_t col_hi = panel_hi * isa->gemm_panel;
    switch (matmul_choose(g)) {
    case WAY_IN_PLACE:
        task.b = g->b;
        task.ldb = g->b_rs;
        igi_gemm_run(isa, &task, 0, g->m, panel_lo, panel_hi, g->stop);
        break;
    case WAY_FEW:
        task.b = g->b;
        task.ldb = g->b_rs;
        matmul_few(isa, &task, panel_lo, panel_hi, g->stop);
        break;
    case WAY_DOT:
        task.b = g->b;
        task.ldb = g->b_cs;
        isa->gemm_dot(&task, panel_lo * isa->gemm_panel, col_hi < g->n ? col_hi : g->n);
        break;
    case WAY_PACK:
        matmul_packed(isa, g, task, scratch + a_size, panel_lo, panel_hi);
        break;
    }
}
