// Resize and its gradient.
//
// Each axis is resampled on its own. A first launch writes, for every position of the
// output along every resampled axis, the taps: which inputs count and how much. A
// second one combines them: an element for each output. The formulas are those of
// operators/common_resize.c, in double, so that the same neighbours are chosen.
#include "operators/gpu/atomic.cuh"

#include <ingot/ops.h>

namespace
{

enum { AXES = 6 }; // that are resampled
enum {
    CROP = IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_CROP_AND_RESIZE,
    HALF_FOR_NN = IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_TF_HALF_PIXEL_FOR_NN
};

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
        bool beyond = s.coordinates == CROP && !(v >= 0 && v <= last);
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
            return (double)p.in / 2 * (1 - (double)p.out / p.length) +
                   (o + 0.5) / p.scale - 0.5;
        case IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_PYTORCH_HALF_PIXEL:
            return p.out > 1 ? (o + 0.5) / p.scale - 0.5 : 0;
        case IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_ALIGN_CORNERS:
            return many ? o * last / (p.length - 1) : 0;
        case IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_ASYMMETRIC:
            return o / p.scale;
        case CROP: {
            double start = s.roi.get(p.roi), end = s.roi.get(s.n_roi + p.roi);
            return many ? start * last + o * (end - start) * last / (p.length - 1)
                        : 0.5 * (start + end) * last;
        }
        case HALF_FOR_NN:
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

// Of each axis of x: its scale, its number in the lists, and whether it is listed.
struct scaling {
    double scale[IG_RANK_MAX];
    int place[IG_RANK_MAX];
    uint64_t listed;
};

// One scale for all listed axes that keeps sizes within or beyond those given.
ig_status common_scale(const ig_kernel_ctx *k,
                       const ig_tensor *sizes,
                       bool least,
                       const ig_tensor *x,
                       int n,
                       scaling *s)
{
    int64_t list[IG_RANK_MAX];
    double common = least ? HUGE_VAL : 0;
    if (gpu_ints(sizes, list, IG_RANK_MAX) != n)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "sizes needs %d elements", n);
    for (int a = 0; a < ig_rank(x); a++) {
        if (!(s->listed >> a & 1))
            continue;
        double own = (double)list[s->place[a]] / (double)ig_dims(x)[a];
        common = (least ? own < common : own > common) ? own : common;
    }
    for (int a = 0; a < ig_rank(x); a++)
        if (s->listed >> a & 1)
            s->scale[a] = common;
    return IG_OK;
}

ig_status scaling_of(const ig_kernel_ctx *k,
                     ports at,
                     const ig_tensor *x,
                     const ig_tensor *y,
                     int n,
                     scaling *s)
{
    const ig_resize_opts *o = (const ig_resize_opts *)k->attrs;
    const ig_tensor *scales = ig_in(k, at.scales);
    scales = scales && ig_numel(scales) == n ? scales : nullptr;
    if (scales && !ig_data(scales) && o->antialias)
        return ig_reject("the scales are not known yet");
    s->listed = 0;
    for (int a = 0; a < ig_rank(x); a++) {
        s->scale[a] =
            (double)ig_dims(y)[a] / (double)(ig_dims(x)[a] ? ig_dims(x)[a] : 1);
        s->place[a] = 0;
    }
    for (int i = 0; i < n; i++) {
        int a = gpu_axis(x, o->axes.n ? o->axes.v[i] : i);
        if (a < 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "axes[%d] is outside rank %d",
                                  i, ig_rank(x));
        s->listed |= IG_BIT(a);
        s->place[a] = i;
        if (scales && ig_data(scales))
            s->scale[a] = (double)((const float *)ig_data(scales))[i];
    }
    bool least =
        o->keep_aspect_ratio_policy == IG_RESIZE_KEEP_ASPECT_RATIO_POLICY_NOT_LARGER;
    if (scales ||
        o->keep_aspect_ratio_policy == IG_RESIZE_KEEP_ASPECT_RATIO_POLICY_STRETCH)
        return IG_OK;
    return common_scale(k, ig_in(k, at.sizes), least, x, n, s);
}

// The attributes.
sampling sampling_start(const ig_kernel_ctx *k, const ig_tensor *roi, int n)
{
    const ig_resize_opts *o = (const ig_resize_opts *)k->attrs;
    sampling s = {};
    s.mode = o->mode;
    s.nearest = o->nearest_mode;
    s.coordinates = o->coordinate_transformation_mode;
    s.cubic = (double)o->cubic_coeff_a;
    s.antialias = (double)o->antialias;
    s.exclude_outside = o->exclude_outside != 0;
    s.roi = gpu_any_of<double>(s.coordinates == CROP ? roi : nullptr);
    s.n_roi = n;
    return s;
}

// The sampling of a call from x to y; *total: taps of all axes. `exact` false, before
// the run: scales may be unknown, and *total is the most that any scales of these dims
// need.
ig_status sampling_of(const ig_kernel_ctx *k,
                      ports at,
                      const ig_tensor *x,
                      const ig_tensor *y,
                      bool exact,
                      sampling *s,
                      int64_t *total)
{
    ig_ints axes = ((const ig_resize_opts *)k->attrs)->axes;
    int rank = ig_rank(x), n = axes.n ? (int)axes.n : rank;
    int64_t strides[IG_RANK_MAX];
    const ig_tensor *roi = ig_in(k, at.roi);
    scaling by = {};
    *s = sampling_start(k, roi, n);
    *total = 0;
    if (s->coordinates == CROP && (!roi || ig_numel(roi) != 2 * n))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "tf_crop_and_resize needs a roi of %d elements", 2 * n);
    IG_TRY(scaling_of(k, at, x, y, n, &by));
    gpu_row_major(rank, ig_dims(x), strides);
    for (int a = 0; a < rank && a < GPU_RANK; a++) {
        int64_t in = ig_dims(x)[a], out = ig_dims(y)[a];
        bool mine = by.listed >> a & 1,
             same = in == out && (exact ? by.scale[a] == 1 : !mine);
        bool moves = s->coordinates == HALF_FOR_NN || (s->coordinates == CROP && mine);
        s->which[a] = -1;
        if (same && !moves)
            continue;
        if (s->n == AXES)
            return ig_fail(IG_UNSUPPORTED, "more than %d axes are resampled", AXES);
        s->which[a] = s->n;
        place *p = &s->axis[s->n++];
        double scale = by.scale[a];
        *p = {in,
              out,
              *total,
              strides[a],
              scale,
              scale * (double)in,
              taps_of(*s, scale),
              by.place[a],
              {}};
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

ig_status make_table(const ig_kernel_ctx *k, sampling *s, int64_t total)
{
    int64_t positions = 0;
    if (sizeof(tap) * (size_t)total > k->scratch_bytes)
        return ig_kernel_fail(k, IG_INTERNAL, "%lld taps were not planned",
                              (long long)total);
    s->table = (tap *)k->scratch;
    for (int j = 0; j < s->n; j++)
        positions += s->axis[j].out;
    return gpu_each(k, positions, set_taps{*s});
}

ig_status prepare_resize(ig_kernel_ctx *k)
{
    sampling s;
    int64_t total;
    IG_TRY(sampling_of(k, OF_RESIZE, ig_in(k, 0), ig_out(k, 0), false, &s, &total));
    k->scratch_bytes = sizeof(tap) * (size_t)total;
    return IG_OK;
}

ig_status supports_resize(const ig_kernel_ctx *k)
{
    const ig_resize_opts *o = (const ig_resize_opts *)k->attrs;
    sampling s;
    int64_t total;
    bool copies =
        o->mode == IG_RESIZE_MODE_NEAREST && o->coordinate_transformation_mode != CROP;
    if (!copies && !(IG_BIT(ig_dtype_of(ig_in(k, 0))) & IG_FLOATS))
        return ig_reject("filters, and a constant beyond the input, are for floats");
    IG_TRY(gpu_supports_ranks(k));
    return sampling_of(k, OF_RESIZE, ig_in(k, 0), ig_out(k, 0), false, &s, &total);
}

ig_status run_resize(ig_kernel_ctx *k)
{
    const ig_resize_opts *o = (const ig_resize_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    sampling s;
    int64_t total;
    bool crop = o->coordinate_transformation_mode == CROP;
    if (ig_numel(y) == 0)
        return IG_OK;
    if (ig_numel(x) == 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "the input is empty: nothing to sample");
    IG_TRY(sampling_of(k, OF_RESIZE, x, y, true, &s, &total));
    IG_TRY(make_table(k, &s, total));
    sampler by = {s, walk_of(x, y)};
    if (o->mode == IG_RESIZE_MODE_NEAREST && !crop)
        return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(y)), [&]<class T>() {
            return gpu_each(k, by.w.count,
                            pick<T>{by, (const T *)ig_data(x), (T *)ig_data(y), T{}});
        });
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        blend<C> kernel = {by, gpu_any_of<C>(x), gpu_any_of<C>(y),
                           (C)o->extrapolation_value};
        return gpu_each(k, by.w.count, kernel);
    });
}

// The table, then sums of half types.
ig_status prepare_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dx = ig_out(k, 0);
    sampling s;
    int64_t total;
    IG_TRY(sampling_of(k, OF_GRAD, dx, ig_in(k, 0), false, &s, &total));
    k->scratch_bytes = sizeof(tap) * (size_t)total + gpu_accumulate_bytes(dx);
    return IG_OK;
}

ig_status supports_grad(const ig_kernel_ctx *k)
{
    sampling s;
    int64_t total;
    IG_TRY(gpu_supports_ranks(k));
    return sampling_of(k, OF_GRAD, ig_out(k, 0), ig_in(k, 0), false, &s, &total);
}

ig_status run_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    sampling s;
    int64_t total;
    if (ig_numel(dx) == 0)
        return IG_OK;
    IG_TRY(sampling_of(k, OF_GRAD, dx, dy, true, &s, &total));
    IG_TRY(make_table(k, &s, total));
    sampler by = {s, walk_of(dx, dy)};
    return gpu_accumulate(
        k, dx, k->scratch + sizeof(tap) * (size_t)total, [&]<class C>(C *sums) {
            return gpu_each(k, by.w.count, spread<C>{by, gpu_any_of<C>(dy), sums});
        });
}

} // namespace

GPU_TABLE(gpu_resize) = {
    gpu_row{"Resize", IG_NUMERIC | IG_COMPLEXES | IG_T(BOOL), run_resize, 0,
            supports_resize, prepare_resize},
    gpu_row{"ingot::ResizeGrad", IG_FLOATS, run_grad, IG_KERNEL_VARIES, supports_grad,
            prepare_grad},
    {},
};
