/* GatherElements, GatherND, ScatterElements and ScatterND: elements and slices that
 * indices pick, by all threads.
 *
 * Elements are moved by their size, so those loops know no types. Each thread checks
 * the indices of its own part before it goes by them. */
#include <inttypes.h>
#include <string.h>

#include <ingot/ops.h>

#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "operators/common_index.h"
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

/* ---- scattering ----
 *
 * Threads share what no two updates of equal targets come from: lines along the axis of
 * ScatterElements, columns of ScatterND's slices. So each target meets its updates in
 * their order, whatever the split. */

/* n updates u meet y at the positions at[] (NULL: 0, 1, ...). */
typedef void (*meet_fn)(void *y, const void *u, const int64_t *at, int64_t n);
#define MEET(name_, T_, how_)                                                          \
    static void name_(void *y, const void *u, const int64_t *at, int64_t n)            \
    {                                                                                  \
        T_ *to = y;                                                                    \
        const T_ *from = u;                                                            \
        if (at)                                                                        \
            for (int64_t i = 0; i < n; i++)                                            \
                to[at[i]] = how_(to[at[i]], from[i]);                                  \
        else                                                                           \
            for (int64_t i = 0; i < n; i++)                                            \
                to[i] = how_(to[i], from[i]);                                          \
    }
#define TAKE(a_, b_) (b_)
#define ADD(a_, b_)  ((a_) + (b_))
#define MUL(a_, b_)  ((a_) * (b_))
#define MAX(a_, b_)  ((b_) != (b_) || (b_) > (a_) ? (b_) : (a_)) /* NaN wins */
#define MIN(a_, b_)  ((b_) != (b_) || (b_) < (a_) ? (b_) : (a_))
MEET(take_8, uint8_t, TAKE)
MEET(take_16, uint16_t, TAKE)
MEET(take_32, uint32_t, TAKE)
MEET(take_64, uint64_t, TAKE)
/* Sums and products of integers wrap around, as unsigned ones do. */
#define MEETS(suffix_, T_, SUM_)                                                       \
    MEET(add_##suffix_, SUM_, ADD)                                                     \
    MEET(mul_##suffix_, SUM_, MUL)                                                     \
    MEET(max_##suffix_, T_, MAX)                                                       \
    MEET(min_##suffix_, T_, MIN)
MEETS(f32, float, float)
MEETS(f64, double, double)
MEETS(i32, int32_t, uint32_t)
MEETS(i64, int64_t, uint64_t)

#define MEET_ROW(dtype_, suffix_)                                                      \
    {                                                                                  \
        dtype_,                                                                        \
        {                                                                              \
            add_##suffix_, mul_##suffix_, max_##suffix_, min_##suffix_                 \
        }                                                                              \
    }
static const struct meet_row {
    ig_dtype dtype;
    meet_fn fn[4]; /* ORDER: igi_scatter_names, behind none */
} meet_rows[] = {MEET_ROW(IG_FLOAT32, f32), MEET_ROW(IG_FLOAT64, f64),
                 MEET_ROW(IG_INT32, i32), MEET_ROW(IG_INT64, i64)};

/* NULL: not here. */
static meet_fn meet_of(const ig_tensor *y, int64_t reduction)
{
    const int bits = igi_dtype_bits[y->v.type.dtype];
    if (reduction == IGI_SCATTER_NONE)
        return bits == 8    ? take_8
               : bits == 16 ? take_16
               : bits == 32 ? take_32
                            : take_64;
    for (size_t i = 0; i < sizeof(meet_rows) / sizeof(*meet_rows); i++)
        if (meet_rows[i].dtype == (ig_dtype)y->v.type.dtype)
            return meet_rows[i].fn[reduction - 1];
    return NULL;
}

/* This thread's part of the copy that updates go into; all have theirs afterwards. */
static void copy_data(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    const size_t element = (size_t)igi_dtype_bits[y->v.type.dtype] / 8;
    int64_t lo, hi;
    ig_split(igi_tensor_count(y), IGI_GRAIN, tid, nth, &lo, &hi);
    if (x->data != y->data && lo < hi)
        memcpy(y->data + (size_t)lo * element, x->data + (size_t)lo * element,
               (size_t)(hi - lo) * element);
    if (nth > 1)
        ig_barrier(k);
}

enum { TARGETS = 256 }; /* at once */

/* Targets of n tuples of m indices from `from` on: at[i] is the sum of index times
 * stride, and i * step. Returns the number in the tuple of the first bad index; *bad is
 * its position; -1: all are good. */
#define TARGETS_OF(I_)                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                  \
        const I_ *v = (const I_ *)(const void *)index->data + (from + i) * m;          \
        at[i] = i * step;                                                              \
        for (int j = 0; j < m; j++) {                                                  \
            const int64_t from_end = -(int64_t)(v[j] < 0) & size[j]; /* no branch */   \
            const int64_t to = v[j] + from_end;                                        \
            if ((uint64_t)to >= (uint64_t)size[j]) {                                   \
                *bad = (from + i) * m + j;                                             \
                return j;                                                              \
            }                                                                          \
            at[i] += to * stride[j];                                                   \
        }                                                                              \
    }                                                                                  \
    return -1;
static inline int targets(const ig_tensor *index,
                          int64_t from,
                          int64_t n,
                          const int m,
                          const int64_t *size,
                          const int64_t *stride,
                          int64_t step,
                          int64_t *at,
                          int64_t *bad)
{
    if (index->v.type.dtype == IG_INT32) {
        TARGETS_OF(int32_t)
    }
    TARGETS_OF(int64_t)
}

/* ---- ScatterElements ---- */

/* The indices' axes that have more than one, the last one being a row: how far data
 * goes for a step of each (0: the axis that indices walk). */
typedef struct grid {
    int rank;
    int64_t dims[IG_RANK_MAX], step[IG_RANK_MAX], at[IG_RANK_MAX];
    int64_t size, stride; /* of the axis */
} grid;

static void set_grid(const ig_kernel_ctx *k, grid *g)
{
    const ig_tensor *y = igi_kout(k, 0), *index = igi_kin(k, 1);
    const int rank = igi_krank(y);
    const int64_t axis = igi_index(((const igi_scatter_attrs *)k->attrs)->axis, rank);
    int64_t stride[IG_RANK_MAX];
    igi_strides_contiguous(rank, igi_kdims(y), stride);
    *g = (grid){.size = igi_kdims(y)[axis], .stride = stride[axis]};
    for (int a = 0; a < rank; a++) {
        if (igi_kdims(index)[a] == 1 && (a + 1 < rank || g->rank))
            continue;
        g->dims[g->rank] = igi_kdims(index)[a];
        g->step[g->rank++] = a == axis ? 0 : stride[a];
    }
}

/* The part of thread tid: of the longest axis that is not walked; all of it for thread
 * 0 where that is short. */
static void
split_grid(const grid *g, int tid, int nth, int *cut, int64_t *lo, int64_t *hi)
{
    *cut = -1;
    for (int a = 0; a < g->rank; a++)
        if (g->step[a] && (*cut < 0 || g->dims[a] > g->dims[*cut]))
            *cut = a;
    if (*cut >= 0 && g->dims[*cut] >= nth) {
        ig_split(g->dims[*cut], *cut == g->rank - 1 ? 16 : 1, tid, nth, lo, hi);
        return;
    }
    *cut = g->rank - 1;
    *lo = 0;
    *hi = tid ? 0 : g->dims[*cut];
}

/* The next row of the grid within the part; false: that was the last. */
static bool next_row(grid *g, int cut, int64_t lo, int64_t hi)
{
    for (int a = g->rank - 2; a >= 0; a--) {
        if (++g->at[a] < (a == cut ? hi : g->dims[a]))
            return true;
        g->at[a] = a == cut ? lo : 0;
    }
    return false;
}

static ig_status
scatter_row(ig_kernel_ctx *k, const grid *g, meet_fn meet, int64_t lo, int64_t hi)
{
    const ig_tensor *y = igi_kout(k, 0), *u = igi_kin(k, 2);
    const size_t element = (size_t)igi_dtype_bits[y->v.type.dtype] / 8;
    const int last = g->rank - 1;
    int64_t at[TARGETS], bad, from = 0, base = lo * g->step[last];
    for (int a = 0; a < last; a++) {
        from = (from + g->at[a]) * g->dims[a + 1];
        base += g->at[a] * g->step[a];
    }
    for (int64_t i = lo, n; i < hi; i += n, base += n * g->step[last]) {
        n = hi - i < TARGETS ? hi - i : TARGETS;
        if (targets(igi_kin(k, 1), from + i, n, 1, &g->size, &g->stride, g->step[last],
                    at, &bad) >= 0)
            return bad_index(k, bad, g->size);
        meet(y->data + (size_t)base * element, u->data + (size_t)(from + i) * element,
             at, n);
    }
    return IG_OK;
}

static ig_status run_scatter_elements(ig_kernel_ctx *k, int tid, int nth)
{
    const meet_fn meet =
        meet_of(igi_kout(k, 0), ((const igi_scatter_attrs *)k->attrs)->reduction);
    int64_t lo, hi, left = IGI_POLL_BLOCK;
    int cut;
    grid g;
    copy_data(k, tid, nth);
    set_grid(k, &g);
    split_grid(&g, tid, nth, &cut, &lo, &hi);
    if (lo >= hi)
        return IG_OK;
    g.at[cut] = lo;
    const bool rows = cut < g.rank - 1; /* whole ones */
    const int64_t begin = rows ? 0 : lo, end = rows ? g.dims[g.rank - 1] : hi;
    do {
        IG_TRY(igi_kpace(k, &left, end - begin + 8));
        IG_TRY(scatter_row(k, &g, meet, begin, end));
    } while (next_row(&g, cut, lo, hi));
    return IG_OK;
}

/* ---- ScatterND ---- */

static ig_status run_scatter_nd(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *index = igi_kin(k, 1), *u = igi_kin(k, 2), *y = igi_kout(k, 0);
    const int64_t *dims = igi_kdims(y);
    const size_t element = (size_t)igi_dtype_bits[y->v.type.dtype] / 8;
    const int rank = igi_krank(y), m = (int)igi_kdims(index)[igi_krank(index) - 1];
    const int64_t inner = igi_kcount(y, m, rank), n = igi_tensor_count(index) / m;
    const meet_fn meet =
        meet_of(y, ((const igi_scatter_nd_attrs *)k->attrs)->reduction);
    int64_t stride[IG_RANK_MAX], at[TARGETS], lo = 0, hi = tid ? 0 : inner, bad;
    copy_data(k, tid, nth);
    igi_strides_contiguous(rank, dims, stride);
    if (inner >= 64 * nth)
        ig_split(inner, 16, tid, nth, &lo, &hi);
    for (int64_t i = 0, left = IGI_POLL_BLOCK, count; lo < hi && i < n; i += count) {
        count = n - i < TARGETS ? n - i : TARGETS;
        const int j = m == 1 ? targets(index, i, count, 1, dims, stride, 0, at, &bad)
                             : targets(index, i, count, m, dims, stride, 0, at, &bad);
        if (j >= 0)
            return bad_index(k, bad, dims[j]);
        if (inner == 1)
            meet(y->data, u->data + (size_t)i * element, at, count);
        for (int64_t t = 0; inner > 1 && t < count; t++) {
            IG_TRY(igi_kpace(k, &left, hi - lo));
            meet(y->data + (size_t)(at[t] + lo) * element,
                 u->data + (size_t)((i + t) * inner + lo) * element, NULL, hi - lo);
        }
        IG_TRY(igi_kpace(k, &left, count));
    }
    return IG_OK;
}

/* Shapes that infer could not compare are the reference's business. */
static ig_status scatter_elements_supports(const ig_kernel_ctx *k)
{
    const ig_tensor *index = igi_kin(k, 1), *u = igi_kin(k, 2), *y = igi_kout(k, 0);
    const igi_scatter_attrs *o = k->attrs;
    const int rank = igi_krank(y);
    const int64_t axis = igi_index(o->axis, rank);
    if (!meet_of(y, o->reduction))
        return ig_reject("no such reduction of this type");
    if (axis < 0 || igi_krank(index) != rank || igi_krank(u) != rank)
        return ig_reject("indices that do not fit");
    for (int i = 0; i < rank; i++)
        if (igi_kdims(u)[i] != igi_kdims(index)[i] ||
            (i != axis && igi_kdims(index)[i] > igi_kdims(y)[i]))
            return ig_reject("indices that do not fit");
    return IG_OK;
}

static ig_status scatter_nd_supports(const ig_kernel_ctx *k)
{
    const ig_tensor *index = igi_kin(k, 1), *u = igi_kin(k, 2), *y = igi_kout(k, 0);
    const int rank = igi_krank(y), q = igi_krank(index);
    const int64_t m = q ? igi_kdims(index)[q - 1] : 0;
    if (!meet_of(y, ((const igi_scatter_nd_attrs *)k->attrs)->reduction))
        return ig_reject("no such reduction of this type");
    if (m < 1 || m > rank ||
        igi_tensor_count(u) !=
            igi_tensor_count(index) / m * igi_kcount(y, (int)m, rank))
        return ig_reject("tuples that do not fit");
    return IG_OK;
}

IG_KERNELS(index) = {
    {IG_KERNEL_HEAD, .op = "ScatterElements", .name = "direct", .types = PLAIN,
     .needs = IG_NEED_NONEMPTY, .supports = scatter_elements_supports,
     .run_team = run_scatter_elements},
    {IG_KERNEL_HEAD, .op = "ScatterND", .name = "direct", .types = PLAIN,
     .needs = IG_NEED_NONEMPTY, .supports = scatter_nd_supports,
     .run_team = run_scatter_nd},
    {IG_KERNEL_HEAD, .op = "GatherElements", .name = "direct", .types = PLAIN,
     .needs = IG_NEED_NONEMPTY, .supports = elements_supports,
     .run_team = run_elements},
    {IG_KERNEL_HEAD, .op = "GatherND", .name = "direct", .types = PLAIN,
     .needs = IG_NEED_NONEMPTY, .supports = nd_supports, .run_team = run_nd},
    {0},
};
