/* ConvInteger with one or two spatial axes over the int8 product, exact.
 *
 * As in int8_conv.c rows of A are windows of an image whose pixels are neighbours
 * (NHWC), copied with its padding of x_zero; here the image comes channel by channel,
 * so the copy is a transpose, and so are the results of a block of windows on their way
 * out. With x' and w' shifted to uint8 and int8, and their zero points with them,
 *   sum (x' - xz)(w' - wz) = sum x'w' - xz sum w' - wz (sum x' - K xz),
 * where sums of x' over a window are sums of `plane`, which has them by pixel. One
 * channel a group (depthwise) is a loop over taps instead, with weights of 1 for those
 * sums. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "operators/common_quant.h"
#include "operators/cpu/compute_int8.h"
#include "operators/cpu/kernel.h"

enum { TAPS_MAX = 512, SLACK = 64, BLOCK = 64, PIXELS = 16, MORE_BYTES = 1 << 24 };

typedef struct conv_state {
    const igi_int8_isa *isa;
    const igi_cpu_isa *floats; /* for transposes */
    igi_conv c;
    igi_window_axis h, w;
    bool x_signed, depthwise;
    int64_t element; /* of the padded image */
    int64_t channels, rows, cols;
    igi_int8_source source; /* of a group */
    size_t packed_bytes;    /* of a group */
    const void *packed;
    /* Parts of scratch in bytes: of the team, then of each thread. */
    size_t image, plane, weights;
    size_t arrays, acc, block, sums, row;
    int64_t offset[TAPS_MAX]; /* of segments, in bytes */
    int64_t pixel[TAPS_MAX];  /* of taps in the plane */
} conv_state;

static bool one_or_channels(const ig_tensor *t, int64_t channels)
{
    return !t || igi_tensor_count(t) == 1 || igi_tensor_count(t) == channels;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1);
    const int rank = igi_krank(x);
    if (rank != 3 && rank != 4)
        return ig_reject("not one or two spatial axes");
    if (igi_kcount(w, 2, rank) > TAPS_MAX)
        return ig_reject("a very large window");
    if (!one_or_channels(igi_kin(k, 2), 1) ||
        !one_or_channels(igi_kin(k, 3), igi_kdims(w)[0]))
        return ig_reject("zero points that are no numbers");
    return igi_tensor_count(igi_kout(k, 0)) && igi_tensor_count(w)
               ? IG_OK
               : ig_reject("nothing to compute");
}

/* ---- preparing ---- */

static size_t line(int64_t bytes)
{
    return (size_t)((bytes + 63) / 64 * 64);
}

static int64_t reach(const igi_window_axis *a)
{
    const int64_t taps = (a->out - 1) * a->stride + (a->kernel - 1) * a->dilation + 1;
    return taps > a->in + a->pad ? taps : a->in + a->pad;
}

static void set_geometry(conv_state *s, const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1);
    igi_conv *c = &s->c;
    igi_conv_set(c, k->attrs, igi_krank(x), igi_kdims(x), igi_kdims(w),
                 igi_kdims(igi_kout(k, 0)));
    s->w = c->w.axis[c->w.rank - 1];
    s->h = c->w.rank > 1
               ? c->w.axis[0]
               : (igi_window_axis){
                     .in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    s->x_signed = ig_dtype_of(x) == IG_INT8;
    s->channels = c->group * c->c;
    s->depthwise = c->group > 1 && c->c == 1 && c->m == 1;
    s->element = s->depthwise ? 1 : s->isa->element;
    s->rows = reach(&s->h);
    s->cols = reach(&s->w);
    s->source = (igi_int8_source){.is_signed = ig_dtype_of(w) == IG_INT8,
                                  .n = c->m,
                                  .step_n = c->c * c->taps,
                                  .count = {c->taps, 1, c->c},
                                  .step = {1, 0, c->taps}};
    if (c->group == 1 && s->w.dilation == 1) { /* a row of taps is one run of bytes */
        s->source.count[0] = s->h.kernel;
        s->source.count[1] = s->w.kernel;
        s->source.step[0] = s->w.kernel;
        s->source.step[1] = 1;
    }
}

static void set_offsets(conv_state *s)
{
    const int64_t pixel = s->channels * s->element, across = s->w.kernel;
    const bool whole = s->source.count[1] > 1;
    for (int64_t t = 0; t < s->c.taps; t++)
        s->pixel[t] = t / across * s->h.dilation * s->cols + t % across * s->w.dilation;
    for (int64_t i = 0; i < s->source.count[0]; i++)
        s->offset[i] = s->pixel[whole ? i * across : i] * pixel;
}

/* False when padding or spread taps make very much of the image. */
static bool set_sizes(conv_state *s, size_t *packed)
{
    const igi_conv *c = &s->c;
    const int64_t most = 64 * c->batch * c->in_plane * s->channels + MORE_BYTES;
    int64_t pixels, bytes;
    if (!igi_mul_i64(s->rows, s->cols, &pixels) ||
        !igi_mul_i64(pixels, s->channels, &bytes) || bytes > most ||
        !igi_int8_packed_bytes(s->isa, &s->source, &s->packed_bytes))
        return false;
    s->packed_bytes = line((int64_t)s->packed_bytes);
    s->image = line(bytes * s->element + SLACK);
    s->plane = line(pixels * c->group * 4);
    s->arrays = line(igi_int8_panels(s->isa, c->m) * s->isa->panel * c->group * 4);
    s->acc = line((int64_t)s->isa->rows * s->isa->panel * 4);
    s->block = line((int64_t)BLOCK * s->isa->panel * 4);
    s->sums = line(BLOCK * 4);
    s->row = line(s->w.in * s->channels);
    if (s->depthwise) {
        s->plane = line(c->taps * s->channels); /* weights of 1 */
        s->arrays = s->acc = s->sums = line(s->channels * 4);
        s->block = line(PIXELS * s->channels * 4);
        *packed = igi_int8_depthwise_bytes(s->channels, c->taps);
        return true;
    }
    return igi_mul_size(s->packed_bytes, (size_t)c->group, packed);
}

static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    const conv_state *s = user;
    if (s->depthwise)
        igi_int8_pack_depthwise(dst, (const uint8_t *)igi_kin(k, 1)->data,
                                s->source.is_signed, s->channels, s->c.taps);
    for (int64_t g = 0; !s->depthwise && g < s->c.group; g++) {
        igi_int8_source b = s->source;
        b.b = (const uint8_t *)igi_kin(k, 1)->data + g * b.n * b.step_n;
        igi_int8_pack(s->isa, (char *)dst + (size_t)g * s->packed_bytes, &b, 0,
                      igi_int8_panels(s->isa, b.n));
    }
    return IG_OK;
}

static void unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

static size_t own_bytes(const conv_state *s)
{
    return 2 * s->arrays + s->acc + s->block + s->sums + s->row;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    size_t packed = 0;
    char key[64];
    conv_state *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    k->state = s;
    s->isa = igi_int8_best();
    s->floats = igi_cpu_isa_best();
    set_geometry(s, k);
    ig_status rc =
        set_sizes(s, &packed) ? IG_OK : ig_reject("the padded image is very large");
    if (rc == IG_OK && k->constants & IG_BIT(1)) {
        snprintf(key, sizeof(key), "int8 conv %s %" PRId64 " %d", s->isa->name,
                 s->c.group, s->source.count[0] == s->h.kernel);
        s->packed = ig_pack(k, 1, key, packed, fill_packed, s);
        rc = s->packed ? IG_OK : ig_error_status();
    }
    if (rc != IG_OK) {
        unprepare(k);
        return rc;
    }
    set_offsets(s);
    s->weights = s->packed ? 0 : packed;
    k->scratch_bytes =
        line((int64_t)((s->image + s->plane + s->weights) / (size_t)k->threads)) + 64 +
        own_bytes(s);
    return IG_OK;
}

/* ---- running ---- */

typedef struct job {
    const conv_state *s;
    char *image;
    const char *packed;
    int32_t *plane, *y; /* y: of the image */
    int32_t *bias, *zero, *acc, *block, *sums;
    char *row;
    int32_t x_zero; /* of x' */
    bool summed;    /* some w' has a zero point */
    igi_stop *stop;
} job;

static void set_parts(job *j, const ig_kernel_ctx *k, int tid)
{
    const conv_state *s = j->s;
    char *at = k->scratch;
    j->image = at;
    j->plane = (int32_t *)(void *)(at + s->image);
    j->packed = s->packed ? s->packed : at + s->image + s->plane;
    at += s->image + s->plane + s->weights + (size_t)tid * own_bytes(s);
    j->bias = (int32_t *)(void *)at;
    j->zero = (int32_t *)(void *)(at + s->arrays);
    at += 2 * s->arrays;
    j->acc = (int32_t *)(void *)at;
    j->block = (int32_t *)(void *)(at + s->acc);
    j->sums = (int32_t *)(void *)(at + s->acc + s->block);
    j->row = at + s->acc + s->block + s->sums;
}

static const int32_t *sums_of(const job *j, int64_t g)
{
    const conv_state *s = j->s;
    return s->depthwise ? igi_int8_depthwise_sums(j->packed, s->channels, s->c.taps)
                        : igi_int8_sums(s->isa, j->packed + (size_t)g * s->packed_bytes,
                                        &s->source);
}

/* What the sums of each column get: arrays have whole panels for each group. */
static void set_columns(job *j, const ig_kernel_ctx *k)
{
    const conv_state *s = j->s;
    const ig_tensor *zero = igi_kin(k, 3);
    const int64_t groups = s->depthwise ? 1 : s->c.group,
                  m = s->depthwise ? s->channels : s->c.m,
                  width = s->depthwise ? m : igi_int8_panels(s->isa, m) * s->isa->panel;
    const uint32_t depth = (uint32_t)(s->c.c * s->c.taps);
    j->x_zero = (int32_t)igi_scalar_i64(igi_kin(k, 2), 0) + (s->x_signed ? 128 : 0);
    j->summed = false;
    for (int64_t g = 0; g < groups; g++) {
        const int32_t *sums = sums_of(j, g);
        for (int64_t i = 0; i < width; i++) {
            const int64_t at = g * width + i, channel = i < m ? g * m + i : 0;
            const bool many = zero && igi_tensor_count(zero) > 1;
            int32_t z = zero ? (int32_t)igi_quant_zero(zero, many ? channel : 0) : 0;
            z -= s->source.is_signed ? 0 : 128;
            j->zero[at] = i < m ? z : 0;
            j->summed = j->summed || j->zero[at];
            j->bias[at] =
                (int32_t)((uint32_t)j->x_zero *
                          (depth * (uint32_t)j->zero[at] - (uint32_t)sums[i]));
        }
    }
}

static void fill(const job *j, char *to, int64_t n)
{
    int16_t *wide = (int16_t *)(void *)to;
    if (j->s->element == 1)
        memset(to, j->x_zero, (size_t)n);
    else
        for (int64_t i = 0; i < n; i++)
            wide[i] = (int16_t)j->x_zero;
}

/* Sums of the channels of each group of `n` pixels. */
static void add_channels(const conv_state *s, int32_t *plane, const char *x, int64_t n)
{
    const int16_t *wide = (const int16_t *)(const void *)x;
    const int64_t c = s->c.c;
    for (int64_t i = 0; i < n * s->c.group; i++) {
        int32_t sum = 0;
        for (int64_t at = i * c; s->isa->element > 1 && at < (i + 1) * c; at++)
            sum += wide[at];
        plane[i] = s->isa->element > 1 ? sum : igi_int8_row_sum(x + i * c, c);
    }
}

/* Rows [lo, hi) of the padded image from x[channels][h][w]. */
static void copy_rows(const job *j, const char *x, int64_t lo, int64_t hi)
{
    const conv_state *s = j->s;
    const igi_int8_isa as = {.element = (int)s->element};
    const int64_t c = s->channels, e = s->element, in = s->w.in;
    const int64_t pad = s->w.pad, right = s->cols - pad - in;
    for (int64_t i = lo; i < hi && !igi_stopped(j->stop); i++) {
        char *to = j->image + i * s->cols * c * e;
        const int64_t at = i - s->h.pad;
        if (at < 0 || at >= s->h.in) {
            fill(j, to, s->cols * c);
        } else {
            fill(j, to, pad * c);
            igi_transpose_2d(s->floats, 1, j->row, c, x + at * in, s->c.in_plane, c,
                             in);
            igi_int8_copy(&as, to + pad * c * e, j->row, in * c, s->x_signed);
            fill(j, to + (pad + in) * c * e, right * c);
        }
        if (j->summed && !s->depthwise)
            add_channels(s, j->plane + i * s->cols * s->c.group, to, s->cols);
    }
}

/* Sums of x' over n windows from the pixel `at` on. */
static void add_windows(const job *j, int64_t at, int64_t g, int64_t n)
{
    const conv_state *s = j->s;
    for (int64_t i = 0; i < n; i++, at += s->w.stride) {
        uint32_t sum = 0;
        for (int64_t t = 0; t < s->c.taps; t++)
            sum += (uint32_t)j->plane[(at + s->pixel[t]) * s->c.group + g];
        j->sums[i] = (int32_t)sum;
    }
}

/* n <= BLOCK windows of output row `row` from `from` on, panels [lo, hi) of group g. */
static void run_block(const job *j,
                      int64_t g,
                      int64_t row,
                      int64_t from,
                      int64_t n,
                      int64_t lo,
                      int64_t hi)
{
    const conv_state *s = j->s;
    const igi_int8_isa *isa = s->isa;
    const int64_t pixel = s->channels * isa->element, panel = isa->panel;
    const int64_t first = row * s->h.stride * s->cols + from * s->w.stride;
    const int64_t width = igi_int8_panels(isa, s->c.m) * panel;
    const int64_t tiles = (n + isa->rows - 1) / isa->rows;
    const igi_int8_finish f = {.bias = j->bias + g * width,
                               .b_zero = j->summed ? j->zero + g * width : NULL};
    igi_int8_tile t = {
        .lda = s->w.stride * pixel,
        .segments = s->source.count[0],
        .segment = s->offset,
        .steps = igi_int8_padded(isa, s->source.count[1] * s->source.count[2]) *
                 isa->element / 4,
        .c = j->acc};
    if (j->summed)
        add_windows(j, first, g, n);
    for (int64_t p = lo; p < hi; p++) {
        const int64_t col = p * panel, left = s->c.m - col;
        t.b =
            igi_int8_panel(isa, j->packed + (size_t)g * s->packed_bytes, &s->source, p);
        igi_int8_rows r = {.n = left < panel ? left : panel,
                           .col = col,
                           .acc = j->acc,
                           .ld_y = panel * 4};
        for (int64_t q = 0; q < tiles; q++) { /* heights spread evenly */
            const int64_t at = n * q / tiles;
            r.m = t.m = n * (q + 1) / tiles - at;
            t.a = j->image + first * pixel + at * t.lda + g * s->c.c * isa->element;
            isa->tile(&t);
            r.y = j->block + at * panel;
            r.row_sums = j->summed ? j->sums + at : NULL;
            isa->finish(&f, &r);
        }
        s->floats->transpose_32(j->y + (g * s->c.m + col) * s->c.out_plane +
                                    row * s->w.out + from,
                                s->c.out_plane, j->block, panel, n, r.n);
    }
}

/* n <= PIXELS outputs of row `row` from `from` on, all channels. */
static void run_pixels(const job *j, int64_t row, int64_t from, int64_t n)
{
    const conv_state *s = j->s;
    const uint8_t *taps[TAPS_MAX];
    const int64_t c = s->channels, count = s->c.taps;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = row * s->h.stride * s->cols + (from + i) * s->w.stride;
        int32_t *to = j->block + i * c;
        for (int64_t t = 0; t < count; t++)
            taps[t] = (const uint8_t *)j->image + (at + s->pixel[t]) * c;
        s->isa->depthwise(j->acc, taps, (const int8_t *)j->packed, count, c);
        if (j->summed)
            s->isa->depthwise(j->sums, taps, (const int8_t *)j->plane, count, c);
        for (int64_t ch = 0; ch < c; ch++)
            to[ch] = (int32_t)((uint32_t)j->acc[ch] + (uint32_t)j->bias[ch]);
        for (int64_t ch = 0; j->summed && ch < c; ch++)
            to[ch] = (int32_t)((uint32_t)to[ch] -
                               (uint32_t)j->zero[ch] * (uint32_t)j->sums[ch]);
    }
    s->floats->transpose_32(j->y + row * s->w.out + from, s->c.out_plane, j->block, c,
                            n, c);
}

static void run_depthwise(const job *j, int tid, int nth)
{
    const conv_state *s = j->s;
    const int64_t blocks = (s->w.out + PIXELS - 1) / PIXELS;
    int64_t lo, hi;
    ig_split(s->h.out * blocks, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi && !igi_stopped(j->stop); i++) {
        const int64_t from = i % blocks * PIXELS, left = s->w.out - from;
        run_pixels(j, i / blocks, from, left < PIXELS ? left : PIXELS);
    }
}

/* The thread's part of one image: output rows, or panels when there are few. */
static void run_image(const job *j, int tid, int nth)
{
    const conv_state *s = j->s;
    int64_t row_lo = 0, row_hi = s->h.out, lo = 0, hi = igi_int8_panels(s->isa, s->c.m);
    if (row_hi >= nth)
        ig_split(row_hi, 1, tid, nth, &row_lo, &row_hi);
    else
        ig_split(hi, 1, tid, nth, &lo, &hi);
    for (int64_t row = row_lo; row < row_hi && lo < hi; row++)
        for (int64_t g = 0; g < s->c.group && !igi_stopped(j->stop); g++)
            for (int64_t from = 0; from < s->w.out; from += BLOCK)
                run_block(j, g, row, from,
                          s->w.out - from < BLOCK ? s->w.out - from : BLOCK, lo, hi);
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const conv_state *s = k->state;
    igi_stop stop = igi_kstop(k);
    job j = {.s = s, .stop = &stop};
    int64_t lo, hi;
    set_parts(&j, k, tid);
    if (!s->packed) {
        if (tid == 0)
            (void)fill_packed(k, k->scratch + s->image + s->plane, k->state);
        ig_barrier(k);
    }
    set_columns(&j, k);
    if (s->depthwise && tid == 0)
        memset(j.plane, 1, (size_t)(s->c.taps * s->channels));
    ig_split(s->rows, 1, tid, nth, &lo, &hi);
    for (int64_t n = 0; n < s->c.batch; n++) {
        if (n)
            ig_barrier(k); /* nobody reads the last image any more */
        copy_rows(&j, igi_kin(k, 0)->data + n * s->channels * s->c.in_plane, lo, hi);
        ig_barrier(k);
        j.y = (int32_t *)(void *)igi_kout(k, 0)->data +
              n * s->c.group * s->c.m * s->c.out_plane;
        (s->depthwise ? run_depthwise : run_image)(&j, tid, nth);
    }
    return igi_kstop_status(&stop);
}

IG_KERNELS(int8_conv_integer) = {
    {IG_KERNEL_HEAD, .op = "ConvInteger", .name = "int8", .types = IGI_QUANT_BYTES,
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY, .supports = supports,
     .prepare = prepare, .run_team = run, .unprepare = unprepare},
    {0},
};
