// Resize and its gradient.
//
// Each axis is resampled on its own. A first launch writes, for every position of the
// output along every resampled axis, the taps: which inputs count and how much. A second
// one combines them: an element for each output. The formulas are those of
// operators/common_resize.c, in double, so that the same neighbours are chosen.
#include "operators/gpu/atomic.cuh"
#include "operators/gpu/move.cuh"

#include <ingot/ops.h>

namespace {

enum { AXES = 4 }; // that are resampled

struct place {
    int64_t in, out, first_tap, stride; // stride: of the axis in the input
    double scale, length;
    int taps, roi; // roi: number of the axis in the list
    gpu_divisor by_taps;
};

struct tap {
    int64_t at; // -1: the position lies beyond the input, and takes the constant
    double weight;
};

struct sampling {
    int n; // resampled axes
    place axis[AXES];
    int which[GPU_RANK]; // for each axis its number among them, or -1
    tap *table;
    int64_t mode, nearest, coordinates;
    double cubic, antialias;
    bool exclude_outside;
    gpu_any<double> roi; // begins, then ends
    int n_roi;
};

struct set_taps {
    sampling s;

    // i numbers the positions of all axes, one axis after the other.
    GPU_FN void operator()(int64_t i) const
    {
        int a = 0;
        while (i >= s.axis[a].out)
            i -= s.axis[a++].out;
        const place &p = s.axis[a];
        tap *t = s.table + p.first_tap + i * p.taps;
        double v = original(p, (double)i), last = (double)p.in - 1;
        bool beyond = s.coordinates == IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_CROP_AND_RESIZE &&
                      !(v >= 0 && v <= last);
        if (s.mode == IG_RESIZE_MODE_NEAREST)
            t[0] = {clamp(nearest(v), p.in), 1};
        else
            filters(p, v, t);
        if (beyond)
            for (int j = 0; j < p.taps; j++)
                t[j].at = -1;
    }

    GPU_FN double original(const place &p, double o) const
    {
        const double last = (double)p.in - 1;
        const bool many = p.length > 1;
        switch (s.coordinates) {
        case IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_HALF_PIXEL_SYMMETRIC:
            return (double)p.in / 2 * (1 - (double)p.out / p.length) + (o + 0.5) / p.scale - 0.5;
        case IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_PYTORCH_HALF_PIXEL:
            return p.out > 1 ? (o + 0.5) / p.scale - 0.5 : 0;
        case IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_ALIGN_CORNERS:
            return many ? o * last / (p.length - 1) : 0;
        case IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_ASYMMETRIC:
            return o / p.scale;
        case IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_CROP_AND_RESIZE: {
            double start = s.roi.get(p.roi), end = s.roi.get(s.n_roi + p.roi);
            return many ? start * last + o * (end - start) * last / (p.length - 1)
                        : 0.5 * (start + end) * last;
        }
        case IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_HALF_PIXEL_FOR_NN:
            return (o + 0.5) / p.scale;
        default:
            return (o + 0.5) / p.scale - 0.5;
        }
    }
    GPU_FN double nearest(double v) const
    {
        switch (s.nearest) {
        case IG_RESIZE_NEAREST_MODE_ROUND_PREFER_CEIL:
            return floor(v + 0.5);
        case IG_RESIZE_NEAREST_MODE_FLOOR:
            return floor(v);
        case IG_RESIZE_NEAREST_MODE_CEIL:
            return ceil(v);
        default:
            return ceil(v - 0.5);
        }
    }
    GPU_FN int64_t clamp(double v, int64_t in) const
    {
        if (!(v > 0))
            return 0;
        return v < (double)(in - 1) ? (int64_t)v : in - 1;
    }
    GPU_FN double filter(double d) const
    {
        const double a = s.cubic;
        d = fabs(d);
        if (s.mode == IG_RESIZE_MODE_LINEAR)
            return d < 1 ? 1 - d : 0;
        if (d <= 1)
            return ((a + 2) * d - (a + 3)) * d * d + 1;
        return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
    }
    GPU_FN void filters(const place &p, double v, tap *t) const
    {
        const double stretch = s.antialias != 0 && p.scale < 1 ? p.scale : 1;
        const double first = ceil(v) - p.taps / 2; // left neighbour first; ties too
        double sum = 0;
        for (int j = 0; j < p.taps; j++) {
            const double at = first + j;
            const bool outside = at < 0 || at >= (double)p.in;
            t[j].weight = outside && s.exclude_outside ? 0 : filter((at - v) * stretch);
            t[j].at = clamp(at, p.in);
            sum += t[j].weight;
        }
        if (s.exclude_outside || s.antialias != 0)
            for (int j = 0; j < p.taps && (sum < 0 || sum > 0); j++)
                t[j].weight /= sum;
    }
};

// ---- the host's part ----

int taps_of(const sampling &s, double scale)
{
    const double reach = s.mode == IG_RESIZE_MODE_LINEAR ? 1 : 2;
    if (s.mode == IG_RESIZE_MODE_NEAREST)
        return 1;
    const double stretch = s.antialias != 0 && scale < 1 ? scale : 1;
    const double n = 2 - 2 * (std::floor(-reach / stretch) + 1);
    return n < INT32_MAX ? (int)n : INT32_MAX;
}

// Ports of roi, scales and sizes.
struct ports {
    int roi, scales, sizes;
};
constexpr ports OF_RESIZE = {1, 2, 3}, OF_GRAD = {2, 3, 4};

// The sampling of a call from dims xd to yd; *total: taps of all axes. With `table` NULL
// for what needs its size only.
ig_status sampling_of(const ig_kernel_ctx *k,
                      ports at,
                      const ig_tensor *x,
                      const ig_tensor *y,
                      sampling *s,
                      int64_t *total)
{
    const ig_resize_opts *o = (const ig_resize_opts *)k->attrs;
    const ig_tensor *scales = ig_in(k, at.scales);
    int rank = ig_rank(x), n = o->axes.n ? (int)o->axes.n : rank;
    int64_t strides[IG_RANK_MAX], sizes[IG_RANK_MAX];
    double scale[IG_RANK_MAX];
    int roi[IG_RANK_MAX] = {};
    bool crop = o->coordinate_transformation_mode ==
                IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_CROP_AND_RESIZE;
    bool shifts = crop || o->coordinate_transformation_mode ==
                              IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_HALF_PIXEL_FOR_NN;
    scales = scales && ig_numel(scales) == n ? scales : nullptr;
    gpu_row_major(rank, ig_dims(x), strides);
    *s = {};
    s->mode = o->mode;
    s->nearest = o->nearest_mode;
    s->coordinates = o->coordinate_transformation_mode;
    s->cubic = (double)o->cubic_coeff_a;
    s->antialias = (double)o->antialias;
    s->exclude_outside = o->exclude_outside != 0;
    s->roi = gpu_any_of<double>(crop ? ig_in(k, at.roi) : nullptr);
    s->n_roi = n;
    if (crop && (!ig_in(k, at.roi) || ig_numel(ig_in(k, at.roi)) != 2 * n))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "tf_crop_and_resize needs a roi of %d elements", 2 * n);
    bool keeps = !scales && o->keep_aspect_ratio_policy != IG_RESIZE_KEEP_ASPECT_RATIO_POLICY_STRETCH;
    bool least = o->keep_aspect_ratio_policy == IG_RESIZE_KEEP_ASPECT_RATIO_POLICY_NOT_LARGER;
    if (keeps && gpu_ints(ig_in(k, at.sizes), sizes, IG_RANK_MAX) != n)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "sizes needs %d elements", n);
    double common = least ? HUGE_VAL : 0;
    uint64_t listed = 0;
    for (int a = 0; a < rank; a++)
        scale[a] = (double)ig_dims(y)[a] / (double)(ig_dims(x)[a] ? ig_dims(x)[a] : 1);
    for (int i = 0; i < n; i++) {
        int a = gpu_axis(x, o->axes.n ? o->axes.v[i] : i);
        if (a < 0 || a >= rank)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "axes[%d] is outside rank %d", i, rank);
        listed |= IG_BIT(a);
        roi[a] = i;
        if (scales)
            scale[a] = (double)((const float *)ig_data(scales))[i];
        if (keeps) {
            double own = (double)sizes[i] / (double)ig_dims(x)[a];
            common = least ? (own < common ? own : common) : (own > common ? own : common);
        }
    }
    *total = 0;
    for (int a = 0; a < rank && a < GPU_RANK; a++) {
        bool mine = listed >> a & 1;
        s->which[a] = -1;
        int64_t in = ig_dims(x)[a], out = ig_dims(y)[a];
        double by = keeps && mine ? common : scale[a];
        if (in == out && by == 1 && !(shifts && mine) &&
            s->coordinates != IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_HALF_PIXEL_FOR_NN)
            continue;
        if (s->n == AXES)
            return ig_fail(IG_UNSUPPORTED, "more than %d axes are resampled", AXES);
        s->which[a] = s->n;
        place *p = &s->axis[s->n++];
        *p = {in, out, *total, strides[a], by, by * (double)in, taps_of(*s, by), roi[a], {}};
        p->by_taps = gpu_divisor(p->taps);
        *total += out * p->taps;
    }
    return IG_OK;
}

// ---- combining ----

// Where an element of the output lies on each axis.
struct walk {
    int rank;
    int64_t count, base_stride[GPU_RANK]; // stride in the input of axes that are copied
    int64_t dim[GPU_RANK];
    gpu_divisor div[GPU_RANK];
    bool narrow;
};

walk walk_of(const ig_tensor *x, const ig_tensor *y)
{
    walk w = {};
    int64_t strides[IG_RANK_MAX];
    gpu_row_major(ig_rank(x), ig_dims(x), strides);
    w.rank = ig_rank(x);
    w.count = ig_numel(y);
    w.narrow = w.count <= INT32_MAX;
    for (int a = 0; a < w.rank; a++) {
        w.dim[a] = ig_dims(y)[a];
        w.div[a] = gpu_divisor(w.dim[a]);
        w.base_stride[a] = strides[a];
    }
    return w;
}

struct sampler {
    sampling s;
    walk w;

    // f(place in the input, weight) for each combination of taps of output element i;
    // false when it lies beyond the input.
    template <class F> GPU_FN bool each_tap(int64_t i, F f) const
    {
        int64_t base = 0, combinations = 1;
        const tap *t[AXES];
        for (int a = w.rank - 1; a >= 0; a--) {
            int64_t q = w.div[a].over(i, w.narrow), at = i - q * w.dim[a];
            int j = s.which[a];
            i = q;
            if (j < 0) {
                base += at * w.base_stride[a];
                continue;
            }
            t[j] = s.table + s.axis[j].first_tap + at * s.axis[j].taps;
            combinations *= s.axis[j].taps;
            if (t[j]->at < 0)
                return false;
        }
        for (int64_t c = 0; c < combinations; c++) {
            int64_t rest = c, at = base;
            double weight = 1;
            for (int j = 0; j < s.n; j++) {
                int64_t q = s.axis[j].by_taps.over(rest, true);
                const tap &one = t[j][rest - q * s.axis[j].taps];
                rest = q;
                at += one.at * s.axis[j].stride;
                weight *= one.weight;
            }
            f(at, weight);
        }
        return true;
    }
};

template <class T> struct pick {
    sampler by;
    const T *x;
    T *y;
    T outside;

    GPU_FN void operator()(int64_t i) const
    {
        T v = outside;
        by.each_tap(i, [&](int64_t at, double) { v = x[at]; });
        y[i] = v;
    }
};

template <class C> struct blend {
    sampler by;
    gpu_any<C> x, y;
    C outside;

    GPU_FN void operator()(int64_t i) const
    {
        C sum = 0;
        if (!by.each_tap(i, [&](int64_t at, double w) { sum += (C)w * x.get(at); }))
            sum = outside;
        y.put(i, sum);
    }
};

template <class C> struct spread {
    sampler by;
    gpu_any<C> dy;
    C *dx;

    GPU_FN void operator()(int64_t i) const
    {
        C v = dy.get(i);
        by.each_tap(i, [&](int64_t at, double w) { gpu_meet_sum(dx + at, (C)w * v); });
    }
};

template <class C> struct rounded {
    const C *sums;
    gpu_any<C> dx;
    GPU_FN void operator()(int64_t i) const
    {
        dx.put(i, sums[i]);
    }
};

ig_status make_table(const ig_kernel_ctx *k, sampling *s)
{
    int64_t positions = 0;
    s->table = (tap *)k->scratch;
    for (int j = 0; j < s->n; j++)
        positions += s->axis[j].out;
    return gpu_each(k, positions, set_taps{*s});
}

ig_status prepare_resize(ig_kernel_ctx *k)
{
    sampling s;
    int64_t total;
    IG_TRY(sampling_of(k, OF_RESIZE, ig_in(k, 0), ig_out(k, 0), &s, &total));
    k->scratch_bytes = sizeof(tap) * (size_t)total;
    return IG_OK;
}

ig_status supports_resize(const ig_kernel_ctx *k)
{
    const ig_resize_opts *o = (const ig_resize_opts *)k->attrs;
    sampling s;
    int64_t total;
    if (o->mode != IG_RESIZE_MODE_NEAREST && !(IG_BIT(ig_dtype_of(ig_in(k, 0))) & IG_FLOATS))
        return ig_reject("filters are for floats");
    if (o->mode == IG_RESIZE_MODE_NEAREST &&
        o->coordinate_transformation_mode ==
            IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_CROP_AND_RESIZE &&
        !(IG_BIT(ig_dtype_of(ig_in(k, 0))) & IG_FLOATS))
        return ig_reject("a constant beyond the input is for floats");
    IG_TRY(gpu_supports_ranks(k));
    return sampling_of(k, OF_RESIZE, ig_in(k, 0), ig_out(k, 0), &s, &total);
}

ig_status run_resize(ig_kernel_ctx *k)
{
    const ig_resize_opts *o = (const ig_resize_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    sampling s;
    int64_t total;
    bool crop = o->coordinate_transformation_mode ==
                IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_CROP_AND_RESIZE;
    if (ig_numel(y) == 0)
        return IG_OK;
    IG_TRY(sampling_of(k, OF_RESIZE, x, y, &s, &total));
    IG_TRY(make_table(k, &s));
    sampler by = {s, walk_of(x, y)};
    if (o->mode == IG_RESIZE_MODE_NEAREST && !crop)
        return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(y)), [&]<class T>() {
            return gpu_each(k, by.w.count,
                            pick<T>{by, (const T *)ig_data(x), (T *)ig_data(y), T{}});
        });
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        blend<C> kernel = {by, gpu_any_of<C>(x), gpu_any_of<C>(y), (C)o->extrapolation_value};
        return gpu_each(k, by.w.count, kernel);
    });
}

// The table, then sums of half types.
ig_status prepare_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dx = ig_out(k, 0);
    sampling s;
    int64_t total;
    IG_TRY(sampling_of(k, OF_GRAD, dx, ig_in(k, 0), &s, &total));
    k->scratch_bytes = sizeof(tap) * (size_t)total + sizeof(float) * (size_t)ig_numel(dx);
    return IG_OK;
}

ig_status supports_grad(const ig_kernel_ctx *k)
{
    sampling s;
    int64_t total;
    IG_TRY(gpu_supports_ranks(k));
    return sampling_of(k, OF_GRAD, ig_out(k, 0), ig_in(k, 0), &s, &total);
}

ig_status run_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    sampling s;
    int64_t total, n = ig_numel(dx);
    if (n == 0)
        return IG_OK;
    IG_TRY(sampling_of(k, OF_GRAD, dx, dy, &s, &total));
    IG_TRY(make_table(k, &s));
    sampler by = {s, walk_of(dx, dy)};
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(dx), [&]<class C>() {
        bool half = IG_BIT(ig_dtype_of(dx)) & IG_F16S;
        C *sums = half ? (C *)(k->scratch + sizeof(tap) * (size_t)total) : (C *)ig_data(dx);
        IG_TRY(gpu_zero(k, sums, n * (int64_t)sizeof(C)));
        IG_TRY(gpu_each(k, by.w.count, spread<C>{by, gpu_any_of<C>(dy), sums}));
        return half ? gpu_each(k, n, rounded<C>{sums, gpu_any_of<C>(dx)}) : IG_OK;
    });
}

} // namespace

GPU_TABLE(gpu_resize) = {
    gpu_row{"Resize", IG_NUMERIC | IG_COMPLEXES | IG_T(BOOL), run_resize, 0, supports_resize,
            prepare_resize},
    gpu_row{"ingot::ResizeGrad", IG_FLOATS, run_grad, 0, supports_grad, prepare_grad},
    {},
};
