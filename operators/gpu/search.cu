// TopK; and NonZero and Compress, whose results are as long as the data says.
#include "operators/gpu/math.cuh"
#include "operators/gpu/move.cuh"

#include <ingot/ops.h>

namespace
{

// ---- TopK ----

// The order of the result: NaN is above every number, of equal ones the first comes
// first.
struct order {
    bool largest;

    template <class C> GPU_FN bool above(C a, C b) const
    {
        return a > b || (a != a && b == b);
    }
    template <class C> GPU_FN bool before(gpu_placed<C> a, gpu_placed<C> b) const
    {
        if (largest ? above(a.v, b.v) : above(b.v, a.v))
            return true;
        if (largest ? above(b.v, a.v) : above(a.v, b.v))
            return false;
        return a.at < b.at;
    }
};

template <class C> struct top {
    gpu_lines from, to;
    gpu_any<C> x, values; // values: perhaps not wanted
    int64_t *indices;     // perhaps not wanted
    order by;

    GPU_FN gpu_placed<C> get(int64_t start, int64_t i) const
    {
        return {x.get(start + i * from.inner), i};
    }
    GPU_FN void put(int64_t line, int64_t rank, gpu_placed<C> e) const
    {
        int64_t at = to.start(line) + rank * to.inner;
        if (values.p)
            values.put(at, e.v);
        if (indices)
            indices[at] = e.at;
    }
};

// An element's rank is the number of elements before it: for short lines.
template <class C> struct top_by_counting {
    top<C> t;
    gpu_divisor by_n;
    bool narrow;

    GPU_FN void operator()(int64_t e) const
    {
        int64_t line = by_n.over(e, narrow), i = e - line * t.from.n, rank = 0;
        int64_t start = t.from.start(line);
        gpu_placed<C> mine = t.get(start, i);
        for (int64_t j = 0; j < t.from.n; j++)
            rank += t.by.before(t.get(start, j), mine);
        if (rank < t.to.n)
            t.put(line, rank, mine);
    }
};

// The best of those behind the last one found, again and again: for few of many.
template <class C> struct top_by_selection {
    top<C> t;

    template <class B> GPU_FN void operator()(const B &b, int64_t line) const
    {
        int64_t start = t.from.start(line);
        gpu_placed<C> last = {0, -1};
        order by = t.by;
        auto better = [by](gpu_placed<C> u, gpu_placed<C> v) {
            return v.at < 0 || (u.at >= 0 && by.before(u, v)) ? u : v;
        };
        for (int64_t rank = 0; rank < t.to.n; rank++) {
            gpu_placed<C> best = {0, -1};
            b.each(t.from.n, [&](int64_t i) {
                gpu_placed<C> e = t.get(start, i);
                if (last.at < 0 || by.before(last, e))
                    best = better(best, e);
            });
            last = b.reduce(best, better);
            if (b.lane == 0)
                t.put(line, rank, last);
        }
    }
};

#ifdef IG_GPU_HOST // so small that samples reach both
constexpr int64_t LONG_LINE = 4;
#else
constexpr int64_t LONG_LINE = 4096;
#endif

// Few of many by selection.
bool selects(int64_t n, int64_t k)
{
    return n > LONG_LINE && k <= 64;
}

gpu_lines lines_of(const ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    return gpu_lines_of(x, gpu_axis(x, ((const ig_top_k_opts *)k->attrs)->axis));
}

ig_status supports_top(const ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0) ? ig_out(k, 0) : ig_out(k, 1);
    int axis = gpu_axis(x, ((const ig_top_k_opts *)k->attrs)->axis);
    if (y && ig_dims(x)[axis] > 65536 && !selects(ig_dims(x)[axis], ig_dims(y)[axis]))
        return ig_reject("many of more than 65536 elements");
    return gpu_supports_ranks(k);
}

ig_status run_top(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *values = ig_out(k, 0), *indices = ig_out(k, 1);
    gpu_lines from = lines_of(k), to = from;
    int64_t want;
    if (gpu_ints(ig_in(k, 1), &want, 1) != 1 || want < 0 || want > from.n)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "K must be one number of 0 to %lld", (long long)from.n);
    to.n = want;
    if (want == 0)
        return IG_OK;
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(x), [&]<class C>() {
        top<C> t = {from,
                    to,
                    gpu_any_of<C>(x),
                    gpu_any_of<C>(values),
                    indices ? (int64_t *)ig_data(indices) : nullptr,
                    {((const ig_top_k_opts *)k->attrs)->largest != 0}};
        if (selects(from.n, want))
            return gpu_rows(k, from.count(), from.n, top_by_selection<C>{t});
        int64_t n = from.count() * from.n;
        return gpu_each(k, n,
                        top_by_counting<C>{t, gpu_divisor(from.n), n <= INT32_MAX});
    });
}

// ---- which elements hold ----

#ifdef IG_GPU_HOST
constexpr int64_t CHUNK = 4;
#else
constexpr int64_t CHUNK = 4096;
#endif

int64_t chunks_of(int64_t n)
{
    return (n + CHUNK - 1) / CHUNK;
}

// In scratch: begins[chunks + 1], the number of elements that hold before each chunk,
// and found[n], the places of those that do.
struct found {
    int64_t n, *begins, *places;
};

size_t found_bytes(int64_t n)
{
    return sizeof(int64_t) * (size_t)(chunks_of(n) + 1 + n);
}

found found_in(void *scratch, int64_t n)
{
    int64_t *at = (int64_t *)scratch;
    return {n, at, at + chunks_of(n) + 1};
}

template <class P> struct count_chunk {
    found f;
    P holds;

    template <class B> GPU_FN void operator()(const B &b, int64_t chunk) const
    {
        int64_t lo = chunk * CHUNK, left = f.n - lo, n = 0;
        b.each(left < CHUNK ? left : CHUNK, [&](int64_t i) { n += holds(lo + i); });
        n = b.reduce(n, gpu_plus());
        if (b.lane == 0)
            f.begins[chunk] = n;
    }
};

// Counts become sums of the counts before.
struct sum_chunks {
    found f;
    int64_t chunks;

    template <class B> GPU_FN void operator()(const B &b, int64_t) const
    {
        int64_t before = 0, total;
        for (int64_t base = 0; base <= chunks; base += b.lanes) {
            int64_t i = base + b.lane, own = i < chunks ? f.begins[i] : 0;
            int64_t sum = b.scan(own, gpu_plus(), &total);
            if (i <= chunks)
                f.begins[i] = before + sum - own;
            before += total;
        }
    }
};

template <class P> struct place_chunk {
    found f;
    P holds;

    template <class B> GPU_FN void operator()(const B &b, int64_t chunk) const
    {
        int64_t at = f.begins[chunk], lo = chunk * CHUNK, total;
        int64_t n = f.n - lo < CHUNK ? f.n - lo : CHUNK;
        for (int64_t base = 0; base < n; base += b.lanes) {
            int64_t i = base + b.lane, own = i < n && holds(lo + i);
            int64_t sum = b.scan(own, gpu_plus(), &total);
            if (own)
                f.places[at + sum - 1] = lo + i;
            at += total;
        }
    }
};

// The places in scratch, and how many there are: the host waits for that number.
template <class P>
ig_status find(ig_kernel_ctx *k, int64_t n, const P &holds, int64_t *count)
{
    found f = found_in(k->scratch, n);
    int64_t chunks = chunks_of(n);
    IG_TRY(gpu_rows(k, chunks, CHUNK, count_chunk<P>{f, holds}));
    IG_TRY(gpu_rows(k, 1, chunks, sum_chunks{f, chunks}));
    IG_TRY(gpu_rows(k, chunks, CHUNK, place_chunk<P>{f, holds}));
    return gpu_fetch(k, count, f.begins + chunks, sizeof(*count));
}

template <class C> struct is_set {
    gpu_any<C> x;
    GPU_FN bool operator()(int64_t i) const
    {
        return x.get(i) != 0;
    }
};

struct coordinates {
    const int64_t *places;
    int64_t *y; // [rank, count]
    int64_t count;
    int rank;
    int64_t dims[GPU_RANK];

    GPU_FN void operator()(int64_t i) const
    {
        int64_t rest = places[i];
        for (int a = rank - 1; a >= 0; a--) {
            y[a * count + i] = rest % dims[a];
            rest /= dims[a];
        }
    }
};

ig_status run_non_zero(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    coordinates c = {};
    c.rank = ig_rank(x);
    memcpy(c.dims, ig_dims(x), sizeof(int64_t) * (size_t)c.rank);
    IG_TRY(gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(x), [&]<class C>() {
        return find(k, ig_numel(x), is_set<C>{gpu_any_of<C>(x)}, &c.count);
    }));
    const int64_t dims[2] = {c.rank, c.count};
    IG_TRY(ig_out_alloc(k, 0, 2, dims));
    c.places = found_in(k->scratch, ig_numel(x)).places;
    c.y = (int64_t *)ig_data(ig_out(k, 0));
    return gpu_each(k, c.rank ? c.count : 0, c);
}

ig_status prepare_non_zero(ig_kernel_ctx *k)
{
    k->scratch_bytes = found_bytes(ig_numel(ig_in(k, 0)));
    return IG_OK;
}

// A condition that holds where there is no slice is a fault, and counts for nothing.
struct kept {
    const uint8_t *condition;
    int64_t slices;
    gpu_report report;
    GPU_FN bool operator()(int64_t i) const
    {
        if (condition[i] && i >= slices)
            report(GPU_FAULT_RANGE, i, slices);
        return condition[i] && i < slices;
    }
};

template <class T> struct keep_slices {
    const int64_t *places;
    const T *x;
    T *y;
    int64_t count, slices, inner;

    GPU_FN void operator()(int64_t e) const
    {
        int64_t q = e / inner, o = q / count;
        y[e] = x[(o * slices + places[q - o * count]) * inner + (e - q * inner)];
    }
};

ig_status run_compress(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *condition = ig_in(k, 1);
    int64_t axis = ((const ig_compress_opts *)k->attrs)->axis, dims[IG_RANK_MAX];
    bool flat = axis == INT64_MIN;
    int rank = flat ? 1 : ig_rank(x), a = flat ? 0 : gpu_axis(x, axis);
    memcpy(dims, ig_dims(x), sizeof(*dims) * (size_t)ig_rank(x));
    if (flat)
        dims[0] = ig_numel(x);
    int64_t slices = dims[a], inner = flat ? 1 : gpu_count(x, a + 1, rank);
    kept holds = {(const uint8_t *)ig_data(condition), slices, gpu_report_of(k)};
    IG_TRY(find(k, ig_numel(condition), holds, &dims[a]));
    IG_TRY(ig_out_alloc(k, 0, rank, dims));
    const ig_tensor *y = ig_out(k, 0);
    const int64_t *places = found_in(k->scratch, ig_numel(condition)).places;
    return gpu_by_bytes(k, gpu_bytes(ig_dtype_of(y)), [&]<class T>() {
        keep_slices<T> kernel = {
            places, (const T *)ig_data(x), (T *)ig_data(y), dims[a], slices, inner};
        return gpu_each(k, ig_numel(y), kernel);
    });
}

ig_status prepare_compress(ig_kernel_ctx *k)
{
    k->scratch_bytes = found_bytes(ig_numel(ig_in(k, 1)));
    return IG_OK;
}

} // namespace

GPU_TABLE(gpu_search) = {
    gpu_row{"TopK", IG_NUMERIC, run_top, 0, supports_top},
    gpu_row{"NonZero", IG_NUMERIC | IG_T(BOOL), run_non_zero, 0, gpu_supports_ranks,
            prepare_non_zero},
    gpu_row{"Compress", GPU_MOVABLE, run_compress, 0, gpu_supports_ranks,
            prepare_compress},
    {},
};
