/* Col2Im and MaxUnpool: numbers go back to where an image had them.
 *
 * Col2Im adds the rows of a place's blocks to rows of the image, a plane at a time;
 * which blocks of a row lie inside is known before they are touched. */
#include <inttypes.h>
#include <string.h>

#include "operators/common_col.h"
#include "operators/common_pool.h"
#include "operators/cpu/kernel.h"

/* Blocks [lo, hi) of an axis have their element at a place inside, block 0 at `first`.
 */
typedef struct span {
    int64_t first, lo, hi;
} span;

static span span_of(const igi_cols *c, int a, int64_t place)
{
    const int64_t step = c->stride[a];
    span s = {.first = place * c->dilation[a] - c->pad[a], .hi = c->count[a]};
    const int64_t room = c->image[a] - s.first;
    s.lo = s.first < 0 ? (-s.first + step - 1) / step : 0;
    if (room <= 0)
        s.hi = 0;
    else if ((room - 1) / step + 1 < s.hi)
        s.hi = (room - 1) / step + 1;
    s.hi = s.hi < s.lo ? s.lo : s.hi;
    return s;
}

/* Rows [from][to] of the last two axes, at the steps of blocks. */
static void add_flat(const igi_cpu_isa *isa,
                     const igi_cols *c,
                     const span *rows,
                     const span *cols,
                     float *to,
                     const float *from)
{
    const int last = c->n - 1;
    const int64_t step = c->stride[last], n = cols->hi - cols->lo;
    const int64_t row_step = last ? c->stride[last - 1] * c->image[last] : 0;
    to += rows->first * c->image[last] + rows->lo * row_step;
    to += cols->first + cols->lo * step;
    from += rows->lo * c->count[last] + cols->lo;
    if (step == 1) {
        isa->add_rows(to, row_step, from, c->count[last], rows->hi - rows->lo, n);
        return;
    }
    for (int64_t r = rows->lo; r < rows->hi; r++) {
        for (int64_t l = 0; l < n; l++)
            to[l * step] += from[l];
        to += row_step;
        from += c->count[last];
    }
}

/* All blocks' elements at place k, [columns], into a plane. */
static void add_place(
    const igi_cpu_isa *isa, const igi_cols *c, int64_t k, float *to, const float *from)
{
    const int last = c->n - 1, outer = last > 0 ? last - 1 : 0;
    const span cols = span_of(c, last, k % c->block[last]);
    span rows = {0, 0, 1};
    int64_t first[IG_RANK_MAX], l[IG_RANK_MAX] = {0}, flat = c->count[last], image = 1;
    k /= c->block[last];
    if (last > 0) {
        rows = span_of(c, last - 1, k % c->block[last - 1]);
        k /= c->block[last - 1];
        flat *= c->count[last - 1];
        image = c->image[last - 1];
    }
    if (rows.lo == rows.hi || cols.lo == cols.hi)
        return;
    for (int a = outer - 1; a >= 0; k /= c->block[a], a--)
        first[a] = k % c->block[a] * c->dilation[a] - c->pad[a];
    for (int64_t done = 0; done < c->columns; done += flat, from += flat) {
        int64_t at = 0;
        bool inside = true;
        for (int a = 0; a < outer; a++) {
            const int64_t x = first[a] + l[a] * c->stride[a];
            inside = inside && x >= 0 && x < c->image[a];
            at = at * c->image[a] + x;
        }
        if (inside)
            add_flat(isa, c, &rows, &cols, to + at * image * c->image[last], from);
        for (int a = outer - 1; a >= 0 && ++l[a] == c->count[a]; a--)
            l[a] = 0;
    }
}

static ig_status col_supports(const ig_kernel_ctx *k)
{
    if (igi_krank(igi_kout(k, 0)) < 3)
        return ig_reject("no spatial axes");
    return igi_tensor_count(igi_kout(k, 0)) ? IG_OK : ig_reject("the image is empty");
}

static ig_status col_run(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const ig_tensor *y = igi_kout(k, 0);
    const int64_t plane = igi_kcount(y, 2, igi_krank(y));
    int64_t lo, hi, left = IGI_POLL_BLOCK;
    igi_cols c;
    IG_TRY(igi_cols_read(k, &c));
    /* Blocks larger than the image have no columns, and more places than memory. */
    const int64_t places = c.columns ? c.places : 0;
    ig_split(igi_kcount(y, 0, 2), 1, tid, nth, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        float *to = igi_kf32(y) + p * plane;
        const float *from = igi_kf32(igi_kin(k, 0)) + p * places * c.columns;
        IG_TRY(igi_kpace(k, &left, plane));
        memset(to, 0, (size_t)plane * sizeof(float));
        for (int64_t i = 0; i < places; i++) {
            IG_TRY(igi_kpace(k, &left, c.columns + 64));
            add_place(isa, &c, i, to, from + i * c.columns);
        }
    }
    return IG_OK;
}

/* An axis joins the one before it when both tensors have the same of it: then fewer
 * divisions find a place. Returns how many are left. */
static int
join_axes(int rank, const int64_t *dims, const int64_t *yd, int64_t *from, int64_t *to)
{
    int n = 0;
    for (int i = 0; i < rank; i++) {
        if (n > 0 && dims[i] == yd[i]) {
            from[n - 1] *= dims[i];
            to[n - 1] *= yd[i];
        } else {
            from[n] = dims[i];
            to[n++] = yd[i];
        }
    }
    return n;
}

/* As igi_unpool_place for indices below 2^52: a product with the inverse is off by one
 * at the most. */
static int64_t place_of(
    int rank, const int64_t *from, const double *inverse, const int64_t *to, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int a = rank - 1; a > 0; a--) {
        int64_t q = (int64_t)((double)i * inverse[a]), here = i - q * from[a];
        if (here < 0) {
            q--;
            here += from[a];
        } else if (here >= from[a]) {
            q++;
            here -= from[a];
        }
        if (here >= to[a])
            return -1;
        at += here * step;
        step *= to[a];
        i = q;
    }
    return i < to[0] ? at + i * step : -1;
}

/* Indices may lie anywhere and of equal ones the last stays, so one thread writes. */
static ig_status unpool_run(ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    const int64_t *index = (const int64_t *)(const void *)igi_kin(k, 1)->data;
    const int64_t n = igi_tensor_count(x), count = igi_tensor_count(y);
    int64_t dims[IG_RANK_MAX], from[IG_RANK_MAX], to[IG_RANK_MAX], total;
    double inverse[IG_RANK_MAX];
    IG_TRY(igi_unpool_dims(k, dims, &total));
    const int rank = join_axes(igi_krank(y), dims, igi_kdims(y), from, to);
    for (int a = 0; a < rank; a++)
        inverse[a] = 1 / (double)from[a];
    if (count)
        memset(y->data, 0, (size_t)count * sizeof(float));
    const bool exact = total < (int64_t)1 << 52;
    const int64_t places = rank == 1 && count < total ? count : total;
    for (int64_t lo = 0; lo < n; lo += IGI_POLL_BLOCK) {
        const int64_t hi = n - lo < IGI_POLL_BLOCK ? n : lo + IGI_POLL_BLOCK;
        IG_TRY(ig_poll(k));
        for (int64_t i = lo; i < hi; i++) {
            int64_t at = index[i];
            if (at < 0 || at >= places)
                return igi_unpool_outside(k, i, index[i], total);
            if (rank > 1)
                at = exact ? place_of(rank, from, inverse, to, at)
                           : igi_unpool_place(rank, from, to, at);
            if (at < 0)
                return igi_unpool_outside(k, i, index[i], total);
            igi_kf32(y)[at] = igi_kf32(x)[i];
        }
    }
    return IG_OK;
}

IG_KERNELS(col2_im) = {
    {IG_KERNEL_HEAD, .op = "Col2Im", .name = "rows", .types = IG_T(FLOAT32),
     .supports = col_supports, .run_team = col_run},
    {IG_KERNEL_HEAD, .op = "MaxUnpool", .name = "scatter", .types = IG_T(FLOAT32),
     .run = unpool_run},
    {0},
};
