// MatMul, Gemm and ingot::Linear by tiles; see product.cuh.
#include "operators/gpu/product.cuh"

namespace
{

// A batch of matrices with strides; `items` finds where the matrix of an item begins.
template <class C> struct matrix {
    gpu_space<1> items;
    gpu_any<C> p;
    int64_t rows, columns; // strides

    GPU_FN C get(int64_t item, int64_t i, int64_t j) const
    {
        return p.get(items.at1(item) + i * rows + j * columns);
    }
};

// alpha * sum + beta * c[i, j], then the end of a fused operator.
template <class C> struct results {
    gpu_any<C> y, c, residual; // the last two perhaps absent
    int64_t m, n, c_rows, c_columns;
    double alpha, beta;
    gpu_activation act;

    GPU_FN void put(int64_t item, int64_t i, int64_t j, C sum) const
    {
        int64_t at = (item * m + i) * n + j;
        C add = c.p ? c.get(i * c_rows + j * c_columns) : 0;
        if constexpr (std::is_floating_point_v<C>) {
            C v = (C)alpha * sum + (C)beta * add;
            y.put(at, act.finish(v, residual, at));
        } else {
            y.put(at, whole(sum, add));
        }
    }
    // Whole factors wrap around as the integers do; others go through double.
    GPU_FN C whole(C sum, C add) const
    {
        bool exact = alpha == floor(alpha) && beta == floor(beta) &&
                     fabs(alpha) < 0x1p62 && fabs(beta) < 0x1p62;
        if (exact)
            return gpu_add(gpu_mul((C)(int64_t)alpha, sum),
                           gpu_mul((C)(int64_t)beta, add));
        double v = alpha * wrapped(sum) + beta * wrapped(add);
        return std::is_signed_v<C> ? (C)gpu_to_i64(v) : (C)gpu_to_u64(v);
    }
    GPU_FN double wrapped(C v) const
    {
        return y.type == IG_INT32    ? (double)(int32_t)v
               : y.type == IG_UINT32 ? (double)(uint32_t)v
                                     : (double)v;
    }
};

template <class C> results<C> results_of(const ig_tensor *y, int64_t m, int64_t n)
{
    return {gpu_any_of<C>(y), {}, {}, m, n, 0, 0, 1, 1, {}};
}

template <class C>
matrix<C> matrix_of(const ig_tensor *t, int64_t rows, int64_t columns)
{
    matrix<C> m = {{}, gpu_any_of<C>(t), rows, columns};
    return m;
}

// ---- MatMul ----

ig_status run_mat_mul(ig_kernel_ctx *k)
{
    const ig_tensor *a = ig_in(k, 0), *b = ig_in(k, 1), *y = ig_out(k, 0);
    int ra = ig_rank(a), rb = ig_rank(b);
    int64_t m = ra > 1 ? ig_dims(a)[ra - 2] : 1, n = rb > 1 ? ig_dims(b)[rb - 1] : 1;
    int64_t depth = ig_dims(a)[ra - 1];
    int skip = (ra > 1) + (rb > 1);
    gpu_space<1> in_a, in_b;
    IG_TRY(gpu_batch_of(a, ra > 1 ? 2 : 1, y, skip, &in_a));
    IG_TRY(gpu_batch_of(b, rb > 1 ? 2 : 1, y, skip, &in_b));
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(a), [&]<class C>() {
        matrix<C> ma = matrix_of<C>(a, depth, 1), mb = matrix_of<C>(b, n, 1);
        ma.items = in_a;
        mb.items = in_b;
        return gpu_multiply<C>(k, in_a.count, m, n, depth, ma, mb,
                               results_of<C>(y, m, n));
    });
}

// ---- Gemm, Linear ----

// One matrix, no batch.
template <class C> void single(matrix<C> *m)
{
    m->items.count = 1;
}

ig_status run_gemm(ig_kernel_ctx *k)
{
    const ig_gemm_opts *o = (const ig_gemm_opts *)k->attrs;
    const ig_tensor *a = ig_in(k, 0), *b = ig_in(k, 1), *y = ig_out(k, 0);
    const ig_tensor *c = o->beta < 0 || o->beta > 0 ? ig_in(k, 2) : nullptr;
    int64_t m = ig_dims(y)[0], n = ig_dims(y)[1], depth = ig_dims(a)[o->transA ? 0 : 1];
    int64_t in_c[2] = {0, 0};
    if (c)
        gpu_broadcast(c, 2, ig_dims(y), in_c);
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(a), [&]<class C>() {
        matrix<C> ma = matrix_of<C>(a, o->transA ? 1 : depth, o->transA ? m : 1);
        matrix<C> mb = matrix_of<C>(b, o->transB ? 1 : n, o->transB ? depth : 1);
        results<C> r = results_of<C>(y, m, n);
        single(&ma);
        single(&mb);
        r.c = gpu_any_of<C>(c);
        r.c_rows = in_c[0];
        r.c_columns = in_c[1];
        r.alpha = (double)o->alpha;
        r.beta = (double)o->beta;
        return gpu_multiply<C>(k, 1, m, n, depth, ma, mb, r);
    });
}

ig_status run_linear(ig_kernel_ctx *k)
{
    const ig_ingot_linear_opts *o = (const ig_ingot_linear_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *y = ig_out(k, 0);
    int64_t depth = ig_dims(x)[ig_rank(x) - 1], n = ig_dims(y)[ig_rank(y) - 1];
    int64_t m = gpu_count(x, 0, ig_rank(x) - 1);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        matrix<C> mx = matrix_of<C>(x, depth, 1);
        matrix<C> mw = matrix_of<C>(w, o->trans_w ? 1 : n, o->trans_w ? depth : 1);
        results<C> r = results_of<C>(y, m, n);
        single(&mx);
        single(&mw);
        r.c = gpu_any_of<C>(ig_in(k, 2));
        r.c_columns = 1;
        r.residual = gpu_any_of<C>(ig_in(k, 3));
        r.alpha = (double)o->alpha;
        r.act = gpu_activation_of(o);
        return gpu_multiply<C>(k, 1, m, n, depth, mx, mw, r);
    });
}

constexpr uint64_t PRODUCTS =
    IG_FLOATS | IG_T(INT32) | IG_T(INT64) | IG_T(UINT32) | IG_T(UINT64);

} // namespace

GPU_TABLE(gpu_product) = {
    gpu_row{"MatMul", PRODUCTS, run_mat_mul, IG_KERNEL_HEAVY},
    gpu_row{"Gemm", PRODUCTS, run_gemm, IG_KERNEL_HEAVY},
    gpu_row{"ingot::Linear", IG_FLOATS, run_linear, IG_KERNEL_HEAVY},
    {},
};
