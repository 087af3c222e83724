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

enum { GPU_TILE = 64, GPU_TILE_DEPTH = 16, GPU_TILE_THREADS = 256, GPU_TILE_SIDE = 16 };

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
    GPU_FN void begin(state &s) const
    {
        for (int r = 0; r < PER; r++)
            for (int c = 0; c < PER; c++)
                s.sum[r][c] = 0;
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
        for (int k = 0; k < GPU_TILE_DEPTH; k++)
            for (int r = 0; r < PER; r++)
                for (int c = 0; c < PER; c++)
                    acc.sum[r][c] = gpu_add(
                        acc.sum[r][c], gpu_mul(s.a[k][row + GPU_TILE_SIDE * r],
                                               s.b[k][column + GPU_TILE_SIDE * c]));
    }
    GPU_FN void end(const state &acc, int64_t tile, int t) const
    {
        int64_t item, i, j;
        locate(tile, &item, &i, &j);
        i += t / GPU_TILE_SIDE;
        j += t % GPU_TILE_SIDE;
        for (int r = 0; r < PER; r++)
            for (int c = 0; c < PER; c++)
                if (i + GPU_TILE_SIDE * r < m && j + GPU_TILE_SIDE * c < n)
                    y.put(item, i + GPU_TILE_SIDE * r, j + GPU_TILE_SIDE * c,
                          acc.sum[r][c]);
    }
};

#ifdef IG_GPU_HOST

/* As a kernel of gpu_each: all threads of a tile, phase by phase. */
template <class P> struct gpu_tile_loop {
    P p;
    void operator()(int64_t tile) const
    {
        static thread_local typename P::shared shared;
        static thread_local typename P::state state[GPU_TILE_THREADS];
        for (int t = 0; t < GPU_TILE_THREADS; t++)
            p.begin(state[t]);
        for (int64_t step = 0; step < p.steps(); step++) {
            for (int t = 0; t < GPU_TILE_THREADS; t++)
                p.load(shared, tile, t, step);
            for (int t = 0; t < GPU_TILE_THREADS; t++)
                p.work(shared, state[t], t);
        }
        for (int t = 0; t < GPU_TILE_THREADS; t++)
            p.end(state[t], tile, t);
    }
};

template <class P> ig_status gpu_tiles(const ig_kernel_ctx *k, const P &p)
{
    return gpu_each(k, p.tiles(), gpu_tile_loop<P>{p});
}

#else

template <class P>
__global__ void __launch_bounds__(GPU_TILE_THREADS) gpu_tile_kernel(P p)
{
    __shared__ typename P::shared shared;
    int t = (int)threadIdx.x;
    for (int64_t tile = blockIdx.x; tile < p.items * p.rows * p.columns;
         tile += gridDim.x) {
        typename P::state state;
        p.begin(state);
        for (int64_t step = 0; step < p.steps(); step++) {
            p.load(shared, tile, t, step);
            __syncthreads();
            p.work(shared, state, t);
            __syncthreads();
        }
        p.end(state, tile, t);
    }
}

template <class P> ig_status gpu_tiles(const ig_kernel_ctx *k, const P &p)
{
    static_assert(std::is_trivially_copyable_v<P> && sizeof(P) <= GPU_KERNEL_BYTES);
    if (p.tiles() <= 0)
        return IG_OK;
    gpu_tile_kernel<P><<<gpu_grid(p.tiles(), 1), GPU_TILE_THREADS, 0,
                         ((gpu_queue *)k->queue)->stream>>>(p);
    return gpu_launched(k);
}

#endif

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
