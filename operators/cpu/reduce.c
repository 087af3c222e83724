/* ReduceSum, ReduceMean, ReduceMax and ingot::SumTo of float32 and float64.
 *
 * Axes of size 1 go away, neighbours of one kind merge. What is left of most calls is
 * [outer][reduced][inner], which is one primitive; sums over all axes but a middle one
 * (gradients of biases and norms) are rows added up. The rest stays with the
 * references. An element's bits do not depend on threads: they split elements of the
 * result only. */
#include "operators/common_reduce.h"
#include "operators/cpu/kernel.h"

/* Merged axes in order, kept and reduced ones alternating. */
typedef struct pattern {
    int n;
    bool first_reduced;
    int64_t dim[IG_RANK_MAX + 1];
} pattern;

static void merge(pattern *p, int rank, const int64_t *dims, uint64_t reduced)
{
    p->n = 0;
    p->first_reduced = false;
    bool last = false;
    for (int i = 0; i < rank; i++) {
        bool r = reduced >> i & 1;
        if (dims[i] == 1)
            continue;
        if (p->n && last == r) {
            p->dim[p->n - 1] *= dims[i];
            continue;
        }
        if (!p->n)
            p->first_reduced = r;
        p->dim[p->n++] = dims[i];
        last = r;
    }
}

/* Mask of the reduced axes; an error for axes out of range. */
static ig_status read_axes(const ig_kernel_ctx *k, uint64_t *reduced)
{
    const ig_tensor *x = igi_kin(k, 0), *axes = igi_kin(k, 1);
    int64_t list[IG_RANK_MAX];
    int rank = igi_krank(x), n = axes ? igi_read_ints(axes, list, IG_RANK_MAX) : 0;
    *reduced = 0;
    if (n < 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axes must be a list of at most %d", IG_RANK_MAX);
    for (int i = 0; i < n; i++) {
        if (list[i] < -rank || list[i] >= rank)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "axes[%d] is outside [-%d, %d]", i, rank, rank - 1);
        *reduced |= IG_BIT(list[i] < 0 ? list[i] + rank : list[i]);
    }
    if (n == 0 && !((const igi_reduce_attrs *)k->attrs)->noop_with_empty_axes)
        *reduced = UINT64_MAX;
    return IG_OK;
}

static ig_status read_sum_to(const ig_kernel_ctx *k, uint64_t *reduced)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    int shift = igi_krank(x) - igi_krank(y);
    *reduced = 0;
    for (int a = 0; a < igi_krank(x); a++)
        if (a < shift || igi_kdims(y)[a - shift] != igi_kdims(x)[a])
            *reduced |= IG_BIT(a);
    return IG_OK;
}

typedef ig_status (*reader)(const ig_kernel_ctx *k, uint64_t *reduced);

static ig_status supports(const ig_kernel_ctx *k, reader read)
{
    const ig_tensor *x = igi_kin(k, 0);
    uint64_t reduced;
    pattern p;
    IG_TRY(read(k, &reduced));
    merge(&p, igi_krank(x), igi_kdims(x), reduced);
    return p.n <= 3 ? IG_OK : ig_reject("more than one run of axes between kept ones");
}

typedef struct job {
    ig_kernel_ctx *k;
    igi_reduction op;
    bool mean, f64;
    const char *x;
    char *y;
} job;

static size_t element(const job *j)
{
    return j->f64 ? sizeof(double) : sizeof(float);
}

/* y[outer][inner] at element `to` = op over axis of x[outer][axis][inner] at `from`. */
static void reduce_part(
    const job *j, int64_t to, int64_t from, int64_t outer, int64_t axis, int64_t inner)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    void *y = j->y + (size_t)to * element(j);
    const void *x = j->x + (size_t)from * element(j);
    if (j->f64)
        isa->reduce_axis_f64(j->op, y, x, outer, axis, inner);
    else
        isa->reduce_axis(j->op, y, x, outer, axis, inner);
}

/* y[at .. at + n) joined with x, or divided by a count. */
static void finish(const job *j,
                   igi_binary op,
                   igi_binary_mode mode,
                   int64_t at,
                   const void *x,
                   int64_t n)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    void *y = j->y + (size_t)at * element(j);
    if (j->f64)
        isa->binary_f64[op][mode](y, y, x, n);
    else
        isa->binary[op][mode](y, y, x, n);
}

static void divide(const job *j, int64_t at, int64_t n, int64_t count)
{
    const double wide = (double)count;
    const float narrow = (float)count;
    if (j->mean)
        finish(j, IGI_BINARY_DIV, IGI_BINARY_VS, at,
               j->f64 ? (const void *)&wide : (const void *)&narrow, n);
}

/* y[keep] = x[r1][keep][r2], reduced rows joined. */
static ig_status run_outer_inner(const job *j, const int64_t *d, int tid, int nth)
{
    const igi_binary join = j->op == IGI_REDUCE_MAX ? IGI_BINARY_MAX : IGI_BINARY_ADD;
    int64_t lo, hi, left = IGI_POLL_BLOCK;
    ig_split(d[1], 1, tid, nth, &lo, &hi);
    for (int64_t c = lo; c < hi; c++) {
        reduce_part(j, c, c * d[2], 1, d[2], 1);
        for (int64_t r = 1; r < d[0]; r++) {
            double one[1];
            IG_TRY(igi_kpace(j->k, &left, d[2] + 16));
            job part = *j;
            part.y = (char *)one;
            reduce_part(&part, 0, (r * d[1] + c) * d[2], 1, d[2], 1);
            finish(j, join, IGI_BINARY_VV, c, one, 1);
        }
    }
    divide(j, lo, hi - lo, d[0] * d[2]);
    return IG_OK;
}

static ig_status
run_middle(const job *j, int64_t outer, int64_t axis, int64_t inner, int tid, int nth)
{
    const int64_t block = 1 + IGI_POLL_BLOCK / (axis * inner + 16);
    int64_t lo, hi;
    ig_split(outer, 1 + IGI_GRAIN / (axis * inner), tid, nth, &lo, &hi);
    for (int64_t n; lo < hi; lo += n) {
        n = hi - lo < block ? hi - lo : block;
        reduce_part(j, lo * inner, lo * axis * inner, n, axis, inner);
        divide(j, lo * inner, n * inner, axis);
        if (n < hi - lo)
            IG_TRY(ig_poll(j->k));
    }
    return IG_OK;
}

static ig_status
run(ig_kernel_ctx *k, int tid, int nth, reader read, igi_reduction op, bool mean)
{
    const ig_tensor *x = igi_kin(k, 0);
    uint64_t reduced;
    pattern p;
    IG_TRY(read(k, &reduced));
    merge(&p, igi_krank(x), igi_kdims(x), reduced);
    job j = {.k = k,
             .op = op,
             .mean = mean,
             .f64 = x->v.type.dtype == IG_FLOAT64,
             .x = x->data,
             .y = igi_kout(k, 0)->data};
    const int64_t *d = p.dim;
    int64_t kept = 1;
    for (int i = p.first_reduced; i < p.n; i += 2)
        kept *= d[i];
    if (p.n > 3 || kept != igi_tensor_count(igi_kout(k, 0)))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axes do not fit the planned output");
    if (p.first_reduced && p.n == 3)
        return run_outer_inner(&j, d, tid, nth);
    if (p.first_reduced)
        return run_middle(&j, 1, d[0], p.n > 1 ? d[1] : 1, tid, nth);
    if (p.n >= 2)
        return run_middle(&j, d[0], d[1], p.n > 2 ? d[2] : 1, tid, nth);
    return run_middle(&j, p.n ? d[0] : 1, 1, 1, tid, nth); /* nothing is reduced */
}

static ig_status axes_supports(const ig_kernel_ctx *k)
{
    if (igi_kin(k, 1) && !igi_kin(k, 1)->data)
        return ig_reject("the axes are computed by the net");
    return supports(k, read_axes);
}
static ig_status sum_to_supports(const ig_kernel_ctx *k)
{
    return supports(k, read_sum_to);
}
static ig_status sum_run(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, read_axes, IGI_REDUCE_SUM, false);
}
static ig_status mean_run(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, read_axes, IGI_REDUCE_SUM, true);
}
static ig_status max_run(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, read_axes, IGI_REDUCE_MAX, false);
}
static ig_status sum_to_run(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, read_sum_to, IGI_REDUCE_SUM, false);
}

#define ROW(op_, supports_, run_)                                                      \
    {                                                                                  \
        IG_KERNEL_HEAD,                                                                \
            .op = op_, .name = "simd", .types = IG_T(FLOAT32) | IG_T(FLOAT64),         \
            .needs = IG_NEED_NONEMPTY, .supports = supports_, .run_team = run_         \
    }
IG_KERNELS(reduce) = {
    ROW("ReduceSum", axes_supports, sum_run),
    ROW("ReduceMean", axes_supports, mean_run),
    ROW("ReduceMax", axes_supports, max_run),
    ROW("ingot::SumTo", sum_to_supports, sum_to_run),
    {0},
};
