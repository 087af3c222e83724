/* Index spaces: where element i of a row-major space lies in each of N operands.
 *
 * The host drops axes of size 1 and merges axes that all operands cross evenly, so that
 * most calls have one or two axes left. The device finds the coordinates of i by
 * division; below 2^31 elements by a multiplication instead (Granlund and Montgomery,
 * "Division by invariant integers using multiplication", 1994). */
#ifndef OPERATORS_GPU_SPACE_CUH
#define OPERATORS_GPU_SPACE_CUH

#include "operators/gpu/element.cuh"

/* n / d for 0 <= n < 2^31 where `narrow`, for any n >= 0 otherwise; d >= 1. */
struct gpu_divisor {
    int64_t d = 1;
    uint32_t factor = 0, shift = 0;

    gpu_divisor() = default;
    explicit gpu_divisor(int64_t by) : d(by < 1 ? 1 : by)
    {
        if (d > INT32_MAX)
            return;
        while (((uint64_t)1 << shift) < (uint64_t)d)
            shift++;
        factor = (uint32_t)((((uint64_t)1 << 32) * (((uint64_t)1 << shift) - (uint64_t)d)) /
                                (uint64_t)d +
                            1);
    }

    GPU_FN int64_t over(int64_t n, bool narrow) const
    {
        if (!narrow)
            return n / d;
        uint32_t small = (uint32_t)n;
#ifdef __CUDA_ARCH__
        uint32_t high = __umulhi(small, factor);
#else
        uint32_t high = (uint32_t)((uint64_t)small * factor >> 32);
#endif
        return (high + small) >> shift;
    }
};

template <int N> struct gpu_space {
    int64_t count = 0;
    int rank = 0;
    bool narrow = true;
    int64_t dim[GPU_RANK] = {};
    gpu_divisor div[GPU_RANK];
    int64_t stride[N][GPU_RANK] = {};

    /* off[j]: of element i in operand j. */
    GPU_FN void at(int64_t i, int64_t (&off)[N]) const
    {
        for (int j = 0; j < N; j++)
            off[j] = 0;
        for (int a = rank - 1; a > 0; a--) {
            int64_t q = div[a].over(i, narrow), r = i - q * dim[a];
            for (int j = 0; j < N; j++)
                off[j] += r * stride[j][a];
            i = q;
        }
        for (int j = 0; j < N && rank > 0; j++)
            off[j] += i * stride[j][0];
    }
    GPU_FN int64_t at1(int64_t i) const
    {
        int64_t off[N];
        at(i, off);
        return off[0];
    }

    /* Whether operand j is read in order, or is one element for all. */
    bool in_order(int j) const
    {
        return rank == 0 || (rank == 1 && stride[j][0] == 1);
    }
    bool is_one(int j) const
    {
        return rank == 0 || (rank == 1 && stride[j][0] == 0);
    }
};

/* Axes merge when no operand notices. LIMIT when more than GPU_RANK are left. */
template <int N>
ig_status gpu_space_make(gpu_space<N> *s,
                         int rank,
                         const int64_t *dims,
                         const int64_t *const (&strides)[N])
{
    s->count = 1;
    s->rank = 0;
    for (int a = 0; a < rank; a++)
        s->count *= dims[a];
    for (int a = 0; a < rank && s->count; a++) {
        bool merges = s->rank > 0;
        if (dims[a] == 1)
            continue;
        int last = s->rank - 1;
        for (int j = 0; j < N && merges; j++)
            merges = s->stride[j][last] == strides[j][a] * dims[a];
        if (!merges && ++last == GPU_RANK)
            return ig_fail(IG_LIMIT, "more than %d axes that do not merge", GPU_RANK);
        s->dim[last] = merges ? s->dim[last] * dims[a] : dims[a];
        for (int j = 0; j < N; j++)
            s->stride[j][last] = strides[j][a];
        s->rank = last + 1;
    }
    for (int a = 0; a < s->rank; a++)
        s->div[a] = gpu_divisor(s->dim[a]);
    s->narrow = s->count <= INT32_MAX;
    return IG_OK;
}

/* Strides of t when it is broadcast to dims, aligned at the last axis. */
inline void
gpu_broadcast(const ig_tensor *t, int rank, const int64_t *dims, int64_t *out)
{
    int shift = rank - ig_rank(t);
    for (int a = 0; a < rank; a++) {
        bool own = a >= shift && ig_dims(t)[a - shift] == dims[a];
        out[a] = own ? ig_strides(t)[a - shift] : 0;
    }
}

/* Row-major strides; the number of elements. */
inline int64_t gpu_row_major(int rank, const int64_t *dims, int64_t *out)
{
    int64_t n = 1;
    for (int a = rank - 1; a >= 0; a--) {
        out[a] = n;
        n *= dims[a];
    }
    return n;
}

/* The dims of tensor `space`; each operand broadcast to them. */
template <int N>
ig_status gpu_space_of(gpu_space<N> *s, const ig_tensor *space, ig_tensor *const (&t)[N])
{
    int64_t stride[N][IG_RANK_MAX];
    const int64_t *list[N];
    int rank = ig_rank(space);
    for (int j = 0; j < N; j++) {
        gpu_broadcast(t[j], rank, ig_dims(space), stride[j]);
        list[j] = stride[j];
    }
    return gpu_space_make(s, rank, ig_dims(space), list);
}

/* Product of dims [lo, hi). */
inline int64_t gpu_count(const ig_tensor *t, int lo, int hi)
{
    int64_t n = 1;
    for (int a = lo; a < hi; a++)
        n *= ig_dims(t)[a];
    return n;
}

/* The integers of a VALUE input (host memory), or none where t is NULL; at most `cap`
 * of them. Returns how many there are. */
inline int gpu_ints(const ig_tensor *t, int64_t *out, int cap)
{
    int n = t ? (int)ig_numel(t) : 0;
    int64_t step = n && ig_rank(t) == 1 ? ig_strides(t)[0] : 1;
    for (int i = 0; i < n && i < cap; i++)
        out[i] = ig_dtype_of(t) == IG_INT32 ? ((const int32_t *)ig_data(t))[i * step]
                                            : ((const int64_t *)ig_data(t))[i * step];
    return n;
}

/* An axis of t made non-negative. */
inline int gpu_axis(const ig_tensor *t, int64_t axis)
{
    return (int)(axis < 0 ? axis + ig_rank(t) : axis);
}

/* A tensor seen as [outer, n, inner] around an axis. */
struct gpu_lines {
    int64_t outer, n, inner;
    gpu_divisor by_inner;
    bool narrow;

    /* Where line i begins; its elements are `inner` apart. */
    GPU_FN int64_t start(int64_t i) const
    {
        int64_t o = by_inner.over(i, narrow);
        return o * n * inner + (i - o * inner);
    }
    int64_t count() const
    {
        return outer * inner;
    }
};

inline gpu_lines gpu_lines_of(const ig_tensor *t, int axis)
{
    gpu_lines l;
    l.outer = gpu_count(t, 0, axis);
    l.n = ig_dims(t)[axis];
    l.inner = gpu_count(t, axis + 1, ig_rank(t));
    l.by_inner = gpu_divisor(l.inner);
    l.narrow = l.count() <= INT32_MAX;
    return l;
}

#endif
