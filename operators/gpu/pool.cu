// Pooling over windows, with the channels before or after the spatial axes, its
// gradients, and what follows the places that MaxPool names. One thread an element.
#include "operators/gpu/atomic.cuh"
#include "operators/gpu/window.cuh"

namespace
{

// The window of a call over images x, y of these dims.
template <class O>
gpu_window window_of(const O *o,
                     const ig_tensor *x,
                     const ig_tensor *y,
                     bool last,
                     gpu_images *xi,
                     gpu_images *yi)
{
    int rank = ig_rank(x) - 2, first = last ? 1 : 2;
    int64_t channels = ig_dims(x)[last ? ig_rank(x) - 1 : 1];
    gpu_window w = gpu_window_of(gpu_window_spec_of(o), rank, ig_dims(x) + first,
                                 o->kernel_shape.v, ig_dims(y) + first);
    *xi = gpu_images_of(channels, w.in, last);
    *yi = gpu_images_of(channels, w.out, last);
    return w;
}

// ---- maxima ----

template <class C> struct max_pool {
    gpu_window w;
    gpu_images xi, yi;
    gpu_any<C> x, y;
    int64_t *indices; // NULL: not wanted
    bool column_major;
    C lowest; // of a window without elements

    GPU_FN void operator()(int64_t i) const
    {
        int64_t n, c, o, at = -1;
        C best = lowest;
        yi.split(i, &n, &c, &o);
        for (int64_t t = 0; t < w.taps; t++) {
            int64_t p = w.input(o, t);
            C v = p < 0 ? lowest : x.get(xi.at(n, c, p));
            if (p >= 0 && (at < 0 || v > best || (v != v && best == best))) {
                best = v;
                at = p;
            }
        }
        y.put(i, best);
        if (indices && at >= 0)
            at = xi.at(n, c, 0) + (column_major ? w.column_major(at) : at);
        if (indices)
            indices[i] = at;
    }
};

template <class O> ig_status max_pool_of(ig_kernel_ctx *k, bool last, bool column_major)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    const ig_tensor *indices = k->n_out > 1 ? ig_out(k, 1) : nullptr;
    gpu_images xi, yi;
    gpu_window w = window_of((const O *)k->attrs, x, y, last, &xi, &yi);
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(x), [&]<class C>() {
        C lowest = 0;
        if constexpr (std::is_floating_point_v<C>)
            lowest = (C)-HUGE_VAL;
        else if constexpr (std::is_signed_v<C>)
            lowest = INT8_MIN;
        max_pool<C> kernel = {w,
                              xi,
                              yi,
                              gpu_any_of<C>(x),
                              gpu_any_of<C>(y),
                              indices ? (int64_t *)ig_data(indices) : nullptr,
                              column_major,
                              lowest};
        return gpu_each(k, ig_numel(y), kernel);
    });
}

ig_status run_max_pool(ig_kernel_ctx *k)
{
    bool columns = ((const ig_max_pool_opts *)k->attrs)->storage_order != 0;
    return max_pool_of<ig_max_pool_opts>(k, false, columns);
}

ig_status run_nhwc_max_pool(ig_kernel_ctx *k)
{
    return max_pool_of<ig_ingot_max_pool_opts>(k, true, false);
}

// ---- means and norms ----

// How a window's elements are joined, and what becomes of their sum.
struct mean {
    bool padded;
    template <class C> GPU_FN C term(C v) const
    {
        return v;
    }
    template <class C> GPU_FN C done(C sum, const gpu_window &w, int64_t o) const
    {
        int64_t n = w.covered(o, padded);
        return n ? sum / (C)n : 0;
    }
};

struct norm {
    int64_t p;
    template <class C> GPU_FN C term(C v) const
    {
        return p == 1 ? fabs(v) : p == 2 ? v * v : pow(fabs(v), (C)p);
    }
    template <class C> GPU_FN C done(C sum, const gpu_window &, int64_t) const
    {
        return p == 1 ? sum : p == 2 ? sqrt(sum) : pow(sum, 1 / (C)p);
    }
};

template <class C, class F> struct sum_pool {
    gpu_window w;
    gpu_images xi, yi;
    gpu_any<C> x, y;
    F f;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t n, c, o;
        C sum = 0;
        yi.split(i, &n, &c, &o);
        for (int64_t t = 0; t < w.taps; t++) {
            int64_t p = w.input(o, t);
            if (p >= 0)
                sum += f.term(x.get(xi.at(n, c, p)));
        }
        y.put(i, f.done(sum, w, o));
    }
};

template <class O, class F>
ig_status sum_pool_of(ig_kernel_ctx *k, bool last, const F &f)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    gpu_images xi, yi;
    gpu_window w = window_of((const O *)k->attrs, x, y, last, &xi, &yi);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        sum_pool<C, F> kernel = {w, xi, yi, gpu_any_of<C>(x), gpu_any_of<C>(y), f};
        return gpu_each(k, ig_numel(y), kernel);
    });
}

template <class O, bool last> ig_status run_average(ig_kernel_ctx *k)
{
    bool padded = ((const O *)k->attrs)->count_include_pad != 0;
    return sum_pool_of<O>(k, last, mean{padded});
}

ig_status run_lp_pool(ig_kernel_ctx *k)
{
    return sum_pool_of<ig_lp_pool_opts>(k, false,
                                        norm{((const ig_lp_pool_opts *)k->attrs)->p});
}

// Each element of x collects from the windows that hold it.
template <class C> struct average_grad {
    gpu_window w;
    gpu_images xi, yi;
    gpu_any<C> dy, dx;
    bool padded;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t n, c, p;
        C sum = 0;
        xi.split(i, &n, &c, &p);
        for (int64_t t = 0; t < w.taps; t++) {
            int64_t o = w.output(p, t);
            if (o >= 0)
                sum += dy.get(yi.at(n, c, o)) / (C)w.covered(o, padded);
        }
        dx.put(i, sum);
    }
};

ig_status run_average_grad(ig_kernel_ctx *k)
{
    const ig_ingot_average_pool_grad_opts *o =
        (const ig_ingot_average_pool_grad_opts *)k->attrs;
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    gpu_images xi, yi;
    gpu_window w = window_of(o, dx, dy, false, &xi, &yi);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(dx), [&]<class C>() {
        average_grad<C> kernel = {
            w, xi, yi, gpu_any_of<C>(dy), gpu_any_of<C>(dx), o->count_include_pad != 0};
        return gpu_each(k, ig_numel(dx), kernel);
    });
}

// ---- places ----

// Elements of a tensor [N, C, D...] by MaxPool's indices.
struct places {
    gpu_window w; // only the sizes of the input
    bool column_major;
    const int64_t *indices;
    int64_t total;
    gpu_report report;

    // -1: a window without elements, or a fault.
    GPU_FN int64_t at(int64_t i) const
    {
        int64_t v = indices[i];
        if (v < -1 || v >= total) {
            report(GPU_FAULT_RANGE, v, total);
            return -1;
        }
        if (v < 0 || !column_major)
            return v;
        int64_t in = v % w.in;
        return v - in + w.row_major(in);
    }
};

places
places_of(const ig_kernel_ctx *k, const ig_tensor *pooled, const ig_tensor *indices)
{
    gpu_window w = {};
    int rank = ig_rank(pooled) - 2;
    for (int i = 0; i < rank; i++)
        w.axis[GPU_WINDOW_AXES - rank + i].in = ig_dims(pooled)[2 + i];
    gpu_window_finish(&w);
    // MaxPoolGrad and MaxPoolGather have the same attributes.
    bool columns = ((const ig_ingot_max_pool_grad_opts *)k->attrs)->storage_order != 0;
    return {w, columns, (const int64_t *)ig_data(indices), ig_numel(pooled),
            gpu_report_of(k)};
}

template <class C> struct add_at {
    places p;
    gpu_any<C> dy;
    C *dx;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t to = p.at(i);
        if (to >= 0)
            gpu_meet_sum(dx + to, dy.get(i));
    }
};

ig_status run_max_pool_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    places p = places_of(k, dx, ig_in(k, 1));
    return gpu_accumulate(k, dx, k->scratch, [&]<class C>(C *sums) {
        return gpu_each(k, ig_numel(dy), add_at<C>{p, gpu_any_of<C>(dy), sums});
    });
}

ig_status prepare_sums(ig_kernel_ctx *k)
{
    k->scratch_bytes = gpu_accumulate_bytes(ig_out(k, 0));
    return IG_OK;
}

template <class C> struct take_at {
    places p;
    gpu_any<C> x, y;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t from = p.at(i);
        y.put(i, from >= 0 ? x.get(from) : 0);
    }
};

ig_status run_max_pool_gather(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    places p = places_of(k, x, ig_in(k, 1));
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        return gpu_each(k, ig_numel(y),
                        take_at<C>{p, gpu_any_of<C>(x), gpu_any_of<C>(y)});
    });
}

constexpr uint64_t POOLED = IG_FLOATS | IG_T(UINT8) | IG_T(INT8);

constexpr gpu_row row(const char *op, uint64_t types, ig_status (*run)(ig_kernel_ctx *))
{
    return {op, types, run, 0, gpu_supports_images};
}

} // namespace

GPU_TABLE(gpu_pool) = {
    row("MaxPool", POOLED, run_max_pool),
    row("ingot::MaxPool", POOLED, run_nhwc_max_pool),
    row("AveragePool", IG_FLOATS, run_average<ig_average_pool_opts, false>),
    row("ingot::AveragePool", IG_FLOATS, run_average<ig_ingot_average_pool_opts, true>),
    row("LpPool", IG_FLOATS, run_lp_pool),
    row("ingot::AveragePoolGrad", IG_FLOATS, run_average_grad),
    // Elements of dy meet in dx, in any order.
    gpu_row{"ingot::MaxPoolGrad", IG_FLOATS, run_max_pool_grad, IG_KERNEL_VARIES,
            gpu_supports_images, prepare_sums},
    row("ingot::MaxPoolGather", IG_FLOATS, run_max_pool_gather),
    {},
};
