// Running sums and products, and the linear recurrence, along an axis that is itself a
// number in the device's memory: the kernel reads it and then knows the lines.
//
// A line goes to a block, which takes as many elements at a time as it has threads.
#include "operators/gpu/math.cuh"
#include "operators/gpu/space.cuh"

#include <ingot/ops.h>

namespace
{

// How an element combines with what came before. first(): of nothing.
template <class C> struct add_up {
    using state = C;
    GPU_FN C first() const
    {
        return 0;
    }
    GPU_FN C operator()(C a, C b) const
    {
        return gpu_add(a, b);
    }
};

template <class C> struct multiply {
    using state = C;
    GPU_FN C first() const
    {
        return 1;
    }
    GPU_FN C operator()(C a, C b) const
    {
        return gpu_mul(a, b);
    }
};

// y -> a y + b, one after the other.
template <class C> struct affine {
    C a, b;
};
template <class C> struct compose {
    using state = affine<C>;
    GPU_FN affine<C> first() const
    {
        return {1, 0};
    }
    GPU_FN affine<C> operator()(affine<C> f, affine<C> g) const
    {
        return {g.a * f.a, g.a * f.b + g.b};
    }
};

struct axes {
    int rank;
    int64_t dims[IG_RANK_MAX];
    const void *axis;
    bool wide; // axis is an int64

    // Whether line i exists; where it begins, its length and step.
    GPU_FN bool line(int64_t i,
                     const gpu_report &report,
                     int64_t *start,
                     int64_t *n,
                     int64_t *step) const
    {
        int64_t a = wide ? *static_cast<const int64_t *>(axis)
                         : *static_cast<const int32_t *>(axis);
        int64_t inner = 1, outer = 1;
        if (!report.index(a, rank, &a))
            return false;
        for (int64_t d = 0; d < rank; d++)
            *(d < a ? &outer : &inner) *= d == a ? 1 : dims[d];
        if (i >= outer * inner)
            return false;
        *n = dims[a];
        *step = inner;
        *start = i / inner * *n * inner + i % inner;
        return true;
    }
};

template <class C, class Op> struct cumulate {
    axes lines;
    gpu_any<C> x, y;
    bool exclusive, reverse;
    gpu_report report;

    template <class B> GPU_FN void operator()(const B &b, int64_t i) const
    {
        int64_t start, n, step;
        if (!lines.line(i, report, &start, &n, &step))
            return;
        if (reverse) {
            start += (n - 1) * step;
            step = -step;
        }
        Op op;
        C before = op.first(), total, v = load(start, n, step, b.lane);
        for (int64_t base = 0; base < n; base += b.lanes) {
            // What comes next is read before its place may be written: y may be x.
            int64_t j = base + b.lane, to = j + exclusive;
            C next = load(start, n, step, j + b.lanes);
            b.sync();
            v = op(before, b.scan(v, op, &total));
            if (exclusive && j == 0)
                y.put(start, op.first());
            if (to < n)
                y.put(start + to * step, v);
            before = op(before, total);
            v = next;
        }
    }
    GPU_FN C load(int64_t start, int64_t n, int64_t step, int64_t j) const
    {
        return j < n ? x.get(start + j * step) : Op().first();
    }
};

template <class C> struct recurrence {
    axes lines;
    gpu_any<C> a, b, y;
    bool adjoint, back;
    gpu_report report;

    template <class B> GPU_FN void operator()(const B &block, int64_t i) const
    {
        int64_t start, n, step;
        if (!lines.line(i, report, &start, &n, &step))
            return;
        if (back) {
            start += (n - 1) * step;
            step = -step;
        }
        compose<C> op;
        affine<C> before = op.first(), total;
        for (int64_t base = 0; base < n; base += block.lanes) {
            int64_t j = base + block.lane, at = start + j * step;
            affine<C> f = op.first();
            if (j < n) // the adjoint takes the factor of the step it came from
                f = {j > 0 ? a.get(adjoint ? at - step : at) : 0, b.get(at)};
            f = op(before, block.scan(f, op, &total));
            if (j < n)
                y.put(at, f.b);
            before = op(before, total);
        }
    }
};

// Lines along the shortest axis are the most that there can be. At least one, which
// looks at the axis where there is nothing to add up.
int64_t most_lines(const ig_tensor *x)
{
    int64_t shortest = INT64_MAX;
    for (int a = 0; a < ig_rank(x); a++)
        shortest = ig_dims(x)[a] < shortest ? ig_dims(x)[a] : shortest;
    int64_t n = ig_numel(x) ? ig_numel(x) / shortest : 0;
    return n > 0 ? n : 1;
}

axes axes_of(const ig_tensor *x, const ig_tensor *axis)
{
    axes l = {};
    l.rank = ig_rank(x);
    memcpy(l.dims, ig_dims(x), sizeof(int64_t) * (size_t)l.rank);
    l.axis = ig_data(axis);
    l.wide = ig_dtype_of(axis) == IG_INT64;
    return l;
}

template <template <class> class Op> ig_status run_cumulate(ig_kernel_ctx *k)
{
    const ig_cum_sum_opts *o = (const ig_cum_sum_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(x), [&]<class C>() {
        cumulate<C, Op<C>> kernel = {
            axes_of(x, ig_in(k, 1)), gpu_any_of<C>(x), gpu_any_of<C>(ig_out(k, 0)),
            o->exclusive != 0,       o->reverse != 0,  gpu_report_of(k)};
        return gpu_rows(k, most_lines(x), 256, kernel);
    });
}

ig_status run_linear_scan(ig_kernel_ctx *k)
{
    const ig_ingot_linear_scan_opts *o = (const ig_ingot_linear_scan_opts *)k->attrs;
    const ig_tensor *a = ig_in(k, 0);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(a), [&]<class C>() {
        recurrence<C> kernel = {axes_of(a, ig_in(k, 2)),
                                gpu_any_of<C>(a),
                                gpu_any_of<C>(ig_in(k, 1)),
                                gpu_any_of<C>(ig_out(k, 0)),
                                o->adjoint != 0,
                                (o->adjoint != 0) != (o->reverse != 0),
                                gpu_report_of(k)};
        return gpu_rows(k, most_lines(a), 256, kernel);
    });
}

constexpr uint64_t SUMS =
    IG_FLOATS | IG_T(INT32) | IG_T(INT64) | IG_T(UINT32) | IG_T(UINT64);

} // namespace

GPU_TABLE(gpu_scan) = {
    gpu_row{"CumSum", SUMS, run_cumulate<add_up>},
    gpu_row{"CumProd", SUMS, run_cumulate<multiply>},
    gpu_row{"ingot::LinearScan", IG_FLOATS, run_linear_scan},
    {},
};
