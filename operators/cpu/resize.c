/* Resize of up to three neighbouring axes, the others copied: planes (NCHW), volumes
 * and pixels of channels (NHWC).
 *
 * x is seen as [outer][in0][in1][in2][inner]. Nearest copies pixels, and a row of the
 * output that has the same source as the one before is copied whole. Filters first mix
 * planes of x, once for all their rows, then rows (neighbouring rows with a few
 * weights: a product with one row), then pixels of the mixed row. */
#include <string.h>

#include "graph/core/alloc.h"
#include "operators/common_resize.h"
#include "operators/cpu/kernel.h"

/* Numbers of a pixel that are worth a call of the product. */
enum { FEW = 64 };

static const igi_resize_ports ports = {1, 2, 3};

/* Taps of an axis as runs of neighbours: equal and zero ones are folded. */
typedef struct runs {
    int64_t *first; /* [out] */
    int64_t *count; /* [out] */
    float *weight;  /* [out][taps] */
    int taps;
} runs;

typedef struct resize_state {
    igi_resize r;
    int64_t outer, inner;
    igi_resize_axis *planes, *rows, *cols;
    igi_resize_axis one; /* stands for planes and rows when fewer axes are resized */
    int64_t one_index;
    double one_weight;
    runs by_plane, by_row, by_col;
    void *memory;
} resize_state;

static void unprepare(ig_kernel_ctx *k)
{
    resize_state *s = k->state;
    if (s) {
        igi_free(s->r.memory);
        igi_free(s->memory);
    }
    igi_free(s);
    k->state = NULL;
}

/* Which axes are resized; false: more than three, or apart. */
static bool find_axes(resize_state *s, const ig_tensor *x)
{
    int first = -1, last = -1;
    const int rank = igi_krank(x);
    for (int i = 0; i < rank; i++) {
        if (igi_resize_is_copy(&s->r.axis[i]))
            continue;
        first = first < 0 ? i : first;
        last = i;
    }
    if (first < 0)
        first = last = rank - 1;
    if (rank < 1 || last - first > 2)
        return false;
    s->one = (igi_resize_axis){
        .in = 1, .out = 1, .taps = 1, .index = &s->one_index, .weight = &s->one_weight};
    s->one_weight = 1;
    s->planes = first < last - 1 ? &s->r.axis[first] : &s->one;
    s->rows = first < last ? &s->r.axis[last - 1] : &s->one;
    s->cols = &s->r.axis[last];
    s->outer = igi_kcount(x, 0, first);
    s->inner = igi_kcount(x, last + 1, rank);
    return true;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    resize_state *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    k->state = s;
    ig_status rc =
        igi_resize_make(&s->r, k, &ports, igi_krank(x), igi_kdims(x), igi_kdims(y));
    if (rc == IG_OK && !find_axes(s, x))
        rc = ig_reject("more than three axes are resized, or axes that are apart");
    if (rc != IG_OK)
        unprepare(k);
    return rc;
}

static ig_status check(const ig_kernel_ctx *k, bool nearest)
{
    const igi_resize_attrs *a = k->attrs;
    const ig_tensor *x = igi_kin(k, 0);
    if ((a->mode == IGI_RESIZE_NEAREST) != nearest)
        return ig_reject(nearest ? "not nearest" : "nearest");
    if (igi_kin(k, 1) && igi_tensor_count(igi_kin(k, 1)))
        return ig_reject("a region of interest");
    if (ig_dtype_of(x) == IG_STRING)
        return ig_reject("strings");
    for (int i = 2; i < 4; i++) /* tables are made before the run */
        if (igi_kin(k, i) && !igi_kin(k, i)->data)
            return ig_reject("scales or sizes that are known at the run only");
    return igi_tensor_count(x) && igi_tensor_count(igi_kout(k, 0))
               ? IG_OK
               : ig_reject("nothing to sample");
}

static ig_status nearest_supports(const ig_kernel_ctx *k)
{
    return check(k, true);
}
static ig_status filter_supports(const ig_kernel_ctx *k)
{
    return check(k, false);
}

/* ---- nearest ---- */

#define COPY_PIXELS(T_)                                                                \
    for (int64_t o = 0; o < a->out; o++)                                               \
    ((T_ *)y)[o] = ((const T_ *)x)[a->index[o]]

/* One row; pixels of `size` bytes. */
static void copy_row(const igi_resize_axis *a, void *y, const void *x, size_t size)
{
    switch (size) {
    case 1:
        COPY_PIXELS(uint8_t);
        break;
    case 2:
        COPY_PIXELS(uint16_t);
        break;
    case 4:
        COPY_PIXELS(uint32_t);
        break;
    case 8:
        COPY_PIXELS(uint64_t);
        break;
    default:
        for (int64_t o = 0; o < a->out; o++)
            memcpy((char *)y + (size_t)o * size,
                   (const char *)x + (size_t)a->index[o] * size, size);
    }
}

/* The plane of x that plane i of y takes. */
static int64_t plane_of(const resize_state *s, int64_t i)
{
    const igi_resize_axis *a = s->planes;
    return i / a->out * a->in + a->index[i % a->out];
}

static ig_status nearest_run(ig_kernel_ctx *k, int tid, int nth)
{
    const resize_state *s = k->state;
    const igi_resize_axis *rows = s->rows, *cols = s->cols;
    const size_t size =
        (size_t)s->inner * (size_t)ig_dtype_bits(ig_dtype_of(igi_kin(k, 0))) / 8;
    const size_t x_row = (size_t)cols->in * size, y_row = (size_t)cols->out * size;
    const char *x = (const char *)igi_kin(k, 0)->data;
    char *y = (char *)igi_kout(k, 0)->data;
    int64_t lo, hi, before = -1, left = IGI_POLL_BLOCK;
    ig_split(s->outer * s->planes->out * rows->out, 1, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        const int64_t from =
            plane_of(s, r / rows->out) * rows->in + rows->index[r % rows->out];
        char *to = y + (size_t)r * y_row;
        IG_TRY(igi_kpace(k, &left, (int64_t)y_row + 64));
        if (from == before)
            memcpy(to, to - y_row, y_row);
        else
            copy_row(cols, to, x + (size_t)from * x_row, size);
        before = from;
    }
    return IG_OK;
}

/* ---- filters ---- */

static bool counts(float weight)
{
    return weight < 0 || weight > 0;
}

/* Weights of 0 at either end go, or they would make NaN of an infinity there. */
static void fold(const igi_resize_axis *a, runs *r)
{
    for (int64_t o = 0; o < a->out; o++) {
        const int64_t *index = a->index + o * a->taps;
        float *weight = r->weight + o * r->taps;
        int64_t first = index[0], last = index[a->taps - 1];
        for (int i = 0; i < a->taps; i++)
            weight[i] = 0;
        for (int i = 0; i < a->taps; i++) /* indices never fall */
            weight[index[i] - first] += (float)a->weight[o * a->taps + i];
        int64_t lead = 0, n = last - first + 1;
        while (n > 1 && !counts(weight[n - 1]))
            n--;
        while (lead < n - 1 && !counts(weight[lead]))
            lead++;
        memmove(weight, weight + lead, (size_t)(n - lead) * sizeof(*weight));
        r->first[o] = first + lead;
        r->count[o] = n - lead;
    }
}

/* Of a mixed row. */
static size_t row_bytes(const resize_state *s)
{
    return ((size_t)s->cols->in * (size_t)s->inner * sizeof(float) + 63) / 64 * 64;
}

static ig_status filter_prepare(ig_kernel_ctx *k)
{
    IG_TRY(prepare(k));
    resize_state *s = k->state;
    const igi_resize_axis *axis[3] = {s->planes, s->rows, s->cols};
    runs *r[3] = {&s->by_plane, &s->by_row, &s->by_col};
    size_t bytes = 0;
    for (int i = 0; i < 3; i++)
        bytes += (size_t)axis[i]->out * (16 + ((size_t)axis[i]->taps + 1) / 2 * 8);
    s->memory = igi_alloc(bytes);
    if (!s->memory) {
        unprepare(k);
        return IG_OUT_OF_MEMORY;
    }
    char *at = s->memory;
    for (int i = 0; i < 3; i++) {
        const size_t n = (size_t)axis[i]->out;
        r[i]->taps = axis[i]->taps;
        r[i]->first = (int64_t *)(void *)at;
        r[i]->count = (int64_t *)(void *)(at + n * 8);
        r[i]->weight = (float *)(void *)(at + n * 16);
        at += n * (16 + ((size_t)axis[i]->taps + 1) / 2 * 8);
        fold(axis[i], r[i]);
    }
    k->scratch_bytes = row_bytes(s);
    if (s->planes != &s->one)
        k->scratch_bytes += (size_t)s->rows->in * (size_t)s->cols->in *
                            (size_t)s->inner * sizeof(float);
    k->scratch_bytes = (k->scratch_bytes + 63) / 64 * 64;
    return IG_OK;
}

/* y = element o of the mixed parts of x, which have n numbers each. */
static void mix(const igi_cpu_isa *isa,
                const runs *r,
                int64_t o,
                int64_t n,
                float *y,
                const float *x)
{
    isa->gemm(&(igi_gemm){.m = 1,
                          .n = n,
                          .k = r->count[o],
                          .a = r->weight + o * r->taps,
                          .lda = r->count[o],
                          .b = x + r->first[o] * n,
                          .ldb = n,
                          .c = y,
                          .ldc = n},
              0, 1, 0, igi_gemm_panels(isa, n));
}

/* The same for few numbers, where a call would cost more than the sum. */
static inline void
mix_few(const float *w, int64_t count, int64_t inner, float *restrict y, const float *x)
{
    if (count == 2) {
        for (int64_t i = 0; i < inner; i++)
            /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): data is there */
            y[i] = w[0] * x[i] + w[1] * x[inner + i];
        return;
    }
    for (int64_t i = 0; i < inner; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): data is there */
        y[i] = w[0] * x[i];
    for (int64_t t = 1; t < count; t++)
        for (int64_t i = 0; i < inner; i++)
            y[i] += w[t] * x[t * inner + i];
}

/* One number a pixel. */
static void mix_line(const runs *r, int64_t out, float *restrict y, const float *x)
{
    const int64_t *first = r->first, *count = r->count;
    const float *w = r->weight;
    for (int64_t o = 0; o < out; o++, w += r->taps) {
        const float *from = x + first[o];
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): data is there */
        float sum = w[0] * from[0];
        if (count[o] == 2)
            sum += w[1] * from[1];
        else
            for (int64_t i = 1; i < count[o]; i++)
                sum += w[i] * from[i];
        y[o] = sum;
    }
}

static void
mix_pixels(const resize_state *s, const igi_cpu_isa *isa, float *y, const float *x)
{
    const runs *r = &s->by_col;
    const int64_t inner = s->inner, out = s->cols->out;
    if (inner == 1) {
        mix_line(r, out, y, x);
        return;
    }
    for (int64_t o = 0; o < out; o++)
        if (inner < FEW)
            mix_few(r->weight + o * r->taps, r->count[o], inner, y + o * inner,
                    x + r->first[o] * inner);
        else
            mix(isa, r, o, inner, y + o * inner, x);
}

static ig_status filter_run(ig_kernel_ctx *k, int tid, int nth)
{
    const resize_state *s = k->state;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const runs *r = &s->by_row;
    const int64_t x_row = s->cols->in * s->inner, y_row = s->cols->out * s->inner;
    const int64_t rows = s->rows->out, x_plane = s->rows->in * x_row;
    const float *from = NULL;
    float *y = igi_kf32(igi_kout(k, 0)), *row = ig_scratch(k, tid);
    float *plane = (float *)(void *)((char *)ig_scratch(k, tid) + row_bytes(s));
    int64_t lo, hi, left = IGI_POLL_BLOCK;
    ig_split(s->outer * s->planes->out * rows, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo, before = -1; i < hi; i++) {
        const int64_t p = i / rows, o = i % rows;
        if (p != before) {
            from =
                igi_kf32(igi_kin(k, 0)) + p / s->planes->out * s->planes->in * x_plane;
            if (s->planes != &s->one) {
                const int64_t at = p % s->planes->out;
                IG_TRY(igi_kpace(k, &left, s->by_plane.count[at] * x_plane));
                mix(isa, &s->by_plane, at, x_plane, plane, from);
                from = plane;
            }
            before = p;
        }
        IG_TRY(igi_kpace(k, &left, r->count[o] * x_row + y_row * s->by_col.taps + 64));
        if (s->rows != &s->one)
            mix(isa, r, o, x_row, row, from);
        mix_pixels(s, isa, y + i * y_row, s->rows != &s->one ? row : from);
    }
    return IG_OK;
}

IG_KERNELS(resize) = {
    {IG_KERNEL_HEAD, .op = "Resize", .name = "copy", .supports = nearest_supports,
     .prepare = prepare, .run_team = nearest_run, .unprepare = unprepare},
    {IG_KERNEL_HEAD, .op = "Resize", .name = "simd", .types = IG_T(FLOAT32),
     .supports = filter_supports, .prepare = filter_prepare, .run_team = filter_run,
     .unprepare = unprepare},
    {0},
};
