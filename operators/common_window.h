/* Sliding windows: the geometry that convolution and pooling share.
 *
 * A window operator of any spatial rank >= 1 maps `in` positions to `out` positions per
 * axis: i = o * stride + tap * dilation - pad,  0 <= tap < kernel, where i outside [0,
 * in) is padding. Output sizes: floor((in + pads - ((kernel - 1) * dilation + 1)) /
 * stride) + 1      NOTSET, VALID the same with ceil, less a window that would start
 * beyond in + pad   ceil_mode, NOTSET ceil(in / stride) SAME_* References treat the
 * last spatial axis as rows and number the others row-major: an "outer" position is
 * (o[0], ..., o[r-2]) as one integer. */
#ifndef OPERATORS_COMMON_WINDOW_H
#define OPERATORS_COMMON_WINDOW_H

#include "operators/common_float.h"

enum { /* order of igi_auto_pad_names */
       IGI_PAD_NOTSET = 0,
       IGI_PAD_SAME_UPPER,
       IGI_PAD_SAME_LOWER,
       IGI_PAD_VALID
};
extern const char *const igi_auto_pad_names[];

/* Bound of strides, dilations, kernel sizes and pads: their products stay below 2^63
 * (V13). */
#define IGI_WINDOW_MAX INT32_MAX

/* Attributes of a window operator; the lists may be absent. `kernel` is only compared.
 */
typedef struct igi_window_spec {
    bool pooling; /* windows that lie in padding altogether are refused */
    int64_t auto_pad, ceil_mode;
    ig_ints kernel, strides, pads, dilations;
} igi_window_spec;

enum { IGI_WINDOW_RANK = IG_RANK_MAX - 2 };

typedef struct igi_window_axis {
    int64_t in, out, kernel, stride, dilation, pad, pad_end;
} igi_window_axis;

/* Geometry with numbers only, for kernels. */
typedef struct igi_window {
    int rank;
    int64_t out_outer, in_outer, kernel_outer; /* products over all axes but the last */
    igi_window_axis axis[IGI_WINDOW_RANK];
} igi_window;

/* Checks the lists against the spatial rank and writes the output sizes; dims may be
 * symbolic. `kernel` holds the window's sizes. */
ig_status igi_window_infer(ig_infer *x,
                           const igi_window_spec *s,
                           int rank,
                           const int64_t *in,
                           const int64_t *kernel,
                           int64_t *out);

/* Geometry of a call that igi_window_infer accepted; all sizes are numbers. */
void igi_window_set(igi_window *w,
                    const igi_window_spec *s,
                    int rank,
                    const int64_t *in,
                    const int64_t *kernel,
                    const int64_t *out);

/* Taps of a window of rank >= 1; INT64_MAX when they are more. */
int64_t igi_window_size(const igi_window *w);
/* Outer input position that outer output position `o` meets at outer tap `tap`, or -1.
 */
int64_t igi_window_in_row(const igi_window *w, int64_t o, int64_t tap);
/* Outer output position whose outer tap `tap` meets outer input position `i`, or -1. */
int64_t igi_window_out_row(const igi_window *w, int64_t i, int64_t tap);
/* How many positions the window of outer output position `o` covers over all axes but
 * the last: those inside the input, or inside its padded extent. */
int64_t igi_window_count_row(const igi_window *w, int64_t o, bool padded);
/* The same along one axis at output position o. */
int64_t igi_window_count(const igi_window_axis *a, int64_t o, bool padded);
/* Output positions [*lo, *hi) of axis `a` whose tap `tap` lies at input positions
 * [from, to). */
void igi_window_range(const igi_window_axis *a,
                      int64_t tap,
                      int64_t from,
                      int64_t to,
                      int64_t *lo,
                      int64_t *hi);
/* Output positions [*from, *to) among [lo, hi) whose tap `tap` lies in the input. */
static inline void igi_window_taps(const igi_window_axis *a,
                                   int64_t tap,
                                   int64_t lo,
                                   int64_t hi,
                                   int64_t *from,
                                   int64_t *to)
{
    igi_window_range(a, tap, 0, a->in, from, to);
    *from = *from < lo ? lo : *from;
    *to = *to > hi ? hi : *to;
}

#endif
