/* The gradient of Attention, emitted over heads [batch, heads, rows, size].
 *
 * Query heads that share keys become rows of one head: [batch, kv_heads, group * q_len,
 * size]. With p = softmax (of a second Attention that shows it, so that every mask
 * counts):
 *   dv = p^T dy, dp = dy v^T, ds = p * (dp - sum(p * dp)), cap: ds * (1 - (s / c)^2),
 *   dq = scale * ds k, dk = scale * ds^T q.
 * Everything is emitted, so the rule may be differentiated again. */
#include "operators/common_attention.h"
#include "operators/common_grad.h"
#include "operators/common_move.h"

IG_USES_OP(Attention);
IG_USES_OP(Concat);
IG_USES_OP(Div);
IG_USES_OP(Equal);
IG_USES_OP(Gather);
IG_USES_OP(MatMul);
IG_USES_OP(Reciprocal);
IG_USES_OP(Reshape);
IG_USES_OP(Shape);
IG_USES_OP(Slice);
IG_USES_OP(Split);
IG_USES_OP(Sqrt);
IG_USES_OP(Transpose);

typedef struct rule {
    ig_grad *g;
    const igi_attention_attrs *attrs;
    ig_dtype type, wide;
    bool packed;  /* inputs of rank 3 */
    bool grouped; /* more query heads than others, or maybe so */
    ig_var heads; /* Q of rank 4 */
    ig_var k, v;  /* with the past */
    ig_var p;     /* softmax, grouped */
} rule;

static ig_var transpose(ig_grad *g, ig_var v, const int64_t *perm)
{
    const igi_transpose_attrs a = {sizeof(a), {4, perm}};
    return ig_emit1(g, IG_OP(Transpose), &a, v);
}

static ig_var product(rule *r, ig_var a, ig_var b)
{
    return a.h && b.h ? ig_emit2(r->g, IG_OP(MatMul), NULL, a, b) : (ig_var){0};
}

/* Last two axes exchanged. */
static ig_var flip(rule *r, ig_var v)
{
    return v.h ? transpose(r->g, v, (const int64_t[]){0, 1, 3, 2}) : v;
}

static ig_var wide(rule *r, ig_var v)
{
    return v.h ? igi_emit_cast(r->g, v, r->wide) : v;
}

/* [batch, rows, heads * size] as [batch, heads, rows, size]; 0 and -1 as in Reshape. */
static ig_var to_heads(rule *r, ig_var v, int64_t heads)
{
    const int64_t shape[4] = {0, 0, heads, -1};
    if (!r->packed || !v.h)
        return v;
    v = ig_emit2(r->g, IG_OP(Reshape), NULL, v, ig_grad_ints(r->g, shape, 4));
    return transpose(r->g, v, (const int64_t[]){0, 2, 1, 3});
}

/* The way back, to the shape of input `port`. */
static ig_var from_heads(rule *r, ig_var v, int port)
{
    if (!r->packed || !v.h)
        return v;
    v = transpose(r->g, v, (const int64_t[]){0, 2, 1, 3});
    return igi_emit_reshape(r->g, v, ig_grad_in_shape(r->g, port));
}

/* Elements of the shape of v, as a vector. */
static ig_var dims_of(ig_grad *g, ig_var v, const int64_t *axes, int n)
{
    return ig_emit2(g, IG_OP(Gather), NULL, ig_emit1(g, IG_OP(Shape), NULL, v),
                    ig_grad_ints(g, axes, n));
}

static ig_var dim_of(ig_grad *g, ig_var v, int64_t axis)
{
    return dims_of(g, v, &axis, 1);
}

static ig_var join(ig_grad *g, const ig_var *part, int n)
{
    const igi_axis_attrs first = {sizeof(first), 0};
    ig_var all;
    (void)ig_emit_n(g, IG_OP(Concat), &first, part, n, &all, 1);
    return all;
}

ig_var igi_heads_to_groups(ig_grad *g, ig_var v, ig_var keys)
{
    if (!v.h)
        return v;
    ig_var heads = dim_of(g, keys, 1);
    ig_var rows = igi_emit_mul(g, dim_of(g, v, 1), dim_of(g, v, 2));
    const ig_var part[4] = {dim_of(g, v, 0), heads,
                            ig_emit2(g, IG_OP(Div), NULL, rows, heads),
                            dim_of(g, v, 3)};
    return igi_emit_reshape(g, v, join(g, part, 4));
}

ig_var igi_heads_from_groups(ig_grad *g, ig_var v, ig_var queries)
{
    const int64_t axes[3] = {0, 1, 2};
    if (!v.h)
        return v;
    const ig_var part[2] = {dims_of(g, queries, axes, 3), dim_of(g, v, 3)};
    return igi_emit_reshape(g, v, join(g, part, 2));
}

static ig_var to_groups(rule *r, ig_var v)
{
    return r->grouped ? igi_heads_to_groups(r->g, v, r->k) : v;
}

static ig_var from_groups(rule *r, ig_var v)
{
    return r->grouped ? igi_heads_from_groups(r->g, v, r->heads) : v;
}

static ig_var with_past(rule *r, int port, int past)
{
    const igi_axis_attrs rows = {sizeof(rows), 2};
    ig_var now = to_heads(r, ig_grad_in(r->g, port), r->attrs->kv_num_heads);
    if (!ig_grad_in_type(r->g, past))
        return wide(r, now);
    return wide(r, ig_emit2(r->g, IG_OP(Concat), &rows, ig_grad_in(r->g, past), now));
}

/* The scores of the forward pass in one of the modes, [batch, q_heads, q_len, keys]. */
static ig_var scores(rule *r, int64_t mode)
{
    igi_attention_attrs a = *r->attrs;
    ig_var in[IGI_ATT_INPUTS] = {{0}}, out[4];
    int n = ig_grad_n_in(r->g);
    for (int i = 0; i < n && i < IGI_ATT_INPUTS; i++)
        in[i] = ig_grad_in_type(r->g, i) ? ig_grad_in(r->g, i) : (ig_var){0};
    a.qk_matmul_output_mode = mode;
    (void)ig_emit_n(r->g, IG_OP(Attention), &a, in, n, out, 4);
    return out[IGI_ATT_SCORES];
}

/* dy of the output of scores when it shows `mode`. */
static ig_var dscores(rule *r, int64_t mode)
{
    return r->attrs->qk_matmul_output_mode == mode
               ? to_groups(r, wide(r, ig_grad_dy(r->g, IGI_ATT_SCORES)))
               : (ig_var){0};
}

/* dp of the softmax to ds of the scores with mask and cap. */
static ig_var through_softmax(rule *r, ig_var dp)
{
    const int64_t last[1] = {-1};
    if (!dp.h)
        return dp;
    ig_var sum = igi_emit_sum(r->g, igi_emit_mul(r->g, r->p, dp), last, 1);
    return igi_emit_mul(r->g, r->p, igi_emit_sub(r->g, dp, sum));
}

/* dy of masked scores; nothing flows into those that a mask hides. */
static ig_var dmasked(rule *r)
{
    ig_var d = dscores(r, IGI_SCORES_MASKED);
    if (!d.h)
        return d;
    ig_var s = to_groups(r, wide(r, scores(r, IGI_SCORES_MASKED)));
    ig_var low = ig_grad_scalar(r->g, r->wide, -(double)INFINITY);
    return igi_emit_unmasked(r->g, ig_emit2(r->g, IG_OP(Equal), NULL, s, low), d);
}

/* Keys that a short mask leaves out have no gradient in it. */
static void set_mask(rule *r, ig_var ds)
{
    const ig_type *m = ig_grad_in_type(r->g, IGI_ATT_MASK);
    if (!m || !ds.h || !ig_grad_wants(r->g, IGI_ATT_MASK))
        return;
    ds = from_groups(r, ds);
    if (m->rank > 0) {
        const int64_t zero[1] = {0}, last[1] = {-1};
        ig_var end =
            ig_emit2(r->g, IG_OP(Gather), NULL, ig_grad_in_shape(r->g, IGI_ATT_MASK),
                     ig_grad_ints(r->g, last, 1));
        ig_var in[4] = {ds, ig_grad_ints(r->g, zero, 1), end,
                        ig_grad_ints(r->g, last, 1)};
        (void)ig_emit_n(r->g, IG_OP(Slice), NULL, in, 4, &ds, 1);
    }
    ig_grad_set(r->g, IGI_ATT_MASK, igi_emit_cast(r->g, ds, (ig_dtype)m->dtype));
}

/* The gradient of past and new rows, `present` flowing in too. */
static void set_cache(rule *r, ig_var d, int present, int port, int past)
{
    const igi_split_attrs rows = {sizeof(rows), 2, 0};
    const int64_t row[1] = {2}, packed_row[1] = {1};
    d = igi_emit_add(r->g, d, wide(r, ig_grad_dy(r->g, present)));
    if (!d.h)
        return;
    ig_dtype type = (ig_dtype)ig_grad_in_type(r->g, port)->dtype;
    d = igi_emit_cast(r->g, d, type);
    if (ig_grad_in_type(r->g, past)) {
        ig_var part[2],
            old = ig_emit2(r->g, IG_OP(Gather), NULL, ig_grad_in_shape(r->g, past),
                           ig_grad_ints(r->g, row, 1)),
            now = ig_emit2(r->g, IG_OP(Gather), NULL, ig_grad_in_shape(r->g, port),
                           ig_grad_ints(r->g, r->packed ? packed_row : row, 1)),
            in[2] = {d, join(r->g, (const ig_var[]){old, now}, 2)};
        (void)ig_emit_n(r->g, IG_OP(Split), &rows, in, 2, part, 2);
        ig_grad_set(r->g, past, part[0]);
        d = part[1];
    }
    ig_grad_set(r->g, port, from_heads(r, d, port));
}

/* The size of a head may be a symbol. */
ig_var igi_attention_scaled(ig_grad *g, ig_var v, float scale, ig_var queries)
{
    if (scale < 0 || scale > 0 || !v.h)
        return igi_emit_scale(g, v, (double)scale);
    ig_var size =
        igi_emit_cast(g, dim_of(g, queries, 3), (ig_dtype)ig_grad_type(g, v)->dtype);
    size = ig_emit1(g, IG_OP(Sqrt), NULL, size);
    return igi_emit_mul(g, v, ig_emit1(g, IG_OP(Reciprocal), NULL, size));
}

static ig_var scaled(rule *r, ig_var ds)
{
    return igi_attention_scaled(r->g, ds, r->attrs->scale, r->heads);
}

/* ds * (1 - tanh^2) when scores are capped. */
static ig_var through_cap(rule *r, ig_var ds)
{
    const double cap = (double)r->attrs->softcap;
    if (!(cap > 0) || !ds.h)
        return ds;
    ig_var s = to_groups(r, wide(r, scores(r, IGI_SCORES_CAPPED)));
    s = igi_emit_scale(r->g, s, 1 / cap);
    ig_var one = ig_grad_scalar(r->g, r->wide, 1);
    return igi_emit_mul(r->g, ds, igi_emit_sub(r->g, one, igi_emit_mul(r->g, s, s)));
}

static void start(rule *r, ig_grad *g)
{
    const ig_type *q = ig_grad_in_type(g, IGI_ATT_Q),
                  *k = ig_grad_in_type(g, IGI_ATT_K),
                  *v = ig_grad_in_type(g, IGI_ATT_V);
    const igi_attention_attrs *a = ig_grad_attrs(g);
    *r = (rule){.g = g, .attrs = a, .type = (ig_dtype)q->dtype, .packed = q->rank == 3};
    r->wide =
        q->dtype == IG_FLOAT64 || v->dtype == IG_FLOAT64 ? IG_FLOAT64 : IG_FLOAT32;
    r->grouped = r->packed ? a->q_num_heads != a->kv_num_heads
                           : ig_type_dims(q)[1] < 0 || ig_type_dims(k)[1] < 0 ||
                                 ig_type_dims(q)[1] != ig_type_dims(k)[1];
    r->heads = to_heads(r, ig_grad_in(g, IGI_ATT_Q), a->q_num_heads);
    r->k = with_past(r, IGI_ATT_K, IGI_ATT_PAST_K);
    r->v = with_past(r, IGI_ATT_V, IGI_ATT_PAST_V);
    r->p = to_groups(r, wide(r, scores(r, IGI_SCORES_SOFTMAX)));
}

ig_status igi_attention_gradient(ig_grad *g)
{
    rule r;
    start(&r, g);
    ig_var q = to_groups(&r, wide(&r, r.heads));
    ig_var dy = to_heads(&r, ig_grad_dy(g, IGI_ATT_Y), r.attrs->q_num_heads);
    dy = to_groups(&r, wide(&r, dy));
    ig_var dp = igi_emit_add(g, product(&r, dy, flip(&r, r.v)),
                             dscores(&r, IGI_SCORES_SOFTMAX));
    ig_var ds = igi_emit_add(g, through_softmax(&r, dp), dmasked(&r));
    set_mask(&r, ds);
    ds = through_cap(&r, igi_emit_add(g, ds, dscores(&r, IGI_SCORES_CAPPED)));
    ds = scaled(&r, igi_emit_add(g, ds, dscores(&r, IGI_SCORES_RAW)));
    ig_var dq = from_groups(&r, product(&r, ds, r.k));
    if (dq.h)
        ig_grad_set(g, IGI_ATT_Q,
                    from_heads(&r, igi_emit_cast(g, dq, r.type), IGI_ATT_Q));
    set_cache(&r, product(&r, flip(&r, ds), q), IGI_ATT_PRESENT_K, IGI_ATT_K,
              IGI_ATT_PAST_K);
    set_cache(&r, product(&r, flip(&r, r.p), dy), IGI_ATT_PRESENT_V, IGI_ATT_V,
              IGI_ATT_PAST_V);
    return IG_OK;
}
