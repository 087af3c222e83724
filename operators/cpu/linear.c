/* Matrix products: MatMul, Gemm and ingot::Linear over the own packed product.
 *
 * Four kernels in order: `packed` when the right matrix is a constant (packed once,
 * shared by all plans of the net), `direct` when the product is small enough to need no
 * scratch (eager code: no preparation), `blocked` for the rest, which packs a panel at
 * a time, and `float64`. A product of a batch is a loop; threads split panels of
 * columns, or the batch when it is long. Any split gives the same bits.
 *
 * All but `packed` read matrices by their strides: transposed operands and heads cut
 * out of rows are no copies. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/core/file.h"
#include "graph/core/tensor.h"
#include "operators/cpu/product.h"

enum {
    FEW_ROWS = 4,
    F64_ROWS = 4,
    F64_PIECE = 1 << 27,
    LARGE_FLOATS = 1 << 20,
    STRIP_FLOATS = 1 << 20
};

typedef igi_cpu_product product;
typedef igi_cpu_reader reader;

/* ---- running ---- */

/* Where the operands of product number i of the batch begin. */
static void at_batch(const product *p, int64_t i, int64_t *a, int64_t *b)
{
    *a = *b = 0;
    for (int d = p->rank - 1; d >= 0; d--) {
        int64_t at = i % p->dims[d];
        i /= p->dims[d];
        *a += at * p->a_step[d];
        *b += at * p->b_step[d];
    }
}

/* y += beta * c with c broadcast, over a part of the result. */
#define ADD_C(name_, T_)                                                               \
    static void name_(const product *p, int64_t row_lo, int64_t row_hi,                \
                      int64_t col_lo, int64_t col_hi)                                  \
    {                                                                                  \
        int64_t rs, cs;                                                                \
        if (!p->c)                                                                     \
            return;                                                                    \
        igi_cpu_steps_of_c(p->c, &rs, &cs);                                            \
        const T_ *c = (const T_ *)(const void *)p->c->data;                            \
        T_ *y = (T_ *)(void *)p->g.c;                                                  \
        for (int64_t i = row_lo; i < row_hi; i++)                                      \
            for (int64_t j = col_lo; j < col_hi; j++)                                  \
                y[i * p->g.n + j] += (T_)p->beta * c[i * rs + j * cs];                 \
    }
ADD_C(add_c, float)
ADD_C(add_c_f64, double)

static bool is_empty(const product *p)
{
    return p->g.m == 0 || p->g.n == 0 || p->batch == 0;
}

static ig_status run_product(ig_kernel_ctx *k, int tid, int nth, reader read)
{
    product p;
    igi_matmul g;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    int64_t lo = 0, hi = 0, panels, first, last;
    IG_TRY(read(k, &p));
    if (is_empty(&p))
        return IG_OK;
    panels = igi_gemm_panels(isa, p.g.n);
    bool by_batch = p.batch >= nth && p.batch > 1;
    igi_stop stop = igi_kstop(k);
    p.g.stop = &stop;
    ig_split(by_batch ? p.batch : 1, 1, by_batch ? tid : 0, by_batch ? nth : 1, &first,
             &last);
    ig_split(panels, 1, by_batch ? 0 : tid, by_batch ? 1 : nth, &lo, &hi);
    if (!by_batch)
        last = p.batch;
    for (int64_t i = first; i < last && lo < hi && !stop.yes; i++) {
        int64_t a, b;
        if (i > first && igi_stopped(&stop))
            break;
        at_batch(&p, i, &a, &b);
        g = p.g;
        g.a += a;
        g.b += b;
        g.c += i * g.m * g.n;
        igi_matmul_run(isa, &g, k->scratch_bytes ? ig_scratch(k, tid) : NULL, lo, hi);
    }
    int64_t width = isa->gemm_panel, end = hi * width < p.g.n ? hi * width : p.g.n;
    if (lo < hi)
        add_c(&p, 0, p.g.m, lo * width, end);
    return igi_kstop_status(&stop);
}

/* ---- direct: no scratch ---- */

static ig_status one_type(const ig_kernel_ctx *k)
{
    return k->in[0]->type.dtype == k->in[1]->type.dtype
               ? IG_OK
               : ig_reject("the right matrix has another element type");
}

static ig_status direct_supports(const ig_kernel_ctx *k, reader read)
{
    product p;
    size_t floats;
    IG_TRY(one_type(k));
    IG_TRY(read(k, &p));
    if (!igi_matmul_scratch(igi_cpu_isa_best(), &p.g, &floats) || floats)
        return ig_reject("the product is too large to run without preparation");
    return IG_OK;
}

/* ---- blocked: scratch for a panel ---- */

static ig_status blocked_supports(const ig_kernel_ctx *k, reader read)
{
    product p;
    IG_TRY(one_type(k));
    return read(k, &p);
}

static ig_status blocked_prepare(ig_kernel_ctx *k, reader read)
{
    product p;
    size_t floats;
    IG_TRY(read(k, &p));
    if (!igi_matmul_scratch(igi_cpu_isa_best(), &p.g, &floats) ||
        floats > SIZE_MAX / sizeof(float))
        return ig_kernel_fail(k, IG_LIMIT, "the matrices are too large");
    k->scratch_bytes = floats * sizeof(float);
    return IG_OK;
}

/* ---- packed: a constant right matrix ---- */

typedef struct packed {
    const float *b;
} packed;

/* Few rows by a large matrix: time is reading the matrix, once, and a packed copy would
 * only double the memory that it takes. */
static bool stays_in_place(const igi_matmul *g)
{
    size_t floats;
    return g->m <= FEW_ROWS && g->n * g->k >= LARGE_FLOATS &&
           igi_matmul_scratch(igi_cpu_isa_best(), g, &floats) && floats == 0;
}

static ig_status packed_supports(const ig_kernel_ctx *k, reader read)
{
    product p;
    if (!(k->constants & IG_BIT(1)))
        return ig_reject("the right matrix is not constant");
    if (!((IG_T(FLOAT32) | IG_F16S) >> igi_kin(k, 1)->v.type.dtype & 1))
        return ig_reject("the right matrix has an element type that is not packed");
    IG_TRY(read(k, &p));
    if (p.rank || is_empty(&p) || p.g.k == 0)
        return ig_reject("a batch of right matrices, or an empty product");
    if (p.g.a_cs != 1)
        return ig_reject("the left matrix is transposed");
    if (one_type(k) == IG_OK && stays_in_place(&p.g))
        return ig_reject("few rows by a large matrix: it is read where it lies");
    return IG_OK;
}

/* Elements [at, at + n) of the right matrix as floats: in place, or widened into
 * `room`.
 */
static const float *
strip_of(const ig_tensor *w, const float *b, int64_t at, int64_t n, float *room)
{
    const uint16_t *half = (const uint16_t *)(const void *)b + at;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    if (w->v.type.dtype == IG_FLOAT32)
        return b + at;
    if (w->v.type.dtype == IG_FLOAT16)
        isa->widen_f16(room, half, n);
    else
        isa->widen_bf16(room, half, n);
    return room;
}

/* A strip at a time: `strip` rows of a row-major matrix, panels of a transposed one.
 * The pages behind it are given back to the file, so that a large matrix is never in
 * memory twice. Halves are widened on the way. */
static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    const product *p = user;
    const ig_tensor *w = igi_kin(k, 1);
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const int64_t width = isa->gemm_panel, panels = igi_gemm_panels(isa, p->g.n);
    const bool by_rows = p->g.b_rs >= p->g.n * p->g.b_cs; /* a line holds a whole row */
    const bool half = w->v.type.dtype != IG_FLOAT32;
    const int64_t line = by_rows ? p->g.b_rs : p->g.b_cs * width;
    const int64_t count = by_rows ? p->g.k : panels, all = p->g.k * p->g.n;
    const size_t element = half ? sizeof(uint16_t) : sizeof(float);
    int64_t strip = line < STRIP_FLOATS ? STRIP_FLOATS / (line > 0 ? line : 1) : 1, n;
    size_t floats;
    if (!igi_mul_size((size_t)strip, (size_t)line, &floats))
        return ig_kernel_fail(k, IG_LIMIT, "the right matrix is too large to pack");
    float *room = half ? igi_alloc_array(floats, sizeof(float)) : NULL;
    if (half && !room)
        return IG_OUT_OF_MEMORY;
    for (int64_t at = 0; at < count; at += n) {
        n = count - at < strip ? count - at : strip;
        const int64_t left = all - at * line, take = n * line < left ? n * line : left;
        igi_gemm_source src = {.b = strip_of(w, p->g.b, at * line, take, room),
                               .rs = p->g.b_rs,
                               .cs = p->g.b_cs,
                               .n = by_rows ? p->g.n : p->g.n - at * width,
                               .k = by_rows ? n : p->g.k,
                               .scale = p->g.alpha,
                               .depth = p->g.k};
        float *to = (float *)dst + (by_rows ? at * width : at * width * p->g.k);
        igi_gemm_pack(isa, to, &src, 0, by_rows ? panels : n);
        if (w->st && w->st->flags & IGI_MAPPED && at + n < count)
            igi_pages_forget((const char *)(const void *)p->g.b +
                                 (size_t)(at * line) * element,
                             (size_t)(n * line) * element);
    }
    igi_free(room);
    return IG_OK;
}

static ig_status packed_prepare(ig_kernel_ctx *k, reader read)
{
    product p;
    size_t floats;
    char key[96];
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    if (!(k->constants &
          IG_BIT(1))) /* a strided view of one was copied since supports */
        return ig_reject("the right matrix is not constant");
    IG_TRY(read(k, &p));
    if (!igi_gemm_packed_size(isa, p.g.n, p.g.k, &floats) ||
        floats > SIZE_MAX / sizeof(float))
        return ig_kernel_fail(k, IG_LIMIT, "the right matrix is too large to pack");
    /* Equal keys mean equal bytes: layout, orientation (strides alone do not tell that
     * of a column), scale. */
    uint32_t alpha;
    memcpy(&alpha, &p.g.alpha, sizeof(alpha));
    snprintf(key, sizeof(key), "gemm %d %" PRId64 " %" PRId64 " %" PRId64 " %08x",
             isa->gemm_panel, p.g.k, p.g.b_rs, p.g.b_cs, alpha);
    packed *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    s->b = ig_pack(k, 1, key, floats * sizeof(float), fill_packed, &p);
    if (!s->b) {
        ig_status rc = ig_error_status();
        igi_free(s);
        return rc;
    }
    k->state = s;
    return IG_OK;
}

static void packed_unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

static ig_status packed_run(ig_kernel_ctx *k, int tid, int nth, reader read)
{
    product p;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    int64_t lo, hi, rows_lo = 0, rows_hi;
    IG_TRY(read(k, &p));
    int64_t panels = igi_gemm_panels(isa, p.g.n);
    rows_hi = p.g.m;
    /* Rows when there are many of them and few panels. */
    if (nth > 1 && panels < 2 * nth && p.g.m >= 2 * nth * isa->gemm_rows) {
        lo = 0, hi = panels;
        ig_split(p.g.m, isa->gemm_rows, tid, nth, &rows_lo, &rows_hi);
    } else {
        ig_split(panels, 1, tid, nth, &lo, &hi);
    }
    if (lo >= hi || rows_lo >= rows_hi)
        return IG_OK;
    igi_gemm g = {.m = p.g.m,
                  .n = p.g.n,
                  .k = p.g.k,
                  .a = p.g.a,
                  .lda = p.g.a_rs,
                  .b = ((const packed *)k->state)->b,
                  .c = p.g.c,
                  .ldc = p.g.ldc,
                  .epilogue = p.g.epilogue};
    igi_stop stop = igi_kstop(k);
    igi_gemm_run(isa, &g, rows_lo, rows_hi, lo, hi, &stop);
    int64_t width = isa->gemm_panel, end = hi * width < p.g.n ? hi * width : p.g.n;
    add_c(&p, rows_lo, rows_hi, lo * width, end);
    return igi_kstop_status(&stop);
}

/* ---- float64 ---- */

static ig_status f64_run(ig_kernel_ctx *k, int tid, int nth, reader read)
{
    product p;
    int64_t rows_lo = 0, rows_hi, first = 0, last;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    IG_TRY(read(k, &p));
    if (is_empty(&p))
        return IG_OK;
    rows_hi = p.g.m;
    last = p.batch;
    if (p.batch >= nth)
        ig_split(p.batch, 1, tid, nth, &first, &last);
    else
        ig_split(p.g.m, F64_ROWS, tid, nth, &rows_lo, &rows_hi);
    int64_t rows = F64_PIECE / (p.g.k + 1) / (p.g.n + 1) / F64_ROWS * F64_ROWS;
    rows = rows < F64_ROWS ? F64_ROWS : rows;
    for (int64_t i = first; i < last && rows_lo < rows_hi; i++) {
        int64_t a, b;
        at_batch(&p, i, &a, &b);
        igi_gemm_f64 g = {.m = p.g.m,
                          .n = p.g.n,
                          .k = p.g.k,
                          .a = (const double *)(const void *)p.g.a + a,
                          .a_rs = p.g.a_rs,
                          .a_cs = p.g.a_cs,
                          .b = (const double *)(const void *)p.g.b + b,
                          .b_rs = p.g.b_rs,
                          .b_cs = p.g.b_cs,
                          .alpha = (double)p.g.alpha,
                          .c = (double *)(void *)p.g.c + i * p.g.m * p.g.n,
                          .ldc = p.g.n};
        for (int64_t r = rows_lo; r < rows_hi; r += rows) {
            IG_TRY(ig_poll(k));
            isa->gemm_f64(&g, r, rows_hi - r < rows ? rows_hi : r + rows);
        }
    }
    add_c_f64(&p, rows_lo, rows_hi, 0, p.g.n);
    return IG_OK;
}

/* ---- the table ---- */

#define KERNELS(name_)                                                                 \
    static ig_status name_##_packed_supports(const ig_kernel_ctx *k)                   \
    {                                                                                  \
        return packed_supports(k, igi_cpu_read_##name_);                               \
    }                                                                                  \
    static ig_status name_##_packed_prepare(ig_kernel_ctx *k)                          \
    {                                                                                  \
        return packed_prepare(k, igi_cpu_read_##name_);                                \
    }                                                                                  \
    static ig_status name_##_packed_run(ig_kernel_ctx *k, int tid, int nth)            \
    {                                                                                  \
        return packed_run(k, tid, nth, igi_cpu_read_##name_);                          \
    }                                                                                  \
    static ig_status name_##_direct_supports(const ig_kernel_ctx *k)                   \
    {                                                                                  \
        return direct_supports(k, igi_cpu_read_##name_);                               \
    }                                                                                  \
    static ig_status name_##_blocked_supports(const ig_kernel_ctx *k)                  \
    {                                                                                  \
        return blocked_supports(k, igi_cpu_read_##name_);                              \
    }                                                                                  \
    static ig_status name_##_blocked_prepare(ig_kernel_ctx *k)                         \
    {                                                                                  \
        return blocked_prepare(k, igi_cpu_read_##name_);                               \
    }                                                                                  \
    static ig_status name_##_run(ig_kernel_ctx *k, int tid, int nth)                   \
    {                                                                                  \
        return run_product(k, tid, nth, igi_cpu_read_##name_);                         \
    }
#define KERNEL_F64(name_)                                                              \
    static ig_status name_##_f64_run(ig_kernel_ctx *k, int tid, int nth)               \
    {                                                                                  \
        return f64_run(k, tid, nth, igi_cpu_read_##name_);                             \
    }
KERNELS(matmul)
KERNELS(gemm)
KERNELS(linear)
KERNEL_F64(matmul)
KERNEL_F64(gemm)

#define ROW(op_, name_, type_, needs_, ... /* what differs */)                         \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = name_, .types = IG_T(type_),                \
                        .needs = IG_KERNEL_HEAVY | (needs_), __VA_ARGS__               \
    }
#define ROWS(op_, name_, needs_)                                                       \
    ROW(op_, "packed", FLOAT32, 0, .unaligned = IG_BIT(1),                             \
        .supports = name_##_packed_supports, .prepare = name_##_packed_prepare,        \
        .run_team = name_##_packed_run, .unprepare = packed_unprepare),                \
        ROW(op_, "direct", FLOAT32, needs_, .unaligned = IG_BIT(1),                    \
            .supports = name_##_direct_supports, .run_team = name_##_run),             \
        ROW(op_, "blocked", FLOAT32, needs_, .unaligned = IG_BIT(1),                   \
            .supports = name_##_blocked_supports, .prepare = name_##_blocked_prepare,  \
            .run_team = name_##_run)
#define ROW_F64(op_, name_)                                                            \
    ROW(op_, "float64", FLOAT64, IG_KERNEL_STRIDED,                                    \
        .supports = name_##_blocked_supports, .run_team = name_##_f64_run)
IG_KERNELS(linear) = {
    ROWS("MatMul", matmul, IG_KERNEL_STRIDED), ROW_F64("MatMul", matmul),
    ROWS("Gemm", gemm, IG_KERNEL_STRIDED),     ROW_F64("Gemm", gemm),
    ROWS("ingot::Linear", linear, 0),          {0},
};
