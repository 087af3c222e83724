/* Float32 Attention in blocks: no matrix of all scores is ever in memory.
 *
 * For every head of keys, blocks of KEYS keys are packed once (scaled), then every
 * block of queries of the heads that share them takes scores by the matrix product, exp
 * and sum in one pass over the rows in L1, and adds P V to its rows of Y. With several
 * blocks of keys the rows carry the largest score so far and are rescaled when it grows
 * (Milakov and Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135). Blocks of
 * keys that a causal mask, a length or a window hides from a whole block of queries are
 * never touched. Few queries (decoding) read keys and values where they lie.
 *
 * Threads share blocks of queries, whose edges depend on shapes alone: any number of
 * threads gives the same bits. */
#include <math.h>
#include <string.h>

#include "graph/core/checked.h"
#include "operators/cpu/attention.h"

enum { KEYS = 512, FEW_ROWS = 4, PACK_VALUES_FROM = 32, LINE = 16 };

typedef struct plan {
    igi_attention a;
    const igi_cpu_isa *isa;
    int64_t group;  /* query heads of a head of keys */
    int64_t blocks; /* of queries of these heads, together */
    int64_t rows;   /* of a block at most */
    int64_t heads; /* query heads that a block cuts across: 1, or all when q_len is 1 */
    int64_t keys;  /* of a block at most */
    bool dots, pack_values;
    int64_t ld; /* of a row of scores */
    size_t keys_floats, values_floats, scores_floats, floats;
} plan;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool scratch_of(plan *p)
{
    const igi_attention *a = &p->a;
    size_t state;
    p->keys_floats = p->values_floats = 0;
    if (!p->dots && !igi_gemm_packed_size(p->isa, p->keys, a->size, &p->keys_floats))
        return false;
    if (p->pack_values &&
        !igi_gemm_packed_size(p->isa, a->v_size, p->keys, &p->values_floats))
        return false;
    p->scores_floats = (size_t)(p->rows * p->ld);
    return igi_mul_size((size_t)a->q_len, (size_t)p->group, &state) &&
           igi_mul_size(state, 2, &state) &&
           igi_add_size(p->keys_floats, p->values_floats, &p->floats) &&
           igi_add_size(p->floats, p->scores_floats, &p->floats) &&
           igi_add_size(p->floats, state, &p->floats) &&
           p->floats <= PTRDIFF_MAX / sizeof(float);
}

static ig_status make_plan(const ig_kernel_ctx *k, plan *p)
{
    igi_attention_read(k, &p->a);
    const igi_attention *a = &p->a;
    p->isa = igi_cpu_isa_best();
    p->group = a->q_heads / a->kv_heads;
    p->heads = a->q_len == 1 ? p->group : 1;
    const int64_t each = a->q_len == 1 ? p->group : a->q_len; /* rows that blocks cut */
    const int64_t cuts = (each + p->isa->gemm_rows - 1) / p->isa->gemm_rows;
    p->blocks = cuts * (a->q_len == 1 ? 1 : p->group);
    p->rows = smaller(each, p->isa->gemm_rows);
    p->keys = smaller(a->total, KEYS);
    p->dots = each * (a->q_len == 1 ? 1 : p->group) <= FEW_ROWS;
    p->pack_values = a->q_len * p->group >= PACK_VALUES_FROM;
    p->ld = (p->keys + LINE - 1) / LINE * LINE + LINE;
    if (!scratch_of(p))
        return ig_kernel_fail(k, IG_LIMIT, "too many queries for one call");
    return IG_OK;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    IG_TRY(igi_cpu_attention_computes(k));
    for (int i = 0; i < IGI_ATT_MASK + 3; i++) {
        const ig_tensor *t = i == IGI_ATT_MASK ? NULL : igi_kin(k, i);
        if (t && igi_kdims(t)[igi_krank(t) - 1] > 1 &&
            igi_strides(t)[igi_krank(t) - 1] != 1)
            return ig_reject("elements of a head are not adjacent");
    }
    igi_attention a;
    igi_attention_read(k, &a);
    if (a.mask_stride[3] > 1 || a.mask_stride[3] < 0)
        return ig_reject("elements of a row of the mask are not adjacent");
    return IG_OK;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    plan p;
    IG_TRY(make_plan(k, &p));
    k->scratch_bytes = p.floats * sizeof(float);
    return IG_OK;
}

/* ---- one block of keys ---- */

typedef struct span { /* keys [first, first + n), rows of one tensor */
    int64_t first, n;
    const float *k, *v;
    int64_t k_row, v_row;
} span;

typedef struct work {
    const plan *p;
    const ig_kernel_ctx *k;
    int64_t b, kv_head;
    float *packed_keys, *packed_values, *scores, *high, *sum;
    float *shown; /* scores as an output; NULL: not wanted */
} work;

/* The block of keys from `first` on: it ends where the past does. */
static span span_at(const work *w, int64_t first)
{
    const igi_attention *a = &w->p->a;
    const bool old = first < a->past;
    const igi_heads *k = old ? &a->past_k : &a->k, *v = old ? &a->past_v : &a->v;
    const int64_t at = old ? first : first - a->past;
    const int64_t end = old ? a->past : a->total;
    return (span){
        .first = first,
        .n = smaller(w->p->keys, end - first),
        .k = igi_kf32(igi_kin(w->k, old ? IGI_ATT_PAST_K : IGI_ATT_K)) +
             igi_heads_at(k, w->b, w->kv_head) + at * k->row,
        .v = igi_kf32(igi_kin(w->k, old ? IGI_ATT_PAST_V : IGI_ATT_V)) +
             igi_heads_at(v, w->b, w->kv_head) + at * v->row,
        .k_row = k->row,
        .v_row = v->row,
    };
}

static void pack_span(const work *w, const span *s)
{
    const plan *p = w->p;
    const igi_gemm_source keys = {.b = s->k,
                                  .rs = 1,
                                  .cs = s->k_row,
                                  .n = s->n,
                                  .k = p->a.size,
                                  .scale = (float)p->a.scale};
    const igi_gemm_source values = {
        .b = s->v, .rs = s->v_row, .cs = 1, .n = p->a.v_size, .k = s->n, .scale = 1};
    if (!p->dots)
        igi_gemm_pack(p->isa, w->packed_keys, &keys, 0, igi_gemm_panels(p->isa, s->n));
    if (p->pack_values)
        igi_gemm_pack(p->isa, w->packed_values, &values, 0,
                      igi_gemm_panels(p->isa, p->a.v_size));
}

/* ---- one block of queries ---- */

typedef struct queries {
    int64_t head, row, n;        /* first query head, first row, number */
    int64_t head_step, row_step; /* from one query of the block to the next */
    const float *q;
    float *y;
    int64_t ldq, ldy;
    int64_t state; /* of the first one in work.high and work.sum */
} queries;

static queries queries_at(const work *w, int64_t block)
{
    const plan *p = w->p;
    const igi_attention *a = &p->a;
    const bool one = a->q_len == 1;
    const int64_t each = one ? p->group : a->q_len;
    const int64_t cuts = p->blocks / (one ? 1 : p->group);
    const int64_t cut = block % cuts, head = w->kv_head * p->group + block / cuts;
    const int64_t from = cut * each / cuts, to = (cut + 1) * each / cuts;
    queries q = {.head = one ? head + from : head,
                 .row = one ? 0 : from,
                 .n = to - from,
                 .head_step = one,
                 .row_step = !one,
                 .ldq = one ? a->q.head : a->q.row,
                 .ldy = one ? a->y.head : a->y.row,
                 .state = block / cuts * each + from};
    q.q = igi_kf32(igi_kin(w->k, IGI_ATT_Q)) + igi_heads_at(&a->q, w->b, q.head) +
          q.row * a->q.row;
    q.y = igi_kf32(igi_kout(w->k, IGI_ATT_Y)) + igi_heads_at(&a->y, w->b, q.head) +
          q.row * a->y.row;
    return q;
}

/* scores[n][ld] = scale * q k^T for the first `keys` of the span. */
static void take_scores(const work *w, const span *s, const queries *q, int64_t keys)
{
    const plan *p = w->p;
    igi_gemm g = {.m = q->n,
                  .n = keys,
                  .k = p->a.size,
                  .a = q->q,
                  .lda = q->ldq,
                  .b = p->dots ? s->k : w->packed_keys,
                  .ldb = p->dots ? s->k_row : 0,
                  .c = w->scores,
                  .ldc = p->ld};
    if (!p->dots) {
        p->isa->gemm(&g, 0, q->n, 0, igi_gemm_panels(p->isa, keys));
        return;
    }
    const float scale = (float)p->a.scale;
    p->isa->gemm_dot(&g, 0, keys);
    for (int64_t i = 0; i < q->n; i++)
        p->isa->binary[IGI_BINARY_MUL][IGI_BINARY_VS](
            w->scores + i * p->ld, w->scores + i * p->ld, &scale, keys);
}

static void
add_mask(const work *w, float *s, const span *at, int64_t head, int64_t row, int64_t n)
{
    const ig_tensor *m = igi_kin(w->k, IGI_ATT_MASK);
    const int64_t *st = w->p->a.mask_stride;
    if (!m || n <= 0)
        return;
    const int64_t from = w->b * st[0] + head * st[1] + row * st[2] + at->first * st[3];
    if (m->v.type.dtype == IG_FLOAT32) {
        w->p->isa->binary[IGI_BINARY_ADD][st[3] ? IGI_BINARY_VV : IGI_BINARY_VS](
            s, s, igi_kf32(m) + from, n);
        return;
    }
    const uint8_t *keep = (const uint8_t *)m->data + from;
    for (int64_t t = 0; t < n; t++)
        s[t] = keep[t * st[3]] ? s[t] : -INFINITY;
}

static void cap_scores(const work *w, float *s, int64_t n)
{
    const float cap = w->p->a.attrs->softcap;
    const igi_cpu_isa *isa = w->p->isa;
    if (!(cap > 0))
        return;
    isa->binary[IGI_BINARY_DIV][IGI_BINARY_VS](s, s, &cap, n);
    isa->unary[IGI_UNARY_TANH](s, s, n, NULL);
    isa->binary[IGI_BINARY_MUL][IGI_BINARY_VS](s, s, &cap, n);
}

typedef struct range { /* keys [first, end) of a span */
    int64_t first, end;
} range;

/* Those that a query sees of the span's first n. */
static range seen_by(const work *w, const span *at, int64_t row, int64_t n)
{
    const igi_attention *a = &w->p->a;
    int64_t end = smaller(igi_attention_keys(w->k, a, w->b, row) - at->first, n);
    int64_t first = igi_attention_first(w->k, a, w->b, row) - at->first;
    end = end < 0 ? 0 : end;
    return (range){first < 0 ? 0 : smaller(first, end), end};
}

static float *shown_row(const work *w, int64_t head, int64_t row)
{
    const igi_attention *a = &w->p->a;
    return w->shown + ((w->b * a->q_heads + head) * a->q_len + row) * a->total;
}

/* Scores of one query as the output wants them; a softmax is taken at the end. */
static void show(const work *w,
                 int64_t mode,
                 const float *s,
                 const span *at,
                 int64_t head,
                 int64_t row,
                 int64_t n)
{
    const igi_attention *a = &w->p->a;
    const int64_t want = a->attrs->qk_matmul_output_mode;
    if (!w->shown || (want == IGI_SCORES_SOFTMAX ? IGI_SCORES_MASKED : want) != mode)
        return;
    memcpy(shown_row(w, head, row) + at->first, s, (size_t)n * sizeof(*s));
}

/* Scores of query i of the block to exp(score - largest); the row of Y and the sum are
 * rescaled to the largest score so far. n: keys of the block. */
static void
softmax_step(const work *w, const span *at, const queries *q, int64_t i, int64_t n)
{
    const plan *p = w->p;
    float *s = w->scores + i * p->ld, *high = w->high + q->state + i,
          *sum = w->sum + q->state + i;
    const int64_t head = q->head + i * q->head_step, row = q->row + i * q->row_step;
    const range in = seen_by(w, at, row, n);
    const int64_t count = in.end - in.first;
    show(w, IGI_SCORES_RAW, s, at, head, row, n);
    cap_scores(w, s, w->shown ? n : in.end);
    show(w, IGI_SCORES_CAPPED, s, at, head, row, n);
    add_mask(w, s, at, head, row, in.end);
    for (int64_t t = 0; w->shown && t < n; t++)
        s[t] = t < in.first || t >= in.end ? -INFINITY : s[t];
    show(w, IGI_SCORES_MASKED, s, at, head, row, n);
    const bool first = at->first == 0;
    const float before = first ? -INFINITY : *high;
    const float block = p->isa->reduce(IGI_REDUCE_MAX, s + in.first, count);
    const float now = before > block || isnan(before) ? before : block;
    *high = now;
    if (now == -INFINITY) { /* nothing seen yet: NaN only if that stays so */
        memset(s, 0, (size_t)n * sizeof(*s));
        *sum = 0;
        return;
    }
    const float grown = p->isa->exp_sum(s + in.first, s + in.first, count, 1.0f, now);
    memset(s, 0, (size_t)in.first * sizeof(*s));
    memset(s + in.end, 0, (size_t)(n - in.end) * sizeof(*s));
    const float keep = first ? 0.0f : expf(before - now);
    *sum = first ? grown : *sum * keep + grown;
    if (!first && keep != 1.0f)
        p->isa->binary[IGI_BINARY_MUL][IGI_BINARY_VS](
            q->y + i * q->ldy, q->y + i * q->ldy, &keep, p->a.v_size);
}

/* Keys of the span that some query of the block sees. */
static int64_t keys_seen(const work *w, const span *s, const queries *q)
{
    const int64_t last = q->row + (q->n - 1) * q->row_step;
    if (w->shown)
        return s->n;
    const bool passed =
        igi_attention_first(w->k, &w->p->a, w->b, q->row) >= s->first + s->n;
    return passed ? 0 : seen_by(w, s, last, s->n).end;
}

/* y += p v over the first n keys of the span. */
static void add_values(const work *w, const span *s, const queries *q, int64_t n)
{
    const plan *p = w->p;
    igi_gemm g = {.m = q->n,
                  .n = p->a.v_size,
                  .k = n,
                  .a = w->scores,
                  .lda = p->ld,
                  .b = p->pack_values ? w->packed_values : s->v,
                  .ldb = p->pack_values ? 0 : s->v_row,
                  .depth = s->n,
                  .c = q->y,
                  .ldc = q->ldy};
    if (s->first > 0) {
        g.epilogue.residual = g.c;
        g.epilogue.ld_residual = q->ldy;
    }
    p->isa->gemm(&g, 0, q->n, 0, igi_gemm_panels(p->isa, g.n));
}

static void one_block(const work *w, const span *s, int64_t block)
{
    const queries q = queries_at(w, block);
    const int64_t n = keys_seen(w, s, &q);
    if (n == 0 && s->first > 0)
        return;
    if (n > 0)
        take_scores(w, s, &q, n);
    for (int64_t i = 0; i < q.n; i++)
        softmax_step(w, s, &q, i, n);
    add_values(w, s, &q, n);
}

static bool all_numbers(const igi_cpu_isa *isa, const float *y, int64_t n)
{
    if (isfinite(isa->reduce(IGI_REDUCE_SUM_ABS, y, n))) /* else it may overflow */
        return true;
    /* Data is there. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    while (n > 0 && isfinite(y[n - 1]))
        n--;
    return n == 0;
}

/* The row of query i anew, key by key: the product over a block of keys multiplies the
 * values of hidden ones by 0, which is NaN for an infinity or NaN among them. */
static void one_by_one(const work *w, const queries *q, int64_t i)
{
    const igi_attention *a = &w->p->a;
    const int64_t head = q->head + i * q->head_step, row = q->row + i * q->row_step;
    const int64_t all = igi_attention_keys(w->k, a, w->b, row);
    const float *query = q->q + i * q->ldq, high = w->high[q->state + i];
    float *y = q->y + i * q->ldy, *s = w->scores;
    span at = {.n = 0};
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): data is there */
    memset(y, 0, (size_t)a->v_size * sizeof(*y));
    for (int64_t first = 0; first < all; first += at.n) {
        at = span_at(w, first);
        const int64_t n = smaller(at.n, all - first);
        for (int64_t t = 0; t < n; t++) {
            double sum = 0;
            for (int64_t j = 0; j < a->size; j++)
                /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): data is there */
                sum += (double)query[j] * (double)at.k[t * at.k_row + j];
            s[t] = (float)(sum * a->scale);
        }
        cap_scores(w, s, n);
        add_mask(w, s, &at, head, row, n);
        for (int64_t t = seen_by(w, &at, row, n).first; t < n; t++) {
            const float e = expf(s[t] - high);
            for (int64_t j = 0; e > 0 && j < a->v_size; j++)
                /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): data is there */
                y[j] += e * at.v[t * at.v_row + j];
        }
    }
}

/* y := y / sum; the softmax that is an output. A query that saw nothing gets NaN, in a
 * window zeros. */
static void finish(const work *w, int64_t block)
{
    const plan *p = w->p;
    const igi_attention *a = &p->a;
    const queries q = queries_at(w, block);
    for (int64_t i = 0; i < q.n; i++) {
        const float sum = w->sum[q.state + i];
        const bool zero = a->attrs->local_window_size > 0 && sum <= 0;
        const float factor = sum > 0 ? 1 / sum : NAN;
        float *y = q.y + i * q.ldy;
        if (sum > 0 && !all_numbers(p->isa, y, a->v_size))
            one_by_one(w, &q, i);
        p->isa->binary[IGI_BINARY_MUL][IGI_BINARY_VS](y, y, &factor, a->v_size);
        for (int64_t j = 0; zero && j < a->v_size; j++)
            /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): data is there */
            y[j] = 0;
        if (!w->shown || a->attrs->qk_matmul_output_mode != IGI_SCORES_SOFTMAX)
            continue;
        float *s = shown_row(w, q.head + i * q.head_step, q.row + i * q.row_step);
        p->isa->softmax_row(s, s, a->total, 1.0f);
        for (int64_t t = 0; zero && t < a->total; t++)
            s[t] = 0;
    }
}

/* ---- the whole ---- */

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    plan p;
    int64_t lo, hi;
    IG_TRY(make_plan(k, &p));
    IG_TRY(igi_attention_check(k, &p.a));
    work w = {.p = &p, .k = k, .packed_keys = ig_scratch(k, tid)};
    w.packed_values = w.packed_keys + p.keys_floats;
    w.scores = w.packed_values + p.values_floats;
    w.high = w.scores + p.scores_floats;
    w.sum = w.high + p.a.q_len * p.group;
    w.shown = igi_kf32(igi_kout(k, IGI_ATT_SCORES));
    ig_split(p.a.batch * p.a.kv_heads * p.blocks, 1, tid, nth, &lo, &hi);
    while (lo < hi) {
        const int64_t unit = lo / p.blocks, from = lo % p.blocks;
        const int64_t to = smaller(p.blocks, from + hi - lo);
        w.b = unit / p.a.kv_heads;
        w.kv_head = unit % p.a.kv_heads;
        if (from == 0) {
            igi_cpu_present(k, &p.a, IGI_ATT_K, w.b, w.kv_head);
            igi_cpu_present(k, &p.a, IGI_ATT_V, w.b, w.kv_head);
        }
        for (int64_t t = 0; t < p.a.total;) {
            const span s = span_at(&w, t);
            pack_span(&w, &s);
            for (int64_t i = from; i < to; i++) {
                IG_TRY(ig_poll(k));
                one_block(&w, &s, i);
            }
            t += s.n;
        }
        for (int64_t i = from; i < to; i++) {
            IG_TRY(ig_poll(k));
            finish(&w, i);
        }
        lo += to - from;
    }
    return IG_OK;
}

IG_KERNELS(attention) = {
    {IG_KERNEL_HEAD, .op = "Attention", .name = "blocks", .types = IG_T(FLOAT32),
     .needs = IG_KERNEL_STRIDED | IG_KERNEL_HEAVY, .supports = supports,
     .prepare = prepare, .run_team = run},
    /* Strides that it does not read: the inputs are copied. */
    {IG_KERNEL_HEAD, .op = "Attention", .name = "blocks_of_copies",
     .types = IG_T(FLOAT32), .needs = IG_KERNEL_HEAVY,
     .supports = igi_cpu_attention_computes, .prepare = prepare, .run_team = run},
    {0},
};
