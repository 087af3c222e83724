/* Attention: for every head
 *   s = scale * q k^T, capped: s = c tanh(s / c), masked, y = softmax(s) v,
 * with groups of query heads that share a head of keys and values, and caches to which
 * the new keys and values are appended.
 *
 * Masks: `attn_mask` (numbers are added, false hides), keys after the query when
 * `is_causal`, keys from `nonpad_kv_seqlen` on, keys beyond a short mask. Query i
 * stands at key past + i. A query that sees no key gives NaN, the softmax of nothing.
 * With a local window (provisional: ONNX 1.23, opset 28) it sees the last keys up to
 * its own, and one that sees none gives 0.
 */
#include "operators/common_attention.h"
#include "operators/common_move.h"
#include "operators/common_softmax.h"

static const ig_port inputs[] = {
    IG_PORT("Q", 'T', "Queries [batch, q_heads, q_len, size], or [batch, q_len, all]."),
    IG_PORT("K", 'T', "Keys [batch, kv_heads, kv_len, size], or [batch, kv_len, all]."),
    IG_PORT("V", 'V', "Values [batch, kv_heads, kv_len, v_size], or of rank 3."),
    IG_PORT("attn_mask",
            'U',
            "Broadcasts to [batch, q_heads, q_len, keys]: added, or bool. The last dim "
            "may be shorter; the keys it leaves out are hidden.",
            .flags = IG_OPTIONAL),
    IG_PORT("past_key",
            'T',
            "Cache [batch, kv_heads, past, size] before K.",
            .flags = IG_OPTIONAL),
    IG_PORT("past_value",
            'V',
            "Cache [batch, kv_heads, past, v_size] before V.",
            .flags = IG_OPTIONAL),
    IG_PORT("nonpad_kv_seqlen",
            'I',
            "Valid keys of each batch item [batch].",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "[batch, q_heads, q_len, v_size], or of rank 3 as Q."),
    IG_PORT("present_key",
            'T',
            "past_key and K, [batch, kv_heads, keys, size].",
            .flags = IG_OPTIONAL),
    IG_PORT("present_value",
            'V',
            "past_value and V, [batch, kv_heads, keys, v_size].",
            .flags = IG_OPTIONAL),
    IG_PORT("qk_matmul_output",
            'T',
            "Scores [batch, q_heads, q_len, keys] as qk_matmul_output_mode says.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'V', IG_FLOATS},
    {'U', IG_NUMERIC | IG_T(BOOL)},
    {'I', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_attention_attrs,
                is_causal,
                0,
                "1: a query sees no key after its own position.",
                .min = 0,
                .max = 1),
    IG_ATTR_INT(igi_attention_attrs,
                kv_num_heads,
                0,
                "Heads of K and V of rank 3.",
                .min = 0,
                .max = INT32_MAX),
    IG_ATTR_INT(igi_attention_attrs,
                local_window_size,
                -1,
                "How many keys a causal query sees, its own the last; -1: all.",
                .min = -1,
                .max = INT64_MAX),
    IG_ATTR_INT(igi_attention_attrs,
                q_num_heads,
                0,
                "Heads of Q of rank 3.",
                .min = 0,
                .max = INT32_MAX),
    IG_ATTR_INT(igi_attention_attrs,
                qk_matmul_output_mode,
                0,
                "0: scaled scores; 1: capped; 2: capped and masked; 3: after softmax.",
                .min = 0,
                .max = 3),
    IG_ATTR_FLOAT(
        igi_attention_attrs, scale, 0, "Factor of the scores; 0: 1 / sqrt(size)."),
    IG_ATTR_FLOAT(
        igi_attention_attrs, softcap, 0, "c of c * tanh(scores / c); 0: not capped."),
    IG_ATTR_INT(igi_attention_attrs,
                softmax_precision,
                0,
                "Element type of the softmax as in TensorProto; a bound from below: "
                "references compute in double, kernels in float32 at least.",
                .min = 0,
                .max = 27),
    {0},
};

/* ---- reference ---- */

typedef struct call {
    igi_attention a;
    const ig_kernel_ctx *k;
    double *keys, *values, *scores,
        *sum; /* [total][size], [total][v_size], a row each */
} call;

/* Rows of past and new keys (or values) of one head, as doubles and, if wanted, into
 * the present output. */
static void load_cache(const call *c, int port, int64_t b, int64_t head)
{
    const igi_attention *a = &c->a;
    const bool key = port == IGI_ATT_K;
    const ig_tensor *now = ig_in(c->k, port),
                    *past = ig_in(c->k, key ? IGI_ATT_PAST_K : IGI_ATT_PAST_V);
    ig_tensor *out = ig_out(c->k, key ? IGI_ATT_PRESENT_K : IGI_ATT_PRESENT_V);
    const int64_t size = key ? a->size : a->v_size;
    double *to = key ? c->keys : c->values;
    for (int64_t t = 0; t < a->total; t++, to += size) {
        const bool old = t < a->past;
        const igi_heads *h =
            old ? (key ? &a->past_k : &a->past_v) : (key ? &a->k : &a->v);
        const int64_t from =
            igi_heads_at(h, b, head) + (old ? t : t - a->past) * h->row;
        for (int64_t i = 0; i < size; i++)
            to[i] = igi_load(ig_dtype_of(now), ig_data(old ? past : now), from + i);
        if (!out)
            continue;
        const igi_heads *p = key ? &a->present_k : &a->present_v;
        const int64_t put = igi_heads_at(p, b, head) + t * p->row;
        for (int64_t i = 0; i < size; i++)
            igi_store(ig_dtype_of(out), ig_data(out), put + i, to[i]);
    }
}

/* What the mask adds to the score of key t: -infinity hides it. */
static double mask_at(const call *c, const int64_t *at, int64_t t)
{
    const ig_tensor *m = ig_in(c->k, IGI_ATT_MASK);
    const int64_t *s = c->a.mask_stride;
    if (!m)
        return 0;
    double v = igi_get_f64(ig_dtype_of(m), ig_data(m),
                           at[0] * s[0] + at[1] * s[1] + at[2] * s[2] + t * s[3]);
    if (ig_dtype_of(m) != IG_BOOL)
        return v;
    return v != 0 ? 0 : -(double)INFINITY;
}

static void put_scores(const call *c, int64_t mode, const int64_t *at)
{
    const igi_attention *a = &c->a;
    ig_tensor *out = ig_out(c->k, IGI_ATT_SCORES);
    if (!out || a->attrs->qk_matmul_output_mode != mode)
        return;
    int64_t base = ((at[0] * a->q_heads + at[1]) * a->q_len + at[2]) * a->total;
    for (int64_t t = 0; t < a->total; t++)
        igi_store(ig_dtype_of(out), ig_data(out), base + t, c->scores[t]);
}

/* scores := softmax(scores), in place; `none` is what the softmax of nothing gives. */
static void softmax(double *s, int64_t n, double none)
{
    double high, sum = igi_exp_sum(IG_FLOAT64, s, 0, n, 1, &high);
    bool empty = high < 0 && isinf(high);
    for (int64_t t = 0; t < n; t++)
        s[t] = empty ? none : exp(s[t] - high) / sum;
}

/* One query: at = {batch, head, row}. */
static void one_query(const call *c, const int64_t *at)
{
    const igi_attention *a = &c->a;
    const ig_tensor *q = ig_in(c->k, IGI_ATT_Q), *y = ig_out(c->k, IGI_ATT_Y);
    const double cap = (double)a->attrs->softcap;
    const int64_t first = igi_attention_first(c->k, a, at[0], at[2]),
                  keys = igi_attention_keys(c->k, a, at[0], at[2]);
    const int64_t from = igi_heads_at(&a->q, at[0], at[1]) + at[2] * a->q.row;
    for (int64_t t = 0; t < a->total; t++) {
        double s = 0;
        for (int64_t i = 0; i < a->size; i++)
            s += igi_load(ig_dtype_of(q), ig_data(q), from + i) *
                 c->keys[t * a->size + i];
        c->scores[t] = s * a->scale;
    }
    put_scores(c, IGI_SCORES_RAW, at);
    for (int64_t t = 0; cap > 0 && t < a->total; t++)
        c->scores[t] = cap * tanh(c->scores[t] / cap);
    put_scores(c, IGI_SCORES_CAPPED, at);
    for (int64_t t = 0; t < a->total; t++)
        c->scores[t] = t >= first && t < keys ? c->scores[t] + mask_at(c, at, t)
                                              : -(double)INFINITY;
    put_scores(c, IGI_SCORES_MASKED, at);
    softmax(c->scores, a->total, a->attrs->local_window_size > 0 ? 0 : NAN);
    put_scores(c, IGI_SCORES_SOFTMAX, at);
    for (int64_t i = 0; i < a->v_size; i++)
        c->sum[i] = 0;
    for (int64_t t = 0; t < a->total; t++)
        for (int64_t i = 0; c->scores[t] != 0 && i < a->v_size; i++)
            c->sum[i] += c->scores[t] * c->values[t * a->v_size + i];
    const int64_t to = igi_heads_at(&a->y, at[0], at[1]) + at[2] * a->y.row;
    for (int64_t i = 0; y && i < a->v_size; i++)
        igi_store(ig_dtype_of(y), ig_data(y), to + i, c->sum[i]);
}

static ig_status all_heads(ig_kernel_ctx *k, const call *c)
{
    const igi_attention *a = &c->a;
    const int64_t group = a->kv_heads ? a->q_heads / a->kv_heads : 0;
    igi_pace pace = igi_pace_of(k);
    int64_t at[3];
    for (at[0] = 0; at[0] < a->batch; at[0]++) {
        for (int64_t head = 0; head < a->kv_heads; head++) {
            IG_TRY(igi_pace_go(&pace, a->total));
            load_cache(c, IGI_ATT_K, at[0], head);
            load_cache(c, IGI_ATT_V, at[0], head);
            for (at[1] = head * group; at[1] < (head + 1) * group; at[1]++)
                for (at[2] = 0; at[2] < a->q_len; at[2]++) {
                    IG_TRY(igi_pace_go(&pace, a->total * (a->size + a->v_size + 8)));
                    one_query(c, at);
                }
        }
    }
    return IG_OK;
}

static ig_status attention_reference(ig_kernel_ctx *k)
{
    call c = {.k = k};
    int64_t row, all;
    igi_attention_read(k, &c.a);
    IG_TRY(igi_attention_check(k, &c.a));
    if (!igi_add_i64(c.a.size, c.a.v_size, &row) || !igi_add_i64(row, 1, &row) ||
        !igi_mul_i64(row, c.a.total, &all) || !igi_add_i64(all, c.a.v_size, &all))
        return ig_kernel_fail(k, IG_LIMIT, "too many keys");
    double *work = igi_alloc_array((size_t)all + 1, sizeof(*work));
    if (!work)
        return IG_OUT_OF_MEMORY;
    c.keys = work;
    c.values = c.keys + c.a.total * c.a.size;
    c.scores = c.values + c.a.total * c.a.v_size;
    c.sum = c.scores + c.a.total;
    ig_status rc = all_heads(k, &c);
    igi_free(work);
    return rc;
}

/* ---- samples ---- */

#define HEAD .struct_size = sizeof(igi_attention_attrs), .local_window_size = -1
static const igi_attention_attrs causal = {HEAD, .is_causal = 1};
static const igi_attention_attrs packed = {HEAD, .q_num_heads = 2, .kv_num_heads = 2};
static const igi_attention_attrs packed_groups = {HEAD, .q_num_heads = 4,
                                                  .kv_num_heads = 2, .is_causal = 1};
static const igi_attention_attrs capped = {HEAD, .softcap = 0.75f, .scale = 0.5f,
                                           .softmax_precision = IG_FLOAT32};
static const igi_attention_attrs show_raw = {HEAD, .softcap = 2};
static const igi_attention_attrs show_capped = {
    HEAD, .softcap = 2, .qk_matmul_output_mode = IGI_SCORES_CAPPED};
static const igi_attention_attrs show_masked = {
    HEAD, .softcap = 2, .qk_matmul_output_mode = IGI_SCORES_MASKED};
static const igi_attention_attrs show_softmax = {
    HEAD, .is_causal = 1, .qk_matmul_output_mode = IGI_SCORES_SOFTMAX};
static const igi_attention_attrs long_groups = {
    HEAD,           .q_num_heads = 4, .kv_num_heads = 2,
    .is_causal = 1, .softcap = 3,     .qk_matmul_output_mode = IGI_SCORES_SOFTMAX};

static const igi_attention_attrs window = {
    .struct_size = sizeof(window), .is_causal = 1, .local_window_size = 2};

#define BOOLS(...) IGI_DATA(IG_BOOL, __VA_ARGS__)
static const ig_sample samples[] = {
    {.name = "heads",
     IGI_INPUTS(IGI_IN(2, 2, 3, 4), IGI_IN(2, 2, 5, 4), IGI_IN(2, 2, 5, 3))},
    {.name = "causal",
     .attrs = &causal,
     IGI_INPUTS(IGI_IN(1, 2, 3, 2), IGI_IN(1, 2, 4, 2), IGI_IN(1, 2, 4, 2))},
    {.name = "packed",
     .attrs = &packed,
     IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN(2, 2, 4), IGI_IN(2, 2, 6))},
    {.name = "groups_with_past",
     .attrs = &packed_groups,
     .n_out = 3,
     IGI_INPUTS(IGI_IN(1, 2, 8),
                IGI_IN(1, 2, 4),
                IGI_IN(1, 2, 4),
                IGI_IN(2, 5),
                IGI_IN(1, 2, 3, 2),
                IGI_IN(1, 2, 3, 2))},
    {.name = "groups_of_one_head",
     IGI_INPUTS(IGI_IN(1, 3, 2, 2), IGI_IN(1, 1, 3, 2), IGI_IN(1, 1, 3, 4))},
    {.name = "capped",
     .attrs = &capped,
     IGI_INPUTS(IGI_IN(1, 2, 2, 3), IGI_IN(1, 2, 3, 3), IGI_IN(1, 2, 3, 2))},
    {.name = "added_mask",
     IGI_INPUTS(IGI_IN(2, 2, 2, 3),
                IGI_IN(2, 2, 3, 3),
                IGI_IN(2, 2, 3, 2),
                IGI_IN(2, 1, 1, 3))},
    {.name = "short_mask",
     IGI_INPUTS(
         IGI_IN(2, 1, 2, 3), IGI_IN(2, 1, 5, 3), IGI_IN(2, 1, 5, 2), IGI_IN(1, 2, 3))},
    {.name = "one_key_mask", /* of size 1: short, not broadcast */
     IGI_INPUTS(
         IGI_IN(1, 1, 2, 3), IGI_IN(1, 1, 3, 3), IGI_IN(1, 1, 3, 2), IGI_IN(2, 1))},
    {.name = "bool_mask",
     .attrs = &causal,
     IGI_INPUTS(IGI_IN(1, 2, 3, 2),
                IGI_IN(1, 2, 3, 2),
                IGI_IN(1, 2, 3, 2),
                {IG_SHAPE_IN(3, 3), BOOLS(1, 0, 1, 1, 1, 0, 0, 1, 1)})},
    {.name = "integer_mask",
     IGI_INPUTS(IGI_IN(1, 1, 2, 2),
                IGI_IN(1, 1, 3, 2),
                IGI_IN(1, 1, 3, 2),
                {IG_SHAPE_IN(3), IGI_DATA(IG_INT32, 0, -2, 1)})},
    {.name = "hidden_query", /* a softmax of nothing: NaN */
     IGI_INPUTS(IGI_IN(1, 1, 2, 2),
                IGI_IN(1, 1, 2, 2),
                IGI_IN(1, 1, 2, 2),
                {IG_SHAPE_IN(2, 2), BOOLS(0, 0, 1, 0)}),
     .no_gradient = true},
    {.name = "lengths",
     IGI_INPUTS(IGI_IN(2, 1, 2, 3),
                IGI_IN(2, 1, 4, 3),
                IGI_IN(2, 1, 4, 2),
                IGI_IN_ABSENT,
                IGI_IN_ABSENT,
                IGI_IN_ABSENT,
                IGI_IN_INTS(4, 2))},
    {.name = "hidden_values_that_are_no_numbers", /* do not reach query 0 */
     .attrs = &causal,
     .types = IG_FLOATS,
     IGI_INPUTS(
         IGI_IN(1, 1, 2, 2),
         IGI_IN(1, 1, 2, 2),
         {IG_SHAPE_IN(1, 1, 2, 2), .data = (const double[]){1, 2, NAN, INFINITY}}),
     .no_gradient = true},
    {.name = "window",
     .attrs = &window,
     IGI_INPUTS(IGI_IN(1, 2, 5, 2), IGI_IN(1, 2, 5, 2), IGI_IN(1, 2, 5, 3))},
    {.name = "window_with_past",
     .attrs = &window,
     .n_out = 3,
     IGI_INPUTS(IGI_IN(1, 2, 2, 2),
                IGI_IN(1, 1, 2, 2),
                IGI_IN(1, 1, 2, 3),
                IGI_IN(2, 5),
                IGI_IN(1, 1, 3, 2),
                IGI_IN(1, 1, 3, 3))},
    {.name = "window_at_the_end_of_lengths", /* the first query of item 1 sees no key */
     .attrs = &window,
     IGI_INPUTS(IGI_IN(2, 1, 2, 3),
                IGI_IN(2, 1, 4, 3),
                IGI_IN(2, 1, 4, 2),
                IGI_IN_ABSENT,
                IGI_IN_ABSENT,
                IGI_IN_ABSENT,
                IGI_IN_INTS(4, 1))},
    {.name = "shows_raw_scores",
     .attrs = &show_raw,
     .n_out = 4,
     IGI_INPUTS(
         IGI_IN(1, 2, 2, 3), IGI_IN(1, 1, 3, 3), IGI_IN(1, 1, 3, 2), IGI_IN(2, 3))},
    {.name = "shows_capped_scores",
     .attrs = &show_capped,
     .n_out = 4,
     IGI_INPUTS(
         IGI_IN(1, 2, 2, 3), IGI_IN(1, 1, 3, 3), IGI_IN(1, 1, 3, 2), IGI_IN(2, 3))},
    {.name = "shows_masked_scores",
     .attrs = &show_masked,
     .n_out = 4,
     IGI_INPUTS(
         IGI_IN(1, 2, 2, 3), IGI_IN(1, 1, 3, 3), IGI_IN(1, 1, 3, 2), IGI_IN(2, 3))},
    {.name = "shows_softmax",
     .attrs = &show_softmax,
     .n_out = 4,
     IGI_INPUTS(IGI_IN(1, 2, 2, 3), IGI_IN(1, 1, 3, 3), IGI_IN(1, 1, 3, 2))},
    {.name = "one_query",
     IGI_INPUTS(IGI_IN(1, 2, 1, 70), IGI_IN(1, 2, 37, 70), IGI_IN(1, 2, 37, 66)),
     .no_gradient = true},
    {.name = "one_query_of_many_heads",
     IGI_INPUTS(IGI_IN(2, 10, 1, 5),
                IGI_IN(2, 1, 1, 5),
                IGI_IN(2, 1, 1, 3),
                IGI_IN(2, 10, 1, 41),
                IGI_IN(2, 1, 40, 5),
                IGI_IN(2, 1, 40, 3)),
     .no_gradient = true},
    {.name = "long_past_of_groups",
     .attrs = &long_groups,
     .n_out = 4,
     IGI_INPUTS(IGI_IN(2, 20, 32),
                IGI_IN(2, 20, 16),
                IGI_IN(2, 20, 16),
                IGI_IN(2, 1, 20, 560),
                IGI_IN(2, 2, 540, 8),
                IGI_IN(2, 2, 540, 8),
                IGI_IN_INTS(560, 530)),
     .no_gradient = true},
    {.name = "many_keys",
     .attrs = &causal,
     IGI_INPUTS(IGI_IN(1, 1, 37, 33), IGI_IN(1, 1, 700, 33), IGI_IN(1, 1, 700, 35)),
     .no_gradient = true},
    {.name = "size_one",
     IGI_INPUTS(IGI_IN(1, 1, 1, 1), IGI_IN(1, 1, 1, 1), IGI_IN(1, 1, 1, 1))},
    {.name = "no_queries",
     IGI_INPUTS(IGI_IN(1, 2, 0, 3), IGI_IN(1, 2, 2, 3), IGI_IN(1, 2, 2, 3))},
    {.name = "no_keys",
     IGI_INPUTS(IGI_IN(1, 2, 2, 3), IGI_IN(1, 2, 0, 3), IGI_IN(1, 2, 0, 3))},
    {.name = "no_heads",
     IGI_INPUTS(IGI_IN(2, 0, 3, 4), IGI_IN(2, 0, 5, 4), IGI_IN(2, 0, 5, 3))},
    {.name = "no_batch",
     .attrs = &packed,
     IGI_INPUTS(IGI_IN(0, 2, 4), IGI_IN(0, 2, 4), IGI_IN(0, 2, 4))},
    {0},
};

static const ig_save saves[] = {
    IG_SAVE_IN(IGI_ATT_Q, IG_SAVE_ANY),       IG_SAVE_IN(IGI_ATT_K, IG_SAVE_ANY),
    IG_SAVE_IN(IGI_ATT_V, IG_SAVE_ANY),       IG_SAVE_IN(IGI_ATT_MASK, IG_SAVE_ANY),
    IG_SAVE_IN(IGI_ATT_PAST_K, IG_SAVE_ANY),  IG_SAVE_IN(IGI_ATT_PAST_V, IG_SAVE_ANY),
    IG_SAVE_IN(IGI_ATT_LENGTHS, IG_SAVE_ANY), {0},
};

IG_OPERATOR(Attention) = {
    IG_OP_HEAD,
    .name = "Attention",
    .since = 24,
    .doc =
        "Scaled dot product attention: softmax(scale * Q K^T + mask) V per head, with "
        "grouped query heads, causal and length masks, a cap of the scores, and "
        "caches that grow by K and V.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_attention_attrs),
    .infer = igi_attention_infer,
    .gradient = igi_attention_gradient,
    .saves = saves,
    .reference = attention_reference,
    .samples = samples,
};
