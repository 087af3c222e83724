/* ingot::MaxPool of bytes: a vector of channels a step over the taps of a window. */
#include "operators/common_nhwc.h"
#include "operators/common_pool.h"
#include "operators/common_quant.h"
#include "operators/cpu/compute_int8.h"
#include "operators/cpu/kernel.h"

enum { TAPS_MAX = 256 };

static ig_status supports(const ig_kernel_ctx *k)
{
    igi_nhwc_pool v;
    const igi_window_spec s = igi_pool_spec(k->attrs);
    igi_nhwc_pool_set(&v, k, &s);
    if (!v.pixels)
        return ig_reject("an empty result");
    return v.taps <= TAPS_MAX ? IG_OK : ig_reject("a very large window");
}

/* The rows of x that the windows of an output row meet; their count. */
static int64_t rows_of(const igi_nhwc_pool *v, const uint8_t **rows)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    int64_t n = 0;
    for (int64_t t = 0; t < v->w.kernel_outer; t++) {
        int64_t row = igi_window_in_row(&v->w, v->row, t);
        if (row >= 0)
            rows[n++] = (const uint8_t *)v->x +
                        (v->n * v->in_plane + row * a->in) * v->channels;
    }
    return n;
}

/* The pixels of those rows that one window has. */
static int64_t taps_of(const igi_nhwc_pool *v,
                       const uint8_t *const *rows,
                       int64_t n_rows,
                       const uint8_t **taps)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    int64_t n = 0;
    for (int64_t t = 0; t < a->kernel; t++) {
        int64_t i = v->o * a->stride + t * a->dilation - a->pad;
        for (int64_t r = 0; i >= 0 && i < a->in && r < n_rows; r++)
            taps[n++] = rows[r] + i * v->channels;
    }
    return n;
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_int8_isa *isa = igi_int8_best();
    const igi_window_spec s = igi_pool_spec(k->attrs);
    const bool is_signed = ig_dtype_of(igi_kin(k, 0)) == IG_INT8;
    const uint8_t *rows[TAPS_MAX], *taps[TAPS_MAX];
    igi_nhwc_pool v;
    int64_t lo, hi;
    igi_nhwc_pool_set(&v, k, &s);
    const int64_t width = v.w.axis[v.w.rank - 1].out;
    ig_split(v.pixels / width, 1, tid, nth, &lo, &hi);
    for (int64_t row = lo; row < hi; row++) {
        IG_TRY(ig_poll(k));
        uint8_t *y = (uint8_t *)v.y + row * width * v.channels;
        igi_nhwc_pool_seek(&v, row * width);
        const int64_t n_rows = rows_of(&v, rows);
        for (v.o = 0; v.o < width; v.o++, y += v.channels) {
            const int64_t n = taps_of(&v, rows, n_rows, taps);
            if (n)
                isa->max(y, taps, is_signed, n, v.channels);
            else
                memset(y, is_signed ? 0x80 : 0, (size_t)v.channels);
        }
    }
    return IG_OK;
}

IG_KERNELS(int8_pool) = {
    {IG_KERNEL_HEAD, .op = "ingot::MaxPool", .name = "int8", .types = IGI_QUANT_BYTES,
     .supports = supports, .run_team = run},
    {0},
};
