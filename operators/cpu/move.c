/* Movement of elements of any fixed size: Transpose, Concat, Slice, Split, Expand,
 * Gather, constant Pad and the reshapes of strided tensors over igi_cpu_copy_nd. Inputs
 * may have any strides; strings and packed types stay with the references.
 *
 * Threads cut the first axis of the result that is long enough. */
#include <inttypes.h>
#include <string.h>

#include <ingot/ops.h>

#include "operators/common_move.h"
#include "operators/cpu/kernel.h"

#define FIXED_SIZE (IG_ALL_TYPES & ~(IG_T(STRING) | IG_PACKED))

static size_t element_of(const ig_tensor *t)
{
    return (size_t)ig_dtype_bits((ig_dtype)t->v.type.dtype) / 8;
}

static int64_t axis_of(int64_t axis, int rank)
{
    return axis < 0 ? axis + rank : axis;
}

/* This thread's part of a copy. */
static void copy_part(igi_copy c, int tid, int nth)
{
    int64_t dims[IG_RANK_MAX], lo, hi;
    int cut = 0;
    if (nth > 1) {
        for (int i = 0; i < c.rank; i++)
            if (c.dims[i] > c.dims[cut] && c.dims[cut] < nth)
                cut = i;
        if (c.rank == 0) {
            if (tid)
                return;
        } else {
            memcpy(dims, c.dims, (size_t)c.rank * sizeof(*dims));
            ig_split(dims[cut], 1, tid, nth, &lo, &hi);
            if (lo >= hi)
                return;
            dims[cut] = hi - lo;
            c.dims = dims;
            c.dst = (char *)c.dst + lo * c.dst_strides[cut] * (int64_t)c.element;
            c.src = (const char *)c.src + lo * c.src_strides[cut] * (int64_t)c.element;
        }
    }
    igi_cpu_copy_nd(igi_cpu_isa_best(), &c);
}

/* y[offset of y...] := x[offset of x...] over the dims of `shape`. */
static void copy_tensor(const ig_tensor *y,
                        int64_t y_offset,
                        const ig_tensor *x,
                        int64_t x_offset,
                        const int64_t *x_strides,
                        const ig_tensor *shape,
                        int tid,
                        int nth)
{
    int64_t element = (int64_t)element_of(y);
    if (igi_tensor_count(shape) == 0)
        return;
    copy_part((igi_copy){.element = (size_t)element,
                         .rank = igi_krank(shape),
                         .dims = igi_kdims(shape),
                         .dst = y->data + y_offset * element,
                         .dst_strides = igi_strides(y),
                         .src = x->data + x_offset * element,
                         .src_strides = x_strides},
              tid, nth);
}

static ig_status transpose_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    const ig_ints *perm = &((const ig_transpose_opts *)k->attrs)->perm;
    int64_t stride[IG_RANK_MAX];
    int rank = igi_krank(x);
    for (int i = 0; i < rank; i++)
        stride[i] = igi_strides(x)[perm->v ? axis_of(perm->v[i], rank) : rank - 1 - i];
    copy_tensor(y, 0, x, 0, stride, y, tid, nth);
    return IG_OK;
}

/* Reshape and kin of a tensor that could not be viewed: its elements in order. */
static ig_status reshape_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    int64_t stride[IG_RANK_MAX], count = igi_tensor_count(x);
    if (count != igi_tensor_count(y))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "%" PRId64 " elements do not fill the planned output",
                              count);
    igi_strides_contiguous(igi_krank(x), igi_kdims(x), stride);
    if (count)
        copy_part((igi_copy){.element = element_of(x),
                             .rank = igi_krank(x),
                             .dims = igi_kdims(x),
                             .dst = y->data,
                             .dst_strides = stride,
                             .src = x->data,
                             .src_strides = igi_strides(x)},
                  tid, nth);
    return IG_OK;
}

static ig_status concat_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *y = igi_kout(k, 0);
    int64_t axis = axis_of(((const ig_concat_opts *)k->attrs)->axis, igi_krank(y));
    int64_t at = 0;
    for (int i = 0; i < k->n_in - k->n_captures; i++) {
        const ig_tensor *x = igi_kin(k, i);
        copy_tensor(y, at * igi_strides(y)[axis], x, 0, igi_strides(x), x, tid, nth);
        at += igi_kdims(x)[axis];
    }
    return IG_OK;
}

static ig_status slice_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    int64_t stride[IG_RANK_MAX], from = 0;
    igi_span spans[IG_RANK_MAX];
    igi_slices s;
    IG_TRY(igi_slices_read(k, 1, igi_krank(x), &s));
    igi_slices_apply(&s, igi_krank(x), igi_kdims(x), spans);
    for (int a = 0; a < igi_krank(x); a++) {
        if (spans[a].count != igi_kdims(y)[a])
            return ig_kernel_fail(k, IG_INTERNAL,
                                  "axis %d was planned for another size", a);
        stride[a] = igi_strides(x)[a] * spans[a].step;
        from += igi_strides(x)[a] * spans[a].start;
    }
    copy_tensor(y, 0, x, from, stride, y, tid, nth);
    return IG_OK;
}

static ig_status split_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t at = 0, length;
    igi_pieces p;
    IG_TRY(igi_pieces_read(k, ((const ig_split_opts *)k->attrs)->axis, &p));
    for (int i = 0; i < k->n_out; i++, at += length) {
        const ig_tensor *y = igi_kout(k, i);
        IG_TRY(igi_pieces_take(k, &p, i, at, &length));
        if (y)
            copy_tensor(y, 0, x, at * igi_strides(x)[p.axis], igi_strides(x), y, tid,
                        nth);
    }
    return IG_OK;
}

static ig_status expand_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    int64_t stride[IG_RANK_MAX];
    int rank = igi_krank(y), shift = rank - igi_krank(x);
    for (int i = 0; i < rank; i++)
        stride[i] =
            i < shift || igi_kdims(x)[i - shift] == 1 ? 0 : igi_strides(x)[i - shift];
    copy_tensor(y, 0, x, 0, stride, y, tid, nth);
    return IG_OK;
}

/* ---- Gather ---- */

static int64_t index_at(const ig_tensor *t, int64_t i)
{
    return t->v.type.dtype == IG_INT64 ? ((const int64_t *)(const void *)t->data)[i]
                                       : ((const int32_t *)(const void *)t->data)[i];
}

/* A block of `inner` adjacent elements per index; every index is checked before it is
 * used. */
static ig_status gather_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *indices = igi_kin(k, 1), *y = igi_kout(k, 0);
    int rank = igi_krank(x);
    int axis = (int)axis_of(((const ig_gather_opts *)k->attrs)->axis, rank);
    int64_t n = igi_tensor_count(indices), size = igi_kdims(x)[axis], lo, hi;
    int64_t outer = igi_kcount(x, 0, axis), left = IGI_POLL_BLOCK;
    size_t block = (size_t)igi_kcount(x, axis + 1, rank) * element_of(x);
    ig_split(n, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        int64_t at = index_at(indices, i);
        if (at < -size || at >= size)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "index %" PRId64 " at position %" PRId64
                                  " is outside [%" PRId64 ", %" PRId64 "]",
                                  at, i, -size, size - 1);
        at += at < 0 ? size : 0;
        IG_TRY(igi_kpace(k, &left, outer * ((int64_t)block / 16 + 8)));
        for (int64_t o = 0; o < outer && block; o++)
            memcpy(y->data + (size_t)(o * n + i) * block,
                   x->data + (size_t)(o * size + at) * block, block);
    }
    return IG_OK;
}

/* ---- Pad ---- */

static ig_status pad_supports(const ig_kernel_ctx *k)
{
    return ((const ig_pad_opts *)k->attrs)->mode == IG_PAD_MODE_CONSTANT
               ? IG_OK
               : ig_reject("the mode is not constant");
}

/* Fills this thread's part of y with the constant. */
static void fill(const ig_tensor *y, const ig_tensor *value, int tid, int nth)
{
    size_t element = element_of(y);
    int64_t lo, hi;
    ig_split(igi_tensor_count(y), IGI_GRAIN, tid, nth, &lo, &hi);
    char *to = y->data + (size_t)lo * element;
    if (lo >= hi)
        return;
    if (value)
        igi_copy_strided(element, to, 1, value->data, 0, hi - lo);
    else
        memset(to, 0, (size_t)(hi - lo) * element);
}

static ig_status pad_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0), *value = igi_kin(k, 2);
    int64_t dims[IG_RANK_MAX], from = 0, to = 0, count = 1;
    igi_pads p;
    if (value && igi_tensor_count(value) != 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "constant_value must have one element");
    IG_TRY(igi_pads_read(k, igi_kin(k, 1), igi_kin(k, 3), igi_krank(x), &p));
    for (int a = 0; a < igi_krank(x); a++) {
        int64_t dim = igi_kdims(x)[a], begin = p.begin[a], end = p.end[a];
        if (dim + begin + end != igi_kdims(y)[a])
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "axis %d: size %" PRId64 " with pads %" PRId64
                                  " and %" PRId64 " does not give %" PRId64,
                                  a, dim, begin, end, igi_kdims(y)[a]);
        /* What is left of x when negative pads have cut it. */
        dims[a] = dim + (begin < 0 ? begin : 0) + (end < 0 ? end : 0);
        from += begin < 0 ? -begin * igi_strides(x)[a] : 0;
        to += begin > 0 ? begin * igi_strides(y)[a] : 0;
        count = dims[a] > 0 ? count : 0;
    }
    fill(y, value, tid, nth);
    if (nth > 1)
        ig_barrier(k);
    if (count == 0 || igi_tensor_count(y) == 0)
        return IG_OK;
    int64_t element = (int64_t)element_of(y);
    copy_part((igi_copy){.element = (size_t)element,
                         .rank = igi_krank(x),
                         .dims = dims,
                         .dst = y->data + to * element,
                         .dst_strides = igi_strides(y),
                         .src = x->data + from * element,
                         .src_strides = igi_strides(x)},
              tid, nth);
    return IG_OK;
}

#define ROW(op_, needs_, supports_, run_)                                              \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "copy", .types = FIXED_SIZE,                \
                        .needs = needs_, .supports = supports_, .run_team = run_       \
    }
IG_KERNELS(move) = {
    ROW("Transpose", IG_KERNEL_STRIDED, NULL, transpose_run),
    ROW("Reshape", IG_KERNEL_STRIDED, NULL, reshape_run),
    ROW("Flatten", IG_KERNEL_STRIDED, NULL, reshape_run),
    ROW("Squeeze", IG_KERNEL_STRIDED, NULL, reshape_run),
    ROW("Unsqueeze", IG_KERNEL_STRIDED, NULL, reshape_run),
    ROW("Concat", IG_KERNEL_STRIDED, NULL, concat_run),
    ROW("Slice", IG_KERNEL_STRIDED, NULL, slice_run),
    ROW("Split", IG_KERNEL_STRIDED, NULL, split_run),
    ROW("Expand", IG_KERNEL_STRIDED, NULL, expand_run),
    ROW("Gather", 0, NULL, gather_run),
    ROW("Pad", IG_KERNEL_STRIDED, pad_supports, pad_run),
    {0},
};
