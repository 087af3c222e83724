/* ingot::Conv of as many groups as channels: bands of rows of a vector of channels.
 * Both are shared out among the threads of the net's team. */
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

IG_KERNELS(conv_depthwise) = {
    {IG_KERNEL_HEAD, .op = "ingot::Conv", .name = "depthwise", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY, .unaligned = IG_BIT(1),
     .supports = supports, .prepare = prepare, .run_team = run, .unprepare = unprepare},
    {0},
};
