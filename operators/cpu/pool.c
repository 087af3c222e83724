/* Float32 pooling over one or two spatial axes: channels last for nets (a vector of
 * channels a step), channels first for eager code, and the gradients.
 *
 * A thread takes whole rows of the output (channels last) or whole planes. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "operators/common_fused.h"
#include "operators/cpu/kernel.h"

/* Geometry of one call with two spatial axes; a single one becomes the second. */
typedef struct pooling {
    igi_window_axis h, w;
    int64_t planes; /* images (channels last) or images times channels */
    int64_t channels;
    bool padded; /* the average counts padding */
} pooling;

static ig_status spatial_axes(int rank)
{
    return rank == 3 || rank == 4 ? IG_OK : ig_reject("three spatial axes or more");
}

static ig_status first_supports(const ig_kernel_ctx *k)
{
    return spatial_axes(igi_krank(igi_kin(k, 0)));
}

/* The window of a call from [N, C, in...] to [N, C, out...]. */
static void read_window(pooling *p,
                        const igi_window_spec *s,
                        int rank,
                        const int64_t *xd,
                        const int64_t *yd)
{
    igi_window w;
    igi_pool_set(&w, s, rank, xd, yd);
    p->w = w.axis[w.rank - 1];
    p->h = w.rank == 2
               ? w.axis[0]
               : (igi_window_axis){
                     .in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    p->channels = xd[1];
    p->planes = xd[0];
}

/* ---- channels last ---- */

static igi_pool row_spec(const pooling *p, const float *x, float *y)
{
    const igi_window_axis *h = &p->h, *w = &p->w;
    return (igi_pool){.x = x,
                      .x_row = w->in * p->channels,
                      .x_pixel = p->channels,
                      .h = h->in,
                      .w = w->in,
                      .c = p->channels,
                      .y = y,
                      .y_row = w->out * p->channels,
                      .y_pixel = p->channels,
                      .out_w = w->out,
                      .kernel_h = h->kernel,
                      .kernel_w = w->kernel,
                      .stride_h = h->stride,
                      .stride_w = w->stride,
                      .dilation_h = h->dilation,
                      .dilation_w = w->dilation,
                      .pad_top = h->pad,
                      .pad_left = w->pad,
                      .pad_bottom = h->pad_end,
                      .pad_right = w->pad_end,
                      .count_include_pad = p->padded};
}

static ig_status run_rows(ig_kernel_ctx *k,
                          int tid,
                          int nth,
                          const igi_window_spec *s,
                          bool padded,
                          void (*row)(const igi_pool *, int64_t))
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX], lo, hi;
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    pooling p = {.padded = padded};
    igi_dims_to_nchw(igi_krank(x), igi_kdims(x), xd);
    igi_dims_to_nchw(igi_krank(y), igi_kdims(y), yd);
    read_window(&p, s, igi_krank(x), xd, yd);
    int64_t image = p.h.in * p.w.in * p.channels;
    int64_t image_y = p.h.out * p.w.out * p.channels;
    ig_split(p.planes * p.h.out, 1, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        int64_t n = r / p.h.out;
        IG_TRY(ig_poll(k));
        igi_pool spec =
            row_spec(&p, igi_kf32(x) + n * image, igi_kf32(y) + n * image_y);
        row(&spec, r % p.h.out);
    }
    return IG_OK;
}

static ig_status max_rows(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_pool_attrs *a = k->attrs;
    igi_window_spec s = {.pooling = true,
                         .auto_pad = a->auto_pad,
                         .ceil_mode = a->ceil_mode,
                         .kernel = a->kernel_shape,
                         .strides = a->strides,
                         .pads = a->pads,
                         .dilations = a->dilations};
    return run_rows(k, tid, nth, &s, false, igi_cpu_isa_best()->max_pool_row);
}

static ig_status average_rows(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_average_pool_attrs *a = k->attrs;
    igi_window_spec s = igi_average_pool_spec(a);
    return run_rows(k, tid, nth, &s, a->count_include_pad != 0,
                    igi_cpu_isa_best()->avg_pool_row);
}

/* Threads take channels, in lines of 16. */
static ig_status global_rows(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    int rank = igi_krank(x);
    int64_t channels = igi_kdims(x)[rank - 1], pixels = igi_kcount(x, 1, rank - 1), lo,
            hi;
    ig_split(channels, 64, tid, nth, &lo, &hi);
    for (int64_t n = 0; n < igi_kdims(x)[0] && lo < hi; n++)
        igi_cpu_isa_best()->global_avg_pool(
            igi_kf32(igi_kout(k, 0)) + n * channels + lo,
            igi_kf32(x) + n * pixels * channels + lo, pixels, channels, hi - lo);
    return IG_OK;
}

/* ---- channels first ---- */

typedef struct taps {
    int64_t first, lo, hi; /* position of tap 0; taps inside the input */
} taps;

static inline taps taps_of(const igi_window_axis *a, int64_t o)
{
    taps t = {o * a->stride - a->pad, 0, a->kernel};
    if (t.first < 0)
        t.lo = (-t.first + a->dilation - 1) / a->dilation;
    if (t.first + (a->kernel - 1) * a->dilation >= a->in)
        t.hi = t.first < a->in ? (a->in - t.first + a->dilation - 1) / a->dilation : 0;
    if (t.lo > t.hi)
        t.lo = t.hi;
    return t;
}

/* The largest element of a window and its place in the plane, -1: none. */
static inline float
max_of(const pooling *p, const float *x, taps h, taps w, int64_t *at)
{
    float best = -INFINITY;
    *at = -1;
    for (int64_t i = h.lo; i < h.hi; i++) {
        int64_t row = (h.first + i * p->h.dilation) * p->w.in + w.first;
        for (int64_t j = w.lo; j < w.hi; j++) {
            float e = x[row + j * p->w.dilation];
            if (*at < 0 || e > best || (isnan(e) && !isnan(best))) {
                best = e;
                *at = row + j * p->w.dilation;
            }
        }
    }
    return best;
}

static ig_status max_planes(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_max_pool_attrs *a = k->attrs;
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0), *indices = igi_kout(k, 1);
    igi_window_spec s = igi_max_pool_spec(a);
    int64_t lo, hi, at, dims[2];
    pooling p;
    read_window(&p, &s, igi_krank(x), igi_kdims(x), igi_kdims(y));
    dims[0] = p.h.in, dims[1] = p.w.in;
    ig_split(p.planes * p.channels, 1, tid, nth, &lo, &hi);
    for (int64_t n = lo; n < hi; n++) {
        const float *from = igi_kf32(x) + n * p.h.in * p.w.in;
        int64_t o = n * p.h.out * p.w.out;
        for (int64_t i = 0; i < p.h.out; i++) {
            IG_TRY(ig_poll(k));
            taps h = taps_of(&p.h, i);
            for (int64_t j = 0; j < p.w.out; j++, o++) {
                igi_kf32(y)[o] = max_of(&p, from, h, taps_of(&p.w, j), &at);
                if (!indices)
                    continue;
                if (a->storage_order && at >= 0)
                    at = igi_to_column_major(2, dims, at);
                ((int64_t *)(void *)indices->data)[o] =
                    at < 0 ? -1 : n * p.h.in * p.w.in + at;
            }
        }
    }
    return IG_OK;
}

static inline double sum_of(const pooling *p, const float *x, taps h, taps w)
{
    double sum = 0;
    for (int64_t i = h.lo; i < h.hi; i++) {
        int64_t row = (h.first + i * p->h.dilation) * p->w.in + w.first;
        for (int64_t j = w.lo; j < w.hi; j++)
            sum += (double)x[row + j * p->w.dilation];
    }
    return sum;
}

static ig_status average_planes(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_average_pool_attrs *a = k->attrs;
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    igi_window_spec s = igi_average_pool_spec(a);
    pooling p = {.padded = a->count_include_pad != 0};
    int64_t lo, hi;
    read_window(&p, &s, igi_krank(x), igi_kdims(x), igi_kdims(y));
    ig_split(p.planes * p.channels, 1, tid, nth, &lo, &hi);
    for (int64_t n = lo; n < hi; n++) {
        const float *from = igi_kf32(x) + n * p.h.in * p.w.in;
        int64_t o = n * p.h.out * p.w.out;
        for (int64_t i = 0; i < p.h.out; i++) {
            IG_TRY(ig_poll(k));
            taps h = taps_of(&p.h, i);
            int64_t rows = igi_window_count(&p.h, i, a->count_include_pad != 0);
            for (int64_t j = 0; j < p.w.out; j++, o++) {
                int64_t count = rows * igi_window_count(&p.w, j, p.padded);
                double sum = sum_of(&p, from, h, taps_of(&p.w, j));
                igi_kf32(y)[o] = count ? (float)(sum / (double)count) : 0;
            }
        }
    }
    return IG_OK;
}

static ig_status global_planes(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t n = igi_kcount(x, 2, igi_krank(x)), lo, hi;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    ig_split(igi_kcount(x, 0, 2), 1 + IGI_GRAIN / n, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++)
        igi_kf32(igi_kout(k, 0))[i] =
            isa->reduce(IGI_REDUCE_SUM, igi_kf32(x) + i * n, n) / (float)n;
    return IG_OK;
}

/* ---- gradients ---- */

static ig_status row_major(const ig_kernel_ctx *k)
{
    return ((const igi_max_pool_grad_attrs *)k->attrs)->storage_order
               ? ig_reject("indices are column-major")
               : IG_OK;
}

/* Indices may lie anywhere in dx, so one thread adds them up. */
static ig_status max_gradient(ig_kernel_ctx *k)
{
    const ig_tensor *dy = igi_kin(k, 0), *dx = igi_kout(k, 0);
    const int64_t *index = (const int64_t *)(const void *)igi_kin(k, 1)->data;
    int64_t n = igi_tensor_count(dy), total = igi_tensor_count(dx);
    if (total)
        memset(dx->data, 0, (size_t)total * sizeof(float));
    for (int64_t i = 0; i < n; i++) {
        if (index[i] < -1 || index[i] >= total)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "index %" PRId64 " is outside [0, %" PRId64 ")",
                                  index[i], total);
        if (index[i] >= 0)
            igi_kf32(dx)[index[i]] += igi_kf32(dy)[i];
    }
    return IG_OK;
}

static void add_window(const pooling *p, float *dx, taps h, taps w, float each)
{
    for (int64_t i = h.lo; i < h.hi; i++) {
        int64_t row = (h.first + i * p->h.dilation) * p->w.in + w.first;
        for (int64_t j = w.lo; j < w.hi; j++)
            dx[row + j * p->w.dilation] += each;
    }
}

static ig_status average_gradient(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_average_pool_attrs *a = k->attrs;
    const ig_tensor *dy = igi_kin(k, 0), *dx = igi_kout(k, 0);
    igi_window_spec s = igi_average_pool_spec(a);
    pooling p = {.padded = a->count_include_pad != 0};
    int64_t lo, hi;
    read_window(&p, &s, igi_krank(dx), igi_kdims(dx), igi_kdims(dy));
    ig_split(p.planes * p.channels, 1, tid, nth, &lo, &hi);
    for (int64_t n = lo; n < hi; n++) {
        float *to = igi_kf32(dx) + n * p.h.in * p.w.in;
        int64_t o = n * p.h.out * p.w.out;
        memset(to, 0, (size_t)(p.h.in * p.w.in) * sizeof(float));
        for (int64_t i = 0; i < p.h.out; i++) {
            IG_TRY(ig_poll(k));
            taps h = taps_of(&p.h, i);
            int64_t rows = igi_window_count(&p.h, i, p.padded);
            for (int64_t j = 0; j < p.w.out; j++, o++) {
                int64_t count = rows * igi_window_count(&p.w, j, p.padded);
                if (count)
                    add_window(&p, to, h, taps_of(&p.w, j),
                               igi_kf32(dy)[o] / (float)count);
            }
        }
    }
    return IG_OK;
}

#define ROW(op_, name_, supports_, run_)                                               \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = name_, .types = IG_T(FLOAT32),              \
                        .needs = IG_NEED_NONEMPTY, .supports = supports_,              \
                        .run_team = run_                                               \
    }
IG_KERNELS(pool) = {
    ROW("ingot::MaxPool", "simd", first_supports, max_rows),
    ROW("ingot::AveragePool", "simd", first_supports, average_rows),
    ROW("ingot::GlobalAveragePool", "simd", NULL, global_rows),
    ROW("MaxPool", "planes", first_supports, max_planes),
    ROW("AveragePool", "planes", first_supports, average_planes),
    ROW("GlobalAveragePool", "simd", NULL, global_planes),
    {IG_KERNEL_HEAD, .op = "ingot::MaxPoolGrad", .name = "scatter",
     .types = IG_T(FLOAT32), .supports = row_major, .run = max_gradient},
    ROW("ingot::AveragePoolGrad", "planes", first_supports, average_gradient),
    {0},
};
