/* Convolutions of as many groups as channels: ingot::Conv by bands of rows of a vector
 * of channels, both of which threads share.
 *
 * Conv with one spatial axis is such a row whose channels have yet to become
 * neighbours: pieces of it, with their padding, are transposed, and what comes out of
 * them is transposed back. */
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "operators/cpu/conv_problem.h"

enum { TILE_FLOATS = 24 * 1024, MOST_FLOATS = 1 << 24 };

typedef struct conv_depthwise {
    igi_depthwise d;           /* without the pointers of a run */
    int64_t batch, band, tile; /* rows of a band, floats of its tile */
} conv_depthwise;

/* Floats of the tile of `rows` output rows; false when they are very many. */
static bool tile_floats(const igi_patches *p, int vector, int64_t rows, int64_t *floats)
{
    int64_t width =
        (p->out_w - 1) * p->stride_w + (p->kernel_w - 1) * p->dilation_w + 1;
    int64_t height = (rows - 1) * p->stride_h + (p->kernel_h - 1) * p->dilation_h + 1;
    return igi_mul_i64(width, height, floats) && igi_mul_i64(*floats, vector, floats) &&
           *floats <= MOST_FLOATS;
}

static bool read_problem(const ig_kernel_ctx *k, conv_depthwise *s)
{
    igi_conv c;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    if (!igi_conv_problem(k, &c, &s->d.p, &s->d.epilogue) || c.c != 1 || c.m != 1)
        return false;
    s->d.p.c = c.group;
    s->d.ldw = (c.group + 15) / 16 * 16;
    s->batch = c.batch;
    s->band = s->d.p.out_h;
    while (s->band > 1 && (!tile_floats(&s->d.p, isa->vector, s->band, &s->tile) ||
                           s->tile > TILE_FLOATS))
        s->band = (s->band + 1) / 2;
    return tile_floats(&s->d.p, isa->vector, s->band, &s->tile);
}

static ig_status supports(const ig_kernel_ctx *k)
{
    conv_depthwise s;
    const igi_nhwc_conv_attrs *a = k->attrs;
    if (!(k->constants & IG_BIT(1)))
        return ig_reject("the weights are not constant");
    if (!read_problem(k, &s))
        return ig_reject(
            "it has not as many groups as channels, or is not over images");
    if (igi_kin(k, 3) && a->residual_after)
        return ig_reject("a residual behind the activation");
    if (!igi_tensor_count(igi_kout(k, 0)))
        return ig_reject("there is no result");
    return IG_OK;
}

static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    const conv_depthwise *s = user;
    const int64_t taps = s->d.p.kernel_h * s->d.p.kernel_w;
    memset(dst, 0, (size_t)(taps * s->d.ldw) * sizeof(float));
    igi_cpu_isa_best()->transpose_32(dst, s->d.ldw, igi_kin(k, 1)->data, taps, s->d.p.c,
                                     taps);
    return IG_OK;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    conv_depthwise problem;
    int64_t floats;
    if (!(k->constants & IG_BIT(1)) || !read_problem(k, &problem))
        return ig_reject("the weights are not constant"); /* copied since supports */
    if (!igi_mul_i64(problem.d.p.kernel_h * problem.d.p.kernel_w, problem.d.ldw,
                     &floats) ||
        floats > PTRDIFF_MAX / (int64_t)sizeof(float))
        return ig_kernel_fail(k, IG_LIMIT, "the weights are too large");
    conv_depthwise *s = igi_alloc(sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    *s = problem;
    s->d.w = ig_pack(k, 1, "depthwise", (size_t)floats * sizeof(float), fill_packed, s);
    if (!s->d.w) {
        ig_status rc = ig_error_status();
        igi_free(s);
        return rc;
    }
    k->state = s;
    k->scratch_bytes = (size_t)s->tile * sizeof(float);
    return IG_OK;
}

static void unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const conv_depthwise *s = k->state;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    igi_depthwise d = s->d;
    const int64_t bands = (d.p.out_h + s->band - 1) / s->band;
    const int64_t vectors = (d.p.c + isa->vector - 1) / isa->vector;
    int64_t lo, hi;
    d.p.x = igi_kf32(igi_kin(k, 0));
    d.y = igi_kf32(igi_kout(k, 0));
    d.epilogue.bias = igi_kf32(igi_kin(k, 2));
    d.epilogue.residual = igi_kf32(igi_kin(k, 3));
    ig_split(s->batch * bands * vectors, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        const int64_t band = i / vectors % bands, row = band * s->band;
        const int64_t end = row + s->band < d.p.out_h ? row + s->band : d.p.out_h;
        IG_TRY(ig_poll(k));
        isa->depthwise(&d, i / vectors / bands, row, end, i % vectors * isa->vector,
                       ig_scratch(k, tid));
    }
    return IG_OK;
}

/* ---- one spatial axis, channel by channel ---- */

typedef struct conv_line {
    conv_depthwise s; /* of a piece; s.d.p.c: all channels */
    igi_window_axis axis;
    int64_t piece, width;        /* outputs of a piece, and what they read */
    int64_t x, y, tile, weights; /* floats of the parts of scratch */
} conv_line;

enum { PIECE_FLOATS = 8 * 1024 };

static bool read_line(const ig_kernel_ctx *k, conv_line *l)
{
    igi_conv c;
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1), *y = igi_kout(k, 0);
    const int64_t vector = igi_cpu_isa_best()->vector;
    igi_patches *p = &l->s.d.p;
    if (igi_krank(x) != 3)
        return false;
    igi_conv_set(&c, k->attrs, 3, igi_kdims(x), igi_kdims(w), igi_kdims(y));
    if (c.c != 1 || c.m != 1)
        return false;
    const igi_window_axis *a = &c.w.axis[0];
    const int64_t reach = (a->kernel - 1) * a->dilation;
    *l = (conv_line){.axis = *a, .piece = (PIECE_FLOATS / vector - reach) / a->stride};
    l->piece = l->piece < 64 ? 64 : l->piece;
    l->piece = l->piece < a->out ? l->piece : a->out;
    *p = (igi_patches){.h = 1,
                       .c = c.group,
                       .out_h = 1,
                       .out_w = l->piece,
                       .kernel_h = 1,
                       .kernel_w = a->kernel,
                       .stride_h = 1,
                       .stride_w = a->stride,
                       .dilation_h = 1,
                       .dilation_w = a->dilation};
    l->s.d.ldw = (c.group + 15) / 16 * 16;
    l->s.d.epilogue = igi_epilogue_of(0, 0, 0, false);
    l->s.batch = c.batch;
    l->width = (l->piece - 1) * a->stride + reach + 1;
    if (!tile_floats(p, (int)vector, 1, &l->tile))
        return false;
    l->x = l->tile;
    l->y = (l->piece * vector + 15) / 16 * 16;
    l->weights = k->constants & IG_BIT(1) ? 0 : a->kernel * l->s.d.ldw;
    return l->weights <= MOST_FLOATS;
}

static ig_status line_supports(const ig_kernel_ctx *k)
{
    conv_line l;
    if (!read_line(k, &l))
        return ig_reject("it has not one spatial axis and as many groups as channels");
    return igi_tensor_count(igi_kout(k, 0)) ? IG_OK : ig_reject("there is no result");
}

static ig_status line_prepare(ig_kernel_ctx *k)
{
    conv_line *l = igi_alloc(sizeof(*l));
    if (!l)
        return IG_OUT_OF_MEMORY;
    k->state = l;
    (void)read_line(k, l);
    if (k->constants & IG_BIT(1)) {
        l->s.d.w = ig_pack(k, 1, "depthwise",
                           (size_t)(l->axis.kernel * l->s.d.ldw) * sizeof(float),
                           fill_packed, &l->s);
        if (!l->s.d.w) {
            unprepare(k);
            return ig_error_status();
        }
    }
    const int64_t all = l->weights / k->threads + 16 + l->x + l->y + l->tile;
    k->scratch_bytes = (size_t)(all + 15) / 16 * 16 * sizeof(float);
    return IG_OK;
}

/* Inputs [from, from + width) of `lanes` channels as [width][lanes], 0 outside. */
static void
take_piece(float *to, const float *x, const conv_line *l, int64_t from, int64_t lanes)
{
    const int64_t n = l->axis.in, end = from + l->width;
    const int64_t lo = from < 0 ? 0 : from, top = end < n ? end : n;
    const int64_t hi = top > lo ? top : lo;
    memset(to, 0,
           (size_t)((lo - from < l->width ? lo - from : l->width) * lanes) *
               sizeof(float));
    if (lo < hi)
        igi_cpu_isa_best()->transpose_32(to + (lo - from) * lanes, lanes, x + lo, n,
                                         lanes, hi - lo);
    if (hi < end)
        memset(to + (hi - from) * lanes, 0,
               (size_t)((end - hi) * lanes) * sizeof(float));
}

/* Outputs [lo, hi) of `lanes` channels from `channel` on. */
static void run_piece(ig_kernel_ctx *k,
                      const igi_depthwise *all,
                      int64_t image,
                      int64_t channel,
                      int64_t lo,
                      int64_t hi,
                      float *scratch)
{
    const conv_line *l = k->state;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const int64_t left = all->p.c - channel, row = image * all->p.c + channel;
    const int64_t lanes = left < isa->vector ? left : isa->vector;
    igi_depthwise d = *all;
    take_piece(scratch, igi_kf32(igi_kin(k, 0)) + row * l->axis.in, l,
               lo * l->axis.stride - l->axis.pad, lanes);
    d.p.x = scratch;
    d.p.w = l->width;
    d.p.c = lanes;
    d.p.out_w = hi - lo;
    d.w += channel;
    d.y = scratch + l->x;
    d.epilogue.bias += d.epilogue.bias ? channel : 0;
    isa->depthwise(&d, 0, 0, 1, 0, scratch + l->x + l->y);
    isa->transpose_32(igi_kf32(igi_kout(k, 0)) + row * l->axis.out + lo, l->axis.out,
                      d.y, lanes, hi - lo, lanes);
}

static ig_status line_run(ig_kernel_ctx *k, int tid, int nth)
{
    const conv_line *l = k->state;
    const int64_t vector = igi_cpu_isa_best()->vector, out = l->axis.out;
    const int64_t pieces = (out + l->piece - 1) / l->piece;
    const int64_t vectors = (l->s.d.p.c + vector - 1) / vector;
    float *shared = (float *)(void *)k->scratch;
    float *own = shared + (l->weights + 15) / 16 * 16 + tid * (l->x + l->y + l->tile);
    igi_depthwise d = l->s.d;
    int64_t lo, hi;
    d.epilogue.bias = igi_kf32(igi_kin(k, 2));
    if (!d.w) {
        if (tid == 0)
            (void)fill_packed(k, shared, (void *)(uintptr_t)&l->s);
        ig_barrier(k);
        d.w = shared;
    }
    ig_split(l->s.batch * vectors * pieces, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        const int64_t from = i % pieces * l->piece, vec = i / pieces % vectors;
        IG_TRY(ig_poll(k));
        run_piece(k, &d, i / pieces / vectors, vec * vector, from,
                  out - from < l->piece ? out : from + l->piece, own);
    }
    return IG_OK;
}

IG_KERNELS(conv_depthwise) = {
    {IG_KERNEL_HEAD, .op = "ingot::Conv", .name = "depthwise", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY, .unaligned = IG_BIT(1),
     .supports = supports, .prepare = prepare, .run_team = run, .unprepare = unprepare},
    {IG_KERNEL_HEAD, .op = "Conv", .name = "depthwise", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY, .unaligned = IG_BIT(1),
     .supports = line_supports, .prepare = line_prepare, .run_team = line_run,
     .unprepare = unprepare},
    {0},
};
