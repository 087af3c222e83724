/* ingot::QConv with two spatial axes over the int8 product, exact.
 *
 * A convolution is a product whose rows of A are windows: runs of neighbouring bytes of
 * an NHWC image (a tap row when there are no groups, else a tap). The image is used in
 * place when windows never leave it; otherwise it is copied with its padding, which
 * holds x_zero, as what the product reads (uint8, or 16-bit numbers without VNNI). With
 * x' = x - zero point the sum is sum x w - x_zero sum w: the last goes into the bias.
 * One channel a group (depthwise) is a loop over taps instead. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "operators/common_fused.h"
#include "operators/common_qconv.h"
#include "operators/cpu/compute_int8.h"
#include "operators/cpu/kernel.h"

enum { BLOCK_BYTES = 128 << 10, TAPS_MAX = 512, SLACK = 64, MORE_BYTES = 1 << 24 };

typedef struct qconv_state {
    const igi_int8_isa *isa;
    igi_conv c;
    const igi_window_axis *h, *w;
    bool x_signed, depthwise, copies;
    int32_t x_zero;                   /* of the shifted x */
    int64_t element, channels;        /* of the image that is read; channels of x */
    int64_t rows, cols;               /* of that image */
    int64_t images, in_rows;          /* at once, and rows of x in one */
    int64_t runs, run;                /* rows of A: runs of neighbouring pixels */
    igi_int8_source source;           /* of a group */
    size_t packed_bytes, image_bytes; /* of a group; shared parts of scratch */
    size_t shared, arrays, acc;
    const void *packed;
    int64_t offset[TAPS_MAX]; /* of segments or taps, in bytes */
} qconv_state;

static ig_status supports(const ig_kernel_ctx *k)
{
    const igi_qconv_attrs *a = k->attrs;
    const ig_tensor *w = igi_kin(k, 1);
    if (igi_krank(igi_kin(k, 0)) != 4)
        return ig_reject("not two spatial axes");
    if (a->w_zero != (ig_dtype_of(w) == IG_INT8 ? 0 : 128))
        return ig_reject("a zero point of the weights");
    if (igi_kcount(w, 2, 4) > TAPS_MAX)
        return ig_reject("a very large window");
    return igi_tensor_count(igi_kout(k, 0)) && igi_tensor_count(w)
               ? IG_OK
               : ig_reject("nothing to compute");
}

/* ---- preparing ---- */

static void set_geometry(qconv_state *s, const ig_kernel_ctx *k)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX];
    const igi_qconv_attrs *a = k->attrs;
    const igi_conv_attrs plain = igi_qconv_plain(a);
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1), *y = igi_kout(k, 0);
    igi_dims_to_nchw(igi_krank(x), igi_kdims(x), xd);
    igi_dims_to_nchw(igi_krank(y), igi_kdims(y), yd);
    igi_conv *c = &s->c;
    igi_conv_set(c, &plain, 4, xd, igi_kdims(w), yd);
    s->h = &c->w.axis[0];
    s->w = &c->w.axis[1];
    s->x_signed = ig_dtype_of(x) == IG_INT8;
    s->x_zero = (int32_t)a->x_zero + (s->x_signed ? 128 : 0);
    s->channels = c->group * c->c;
    s->depthwise = c->group > 1 && c->c == 1 && c->m == 1;
    s->element = s->depthwise ? 1 : s->isa->element;
    s->source = (igi_int8_source){.is_signed = ig_dtype_of(w) == IG_INT8,
                                  .n = c->m,
                                  .step_n = c->c * c->taps,
                                  .count = {c->taps, 1, c->c},
                                  .step = {1, 0, c->taps}};
    if (c->group == 1 && s->w->dilation == 1) {
        s->source.count[0] = s->h->kernel;
        s->source.count[1] = s->w->kernel;
        s->source.step[0] = s->w->kernel;
        s->source.step[1] = 1;
    }
}

static size_t line(int64_t bytes)
{
    return (size_t)((bytes + 63) / 64 * 64);
}

/* Rows and columns that windows reach. */
static int64_t reach(const igi_window_axis *a)
{
    return (a->out - 1) * a->stride + (a->kernel - 1) * a->dilation + 1;
}

/* Bytes of the image that is read; false when padding or spread taps make so much of it
 * that the windows had better be walked. */
static bool set_image_bytes(qconv_state *s)
{
    const int64_t most = 64 * s->c.batch * s->c.in_plane * s->channels + MORE_BYTES;
    int64_t bytes;
    if (!igi_mul_i64(s->rows, s->cols, &bytes) ||
        !igi_mul_i64(bytes, s->channels * s->element, &bytes) ||
        bytes / s->element > most)
        return false;
    s->image_bytes = s->copies ? line(bytes + SLACK) : 0;
    return true;
}

/* False: the image is too large. */
static bool set_image(qconv_state *s)
{
    const igi_window_axis *h = s->h, *w = s->w;
    const igi_int8_source *b = &s->source;
    const int64_t len = b->count[1] * b->count[2];
    bool inside = !h->pad && !w->pad && reach(h) <= h->in && reach(w) <= w->in;
    bool plain = !s->x_signed && s->element == 1;
    bool whole = s->depthwise || igi_int8_padded(s->isa, len) == len;
    s->copies = !inside || !plain || !whole;
    s->rows = h->in;
    s->cols = w->in;
    if (!inside) {
        s->rows = reach(h) > h->in + h->pad ? reach(h) : h->in + h->pad;
        s->cols = reach(w) > w->in + w->pad ? reach(w) : w->in + w->pad;
    }
    s->runs = h->out;
    s->run = w->out;
    s->images = s->c.batch;
    s->in_rows = h->in;
    if (s->c.taps == 1 && h->stride == 1 && w->stride == 1 && inside && !s->depthwise) {
        /* Pixels of all images are rows of one product. */
        s->images = s->runs = 1;
        s->run = s->c.batch * h->out * w->out;
        s->rows = s->in_rows = s->c.batch * h->in;
    }
    if (!set_image_bytes(s))
        return false;
    const int64_t pixel = s->channels * s->element;
    const int64_t segments = s->depthwise ? s->c.taps : b->count[0];
    const int64_t across = segments == h->kernel && !s->depthwise ? 1 : w->kernel;
    for (int64_t i = 0; i < segments; i++)
        s->offset[i] =
            (i / across * h->dilation * s->cols + i % across * w->dilation) * pixel;
    return true;
}

/* Columns of the arrays: those of each group in whole panels. */
static int64_t columns(const qconv_state *s)
{
    return s->depthwise ? s->channels : igi_int8_panels(s->isa, s->c.m) * s->isa->panel;
}

static void pack_group(const qconv_state *s, const uint8_t *w, char *dst, int64_t g)
{
    igi_int8_source b = s->source;
    b.b = w + g * b.n * b.step_n;
    igi_int8_pack(s->isa, dst + (size_t)g * s->packed_bytes, &b, 0,
                  igi_int8_panels(s->isa, b.n));
}

static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    const qconv_state *s = user;
    const uint8_t *w = (const uint8_t *)igi_kin(k, 1)->data;
    if (s->depthwise)
        igi_int8_pack_depthwise(dst, w, s->source.is_signed, s->channels, s->c.taps);
    for (int64_t g = 0; !s->depthwise && g < s->c.group; g++)
        pack_group(s, w, dst, g);
    return IG_OK;
}

static ig_status set_packed(ig_kernel_ctx *k, qconv_state *s, size_t *all)
{
    char key[64];
    if (s->depthwise) {
        *all = igi_int8_depthwise_bytes(s->channels, s->c.taps);
    } else {
        if (!igi_int8_packed_bytes(s->isa, &s->source, &s->packed_bytes))
            return ig_fail(IG_UNSUPPORTED, "the convolution is too large");
        s->packed_bytes = line((int64_t)s->packed_bytes);
        if (!igi_mul_size(s->packed_bytes, (size_t)s->c.group, all))
            return ig_fail(IG_UNSUPPORTED, "the convolution is too large");
    }
    if (!(k->constants & IG_BIT(1)))
        return IG_OK;
    snprintf(key, sizeof(key), "int8 conv %s %" PRId64 " %d", s->isa->name, s->c.group,
             s->source.count[0] == s->h->kernel);
    s->packed = ig_pack(k, 1, key, *all, fill_packed, s);
    return s->packed ? IG_OK : ig_error_status();
}

static void unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    size_t packed = 0;
    qconv_state *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    k->state = s;
    s->isa = igi_int8_best();
    set_geometry(s, k);
    ig_status rc = set_image(s) ? set_packed(k, s, &packed)
                                : ig_reject("the padded image is very large");
    if (rc != IG_OK) {
        unprepare(k);
        return rc;
    }
    s->shared = s->image_bytes + (s->packed ? 0 : packed);
    s->arrays = line(columns(s) * (s->depthwise ? 1 : s->c.group) * 4);
    s->acc = s->depthwise ? line(s->channels * 4)
                          : line((int64_t)s->isa->rows * s->isa->panel * 4);
    k->scratch_bytes =
        line((int64_t)(s->shared / (size_t)k->threads)) + 64 + 2 * s->arrays + s->acc;
    return IG_OK;
}

/* ---- running ---- */

typedef struct job {
    const qconv_state *s;
    const ig_kernel_ctx *k;
    const char *image, *packed;
    char *y;              /* of the image */
    const char *residual; /* NULL: none */
    int64_t ld;           /* bytes between pixels of y */
    int32_t *bias, *acc;
    float *factor;
    igi_int8_finish finish;
    igi_stop *stop;
} job;

static const int32_t *sums_of(const job *j, int64_t g)
{
    const qconv_state *s = j->s;
    if (s->depthwise)
        return igi_int8_depthwise_sums(j->packed, s->channels, s->c.taps);
    return igi_int8_sums(s->isa, j->packed + (size_t)g * s->packed_bytes, &s->source);
}

static void set_finish(job *j)
{
    const qconv_state *s = j->s;
    const igi_qconv_attrs *a = j->k->attrs;
    const float *factor = igi_kf32(igi_kin(j->k, IGI_QCONV_FACTOR));
    const ig_tensor *b = igi_kin(j->k, IGI_QCONV_BIAS),
                    *r = igi_kin(j->k, IGI_QCONV_RESIDUAL);
    const uint32_t *bias = b ? (const uint32_t *)(const void *)b->data : NULL;
    const int64_t width = columns(s), groups = s->depthwise ? 1 : s->c.group,
                  m = s->depthwise ? s->channels : s->c.m;
    for (int64_t g = 0; g < groups; g++) {
        const int32_t *sums = sums_of(j, g);
        for (int64_t i = 0; i < width; i++) {
            bool in = i < m;
            uint32_t zero = (uint32_t)s->x_zero * (uint32_t)sums[i];
            uint32_t add = in && bias ? bias[g * m + i] : 0;
            j->bias[g * width + i] = in ? (int32_t)(add - zero) : 0;
            j->factor[g * width + i] = in ? factor[g * m + i] : 0;
        }
    }
    j->finish = (igi_int8_finish){.zero = (float)a->y_zero,
                                  .low = (float)a->low,
                                  .high = (float)a->high,
                                  .residual_zero = (float)a->residual_zero,
                                  .residual_factor = a->residual_factor,
                                  .sum_low = a->sum_low,
                                  .sum_high = a->sum_high,
                                  .residual_signed = r && ig_dtype_of(r) == IG_INT8};
}

/* Rows [lo, hi) of the padded image. */
static void fill(const qconv_state *s, void *dst, int64_t n)
{
    int16_t *wide = dst;
    if (s->element == 1)
        memset(dst, s->x_zero, (size_t)n);
    else
        for (int64_t i = 0; i < n; i++)
            wide[i] = (int16_t)s->x_zero;
}

static void
copy_rows(const qconv_state *s, char *image, const char *x, int64_t lo, int64_t hi)
{
    const igi_int8_isa bytes = {.element = 1}, *isa = s->depthwise ? &bytes : s->isa;
    const int64_t row = s->cols * s->channels, e = s->element;
    const int64_t left = s->w->pad * s->channels;
    const int64_t from = s->w->in * s->channels;
    const int64_t take = from < row - left ? from : row - left;
    for (int64_t i = lo; i < hi; i++) {
        char *to = image + i * row * e;
        const int64_t at = i - s->h->pad;
        if (at < 0 || at >= s->in_rows) {
            fill(s, to, row);
            continue;
        }
        fill(s, to, left);
        igi_int8_copy(isa, to + left * e, x + at * from, take, s->x_signed);
        fill(s, to + (left + take) * e, row - left - take);
    }
}

/* Panels [from, to) of all groups, tiles [lo, hi) of all runs. */
static void run_tiles(job *j, int64_t lo, int64_t hi, int64_t from, int64_t to)
{
    const qconv_state *s = j->s;
    const igi_int8_isa *isa = s->isa;
    const int64_t panels = igi_int8_panels(isa, s->c.m), width = columns(s);
    const int64_t tiles = (s->run + isa->rows - 1) / isa->rows;
    const int64_t pixel = s->channels * s->element;
    igi_int8_tile t = {
        .lda = s->w->stride * pixel,
        .segments = s->source.count[0],
        .segment = s->offset,
        .steps = igi_int8_padded(isa, s->source.count[1] * s->source.count[2]) *
                 isa->element / 4,
        .c = j->acc};
    for (int64_t p = from; p < to; p++) {
        const int64_t g = p / panels, col = p % panels * isa->panel;
        const int64_t left = s->c.m - col, channel = g * s->c.m + col;
        igi_int8_rows r = {.acc = j->acc,
                           .n = left < isa->panel ? left : isa->panel,
                           .col = col,
                           .ld_y = j->ld,
                           .ld_residual = j->ld};
        j->finish.bias = j->bias + g * width;
        j->finish.factor = j->factor + g * width;
        t.b = igi_int8_panel(isa, j->packed + (size_t)g * s->packed_bytes, &s->source,
                             p % panels);
        for (int64_t i = lo; i < hi; i++) {
            const int64_t run = i / tiles, first = s->run * (i % tiles) / tiles;
            const int64_t place = (run * s->run + first) * j->ld + channel;
            r.m = t.m = s->run * (i % tiles + 1) / tiles - first;
            t.a = j->image + run * s->h->stride * s->cols * pixel + first * t.lda +
                  g * s->c.c * s->element;
            isa->tile(&t);
            r.y = j->y + place;
            r.residual = j->residual ? j->residual + place : NULL;
            isa->finish(&j->finish, &r);
        }
    }
}

/* Blocks of tiles whose windows stay in the cache while all panels pass. */
static void run_blocks(job *j, int64_t lo, int64_t hi, int64_t from, int64_t to)
{
    const qconv_state *s = j->s;
    const int64_t bytes =
        s->isa->rows * s->w->stride * s->channels * s->element * s->h->kernel;
    const int64_t block = bytes < BLOCK_BYTES ? BLOCK_BYTES / bytes : 1;
    for (; lo < hi && !igi_stopped(j->stop); lo += block)
        run_tiles(j, lo, hi - lo < block ? hi : lo + block, from, to);
}

static void run_depthwise(job *j, int64_t lo, int64_t hi)
{
    const qconv_state *s = j->s;
    const uint8_t *taps[TAPS_MAX];
    igi_int8_rows r = {.acc = j->acc, .m = 1};
    j->finish.bias = j->bias;
    j->finish.factor = j->factor;
    for (int64_t i = lo; i < hi && !igi_stopped(j->stop); i++) {
        for (int64_t o = 0; o < s->w->out; o++) {
            const char *x = j->image + (i * s->h->stride * s->cols + o * s->w->stride) *
                                           s->channels;
            for (int64_t t = 0; t < s->c.taps; t++)
                taps[t] = (const uint8_t *)x + s->offset[t];
            s->isa->depthwise(j->acc, taps, (const int8_t *)j->packed, s->c.taps,
                              s->channels);
            const int64_t place = (i * s->w->out + o) * j->ld;
            for (r.col = 0; r.col < s->channels; r.col += s->isa->panel) {
                r.n = s->channels - r.col;
                r.n = r.n < s->isa->panel ? r.n : s->isa->panel;
                r.acc = j->acc + r.col;
                r.y = j->y + place + r.col;
                r.residual = j->residual ? j->residual + place + r.col : NULL;
                s->isa->finish(&j->finish, &r);
            }
        }
    }
}

/* The thread's part of one image: rows of windows, or panels when there are few. */
static void run_image(job *j, int tid, int nth)
{
    const qconv_state *s = j->s;
    const int64_t panels = igi_int8_panels(s->isa, s->c.m) * s->c.group;
    const int64_t tiles = s->runs * ((s->run + s->isa->rows - 1) / s->isa->rows);
    int64_t lo, hi;
    if (s->depthwise) {
        ig_split(s->h->out, 1, tid, nth, &lo, &hi);
        run_depthwise(j, lo, hi);
    } else if (tiles >= 4 * nth || panels < nth) {
        ig_split(tiles, 1, tid, nth, &lo, &hi);
        run_blocks(j, lo, hi, 0, panels);
    } else {
        ig_split(panels, 1, tid, nth, &lo, &hi);
        run_blocks(j, 0, tiles, lo, hi);
    }
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const qconv_state *s = k->state;
    const ig_tensor *x = igi_kin(k, 0), *r = igi_kin(k, IGI_QCONV_RESIDUAL),
                    *y = igi_kout(k, 0);
    char *own = k->scratch + s->shared + (size_t)tid * (2 * s->arrays + s->acc);
    igi_stop stop = igi_kstop(k);
    job j = {.s = s,
             .k = k,
             .stop = &stop,
             .packed = s->packed ? s->packed : k->scratch + s->image_bytes,
             .ld = s->c.group * s->c.m,
             .bias = (int32_t *)(void *)own,
             .factor = (float *)(void *)(own + s->arrays),
             .acc = (int32_t *)(void *)(own + 2 * s->arrays)};
    const int64_t in = s->c.in_plane * s->channels, out = s->c.out_plane * j.ld;
    int64_t lo, hi;
    if (!s->packed) {
        if (tid == 0)
            (void)fill_packed(k, k->scratch + s->image_bytes, k->state);
        ig_barrier(k);
    }
    set_finish(&j);
    ig_split(s->rows, 1, tid, nth, &lo, &hi);
    for (int64_t n = 0; n < s->images; n++) {
        j.image = (const char *)x->data + n * in;
        j.y = (char *)y->data + n * out;
        j.residual = r ? (const char *)r->data + n * out : NULL;
        if (s->copies) {
            if (n)
                ig_barrier(k); /* nobody reads the last image any more */
            copy_rows(s, k->scratch, j.image, lo, hi);
            ig_barrier(k);
            j.image = k->scratch;
        }
        run_image(&j, tid, nth);
    }
    return igi_kstop_status(&stop);
}

IG_KERNELS(int8_conv) = {
    {IG_KERNEL_HEAD, .op = "ingot::QConv", .name = "int8", .types = IGI_QUANT_BYTES,
     .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY, .supports = supports,
     .prepare = prepare, .run_team = run, .unprepare = unprepare},
    {0},
};
