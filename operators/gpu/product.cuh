/* Products of matrices by tiles: y[i, j] = sum over k of a(i, k) * b(k, j), for what
 * the libraries do not take, and for tests of whole nets on the host.
 *
 * Where elements come from and where results go is up to three functors:
 *
 *     C a.get(item, i, k)      b.get(item, k, j)      void y.put(item, i, j, sum)
 *
 * so convolutions and their gradients are products too, whose operands are looked up in
 * images. A block computes TILE x TILE results of one item of the batch; its threads
 * first bring DEPTH columns of a and rows of b into shared memory, then each adds up a
 * square of results. The phases are functions of the thread's number: the device calls
 * them with its own, the host with all numbers in turn. */
#ifndef OPERATORS_GPU_PRODUCT_CUH
#define OPERATORS_GPU_PRODUCT_CUH

#include <ingot/ops.h>

#include "operators/gpu/math.cuh"
#include "operators/gpu/space.cuh"

enum { GPU_TILE = 64, GPU_TILE_DEPTH = 16, GPU_TILE_SIDE = 16 };

template <class C, class A, class B, class Y> struct gpu_product {
    /* Results of a thread: rows t / 16 + 16 r, columns t % 16 + 16 c. */
    enum { PER = GPU_TILE / GPU_TILE_SIDE };
    struct shared {
        C a[GPU_TILE_DEPTH][GPU_TILE + 1], b[GPU_TILE_DEPTH][GPU_TILE + 1];
    };
    struct state {
        C sum[PER][PER];
    };

    A a;
    B b;
    Y y;
    int64_t items, m, n, depth;
    int64_t rows, columns; /* of tiles */

    int64_t tiles() const
    {
        return items * rows * columns;
    }
    GPU_FN int64_t steps() const
    {
        return (depth + GPU_TILE_DEPTH - 1) / GPU_TILE_DEPTH;
    }
    GPU_FN void locate(int64_t tile, int64_t *item, int64_t *i, int64_t *j) const
    {
        *item = tile / (rows * columns);
        tile -= *item * (rows * columns);
        *i = tile / columns * GPU_TILE;
        *j = tile % columns * GPU_TILE;
    }
    GPU_FN bool idle(int64_t tile, int t) const
    {
        int64_t item, i, j;
        locate(tile, &item, &i, &j);
        return i + t / GPU_TILE_SIDE >= m || j + t % GPU_TILE_SIDE >= n;
    }
    GPU_FN void begin(state &s) const
    {
        GPU_UNROLL
        for (int r = 0; r < PER; r++) {
            GPU_UNROLL
            for (int c = 0; c < PER; c++)
                s.sum[r][c] = 0;
        }
    }
    GPU_FN void load(shared &s, int64_t tile, int t, int64_t step) const
    {
        int64_t item, i, j, from = step * GPU_TILE_DEPTH;
        locate(tile, &item, &i, &j);
        for (int e = t; e < GPU_TILE * GPU_TILE_DEPTH; e += GPU_TILE_THREADS) {
            int k = e % GPU_TILE_DEPTH, r = e / GPU_TILE_DEPTH;
            bool in = from + k < depth && i + r < m;
            s.a[k][r] = in ? a.get(item, i + r, from + k) : C(0);
            int c = e % GPU_TILE;
            k = e / GPU_TILE;
            in = from + k < depth && j + c < n;
            s.b[k][c] = in ? b.get(item, from + k, j + c) : C(0);
        }
    }
    GPU_FN void work(const shared &s, state &acc, int t) const
    {
        int row = t / GPU_TILE_SIDE, column = t % GPU_TILE_SIDE;
        for (int k = 0; k < GPU_TILE_DEPTH; k++) {
            GPU_UNROLL
            for (int r = 0; r < PER; r++) {
                C left = s.a[k][row + GPU_TILE_SIDE * r];
                GPU_UNROLL
                for (int c = 0; c < PER; c++)
                    acc.sum[r][c] =
                        gpu_add(acc.sum[r][c],
                                gpu_mul(left, s.b[k][column + GPU_TILE_SIDE * c]));
            }
        }
    }
    GPU_FN void end(const shared &, const state &acc, int64_t tile, int t) const
    {
        int64_t item, i, j;
        locate(tile, &item, &i, &j);
        i += t / GPU_TILE_SIDE;
        j += t % GPU_TILE_SIDE;
        GPU_UNROLL
        for (int r = 0; r < PER; r++) {
            GPU_UNROLL
            for (int c = 0; c < PER; c++)
                if (i + GPU_TILE_SIDE * r < m && j + GPU_TILE_SIDE * c < n)
                    y.put(item, i + GPU_TILE_SIDE * r, j + GPU_TILE_SIDE * c,
                          acc.sum[r][c]);
        }
    }
};

/* items products of m x depth by depth x n. */
template <class C, class A, class B, class Y>
ig_status gpu_multiply(const ig_kernel_ctx *k,
                       int64_t items,
                       int64_t m,
                       int64_t n,
                       int64_t depth,
                       const A &a,
                       const B &b,
                       const Y &y)
{
    int64_t rows = (m + GPU_TILE - 1) / GPU_TILE,
            columns = (n + GPU_TILE - 1) / GPU_TILE;
    return gpu_tiles(
        k, gpu_product<C, A, B, Y>{a, b, y, items, m, n, depth, rows, columns});
}

/* Where the matrices of t begin for each of those of y: the batch dims of t, without
 * its last `own` ones, broadcast to those of y, without its last `skip` ones. */
inline ig_status
gpu_batch_of(const ig_tensor *t, int own, const ig_tensor *y, int skip, gpu_space<1> *s)
{
    int64_t stride[IG_RANK_MAX], from[IG_RANK_MAX];
    int rank = ig_rank(y) - skip, batch = ig_rank(t) - own;
    gpu_row_major(ig_rank(t), ig_dims(t), from);
    for (int a = 0; a < rank; a++) {
        int at = a - (rank - batch);
        stride[a] = at >= 0 && ig_dims(t)[at] == ig_dims(y)[a] ? from[at] : 0;
    }
    const int64_t *const list[] = {stride};
    return gpu_space_make(s, rank, ig_dims(y), list);
}

/* ---- ends of fused operators ---- */

/* Activations of ingot::Linear and ingot::Conv, and their residual. */
struct gpu_activation {
    int kind = IG_INGOT_LINEAR_ACTIVATION_NONE;
    float a = 0, b = 0;
    bool residual_after = false;

    template <class C> static GPU_FN C clip(C x, C low, C high)
    {
        x = x < low ? low : x;
        return x > high ? high : x;
    }
    template <class C> GPU_FN C of(C x) const
    {
        switch (kind) {
        case IG_INGOT_LINEAR_ACTIVATION_RELU:
            return x < 0 ? 0 : x;
        case IG_INGOT_LINEAR_ACTIVATION_LEAKY_RELU:
            return x < 0 ? (C)a * x : x;
        case IG_INGOT_LINEAR_ACTIVATION_CLIP:
            return clip(x, (C)a, (C)b);
        case IG_INGOT_LINEAR_ACTIVATION_SIGMOID:
            return gpu_sigmoid(x);
        case IG_INGOT_LINEAR_ACTIVATION_TANH:
            return tanh(x);
        case IG_INGOT_LINEAR_ACTIVATION_SILU:
            return x * gpu_sigmoid(x);
        case IG_INGOT_LINEAR_ACTIVATION_GELU_ERF:
            return gpu_gelu_erf(x);
        case IG_INGOT_LINEAR_ACTIVATION_GELU_TANH:
            return gpu_gelu_tanh(x);
        case IG_INGOT_LINEAR_ACTIVATION_ELU:
            return x < 0 ? (C)a * expm1(x) : x;
        case IG_INGOT_LINEAR_ACTIVATION_SOFTPLUS:
            return gpu_softplus(x);
        case IG_INGOT_LINEAR_ACTIVATION_HARD_SIGMOID:
            return clip((C)a * x + (C)b, C(0), C(1));
        case IG_INGOT_LINEAR_ACTIVATION_HARD_SWISH:
            return x * clip(x / 6 + C(0.5), C(0), C(1));
        default:
            return x;
        }
    }
    /* residual: absent, or element i of it is added. */
    template <class C> GPU_FN C finish(C v, const gpu_any<C> &residual, int64_t i) const
    {
        C r = residual.p ? residual.get(i) : 0;
        return residual_after ? of(v) + r : of(v + r);
    }
};
static_assert((int)IG_INGOT_LINEAR_ACTIVATION_HARD_SWISH ==
              (int)IG_INGOT_CONV_ACTIVATION_HARD_SWISH);

template <class O> gpu_activation gpu_activation_of(const O *o)
{
    gpu_activation act;
    act.kind = (int)o->activation;
    act.a = o->act_a;
    act.b = o->act_b;
    act.residual_after = o->residual_after != 0;
    return act;
}

#endif
