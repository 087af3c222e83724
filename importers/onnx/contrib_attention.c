/* Attention of com.microsoft, as ONNX's Attention over the same queries, keys and
 * values. */
#include "importers/onnx/contrib_attention.h"

#include <inttypes.h>
#include <string.h>

#include "importers/onnx/contrib.h"

enum { HEADS_MAX = 1 << 20 };

typedef struct call {
    ig_value_id q, k, v; /* [B, S, heads * size], or [B, heads, S, size] */
    ig_value_id past_k, past_v;
    ig_value_id mask; /* added to the scores */
    int heads, kv_heads;
    double scale, softcap;
    ig_dtype dtype;
    igi_ms_sizes sizes;
} call;

static ig_value_id plus(igi_make *m, ig_value_id a, ig_value_id b)
{
    return !a.i ? b : !b.i ? a : igi_mk(m, IGI_IN(a, b), "Add");
}

/* out: Y as [B, S, heads * size]; with `present` also keys and values, those of the
 * past included. */
static void attend(igi_make *m, const call *c, bool present, ig_value_id out[3])
{
    bool flat = igi_mk_rank(m, c->q) == 3;
    igi_mk_many(m, IGI_IN(c->q, c->k, c->v, c->mask, c->past_k, c->past_v), out,
                present ? 3 : 1,
                "Attention q_num_heads=%d kv_num_heads=%d scale=%.9g softcap=%.9g",
                c->heads, c->kv_heads, c->scale, c->softcap);
    if (flat)
        return;
    out[0] = igi_mk(m, IGI_IN(out[0]), "Transpose perm=0,2,1,3");
    out[0] = igi_mk_reshape(m, out[0], IGI_LIST(0, 0, -1));
}

/* The keys of past and present, and what follows for masks. */
static void measure(igi_make *m, call *c, int keys_axis)
{
    c->sizes.batch = igi_mk_size(m, c->q, 0);
    c->sizes.queries = igi_mk_size(m, c->q, igi_mk_rank(m, c->q) == 3 ? 1 : 2);
    c->sizes.keys = igi_mk_size(m, c->k, keys_axis);
    if (c->past_k.i) {
        c->sizes.past = igi_mk_size(m, c->past_k, 2);
        c->sizes.keys = igi_mk(m, IGI_IN(c->sizes.keys, c->sizes.past), "Add");
    }
}

/* An attribute that counts heads; 1 beside an error. */
static int count(igi_make *m, const char *name)
{
    int64_t n = igi_mk_int(m, name, 0);
    if (n >= 1 && n <= HEADS_MAX)
        return (int)n;
    igi_mk_refuse(m, "%s must be given, from 1 to %d", name, HEADS_MAX);
    return 1;
}

static void take_common(igi_make *m, call *c)
{
    c->heads = c->kv_heads = count(m, "num_heads");
    c->scale = igi_mk_float(m, "scale", 0);
}

/* Padding, bias and order into one mask. */
static void mask_call(igi_make *m, call *c, ig_value_id padding, ig_value_id bias)
{
    double filter = igi_mk_float(m, "mask_filter_value", -10000);
    bool causal = igi_mk_int(m, "unidirectional", 0) != 0;
    if (padding.i)
        padding = igi_ms_padding(m, padding, c->q, &c->sizes, c->dtype, filter);
    c->mask = plus(m, padding, bias);
    if (causal)
        c->mask = igi_ms_where(m, igi_ms_causal(m, &c->sizes), c->mask, c->dtype);
}

/* ---- Attention, QAttention ---- */

/* projected [B, S, q + k + v] into its three parts; sizes NULL: equal ones. */
static void split_projected(igi_make *m, call *c, ig_value_id x, ig_ints sizes)
{
    ig_value_id part[3];
    if (sizes.v && sizes.n != 3) {
        igi_mk_refuse(m, "qkv_hidden_sizes must have 3 numbers");
        return;
    }
    if (sizes.v)
        igi_mk_many(m, IGI_IN(x, igi_mk_ints(m, sizes.v, 3)), part, 3, "Split axis=-1");
    else
        igi_mk_many(m, IGI_IN(x), part, 3, "Split axis=-1 num_outputs=3");
    c->q = part[0];
    c->k = part[1];
    c->v = part[2];
}

/* A mask [batch or 1, 1] stands for none, and over one key it could hide nothing. */
static ig_value_id unless_dummy(igi_make *m, ig_value_id mask)
{
    const ig_type *t = mask.i ? ig_graph_value_type(m->n->b->g, mask) : NULL;
    return t && t->rank == 2 && ig_type_dims(t)[1] == 1 ? (ig_value_id){0} : mask;
}

/* past and present are keys and values in one tensor [2, B, heads, T, size]. */
static ig_status attend_projected(
    igi_make *m, call *c, ig_value_id mask, ig_value_id past, ig_value_id bias)
{
    ig_value_id out[3] = {{0}};
    if (past.i) {
        c->past_k = igi_mk(m, IGI_IN(past, igi_mk_number(m, IG_INT64, 0)), "Gather");
        c->past_v = igi_mk(m, IGI_IN(past, igi_mk_number(m, IG_INT64, 1)), "Gather");
    }
    measure(m, c, 1);
    mask_call(m, c, unless_dummy(m, mask), bias);
    attend(m, c, igi_mk_wants(m, 1), out);
    if (igi_mk_wants(m, 1)) {
        ig_value_id k = igi_mk_unsqueeze(m, out[1], IGI_LIST(0));
        ig_value_id v = igi_mk_unsqueeze(m, out[2], IGI_LIST(0));
        igi_mk_out(m, 1, igi_mk(m, IGI_IN(k, v), "Concat axis=0"));
    }
    return igi_mk_give(m, out[0]);
}

static void refuse_rotation(igi_make *m)
{
    if (igi_mk_int(m, "do_rotary", 0) || igi_mk_int(m, "past_present_share_buffer", 0))
        igi_mk_refuse(m, "do_rotary and past_present_share_buffer are not supported");
    igi_mk_ignore(m, "rotary_embedding_dim"); /* of do_rotary */
}

/* Inputs: x, weights, bias?, mask_index?, past?, attention_bias?. */
ig_status igi_ms_attention(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    call c = {.dtype = igi_mk_dtype(&m, igi_mk_in(&m, 0))};
    take_common(&m, &c);
    refuse_rotation(&m);
    if (igi_mk_has(&m, 6))
        igi_mk_refuse(&m, "input past_sequence_length is not supported");
    ig_value_id x = igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), igi_mk_in(&m, 1)), "MatMul");
    x = plus(&m, x, igi_mk_in(&m, 2));
    split_projected(&m, &c, x, igi_mk_list(&m, "qkv_hidden_sizes"));
    return attend_projected(&m, &c, igi_mk_in(&m, 3), igi_mk_in(&m, 4),
                            igi_mk_in(&m, 5));
}

/* Inputs: x, weights, bias, scales of both, mask_index?, zero points?, past?. */
ig_status igi_ms_q_attention(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    call c = {.dtype = igi_mk_dtype(&m, igi_mk_in(&m, 3))};
    take_common(&m, &c);
    refuse_rotation(&m);
    ig_value_id x = igi_mk(
        &m,
        IGI_IN(igi_mk_in(&m, 0), igi_mk_in(&m, 1), igi_mk_in(&m, 6), igi_mk_in(&m, 7)),
        "MatMulInteger");
    ig_value_id scale = igi_mk(&m, IGI_IN(igi_mk_in(&m, 3), igi_mk_in(&m, 4)), "Mul");
    x = igi_mk(&m, IGI_IN(igi_mk_cast(&m, x, c.dtype), scale), "Mul");
    x = plus(&m, x, igi_mk_in(&m, 2));
    split_projected(&m, &c, x, (ig_ints){0});
    return attend_projected(&m, &c, igi_mk_in(&m, 5), igi_mk_in(&m, 8),
                            (ig_value_id){0});
}

/* ---- MultiHeadAttention ---- */

/* x [B, L, heads, n, size], packed: its n parts as [B, heads, L, size]. */
static void unpack(igi_make *m, ig_value_id x, int n, ig_value_id *part)
{
    igi_mk_many(m, IGI_IN(x), part, n, "Split axis=3 num_outputs=%d", n);
    for (int i = 0; i < n; i++) {
        part[i] = igi_mk(m, IGI_IN(part[i], igi_mk_ints(m, IGI_LIST(3))), "Squeeze");
        part[i] = igi_mk(m, IGI_IN(part[i]), "Transpose perm=0,2,1,3");
    }
}

/* [B, L, heads * size] as [B, heads, L, size] */
static ig_value_id in_heads(igi_make *m, ig_value_id x, int heads)
{
    x = igi_mk_reshape(m, x, IGI_LIST(0, 0, heads, -1));
    return igi_mk(m, IGI_IN(x), "Transpose perm=0,2,1,3");
}

/* Query, key and value; a bias [q + k + v] is added to those that come in rank 3. */
static void take_three(igi_make *m, call *c)
{
    ig_value_id in[3] = {igi_mk_in(m, 0), igi_mk_in(m, 1), igi_mk_in(m, 2)}, bias[3];
    if (igi_mk_has(m, 3)) {
        int64_t q = igi_mk_dim(m, in[0], -1), all = igi_mk_dim(m, igi_mk_in(m, 3), 0);
        if (igi_mk_rank(m, in[0]) != 3)
            igi_mk_refuse(m, "a bias needs a query of rank 3");
        igi_mk_many(
            m, IGI_IN(igi_mk_in(m, 3), igi_mk_ints(m, IGI_LIST(q, q, all - 2 * q))),
            bias, 3, "Split");
        for (int i = 0; i < 3; i++)
            if (in[i].i && igi_mk_rank(m, in[i]) == 3)
                in[i] = plus(m, in[i], bias[i]);
    }
    if (!in[1].i)
        unpack(m, in[0], 3, in);
    else if (!in[2].i)
        unpack(m, in[1], 2, in + 1);
    bool heads = igi_mk_rank(m, in[1]) == 4;
    c->q = heads && igi_mk_rank(m, in[0]) == 3 ? in_heads(m, in[0], c->heads) : in[0];
    c->k = in[1];
    c->v = in[2];
}

/* Inputs: query, key?, value?, bias?, key_padding_mask?, attention_bias?, past?. */
ig_status igi_ms_multi_head_attention(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id out[3] = {{0}};
    call c = {.dtype = igi_mk_dtype(&m, igi_mk_in(&m, 0)),
              .past_k = igi_mk_in(&m, 6),
              .past_v = igi_mk_in(&m, 7)};
    take_common(&m, &c);
    if (igi_mk_has(&m, 8) || igi_mk_has(&m, 9))
        igi_mk_refuse(&m,
                      "past_sequence_length and cache_indirection are not supported");
    if (igi_mk_wants(&m, 3))
        igi_mk_refuse(&m, "its output qk is not supported");
    take_three(&m, &c);
    measure(&m, &c, igi_mk_rank(&m, c.k) == 4 ? 2 : 1);
    mask_call(&m, &c, igi_mk_in(&m, 4), igi_mk_in(&m, 5));
    attend(&m, &c, igi_mk_wants(&m, 1) || igi_mk_wants(&m, 2), out);
    igi_mk_out(&m, 1, out[1]);
    igi_mk_out(&m, 2, out[2]);
    return igi_mk_give(&m, out[0]);
}

/* ---- rotation ---- */

/* Angles of positions first + 0, 1, ...; int64 [B, S]. */
static ig_value_id
positions(igi_make *m, const igi_ms_sizes *s, ig_value_id first /* [B or 1, 1] */)
{
    ig_value_id at = igi_mk(m, IGI_IN(first, igi_mk_range(m, s->queries)), "Add");
    ig_value_id shape = igi_mk(m, IGI_IN(s->batch, s->queries), "Concat axis=0");
    return igi_mk(m, IGI_IN(at, shape), "Expand");
}

/* Inputs: x, positions [1] (of the first token) or [B, S], cosines, sines. */
ig_status igi_ms_rotary_embedding(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = igi_mk_in(&m, 0), at = igi_mk_in(&m, 1);
    int64_t heads = igi_mk_int(&m, "num_heads", 0);
    int64_t turned = igi_mk_int(&m, "rotary_embedding_dim", 0);
    int64_t interleaved = igi_mk_int(&m, "interleaved", 0);
    if (igi_mk_float(&m, "scale", 1) != 1)
        igi_mk_refuse(&m, "scale is not supported");
    igi_mk_ignore(&m, "is_packed_batching"); /* each token has its position anyway */
    int rank = igi_mk_rank(&m, x);
    if (rank == 3 && heads == 0) { /* the caches say the size of a head */
        int64_t half = igi_mk_dim(&m, igi_mk_in(&m, 2), -1);
        if (half == 0)
            igi_mk_refuse(&m, "num_heads must be given when the caches are empty");
        heads = half ? igi_mk_dim(&m, x, -1) / (2 * half) : 0;
    }
    if (igi_mk_rank(&m, at) == 1) {
        igi_ms_sizes s = {.batch = igi_mk_size(&m, x, 0),
                          .queries = igi_mk_size(&m, x, rank == 3 ? 1 : 2)};
        at = positions(&m, &s, igi_mk_reshape(&m, at, IGI_LIST(1, 1)));
    }
    return igi_mk_give(&m,
                       igi_mk(&m, IGI_IN(x, igi_mk_in(&m, 2), igi_mk_in(&m, 3), at),
                              "RotaryEmbedding num_heads=%" PRId64
                              " rotary_embedding_dim=%" PRId64 " interleaved=%" PRId64,
                              rank == 3 ? heads : 0, turned, interleaved));
}

/* ---- GroupQueryAttention ---- */

typedef struct group {
    call c;
    ig_value_id past_length; /* int64 [B]: tokens of the past, of each batch item */
    ig_value_id last;        /* int64 [B]: its last token, with those of the past */
    ig_value_id total;       /* int64 [1]: the largest number of tokens */
    int64_t window;          /* -1: none */
    bool causal;
} group;

/* Each head of x with a root mean square of `weight`. */
static ig_value_id
normed(igi_make *m, ig_value_id x, ig_value_id weight, double epsilon)
{
    return weight.i ? igi_mk(m, IGI_IN(x, weight),
                             "RMSNormalization axis=-1 epsilon=%.9g", epsilon)
                    : x;
}

/* Query, key and value as [B, heads, S, size], from one packed tensor or three. */
static void take_group(igi_make *m, group *g)
{
    ig_value_id q = igi_mk_in(m, 0), part[3] = {q, igi_mk_in(m, 1), igi_mk_in(m, 2)};
    if (!part[1].i) {
        int64_t size = igi_mk_dim(m, q, -1) / (g->c.heads + 2 * g->c.kv_heads);
        ig_value_id sizes = igi_mk_ints(
            m, IGI_LIST(size * g->c.heads, size * g->c.kv_heads, size * g->c.kv_heads));
        igi_mk_many(m, IGI_IN(q, sizes), part, 3, "Split axis=-1");
    }
    double epsilon = igi_mk_float(m, "qk_norm_epsilon", 1e-6);
    g->c.q = normed(m, in_heads(m, part[0], g->c.heads), igi_mk_in(m, 14), epsilon);
    g->c.k = normed(m, in_heads(m, part[1], g->c.kv_heads), igi_mk_in(m, 15), epsilon);
    g->c.v = in_heads(m, part[2], g->c.kv_heads);
    g->c.sizes.batch = igi_mk_size(m, q, 0);
    g->c.sizes.queries = igi_mk_size(m, q, 1);
    /* length of the past: all tokens but the new ones; a first prompt, which may be
     * padded on the right, has none */
    ig_value_id zero = igi_mk_ints(m, IGI_LIST(0)), one = igi_mk_ints(m, IGI_LIST(1));
    g->total =
        igi_mk_reshape(m, igi_mk_cast(m, igi_mk_in(m, 6), IG_INT64), IGI_LIST(1));
    g->last = igi_mk_cast(m, igi_mk_in(m, 5), IG_INT64);
    g->last = igi_mk_reshape(m, g->last, IGI_LIST(-1));
    g->past_length = igi_mk(m, IGI_IN(g->last, one), "Add");
    g->past_length = igi_mk(m, IGI_IN(g->past_length, g->c.sizes.queries), "Sub");
    g->past_length = igi_mk(m, IGI_IN(g->past_length, zero), "Max");
}

/* Those that are given, of which a first prompt reads but the first; or those behind
 * the past. */
static ig_value_id group_positions(igi_make *m, const group *g)
{
    ig_value_id at = igi_mk_in(m, 9);
    if (!at.i)
        return positions(m, &g->c.sizes,
                         igi_mk_unsqueeze(m, g->past_length, IGI_LIST(1)));
    ig_value_id first = igi_mk_reshape(m, at, IGI_LIST(-1));
    first = igi_mk(m, IGI_IN(first, igi_mk_ints(m, IGI_LIST(0))), "Gather");
    first = positions(m, &g->c.sizes, igi_mk_unsqueeze(m, first, IGI_LIST(1)));
    ig_value_id prompt = igi_mk(m, IGI_IN(g->c.sizes.queries, g->total), "Equal");
    return igi_mk(m, IGI_IN(prompt, first, at), "Where");
}

static void rotate(igi_make *m, group *g)
{
    int64_t interleaved = igi_mk_int(m, "rotary_interleaved", 0);
    if (!igi_mk_int(m, "do_rotary", 0)) {
        for (int i = 7; i <= 9; i++)
            (void)igi_mk_in(m, i); /* may be there all the same */
        return;
    }
    ig_value_id *turned[2] = {&g->c.q, &g->c.k}, at = group_positions(m, g);
    int64_t n = 2 * igi_mk_dim(m, igi_mk_in(m, 7), -1);
    for (int i = 0; i < 2; i++)
        *turned[i] = igi_mk(m, IGI_IN(*turned[i], igi_mk_in(m, 7), igi_mk_in(m, 8), at),
                            "RotaryEmbedding interleaved=%" PRId64
                            " rotary_embedding_dim=%" PRId64,
                            interleaved, n);
}

/* v with more zeros behind its axis, up to `size` */
static ig_value_id stretched(igi_make *m, ig_value_id v, int axis, ig_value_id size)
{
    ig_value_id zero = igi_mk_ints(m, IGI_LIST(0));
    ig_value_id more = igi_mk(m, IGI_IN(size, igi_mk_size(m, v, axis)), "Sub");
    more = igi_mk(m, IGI_IN(more, zero), "Max");
    ig_value_id pads = igi_mk(m, IGI_IN(zero, more), "Concat axis=0");
    return igi_mk(m, IGI_IN(v, pads, (ig_value_id){0}, igi_mk_ints(m, IGI_LIST(axis))),
                  "Pad");
}

/* The cache, filled up with zeros to the total length, and the new tokens in it. */
static ig_value_id put(igi_make *m, const group *g, ig_value_id past, ig_value_id fresh)
{
    if (!past.i)
        return fresh;
    past = stretched(m, past, 2, g->total);
    return igi_mk(m, IGI_IN(past, fresh, g->past_length), "TensorScatter axis=2");
}

/* bool [B, 1, S, T]: from the start of the window up to the query's own position, or
 * to the last token. */
static ig_value_id group_order(igi_make *m, const group *g)
{
    ig_value_id column = igi_mk_range(m, igi_mk_size(m, g->c.k, 2));
    if (!g->causal)
        return igi_mk(m,
                      IGI_IN(column, igi_mk_reshape(m, g->last, IGI_LIST(-1, 1, 1, 1))),
                      "LessOrEqual");
    ig_value_id row = igi_mk(m,
                             IGI_IN(igi_mk_reshape(m, g->past_length, IGI_LIST(-1, 1)),
                                    igi_mk_range(m, g->c.sizes.queries)),
                             "Add");
    row = igi_mk_unsqueeze(m, row, IGI_LIST(1, 3));
    ig_value_id seen = igi_mk(m, IGI_IN(column, row), "LessOrEqual");
    if (g->window < 0)
        return seen;
    ig_value_id start =
        igi_mk(m, IGI_IN(row, igi_mk_ints(m, IGI_LIST(g->window))), "Sub");
    ig_value_id near = igi_mk(m, IGI_IN(column, start), "Greater");
    return igi_mk(m, IGI_IN(seen, near), "And");
}

/* The order and the bias, which has a column a token where the cache may have more. */
static void mask_group(igi_make *m, group *g)
{
    ig_value_id bias = igi_mk_in(m, 10);
    if (bias.i && igi_mk_has(m, 3))
        bias = stretched(m, bias, 3, igi_mk_size(m, g->c.k, 2));
    g->c.mask = igi_ms_where(m, group_order(m, g), bias, g->c.dtype);
}

/* One more key of zeros and no value, whose score, the mask's last column, is a number
 * of each head, or 0. */
static void add_sink(igi_make *m, call *c, bool smooth)
{
    ig_value_id sink = igi_mk_in(m, 11), one = igi_mk_ints(m, IGI_LIST(1));
    if (!sink.i && !smooth)
        return;
    ig_value_id shape =
        igi_mk(m,
               IGI_IN(c->sizes.batch, igi_mk_ints(m, IGI_LIST(c->heads)),
                      c->sizes.queries, one),
               "Concat axis=0");
    sink = sink.i ? igi_mk_reshape(m, sink, IGI_LIST(1, c->heads, 1, 1))
                  : igi_mk_number(m, c->dtype, 0);
    sink = igi_mk(m, IGI_IN(sink, shape), "Expand");
    c->mask = igi_mk(m, IGI_IN(c->mask, shape), "Expand");
    c->mask = igi_mk(m, IGI_IN(c->mask, sink), "Concat axis=-1");
    ig_value_id pads = igi_mk_ints(m, IGI_LIST(0, 1)),
                axis = igi_mk_ints(m, IGI_LIST(2));
    c->k = igi_mk(m, IGI_IN(c->k, pads, (ig_value_id){0}, axis), "Pad");
    c->v = igi_mk(m, IGI_IN(c->v, pads, (ig_value_id){0}, axis), "Pad");
}

/* A cache of bytes is not supported. */
static void refuse_bytes(igi_make *m)
{
    const char *const names[] = {"k_quant_type", "v_quant_type"};
    for (int i = 0; i < 2; i++)
        if (strcmp(igi_mk_string(m, names[i], "NONE"), "NONE") != 0)
            igi_mk_refuse(m, "%s must be NONE", names[i]);
    igi_mk_ignore(m, "kv_cache_bit_width"); /* of these */
}

static void take_group_attributes(igi_make *m, group *g)
{
    g->c.dtype = igi_mk_dtype(m, igi_mk_in(m, 0));
    take_common(m, &g->c);
    g->c.kv_heads = count(m, "kv_num_heads");
    g->c.softcap = igi_mk_float(m, "softcap", 0);
    g->window = igi_mk_int(m, "local_window_size", -1);
    g->causal = igi_mk_int(m, "causal", 1) != 0;
    if (!g->causal && g->window >= 0)
        igi_mk_refuse(m, "local_window_size needs causal");
    if (igi_mk_int(m, "sliding_window_cache", 0))
        igi_mk_refuse(m, "sliding_window_cache is not supported");
    refuse_bytes(m);
    if (igi_mk_int(m, "qk_output", 0) || igi_mk_wants(m, 3))
        igi_mk_refuse(m, "its output qk is not supported");
    if (!igi_mk_has(m, 5) || !igi_mk_has(m, 6))
        igi_mk_refuse(m, "it needs seqlens_k and total_sequence_length");
}

/* Inputs: query, key?, value?, past key and value?, last position of each batch item,
 * total length, cosines and sines?, positions?, attention_bias?, score of a sink?,
 * scales of a cache of bytes?, weights of norms of query and key?. */
ig_status igi_ms_group_query_attention(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    group g = {.window = -1};
    ig_value_id out[3] = {{0}};
    take_group_attributes(&m, &g);
    take_group(&m, &g);
    rotate(&m, &g);
    g.c.k = put(&m, &g, igi_mk_in(&m, 3), g.c.k);
    g.c.v = put(&m, &g, igi_mk_in(&m, 4), g.c.v);
    mask_group(&m, &g);
    igi_mk_out(&m, 1, g.c.k);
    igi_mk_out(&m, 2, g.c.v);
    add_sink(&m, &g.c, igi_mk_int(&m, "smooth_softmax", 0) > 0);
    attend(&m, &g.c, false, out);
    return igi_mk_give(&m, out[0]);
}
