/* Sliding windows on the device: the geometry of operators/common_window.h for up to
 * three spatial axes, of images with the channels before or after them. */
#ifndef OPERATORS_GPU_WINDOW_CUH
#define OPERATORS_GPU_WINDOW_CUH

#include <ingot/ops.h>

#include "operators/gpu/math.cuh"
#include "operators/gpu/space.cuh"

enum { GPU_WINDOW_AXES = 3 };

struct gpu_window_axis {
    int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, pad = 0, pad_end = 0;
};

/* in = out * stride + tap * dilation - pad, per axis; the last axis is the densest one
 * in positions and taps. Absent axes have size 1. */
struct gpu_window {
    gpu_window_axis axis[GPU_WINDOW_AXES];
    gpu_divisor by_in[GPU_WINDOW_AXES], by_out[GPU_WINDOW_AXES],
        by_kernel[GPU_WINDOW_AXES];
    int64_t in, out, taps; /* positions of the planes, taps of the window */

    /* Input position that output position o meets at tap t; -1: padding. */
    GPU_FN int64_t input(int64_t o, int64_t t) const
    {
        int64_t at = 0, step = 1;
        for (int a = GPU_WINDOW_AXES - 1; a >= 0; a--) {
            const gpu_window_axis &x = axis[a];
            int64_t qo = by_out[a].over(o, true), qt = by_kernel[a].over(t, true);
            int64_t p =
                (o - qo * x.out) * x.stride + (t - qt * x.kernel) * x.dilation - x.pad;
            if (p < 0 || p >= x.in)
                return -1;
            at += p * step;
            step *= x.in;
            o = qo;
            t = qt;
        }
        return at;
    }
    /* Output position whose tap t meets input position i; -1: there is none. */
    GPU_FN int64_t output(int64_t i, int64_t t) const
    {
        int64_t at = 0, step = 1;
        for (int a = GPU_WINDOW_AXES - 1; a >= 0; a--) {
            const gpu_window_axis &x = axis[a];
            int64_t qi = by_in[a].over(i, true), qt = by_kernel[a].over(t, true);
            int64_t p = (i - qi * x.in) + x.pad - (t - qt * x.kernel) * x.dilation;
            if (p < 0 || p % x.stride != 0 || p / x.stride >= x.out)
                return -1;
            at += p / x.stride * step;
            step *= x.out;
            i = qi;
            t = qt;
        }
        return at;
    }
    /* Positions that the window of output position o covers: inside the input, or
     * inside its padded extent. */
    GPU_FN int64_t covered(int64_t o, bool padded) const
    {
        int64_t n = 1;
        for (int a = GPU_WINDOW_AXES - 1; a >= 0; a--) {
            const gpu_window_axis &x = axis[a];
            int64_t q = by_out[a].over(o, true),
                    start = (o - q * x.out) * x.stride - x.pad;
            int64_t lo = padded ? -x.pad : 0, hi = padded ? x.in + x.pad_end : x.in,
                    c = 0;
            for (int64_t t = 0; t < x.kernel; t++) {
                int64_t p = start + t * x.dilation;
                c += p >= lo && p < hi;
            }
            n *= c;
            o = q;
        }
        return n;
    }
    /* A position of the input plane with its first axis the densest, and back. */
    GPU_FN int64_t column_major(int64_t i) const
    {
        int64_t at = 0;
        for (int a = GPU_WINDOW_AXES - 1; a >= 0; a--) {
            int64_t q = by_in[a].over(i, true), step = 1;
            for (int b = 0; b < a; b++)
                step *= axis[b].in;
            at += (i - q * axis[a].in) * step;
            i = q;
        }
        return at;
    }
    GPU_FN int64_t row_major(int64_t i) const
    {
        int64_t at = 0;
        for (int a = 0; a < GPU_WINDOW_AXES; a++) {
            int64_t q = by_in[a].over(i, true), step = 1;
            for (int b = a + 1; b < GPU_WINDOW_AXES; b++)
                step *= axis[b].in;
            at += (i - q * axis[a].in) * step;
            i = q;
        }
        return at;
    }
};

/* Attributes of a window operator; kernel sizes come from the weights or kernel_shape.
 */
struct gpu_window_spec {
    int64_t auto_pad;
    ig_ints strides, pads, dilations;
};
template <class O> gpu_window_spec gpu_window_spec_of(const O *o)
{
    return {o->auto_pad, o->strides, o->pads, o->dilations};
}

inline int64_t gpu_item(const ig_ints &list, int i, int64_t absent)
{
    return i < list.n ? list.v[i] : absent;
}

inline void gpu_window_finish(gpu_window *w)
{
    w->in = w->out = w->taps = 1;
    for (int a = 0; a < GPU_WINDOW_AXES; a++) {
        const gpu_window_axis &x = w->axis[a];
        w->by_in[a] = gpu_divisor(x.in);
        w->by_out[a] = gpu_divisor(x.out);
        w->by_kernel[a] = gpu_divisor(x.kernel);
        w->in *= x.in;
        w->out *= x.out;
        w->taps *= x.kernel;
    }
}

/* Of `rank` spatial dims, at most GPU_WINDOW_AXES. */
inline gpu_window gpu_window_of(const gpu_window_spec &s,
                                int rank,
                                const int64_t *in,
                                const int64_t *kernel,
                                const int64_t *out)
{
    gpu_window w = {};
    for (int i = 0; i < rank; i++) {
        gpu_window_axis *a = &w.axis[GPU_WINDOW_AXES - rank + i];
        a->in = in[i];
        a->out = out[i];
        a->kernel = kernel[i];
        a->stride = gpu_item(s.strides, i, 1);
        a->dilation = gpu_item(s.dilations, i, 1);
        if (s.auto_pad == IG_CONV_AUTO_PAD_NOTSET) {
            a->pad = gpu_item(s.pads, i, 0);
            a->pad_end = gpu_item(s.pads, rank + i, 0);
        } else if (s.auto_pad != IG_CONV_AUTO_PAD_VALID) {
            int64_t total =
                (a->out - 1) * a->stride + (a->kernel - 1) * a->dilation + 1 - a->in;
            total = total < 0 ? 0 : total;
            a->pad = s.auto_pad == IG_CONV_AUTO_PAD_SAME_LOWER ? total - total / 2
                                                               : total / 2;
            a->pad_end = total - a->pad;
        }
    }
    gpu_window_finish(&w);
    return w;
}

/* Planes and windows have fewer than 2^31 positions, and three axes at most. */
inline ig_status gpu_supports_images(const ig_kernel_ctx *k)
{
    for (int i = 0; i < k->n_in; i++)
        if (ig_in(k, i) && ig_rank(ig_in(k, i)) > 2 + GPU_WINDOW_AXES)
            return ig_reject("more than three spatial axes");
    for (int i = -1; i < k->n_in; i++) {
        const ig_tensor *t = i < 0 ? ig_out(k, 0) : ig_in(k, i);
        if (t && ig_numel(t) > INT32_MAX)
            return ig_reject("a tensor has 2^31 elements or more");
    }
    return IG_OK;
}

/* A batch of images [N, C, plane] or [N, plane, C], and where its elements lie. */
struct gpu_images {
    int64_t channels, plane;
    gpu_divisor by_channels, by_plane;
    bool last; /* channels come last */

    GPU_FN int64_t at(int64_t n, int64_t c, int64_t p) const
    {
        return last ? (n * plane + p) * channels + c : (n * channels + c) * plane + p;
    }
    /* Item, channel and position of element i. */
    GPU_FN void split(int64_t i, int64_t *n, int64_t *c, int64_t *p) const
    {
        const gpu_divisor &inner = last ? by_channels : by_plane;
        const gpu_divisor &outer = last ? by_plane : by_channels;
        int64_t q = inner.over(i, true), r = i - q * inner.d;
        *n = outer.over(q, true);
        int64_t s = q - *n * outer.d;
        *c = last ? r : s;
        *p = last ? s : r;
    }
};

inline gpu_images gpu_images_of(int64_t channels, int64_t plane, bool last)
{
    return {channels, plane, gpu_divisor(channels), gpu_divisor(plane), last};
}

#endif
