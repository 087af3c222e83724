/* LinearAttention: a state S[d_k][d_v] a head instead of a cache, one update a token:
 *   S <- decay * S, then S <- S + k (beta * (v - S^T k))^T (delta rules) or S + k v^T,
 *   o = scale * S^T q,
 * decay = exp(decay input) of a key dim or of the whole head. Query heads in groups
 * share the state of one key and value head.
 */
#include "operators/common_float.h"
#include "operators/common_linear_attention.h"
#include "operators/common_move.h"

enum {
    Q = IGI_LIN_Q,
    K = IGI_LIN_K,
    V = IGI_LIN_V,
    PAST = IGI_LIN_PAST,
    DECAY = IGI_LIN_DECAY,
    BETA = IGI_LIN_BETA
};
/* ORDER: IGI_LIN_LINEAR ... */
static const char *const rules[] = {"linear", "gated", "delta", "gated_delta", NULL};

static const ig_port inputs[] = {
    IG_PORT("query", 'T', "[batch, tokens, q_heads * d_k]."),
    IG_PORT("key", 'T', "[batch, tokens, kv_heads * d_k]."),
    IG_PORT("value", 'T', "[batch, tokens, kv_heads * d_v]."),
    IG_PORT("past_state",
            'S',
            "State before the first token [batch, kv_heads, d_k, d_v]; absent: 0.",
            .flags = IG_OPTIONAL),
    IG_PORT("decay",
            'T',
            "Logarithm of the decay [batch, tokens, kv_heads * d_k] or [.., kv_heads]; "
            "needed by gated rules.",
            .flags = IG_OPTIONAL),
    IG_PORT(
        "beta",
        'T',
        "Rate of updates [batch, tokens, kv_heads] or [.., 1]; needed by delta rules.",
        .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "[batch, tokens, q_heads * d_v]."),
    IG_PORT("present_state", 'S', "State after the last token."),
    {0},
};
/* float64 is more than ONNX has. */
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'S', IG_FLOATS}, {0}};

static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        igi_linear_attention_attrs, chunk_size, 64, "A hint for parallel devices."),
    IG_ATTR_INT(igi_linear_attention_attrs,
                kv_num_heads,
                0,
                "Heads of key and value.",
                .flags = IG_REQUIRED,
                .min = 1,
                .max = INT32_MAX),
    IG_ATTR_INT(igi_linear_attention_attrs,
                q_num_heads,
                0,
                "Heads of query, a multiple of kv_num_heads.",
                .flags = IG_REQUIRED,
                .min = 1,
                .max = INT32_MAX),
    IG_ATTR_FLOAT(igi_linear_attention_attrs,
                  scale,
                  0,
                  "Factor of the output; 0: 1 / sqrt(d_k)."),
    IG_ATTR_ENUM(igi_linear_attention_attrs,
                 update_rule,
                 IGI_LIN_GATED_DELTA,
                 rules,
                 "linear, gated (decay), delta (beta), gated_delta (both)."),
    {0},
};

static bool is_gated(const igi_linear_attention_attrs *a)
{
    return igi_lin_is_gated(a->update_rule);
}
static bool is_delta(const igi_linear_attention_attrs *a)
{
    return igi_lin_is_delta(a->update_rule);
}

/* ---- infer ---- */

/* Last dim of a port over heads: the size of one. */
static ig_status head_size(ig_infer *x, int port, int64_t heads, int64_t *size)
{
    int64_t last = ig_type_dims(x->in[port])[2];
    *size = -1;
    if (last >= 0 && last % heads)
        return ig_infer_fail(x, "the last dim of %s is no multiple of its heads",
                             x->op->inputs[port].name);
    *size = ig_dim_div(x->syms, last, heads);
    return IG_OK;
}

/* Batch and tokens of every packed port agree; the last dim of an optional one is one
 * of two. */
static ig_status check_gate(ig_infer *x, int port, int64_t one, int64_t other)
{
    const ig_type *t = port < x->n_in ? x->in[port] : NULL;
    int64_t last = t && t->rank == 3 ? ig_type_dims(t)[2] : -1;
    if (last >= 0 && one >= 0 && other >= 0 && last != one && last != other)
        return ig_infer_fail(x, "the last dim of %s fits neither heads nor their sizes",
                             x->op->inputs[port].name);
    return IG_OK;
}

/* Ranks, and batch and tokens of the packed ports. */
static ig_status check_ranks(ig_infer *x)
{
    const int64_t *dq = ig_type_dims(x->in[Q]);
    for (int i = 0; i < x->n_in; i++) {
        const ig_type *t = x->in[i];
        if (!t)
            continue;
        if (t->rank != (i == PAST ? 4 : 3))
            return ig_infer_fail(x, "%s must have rank %d", x->op->inputs[i].name,
                                 i == PAST ? 4 : 3);
        for (int j = 0; i != PAST && j < 2; j++)
            IG_TRY(ig_infer_equal(x, ig_type_dims(t)[j], dq[j],
                                  "batches and tokens of the inputs", NULL));
    }
    return IG_OK;
}

static ig_status check_rule(ig_infer *x)
{
    const igi_linear_attention_attrs *a = x->attrs;
    bool decay = x->n_in > DECAY && x->in[DECAY], beta = x->n_in > BETA && x->in[BETA];
    if (a->q_num_heads % a->kv_num_heads)
        return ig_infer_fail(x, "q_num_heads must be a multiple of kv_num_heads");
    if ((is_gated(a) && !decay) || (is_delta(a) && !beta))
        return ig_infer_fail(x, "update_rule %s needs %s", rules[a->update_rule],
                             is_gated(a) && !decay ? "decay" : "beta");
    return IG_OK;
}

static ig_status linear_attention_infer(ig_infer *x)
{
    const igi_linear_attention_attrs *a = x->attrs;
    const int64_t heads = a->kv_num_heads, *dq = ig_type_dims(x->in[Q]);
    const ig_type *past = x->n_in > PAST ? x->in[PAST] : NULL;
    int64_t dk, key, dv;
    IG_TRY(check_ranks(x));
    IG_TRY(check_rule(x));
    IG_TRY(head_size(x, Q, a->q_num_heads, &dk));
    IG_TRY(head_size(x, K, heads, &key));
    IG_TRY(head_size(x, V, heads, &dv));
    IG_TRY(ig_infer_equal(x, dk, key, "head sizes of query and key", &dk));
    IG_TRY(check_gate(x, DECAY, heads, ig_dim_mul(x->syms, heads, dk)));
    IG_TRY(check_gate(x, BETA, heads, 1));
    const int64_t state[4] = {dq[0], heads, dk, dv};
    for (int i = 0; past && i < 4; i++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(past)[i], state[i],
                              "dims of past_state and the state", NULL));
    const int64_t y[3] = {dq[0], dq[1], ig_dim_mul(x->syms, a->q_num_heads, dv)};
    IG_TRY(ig_infer_set(x, 0, 3, y));
    if (!past) /* nothing but the state has type S */
        IG_TRY(ig_infer_dtype(x, 1, x->in[Q]->dtype));
    return ig_infer_set(x, 1, 4, state);
}

/* ---- reference ---- */

typedef struct {
    const igi_linear_attention_attrs *a;
    const ig_kernel_ctx *k;
    int64_t tokens, dk, dv;
    double scale, *state, *row; /* [dk][dv]; [dv] */
} call;

/* Element i of head h's row at token t of a packed port with `n` elements a head. */
static double
at(const call *c, int port, int64_t b, int64_t t, int64_t h, int64_t n, int64_t i)
{
    const ig_tensor *x = ig_in(c->k, port);
    int64_t width = ig_dims(x)[2];
    return igi_load(ig_dtype_of(x), ig_data(x),
                    (b * c->tokens + t) * width + h * n + i);
}

static void decay_state(const call *c, int64_t b, int64_t t, int64_t h)
{
    if (!is_gated(c->a))
        return;
    bool whole = ig_dims(ig_in(c->k, DECAY))[2] == c->a->kv_num_heads;
    for (int64_t i = 0; i < c->dk; i++) {
        double f =
            exp(whole ? at(c, DECAY, b, t, h, 1, 0) : at(c, DECAY, b, t, h, c->dk, i));
        for (int64_t j = 0; j < c->dv; j++)
            c->state[i * c->dv + j] *= f;
    }
}

static void update_state(const call *c, int64_t b, int64_t t, int64_t h)
{
    double beta = 1;
    for (int64_t j = 0; j < c->dv; j++)
        c->row[j] = at(c, V, b, t, h, c->dv, j);
    if (is_delta(c->a)) {
        bool one = ig_dims(ig_in(c->k, BETA))[2] == 1;
        beta = at(c, BETA, b, t, one ? 0 : h, 1, 0);
        for (int64_t i = 0; i < c->dk; i++) {
            double key = at(c, K, b, t, h, c->dk, i);
            for (int64_t j = 0; j < c->dv; j++)
                c->row[j] -= key * c->state[i * c->dv + j];
        }
    }
    for (int64_t i = 0; i < c->dk; i++) {
        double key = beta * at(c, K, b, t, h, c->dk, i);
        for (int64_t j = 0; j < c->dv; j++)
            c->state[i * c->dv + j] += key * c->row[j];
    }
}

static void read_state(const call *c, int64_t b, int64_t t, int64_t q_head)
{
    ig_tensor *y = ig_out(c->k, 0);
    for (int64_t j = 0; j < c->dv; j++)
        c->row[j] = 0;
    for (int64_t i = 0; i < c->dk; i++) {
        double q = c->scale * at(c, Q, b, t, q_head, c->dk, i);
        for (int64_t j = 0; j < c->dv; j++)
            c->row[j] += q * c->state[i * c->dv + j];
    }
    for (int64_t j = 0; j < c->dv; j++)
        igi_store(ig_dtype_of(y), ig_data(y),
                  ((b * c->tokens + t) * c->a->q_num_heads + q_head) * c->dv + j,
                  c->row[j]);
}

static ig_status one_head(const call *c, igi_pace *pace, int64_t b, int64_t h)
{
    const ig_tensor *past = ig_in(c->k, PAST), *present = ig_out(c->k, 1);
    const int64_t n = c->dk * c->dv, from = (b * c->a->kv_num_heads + h) * n,
                  group = c->a->q_num_heads / c->a->kv_num_heads;
    for (int64_t i = 0; i < n; i++)
        c->state[i] = past ? igi_load(ig_dtype_of(past), ig_data(past), from + i) : 0;
    for (int64_t t = 0; t < c->tokens; t++) {
        IG_TRY(igi_pace_go(pace, n * (group + 2)));
        decay_state(c, b, t, h);
        update_state(c, b, t, h);
        for (int64_t i = 0; i < group; i++)
            read_state(c, b, t, h * group + i);
    }
    for (int64_t i = 0; i < n; i++)
        igi_store(ig_dtype_of(present), ig_data(present), from + i, c->state[i]);
    return IG_OK;
}

static ig_status linear_attention_reference(ig_kernel_ctx *k)
{
    const ig_tensor *q = ig_in(k, Q), *present = ig_out(k, 1);
    call c = {.a = k->attrs,
              .k = k,
              .tokens = ig_dims(q)[1],
              .dk = ig_dims(present)[2],
              .dv = ig_dims(present)[3]};
    int64_t n;
    c.scale = (double)c.a->scale;
    if (!(c.scale < 0 || c.scale > 0))
        c.scale = 1 / sqrt((double)c.dk);
    if (!igi_mul_i64(c.dk, c.dv, &n) || !igi_add_i64(n, c.dv, &n))
        return ig_kernel_fail(k, IG_LIMIT, "the state is too large");
    c.state = igi_alloc_array((size_t)n + 1, sizeof(*c.state));
    if (!c.state)
        return IG_OUT_OF_MEMORY;
    c.row = c.state + c.dk * c.dv;
    ig_status rc = IG_OK;
    igi_pace pace = igi_pace_of(k);
    for (int64_t b = 0; rc == IG_OK && b < ig_dims(q)[0]; b++)
        for (int64_t h = 0; rc == IG_OK && h < c.a->kv_num_heads; h++)
            rc = one_head(&c, &pace, b, h);
    igi_free(c.state);
    return rc;
}

#define HEAD .struct_size = sizeof(igi_linear_attention_attrs), .chunk_size = 64
static const igi_linear_attention_attrs linear = {
    HEAD, .kv_num_heads = 2, .q_num_heads = 2, .update_rule = IGI_LIN_LINEAR};
static const igi_linear_attention_attrs gated = {
    HEAD, .kv_num_heads = 2, .q_num_heads = 4, .update_rule = IGI_LIN_GATED};
static const igi_linear_attention_attrs delta = {HEAD, .kv_num_heads = 2,
                                                 .q_num_heads = 2, .scale = 0.5f,
                                                 .update_rule = IGI_LIN_DELTA};
static const igi_linear_attention_attrs both = {
    HEAD, .kv_num_heads = 1, .q_num_heads = 3, .update_rule = IGI_LIN_GATED_DELTA};

static const ig_sample samples[] = {
    {.name = "linear",
     .attrs = &linear,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 3, 6), IGI_IN(2, 3, 6), IGI_IN(2, 3, 4))},
    {.name = "gated_with_state",
     .attrs = &gated,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(1, 2, 8),
                IGI_IN(1, 2, 4),
                IGI_IN(1, 2, 6),
                IGI_IN(1, 2, 2, 3),
                {IG_SHAPE_IN(1, 2, 4), .fill = IG_FILL_UNIT})},
    {.name = "delta",
     .attrs = &delta,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(1, 3, 4),
                {IG_SHAPE_IN(1, 3, 4), .fill = IG_FILL_UNIT},
                IGI_IN(1, 3, 4),
                IGI_IN_ABSENT,
                IGI_IN_ABSENT,
                {IG_SHAPE_IN(1, 3, 2), .fill = IG_FILL_UNIT})},
    {.name = "gated_delta",
     .attrs = &both,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 3, 6),
                {IG_SHAPE_IN(2, 3, 2), .fill = IG_FILL_UNIT},
                IGI_IN(2, 3, 3),
                IGI_IN(2, 1, 2, 3),
                {IG_SHAPE_IN(2, 3, 1), .fill = IG_FILL_UNIT},
                {IG_SHAPE_IN(2, 3, 1), .fill = IG_FILL_UNIT})},
    {.name = "no_tokens",
     .attrs = &linear,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(1, 0, 4), IGI_IN(1, 0, 4), IGI_IN(1, 0, 2), IGI_IN(1, 2, 2, 1))},
    {.name = "no_batch",
     .attrs = &linear,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(0, 2, 4), IGI_IN(0, 2, 4), IGI_IN(0, 2, 2))},
    {0},
};

static const ig_save saves[] = {
    IG_SAVE_IN(Q, IG_SAVE_ANY),
    IG_SAVE_IN(K, IG_SAVE_ANY),
    IG_SAVE_IN(V, IG_SAVE_ANY),
    IG_SAVE_IN(PAST, IG_SAVE_ANY),
    IG_SAVE_IN(DECAY, IG_SAVE_ANY),
    IG_SAVE_IN(BETA, IG_SAVE_ANY),
    {0},
};

IG_OPERATOR(LinearAttention) = {
    IG_OP_HEAD,
    .name = "LinearAttention",
    .since = 27,
    .doc =
        "Attention by a recurrent state: linear, gated, delta and gated delta rules.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_linear_attention_attrs),
    .infer = linear_attention_infer,
    .gradient = igi_linear_attention_gradient,
    .saves = saves,
    .reference = linear_attention_reference,
    .samples = samples,
};
