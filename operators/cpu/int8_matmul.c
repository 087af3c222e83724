/* MatMulInteger and QLinearMatMul over the packed int8 product.
 *
 * With operands shifted to uint8 times int8, a' = a - ia and b' = b - ib, and zero
 * points with them: sum of (a' - za)(b' - zb) = sum a'b' - za sum b' - zb sum a' + K za
 * zb. The sums of columns come with the packed form, those of rows are only needed when
 * zb is not 0. Threads split panels of columns; each packs its own when B is no
 * constant. */
#include <ingot/ops.h>
#include <inttypes.h>
#include <stdio.h>

#include "graph/core/alloc.h"
#include "operators/common_matmul.h"
#include "operators/common_quant.h"
#include "operators/cpu/compute_int8.h"
#include "operators/cpu/kernel.h"

enum { BLOCK_BYTES = 128 << 10 };

/* Ports of the two operators; -1: has none. */
typedef struct ports {
    int a, b, a_zero, b_zero, a_scale, b_scale, y_scale, y_zero;
} ports;
static const ports integer_ports = {0, 1, 2, 3, -1, -1, -1, -1};
static const ports qlinear_ports = {0, 3, 2, 5, 1, 4, 6, 7};

typedef struct matmul_state {
    const igi_int8_isa *isa;
    igi_mat_mul_shape shape;
    igi_int8_source source;
    const void *packed;                      /* of a constant B */
    bool copies;                             /* rows of A */
    int64_t row_bytes;                       /* of a row as elements */
    int64_t block;                           /* rows at once */
    size_t shared, arrays, sums, rows, tile; /* parts of scratch, in bytes */
} matmul_state;

static const ig_tensor *port(const ig_kernel_ctx *k, int i)
{
    return i < 0 ? NULL : igi_kin(k, i);
}

/* ---- what the kernel takes ---- */

/* One number, or one a column of B: [..., 1, n]. As many may be one a matrix. */
static bool one_or_columns(const ig_tensor *t, int64_t n)
{
    int64_t count = t ? igi_tensor_count(t) : 1;
    return count == 1 || (count == n && igi_kdims(t)[igi_krank(t) - 1] == n);
}

static ig_status check_ports(const ig_kernel_ctx *k, const ports *p)
{
    const ig_tensor *b = igi_kin(k, p->b), *y = igi_kout(k, 0);
    const ig_tensor *scales[] = {port(k, p->a_scale), port(k, p->b_scale),
                                 port(k, p->y_scale)};
    igi_mat_mul_shape s;
    igi_mat_mul_set(&s, igi_kin(k, p->a), b, y);
    if (!(IGI_QUANT_BYTES >> ig_dtype_of(b) & 1))
        return ig_reject("B is not uint8 or int8");
    if (ig_dtype_of(y) != IG_INT32 && !(IGI_QUANT_BYTES >> ig_dtype_of(y) & 1))
        return ig_reject("the result is not of bytes");
    for (int i = 0; i < 3; i++)
        if (scales[i] && ig_dtype_of(scales[i]) != IG_FLOAT32)
            return ig_reject("the scales are not float32");
    if (!one_or_columns(port(k, p->a_zero), 1) ||
        !one_or_columns(port(k, p->a_scale), 1))
        return ig_reject("scales or zero points per row");
    if (!one_or_columns(port(k, p->b_zero), s.n) ||
        !one_or_columns(port(k, p->b_scale), s.n))
        return ig_reject("scales or zero points per matrix");
    return igi_tensor_count(y) && s.depth ? IG_OK : ig_reject("an empty product");
}

static ig_status integer_supports(const ig_kernel_ctx *k)
{
    return check_ports(k, &integer_ports);
}
static ig_status qlinear_supports(const ig_kernel_ctx *k)
{
    return check_ports(k, &qlinear_ports);
}

/* ---- preparing ---- */

static ig_status fill_packed(const ig_kernel_ctx *k, void *dst, void *user)
{
    const matmul_state *s = user;
    (void)k;
    igi_int8_pack(s->isa, dst, &s->source, 0, igi_int8_panels(s->isa, s->source.n));
    return IG_OK;
}

static size_t line(int64_t bytes)
{
    return (size_t)((bytes + 63) / 64 * 64);
}

static ig_status set_scratch(ig_kernel_ctx *k, matmul_state *s, size_t packed)
{
    const int64_t columns = igi_int8_panels(s->isa, s->source.n) * s->isa->panel;
    s->row_bytes = igi_int8_padded(s->isa, s->shape.depth) * s->isa->element;
    s->block = BLOCK_BYTES / s->row_bytes / s->isa->rows * s->isa->rows;
    if (s->block < s->isa->rows)
        s->block = s->isa->rows;
    s->shared = s->packed ? 0 : line((int64_t)packed);
    s->arrays = line(columns * 4);
    s->sums = line(s->block * 4);
    s->rows = s->copies ? line(s->block * s->row_bytes) : 0;
    s->tile = line((int64_t)s->isa->rows * s->isa->panel * 4);
    k->scratch_bytes = line((int64_t)(s->shared / (size_t)k->threads)) + 64 +
                       3 * s->arrays + s->sums + s->rows + s->tile;
    return IG_OK;
}

static void unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

static ig_status prepare(ig_kernel_ctx *k, const ports *p)
{
    const ig_tensor *a = igi_kin(k, p->a), *b = igi_kin(k, p->b);
    size_t bytes;
    char key[32];
    matmul_state *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    k->state = s;
    s->isa = igi_int8_best();
    igi_mat_mul_set(&s->shape, a, b, igi_kout(k, 0));
    s->source = (igi_int8_source){.b = b->data,
                                  .is_signed = ig_dtype_of(b) == IG_INT8,
                                  .n = s->shape.n,
                                  .step_n = 1,
                                  .count = {1, 1, s->shape.depth},
                                  .step = {0, 0, s->shape.n}};
    s->copies = s->isa->element > 1 || ig_dtype_of(a) == IG_INT8 ||
                igi_int8_padded(s->isa, s->shape.depth) != s->shape.depth;
    ig_status rc = IG_OK;
    if (!igi_int8_packed_bytes(s->isa, &s->source, &bytes))
        rc = ig_fail(IG_UNSUPPORTED, "the product is too large");
    if (rc == IG_OK && igi_krank(b) <= 2 && k->constants & IG_BIT(p->b)) {
        snprintf(key, sizeof(key), "int8 %s", s->isa->name);
        s->packed = ig_pack(k, p->b, key, bytes, fill_packed, s);
        rc = s->packed ? IG_OK : ig_error_status();
    }
    if (rc == IG_OK)
        rc = set_scratch(k, s, bytes);
    if (rc != IG_OK)
        unprepare(k);
    return rc;
}

static ig_status integer_prepare(ig_kernel_ctx *k)
{
    return prepare(k, &integer_ports);
}
static ig_status qlinear_prepare(ig_kernel_ctx *k)
{
    return prepare(k, &qlinear_ports);
}

/* ---- running ---- */

/* One thread's view of one matrix product of the batch. */
typedef struct job {
    const matmul_state *s;
    const char *a;
    char *y;
    bool a_signed;
    const void *packed;
    int64_t y_size; /* bytes of an element */
    igi_int8_finish finish;
    int32_t *bias, *b_zero, *sums, *acc;
    float *factor;
    char *rows;
} job;

static float number(const ig_tensor *t, int64_t i, float none)
{
    if (!t)
        return none;
    return (float)igi_get_f64(ig_dtype_of(t), t->data, igi_tensor_count(t) > 1 ? i : 0);
}

/* Arrays of the columns [lo, hi); zeros behind the last. */
static void
set_columns(const ig_kernel_ctx *k, const ports *p, job *j, int64_t lo, int64_t hi)
{
    const matmul_state *s = j->s;
    const int32_t *sum = igi_int8_sums(s->isa, j->packed, &s->source);
    const uint32_t za =
        (uint32_t)((int32_t)number(port(k, p->a_zero), 0, 0) + (j->a_signed ? 128 : 0));
    const ig_tensor *zero = port(k, p->b_zero), *scale = port(k, p->b_scale);
    const float a_scale = number(port(k, p->a_scale), 0, 1),
                y_scale = number(port(k, p->y_scale), 0, 1);
    bool zeros = false;
    for (int64_t n = lo; n < hi; n++) {
        bool in = n < s->shape.n;
        int32_t zb =
            in ? (int32_t)number(zero, n, 0) - (s->source.is_signed ? 0 : 128) : 0;
        zeros = zeros || zb;
        j->b_zero[n] = zb;
        j->bias[n] = in ? (int32_t)((uint32_t)s->shape.depth * za * (uint32_t)zb -
                                    za * (uint32_t)sum[n])
                        : 0;
        j->factor[n] = in ? a_scale * number(scale, n, 1) / y_scale : 0;
    }
    j->finish = (igi_int8_finish){.bias = j->bias, .b_zero = zeros ? j->b_zero : NULL};
    if (p->y_scale >= 0) {
        int32_t low, high;
        igi_quant_range(ig_dtype_of(igi_kout(k, 0)), &low, &high);
        j->finish.factor = j->factor;
        j->finish.zero = number(port(k, p->y_zero), 0, 0);
        j->finish.low = (float)low;
        j->finish.high = (float)high;
    }
}

/* Rows [lo, hi) of A as elements; returns the first and the bytes between them. */
static const char *take_rows(const job *j, int64_t lo, int64_t hi, int64_t *lda)
{
    const matmul_state *s = j->s;
    const int64_t depth = s->shape.depth;
    *lda = s->copies ? s->row_bytes : depth;
    for (int64_t i = lo; i < hi && (s->copies || j->finish.b_zero); i++) {
        const char *row = j->a + i * depth;
        j->sums[i - lo] = s->copies
                              ? igi_int8_copy_row(s->isa, j->rows + (i - lo) * *lda,
                                                  row, depth, j->a_signed)
                              : igi_int8_row_sum(row, depth);
    }
    return s->copies ? j->rows : j->a + lo * depth;
}

/* Rows [lo, hi), at most a block, times the panels [from, to). */
static void run_block(const job *j, int64_t lo, int64_t hi, int64_t from, int64_t to)
{
    const matmul_state *s = j->s;
    const int64_t panel = s->isa->panel, n = s->shape.n, m = hi - lo;
    const int64_t tiles = (m + s->isa->rows - 1) / s->isa->rows;
    igi_int8_tile t = {.segments = 1,
                       .steps = igi_int8_padded(s->isa, s->shape.depth) *
                                s->isa->element / 4,
                       .c = j->acc};
    const char *a = take_rows(j, lo, hi, &t.lda);
    for (int64_t p = from; p < to; p++) {
        const int64_t col = p * panel, columns = n - col < panel ? n - col : panel;
        t.b = igi_int8_panel(s->isa, j->packed, &s->source, p);
        for (int64_t q = 0; q < tiles; q++) { /* heights spread evenly */
            const int64_t first = m * q / tiles;
            t.m = m * (q + 1) / tiles - first;
            t.a = a + first * t.lda;
            s->isa->tile(&t);
            s->isa->finish(&j->finish,
                           &(igi_int8_rows){
                               .acc = j->acc,
                               .m = t.m,
                               .n = columns,
                               .col = col,
                               .y = j->y + ((lo + first) * n + col) * j->y_size,
                               .ld_y = n * j->y_size,
                               .row_sums = j->finish.b_zero ? j->sums + first : NULL});
        }
    }
}

static void set_parts(const ig_kernel_ctx *k, job *j, int tid)
{
    const matmul_state *s = j->s;
    const size_t private = 3 * s->arrays + s->sums + s->rows + s->tile;
    char *at = k->scratch + s->shared + (size_t)tid * private;
    j->packed = s->packed ? s->packed : k->scratch;
    j->bias = (int32_t *)(void *)at;
    j->b_zero = (int32_t *)(void *)(at + s->arrays);
    j->factor = (float *)(void *)(at + 2 * s->arrays);
    j->sums = (int32_t *)(void *)(at + 3 * s->arrays);
    j->acc = (int32_t *)(void *)(at + 3 * s->arrays + s->sums);
    j->rows = at + 3 * s->arrays + s->sums + s->tile;
}

static ig_status run(ig_kernel_ctx *k, const ports *p, int tid, int nth)
{
    const matmul_state *s = k->state;
    const ig_tensor *a = igi_kin(k, p->a), *b = igi_kin(k, p->b), *y = igi_kout(k, 0);
    const igi_mat_mul_shape *m = &s->shape;
    int64_t from, to;
    job j = {.s = s,
             .a_signed = ig_dtype_of(a) == IG_INT8,
             .y_size = ig_dtype_of(y) == IG_INT32 ? 4 : 1};
    set_parts(k, &j, tid);
    ig_split(igi_int8_panels(s->isa, m->n), 1, tid, nth, &from, &to);
    for (int64_t item = 0; item < m->items && from < to; item++) {
        const int64_t *dims = igi_kdims(y);
        j.a = (const char *)a->data +
              igi_batch_offset(a, m->m * m->depth, dims, m->batch, item);
        j.y = (char *)y->data + item * m->m * m->n * j.y_size;
        if (!s->packed) {
            igi_int8_source source = s->source;
            source.b = (const char *)b->data +
                       igi_batch_offset(b, m->depth * m->n, dims, m->batch, item);
            igi_int8_pack(s->isa, k->scratch, &source, from, to);
        }
        if (item == 0 || !s->packed)
            set_columns(k, p, &j, from * s->isa->panel, to * s->isa->panel);
        for (int64_t lo = 0; lo < m->m; lo += s->block) {
            IG_TRY(ig_poll(k));
            run_block(&j, lo, m->m - lo < s->block ? m->m : lo + s->block, from, to);
        }
    }
    return IG_OK;
}

static ig_status integer_run(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, &integer_ports, tid, nth);
}
static ig_status qlinear_run(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, &qlinear_ports, tid, nth);
}

#define ROW(op_, word_)                                                                \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "int8", .types = IGI_QUANT_BYTES,           \
                        .needs = IG_KERNEL_HEAVY, .supports = word_##_supports,        \
                        .prepare = word_##_prepare, .run_team = word_##_run,           \
                        .unprepare = unprepare                                         \
    }
IG_KERNELS(int8_matmul) = {
    ROW("MatMulInteger", integer),
    ROW("QLinearMatMul", qlinear),
    {0},
};
