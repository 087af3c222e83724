/* GatherElements and GatherND: elements and slices picked by indices, by all threads.
 *
 * Elements are moved by their size, so the loops know no types. Each thread checks the
 * indices of its own part before it reads by them. */
#include <inttypes.h>
#include <string.h>

#include <ingot/ops.h>

#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "operators/cpu/kernel.h"

/* Types whose elements are plain bytes of 1, 2, 4 or 8. */
#define PLAIN (IG_FLOATS | IG_INTEGERS | IG_T(BOOL) | IG_T(COMPLEX64))

static inline int64_t index_at(const ig_tensor *t, int64_t i)
{
    return t->v.type.dtype == IG_INT32 ? (int64_t)((const int32_t *)(void *)t->data)[i]
                                       : ((const int64_t *)(void *)t->data)[i];
}

static ig_status bad_index(const ig_kernel_ctx *k, int64_t at, int64_t size)
{
    return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                          "index %" PRId64 " at position %" PRId64
                          " is outside [%" PRId64 ", %" PRId64 "]",
                          index_at(igi_kin(k, 1), at), at, -size, size - 1);
}

/* ---- GatherElements ---- */

/* n indices from `from` on pick out of lines that begin at base: element j of the row
 * is data[base + index * stride + j * step]. */
typedef struct picks {
    const ig_tensor *index;
    int64_t from, n, size, stride, step;
    const char *base;
    char *out;
} picks;

/* The position of the first bad index, or -1. */
#define PICK(T_)                                                                       \
    for (int64_t j = 0; j < p->n; j++) {                                               \
        int64_t i = igi_index(index_at(p->index, p->from + j), p->size);               \
        if (i < 0)                                                                     \
            return p->from + j;                                                        \
        ((T_ *)(void *)p->out)[j] =                                                    \
            ((const T_ *)(const void *)p->base)[i * p->stride + j * p->step];          \
    }                                                                                  \
    return -1;

static int64_t pick(const picks *p, size_t element)
{
    switch (element) {
    case 1:
        PICK(uint8_t)
    case 2:
        PICK(uint16_t)
    case 4:
        PICK(uint32_t)
    default:
        PICK(uint64_t)
    }
}

static ig_status run_elements(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *data = igi_kin(k, 0), *index = igi_kin(k, 1);
    const int64_t *dims = igi_kdims(data), *space = igi_kdims(index);
    int rank = igi_krank(data);
    int axis = (int)igi_index(((const ig_gather_elements_opts *)k->attrs)->axis, rank);
    int64_t stride[IG_RANK_MAX], row = space[rank - 1], rows, lo, hi;
    size_t element = (size_t)igi_dtype_bits[data->v.type.dtype] / 8;
    igi_strides_contiguous(rank, dims, stride);
    rows = row ? igi_tensor_count(index) / row : 0;
    ig_split(rows, IGI_GRAIN / (row + 1) + 1, tid, nth, &lo, &hi);
    for (int64_t r = lo, left = IGI_POLL_BLOCK; r < hi; r++) {
        int64_t at = 0, rest = r;
        IG_TRY(igi_kpace(k, &left, row + 8));
        for (int a = rank - 2; a >= 0; a--) {
            at += a == axis ? 0 : rest % space[a] * stride[a];
            rest /= space[a];
        }
        picks p = {.index = index,
                   .from = r * row,
                   .n = row,
                   .size = dims[axis],
                   .stride = stride[axis],
                   .step = axis == rank - 1 ? 0 : 1,
                   .base = data->data + (size_t)at * element,
                   .out = igi_kout(k, 0)->data + (size_t)(r * row) * element};
        int64_t bad = pick(&p, element);
        if (bad >= 0)
            return bad_index(k, bad, dims[axis]);
    }
    return IG_OK;
}

/* ---- GatherND ---- */

static ig_status run_nd(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *data = igi_kin(k, 0), *index = igi_kin(k, 1);
    const int64_t *dims = igi_kdims(data);
    int rank = igi_krank(data), q = igi_krank(index);
    int batch = (int)((const ig_gather_nd_opts *)k->attrs)->batch_dims;
    int m = (int)igi_kdims(index)[q - 1];
    int64_t stride[IG_RANK_MAX], lo, hi, per = igi_kcount(index, batch, q - 1);
    int64_t n = igi_kcount(index, 0, q - 1), whole = igi_kcount(data, batch, rank);
    size_t bytes = (size_t)igi_kcount(data, batch + m, rank) *
                   ((size_t)igi_dtype_bits[data->v.type.dtype] / 8);
    size_t element = (size_t)igi_dtype_bits[data->v.type.dtype] / 8;
    igi_strides_contiguous(rank, dims, stride);
    ig_split(n, IGI_GRAIN / ((int64_t)bytes / 4 + 1) + 1, tid, nth, &lo, &hi);
    for (int64_t i = lo, left = IGI_POLL_BLOCK; i < hi; i++) {
        int64_t at = i / per * whole;
        IG_TRY(igi_kpace(k, &left, (int64_t)bytes / 16 + 8));
        for (int j = 0; j < m; j++) {
            int64_t v = igi_index(index_at(index, i * m + j), dims[batch + j]);
            if (v < 0)
                return bad_index(k, i * m + j, dims[batch + j]);
            at += v * stride[batch + j];
        }
        memcpy(igi_kout(k, 0)->data + (size_t)i * bytes,
               data->data + (size_t)at * element, bytes);
    }
    return IG_OK;
}

/* Sizes that infer could not compare are the reference's business. */
static ig_status nd_supports(const ig_kernel_ctx *k)
{
    const ig_tensor *data = igi_kin(k, 0), *index = igi_kin(k, 1);
    int64_t batch = ((const ig_gather_nd_opts *)k->attrs)->batch_dims;
    int rank = igi_krank(data), q = igi_krank(index);
    if (batch >= q || batch >= rank || igi_kdims(index)[q - 1] < 1 ||
        igi_kdims(index)[q - 1] > rank - batch)
        return ig_reject("tuples that do not fit");
    for (int i = 0; i < batch; i++)
        if (igi_kdims(data)[i] != igi_kdims(index)[i])
            return ig_reject("batch dims differ");
    return IG_OK;
}

static ig_status elements_supports(const ig_kernel_ctx *k)
{
    const ig_tensor *data = igi_kin(k, 0), *index = igi_kin(k, 1);
    int rank = igi_krank(data);
    int64_t axis = igi_index(((const ig_gather_elements_opts *)k->attrs)->axis, rank);
    if (axis < 0 || igi_krank(index) != rank)
        return ig_reject("indices that do not fit");
    for (int i = 0; i < rank; i++)
        if (i != axis && igi_kdims(index)[i] > igi_kdims(data)[i])
            return ig_reject("more indices than elements");
    return IG_OK;
}

IG_KERNELS(index) = {
    {IG_KERNEL_HEAD, .op = "GatherElements", .name = "direct", .types = PLAIN,
     .needs = IG_NEED_NONEMPTY, .supports = elements_supports,
     .run_team = run_elements},
    {IG_KERNEL_HEAD, .op = "GatherND", .name = "direct", .types = PLAIN,
     .needs = IG_NEED_NONEMPTY, .supports = nd_supports, .run_team = run_nd},
    {0},
};
