/* Attention: as one fused plan of cuDNN where it takes the call, else by two products
 * of cuBLASLt with a masked softmax between them.
 *
 * The second way keeps the scores in scratch: float32 (float64) between products over
 * any type. Grouped query heads share keys: their batch axes have stride 0 there. With
 * caches, past and new keys go to the present outputs first and are read from there. */
#include <string.h>

#include "operators/common_attention.h"
#include "operators/gpu/attention.h"
#include "operators/gpu/cuda.h"
#include "operators/gpu/product.h"

typedef struct attention_state {
    gpu_lt *scores, *values;
    size_t at_probabilities, at_work;
} attention_state;

bool gpu_rows_adjacent(const ig_tensor *t)
{
    return !t || ig_dims(t)[ig_rank(t) - 1] == 1 || ig_strides(t)[ig_rank(t) - 1] == 1;
}

/* ---- the products ---- */

/* Keys or values: where they are read, and how. */
static igi_heads keys_of(const igi_attention *a)
{
    return a->past ? a->present_k : a->k;
}
static igi_heads values_of(const igi_attention *a)
{
    return a->past ? a->present_v : a->v;
}

/* Batches of batch items, key heads and the query heads that share one. */
static ig_status set_batches(gpu_product *p,
                             const igi_attention *a,
                             const igi_heads *left,
                             const igi_heads *shared,
                             const igi_heads *y)
{
    int64_t group = a->kv_heads ? a->q_heads / a->kv_heads : 0;
    const int64_t dims[3] = {a->batch, a->kv_heads, group};
    const int64_t sa[3] = {left->batch, left->head * group, left->head};
    const int64_t sb[3] = {shared->batch, shared->head, 0};
    const int64_t sy[3] = {y->batch, y->head * group, y->head};
    IG_TRY(gpu_product_batches(p, 3, dims, sa, sb, sy));
    return gpu_product_check(p);
}

static igi_heads scores_of(const igi_attention *a)
{
    int64_t head = a->q_len * a->total;
    return (igi_heads){a->q_heads * head, head, a->total};
}

static ig_status scores_product(gpu_product *p, const igi_attention *a, ig_dtype type)
{
    igi_heads k = keys_of(a), s = scores_of(a);
    *p = (gpu_product){.m = a->q_len,
                       .n = a->total,
                       .depth = a->size,
                       .ld_y = a->total,
                       .type = type,
                       .type_y = type == IG_FLOAT64 ? IG_FLOAT64 : IG_FLOAT32,
                       .alpha = (float)a->scale};
    if (!gpu_matrix_set(&p->a, p->m, p->depth, a->q.row, 1) ||
        !gpu_matrix_set(&p->b, p->depth, p->n, 1, k.row))
        return ig_reject("overlapping rows of queries or keys");
    return set_batches(p, a, &a->q, &k, &s);
}

static ig_status values_product(gpu_product *p, const igi_attention *a, ig_dtype type)
{
    igi_heads v = values_of(a), s = scores_of(a);
    *p = (gpu_product){.m = a->q_len,
                       .n = a->v_size,
                       .depth = a->total,
                       .ld_y = a->q_len == 1 ? a->v_size : a->y.row,
                       .type = type,
                       .type_y = type,
                       .alpha = 1};
    if (!gpu_matrix_set(&p->a, p->m, p->depth, a->total, 1) ||
        !gpu_matrix_set(&p->b, p->depth, p->n, v.row, 1))
        return ig_reject("overlapping rows of values");
    return set_batches(p, a, &s, &v, &a->y);
}

bool gpu_attention_window(const ig_kernel_ctx *k)
{
    for (const ig_attr_def *a = k->op->attrs; a && a->name; a++)
        if (!strcmp(a->name, "local_window_size"))
            return *(const int64_t *)(const void *)((const char *)k->attrs +
                                                    a->offset) > 0;
    return false;
}

static ig_status read_call(const ig_kernel_ctx *k,
                           igi_attention *a,
                           gpu_product *scores,
                           gpu_product *values)
{
    ig_dtype type = ig_dtype_of(ig_in(k, IGI_ATT_Q));
    const ig_tensor *mask = ig_in(k, IGI_ATT_MASK);
    for (int i = 0; i <= IGI_ATT_PAST_V; i++)
        if (i != IGI_ATT_MASK && !gpu_rows_adjacent(ig_in(k, i)))
            return ig_reject("rows of heads that are not contiguous");
    if (ig_dtype_of(ig_in(k, IGI_ATT_V)) != type)
        return ig_reject("values of another type than queries");
    if (mask && !(IG_BIT(ig_dtype_of(mask)) & (IG_FLOATS | IG_T(BOOL))))
        return ig_reject("a mask of integers");
    if (gpu_attention_window(k))
        return ig_reject("a local window of keys");
    if (ig_out(k, IGI_ATT_SCORES) || !ig_out(k, IGI_ATT_Y))
        return ig_reject("qk_matmul_output is wanted, or Y is not");
    if (ig_in(k, IGI_ATT_PAST_K) &&
        !(ig_out(k, IGI_ATT_PRESENT_K) && ig_out(k, IGI_ATT_PRESENT_V)))
        return ig_reject("caches whose continuation is not wanted");
    igi_attention_read(k, a);
    IG_TRY(scores_product(scores, a, type));
    return values_product(values, a, type);
}

static ig_status supports(const ig_kernel_ctx *k)
{
    igi_attention a;
    gpu_product scores, values;
    return read_call(k, &a, &scores, &values);
}

/* ---- preparing ---- */

static void unprepare(ig_kernel_ctx *k)
{
    attention_state *s = k->state;
    if (!s)
        return;
    gpu_lt_free(s->scores);
    gpu_lt_free(s->values);
    gpu_heap_free(s);
    k->state = NULL;
}

static size_t round_up(size_t bytes)
{
    return (bytes + 255) & ~(size_t)255;
}

/* Scratch: scores, probabilities (in place of scores of their type), workspace. */
static void set_scratch(ig_kernel_ctx *k, const igi_attention *a, ig_dtype type)
{
    attention_state *s = k->state;
    size_t n = (size_t)(a->batch * a->q_heads * a->q_len * a->total);
    size_t one = type == IG_FLOAT64 ? 8 : 4, own = (size_t)ig_dtype_bits(type) / 8;
    size_t w = gpu_lt_workspace(s->scores), v = gpu_lt_workspace(s->values);
    s->at_probabilities = own == one ? 0 : round_up(n * one);
    s->at_work = s->at_probabilities + round_up(n * own);
    k->scratch_bytes = s->at_work + (w > v ? w : v);
}

static ig_status prepare(ig_kernel_ctx *k)
{
    igi_attention a;
    gpu_product scores, values;
    IG_TRY(read_call(k, &a, &scores, &values));
    attention_state *s = gpu_heap(1, sizeof(*s));
    if (!s)
        return ig_kernel_fail(k, IG_OUT_OF_MEMORY, "out of memory for its state");
    k->state = s;
    ig_status rc = gpu_lt_new(&s->scores, k, &scores, CUBLASLT_EPILOGUE_DEFAULT);
    if (rc == IG_OK)
        rc = gpu_lt_new(&s->values, k, &values, CUBLASLT_EPILOGUE_DEFAULT);
    if (rc != IG_OK) {
        unprepare(k);
        return rc;
    }
    set_scratch(k, &a, ig_dtype_of(ig_in(k, IGI_ATT_Q)));
    return IG_OK;
}

/* ---- running ---- */

/* `rows` rows of all heads from one place to another, from row `first` of it on. */
static ig_status copy_rows(ig_kernel_ctx *k,
                           const igi_attention *a,
                           const ig_tensor *from,
                           const igi_heads *f,
                           ig_tensor *to,
                           const igi_heads *t,
                           int64_t first,
                           int64_t rows,
                           int64_t size)
{
    const int64_t dims[4] = {a->batch, a->kv_heads, rows, size};
    const int64_t source[4] = {f->batch, f->head, f->row, 1};
    const int64_t target[4] = {t->batch, t->head, t->row, 1};
    size_t element = (size_t)ig_dtype_bits(ig_dtype_of(to)) / 8;
    char *at = (char *)ig_data(to) + (size_t)(first * t->row) * element;
    return rows
               ? gpu_move(k->queue, element, 4, dims, at, target, ig_data(from), source)
               : IG_OK;
}

static ig_status fill_present(ig_kernel_ctx *k, const igi_attention *a)
{
    for (int i = 0; i < 2; i++) {
        ig_tensor *to = ig_out(k, IGI_ATT_PRESENT_K + i);
        const ig_tensor *past = ig_in(k, IGI_ATT_PAST_K + i);
        const igi_heads *t = i ? &a->present_v : &a->present_k;
        int64_t size = i ? a->v_size : a->size;
        if (!to)
            continue;
        if (past)
            IG_TRY(copy_rows(k, a, past, i ? &a->past_v : &a->past_k, to, t, 0, a->past,
                             size));
        IG_TRY(copy_rows(k, a, ig_in(k, IGI_ATT_K + i), i ? &a->v : &a->k, to, t,
                         a->past, a->kv_len, size));
    }
    return IG_OK;
}

static ig_status run_softmax(ig_kernel_ctx *k, const igi_attention *a)
{
    const attention_state *s = k->state;
    const ig_tensor *lengths = ig_in(k, IGI_ATT_LENGTHS);
    gpu_masked m = {.type = ig_dtype_of(ig_in(k, IGI_ATT_Q)),
                    .scores = k->scratch,
                    .probabilities = k->scratch + s->at_probabilities,
                    .batch = a->batch,
                    .heads = a->q_heads,
                    .rows = a->q_len,
                    .total = a->total,
                    .past = a->past,
                    .cap = (double)a->attrs->softcap,
                    .causal = a->attrs->is_causal != 0,
                    .mask = ig_in(k, IGI_ATT_MASK),
                    .mask_len = a->mask_len,
                    .lengths = lengths ? ig_data(lengths) : NULL};
    for (int i = 0; i < 4; i++)
        m.mask_stride[i] = a->mask_stride[i];
    return gpu_masked_softmax(k, &m);
}

static ig_status run(ig_kernel_ctx *k)
{
    const attention_state *s = k->state;
    igi_attention a;
    igi_attention_read(k, &a);
    IG_TRY(fill_present(k, &a));
    const ig_tensor *key = a.past ? ig_out(k, IGI_ATT_PRESENT_K) : ig_in(k, IGI_ATT_K);
    const ig_tensor *value =
        a.past ? ig_out(k, IGI_ATT_PRESENT_V) : ig_in(k, IGI_ATT_V);
    gpu_lt_data d = {.a = ig_data(ig_in(k, IGI_ATT_Q)),
                     .b = ig_data(key),
                     .y = k->scratch,
                     .workspace = k->scratch + s->at_work};
    IG_TRY(gpu_lt_run(k, s->scores, &d));
    IG_TRY(run_softmax(k, &a));
    d.a = k->scratch + s->at_probabilities;
    d.b = ig_data(value);
    d.y = ig_data(ig_out(k, IGI_ATT_Y));
    return gpu_lt_run(k, s->values, &d);
}

#define ROW(needs_)                                                                    \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = "Attention", .name = "cublaslt", .types = IG_FLOATS,     \
                        .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY | (needs_),        \
                        .supports = supports, .prepare = prepare, .run = run,          \
                        .unprepare = unprepare                                         \
    }

GPU_TABLE(attention) = {
    ROW(IG_KERNEL_STRIDED),
    ROW(IG_NEED_CONTIGUOUS),
    {0},
};
