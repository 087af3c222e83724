/* Float32 matrix products: MatMul, Gemm and ingot::Linear over the own packed product.
 *
 * Three kernels in order: `packed` when the right matrix is a constant (packed once,
 * shared by all plans of the net), `direct` when the product is small enough to need no
 * scratch (eager code: no preparation), `blocked` for the rest, which packs a panel at
 * a time. A product of a batch is a loop; threads split panels of columns, or the batch
 * when it is long. Any split gives the same bits. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ingot/ops.h>

#include "graph/core/alloc.h"
#include "graph/core/file.h"
#include "graph/core/tensor.h"
#include "operators/cpu/kernel.h"

enum { FEW_ROWS = 4, LARGE_FLOATS = 1 << 20, STRIP_FLOATS = 1 << 20 };

/* One call as a batch of products y[m][n] = epilogue(alpha * a[m][k] * b[k][n]). */
typedef struct product {
    igi_matmul g; /* pointers of the first product */
    int rank;     /* batch axes */
    int64_t batch;
    int64_t dims[IG_RANK_MAX], a_step[IG_RANK_MAX], b_step[IG_RANK_MAX];
    float beta;         /* of c */
    const ig_tensor *c; /* Gemm: what the epilogue cannot add, added afterwards */
} product;

typedef ig_status (*reader)(const ig_kernel_ctx *k, product *p);

static void plain_batch(product *p)
{
    p->rank = 0;
    p->batch = 1;
    p->c = NULL;
    p->beta = 0;
}

/* ---- the three operators as products ---- */

static int64_t batch_step(const ig_tensor *t, int rank, int i)
{
    int at = i - (rank - (igi_krank(t) - 2));
    return at < 0 || igi_kdims(t)[at] == 1 ? 0 : igi_strides(t)[at];
}

/* MatMul: a[..., M, K] b[..., K, N]; vectors are matrices of one row or column. */
static ig_status read_matmul(const ig_kernel_ctx *k, product *p)
{
    const ig_tensor *a = igi_kin(k, 0), *b = igi_kin(k, 1), *y = igi_kout(k, 0);
    int ra = igi_krank(a), rb = igi_krank(b);
    const int64_t *da = igi_kdims(a), *db = igi_kdims(b);
    int64_t depth = da[ra - 1], n = rb > 1 ? db[rb - 1] : 1;
    plain_batch(p);
    p->g = (igi_matmul){.m = ra > 1 ? da[ra - 2] : 1,
                        .n = n,
                        .k = depth,
                        .a = igi_kf32(a),
                        .a_rs = depth,
                        .a_cs = 1,
                        .b = igi_kf32(b),
                        .b_rs = n,
                        .b_cs = 1,
                        .alpha = 1,
                        .c = igi_kf32(y),
                        .ldc = n};
    if (ra < 2 || rb < 2) {
        if ((ra > 2 && rb < 2) || (rb > 2 && ra < 2))
            return ig_reject("a vector times a batch of matrices");
        return IG_OK;
    }
    if (rb == 2) { /* one right matrix for all: rows of the batch join */
        p->g.m = igi_kcount(a, 0, ra - 1);
        return IG_OK;
    }
    p->rank = igi_krank(y) - 2;
    for (int i = 0; i < p->rank; i++) {
        p->dims[i] = igi_kdims(y)[i];
        p->batch *= p->dims[i];
        p->a_step[i] = batch_step(a, p->rank, i);
        p->b_step[i] = batch_step(b, p->rank, i);
    }
    return IG_OK;
}

static ig_status read_gemm(const ig_kernel_ctx *k, product *p)
{
    const ig_tensor *a = igi_kin(k, 0), *b = igi_kin(k, 1), *c = igi_kin(k, 2);
    const ig_gemm_opts *o = k->attrs;
    const int64_t *da = igi_kdims(a), *db = igi_kdims(b);
    bool ta = o->transA != 0, tb = o->transB != 0;
    plain_batch(p);
    p->g = (igi_matmul){.m = da[ta],
                        .n = db[!tb],
                        .k = da[!ta],
                        .a = igi_kf32(a),
                        .a_rs = ta ? 1 : da[1],
                        .a_cs = ta ? da[1] : 1,
                        .b = igi_kf32(b),
                        .b_rs = tb ? 1 : db[1],
                        .b_cs = tb ? db[1] : 1,
                        .alpha = o->alpha,
                        .c = igi_kf32(igi_kout(k, 0)),
                        .ldc = db[!tb]};
    if (!c || !(o->beta < 0 || o->beta > 0))
        return IG_OK;
    int64_t count = igi_tensor_count(c);
    bool unit = o->beta >= 1 && o->beta <= 1;
    if (unit && count == p->g.n && (igi_krank(c) == 1 || igi_kdims(c)[0] == 1))
        p->g.epilogue.bias = igi_kf32(c);
    else if (unit && igi_krank(c) == 2 && count == p->g.m * p->g.n &&
             igi_kdims(c)[0] == p->g.m)
        p->g.epilogue.residual = igi_kf32(c), p->g.epilogue.ld_residual = p->g.n;
    else
        p->c = c, p->beta = o->beta;
    return IG_OK;
}

static ig_status read_linear(const ig_kernel_ctx *k, product *p)
{
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1), *r = igi_kin(k, 3);
    const ig_ingot_linear_opts *o = k->attrs;
    int rank = igi_krank(x);
    bool t = o->trans_w != 0;
    plain_batch(p);
    p->g = (igi_matmul){.m = igi_kcount(x, 0, rank - 1),
                        .n = igi_kdims(w)[!t],
                        .k = igi_kdims(w)[t],
                        .a = igi_kf32(x),
                        .a_cs = 1,
                        .b = igi_kf32(w),
                        .alpha = o->alpha,
                        .c = igi_kf32(igi_kout(k, 0)),
                        .epilogue = igi_epilogue_of(o->activation, o->act_a, o->act_b,
                                                    o->residual_after != 0)};
    p->g.a_rs = p->g.k;
    p->g.b_rs = t ? 1 : p->g.n;
    p->g.b_cs = t ? p->g.k : 1;
    p->g.ldc = p->g.n;
    p->g.epilogue.bias = igi_kf32(igi_kin(k, 2));
    p->g.epilogue.residual = igi_kf32(r);
    p->g.epilogue.ld_residual = p->g.n;
    return IG_OK;
}

/* ---- running ---- */

/* Operands of product number i of the batch. */
static void at_batch(const product *p, int64_t i, igi_matmul *g)
{
    int64_t rest = i;
    *g = p->g;
    for (int d = p->rank - 1; d >= 0; d--) {
        int64_t at = rest % p->dims[d];
        rest /= p->dims[d];
        g->a += at * p->a_step[d];
        g->b += at * p->b_step[d];
    }
    g->c += i * p->g.m * p->g.n;
}

/* y += beta * c with c broadcast, over a part of the result. */
static void
add_c(const product *p, int64_t row_lo, int64_t row_hi, int64_t col_lo, int64_t col_hi)
{
    if (!p->c)
        return;
    const float *c = igi_kf32(p->c);
    int rank = igi_krank(p->c);
    const int64_t *d = igi_kdims(p->c);
    int64_t cs = rank > 0 && d[rank - 1] != 1 ? 1 : 0;
    int64_t rs = rank > 1 && d[0] != 1 ? d[1] : 0;
    for (int64_t i = row_lo; i < row_hi; i++)
        for (int64_t j = col_lo; j < col_hi; j++)
            p->g.c[i * p->g.n + j] += p->beta * c[i * rs + j * cs];
}

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
    ig_split(by_batch ? p.batch : 1, 1, by_batch ? tid : 0, by_batch ? nth : 1, &first,
             &last);
    ig_split(panels, 1, by_batch ? 0 : tid, by_batch ? 1 : nth, &lo, &hi);
    if (!by_batch)
        last = p.batch;
    for (int64_t i = first; i < last && lo < hi; i++) {
        at_batch(&p, i, &g);
        igi_matmul_run(isa, &g, k->scratch_bytes ? ig_scratch(k, tid) : NULL, lo, hi);
    }
    int64_t width = isa->gemm_panel, end = hi * width < p.g.n ? hi * width : p.g.n;
    if (lo < hi)
        add_c(&p, 0, p.g.m, lo * width, end);
    return IG_OK;
}

/* ---- direct: no scratch ---- */

static ig_status direct_supports(const ig_kernel_ctx *k, reader read)
{
    product p;
    size_t floats;
    IG_TRY(read(k, &p));
    if (!igi_matmul_scratch(igi_cpu_isa_best(), &p.g, &floats) || floats)
        return ig_reject("the product is too large to run without preparation");
    return IG_OK;
}

/* ---- blocked: scratch for a panel ---- */

static ig_status blocked_supports(const ig_kernel_ctx *k, reader read)
{
    product p;
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
    IG_TRY(read(k, &p));
    if (p.rank || is_empty(&p) || p.g.k == 0)
        return ig_reject("a batch of right matrices, or an empty product");
    if (p.g.a_cs != 1)
        return ig_reject("the left matrix is transposed");
    if (stays_in_place(&p.g))
        return ig_reject("few rows by a large matrix: it is read where it lies");
    return IG_OK;
}

/* A strip at a time: `strip` rows of a row-major matrix, panels of a transposed one.
 * The pages behind it are given back to the file, so that a large matrix is never in
 * memory twice. */
static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    const product *p = user;
    const ig_tensor *w = igi_kin(k, 1);
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const int64_t width = isa->gemm_panel, panels = igi_gemm_panels(isa, p->g.n);
    const bool by_rows = p->g.b_rs >= p->g.b_cs;
    const int64_t line = by_rows ? p->g.b_rs : p->g.b_cs * width;
    const int64_t count = by_rows ? p->g.k : panels;
    int64_t strip = line < STRIP_FLOATS ? STRIP_FLOATS / (line > 0 ? line : 1) : 1, n;
    for (int64_t at = 0; at < count; at += n) {
        n = count - at < strip ? count - at : strip;
        igi_gemm_source src = {.b = p->g.b + (by_rows ? at * line : 0),
                               .rs = p->g.b_rs,
                               .cs = p->g.b_cs,
                               .n = p->g.n,
                               .k = by_rows ? n : p->g.k,
                               .scale = p->g.alpha,
                               .depth = p->g.k};
        if (by_rows)
            igi_gemm_pack(isa, (float *)dst + at * width, &src, 0, panels);
        else
            igi_gemm_pack(isa, dst, &src, at, at + n);
        if (w->st && w->st->flags & IGI_MAPPED && at + n < count)
            igi_pages_forget(p->g.b + at * line, (size_t)(n * line) * sizeof(float));
    }
    return IG_OK;
}

static ig_status packed_prepare(ig_kernel_ctx *k, reader read)
{
    product p;
    size_t floats;
    char key[64];
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    if (!(k->constants &
          IG_BIT(1))) /* a strided view of one was copied since supports */
        return ig_reject("the right matrix is not constant");
    IG_TRY(read(k, &p));
    if (!igi_gemm_packed_size(isa, p.g.n, p.g.k, &floats) ||
        floats > SIZE_MAX / sizeof(float))
        return ig_kernel_fail(k, IG_LIMIT, "the right matrix is too large to pack");
    /* Equal keys mean equal bytes: layout, orientation, scale. */
    uint32_t alpha;
    memcpy(&alpha, &p.g.alpha, sizeof(alpha));
    snprintf(key, sizeof(key), "gemm %d %" PRId64 " %" PRId64 " %08x", isa->gemm_panel,
             p.g.b_rs, p.g.b_cs, alpha);
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
    isa->gemm(&g, rows_lo, rows_hi, lo, hi);
    int64_t width = isa->gemm_panel, end = hi * width < p.g.n ? hi * width : p.g.n;
    add_c(&p, rows_lo, rows_hi, lo * width, end);
    return IG_OK;
}

/* ---- the table ---- */

#define KERNELS(name_)                                                                 \
    static ig_status name_##_packed_supports(const ig_kernel_ctx *k)                   \
    {                                                                                  \
        return packed_supports(k, read_##name_);                                       \
    }                                                                                  \
    static ig_status name_##_packed_prepare(ig_kernel_ctx *k)                          \
    {                                                                                  \
        return packed_prepare(k, read_##name_);                                        \
    }                                                                                  \
    static ig_status name_##_packed_run(ig_kernel_ctx *k, int tid, int nth)            \
    {                                                                                  \
        return packed_run(k, tid, nth, read_##name_);                                  \
    }                                                                                  \
    static ig_status name_##_direct_supports(const ig_kernel_ctx *k)                   \
    {                                                                                  \
        return direct_supports(k, read_##name_);                                       \
    }                                                                                  \
    static ig_status name_##_blocked_supports(const ig_kernel_ctx *k)                  \
    {                                                                                  \
        return blocked_supports(k, read_##name_);                                      \
    }                                                                                  \
    static ig_status name_##_blocked_prepare(ig_kernel_ctx *k)                         \
    {                                                                                  \
        return blocked_prepare(k, read_##name_);                                       \
    }                                                                                  \
    static ig_status name_##_run(ig_kernel_ctx *k, int tid, int nth)                   \
    {                                                                                  \
        return run_product(k, tid, nth, read_##name_);                                 \
    }
KERNELS(matmul)
KERNELS(gemm)
KERNELS(linear)

#define ROW(op_, name_, ... /* what differs */)                                        \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = name_, .types = IG_T(FLOAT32),              \
                        .needs = IG_KERNEL_HEAVY, .unaligned = IG_BIT(1), __VA_ARGS__  \
    }
#define ROWS(op_, name_)                                                               \
    ROW(op_, "packed", .supports = name_##_packed_supports,                            \
        .prepare = name_##_packed_prepare, .run_team = name_##_packed_run,             \
        .unprepare = packed_unprepare),                                                \
        ROW(op_, "direct", .supports = name_##_direct_supports,                        \
            .run_team = name_##_run),                                                  \
        ROW(op_, "blocked", .supports = name_##_blocked_supports,                      \
            .prepare = name_##_blocked_prepare, .run_team = name_##_run)
IG_KERNELS(linear) = {
    ROWS("MatMul", matmul),
    ROWS("Gemm", gemm),
    ROWS("ingot::Linear", linear),
    {0},
};
