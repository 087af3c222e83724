// Operators that only move elements, by copies with strides; see move.cuh.
#include "operators/gpu/move.cuh"

#include <ingot/ops.h>

namespace
{

template <class T> struct strided_copy {
    gpu_space<2> space;
    T *dst;
    const T *src;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t off[2];
        space.at(i, off);
        dst[off[0]] = src[off[1]];
    }
};

// Where neighbours in dst are far apart in src, whose own neighbours lie along another
// axis: squares go through shared memory, so that both sides are touched in order.
template <class T> struct transposed_copy {
    enum { SIDE = 32, PER = SIDE * SIDE / GPU_TILE_THREADS };
    struct shared {
        T v[SIDE][SIDE + 1]; // a column more: no two threads meet in a bank
    };
    struct state {
    };
    gpu_space<2> rest;     // of the other axes
    int64_t m, n;          // rows: neighbours in src; columns: neighbours in dst
    int64_t to, from;      // strides of rows in dst, of columns in src
    int64_t rows, columns; // of squares
    T *dst;
    const T *src;

    int64_t tiles() const
    {
        return rest.count * rows * columns;
    }
    GPU_FN int64_t steps() const
    {
        return 1;
    }
    GPU_FN bool idle(int64_t, int) const
    {
        return false;
    }
    GPU_FN void begin(state &) const
    {
    }
    GPU_FN void locate(int64_t tile, int64_t (&off)[2], int64_t *i, int64_t *j) const
    {
        int64_t q = tile / (rows * columns), r = tile - q * rows * columns;
        rest.at(q, off);
        *i = r / columns * SIDE;
        *j = r % columns * SIDE;
    }
    GPU_FN void load(shared &s, int64_t tile, int t, int64_t) const
    {
        int64_t off[2], i, j;
        locate(tile, off, &i, &j);
        for (int e = t; e < SIDE * SIDE; e += GPU_TILE_THREADS) {
            int row = e % SIDE, column = e / SIDE;
            if (i + row < m && j + column < n)
                s.v[row][column] = src[off[1] + i + row + (j + column) * from];
        }
    }
    GPU_FN void work(const shared &, state &, int) const
    {
    }
    GPU_FN void end(const shared &s, const state &, int64_t tile, int t) const
    {
        int64_t off[2], i, j;
        locate(tile, off, &i, &j);
        for (int e = t; e < SIDE * SIDE; e += GPU_TILE_THREADS) {
            int row = e / SIDE, column = e % SIDE;
            if (i + row < m && j + column < n)
                dst[off[0] + (i + row) * to + j + column] = s.v[row][column];
        }
    }
};

#ifdef IG_GPU_HOST // so small that samples reach it
constexpr int64_t SQUARE_MIN = 2;
#else
constexpr int64_t SQUARE_MIN = 8;
#endif

// The axis along which src is dense, when that is another one than dst's, or -1.
int other_axis(const gpu_space<2> &s)
{
    int last = s.rank - 1;
    if (last < 1 || s.stride[0][last] != 1 || s.stride[1][last] == 1 ||
        s.dim[last] < SQUARE_MIN)
        return -1;
    for (int a = 0; a < last; a++)
        if (s.stride[1][a] == 1 && s.dim[a] >= SQUARE_MIN)
            return a;
    return -1;
}

template <class T>
ig_status
transpose(const ig_kernel_ctx *k, const gpu_space<2> &s, int axis, T *dst, const T *src)
{
    transposed_copy<T> c = {};
    int last = s.rank - 1, n = 0;
    int64_t dims[GPU_RANK], to[GPU_RANK], from[GPU_RANK];
    for (int a = 0; a < last; a++) {
        if (a == axis)
            continue;
        dims[n] = s.dim[a];
        to[n] = s.stride[0][a];
        from[n++] = s.stride[1][a];
    }
    const int64_t *const strides[] = {to, from};
    IG_TRY(gpu_space_make(&c.rest, n, dims, strides));
    c.m = s.dim[axis];
    c.n = s.dim[last];
    c.to = s.stride[0][axis];
    c.from = s.stride[1][last];
    c.rows = (c.m + c.SIDE - 1) / c.SIDE;
    c.columns = (c.n + c.SIDE - 1) / c.SIDE;
    c.dst = dst;
    c.src = src;
    return gpu_tiles(k, c);
}

// Pieces of 16 bytes that begin at multiples of 16, so the first and the last one may
// be shorter.
struct zeros {
    char *p;
    int64_t bytes, skew; // skew: of p behind such a multiple

    GPU_FN void operator()(int64_t i) const
    {
        int64_t lo = i * 16 - skew, hi = lo + 16;
        if (lo >= 0 && hi <= bytes)
            *reinterpret_cast<gpu_u128 *>(p + lo) = {{0, 0}};
        else
            for (lo = lo < 0 ? 0 : lo; lo < hi && lo < bytes; lo++)
                p[lo] = 0;
    }
};

bool all_even(const gpu_space<2> &s, int axes)
{
    for (int a = 0; a < axes; a++)
        if (s.stride[0][a] % 2 || s.stride[1][a] % 2)
            return false;
    return true;
}

// Pairs of neighbours become one element of twice the size, up to 16 bytes.
int64_t widen(gpu_space<2> *s, int64_t bytes, const void *dst, const void *src)
{
    int last = s->rank - 1;
    uintptr_t both = (uintptr_t)dst | (uintptr_t)src;
    while (last >= 0 && bytes < 16 && s->stride[0][last] == 1 &&
           s->stride[1][last] == 1 && s->dim[last] % 2 == 0 && all_even(*s, last) &&
           both % (2 * (uintptr_t)bytes) == 0) {
        for (int a = 0; a < last; a++) {
            s->stride[0][a] /= 2;
            s->stride[1][a] /= 2;
        }
        s->dim[last] /= 2;
        s->count /= 2;
        bytes *= 2;
    }
    if (last >= 0)
        s->div[last] = gpu_divisor(s->dim[last]);
    s->narrow = s->count <= INT32_MAX;
    return bytes;
}

} // namespace

ig_status gpu_move_strided(const ig_kernel_ctx *k,
                           int64_t bytes,
                           int rank,
                           const int64_t *dims,
                           void *dst,
                           const int64_t *dst_strides,
                           const void *src,
                           const int64_t *src_strides)
{
    gpu_space<2> space;
    const int64_t *const strides[] = {dst_strides, src_strides};
    IG_TRY(gpu_space_make(&space, rank, dims, strides));
    if (space.count == 0)
        return IG_OK;
    bytes = widen(&space, bytes, dst, src);
    int axis = other_axis(space);
    return gpu_by_bytes(k, bytes, [&]<class T>() {
        if (axis >= 0)
            return transpose(k, space, axis, (T *)dst, (const T *)src);
        return gpu_each(k, space.count,
                        strided_copy<T>{space, (T *)dst, (const T *)src});
    });
}

ig_status gpu_move(gpu_queue *q,
                   size_t element,
                   int rank,
                   const int64_t *dims,
                   void *dst,
                   const int64_t *dst_strides,
                   const void *src,
                   const int64_t *src_strides)
{
    ig_kernel_ctx k = {};
    k.queue = q;
    return gpu_move_strided(&k, (int64_t)element, rank, dims, dst, dst_strides, src,
                            src_strides);
}

ig_status gpu_copy(const ig_kernel_ctx *k, const ig_tensor *x, const ig_tensor *y)
{
    int64_t from[IG_RANK_MAX];
    if (ig_data(x) == ig_data(y))
        return IG_OK;
    gpu_broadcast(x, ig_rank(y), ig_dims(y), from);
    return gpu_move_strided(k, gpu_bytes(ig_dtype_of(y)), ig_rank(y), ig_dims(y),
                            ig_data(y), ig_strides(y), ig_data(x), from);
}

ig_status gpu_zero(const ig_kernel_ctx *k, void *p, int64_t bytes)
{
    int64_t skew = (int64_t)((uintptr_t)p % 16);
    return bytes > 0
               ? gpu_each(k, (skew + bytes + 15) / 16, zeros{(char *)p, bytes, skew})
               : IG_OK;
}

namespace
{

// ---- operators ----

// The elements in their order, under other dims: as bytes, so packed types too.
ig_status run_copy(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    const int64_t n = (int64_t)ig_tensor_nbytes(y), one = 1;
    if (ig_data(x) == ig_data(y))
        return IG_OK;
    return gpu_move_strided(k, 1, 1, &n, ig_data(y), &one, ig_data(x), &one);
}

ig_status run_expand(ig_kernel_ctx *k)
{
    return gpu_copy(k, ig_in(k, 0), ig_out(k, 0));
}

ig_status run_transpose(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    ig_ints perm = ((const ig_transpose_opts *)k->attrs)->perm;
    int64_t from[IG_RANK_MAX];
    int rank = ig_rank(x);
    for (int a = 0; a < rank; a++)
        from[a] = ig_strides(x)[perm.n ? perm.v[a] : rank - 1 - a];
    return gpu_move_strided(k, gpu_bytes(ig_dtype_of(y)), rank, ig_dims(y), ig_data(y),
                            ig_strides(y), ig_data(x), from);
}

// Each axis becomes two, of which the outer one does not move.
ig_status run_tile(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t dims[2 * IG_RANK_MAX], from[2 * IG_RANK_MAX], to[2 * IG_RANK_MAX];
    int rank = ig_rank(x);
    for (int a = 0; a < rank && ig_numel(y) > 0; a++) {
        int64_t d = ig_dims(x)[a];
        dims[2 * a] = ig_dims(y)[a] / d;
        dims[2 * a + 1] = d;
        from[2 * a] = 0;
        from[2 * a + 1] = ig_strides(x)[a];
        to[2 * a] = ig_strides(y)[a] * d;
        to[2 * a + 1] = ig_strides(y)[a];
    }
    return ig_numel(y) == 0 ? IG_OK
                            : gpu_move_strided(k, gpu_bytes(ig_dtype_of(y)), 2 * rank,
                                               dims, ig_data(y), to, ig_data(x), from);
}

// Whole slices of one tensor go to or come from a part of the other along an axis.
ig_status move_part(ig_kernel_ctx *k,
                    const ig_tensor *whole,
                    const ig_tensor *part,
                    int axis,
                    int64_t at,
                    bool into)
{
    int64_t bytes = gpu_bytes(ig_dtype_of(whole));
    char *there = (char *)ig_data(whole) + at * ig_strides(whole)[axis] * bytes;
    if (into)
        return gpu_move_strided(k, bytes, ig_rank(part), ig_dims(part), there,
                                ig_strides(whole), ig_data(part), ig_strides(part));
    return gpu_move_strided(k, bytes, ig_rank(part), ig_dims(part), ig_data(part),
                            ig_strides(part), there, ig_strides(whole));
}

ig_status run_concat(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0);
    int axis = gpu_axis(y, ((const ig_concat_opts *)k->attrs)->axis);
    int64_t at = 0;
    for (int i = 0; i < k->n_in; i++) {
        IG_TRY(move_part(k, y, ig_in(k, i), axis, at, true));
        at += ig_dims(ig_in(k, i))[axis];
    }
    return IG_OK;
}

ig_status run_split(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    int axis = gpu_axis(x, ((const ig_split_opts *)k->attrs)->axis);
    int64_t at = 0, length[IG_PORTS_MAX];
    int given = gpu_ints(ig_in(k, 1), length, IG_PORTS_MAX);
    for (int i = 0; i < k->n_out; i++) {
        if (ig_out(k, i)) // not one that nobody wants
            IG_TRY(move_part(k, x, ig_out(k, i), axis, at, false));
        at += i < given ? length[i] : (ig_dims(x)[axis] + k->n_out - 1) / k->n_out;
    }
    return IG_OK;
}

// [N, C, H, W] with channels or space taken apart; axes of both in the order of the
// depth side (n, places down, places across, c) and the space side.
ig_status move_blocks(ig_kernel_ctx *k,
                      const ig_tensor *depth,
                      const ig_tensor *space,
                      int64_t b,
                      bool crd,
                      bool to_space)
{
    const int64_t *d = ig_dims(depth);
    int64_t c = ig_dims(space)[1], h = d[2], w = d[3];
    const int64_t dims[6] = {d[0], c, h, b, w, b};
    int64_t plane = h * w, wide = w * b, place = crd ? plane : c * plane;
    const int64_t in_space[6] = {c * h * b * wide, h * b * wide, b * wide, wide, b, 1};
    const int64_t in_depth[6] = {
        d[1] * plane, crd ? b * b * plane : plane, w, b * place, 1, place};
    int64_t bytes = gpu_bytes(ig_dtype_of(space));
    if (to_space)
        return gpu_move_strided(k, bytes, 6, dims, ig_data(space), in_space,
                                ig_data(depth), in_depth);
    return gpu_move_strided(k, bytes, 6, dims, ig_data(depth), in_depth, ig_data(space),
                            in_space);
}

ig_status run_depth_to_space(ig_kernel_ctx *k)
{
    const ig_depth_to_space_opts *o = (const ig_depth_to_space_opts *)k->attrs;
    bool crd = o->mode == IG_DEPTH_TO_SPACE_MODE_CRD;
    return move_blocks(k, ig_in(k, 0), ig_out(k, 0), o->blocksize, crd, true);
}

ig_status run_depth_to_space_grad(ig_kernel_ctx *k)
{
    const ig_ingot_depth_to_space_grad_opts *o =
        (const ig_ingot_depth_to_space_grad_opts *)k->attrs;
    bool crd = o->mode == IG_INGOT_DEPTH_TO_SPACE_GRAD_MODE_CRD;
    return move_blocks(k, ig_out(k, 0), ig_in(k, 0), o->blocksize, crd, false);
}

ig_status run_space_to_depth(ig_kernel_ctx *k)
{
    const ig_space_to_depth_opts *o = (const ig_space_to_depth_opts *)k->attrs;
    return move_blocks(k, ig_out(k, 0), ig_in(k, 0), o->blocksize, false, false);
}

// Any byte but 0 is true.
ig_status supports_bits(const ig_kernel_ctx *k)
{
    return ig_dtype_of(ig_out(k, 0)) == IG_BOOL && ig_dtype_of(ig_in(k, 0)) != IG_BOOL
               ? ig_reject("numbers become truth values")
               : IG_OK;
}

constexpr gpu_row copy(const char *op)
{
    return {op, GPU_MOVABLE | IG_PACKED, run_copy};
}
constexpr gpu_row strided(const char *op, ig_status (*run)(ig_kernel_ctx *))
{
    return {op, GPU_MOVABLE, run, IG_KERNEL_STRIDED};
}

} // namespace

GPU_TABLE(gpu_move) = {
    copy("Identity"),
    copy("Reshape"),
    copy("Flatten"),
    copy("Squeeze"),
    copy("Unsqueeze"),
    gpu_row{"BitCast", GPU_MOVABLE | IG_PACKED, run_copy, 0, supports_bits},
    strided("Expand", run_expand),
    strided("Transpose", run_transpose),
    strided("Tile", run_tile),
    strided("Concat", run_concat),
    strided("Split", run_split),
    gpu_row{"DepthToSpace", GPU_MOVABLE, run_depth_to_space},
    gpu_row{"SpaceToDepth", GPU_MOVABLE, run_space_to_depth},
    gpu_row{"ingot::DepthToSpaceGrad", GPU_MOVABLE, run_depth_to_space_grad},
    {},
};
