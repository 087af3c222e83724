/* y = f(a, b) over broadcast tensors; for tables of binary operators and for what folds
 * a list of inputs. */
#ifndef OPERATORS_GPU_BINARY_CUH
#define OPERATORS_GPU_BINARY_CUH

#include "operators/gpu/math.cuh"
#include "operators/gpu/space.cuh"

/* All of one shape, or one operand a single element. */
template <class T, class F> struct gpu_binary_packs {
    const T *a, *b;
    T *y;
    int64_t n;
    bool one_a, one_b, aligned;
    F f;

    GPU_FN T get(const T *p, bool one, int64_t i) const
    {
        return p[one ? 0 : i];
    }
    GPU_FN gpu_pack<T> load(const T *p, bool one, int64_t i) const
    {
        if (!one)
            return *reinterpret_cast<const gpu_pack<T> *>(p + i);
        gpu_pack<T> all;
        for (int j = 0; j < gpu_pack<T>::n; j++)
            all.v[j] = p[0];
        return all;
    }
    GPU_FN void operator()(int64_t i) const
    {
        constexpr int step = gpu_pack<T>::n;
        int64_t lo = i * step, hi = lo + step;
        if (aligned && hi <= n) {
            gpu_pack<T> u = load(a, one_a, lo), v = load(b, one_b, lo);
            for (int j = 0; j < step; j++)
                u.v[j] = gpu_set<T>(f(gpu_get(u.v[j]), gpu_get(v.v[j])));
            *reinterpret_cast<gpu_pack<T> *>(y + lo) = u;
        } else {
            for (int64_t j = lo; j < hi && j < n; j++)
                y[j] =
                    gpu_set<T>(f(gpu_get(get(a, one_a, j)), gpu_get(get(b, one_b, j))));
        }
    }
};

/* Any strides. R is what the result is computed in: uint64_t for bool. */
template <class C, class R, class F> struct gpu_binary_spread {
    gpu_space<2> space;
    gpu_any<C> a, b;
    gpu_any<R> y;
    F f;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t off[2];
        space.at(i, off);
        y.put(i, (R)f(a.get(off[0]), b.get(off[1])));
    }
};

/* y has the type of a and b, or is bool when R is uint64_t. */
template <class F, unsigned set, bool to_bool = false>
ig_status
gpu_binary(const ig_kernel_ctx *k, ig_tensor *a, ig_tensor *b, ig_tensor *y, const F &f)
{
    gpu_space<2> space;
    ig_tensor *const both[] = {a, b};
    IG_TRY(gpu_space_of(&space, y, both));
    ig_dtype type = ig_dtype_of(a);
    bool simple = (space.in_order(0) || space.is_one(0)) &&
                  (space.in_order(1) || space.is_one(1));
    if constexpr (!to_bool && (set & GPU_FLOATS) != 0)
        if (simple && IG_BIT(type) & IG_FLOATS)
            return gpu_by_float(k, type, [&]<class T>() {
                const T *pa = (const T *)ig_data(a), *pb = (const T *)ig_data(b);
                T *py = (T *)ig_data(y);
                bool one_a = !space.in_order(0), one_b = !space.in_order(1);
                bool aligned = (one_a || gpu_aligned(pa)) &&
                               (one_b || gpu_aligned(pb)) && gpu_aligned(py);
                gpu_binary_packs<T, F> kernel = {pa,    pb,    py,      space.count,
                                                 one_a, one_b, aligned, f};
                return gpu_each(k, gpu_pack_count<T>(space.count), kernel);
            });
    return gpu_by_compute<set>(k, type, [&]<class C>() {
        using R = std::conditional_t<to_bool, uint64_t, C>;
        gpu_binary_spread<C, R, F> kernel = {space, gpu_any_of<C>(a), gpu_any_of<C>(b),
                                             gpu_any_of<R>(y), f};
        return gpu_each(k, space.count, kernel);
    });
}

/* y = g(f(f(x0, x1), x2) ..., xn), one launch an input; y may be the memory of x0. g is
 * part of the last f: `last`. */
template <class F, unsigned set, class Last>
ig_status gpu_fold(const ig_kernel_ctx *k, const F &f, const Last &last)
{
    ig_tensor *y = ig_out(k, 0), *left = ig_in(k, 0);
    for (int i = 1; i < k->n_in; i++) {
        if (i + 1 < k->n_in)
            IG_TRY((gpu_binary<F, set>(k, left, ig_in(k, i), y, f)));
        else
            IG_TRY((gpu_binary<Last, set>(k, left, ig_in(k, i), y, last)));
        left = y;
    }
    return IG_OK;
}

#endif
