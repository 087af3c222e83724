// Reductions over any axes: sums and their kin, extrema, the places of extrema.
//
// A reduction is a struct: first() begins a state, add() takes one element, merge()
// joins two states, done() makes the result. Three forms run it: a thread an output
// where neighbouring outputs are neighbours in memory (columns), a block an output
// where the reduced elements are (rows), and either over parts of the elements, joined
// by a second launch, where outputs are too few to fill the machine. The number of
// parts follows from the shape alone, so a result never changes between runs.
#include "operators/gpu/math.cuh"
#include "operators/gpu/space.cuh"

namespace
{

// ---- the reductions ----

template <class C> struct sum {
    using state = C;
    using result = C;
    GPU_FN C first() const
    {
        return 0;
    }
    GPU_FN C add(C s, C v, int64_t) const
    {
        return gpu_add(s, v);
    }
    GPU_FN C merge(C a, C b) const
    {
        return gpu_add(a, b);
    }
    GPU_FN C done(C s, int64_t, int) const
    {
        return s;
    }
};

// An integer sum as its type holds it.
template <class C> GPU_FN C wrapped(C s, int type)
{
    switch (type) {
    case IG_INT32:
        return (C)(int32_t)s;
    case IG_UINT32:
        return (C)(uint32_t)s;
    default:
        return s;
    }
}

// A function of a sum that is not linear: integers are truncated.
template <class C, class F> GPU_FN C through(C s, int type, F f)
{
    if constexpr (std::is_floating_point_v<C>)
        return f(s);
    else
        return (C)gpu_to_i64(f((double)wrapped(s, type)));
}

template <class C> struct mean : sum<C> {
    GPU_FN C done(C s, int64_t n, int type) const
    {
        if constexpr (std::is_floating_point_v<C>)
            return s / (C)n;
        else
            return n == 0 ? 0 : wrapped(s, type) / (C)n;
    }
};

template <class C> struct sum_square : sum<C> {
    GPU_FN C add(C s, C v, int64_t) const
    {
        return gpu_add(s, gpu_mul(v, v));
    }
};

template <class C> struct l1 : sum<C> {
    GPU_FN C add(C s, C v, int64_t) const
    {
        if constexpr (std::is_floating_point_v<C>)
            return s + fabs(v);
        else
            return gpu_add(s, v > 0 ? v : gpu_sub(C(0), v));
    }
};

template <class C> struct l2 : sum_square<C> {
    GPU_FN C done(C s, int64_t, int type) const
    {
        return through(s, type, [](auto v) { return sqrt(v); });
    }
};

template <class C> struct log_sum : sum<C> {
    GPU_FN C done(C s, int64_t, int type) const
    {
        return through(s, type, [](auto v) { return log(v); });
    }
};

template <class C> struct prod : sum<C> {
    GPU_FN C first() const
    {
        return 1;
    }
    GPU_FN C add(C s, C v, int64_t) const
    {
        return gpu_mul(s, v);
    }
    GPU_FN C merge(C a, C b) const
    {
        return gpu_mul(a, b);
    }
};

// sum = sum of exp(v - most), so nothing overflows.
template <class R> struct scaled_sum {
    R most, sum;
};

template <class C> struct log_sum_exp {
    using R = std::conditional_t<std::is_floating_point_v<C>, C, double>;
    using state = scaled_sum<R>;
    using result = C;
    GPU_FN state first() const
    {
        return {-gpu_infinity<R>(), 0};
    }
    GPU_FN state merge(state a, state b) const
    {
        if (a.most == b.most)
            return {a.most, a.sum + b.sum};
        if (!(a.most < b.most) && b.most == b.most)
            return {a.most, a.sum + b.sum * exp(b.most - a.most)};
        return {b.most, b.sum + a.sum * exp(a.most - b.most)};
    }
    GPU_FN state add(state s, C v, int64_t) const
    {
        return merge(s, {(R)v, 1});
    }
    GPU_FN C done(state s, int64_t n, int) const
    {
        R r = n == 0 ? -gpu_infinity<R>() : s.most + log(s.sum);
        if constexpr (std::is_floating_point_v<C>)
            return r;
        else
            return (C)gpu_to_i64(r);
    }
};

// The first state of extrema is the other end of the type.
template <class C, bool least> struct extremum {
    using state = C;
    using result = C;
    int bits;
    explicit extremum(const ig_kernel_ctx *k)
        : bits(ig_dtype_bits(ig_dtype_of(ig_in(k, 0))))
    {
    }
    GPU_FN C first() const
    {
        if constexpr (std::is_floating_point_v<C>) {
            return least ? gpu_infinity<C>() : -gpu_infinity<C>();
        } else if constexpr (std::is_signed_v<C>) {
            C high = (C)(UINT64_MAX >> (65 - bits));
            return least ? high : -high - 1;
        } else {
            return least ? UINT64_MAX : 0;
        }
    }
    GPU_FN C merge(C a, C b) const
    {
        return least ? gpu_min(a, b) : gpu_max(a, b);
    }
    GPU_FN C add(C s, C v, int64_t) const
    {
        return merge(s, v);
    }
    GPU_FN C done(C s, int64_t, int) const
    {
        return s;
    }
};
template <class C> using maximum = extremum<C, false>;
template <class C> using minimum = extremum<C, true>;

// The place of the first (last) extremum; NaN is beyond every number.
template <class C, bool least> struct arg {
    using state = gpu_placed<C>;
    using result = int64_t;
    gpu_best best;
    explicit arg(const ig_kernel_ctx *k)
    {
        best.least = least;
        best.last = ((const ig_arg_max_opts *)k->attrs)->select_last_index != 0;
    }
    GPU_FN state first() const
    {
        return {0, -1};
    }
    GPU_FN state merge(state a, state b) const
    {
        return best(a, b);
    }
    GPU_FN state add(state s, C v, int64_t i) const
    {
        return best(s, state{v, i});
    }
    GPU_FN int64_t done(state s, int64_t, int) const
    {
        return s.at;
    }
};
template <class C> using arg_max = arg<C, false>;
template <class C> using arg_min = arg<C, true>;

// The norm of order p, for GlobalLpPool.
template <class C> struct lp_norm : sum<C> {
    double p;
    explicit lp_norm(const ig_kernel_ctx *k)
        : p((double)((const ig_global_lp_pool_opts *)k->attrs)->p)
    {
    }
    GPU_FN C add(C s, C v, int64_t) const
    {
        return s + (p == 1 ? fabs(v) : p == 2 ? v * v : pow(fabs(v), (C)p));
    }
    GPU_FN C done(C s, int64_t, int) const
    {
        return p == 1 ? s : p == 2 ? sqrt(s) : pow(s, 1 / (C)p);
    }
};

// ---- the forms ----

struct plan {
    gpu_space<1> keep, inner; // where outputs begin in x, and their elements from there
    int64_t n, parts;
    bool columns;
};

template <class C, class R> struct task {
    plan p;
    gpu_any<C> x;
    gpu_any<typename R::result> y;
    typename R::state *part; // [parts, outputs], or NULL
    R r;

    // Elements [lo, hi) of output o that belong to part j.
    GPU_FN void range(int64_t j, int64_t *lo, int64_t *hi) const
    {
        int64_t length = (p.n + p.parts - 1) / p.parts;
        *lo = j * length;
        *hi = *lo + length < p.n ? *lo + length : p.n;
    }
    GPU_FN typename R::state take(typename R::state s, int64_t start, int64_t i) const
    {
        return r.add(s, x.get(start + p.inner.at1(i)), i);
    }
    GPU_FN void put(int64_t j, int64_t o, typename R::state s) const
    {
        if (part)
            part[j * p.keep.count + o] = s;
        else
            y.put(o, r.done(s, p.n, x.type));
    }
};

template <class C, class R> struct by_thread {
    task<C, R> t;
    GPU_FN void operator()(int64_t i) const
    {
        int64_t j = i / t.p.keep.count, o = i - j * t.p.keep.count, lo, hi;
        int64_t start = t.p.keep.at1(o);
        typename R::state s = t.r.first();
        t.range(j, &lo, &hi);
        for (int64_t e = lo; e < hi; e++)
            s = t.take(s, start, e);
        t.put(j, o, s);
    }
};

template <class C, class R> struct by_block {
    task<C, R> t;
    GPU_FN void operator()(const gpu_block &b, int64_t i) const
    {
        int64_t j = i / t.p.keep.count, o = i - j * t.p.keep.count, lo, hi;
        int64_t start = t.p.keep.at1(o);
        typename R::state s = t.r.first();
        t.range(j, &lo, &hi);
        b.each(hi - lo, [&](int64_t e) { s = t.take(s, start, lo + e); });
        const R &r = t.r;
        s = b.reduce(s, [&r](typename R::state u, typename R::state v) {
            return r.merge(u, v);
        });
        if (b.lane == 0)
            t.put(j, o, s);
    }
};

template <class C, class R> struct join {
    task<C, R> t;
    GPU_FN void operator()(int64_t o) const
    {
        typename R::state s = t.r.first();
        for (int64_t j = 0; j < t.p.parts; j++)
            s = t.r.merge(s, t.part[j * t.p.keep.count + o]);
        t.y.put(o, t.r.done(s, t.p.n, t.x.type));
    }
};

// ---- choosing ----

#ifdef IG_GPU_HOST // so small that samples reach every form
constexpr int64_t THREADS = 16, BLOCKS = 8, COLUMN_MIN = 2, ROW_MIN = 3;
#else
constexpr int64_t THREADS = 1 << 17, BLOCKS = 1024, COLUMN_MIN = 64, ROW_MIN = 4096;
#endif

// x cut into kept and reduced axes.
ig_status make_plan(const ig_tensor *x, uint64_t reduced, plan *p)
{
    int64_t kd[IG_RANK_MAX], ks[IG_RANK_MAX], rd[IG_RANK_MAX], rs[IG_RANK_MAX];
    int nk = 0, nr = 0;
    for (int a = 0; a < ig_rank(x); a++) {
        bool gone = reduced >> a & 1;
        (gone ? rd[nr] : kd[nk]) = ig_dims(x)[a];
        (gone ? rs[nr] : ks[nk]) = ig_strides(x)[a];
        *(gone ? &nr : &nk) += 1;
    }
    const int64_t *const keep[] = {ks}, *const inner[] = {rs};
    IG_TRY(gpu_space_make(&p->keep, nk, kd, keep));
    IG_TRY(gpu_space_make(&p->inner, nr, rd, inner));
    p->n = p->inner.count;
    int last = p->inner.rank - 1;
    p->columns = p->n < 32 || (p->inner.stride[0][last] != 1 && p->keep.count >= 16);
    int64_t outputs = p->keep.count > 0 ? p->keep.count : 1;
    int64_t want = (p->columns ? THREADS : BLOCKS) / outputs;
    int64_t most = p->n / (p->columns ? COLUMN_MIN : ROW_MIN);
    p->parts = want < most ? want : most;
    if (p->parts < 1)
        p->parts = 1;
    return IG_OK;
}

using mask_fn = ig_status (*)(const ig_kernel_ctx *k, uint64_t *reduced);

// Of (data, axes) with the attributes that all reductions have.
ig_status listed(const ig_kernel_ctx *k, uint64_t *reduced)
{
    const ig_tensor *x = ig_in(k, 0);
    int64_t list[IG_RANK_MAX];
    int n = gpu_ints(ig_in(k, 1), list, IG_RANK_MAX);
    *reduced = 0;
    if (n < 0)
        return ig_reject("the axes are not known yet");
    for (int i = 0; i < n && i < IG_RANK_MAX; i++) {
        int a = gpu_axis(x, list[i]);
        if (a < 0 || a >= ig_rank(x))
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "axes[%d] is %lld", i,
                                  (long long)list[i]);
        *reduced |= IG_BIT(a);
    }
    if (n == 0 && !((const ig_reduce_sum_opts *)k->attrs)->noop_with_empty_axes)
        *reduced = UINT64_MAX;
    return IG_OK;
}

// Those that differ from the output's, for SumTo.
ig_status summed(const ig_kernel_ctx *k, uint64_t *reduced)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int shift = ig_rank(x) - ig_rank(y);
    *reduced = 0;
    for (int a = 0; a < ig_rank(x); a++)
        if (a < shift || ig_dims(y)[a - shift] != ig_dims(x)[a])
            *reduced |= IG_BIT(a);
    return IG_OK;
}

ig_status one_axis(const ig_kernel_ctx *k, uint64_t *reduced)
{
    const ig_tensor *x = ig_in(k, 0);
    int axis = gpu_axis(x, ((const ig_arg_max_opts *)k->attrs)->axis);
    *reduced = ig_rank(x) ? IG_BIT(axis) : 0;
    if (ig_rank(x) && ig_dims(x)[axis] == 0 && ig_numel(ig_out(k, 0)) > 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axis %d has no elements to choose from", axis);
    return IG_OK;
}

ig_status after_channels(const ig_kernel_ctx *, uint64_t *reduced)
{
    *reduced = UINT64_MAX << 2;
    return IG_OK;
}

// [N, in..., C]
ig_status before_channels(const ig_kernel_ctx *k, uint64_t *reduced)
{
    *reduced = (IG_BIT(ig_rank(ig_in(k, 0)) - 1) - 1) & ~IG_BIT(0);
    return IG_OK;
}

// Two numbers and a place are the largest state.
constexpr int64_t STATE_BYTES = 16;

template <mask_fn mask> ig_status prepare(ig_kernel_ctx *k)
{
    uint64_t reduced;
    plan p;
    IG_TRY(mask(k, &reduced));
    IG_TRY(make_plan(ig_in(k, 0), reduced, &p));
    k->scratch_bytes = p.parts > 1 ? (size_t)(p.parts * p.keep.count * STATE_BYTES) : 0;
    return IG_OK;
}

template <class C, class R> ig_status reduce(ig_kernel_ctx *k, const plan &p)
{
    using state = typename R::state;
    static_assert(sizeof(state) <= STATE_BYTES);
    task<C, R> t = {p, gpu_any_of<C>(ig_in(k, 0)),
                    gpu_any_of<typename R::result>(ig_out(k, 0)),
                    p.parts > 1 ? (state *)k->scratch : nullptr, gpu_make<R>(k)};
    int64_t tasks = p.keep.count * p.parts;
    if (p.columns)
        IG_TRY(gpu_each(k, tasks, by_thread<C, R>{t}));
    else
        IG_TRY(gpu_rows(k, tasks, p.n / p.parts, by_block<C, R>{t}));
    return p.parts > 1 ? gpu_each(k, p.keep.count, join<C, R>{t}) : IG_OK;
}

template <template <class> class R, unsigned set, mask_fn mask>
ig_status run(ig_kernel_ctx *k)
{
    uint64_t reduced;
    plan p;
    IG_TRY(mask(k, &reduced));
    IG_TRY(make_plan(ig_in(k, 0), reduced, &p));
    if (!k->scratch)
        p.parts = 1;
    return gpu_by_compute<set>(k, ig_dtype_of(ig_in(k, 0)),
                               [&]<class C>() { return reduce<C, R<C>>(k, p); });
}

template <template <class> class R, unsigned set, mask_fn mask>
constexpr gpu_row row(const char *op, uint64_t types)
{
    return {
        op,           types, run<R, set, mask>, IG_KERNEL_STRIDED, gpu_supports_ranks,
        prepare<mask>};
}

constexpr uint64_t SUMS =
    IG_FLOATS | IG_T(INT32) | IG_T(INT64) | IG_T(UINT32) | IG_T(UINT64);
constexpr uint64_t EXTREMA = SUMS | IG_T(UINT8) | IG_T(INT8) | IG_T(BOOL);

} // namespace

GPU_TABLE(gpu_reduce) = {
    row<sum, GPU_NUMBERS, listed>("ReduceSum", SUMS),
    row<mean, GPU_NUMBERS, listed>("ReduceMean", SUMS),
    row<maximum, GPU_NUMBERS, listed>("ReduceMax", EXTREMA),
    row<minimum, GPU_NUMBERS, listed>("ReduceMin", EXTREMA),
    row<prod, GPU_NUMBERS, listed>("ReduceProd", SUMS),
    row<l1, GPU_NUMBERS, listed>("ReduceL1", SUMS),
    row<l2, GPU_NUMBERS, listed>("ReduceL2", SUMS),
    row<log_sum, GPU_NUMBERS, listed>("ReduceLogSum", SUMS),
    row<log_sum_exp, GPU_NUMBERS, listed>("ReduceLogSumExp", SUMS),
    row<sum_square, GPU_NUMBERS, listed>("ReduceSumSquare", SUMS),
    row<sum, GPU_FLOATS | GPU_SIGNED, summed>("ingot::SumTo",
                                              IG_FLOATS | IG_T(INT32) | IG_T(INT64)),
    row<arg_max, GPU_NUMBERS, one_axis>("ArgMax", IG_NUMERIC),
    row<arg_min, GPU_NUMBERS, one_axis>("ArgMin", IG_NUMERIC),
    row<mean, GPU_FLOATS, after_channels>("GlobalAveragePool", IG_FLOATS),
    row<maximum, GPU_FLOATS, after_channels>("GlobalMaxPool", IG_FLOATS),
    row<lp_norm, GPU_FLOATS, after_channels>("GlobalLpPool", IG_FLOATS),
    row<mean, GPU_FLOATS, before_channels>("ingot::GlobalAveragePool", IG_FLOATS),
    {},
};
