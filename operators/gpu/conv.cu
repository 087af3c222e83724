// Convolutions and their gradients as products by tiles (product.cuh): one operand is
// the weights or the gradient, the other is looked up in the images, element by
// element. For the types, ranks and layouts that the libraries do not take.
#include "operators/gpu/conv.cuh"
#include "operators/gpu/product.cuh"

namespace
{

// ---- forward: an item is a group of an image; y[m, out] = w[m, c taps] x[c taps, out]
// ----

template <class C> struct weights {
    gpu_geometry g;
    gpu_any<C> w;

    GPU_FN C get(int64_t item, int64_t i, int64_t k) const
    {
        int64_t group = item - g.by_group.over(item, true) * g.group;
        return w.get((group * g.m + i) * g.c * g.w.taps + k);
    }
};

template <class C> struct patches {
    gpu_geometry g;
    gpu_any<C> x;

    GPU_FN C get(int64_t item, int64_t k, int64_t o) const
    {
        int64_t n = g.by_group.over(item, true), group = item - n * g.group;
        int64_t c = g.by_taps.over(k, true), at = g.w.input(o, k - c * g.w.taps);
        return at < 0 ? 0 : x.get(g.xi.at(n, group * g.c + c, at));
    }
};

template <class C> struct forward {
    gpu_geometry g;
    gpu_any<C> y, bias, residual; // the last two perhaps absent
    gpu_activation act;

    GPU_FN void put(int64_t item, int64_t i, int64_t o, C sum) const
    {
        int64_t n = g.by_group.over(item, true), m = (item - n * g.group) * g.m + i;
        int64_t at = g.yi.at(n, m, o);
        y.put(at, act.finish(bias.p ? sum + bias.get(m) : sum, residual, at));
    }
};

template <class O>
ig_status conv(ig_kernel_ctx *k, bool last, const gpu_activation &act)
{
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *y = ig_out(k, 0);
    gpu_geometry g = gpu_geometry_of((const O *)k->attrs, x, w, y, last);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        forward<C> r = {g, gpu_any_of<C>(y), gpu_any_of<C>(ig_in(k, 2)),
                        gpu_any_of<C>(ig_in(k, 3)), act};
        return gpu_multiply<C>(k, g.batch * g.group, g.m, g.w.out, g.c * g.w.taps,
                               weights<C>{g, gpu_any_of<C>(w)},
                               patches<C>{g, gpu_any_of<C>(x)}, r);
    });
}

ig_status run_conv(ig_kernel_ctx *k)
{
    return conv<ig_conv_opts>(k, false, {});
}

ig_status run_nhwc_conv(ig_kernel_ctx *k)
{
    const ig_ingot_conv_opts *o = (const ig_ingot_conv_opts *)k->attrs;
    return conv<ig_ingot_conv_opts>(k, true, gpu_activation_of(o));
}

// ---- by the input: dx[c, in] = w'[c, m taps] dy[m taps, in] ----

template <class C> struct weights_of_input {
    gpu_geometry g;
    gpu_any<C> w;

    GPU_FN C get(int64_t item, int64_t c, int64_t k) const
    {
        int64_t group = item - g.by_group.over(item, true) * g.group;
        int64_t m = g.by_taps.over(k, true), t = k - m * g.w.taps;
        return w.get(((group * g.m + m) * g.c + c) * g.w.taps + t);
    }
};

template <class C> struct patches_of_output {
    gpu_geometry g;
    gpu_any<C> dy;

    GPU_FN C get(int64_t item, int64_t k, int64_t i) const
    {
        int64_t n = g.by_group.over(item, true), group = item - n * g.group;
        int64_t m = g.by_taps.over(k, true), at = g.w.output(i, k - m * g.w.taps);
        return at < 0 ? 0 : dy.get(g.yi.at(n, group * g.m + m, at));
    }
};

template <class C> struct backward {
    gpu_geometry g;
    gpu_any<C> dx, bias; // bias: perhaps absent

    GPU_FN void put(int64_t item, int64_t c, int64_t i, C sum) const
    {
        int64_t n = g.by_group.over(item, true), at = (item - n * g.group) * g.c + c;
        dx.put(g.xi.at(n, at, i), bias.p ? sum + bias.get(at) : sum);
    }
};

ig_status by_input(ig_kernel_ctx *k,
                   const gpu_geometry &g,
                   const ig_tensor *dy,
                   const ig_tensor *w,
                   const ig_tensor *bias,
                   const ig_tensor *dx)
{
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(dx), [&]<class C>() {
        return gpu_multiply<C>(k, g.batch * g.group, g.c, g.w.in, g.m * g.w.taps,
                               weights_of_input<C>{g, gpu_any_of<C>(w)},
                               patches_of_output<C>{g, gpu_any_of<C>(dy)},
                               backward<C>{g, gpu_any_of<C>(dx), gpu_any_of<C>(bias)});
    });
}

ig_status run_grad_input(ig_kernel_ctx *k)
{
    const ig_ingot_conv_grad_input_opts *o =
        (const ig_ingot_conv_grad_input_opts *)k->attrs;
    const ig_tensor *dy = ig_in(k, 0), *w = ig_in(k, 1), *dx = ig_out(k, 0);
    return by_input(k, gpu_geometry_of(o, dx, w, dy, false), dy, w, nullptr, dx);
}

// ---- ConvTranspose: the same, with pads that follow from what it is asked for ----

void transpose_pads(const ig_conv_transpose_opts *o,
                    const ig_tensor *x,
                    const ig_tensor *w,
                    int64_t *pads)
{
    int n = ig_rank(x) - 2;
    bool same = o->auto_pad == IG_CONV_TRANSPOSE_AUTO_PAD_SAME_UPPER ||
                o->auto_pad == IG_CONV_TRANSPOSE_AUTO_PAD_SAME_LOWER;
    bool valid = o->auto_pad == IG_CONV_TRANSPOSE_AUTO_PAD_VALID;
    for (int i = 0; i < n; i++) {
        if (!o->output_shape.n && !same) {
            pads[i] = valid ? 0 : gpu_item(o->pads, i, 0);
            pads[n + i] = valid ? 0 : gpu_item(o->pads, n + i, 0);
            continue;
        }
        int64_t stride = gpu_item(o->strides, i, 1), in = ig_dims(x)[2 + i];
        int64_t span = (ig_dims(w)[2 + i] - 1) * gpu_item(o->dilations, i, 1) + 1;
        int64_t out = o->output_shape.n ? o->output_shape.v[i] : stride * in;
        int64_t total =
            stride * (in - 1) + gpu_item(o->output_padding, i, 0) + span - out;
        total = total > 0 ? total : 0;
        pads[i] = o->auto_pad == IG_CONV_TRANSPOSE_AUTO_PAD_SAME_UPPER
                      ? total / 2
                      : total - total / 2;
        pads[n + i] = total - pads[i];
    }
}

ig_status run_conv_transpose(ig_kernel_ctx *k)
{
    const ig_conv_transpose_opts *o = (const ig_conv_transpose_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *y = ig_out(k, 0);
    int64_t pads[2 * IG_RANK_MAX];
    ig_conv_opts plain;
    transpose_pads(o, x, w, pads);
    plain.dilations = o->dilations;
    plain.group = o->group;
    plain.pads = {2 * (int64_t)(ig_rank(x) - 2), pads};
    plain.strides = o->strides;
    return by_input(k, gpu_geometry_of(&plain, y, w, x, false), x, w, ig_in(k, 2), y);
}

// ---- by the weights: an item is a group; dw[m, c taps] = dy[m, n out] x'[n out, c
// taps] ----

template <class C> struct gradients {
    gpu_geometry g;
    gpu_any<C> dy;

    GPU_FN C get(int64_t group, int64_t m, int64_t k) const
    {
        int64_t n = g.by_out.over(k, true);
        return dy.get(g.yi.at(n, group * g.m + m, k - n * g.w.out));
    }
};

template <class C> struct patches_by_tap {
    gpu_geometry g;
    gpu_any<C> x;

    GPU_FN C get(int64_t group, int64_t k, int64_t j) const
    {
        int64_t n = g.by_out.over(k, true), c = g.by_taps.over(j, true);
        int64_t at = g.w.input(k - n * g.w.out, j - c * g.w.taps);
        return at < 0 ? 0 : x.get(g.xi.at(n, group * g.c + c, at));
    }
};

template <class C> struct by_weight {
    gpu_geometry g;
    gpu_any<C> dw;

    GPU_FN void put(int64_t group, int64_t m, int64_t j, C sum) const
    {
        dw.put((group * g.m + m) * g.c * g.w.taps + j, sum);
    }
};

ig_status run_grad_weight(ig_kernel_ctx *k)
{
    const ig_ingot_conv_grad_weight_opts *o =
        (const ig_ingot_conv_grad_weight_opts *)k->attrs;
    const ig_tensor *dy = ig_in(k, 0), *x = ig_in(k, 1), *dw = ig_out(k, 0);
    gpu_geometry g = gpu_geometry_of(o, x, dw, dy, false);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        return gpu_multiply<C>(k, g.group, g.m, g.c * g.w.taps, g.batch * g.w.out,
                               gradients<C>{g, gpu_any_of<C>(dy)},
                               patches_by_tap<C>{g, gpu_any_of<C>(x)},
                               by_weight<C>{g, gpu_any_of<C>(dw)});
    });
}

constexpr gpu_row row(const char *op, ig_status (*run)(ig_kernel_ctx *))
{
    return {op, IG_FLOATS, run, IG_KERNEL_HEAVY, gpu_supports_images};
}

} // namespace

GPU_TABLE(gpu_conv) = {
    row("Conv", run_conv),
    row("ConvTranspose", run_conv_transpose),
    row("ingot::Conv", run_nhwc_conv),
    row("ingot::ConvGradInput", run_grad_input),
    row("ingot::ConvGradWeight", run_grad_weight),
    {},
};
