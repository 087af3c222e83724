/* ingot::Conv as a matrix product: y[pixel][m] = patches[pixel][k] * w[k][m], k = (tap,
 * channel).
 *
 * A 1 x 1 of stride 1 multiplies the image where it lies; others copy patches of some
 * pixels at a time into scratch, which costs a copy per 32 or more multiply-adds of
 * each number. Taps that lie in the padding for a whole line of outputs (dilated
 * windows on small maps) are left out where that saves enough. It runs in the net's own
 * team, where a library's region of threads would have to be entered and left. Threads
 * share rows when the image is the larger operand, otherwise panels of outputs; any
 * split gives the same bits. */
#include <stdio.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "operators/cpu/conv_problem.h"

/* Floats of the patches of a block, about a quarter of a second-level cache; at least
 * so many rows, because the weights are read once a block. */
enum { BLOCK_FLOATS = 256 * 1024, LEAST_ROWS = 56, LEAST_RUN = 8, PAD = 16 };

typedef struct conv_gemm {
    igi_gemm g; /* without the pointers of a run */
    igi_patches p;
    bool in_place;     /* patches are the pixels */
    bool by_line;      /* without the taps that no output of a line needs */
    int64_t ld, block; /* of patches: floats and rows of a block */
} conv_gemm;

/* Taps [row, row + rows) x [col, col + cols). */
typedef struct live {
    int64_t row, rows, col, cols;
} live;

/* Taps [*at, *at + *n) of `kernel` reach into an axis of `size` when windows begin from
 * `low` to `high`; never none. */
static void reaching(int64_t low,
                     int64_t high,
                     int64_t kernel,
                     int64_t dilation,
                     int64_t size,
                     int64_t *at,
                     int64_t *n)
{
    int64_t first = high < 0 ? (-high + dilation - 1) / dilation : 0;
    int64_t end = low < size ? (size - 1 - low) / dilation + 1 : 0;
    first = first < kernel ? first : kernel - 1;
    end = end < kernel ? end : kernel;
    *at = first;
    *n = end > first ? end - first : 1;
}

/* Of all outputs of a line. Columns are told apart for one row of taps only: those of
 * several are not neighbours in the packed weights. */
static live live_of(const conv_gemm *s, int64_t line)
{
    const igi_patches *p = &s->p;
    live v = {0, p->kernel_h, 0, p->kernel_w};
    const int64_t top = line % p->out_h * p->stride_h - p->pad_top;
    const int64_t right = (p->out_w - 1) * p->stride_w - p->pad_left;
    if (s->by_line)
        reaching(top, top, p->kernel_h, p->dilation_h, p->h, &v.row, &v.rows);
    if (s->by_line && v.rows == 1)
        reaching(-p->pad_left, right, p->kernel_w, p->dilation_w, p->w, &v.col,
                 &v.cols);
    return v;
}

static bool same_taps(live a, live b)
{
    return a.row == b.row && a.rows == b.rows && a.col == b.col && a.cols == b.cols;
}

/* The end of the block that begins with row `at`: rows with the same taps. */
static int64_t block_end(const conv_gemm *s, int64_t at, int64_t hi, int64_t most)
{
    const live v = live_of(s, at / s->p.out_w);
    int64_t to = (at / s->p.out_w + 1) * s->p.out_w;
    hi = hi - at < most ? hi : at + most;
    while (to < hi && same_taps(v, live_of(s, to / s->p.out_w)))
        to += s->p.out_w;
    return to < hi ? to : hi;
}

enum { BLOCK_COST = 14 }; /* rows that cost as much as reading the weights once */

/* In multiplications of a tap, all rows together. */
static double cost_of(const conv_gemm *s)
{
    double sum = 0;
    for (int64_t at = 0, to; at < s->g.m; at = to) {
        const live v = live_of(s, at / s->p.out_w);
        to = block_end(s, at, s->g.m, s->block);
        sum += (double)(to - at + BLOCK_COST) * (double)(v.rows * v.cols);
    }
    return sum;
}

static bool read_problem(const ig_kernel_ctx *k, conv_gemm *s)
{
    igi_conv c;
    igi_epilogue e;
    if (!igi_conv_problem(k, &c, &s->p, &e) || c.group != 1)
        return false;
    s->in_place = c.taps == 1 && c.in_plane == c.out_plane && s->p.stride_h == 1 &&
                  s->p.stride_w == 1 && !s->p.pad_top && !s->p.pad_left;
    s->g = (igi_gemm){.m = c.batch * c.out_plane,
                      .n = c.m,
                      .k = c.taps * c.c,
                      .ldc = c.m,
                      .epilogue = e};
    s->ld = s->in_place ? s->g.k : s->g.k + PAD;
    s->block = BLOCK_FLOATS / s->ld;
    s->block = s->block < LEAST_ROWS ? LEAST_ROWS : s->block;
    s->block = s->block > s->g.m ? s->g.m : s->block;
    return true;
}

static void decide(conv_gemm *s)
{
    s->by_line = false;
    const double whole = cost_of(s);
    s->by_line = true;
    s->by_line = !s->in_place && cost_of(s) < 0.9 * whole;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    conv_gemm s;
    if (!(k->constants & IG_BIT(1)))
        return ig_reject("the weights are not constant");
    if (!read_problem(k, &s))
        return ig_reject("it has groups, or is not over images");
    if (!s.g.m || !s.g.n || !s.g.k)
        return ig_reject("there is no result, or no channels");
    const int64_t run = s.p.dilation_w == 1 ? s.p.kernel_w * s.p.c : s.p.c;
    if (run < LEAST_RUN && !s.in_place)
        return ig_reject("runs of the copied numbers are too short");
    return IG_OK;
}

/* ---- preparing ---- */

/* w[m][c][taps], a tap at a time: rows (tap, c) of the packed matrix. */
static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    const conv_gemm *s = user;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const int64_t taps = s->p.kernel_h * s->p.kernel_w;
    for (int64_t t = 0; t < taps; t++) {
        const igi_gemm_source src = {.b = igi_kf32(igi_kin(k, 1)) + t,
                                     .rs = taps,
                                     .cs = s->g.k,
                                     .n = s->g.n,
                                     .k = s->p.c,
                                     .scale = 1,
                                     .depth = s->g.k};
        igi_gemm_pack(isa, (float *)dst + t * s->p.c * isa->gemm_panel, &src, 0,
                      igi_gemm_panels(isa, s->g.n));
    }
    return IG_OK;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    char key[64];
    conv_gemm problem;
    size_t packed, scratch = 0;
    if (!(k->constants & IG_BIT(1)) || !read_problem(k, &problem))
        return ig_reject("the weights are not constant"); /* copied since supports */
    if (!igi_gemm_packed_size(isa, problem.g.n, problem.g.k, &packed) ||
        !igi_mul_size((size_t)problem.ld, (size_t)problem.block, &scratch) ||
        !igi_mul_size(scratch, sizeof(float), &scratch))
        return ig_kernel_fail(k, IG_LIMIT, "the weights are too large");
    conv_gemm *s = igi_alloc(sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    *s = problem;
    decide(s);
    snprintf(key, sizeof(key), "conv %d", isa->gemm_panel);
    s->g.b = ig_pack(k, 1, key, packed * sizeof(float), fill_packed, s);
    if (!s->g.b) {
        ig_status rc = ig_error_status();
        igi_free(s);
        return rc;
    }
    k->state = s;
    k->scratch_bytes = s->in_place ? 0 : scratch;
    return IG_OK;
}

static void unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

/* ---- running ---- */

/* What a thread computes. */
typedef struct part {
    int64_t row_lo, row_hi, panel_lo, panel_hi;
} part;

static part part_of(const igi_cpu_isa *isa, const igi_gemm *g, int tid, int nth)
{
    const int64_t panels = igi_gemm_panels(isa, g->n);
    part t = {.row_hi = g->m, .panel_hi = panels};
    if (panels >= 2 * nth && (g->n > g->m || g->m < 2 * nth * isa->gemm_rows))
        ig_split(panels, 1, tid, nth, &t.panel_lo, &t.panel_hi);
    else
        ig_split(g->m, isa->gemm_rows, tid, nth, &t.row_lo, &t.row_hi);
    return t;
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const conv_gemm *s = k->state;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const float *x = igi_kf32(igi_kin(k, 0)), *residual = igi_kf32(igi_kin(k, 3));
    float *y = igi_kf32(igi_kout(k, 0));
    const part t = part_of(isa, &s->g, tid, nth);
    igi_patches p = s->p;
    igi_gemm g = s->g;
    g.epilogue.bias = igi_kf32(igi_kin(k, 2));
    g.epilogue.residual = residual;
    g.lda = s->ld;
    g.depth = s->g.k;
    g.a = x;
    g.c = y;
    if (t.row_lo >= t.row_hi || t.panel_lo >= t.panel_hi)
        return IG_OK;
    igi_stop stop = igi_kstop(k);
    if (s->in_place) {
        igi_gemm_run(isa, &g, t.row_lo, t.row_hi, t.panel_lo, t.panel_hi, &stop);
        return igi_kstop_status(&stop);
    }
    p.x = x;
    g.a = ig_scratch(k, tid);
    const int64_t rows = t.row_hi - t.row_lo, blocks = (rows + s->block - 1) / s->block;
    const int64_t most = (rows + blocks - 1) / blocks;
    for (int64_t at = t.row_lo, to; at < t.row_hi && !igi_stopped(&stop); at = to) {
        const live v = live_of(s, at / p.out_w);
        to = block_end(s, at, t.row_hi, most);
        p.kernel_h = v.rows;
        p.kernel_w = v.cols;
        p.pad_top = s->p.pad_top - v.row * p.dilation_h;
        p.pad_left = s->p.pad_left - v.col * p.dilation_w;
        isa->patches(&p, (float *)(uintptr_t)g.a, g.lda, at, to);
        g.k = v.rows * v.cols * p.c;
        g.b = s->g.b + (v.row * s->p.kernel_w + v.col) * p.c * isa->gemm_panel;
        g.c = y + at * g.n;
        if (residual)
            g.epilogue.residual = residual + at * g.n;
        igi_gemm_run(isa, &g, 0, to - at, t.panel_lo, t.panel_hi, &stop);
    }
    return igi_kstop_status(&stop);
}

IG_KERNELS(conv_gemm) = {
    {IG_KERNEL_HEAD, .op = "ingot::Conv", .name = "gemm", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY, .unaligned = IG_BIT(1),
     .supports = supports, .prepare = prepare, .run_team = run, .unprepare = unprepare},
    {0},
};
