/* The geometry that convolutions, their gradients and those of quantized tensors share.
 */
#ifndef OPERATORS_GPU_CONV_CUH
#define OPERATORS_GPU_CONV_CUH

#include "operators/gpu/window.cuh"

/* w[group * m, c, taps]; images of group * c and group * m channels. */
struct gpu_geometry {
    gpu_window w;
    gpu_images xi, yi;
    int64_t batch, group, c, m; /* channels of one group */
    gpu_divisor by_taps, by_group, by_out, by_in;
};

/* From x, w and y of a Conv, whose images have the channels last or second. */
template <class O>
gpu_geometry gpu_geometry_of(
    const O *o, const ig_tensor *x, const ig_tensor *w, const ig_tensor *y, bool last)
{
    int rank = ig_rank(x) - 2, first = last ? 1 : 2,
        channel = last ? ig_rank(x) - 1 : 1;
    gpu_geometry g = {};
    g.w = gpu_window_of(gpu_window_spec_of(o), rank, ig_dims(x) + first, ig_dims(w) + 2,
                        ig_dims(y) + first);
    g.batch = ig_dims(x)[0];
    g.group = o->group;
    g.c = ig_dims(w)[1];
    g.m = ig_dims(w)[0] / o->group;
    g.xi = gpu_images_of(ig_dims(x)[channel], g.w.in, last);
    g.yi = gpu_images_of(ig_dims(y)[channel], g.w.out, last);
    g.by_taps = gpu_divisor(g.w.taps);
    g.by_group = gpu_divisor(g.group);
    g.by_out = gpu_divisor(g.w.out);
    g.by_in = gpu_divisor(g.w.in);
    return g;
}

#endif
