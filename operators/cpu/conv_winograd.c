/* ingot::Conv of 3 x 3 weights by Winograd's algorithm, which needs a quarter (F(4, 3))
 * or less than half (F(2, 3)) of the direct sum's products.
 *
 * The choice is a rule over one image's shape, never a timing and never the batch: same
 * file, same bits, whatever else the machine is doing and however many images come at
 * once. Weights are transformed once a constant: four times their bytes for F(4, 3), so
 * images of few tiles, whose time is reading weights, take F(2, 3) with 1.78 times. */
#include <stdio.h>

#include "graph/core/alloc.h"
#include "operators/cpu/conv_problem.h"

/* Images of so few tiles of F(4, 3) take F(2, 3); so few outputs are no work. */
enum { FEW_TILES = 16, LEAST_OUTPUTS = 25 };

static int64_t products(const igi_winograd *g, int tile)
{
    igi_winograd t = *g;
    t.tile = tile;
    return igi_winograd_across(&t) * igi_winograd_down(&t) * (tile + 2) * (tile + 2);
}

/* Outputs a side of a tile, or 0 when the direct sum is as good: three quarters of its
 * products pay for the transforms. */
static int tile_of(const igi_winograd *g)
{
    int tile = products(g, 4) > FEW_TILES * 36 ? 4 : 2;
    int64_t outputs = g->out_h * g->out_w;
    return outputs >= LEAST_OUTPUTS && products(g, tile) * 4 <= outputs * 9 * 3 ? tile
                                                                                : 0;
}

/* The call as a problem without pointers; false: it is no 3 x 3 of stride 1. */
static bool read_problem(const ig_kernel_ctx *k, igi_winograd *g)
{
    igi_conv c;
    igi_patches p;
    igi_epilogue e;
    if (!igi_conv_problem(k, &c, &p, &e) || c.group != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (c.w.axis[i].kernel != 3 || c.w.axis[i].stride != 1 ||
            c.w.axis[i].dilation != 1)
            return false;
    *g = (igi_winograd){.batch = c.batch,
                        .h = c.w.axis[0].in,
                        .w = c.w.axis[1].in,
                        .c = c.c,
                        .out_h = c.w.axis[0].out,
                        .out_w = c.w.axis[1].out,
                        .n = c.m,
                        .pad_top = c.w.axis[0].pad,
                        .pad_left = c.w.axis[1].pad,
                        .epilogue = e};
    g->tile = tile_of(g);
    return true;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    igi_winograd g;
    if (k->flags & (IG_RUN_EXACT | IG_RUN_SMALL))
        return ig_reject("the net wants exact rounding or little memory");
    if (!(k->constants & IG_BIT(1)))
        return ig_reject("the weights are not constant");
    if (!read_problem(k, &g))
        return ig_reject("it is not 3 x 3 of stride 1 over images");
    if (g.c % 16 || g.n % 16 || !igi_tensor_count(igi_kout(k, 0)))
        return ig_reject("channels are no multiple of 16, or there is no result");
    return g.tile ? IG_OK : ig_reject("the image is too small or too thin");
}

static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    igi_winograd_pack(igi_cpu_isa_best(), user, igi_kf32(igi_kin(k, 1)), dst);
    return IG_OK;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    char key[64];
    igi_winograd g;
    size_t scratch, packed;
    if (!(k->constants & IG_BIT(1)) || !read_problem(k, &g) || !g.tile)
        return ig_reject("the weights are not constant"); /* copied since supports */
    if (!igi_winograd_scratch(isa, &g, &scratch) ||
        !igi_winograd_packed_size(isa, &g, &packed))
        return ig_kernel_fail(k, IG_LIMIT, "the weights are too large");
    igi_winograd *s = igi_alloc(sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    *s = g;
    snprintf(key, sizeof(key), "winograd %d %d", g.tile, isa->gemm_panel);
    s->u = ig_pack(k, 1, key, packed * sizeof(float), fill_packed, &g);
    if (!s->u) {
        ig_status rc = ig_error_status();
        igi_free(s);
        return rc;
    }
    k->state = s;
    k->scratch_bytes = scratch * sizeof(float);
    return IG_OK;
}

static void unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

static void meet(void *k)
{
    ig_barrier(k);
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    igi_winograd g = *(const igi_winograd *)k->state;
    g.x = igi_kf32(igi_kin(k, 0));
    g.y = igi_kf32(igi_kout(k, 0));
    g.epilogue.bias = igi_kf32(igi_kin(k, 2));
    g.epilogue.residual = igi_kf32(igi_kin(k, 3));
    igi_stop stop = igi_kstop(k);
    g.stop = &stop;
    igi_winograd_run(igi_cpu_isa_best(), &g, ig_scratch(k, 0), tid, nth, meet, k);
    return igi_kstop_status(&stop);
}

IG_KERNELS(conv_winograd) = {
    {IG_KERNEL_HEAD, .op = "ingot::Conv", .name = "winograd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY, .unaligned = IG_BIT(1),
     .supports = supports, .prepare = prepare, .run_team = run, .unprepare = unprepare},
    {0},
};
