/* How own kernels run: few launch forms, each with two bodies.
 *
 * A kernel is a struct of plain data with an operator(). It is copied into the launch,
 * so it holds values and addresses of the device's memory, never references.
 *
 * gpu_each(k, n, f)        f(i) for i in [0, n), in any order, all at once.
 * gpu_rows(k, n, work, f)  f(block, row) for row in [0, n): a block of threads works on
 *                          one row of about `work` elements. The block offers each,
 *                          reduce, scan and sync; a row is a warp where rows are short.
 *                          f(block, row) is a template over the type of block.
 *
 * gpu_tiles(k, p)          Blocks of GPU_TILE_THREADS threads that share memory of the
 *                          type P::shared and keep a P::state each. For each of
 *                          p.tiles(): begin, then p.steps() times load (into the shared
 *                          memory) and work (with it), then end. All are functions of
 *                          the thread's number, so the host calls them with all numbers
 *                          in turn, phase by phase; p.idle tells it which threads have
 *                          no part in the results of a tile.
 *
 * With IG_GPU_HOST a block has one thread, reduce is the identity and sync is nothing;
 * launches run in a loop, later, first to last or last to first by turns
 * (operators/gpu/host/device.h), so that what depends on an order shows. */
#ifndef OPERATORS_GPU_LAUNCH_CUH
#define OPERATORS_GPU_LAUNCH_CUH

#include <type_traits>

#include "operators/gpu/gpu.h"

#ifdef IG_GPU_HOST
#include "operators/gpu/host/device.h"
#define GPU_FN   inline
#define GPU_BOTH inline
#define GPU_UNROLL
#else
#define GPU_FN     __device__ __forceinline__
#define GPU_BOTH   __host__ __device__ __forceinline__
/* Before a loop over a small array: so that the array stays in registers. */
#define GPU_UNROLL _Pragma("unroll")
#endif

/* ---- faults ---- */

/* Part of kernels that check values of the device's memory. */
struct gpu_report {
    gpu_fault *fault;
    uint32_t tag;

    GPU_FN void operator()(int32_t code, int64_t value, int64_t bound) const
    {
#ifdef IG_GPU_HOST
        if (fault->code != GPU_FAULT_NONE)
            return;
        fault->code = code;
#else
        if (atomicCAS(&fault->code, GPU_FAULT_NONE, code) != GPU_FAULT_NONE)
            return;
#endif
        fault->tag = tag;
        fault->value = value;
        fault->bound = bound;
    }

    /* Index v in [-size, size) made non-negative in *at; false when it is outside. */
    GPU_FN bool index(int64_t v, int64_t size, int64_t *at) const
    {
        *at = v < 0 ? v + size : v;
        if ((uint64_t)*at < (uint64_t)size)
            return true;
        (*this)(GPU_FAULT_INDEX, v, size);
        return false;
    }
};

inline gpu_report gpu_report_of(const ig_kernel_ctx *k)
{
#ifdef IG_GPU_HOST
    return {gpu_host_fault((gpu_queue *)k->queue), k->tag};
#else
    return {((gpu_queue *)k->queue)->fault, k->tag};
#endif
}

/* ---- blocks ---- */

/* One thread that has a row for itself, with the members of a block. */
struct gpu_solo {
    static constexpr int lane = 0, lanes = 1;

    template <class F> GPU_FN void each(int64_t n, F f) const
    {
        for (int64_t i = 0; i < n; i++)
            f(i);
    }
    GPU_FN void sync() const
    {
    }
    template <class C, class Op> GPU_FN C reduce(C v, Op) const
    {
        return v;
    }
    template <class C, class Op> GPU_FN C scan(C v, Op, C *total) const
    {
        *total = v;
        return v;
    }
};

#ifdef IG_GPU_HOST
using gpu_block = gpu_solo;
#else
struct gpu_block {
    int lane, lanes; /* this thread, and how many share the row */

    /* f(i) for i in [0, n), shared among the threads. */
    template <class F> GPU_FN void each(int64_t n, F f) const
    {
        for (int64_t i = lane; i < n; i += lanes)
            f(i);
    }

    /* What was written before is seen by the block's other threads. */
    GPU_FN void sync() const
    {
        if (lanes > 32)
            __syncthreads();
        else
            __syncwarp();
    }

    /* The combination of all threads' values, in every thread. `op` is associative
     * and commutative; the order is fixed by the number of threads. */
    template <class C, class Op> GPU_FN C reduce(C v, Op op) const
    {
        __shared__ alignas(16) char shared[32 * sizeof(C)];
        C *part = reinterpret_cast<C *>(shared);
        for (int m = 16; m > 0; m >>= 1)
            v = op(v, other(v, m));
        if (lanes <= 32)
            return v;
        __syncthreads();
        if (lane % 32 == 0)
            part[lane / 32] = v;
        __syncthreads();
        v = part[0];
        for (int i = 1; i < lanes / 32; i++)
            v = op(v, part[i]);
        return v;
    }

    /* The combination of the values of threads 0 to this one, and of all in *total. */
    template <class C, class Op> GPU_FN C scan(C v, Op op, C *total) const
    {
        __shared__ alignas(16) char shared[32 * sizeof(C)];
        C *part = reinterpret_cast<C *>(shared);
        for (int m = 1; m < 32; m <<= 1) {
            C before = lower(v, m);
            if (lane % 32 >= m)
                v = op(before, v);
        }
        if (lanes <= 32) {
            *total = at(v, 31);
            return v;
        }
        __syncthreads();
        if (lane % 32 == 31)
            part[lane / 32] = v;
        __syncthreads();
        C all = part[0];
        for (int i = 1; i < lanes / 32; i++) {
            if (i == lane / 32)
                v = op(all, v);
            all = op(all, part[i]);
        }
        *total = all;
        return v;
    }

  private:
    /* The shuffles move words of 32 bits. */
    template <class C, class F> static GPU_FN C words(C v, F f)
    {
        static_assert(sizeof(C) % 4 == 0);
        uint32_t w[sizeof(C) / 4];
        memcpy(w, &v, sizeof(C));
        for (unsigned i = 0; i < sizeof(C) / 4; i++)
            w[i] = f(w[i]);
        memcpy(&v, w, sizeof(C));
        return v;
    }
    template <class C> static GPU_FN C other(C v, int m)
    {
        return words(v, [m](uint32_t w) { return __shfl_xor_sync(~0u, w, m); });
    }
    template <class C> static GPU_FN C lower(C v, int m)
    {
        return words(v, [m](uint32_t w) { return __shfl_up_sync(~0u, w, m); });
    }
    template <class C> static GPU_FN C at(C v, int from)
    {
        return words(v, [from](uint32_t w) { return __shfl_sync(~0u, w, from); });
    }
};
#endif

/* ---- launches ---- */

/* Kernel parameters have 4096 bytes in every version of the hardware. */
enum { GPU_KERNEL_BYTES = 4000 };

#ifdef IG_GPU_HOST

template <class F> void gpu_host_each(const void *kernel, int64_t n, bool backwards)
{
    const F &f = *static_cast<const F *>(kernel);
    for (int64_t i = 0; i < n; i++)
        f(backwards ? n - 1 - i : i);
}

template <class F> void gpu_host_rows(const void *kernel, int64_t n, bool backwards)
{
    const F &f = *static_cast<const F *>(kernel);
    for (int64_t i = 0; i < n; i++)
        f(gpu_block{}, backwards ? n - 1 - i : i);
}

template <class F> ig_status gpu_each(const ig_kernel_ctx *k, int64_t n, const F &f)
{
    static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= GPU_KERNEL_BYTES);
    return n <= 0 ? IG_OK
                  : gpu_host_launch((gpu_queue *)k->queue, gpu_host_each<F>, &f,
                                    sizeof(F), n);
}

template <class F>
ig_status gpu_rows(const ig_kernel_ctx *k, int64_t n, int64_t work, const F &f)
{
    static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= GPU_KERNEL_BYTES);
    (void)work;
    return n <= 0 ? IG_OK
                  : gpu_host_launch((gpu_queue *)k->queue, gpu_host_rows<F>, &f,
                                    sizeof(F), n);
}

/* Bytes of the device's memory, after all work before. */
inline ig_status
gpu_fetch(const ig_kernel_ctx *k, void *host, const void *device, size_t bytes)
{
    return gpu_host_fetch((gpu_queue *)k->queue, host, device, bytes);
}

#else

/* Threads of a block at most. The compiler hears of them, or it may give each thread so
 * many registers that a block does not fit. */
enum { GPU_EACH_THREADS = 256, GPU_ROW_THREADS = 512 };

template <class F>
__global__ void __launch_bounds__(GPU_EACH_THREADS) gpu_each_kernel(F f, int64_t n)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
        f(i);
}

template <class F>
__global__ void __launch_bounds__(GPU_ROW_THREADS) gpu_rows_kernel(F f, int64_t n)
{
    gpu_block b = {(int)threadIdx.x, (int)blockDim.x};
    int64_t step = (int64_t)gridDim.x * blockDim.y;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.y + threadIdx.y; i < n; i += step)
        f(b, i);
}

/* More blocks than fit at once cost nothing, far more cost time to start. */
inline unsigned gpu_grid(int64_t n, int64_t per_block)
{
    int64_t blocks = (n + per_block - 1) / per_block;
    return (unsigned)(blocks < 65536 ? blocks : 65536);
}

inline ig_status gpu_launched(const ig_kernel_ctx *k)
{
    return gpu_cuda_status(k->op ? k : nullptr, cudaGetLastError(), "launch");
}

template <class F> ig_status gpu_each(const ig_kernel_ctx *k, int64_t n, const F &f)
{
    static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= GPU_KERNEL_BYTES);
    if (n <= 0)
        return IG_OK;
    gpu_each_kernel<F><<<gpu_grid(n, GPU_EACH_THREADS), GPU_EACH_THREADS, 0,
                         ((gpu_queue *)k->queue)->stream>>>(f, n);
    return gpu_launched(k);
}

template <class F>
ig_status gpu_rows(const ig_kernel_ctx *k, int64_t n, int64_t work, const F &f)
{
    static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= GPU_KERNEL_BYTES);
    if (n <= 0)
        return IG_OK;
    unsigned lanes = work <= 512     ? 32
                     : work <= 4096  ? 128
                     : work <= 16384 ? 256
                                     : GPU_ROW_THREADS;
    dim3 block(lanes, lanes > 32 ? 1 : 8);
    gpu_rows_kernel<F>
        <<<gpu_grid(n, block.y), block, 0, ((gpu_queue *)k->queue)->stream>>>(f, n);
    return gpu_launched(k);
}

inline ig_status
gpu_fetch(const ig_kernel_ctx *k, void *host, const void *device, size_t bytes)
{
    cudaStream_t s = ((gpu_queue *)k->queue)->stream;
    cudaError_t e = cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, s);
    if (e == cudaSuccess)
        e = cudaStreamSynchronize(s);
    return gpu_cuda_status(k, e, "reading a result");
}

#endif

/* ---- tiles ---- */

enum { GPU_TILE_THREADS = 256 };

#ifdef IG_GPU_HOST

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
                if (!p.idle(tile, t))
                    p.work(shared, state[t], t);
        }
        for (int t = 0; t < GPU_TILE_THREADS; t++)
            if (!p.idle(tile, t))
                p.end(shared, state[t], tile, t);
    }
};

template <class P> ig_status gpu_tiles(const ig_kernel_ctx *k, const P &p)
{
    return gpu_each(k, p.tiles(), gpu_tile_loop<P>{p});
}

#else

template <class P>
__global__ void __launch_bounds__(GPU_TILE_THREADS) gpu_tile_kernel(P p, int64_t n)
{
    __shared__ typename P::shared shared;
    int t = (int)threadIdx.x;
    for (int64_t tile = blockIdx.x; tile < n; tile += gridDim.x) {
        typename P::state state;
        p.begin(state);
        for (int64_t step = 0; step < p.steps(); step++) {
            p.load(shared, tile, t, step);
            __syncthreads();
            p.work(shared, state, t);
            if (step + 1 < p.steps())
                __syncthreads();
        }
        p.end(shared, state, tile, t);
        __syncthreads();
    }
}

template <class P> ig_status gpu_tiles(const ig_kernel_ctx *k, const P &p)
{
    static_assert(std::is_trivially_copyable_v<P> && sizeof(P) <= GPU_KERNEL_BYTES);
    if (p.tiles() <= 0)
        return IG_OK;
    gpu_tile_kernel<P><<<gpu_grid(p.tiles(), 1), GPU_TILE_THREADS, 0,
                         ((gpu_queue *)k->queue)->stream>>>(p, p.tiles());
    return gpu_launched(k);
}

#endif

/* ---- rows or columns ---- */

/* A kernel of rows with one thread a row, for gpu_each. */
template <class F> struct gpu_alone {
    F f;
    GPU_FN void operator()(int64_t i) const
    {
        f(gpu_solo{}, i);
    }
};

/* Rows whose elements are neighbours (stride 1) take a block each; others, of which
 * neighbours lie beside each other, a thread each when there are enough of them. */
template <class F>
ig_status gpu_rows_or_columns(
    const ig_kernel_ctx *k, int64_t n, int64_t work, int64_t stride, const F &f)
{
    if (stride != 1 && (n >= 4096 || work <= 32))
        return gpu_each(k, n, gpu_alone<F>{f});
    return gpu_rows(k, n, work, f);
}

/* ---- rows of tables ---- */

enum { GPU_RANK = 16 }; /* axes that index spaces have after merging */

inline ig_status gpu_supports_ranks(const ig_kernel_ctx *k)
{
    for (int i = 0; i < k->n_in; i++)
        if (ig_in(k, i) && ig_rank(ig_in(k, i)) > GPU_RANK)
            return ig_reject("an input has more than 16 axes");
    return IG_OK;
}

/* gpu_row("Exp", IG_FLOATS, run); what differs is set on the result. */
struct gpu_row {
    const char *op;
    uint64_t types;
    ig_status (*run)(ig_kernel_ctx *k);
    uint32_t needs = 0;
    ig_status (*supports)(const ig_kernel_ctx *k) = gpu_supports_ranks;
    ig_status (*prepare)(ig_kernel_ctx *k) = nullptr;

    constexpr operator ig_kernel_def() const
    {
        ig_kernel_def d = {};
        d.struct_size = (uint32_t)sizeof(d);
        d.op = op;
        d.name = "own";
        d.types = types;
        d.needs = needs;
        d.supports = supports;
        d.prepare = prepare;
        d.run = run;
        return d;
    }
};

#endif
