// Slice and Pad with their gradients, CenterCropPad and Trilu: parts of tensors, and
// what is put around them.
#include "operators/gpu/atomic.cuh"

#include <ingot/ops.h>

namespace
{

// ---- Slice ----

// What is left of an axis: count elements, step apart, from start on.
struct span {
    int64_t start, step, count;
};

int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

span span_of(int64_t dim, int64_t start, int64_t end, int64_t step)
{
    bool back = step < 0;
    uint64_t by = back ? 0 - (uint64_t)step : (uint64_t)step;
    start = clamp(start < 0 ? start + dim : start, 0, back ? dim - 1 : dim);
    end = clamp(end < 0 ? end + dim : end, back ? -1 : 0, back ? dim - 1 : dim);
    span s = {start, step, 0};
    if (dim > 0 && (back ? start > end : end > start))
        s.count =
            (int64_t)(((uint64_t)(back ? start - end : end - start) - 1) / by + 1);
    if (s.count <= 1)
        s.step = 1; // never taken: keeps step * stride small
    if (s.count == 0)
        s.start = 0;
    return s;
}

// Where the slice of `whole` that inputs from `first` on describe begins, and its
// strides. `part` has the slice's dims.
ig_status slice_of(const ig_kernel_ctx *k,
                   int first,
                   const ig_tensor *whole,
                   const ig_tensor *part,
                   int64_t *from,
                   int64_t *stride)
{
    int64_t list[4][IG_RANK_MAX];
    int rank = ig_rank(whole), n = 0;
    for (int j = 0; j < 4; j++) {
        const ig_tensor *t = first + j < k->n_in ? ig_in(k, first + j) : nullptr;
        int m = gpu_ints(t, list[j], IG_RANK_MAX);
        n = j == 0 ? m : n;
        for (int i = 0; !t && i < n && i < IG_RANK_MAX; i++)
            list[j][i] = j == 2 ? i : 1;
        if (n < 0 || n > rank || (t && m != n))
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "starts, ends, axes and steps differ "
                                  "in length, or are too many");
    }
    if (ig_rank(part) != rank)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "a slice has the rank of its tensor");
    span spans[IG_RANK_MAX];
    uint64_t seen = 0;
    for (int a = 0; a < rank; a++)
        spans[a] = {0, 1, ig_dims(whole)[a]};
    for (int i = 0; i < n; i++) {
        int a = gpu_axis(whole, list[2][i]);
        if (a < 0 || seen >> a & 1 || list[3][i] == 0)
            return ig_kernel_fail(
                k, IG_INVALID_ARGUMENT,
                "axes[%d] is outside rank %d or given twice, or steps[%d] is 0", i,
                rank, i);
        seen |= IG_BIT(a);
        spans[a] = span_of(ig_dims(whole)[a], list[0][i], list[1][i], list[3][i]);
    }
    *from = 0;
    for (int a = 0; a < rank; a++) {
        if (spans[a].count != ig_dims(part)[a])
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "axis %d has not the slice's size", a);
        *from += ig_strides(whole)[a] * spans[a].start;
        stride[a] = ig_strides(whole)[a] * spans[a].step;
    }
    return IG_OK;
}

char *at_element(const ig_tensor *t, int64_t i)
{
    return (char *)ig_data(t) + i * gpu_bytes(ig_dtype_of(t));
}

ig_status run_slice(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t from, stride[IG_RANK_MAX];
    IG_TRY(slice_of(k, 1, x, y, &from, stride));
    if (ig_numel(y) == 0)
        return IG_OK;
    return gpu_move_strided(k, gpu_bytes(ig_dtype_of(y)), ig_rank(y), ig_dims(y),
                            ig_data(y), ig_strides(y), at_element(x, from), stride);
}

ig_status run_slice_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    int64_t to, stride[IG_RANK_MAX];
    IG_TRY(slice_of(k, 2, dx, dy, &to, stride));
    IG_TRY(gpu_zero(k, ig_data(dx), (int64_t)ig_tensor_nbytes(dx)));
    if (ig_numel(dy) == 0)
        return IG_OK;
    return gpu_move_strided(k, gpu_bytes(ig_dtype_of(dx)), ig_rank(dy), ig_dims(dy),
                            at_element(dx, to), stride, ig_data(dy), ig_strides(dy));
}

// ---- Pad ----

// Which element of the inner tensor stands at a place of the padded one.
struct around {
    int rank = 0;
    int64_t mode = 0, count = 0; // of elements of the padded tensor
    bool narrow = true;
    int64_t dim[GPU_RANK], begin[GPU_RANK], lo[GPU_RANK], hi[GPU_RANK],
        stride[GPU_RANK];
    gpu_divisor div[GPU_RANK]; // by dim, of the padded tensor

    // -1: the constant.
    GPU_FN int64_t source(int64_t i) const
    {
        int64_t at = 0;
        for (int a = rank - 1; a >= 0; a--) {
            int64_t q = div[a].over(i, narrow), from = i - q * dim[a] - begin[a];
            i = q;
            if (from < lo[a] || from >= hi[a]) {
                if (mode == IG_PAD_MODE_CONSTANT)
                    return -1;
                from = lo[a] + repeated(from - lo[a], hi[a] - lo[a]);
            }
            at += from * stride[a];
        }
        return at;
    }
    // Place i outside [0, n) as one inside.
    GPU_FN int64_t repeated(int64_t i, int64_t n) const
    {
        int64_t period = mode == IG_PAD_MODE_WRAP ? n : 2 * (n - 1);
        if (mode == IG_PAD_MODE_EDGE)
            return i < 0 ? 0 : i < n ? i : n - 1;
        if (period == 0)
            return 0;
        int64_t at = i % period;
        at += at < 0 ? period : 0;
        return at < n ? at : period - at;
    }
};

// The lists; bounds follow.
ig_status around_of(const ig_kernel_ctx *k,
                    const ig_tensor *inner,
                    const ig_tensor *padded,
                    const ig_tensor *pads,
                    const ig_tensor *axes,
                    int64_t mode,
                    int64_t *end,
                    around *p)
{
    int64_t pad[2 * IG_RANK_MAX], axis[IG_RANK_MAX];
    int rank = ig_rank(inner), m = gpu_ints(pads, pad, 2 * IG_RANK_MAX);
    int n = axes ? gpu_ints(axes, axis, IG_RANK_MAX) : rank;
    uint64_t seen = 0;
    if (rank > GPU_RANK || ig_rank(padded) != rank || n < 0 || n > rank || m != 2 * n)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "pads do not fit the axes");
    p->rank = rank;
    p->mode = mode;
    p->count = ig_numel(padded);
    p->narrow = p->count <= INT32_MAX;
    gpu_row_major(rank, ig_dims(inner), p->stride);
    for (int a = 0; a < rank; a++) {
        p->dim[a] = ig_dims(padded)[a];
        p->div[a] = gpu_divisor(p->dim[a]);
        p->begin[a] = end[a] = 0;
    }
    for (int i = 0; i < n; i++) {
        int a = gpu_axis(inner, axes ? axis[i] : i);
        const int64_t most = (int64_t)1 << 60;
        if (a < 0 || seen >> a & 1)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "axes[%d] is outside rank %d or given twice", i,
                                  rank);
        if (pad[i] < -most || pad[i] > most || pad[n + i] < -most || pad[n + i] > most)
            return ig_kernel_fail(k, IG_LIMIT, "pads of axis %d are beyond 2^60", a);
        seen |= IG_BIT(a);
        p->begin[a] = pad[i];
        end[a] = pad[n + i];
    }
    return IG_OK;
}

// The sizes fit, and what surrounds the inner tensor can be made of it.
ig_status set_bounds(const ig_kernel_ctx *k,
                     const ig_tensor *inner,
                     const int64_t *end,
                     around *p)
{
    for (int a = 0; a < p->rank; a++) {
        int64_t dim = ig_dims(inner)[a], begin = p->begin[a];
        if (begin + end[a] + dim != p->dim[a])
            return ig_kernel_fail(
                k, IG_INVALID_ARGUMENT,
                "axis %d: size %lld with pads %lld and %lld does not give %lld", a,
                (long long)dim, (long long)begin, (long long)end[a],
                (long long)p->dim[a]);
        p->lo[a] = begin < 0 ? -begin : 0;
        p->hi[a] = dim + (end[a] < 0 ? end[a] : 0);
        if (p->mode != IG_PAD_MODE_CONSTANT && p->lo[a] >= p->hi[a])
            return ig_kernel_fail(
                k, IG_INVALID_ARGUMENT,
                "axis %d has no elements to pad with; only mode constant can", a);
    }
    return IG_OK;
}

template <class T> struct pad {
    around p;
    const T *x, *value; // value NULL: zero
    T *y;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t from = p.source(i);
        y[i] = from >= 0 ? x[from] : value ? *value : T{};
    }
};

ig_status run_pad(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    const ig_tensor *value = k->n_in > 2 ? ig_in(k, 2) : nullptr;
    around p;
    int64_t end[GPU_RANK];
    if (value && ig_numel(value) != 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "constant_value must have one element");
    IG_TRY(around_of(k, x, y, ig_in(k, 1), k->n_in > 3 ? ig_in(k, 3) : nullptr,
                     ((const ig_pad_opts *)k->attrs)->mode, end, &p));
    if (p.count == 0)
        return IG_OK;
    IG_TRY(set_bounds(k, x, end, &p));
    return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(y)), [&]<class T>() {
        pad<T> kernel = {p, (const T *)ig_data(x),
                         value ? (const T *)ig_data(value) : nullptr, (T *)ig_data(y)};
        return gpu_each(k, p.count, kernel);
    });
}

// Elements of dy meet in dx.
template <class C> struct unpad {
    around p;
    gpu_any<C> dy;
    C *sums;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t to = p.source(i);
        if (to >= 0)
            gpu_meet_sum(sums + to, dy.get(i));
    }
};

ig_status run_pad_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *dx = ig_out(k, 0);
    around p;
    int64_t end[GPU_RANK];
    IG_TRY(around_of(k, dx, dy, ig_in(k, 2), k->n_in > 3 ? ig_in(k, 3) : nullptr,
                     ((const ig_ingot_pad_grad_opts *)k->attrs)->mode, end, &p));
    if (p.count == 0 || ig_numel(dx) == 0)
        return gpu_zero(k, ig_data(dx), (int64_t)ig_tensor_nbytes(dx));
    IG_TRY(set_bounds(k, dx, end, &p));
    return gpu_accumulate(k, dx, k->scratch, [&]<class C>(C *sums) {
        return gpu_each(k, p.count, unpad<C>{p, gpu_any_of<C>(dy), sums});
    });
}

ig_status prepare_pad_grad(ig_kernel_ctx *k)
{
    k->scratch_bytes = gpu_accumulate_bytes(ig_out(k, 0));
    return IG_OK;
}

// ---- CenterCropPad ----

ig_status run_center(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t dims[IG_RANK_MAX], from = 0, to = 0;
    for (int a = 0; a < ig_rank(x); a++) {
        int64_t have = ig_dims(x)[a], want = ig_dims(y)[a];
        dims[a] = have < want ? have : want;
        from += (have - dims[a]) / 2 * ig_strides(x)[a];
        to += (want - dims[a]) / 2 * ig_strides(y)[a];
    }
    IG_TRY(gpu_zero(k, ig_data(y), (int64_t)ig_tensor_nbytes(y)));
    if (ig_numel(x) == 0 || ig_numel(y) == 0)
        return IG_OK;
    return gpu_move_strided(k, gpu_bytes(ig_dtype_of(y)), ig_rank(y), dims,
                            at_element(y, to), ig_strides(y), at_element(x, from),
                            ig_strides(x));
}

// ---- Trilu ----

template <class T> struct triangle {
    const T *x;
    T *y;
    int64_t rows, columns;
    gpu_divisor by_rows, by_columns;
    bool narrow, upper;
    const int64_t *diagonal; // NULL: 0

    GPU_FN void operator()(int64_t e) const
    {
        int64_t r = by_columns.over(e, narrow), j = e - r * columns;
        int64_t i = r - by_rows.over(r, narrow) * rows, by = diagonal ? *diagonal : 0;
        bool above = by > columns ? false : by < -rows ? true : j - i >= by;
        bool below = by > columns ? true : by < -rows ? false : j - i <= by;
        y[e] = (upper ? above : below) ? x[e] : T{};
    }
};

ig_status run_trilu(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    const ig_tensor *diagonal = k->n_in > 1 ? ig_in(k, 1) : nullptr;
    int64_t rows = ig_dims(y)[ig_rank(y) - 2], columns = ig_dims(y)[ig_rank(y) - 1];
    if (diagonal && ig_numel(diagonal) != 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "k must be one number");
    return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(y)), [&]<class T>() {
        triangle<T> kernel = {(const T *)ig_data(x),
                              (T *)ig_data(y),
                              rows,
                              columns,
                              gpu_divisor(rows),
                              gpu_divisor(columns),
                              ig_numel(y) <= INT32_MAX,
                              ((const ig_trilu_opts *)k->attrs)->upper != 0,
                              diagonal ? (const int64_t *)ig_data(diagonal) : nullptr};
        return gpu_each(k, ig_numel(y), kernel);
    });
}

} // namespace

GPU_TABLE(gpu_pad) = {
    gpu_row{"Slice", GPU_MOVABLE, run_slice, IG_KERNEL_STRIDED},
    gpu_row{"ingot::SliceGrad", IG_FLOATS, run_slice_grad, IG_KERNEL_STRIDED},
    gpu_row{"Pad", GPU_MOVABLE, run_pad},
    gpu_row{"ingot::PadGrad", IG_FLOATS, run_pad_grad, IG_KERNEL_VARIES,
            gpu_supports_ranks, prepare_pad_grad},
    gpu_row{"CenterCropPad", GPU_MOVABLE, run_center, IG_KERNEL_STRIDED},
    gpu_row{"Trilu", GPU_MOVABLE, run_trilu},
    {},
};
