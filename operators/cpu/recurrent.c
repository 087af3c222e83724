/* RNN, LSTM and GRU in float32: the projection of X as matrix products, then one packed
 * step after the other (compute/recurrent.inc.h).
 *
 * W and R are regrouped so that a block of hidden units has its gates side by side. X W
 * for all steps (or as many as CHUNK_FLOATS hold) is one product; a step then reads R
 * once. Threads own blocks of both directions and meet once a step (GRU without
 * linear_before_reset: twice). Results do not depend on their number. Two kernels:
 * `packed` when W and R are constants, packed once and shared; `steps` packs into
 * scratch in each run. All of scratch is one area that the team shares. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "operators/common_recurrent.h"
#include "operators/cpu/kernel.h"

enum { PIECE_FLOATS = 1 << 24, CHUNK_FLOATS = 1 << 19 };

/* A call, and where its parts of scratch begin (in floats). */
typedef struct layer {
    igi_recurrent r;
    const igi_cpu_isa *isa;
    int64_t block, blocks, wide; /* units of a block; wide: hidden rounded up */
    int64_t columns, panels;     /* of the projection, one direction */
    int64_t ld_x;    /* of its rows: not a multiple of 4096 bytes, which costs cache */
    int64_t chunk;   /* steps projected at once */
    int64_t piece;   /* blocks of a step between two polls */
    bool two_passes; /* GRU without linear_before_reset */
    size_t w_floats, r_floats; /* packed, one direction */
    size_t at_x, at_bias, at_rb, at_h, at_rh, at_c, at_p, at_w, at_r, floats;
} layer;

/* Packed weights of the net; NULL: in scratch. */
typedef struct packed {
    const float *w, *r;
} packed;

/* ---- sizes ---- */

static bool take(size_t *floats, size_t *at, int64_t a, int64_t b)
{
    int64_t n;
    *at = *floats;
    return igi_mul_i64(a, b, &n) && igi_round_up((size_t)n, 16, (size_t *)&n) &&
           igi_add_size(*floats, (size_t)n, floats);
}

static ig_status measure(const ig_kernel_ctx *k, layer *l, bool pack)
{
    const igi_recurrent *r = &l->r;
    IG_TRY(igi_recurrent_read(k, &l->r));
    l->isa = igi_cpu_isa_best();
    l->block = l->isa->cell_block;
    l->blocks = (r->hidden + l->block - 1) / l->block;
    l->wide = l->blocks * l->block;
    l->columns = r->gates * l->wide;
    l->panels = igi_gemm_panels(l->isa, l->columns);
    l->two_passes = r->cell == IGI_CELL_GRU && !r->option;
    l->ld_x = l->columns + 16;
    int64_t row = l->ld_x * r->batch, rows = r->dirs * r->batch;
    l->chunk = row < CHUNK_FLOATS ? CHUNK_FLOATS / row : 1;
    if (l->chunk > r->steps)
        l->chunk = r->steps;
    l->r_floats = (size_t)(l->columns * r->hidden);
    l->piece = PIECE_FLOATS / (r->gates * r->hidden * l->block + 1) / (r->batch + 1);
    l->piece = l->piece > 0 ? l->piece : 1;
    bool ok = igi_gemm_packed_size(l->isa, l->columns, r->input, &l->w_floats);
    l->floats = 0;
    size_t *n = &l->floats;
    ok = ok && take(n, &l->at_x, r->dirs * l->chunk, row) &&
         take(n, &l->at_bias, r->dirs, l->columns) &&
         take(n, &l->at_rb, r->dirs, l->wide) && take(n, &l->at_h, 2 * rows, l->wide) &&
         take(n, &l->at_rh, l->two_passes ? rows : 0, l->wide) &&
         take(n, &l->at_c, rows, l->wide) && take(n, &l->at_p, 3 * r->dirs, l->wide) &&
         take(n, &l->at_w, pack ? r->dirs : 0, (int64_t)l->w_floats) &&
         take(n, &l->at_r, pack ? r->dirs : 0, (int64_t)l->r_floats);
    if (!ok || l->floats > SIZE_MAX / sizeof(float))
        return ig_kernel_fail(k, IG_LIMIT, "its sequences are too large");
    return IG_OK;
}

static ig_status set_scratch(ig_kernel_ctx *k, const layer *l)
{
    size_t each = l->floats / (size_t)k->threads + 1;
    k->scratch_bytes = each * sizeof(float);
    return IG_OK;
}

static float *area(const ig_kernel_ctx *k, size_t at)
{
    return (float *)(void *)k->scratch + at;
}

/* ---- packing ---- */

/* The units of block b that exist. */
static int64_t units(const layer *l, int64_t b)
{
    int64_t left = l->r.hidden - b * l->block;
    return left < l->block ? left : l->block;
}

/* Columns of one block and gate: dst[k][unit] at stride ld from rows of a weight
 * matrix [gates * hidden][depth]. */
static void pack_gate(const layer *l,
                      float *dst,
                      int64_t ld,
                      const float *w,
                      int64_t depth,
                      int64_t block,
                      int64_t gate)
{
    const int64_t n = units(l, block);
    l->isa->transpose_32(dst, ld, w + (gate * l->r.hidden + block * l->block) * depth,
                         depth, n, depth);
    for (int64_t k = 0; n < l->block && k < depth; k++)
        memset(dst + k * ld + n, 0, (size_t)(l->block - n) * sizeof(float));
}

/* Panels of W's columns in the order block, gate, unit. */
static void
pack_w(const layer *l, float *dst, const float *w, int64_t panel_lo, int64_t panel_hi)
{
    const int64_t width = l->isa->gemm_panel, each = width / l->block;
    for (int64_t p = panel_lo; p < panel_hi; p++) {
        float *panel = dst + p * width * l->r.input;
        for (int64_t v = 0; v < each; v++) {
            int64_t at = p * each + v; /* number of a vector of columns */
            if (at < l->blocks * l->r.gates)
                pack_gate(l, panel + v * l->block, width, w, l->r.input,
                          at / l->r.gates, at % l->r.gates);
            else
                for (int64_t k = 0; k < l->r.input; k++)
                    memset(panel + k * width + v * l->block, 0,
                           (size_t)l->block * sizeof(float));
        }
    }
}

/* Blocks of R: all gates; with two passes two of them, and the third behind all. */
static void
pack_r(const layer *l, float *dst, const float *r, int64_t block_lo, int64_t block_hi)
{
    const int64_t gates = l->two_passes ? 2 : l->r.gates, n = l->block;
    const int64_t depth = l->r.hidden;
    for (int64_t b = block_lo; b < block_hi; b++) {
        for (int64_t g = 0; g < gates; g++)
            pack_gate(l, dst + (b * depth * gates + g) * n, gates * n, r, depth, b, g);
        if (l->two_passes)
            pack_gate(l, dst + (l->blocks * gates + b) * depth * n, n, r, depth, b, 2);
    }
}

static ig_status fill_w(const ig_kernel_ctx *k, void *dst, void *user)
{
    const layer *l = user;
    for (int d = 0; d < l->r.dirs; d++)
        pack_w(l, (float *)dst + (size_t)d * l->w_floats,
               igi_kf32(igi_kin(k, IGI_REC_W)) +
                   d * l->r.gates * l->r.hidden * l->r.input,
               0, l->panels);
    return IG_OK;
}

static ig_status fill_r(const ig_kernel_ctx *k, void *dst, void *user)
{
    const layer *l = user;
    for (int d = 0; d < l->r.dirs; d++)
        pack_r(l, (float *)dst + (size_t)d * l->r_floats,
               igi_kf32(igi_kin(k, IGI_REC_R)) +
                   d * l->r.gates * l->r.hidden * l->r.hidden,
               0, l->blocks);
    return IG_OK;
}

static ig_status packed_supports(const ig_kernel_ctx *k)
{
    const uint64_t need = IG_BIT(IGI_REC_W) | IG_BIT(IGI_REC_R);
    if ((k->constants & need) != need)
        return ig_reject("W or R is not constant");
    return IG_OK;
}

static ig_status packed_prepare(ig_kernel_ctx *k)
{
    layer l;
    char key[64];
    size_t bytes;
    IG_TRY(packed_supports(k)); /* a strided view was copied since */
    IG_TRY(measure(k, &l, false));
    packed *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    k->state = s;
    /* W and R may be one constant: their packed forms differ. */
    snprintf(key, sizeof(key), "recurrent W %d %d %d %d", (int)l.r.cell, l.two_passes,
             l.r.dirs, (int)l.block);
    ig_status rc = IG_OK;
    if (!igi_mul_size(l.w_floats, sizeof(float) * (size_t)l.r.dirs, &bytes))
        rc = ig_kernel_fail(k, IG_LIMIT, "W is too large to pack");
    if (rc == IG_OK && !(s->w = ig_pack(k, IGI_REC_W, key, bytes, fill_w, &l)))
        rc = ig_error_status();
    if (rc == IG_OK &&
        !igi_mul_size(l.r_floats, sizeof(float) * (size_t)l.r.dirs, &bytes))
        rc = ig_kernel_fail(k, IG_LIMIT, "R is too large to pack");
    key[sizeof("recurrent ") - 1] = 'R';
    if (rc == IG_OK && !(s->r = ig_pack(k, IGI_REC_R, key, bytes, fill_r, &l)))
        rc = ig_error_status();
    if (rc == IG_OK)
        return set_scratch(k, &l);
    igi_free(s);
    k->state = NULL;
    return rc;
}

static void packed_unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

static ig_status steps_prepare(ig_kernel_ctx *k)
{
    layer l;
    IG_TRY(measure(k, &l, true));
    return set_scratch(k, &l);
}

/* ---- a run ---- */

typedef struct team {
    ig_kernel_ctx *k;
    const layer *l;
    int tid, nth;
    const float *w, *r; /* packed, all directions */
    igi_stop *stop;
} team;

/* Rows of `hidden` floats into rows of `wide`, padded by zeros; no source: zeros. */
static void pad_row(const layer *l, float *dst, const float *src)
{
    const size_t n = (size_t)l->r.hidden, wide = (size_t)l->wide;
    if (src)
        memcpy(dst, src, n * sizeof(float));
    memset(dst + (src ? n : 0), 0, (wide - (src ? n : 0)) * sizeof(float));
}

/* Biases of one block of columns: of W and R, which GRU with linear_before_reset keeps
 * apart for the last gate. */
static void set_biases(const team *t, int d, int64_t block)
{
    const layer *l = t->l;
    const igi_recurrent *r = &l->r;
    const int64_t rows = r->gates * r->hidden, n = units(l, block);
    const float *b = igi_kf32(igi_kin(t->k, IGI_REC_B));
    float *bias = area(t->k, l->at_bias) + d * l->columns + block * r->gates * l->block;
    float *rb = area(t->k, l->at_rb) + d * l->wide + block * l->block;
    for (int64_t g = 0; g < r->gates; g++) {
        bool apart = r->cell == IGI_CELL_GRU && r->option && g == 2;
        for (int64_t j = 0; j < l->block; j++) {
            int64_t at = d * 2 * rows + g * r->hidden + block * l->block + j;
            float of_w = b && j < n ? b[at] : 0, of_r = b && j < n ? b[at + rows] : 0;
            bias[g * l->block + j] = apart ? of_w : of_w + of_r;
            if (apart)
                rb[j] = of_r;
        }
    }
}

/* States, biases, peepholes; and the weights when they are not packed ahead. */
static void set_up(const team *t, bool pack)
{
    const layer *l = t->l;
    const igi_recurrent *r = &l->r;
    const float *h0 = igi_kf32(igi_kin(t->k, IGI_REC_H0));
    const float *c0 = igi_kf32(igi_kin(t->k, IGI_REC_C0));
    const float *p = igi_kf32(igi_kin(t->k, IGI_REC_P));
    int64_t lo, hi;
    ig_split(r->dirs * r->batch, 1, t->tid, t->nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        int64_t at = i / r->batch * r->h_dir + i % r->batch * r->h_seq;
        pad_row(l, area(t->k, l->at_h) + i * l->wide, h0 ? h0 + at : NULL);
        pad_row(l, area(t->k, l->at_c) + i * l->wide, c0 ? c0 + at : NULL);
    }
    for (int64_t i = 0; p && t->tid == 0 && i < 3 * r->dirs; i++)
        pad_row(l, area(t->k, l->at_p) + i * l->wide, p + i * r->hidden);
    ig_split(r->dirs * l->blocks, 1, t->tid, t->nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        int64_t d = i / l->blocks, b = i % l->blocks;
        set_biases(t, (int)d, b);
        if (pack)
            pack_r(l, area(t->k, l->at_r) + (size_t)d * l->r_floats,
                   igi_kf32(igi_kin(t->k, IGI_REC_R)) +
                       d * r->gates * r->hidden * r->hidden,
                   b, b + 1);
    }
    ig_split(r->dirs * l->panels, 1, t->tid, t->nth, &lo, &hi);
    for (int64_t i = lo; pack && i < hi; i++) {
        int64_t d = i / l->panels, b = i % l->panels;
        pack_w(l, area(t->k, l->at_w) + (size_t)d * l->w_floats,
               igi_kf32(igi_kin(t->k, IGI_REC_W)) + d * r->gates * r->hidden * r->input,
               b, b + 1);
    }
}

/* The step of time that is number s of direction d. */
static int64_t time_of(const layer *l, int d, int64_t s)
{
    return l->r.reverse[d] ? l->r.steps - 1 - s : s;
}

/* X W + biases of steps [s, s + n) into rows [step by time][sequence]. */
static void project(const team *t, int64_t s, int64_t n)
{
    const layer *l = t->l;
    const igi_recurrent *r = &l->r;
    const bool batch_first = r->x_seq > r->x_step || r->batch == 1;
    int64_t lo, hi;
    ig_split(r->dirs * l->panels, 1, t->tid, t->nth, &lo, &hi);
    for (int d = 0; d < r->dirs; d++) {
        int64_t from = lo - d * l->panels, to = hi - d * l->panels;
        int64_t first = r->reverse[d] ? time_of(l, d, s + n - 1) : s;
        igi_gemm g = {.m = batch_first ? n : n * r->batch,
                      .n = l->columns,
                      .k = r->input,
                      .a = igi_kf32(igi_kin(t->k, IGI_REC_X)) + first * r->x_step,
                      .lda = batch_first ? r->x_step : r->x_seq,
                      .b = t->w + (size_t)d * l->w_floats,
                      .c = area(t->k, l->at_x) + d * l->chunk * r->batch * l->ld_x,
                      .ldc = batch_first ? r->batch * l->ld_x : l->ld_x,
                      .epilogue.bias = area(t->k, l->at_bias) + d * l->columns};
        from = from > 0 ? from : 0;
        to = to < l->panels ? to : l->panels;
        for (int64_t b = 0; from < to && b < (batch_first ? r->batch : 1); b++) {
            igi_gemm_run(l->isa, &g, 0, g.m, from, to, t->stop);
            g.a += r->x_seq;
            g.c += l->ld_x;
        }
    }
}

static void describe(const team *t, int d, igi_cell_step *c)
{
    const layer *l = t->l;
    const igi_recurrent *r = &l->r;
    *c = (igi_cell_step){.kind = r->cell == IGI_CELL_LSTM  ? IGI_CELL_STEP_LSTM
                                 : r->cell == IGI_CELL_RNN ? IGI_CELL_STEP_RNN
                                 : l->two_passes           ? IGI_CELL_STEP_GRU_RESET
                                                           : IGI_CELL_STEP_GRU_LINEAR,
                         .option = r->option,
                         .gates = r->gates,
                         .clip = (float)r->clip,
                         .rows = r->batch,
                         .hidden = r->hidden,
                         .ld = l->wide,
                         .lens = r->lens,
                         .r = t->r + (size_t)d * l->r_floats,
                         .ld_x = l->ld_x,
                         .c = area(t->k, l->at_c) + d * r->batch * l->wide,
                         .ld_y = r->y_seq,
                         .rb = area(t->k, l->at_rb) + d * l->wide};
    if (igi_kin(t->k, IGI_REC_P))
        c->p = area(t->k, l->at_p) + d * 3 * l->wide;
    for (int f = 0; f < 3; f++) {
        c->fn[f] = (int)r->fn[d][f].kind;
        c->alpha[f] = r->fn[d][f].alpha;
        c->beta[f] = r->fn[d][f].beta;
    }
}

/* Step s of direction d, which is row `row` of the chunk; `second`: the second pass. */
static void set_step(const team *t, igi_cell_step *c, int d, int64_t s, int64_t row)
{
    const layer *l = t->l;
    const igi_recurrent *r = &l->r;
    const size_t states = (size_t)(r->batch * l->wide), dirs = (size_t)r->dirs;
    float *h = area(t->k, l->at_h) + (size_t)d * states;
    float *y = igi_kf32(igi_kout(t->k, 0));
    c->t = time_of(l, d, s);
    c->x = area(t->k, l->at_x) + (d * l->chunk + row) * r->batch * l->ld_x;
    c->before = h + (size_t)(s % 2) * dirs * states;
    c->h = c->before;
    c->out = h + (size_t)((s + 1) % 2) * dirs * states;
    c->y = y ? y + c->t * r->y_step + d * r->y_dir : NULL;
}

static void run_pass(const team *t, igi_cell_step *c, int d, bool second)
{
    const layer *l = t->l;
    const size_t states = (size_t)(l->r.batch * l->wide);
    int64_t lo, hi;
    ig_split(l->r.dirs * l->blocks, 1, t->tid, t->nth, &lo, &hi);
    lo -= d * l->blocks;
    hi -= d * l->blocks;
    igi_cell_step pass = *c;
    if (l->two_passes && !second) {
        pass.out = area(t->k, l->at_rh) + (size_t)d * states;
        pass.y = NULL;
    } else if (l->two_passes) {
        pass.kind = IGI_CELL_STEP_GRU_NEW;
        pass.h = area(t->k, l->at_rh) + (size_t)d * states;
        pass.r += l->blocks * 2 * l->r.hidden * l->block;
    }
    lo = lo > 0 ? lo : 0;
    hi = hi < l->blocks ? hi : l->blocks;
    for (; lo < hi && !igi_stopped(t->stop); lo += l->piece)
        l->isa->cell_step(&pass, lo, hi - lo < l->piece ? hi : lo + l->piece);
}

static void run_steps(const team *t)
{
    const layer *l = t->l;
    const igi_recurrent *r = &l->r;
    igi_cell_step c[2];
    for (int d = 0; d < r->dirs; d++)
        describe(t, d, &c[d]);
    for (int64_t s = 0, n; s < r->steps; s += n) {
        n = r->steps - s < l->chunk ? r->steps - s : l->chunk;
        project(t, s, n);
        ig_barrier(t->k);
        for (int64_t i = 0; i < n; i++)
            for (int pass = 0; pass <= l->two_passes; pass++) {
                for (int d = 0; d < r->dirs; d++) {
                    set_step(t, &c[d], d, s + i, r->reverse[d] ? n - 1 - i : i);
                    run_pass(t, &c[d], d, pass != 0);
                }
                ig_barrier(t->k);
            }
    }
}

/* Y_h and Y_c. */
static void put_states(const team *t)
{
    const layer *l = t->l;
    const igi_recurrent *r = &l->r;
    const int64_t rows = r->dirs * r->batch;
    const float *h = area(t->k, l->at_h) + r->steps % 2 * rows * l->wide;
    const float *c = area(t->k, l->at_c);
    float *y_h = igi_kf32(igi_kout(t->k, 1)), *y_c = igi_kf32(igi_kout(t->k, 2));
    const size_t bytes = (size_t)r->hidden * sizeof(float);
    int64_t lo, hi;
    ig_split(rows, 1, t->tid, t->nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        int64_t at = i / r->batch * r->h_dir + i % r->batch * r->h_seq;
        if (y_h)
            memcpy(y_h + at, h + i * l->wide, bytes);
        if (y_c)
            memcpy(y_c + at, c + i * l->wide, bytes);
    }
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth, const packed *ahead)
{
    layer l;
    IG_TRY(measure(k, &l, ahead == NULL));
    IG_TRY(igi_recurrent_lengths(k, &l.r));
    igi_stop stop = igi_kstop(k);
    team t = {.k = k,
              .stop = &stop,
              .l = &l,
              .tid = tid,
              .nth = nth,
              .w = ahead ? ahead->w : area(k, l.at_w),
              .r = ahead ? ahead->r : area(k, l.at_r)};
    set_up(&t, ahead == NULL);
    ig_barrier(k);
    run_steps(&t);
    put_states(&t);
    return igi_kstop_status(&stop);
}

static ig_status packed_run(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, k->state);
}

static ig_status steps_run(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, NULL);
}

#define ROWS(op_)                                                                      \
    {IG_KERNEL_HEAD,                                                                   \
     .op = op_,                                                                        \
     .name = "packed",                                                                 \
     .types = IG_T(FLOAT32),                                                           \
     .needs = IG_KERNEL_HEAVY | IG_NEED_NONEMPTY,                                      \
     .supports = packed_supports,                                                      \
     .prepare = packed_prepare,                                                        \
     .run_team = packed_run,                                                           \
     .unprepare = packed_unprepare},                                                   \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "steps", .types = IG_T(FLOAT32),            \
                        .needs = IG_KERNEL_HEAVY | IG_NEED_NONEMPTY,                   \
                        .prepare = steps_prepare, .run_team = steps_run                \
    }
IG_KERNELS(recurrent) = {ROWS("RNN"), ROWS("LSTM"), ROWS("GRU"), {0}};
