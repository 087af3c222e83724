/* Convolution: what Conv, its two gradients and the NHWC form share.
 *
 * x[N, G*C, in...], w[G*M, C, kernel...], y[N, G*M, out...]:
 *   y[n, gM+m, o] = sum over c, tap of w[gM+m, c, tap] * x[n, gC+c, o*stride + tap*dil
 * - pad] */
#ifndef OPERATORS_COMMON_CONV_H
#define OPERATORS_COMMON_CONV_H

#include "operators/common_window.h"

typedef struct igi_conv_attrs {
    uint32_t struct_size;
    int64_t auto_pad;
    ig_ints dilations;
    int64_t group;
    ig_ints kernel_shape, pads, strides;
} igi_conv_attrs;

#define IGI_CONV_ATTRS                                                                 \
    IG_ATTR_ENUM(igi_conv_attrs, auto_pad, IGI_PAD_NOTSET, igi_auto_pad_names,         \
                 "NOTSET uses pads; VALID pads nothing; SAME_* pads to "               \
                 "ceil(in / stride), odd ones more at the end (UPPER) or begin."),     \
        IG_ATTR_INTS(igi_conv_attrs, dilations,                                        \
                     "Distance of taps per spatial axis; absent: 1.", .min = 1,        \
                     .max = IGI_WINDOW_MAX),                                           \
        IG_ATTR_INT(igi_conv_attrs, group, 1, "Groups of channels.", .min = 1,         \
                    .max = IGI_WINDOW_MAX),                                            \
        IG_ATTR_INTS(igi_conv_attrs, kernel_shape,                                     \
                     "Spatial dims of W; absent: read from W.", .min = 1,              \
                     .max = IGI_WINDOW_MAX),                                           \
        IG_ATTR_INTS(igi_conv_attrs, pads,                                             \
                     "Begins of all spatial axes, then ends; absent: 0.", .min = 0,    \
                     .max = IGI_WINDOW_MAX),                                           \
        IG_ATTR_INTS(igi_conv_attrs, strides, "Step per spatial axis; absent: 1.",     \
                     .min = 1, .max = IGI_WINDOW_MAX)

/* Numbers of one call. */
typedef struct igi_conv {
    igi_window w;
    int64_t batch, group, c, m; /* c, m: channels per group */
    int64_t in_plane, out_plane, taps;
} igi_conv;

/* Dims of y from those of x and w (NCHW order), all of `rank` >= 3. */
ig_status igi_conv_infer(ig_infer *x,
                         const igi_conv_attrs *a,
                         int rank,
                         const int64_t *xd,
                         const int64_t *wd,
                         int64_t *yd);
/* The same, and that `dyd` (the shape of dy) agrees: for the gradients. */
ig_status igi_conv_check_dy(ig_infer *x,
                            const igi_conv_attrs *a,
                            int rank,
                            const int64_t *xd,
                            const int64_t *wd,
                            const int64_t *dyd);
void igi_conv_set(igi_conv *c,
                  const igi_conv_attrs *a,
                  int rank,
                  const int64_t *xd,
                  const int64_t *wd,
                  const int64_t *yd);

static inline const igi_window_axis *igi_conv_row_axis(const igi_conv *c)
{
    return &c->w.axis[c->w.rank - 1];
}

/* One output row of one channel, for references of either layout. */
typedef struct igi_conv_call {
    igi_conv c;
    const void *x, *w;
    int64_t item, channel, pixel; /* strides of x */
    int64_t n, m;                 /* item of the batch, output channel */
    igi_pace pace;
} igi_conv_call;

/* acc[o - lo] += sum over channels and taps, for outputs [lo, hi) of outer row `row`:
 * for every tap, the part of the input row that it meets is added with one weight.
 * Polls. */
IGI_INLINE ig_status igi_conv_row(
    ig_dtype T, igi_conv_call *v, int64_t row, int64_t lo, int64_t hi, double *acc)
{
    const igi_conv *c = &v->c;
    const igi_window_axis *a = igi_conv_row_axis(c);
    int64_t base = v->n * v->item + v->m / c->m * c->c * v->channel;
    int64_t step = a->stride * v->pixel;
    IG_TRY(igi_pace_go(&v->pace, c->c * c->taps * ((hi - lo) / 16 + 1)));
    for (int64_t tap_row = 0; tap_row < c->w.kernel_outer; tap_row++) {
        int64_t in_row = igi_window_in_row(&c->w, row, tap_row);
        for (int64_t tap = 0; in_row >= 0 && tap < a->kernel; tap++) {
            int64_t from, to;
            igi_window_taps(a, tap, lo, hi, &from, &to);
            if (from >= to)
                continue;
            int64_t at =
                base + (in_row * a->in + tap * a->dilation - a->pad) * v->pixel;
            int64_t w_at = v->m * c->c * c->taps + tap_row * a->kernel + tap;
            for (int64_t ch = 0; ch < c->c; ch++, at += v->channel) {
                double weight = igi_load(T, v->w, w_at + ch * c->taps);
                igi_line x = {v->x, at + from * step, step};
                igi_axpy(T, acc + (from - lo), weight, x, to - from);
            }
        }
    }
    return IG_OK;
}

/* The transposed map, x from y: for the gradient by x and for ConvTranspose. */
typedef struct igi_conv_back {
    igi_conv c;
    const void *dy, *w;
    int64_t n, ch; /* item of the batch, input channel */
    igi_pace pace;
} igi_conv_back;

/* acc[i - lo] += what y gives to positions [lo, hi) of outer input row `row`. Polls. */
IGI_INLINE ig_status igi_conv_back_row(
    ig_dtype T, igi_conv_back *v, int64_t row, int64_t lo, int64_t hi, double *acc)
{
    const igi_conv *c = &v->c;
    const igi_window_axis *a = igi_conv_row_axis(c);
    int64_t group = v->ch / c->c;
    IG_TRY(igi_pace_go(&v->pace, c->m * c->taps * ((hi - lo) / 16 + 1)));
    int64_t dy_item = (v->n * c->group + group) * c->m * c->out_plane;
    for (int64_t tap_row = 0; tap_row < c->w.kernel_outer; tap_row++) {
        int64_t out_row = igi_window_out_row(&c->w, row, tap_row);
        for (int64_t tap = 0; out_row >= 0 && tap < a->kernel; tap++) {
            int64_t from, to, shift = tap * a->dilation - a->pad - lo;
            igi_window_range(a, tap, lo, hi, &from, &to);
            if (from >= to)
                continue;
            int64_t dy_at = dy_item + out_row * a->out;
            int64_t w_at = (group * c->m * c->c + v->ch % c->c) * c->taps;
            w_at += tap_row * a->kernel + tap;
            for (int64_t m = 0; m < c->m; m++) {
                double weight = igi_load(T, v->w, w_at + m * c->c * c->taps);
                int64_t at = dy_at + m * c->out_plane;
                if (a->stride == 1) {
                    igi_line dy = {v->dy, at + from, 1};
                    igi_axpy(T, acc + (from + shift), weight, dy, to - from);
                    continue;
                }
                for (int64_t o = from; o < to; o++)
                    acc[o * a->stride + shift] += weight * igi_load(T, v->dy, at + o);
            }
        }
    }
    return IG_OK;
}

/* Attributes in the samples of the gradients. */
extern const igi_conv_attrs igi_conv_sample_plain, igi_conv_sample_uneven,
    igi_conv_sample_same;

#endif
