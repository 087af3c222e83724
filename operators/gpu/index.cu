// Gather*, Scatter* and their gradients.
//
// All are one thing, as in operators/common_index.h: an item of `indices` is
// a tuple of m numbers that picks a slice of `inner` elements of the data. An index out
// of bounds is a fault, and its item reads and writes nothing.
//
// Determinism: ScatterElements and ScatterND without reduction keep the last of equal
// targets, as the references do: a first launch finds for each target the last item
// that names it. Floats over equal targets are reduced in any order, so last bits may
// differ between runs: rows with IG_KERNEL_VARIES. Other reductions give one result.
#include "operators/gpu/atomic.cuh"

#include <ingot/ops.h>

namespace
{

enum { REPLACE, ADD, MUL, MAX, MIN }; // reduction of both scatters
static_assert((int)IG_SCATTER_ELEMENTS_REDUCTION_MIN == MIN &&
              (int)IG_SCATTER_ND_REDUCTION_MIN == MIN);

enum { INDEX, BASE, ITEM, PLACES };

// Where items lie. Strides and `inner` are in elements of data.
struct spots {
    gpu_space<PLACES> items; // into indices, data without the indexed axes, slices
    int m = 1;
    int64_t size[GPU_RANK] = {}, stride[GPU_RANK] = {}; // of the m indexed axes
    int64_t inner = 1;
    gpu_divisor by_inner;
    gpu_any<int64_t> index;
    gpu_report report;

    // Element e of all slices: its place in data and among the slices, and its item.
    GPU_FN bool find(int64_t e, int64_t *data, int64_t *slice, int64_t *item) const
    {
        int64_t at[PLACES];
        *item = by_inner.over(e, items.narrow);
        items.at(*item, at);
        *data = at[BASE] + (e - *item * inner);
        *slice = at[ITEM] + (e - *item * inner);
        for (int j = 0; j < m; j++) {
            int64_t v;
            if (!report.index(index.get(at[INDEX] + j), size[j], &v))
                return false;
            *data += v * stride[j];
        }
        return true;
    }
    int64_t count() const
    {
        return items.count * inner;
    }
};

// Completes s: items of these dims.
ig_status set_items(spots *s,
                    const ig_kernel_ctx *k,
                    const ig_tensor *indices,
                    int rank,
                    const int64_t *dims,
                    const int64_t *const (&strides)[PLACES])
{
    IG_TRY(gpu_space_make(&s->items, rank, dims, strides));
    s->items.narrow = s->count() <= INT32_MAX;
    s->by_inner = gpu_divisor(s->inner);
    s->index = gpu_any_of<int64_t>(indices);
    s->report = gpu_report_of(k);
    return IG_OK;
}

// data as [outer, size, inner], slices as [outer, indices, inner].
ig_status spots_axis(const ig_kernel_ctx *k,
                     const ig_tensor *data,
                     const ig_tensor *indices,
                     int64_t axis,
                     spots *s)
{
    int a = gpu_axis(data, axis);
    int64_t n = ig_numel(indices);
    if (a < 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "axis is outside rank %d",
                              ig_rank(data));
    s->inner = gpu_count(data, a + 1, ig_rank(data));
    s->size[0] = ig_dims(data)[a];
    s->stride[0] = s->inner;
    const int64_t dims[2] = {gpu_count(data, 0, a), n};
    const int64_t index[2] = {0, 1}, base[2] = {s->size[0] * s->inner, 0},
                  item[2] = {n * s->inner, s->inner};
    const int64_t *const strides[] = {index, base, item};
    return set_items(s, k, indices, 2, dims, strides);
}

// One element per index; the other coordinates are the index's own.
ig_status spots_elements(const ig_kernel_ctx *k,
                         const ig_tensor *data,
                         const ig_tensor *indices,
                         int64_t axis,
                         spots *s)
{
    int rank = ig_rank(data), a = gpu_axis(data, axis);
    int64_t index[IG_RANK_MAX], base[IG_RANK_MAX];
    if (a < 0 || ig_rank(indices) != rank)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axis and indices do not fit rank %d", rank);
    gpu_row_major(rank, ig_dims(indices), index);
    gpu_row_major(rank, ig_dims(data), base);
    s->size[0] = ig_dims(data)[a];
    s->stride[0] = base[a];
    base[a] = 0;
    for (int i = 0; i < rank; i++)
        if (i != a && ig_dims(indices)[i] > ig_dims(data)[i] && ig_numel(indices) > 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "indices are larger than data along axis %d", i);
    const int64_t *const strides[] = {index, base, index};
    return set_items(s, k, indices, rank, ig_dims(indices), strides);
}

// A slice per tuple in the last dim of indices, behind `batch` dims that both share.
ig_status spots_tuples(const ig_kernel_ctx *k,
                       const ig_tensor *data,
                       const ig_tensor *indices,
                       int64_t batch,
                       spots *s)
{
    int rank = ig_rank(data), q = ig_rank(indices), b = (int)batch;
    int64_t m = q > 0 ? ig_dims(indices)[q - 1] : 0;
    int64_t index[IG_RANK_MAX], whole[IG_RANK_MAX], base[IG_RANK_MAX],
        item[IG_RANK_MAX];
    if (batch < 0 || batch >= q || m < 1 || m > rank - b || m > GPU_RANK)
        return ig_kernel_fail(
            k, IG_INVALID_ARGUMENT,
            "tuples of %lld numbers do not fit data of rank %d behind %lld "
            "batch dims",
            (long long)m, rank, (long long)batch);
    gpu_row_major(rank, ig_dims(data), whole);
    gpu_row_major(q, ig_dims(indices), index);
    s->m = (int)m;
    s->inner = gpu_count(data, b + (int)m, rank);
    for (int i = 0; i < q - 1; i++) {
        if (i < b && ig_dims(data)[i] != ig_dims(indices)[i])
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "batch dim %d of data and indices differ", i);
        base[i] = i < b ? whole[i] : 0;
        item[i] = index[i] / m * s->inner;
    }
    for (int j = 0; j < s->m; j++) {
        s->size[j] = ig_dims(data)[b + j];
        s->stride[j] = whole[b + j];
    }
    const int64_t *const strides[] = {index, base, item};
    return set_items(s, k, indices, q - 1, ig_dims(indices), strides);
}

// Where no element moves, indices are looked at all the same.
struct check_indices {
    spots s;
    GPU_FN void operator()(int64_t i) const
    {
        int64_t at;
        s.report.index(s.index.get(i), s.size[i % s.m], &at);
    }
};

ig_status
check_if_empty(const ig_kernel_ctx *k, const spots &s, const ig_tensor *indices)
{
    return s.count() == 0 ? gpu_each(k, ig_numel(indices), check_indices{s}) : IG_OK;
}

// ---- gathering ----

template <class T> struct take_slices {
    spots s;
    const T *data;
    T *out;

    GPU_FN void operator()(int64_t e) const
    {
        int64_t from, to, item;
        if (s.find(e, &from, &to, &item))
            out[to] = data[from];
    }
};

// Neighbours in a slice become one element, up to 16 bytes.
int64_t widen(spots *s, int64_t bytes, const void *data, const void *out)
{
    uintptr_t both = (uintptr_t)data | (uintptr_t)out;
    while (s->inner > 0 && s->inner % 2 == 0 && bytes < 16 &&
           both % (2 * (uintptr_t)bytes) == 0) {
        s->inner /= 2;
        for (int a = 0; a < s->items.rank; a++) {
            s->items.stride[BASE][a] /= 2;
            s->items.stride[ITEM][a] /= 2;
        }
        for (int j = 0; j < s->m; j++)
            s->stride[j] /= 2;
        bytes *= 2;
    }
    s->by_inner = gpu_divisor(s->inner);
    return bytes;
}

ig_status gather(const ig_kernel_ctx *k, spots s)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    IG_TRY(check_if_empty(k, s, ig_in(k, 1)));
    int64_t bytes = widen(&s, gpu_bytes(ig_dtype_of(y)), ig_data(x), ig_data(y));
    return gpu_by_bytes(k, bytes, [&]<class T>() {
        return gpu_each(k, s.count(),
                        take_slices<T>{s, (const T *)ig_data(x), (T *)ig_data(y)});
    });
}

ig_status run_gather(ig_kernel_ctx *k)
{
    spots s;
    int64_t axis = ((const ig_gather_opts *)k->attrs)->axis;
    IG_TRY(spots_axis(k, ig_in(k, 0), ig_in(k, 1), axis, &s));
    return gather(k, s);
}

ig_status run_gather_elements(ig_kernel_ctx *k)
{
    spots s;
    int64_t axis = ((const ig_gather_elements_opts *)k->attrs)->axis;
    IG_TRY(spots_elements(k, ig_in(k, 0), ig_in(k, 1), axis, &s));
    return gather(k, s);
}

ig_status run_gather_nd(ig_kernel_ctx *k)
{
    spots s;
    int64_t batch = ((const ig_gather_nd_opts *)k->attrs)->batch_dims;
    IG_TRY(spots_tuples(k, ig_in(k, 0), ig_in(k, 1), batch, &s));
    return gather(k, s);
}

// ---- scattering without reduction ----

// Of each slice of data the last item that replaces it, plus 1.
struct claim {
    spots s;
    uint64_t *last;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t to, from, item;
        if (s.find(i * s.inner, &to, &from, &item))
            gpu_meet(last + to / s.inner, (uint64_t)item + 1,
                     [](uint64_t a, uint64_t b) { return a > b ? a : b; });
    }
};

template <class T> struct replace {
    spots s;
    const uint64_t *last;
    const T *updates;
    T *out;

    GPU_FN void operator()(int64_t e) const
    {
        int64_t to, from, item;
        if (s.find(e, &to, &from, &item) && last[to / s.inner] == (uint64_t)item + 1)
            out[to] = updates[from];
    }
};

ig_status scatter_replace(ig_kernel_ctx *k, const spots &s)
{
    const ig_tensor *updates = ig_in(k, 2), *y = ig_out(k, 0);
    uint64_t *last = (uint64_t *)k->scratch;
    if (s.count() == 0)
        return IG_OK;
    IG_TRY(gpu_zero(k, last, ig_numel(y) / s.inner * (int64_t)sizeof(*last)));
    IG_TRY(gpu_each(k, s.items.count, claim{s, last}));
    return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(y)), [&]<class T>() {
        return gpu_each(
            k, s.count(),
            replace<T>{s, last, (const T *)ig_data(updates), (T *)ig_data(y)});
    });
}

// ---- scattering with a reduction ----

template <class C> struct combine {
    int how;
    GPU_FN C operator()(C a, C b) const
    {
        return how == ADD   ? gpu_add(a, b)
               : how == MUL ? gpu_mul(a, b)
               : how == MAX ? gpu_max(a, b)
                            : gpu_min(a, b);
    }
};

// out is of the type of updates, or float where that is a half type.
template <class C> struct reduce {
    spots s;
    gpu_any<C> updates, out;
    combine<C> meet;

    GPU_FN void operator()(int64_t e) const
    {
        int64_t to, from, item;
        if (s.find(e, &to, &from, &item))
            put(to, updates.get(from));
    }
    template <class T> GPU_FN void put_as(int64_t i, C v) const
    {
        gpu_meet(reinterpret_cast<T *>(out.p) + i, (gpu_compute<T>)v, meet);
    }
    GPU_FN void put(int64_t i, C v) const
    {
        if constexpr (std::is_floating_point_v<C>) {
            if (meet.how == ADD)
                gpu_meet_sum(reinterpret_cast<C *>(out.p) + i, v);
            else
                put_as<C>(i, v);
        } else if constexpr (std::is_signed_v<C>) {
            switch (out.type) {
            case IG_INT8:
                return put_as<int8_t>(i, v);
            case IG_INT16:
                return put_as<int16_t>(i, v);
            case IG_INT32:
                return put_as<int32_t>(i, v);
            default:
                return put_as<int64_t>(i, v);
            }
        } else {
            switch (out.type) {
            case IG_BOOL:
                return put_bool(i, v);
            case IG_UINT8:
                return put_as<uint8_t>(i, v);
            case IG_UINT16:
                return put_as<uint16_t>(i, v);
            case IG_UINT32:
                return put_as<uint32_t>(i, v);
            default:
                return put_as<uint64_t>(i, v);
            }
        }
    }
    // Any sum of true is true.
    GPU_FN void put_bool(int64_t i, C v) const
    {
        combine<C> f = meet;
        gpu_meet(reinterpret_cast<uint8_t *>(out.p) + i, v,
                 [f](C a, C b) { return (C)(f(a != 0, b) != 0); });
    }
};

// Half types meet as floats in scratch and are rounded once.
ig_status
scatter_reduce(ig_kernel_ctx *k, const spots &s, const ig_tensor *updates, int how)
{
    const ig_tensor *y = ig_out(k, 0);
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(y), [&]<class C>() {
        gpu_any<C> out = gpu_any_of<C>(y), sums = out;
        if (IG_BIT(out.type) & IG_F16S) {
            sums.p = k->scratch;
            sums.type = IG_FLOAT32;
            IG_TRY(gpu_each(k, ig_numel(y), gpu_convert<C>{out, sums}));
        }
        reduce<C> kernel = {s, gpu_any_of<C>(updates), sums, {how}};
        IG_TRY(gpu_each(k, s.count(), kernel));
        return sums.p == out.p ? IG_OK
                               : gpu_each(k, ig_numel(y), gpu_convert<C>{sums, out});
    });
}

ig_status scatter(ig_kernel_ctx *k, const spots &s, int64_t how)
{
    if (ig_numel(ig_in(k, 2)) != s.count())
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "updates do not have the dims that indices ask for");
    IG_TRY(check_if_empty(k, s, ig_in(k, 1)));
    IG_TRY(gpu_copy(k, ig_in(k, 0), ig_out(k, 0)));
    return how == REPLACE ? scatter_replace(k, s)
                          : scatter_reduce(k, s, ig_in(k, 2), (int)how);
}

ig_status run_scatter_elements(ig_kernel_ctx *k)
{
    const ig_scatter_elements_opts *o = (const ig_scatter_elements_opts *)k->attrs;
    spots s;
    IG_TRY(spots_elements(k, ig_out(k, 0), ig_in(k, 1), o->axis, &s));
    return scatter(k, s, o->reduction);
}

ig_status run_scatter_nd(ig_kernel_ctx *k)
{
    spots s;
    IG_TRY(spots_tuples(k, ig_out(k, 0), ig_in(k, 1), 0, &s));
    return scatter(k, s, ((const ig_scatter_nd_opts *)k->attrs)->reduction);
}

// dx := the slices of dy, added where they were read.
ig_status add_up(ig_kernel_ctx *k, const spots &s)
{
    IG_TRY(check_if_empty(k, s, ig_in(k, 1)));
    return gpu_accumulate(k, ig_out(k, 0), k->scratch, [&]<class C>(C *sums) {
        gpu_any<C> out;
        out.p = (char *)sums;
        out.type = std::is_same_v<C, double> ? IG_FLOAT64 : IG_FLOAT32;
        return gpu_each(k, s.count(),
                        reduce<C>{s, gpu_any_of<C>(ig_in(k, 0)), out, {ADD}});
    });
}

ig_status run_gather_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dx = ig_out(k, 0);
    spots s;
    IG_TRY(spots_axis(k, dx, ig_in(k, 1),
                      ((const ig_ingot_gather_grad_opts *)k->attrs)->axis, &s));
    if (ig_numel(ig_in(k, 0)) != s.count())
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "dy has not the shape that Gather would give");
    return add_up(k, s);
}

ig_status run_gather_nd_grad(ig_kernel_ctx *k)
{
    const ig_tensor *dx = ig_out(k, 0);
    spots s;
    IG_TRY(spots_tuples(k, dx, ig_in(k, 1),
                        ((const ig_ingot_gather_nd_grad_opts *)k->attrs)->batch_dims,
                        &s));
    if (ig_numel(ig_in(k, 0)) != s.count())
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "dy has not the shape that GatherND would give");
    return add_up(k, s);
}

// A mark for each slice, or a float for each element: 8 bytes an element are enough.
ig_status prepare_scatter(ig_kernel_ctx *k)
{
    k->scratch_bytes = 8 * (size_t)ig_numel(ig_out(k, 0));
    return IG_OK;
}

ig_status prepare_sum(ig_kernel_ctx *k)
{
    k->scratch_bytes = gpu_accumulate_bytes(ig_out(k, 0));
    return IG_OK;
}

template <bool elements, bool varies> ig_status supports_scatter(const ig_kernel_ctx *k)
{
    int64_t how = elements ? ((const ig_scatter_elements_opts *)k->attrs)->reduction
                           : ((const ig_scatter_nd_opts *)k->attrs)->reduction;
    if (how != REPLACE && IG_BIT(ig_dtype_of(ig_in(k, 0))) & IG_COMPLEXES)
        return ig_reject("complex numbers are not reduced");
    if (!varies && how != REPLACE && IG_BIT(ig_dtype_of(ig_in(k, 0))) & IG_FLOATS)
        return ig_reject("floats are reduced in any order");
    return gpu_supports_ranks(k);
}

constexpr uint64_t SCATTERED = IG_NUMERIC | IG_COMPLEXES | IG_T(BOOL);

} // namespace

GPU_TABLE(gpu_index) = {
    gpu_row{"Gather", SCATTERED, run_gather},
    gpu_row{"GatherElements", SCATTERED, run_gather_elements},
    gpu_row{"GatherND", SCATTERED, run_gather_nd},
    gpu_row{"ScatterElements", SCATTERED, run_scatter_elements, 0,
            supports_scatter<true, false>, prepare_scatter},
    gpu_row{"ScatterElements", IG_FLOATS, run_scatter_elements, IG_KERNEL_VARIES,
            supports_scatter<true, true>, prepare_scatter},
    gpu_row{"ScatterND", SCATTERED, run_scatter_nd, 0, supports_scatter<false, false>,
            prepare_scatter},
    gpu_row{"ScatterND", IG_FLOATS, run_scatter_nd, IG_KERNEL_VARIES,
            supports_scatter<false, true>, prepare_scatter},
    gpu_row{"ingot::GatherGrad", IG_FLOATS, run_gather_grad, IG_KERNEL_VARIES,
            gpu_supports_ranks, prepare_sum},
    gpu_row{"ingot::GatherNDGrad", IG_FLOATS, run_gather_nd_grad, IG_KERNEL_VARIES,
            gpu_supports_ranks, prepare_sum},
    {},
};
