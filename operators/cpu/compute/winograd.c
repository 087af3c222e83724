/* Winograd's convolution over NHWC images: what lies between the three transforms.
 *
 * Tiles are taken in blocks whose transformed inputs stay in a cache of the core. For a
 * block: transform the inputs, then for every group of panels multiply them at each
 * frequency and transform the products of the group back. Weights are read once a
 * block, in the order in which they lie. A team shares out tiles when there are enough
 * of them, so that its threads never meet; otherwise it transforms the inputs together,
 * meets, and shares out the groups. An output is the same chain of operations either
 * way: products of one row round differently (gemm), so blocks have one tile only when
 * there is no other. */
#include "operators/cpu/compute.h"

#include "graph/core/checked.h"

#include <string.h>

/* Bytes of transformed inputs of a block, about half of a small second-level cache;
 * tiles of a block; least tiles of a thread that shares out tiles. */
enum { BLOCK_BYTES = 640 * 1024, BLOCK_MOST = 56, BLOCK_LEAST = 24 };
enum { PAD = 16 }; /* floats between rows, so that they do not fall into one set */

typedef struct shape {
    int64_t taps, tiles, panels, groups;
    int64_t block;           /* most tiles of a block */
    int64_t v_row, v_floats; /* transformed inputs of `block` tiles */
    int64_t m_row, m_floats; /* products of `block` tiles and a group */
} shape;

static shape shape_of(const igi_cpu_isa *isa, const igi_winograd *g)
{
    shape s = {.taps = (int64_t)(g->tile + 2) * (g->tile + 2),
               .panels = igi_gemm_panels(isa, g->n),
               .v_row = g->c + PAD,
               .m_row = (int64_t)isa->gemm_panel * IGI_WINOGRAD_GROUP};
    s.tiles = g->batch * igi_winograd_across(g) * igi_winograd_down(g);
    s.groups = (s.panels + IGI_WINOGRAD_GROUP - 1) / IGI_WINOGRAD_GROUP;
    s.block = BLOCK_BYTES / (int64_t)sizeof(float) / (s.taps * s.v_row);
    if (s.block > BLOCK_MOST)
        s.block = BLOCK_MOST;
    if (s.block < BLOCK_LEAST) /* or weights would be read too often */
        s.block = BLOCK_LEAST;
    s.v_floats = s.taps * (s.block * s.v_row + PAD);
    s.m_floats = s.taps * (s.block * s.m_row + PAD);
    return s;
}

/* ---- weights ---- */

bool igi_winograd_packed_size(const igi_cpu_isa *isa,
                              const igi_winograd *g,
                              size_t *floats)
{
    size_t matrix, bytes;
    return igi_gemm_packed_size(isa, g->n, g->c, &matrix) &&
           igi_mul_size(matrix, (size_t)(g->tile + 2) * (size_t)(g->tile + 2),
                        floats) &&
           igi_mul_size(*floats, sizeof(float), &bytes) && bytes <= PTRDIFF_MAX;
}

/* Panels of group number i. */
static int64_t panels_of(const shape *s, int64_t i)
{
    int64_t left = s->panels - i * IGI_WINOGRAD_GROUP;
    return left < IGI_WINOGRAD_GROUP ? left : IGI_WINOGRAD_GROUP;
}

void igi_winograd_pack(const igi_cpu_isa *isa,
                       const igi_winograd *g,
                       const float *w,
                       float *u)
{
    enum { CHANNELS = 16 };
    const shape s = shape_of(isa, g);
    const int64_t panel = (int64_t)isa->gemm_panel * g->c; /* floats */
    for (int64_t p = 0; p < s.panels; p++) {
        const int64_t group = p / IGI_WINOGRAD_GROUP, col = p * isa->gemm_panel;
        igi_winograd_kernel k = {.ld = g->c * 9,
                                 .cols = g->n - col < isa->gemm_panel ? g->n - col
                                                                      : isa->gemm_panel,
                                 .channels = CHANNELS,
                                 .step = panels_of(&s, group) * panel};
        float *to = u + group * IGI_WINOGRAD_GROUP * s.taps * panel +
                    p % IGI_WINOGRAD_GROUP * panel;
        for (int64_t c = 0; c < g->c; c += CHANNELS) {
            k.w = w + (col * g->c + c) * 9;
            k.u = to + c * isa->gemm_panel;
            isa->winograd_weights(g->tile, &k);
        }
    }
}

/* ---- running ---- */

bool igi_winograd_scratch(const igi_cpu_isa *isa, const igi_winograd *g, size_t *floats)
{
    size_t bytes;
    if (g->c > PTRDIFF_MAX / (16 * 1024)) /* 36 * BLOCK_LEAST floats a channel */
        return false;
    const shape s = shape_of(isa, g);
    *floats = (size_t)(s.v_floats + s.m_floats + g->c);
    return igi_mul_size(*floats, sizeof(float), &bytes) && bytes <= PTRDIFF_MAX;
}

/* One thread's work. */
typedef struct job {
    const igi_cpu_isa *isa;
    const igi_winograd *g;
    shape s;
    igi_winograd_tiles t; /* transformed inputs: its own, or of the whole team */
    float *m;             /* products of a block */
    const float *zeros;
} job;

/* Groups [lo, hi) of the n tiles from t.first on, at most a block at a time. */
static void run_groups(const job *j, int64_t n, int64_t lo, int64_t hi)
{
    const igi_winograd *g = j->g;
    const shape *s = &j->s;
    const int64_t blocks = (n + s->block - 1) / s->block;
    const int64_t panel = (int64_t)j->isa->gemm_panel * g->c;
    for (int64_t i = lo; i < hi; i++) {
        const int64_t panels = panels_of(s, i), col = i * s->m_row;
        const float *u = g->u + i * IGI_WINOGRAD_GROUP * s->taps * panel;
        int64_t at = 0;
        for (int64_t b = 0; b < blocks && !igi_stopped(g->stop); b++) {
            igi_winograd_products q = {.m = j->m,
                                       .first = j->t.first + at,
                                       .tiles = n / blocks + (b < n % blocks),
                                       .ld = s->m_row,
                                       .column = col,
                                       .width = g->n - col < s->m_row ? g->n - col
                                                                      : s->m_row};
            q.step = q.tiles * q.ld + PAD;
            igi_gemm product = {
                .m = q.tiles, .n = q.width, .k = g->c, .lda = j->t.ld, .ldc = q.ld};
            for (int64_t f = 0; f < s->taps; f++) {
                product.a = j->t.v + f * j->t.step + at * j->t.ld;
                product.b = u + f * panels * panel;
                product.c = j->m + f * q.step;
                j->isa->gemm(&product, 0, q.tiles, 0, panels);
            }
            j->isa->winograd_output(g, &q);
            at += q.tiles;
        }
    }
}

/* Part `part` of n things in `parts` even parts. */
static int64_t even(int64_t n, int64_t part, int64_t parts)
{
    return n / parts * part + (part < n % parts ? part : n % parts);
}

/* Enough tiles for all: each thread has whole blocks of its own. */
static void run_apart(job *j, int tid, int nth)
{
    const shape *s = &j->s;
    int64_t blocks = (s->tiles + s->block - 1) / s->block;
    blocks = (blocks + nth - 1) / nth * nth;
    const int64_t lo = even(blocks, tid, nth), hi = even(blocks, tid + 1, nth);
    for (int64_t b = lo; b < hi && !igi_stopped(j->g->stop); b++) {
        const int64_t first = even(s->tiles, b, blocks);
        const int64_t n = even(s->tiles, b + 1, blocks) - first;
        j->t.first = first;
        j->t.step = n * s->v_row + PAD;
        j->isa->winograd_input(j->g, &j->t, j->zeros, first, first + n);
        run_groups(j, n, 0, s->groups);
    }
}

void igi_winograd_run(const igi_cpu_isa *isa,
                      const igi_winograd *g,
                      float *scratch,
                      int tid,
                      int nth,
                      void (*meet)(void *user),
                      void *user)
{
    job j = {.isa = isa, .g = g, .s = shape_of(isa, g)};
    const shape *s = &j.s;
    float *own = scratch + nth * s->v_floats + tid * (s->m_floats + g->c);
    memset(own + s->m_floats, 0, (size_t)g->c * sizeof(float));
    j.m = own;
    j.zeros = own + s->m_floats;
    j.t.ld = s->v_row;
    if (nth == 1 || s->tiles >= nth * BLOCK_LEAST) {
        j.t.v = scratch + tid * s->v_floats;
        run_apart(&j, tid, nth);
        return;
    }
    j.t.v = scratch;
    j.t.step = s->tiles * s->v_row + PAD;
    isa->winograd_input(g, &j.t, j.zeros, even(s->tiles, tid, nth),
                        even(s->tiles, tid + 1, nth));
    meet(user);
    run_groups(&j, s->tiles, even(s->groups, tid, nth), even(s->groups, tid + 1, nth));
}
