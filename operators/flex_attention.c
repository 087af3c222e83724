/* FlexAttention: attention whose scores and probabilities pass through bodies:
 *   s = score_mod(scale * q k^T), p = prob_mod(softmax(s)), y = p v,
 * for every head, with groups of query heads that share a head of keys and values. The
 * bodies see all heads at once, [batch, q_heads, q_len, kv_len], in the element type of
 * the softmax; a mask is a score_mod that writes -inf.
 *
 * Level 2 writes it as products, softmax and the nodes of the bodies
 * (graph/passes/lower.c). */
#include "operators/common_attention.h"
#include "operators/common_flow.h"
#include "operators/common_flow_grad.h"
#include "operators/common_grad.h"
#include "operators/common_move.h"
#include "operators/common_softmax.h"

IG_USES_OP(Add);
IG_USES_OP(MatMul);
IG_USES_OP(Mul);
IG_USES_OP(Shape);
IG_USES_OP(Softmax);
IG_USES_OP(Transpose);

enum { Q, K, V, FORMAL };

typedef struct {
    uint32_t struct_size;
    ig_graph *prob_mod;
    float scale;
    ig_graph *score_mod;
    int64_t softmax_precision;
} flex_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_GRAPH(flex_attrs,
                  prob_mod,
                  "(probabilities, captures...) -> probabilities; absent: none."),
    IG_ATTR_FLOAT(flex_attrs, scale, 0, "Factor of the scores; 0: 1 / sqrt(size)."),
    IG_ATTR_GRAPH(
        flex_attrs, score_mod, "(scores, captures...) -> scores; absent: none."),
    IG_ATTR_INT(
        flex_attrs,
        softmax_precision,
        0,
        "Element type of scores and probabilities as in TensorProto; 0: float32, "
        "or float64 when Q is.",
        .min = 0,
        .max = IG_BFLOAT16),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("Q", 'T', "Queries [batch, q_heads, q_len, size]."),
    IG_PORT("K", 'T', "Keys [batch, kv_heads, kv_len, size]."),
    IG_PORT("V", 'T', "Values [batch, kv_heads, kv_len, v_size]."),
    {0},
};
static const ig_port outputs[] = {IG_PORT("Y", 'T', "[batch, q_heads, q_len, v_size]."),
                                  {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_dtype precision(const flex_attrs *a, ig_dtype q)
{
    if (a->softmax_precision)
        return (ig_dtype)a->softmax_precision;
    return q == IG_FLOAT64 ? IG_FLOAT64 : IG_FLOAT32;
}

/* ---- infer ---- */

static ig_status
check_body(ig_infer *x, const ig_graph *body, const char *name, const ig_type *scores)
{
    if (!body)
        return IG_OK;
    IG_TRY(igi_body_ends(x, body, name, 1, 1));
    IG_TRY(igi_body_takes(x, body, 0, scores));
    const ig_type *out = &igi_value_at(body, body->outputs.p[0])->type;
    if (body->outputs.n != 1 || out->kind != IG_KIND_TENSOR ||
        out->dtype != scores->dtype || (out->rank >= 0 && out->rank != 4))
        return ig_infer_fail(x, "%s must give one tensor like the one it takes", name);
    for (int i = 0; i < out->rank; i++) {
        int64_t have = ig_type_dims(out)[i], want = ig_type_dims(scores)[i];
        if (have >= 0 && want >= 0 && have != want)
            return ig_infer_fail(x, "%s must keep the shape of what it takes", name);
    }
    return IG_OK;
}

static ig_status flex_infer(ig_infer *x)
{
    const flex_attrs *a = x->attrs;
    const ig_dtype type = precision(a, (ig_dtype)x->in[Q]->dtype);
    for (int i = 0; i < FORMAL; i++)
        if (x->in[i]->rank != 4)
            return ig_infer_fail(x, "Q, K and V must have rank 4");
    if (!(IG_FLOATS & IG_BIT(type)))
        return ig_infer_fail(x, "softmax_precision must be a type of floats, not %s",
                             ig_dtype_name(type));
    const int64_t *q = ig_type_dims(x->in[Q]), *k = ig_type_dims(x->in[K]),
                  *v = ig_type_dims(x->in[V]);
    int64_t batch = q[0], heads, rows;
    IG_TRY(ig_infer_equal(x, batch, k[0], "batches of Q and K", &batch));
    IG_TRY(ig_infer_equal(x, batch, v[0], "batches of Q and V", &batch));
    IG_TRY(ig_infer_equal(x, k[1], v[1], "heads of K and V", &heads));
    IG_TRY(ig_infer_equal(x, k[2], v[2], "lengths of K and V", &rows));
    IG_TRY(ig_infer_equal(x, q[3], k[3], "head sizes of Q and K", NULL));
    if (q[1] >= 0 && heads >= 0 && (heads ? q[1] % heads : q[1]))
        return ig_infer_fail(x, "the heads of Q must be a multiple of those of K");
    ig_type scores = {
        .dtype = (uint8_t)type, .rank = 4, .u.dim = {batch, q[1], q[2], rows}};
    IG_TRY(check_body(x, a->score_mod, "score_mod", &scores));
    IG_TRY(check_body(x, a->prob_mod, "prob_mod", &scores));
    const int64_t y[4] = {batch, q[1], q[2], v[3]};
    return ig_infer_set(x, 0, 4, y);
}

/* ---- reference ---- */

/* Element i of row r of head h: those of K and V are shared by groups. */
static int64_t row_at(const ig_tensor *t, int64_t b, int64_t h, int64_t r)
{
    const int64_t *d = ig_dims(t);
    return ((b * d[1] + h) * d[2] + r) * d[3];
}

/* One walk over all (batch, head, query), y[to] for each of them. */
typedef void (*row_fn)(
    const ig_kernel_ctx *k, const ig_tensor *scores, int64_t b, int64_t h, int64_t row);

static ig_status each_row(ig_kernel_ctx *k, const ig_tensor *scores, row_fn f)
{
    const int64_t *d = ig_dims(scores);
    for (int64_t b = 0; b < d[0]; b++)
        for (int64_t h = 0; h < d[1]; h++) {
            IG_TRY(ig_poll(k));
            for (int64_t row = 0; row < d[2]; row++)
                f(k, scores, b, h, row);
        }
    return IG_OK;
}

static int64_t kv_head(const ig_tensor *kv, const ig_tensor *scores, int64_t h)
{
    return h / (ig_dims(scores)[1] / ig_dims(kv)[1]);
}

static void
score_row(const ig_kernel_ctx *k, const ig_tensor *s, int64_t b, int64_t h, int64_t row)
{
    const ig_tensor *q = ig_in(k, Q), *key = ig_in(k, K);
    const int64_t size = ig_dims(q)[3], n = ig_dims(s)[3], from = row_at(q, b, h, row),
                  head = kv_head(key, s, h), to = row_at(s, b, h, row);
    double scale = (double)((const flex_attrs *)k->attrs)->scale;
    if (!(scale < 0 || scale > 0))
        scale = 1 / sqrt((double)size);
    for (int64_t t = 0; t < n; t++) {
        const int64_t at = row_at(key, b, head, t);
        double sum = 0;
        for (int64_t i = 0; i < size; i++)
            sum += igi_load(ig_dtype_of(q), ig_data(q), from + i) *
                   igi_load(ig_dtype_of(key), ig_data(key), at + i);
        igi_store(ig_dtype_of(s), ig_data(s), to + t, scale * sum);
    }
}

static void softmax_row(
    const ig_kernel_ctx *k, const ig_tensor *s, int64_t b, int64_t h, int64_t row)
{
    const int64_t n = ig_dims(s)[3], at = row_at(s, b, h, row);
    const ig_dtype type = ig_dtype_of(s);
    double high, sum = igi_exp_sum(type, ig_data(s), at, n, 1, &high);
    (void)k;
    for (int64_t t = at; t < at + n; t++)
        igi_store(type, ig_data(s), t, exp(igi_load(type, ig_data(s), t) - high) / sum);
}

static void
value_row(const ig_kernel_ctx *k, const ig_tensor *p, int64_t b, int64_t h, int64_t row)
{
    const ig_tensor *v = ig_in(k, V);
    ig_tensor *y = ig_out(k, 0);
    const int64_t size = ig_dims(v)[3], head = kv_head(v, p, h),
                  from = row_at(p, b, h, row), to = row_at(y, b, h, row);
    for (int64_t i = 0; i < size; i++) {
        double sum = 0;
        for (int64_t t = 0; t < ig_dims(p)[3]; t++)
            sum += igi_load(ig_dtype_of(p), ig_data(p), from + t) *
                   igi_load(ig_dtype_of(v), ig_data(v), row_at(v, b, head, t) + i);
        igi_store(ig_dtype_of(y), ig_data(y), to + i, sum);
    }
}

/* *t := what the body makes of it. */
static ig_status
run_body(ig_kernel_ctx *k, const ig_graph *body, const char *name, ig_tensor **t)
{
    igi_rounds r;
    ig_tensor *made = NULL;
    if (!body)
        return IG_OK;
    ig_status rc = igi_rounds_begin(&r, k, body, 1, 1);
    if (rc == IG_OK) {
        igi_rounds_set(&r, 0, ig_value_ref(ig_tensor_value(*t)));
        rc = igi_rounds_run(&r);
    }
    const ig_tensor *out = rc == IG_OK ? ig_value_tensor(r.out[0]) : NULL;
    if (rc == IG_OK && !igi_type_equal(&out->v.type, &(*t)->v.type)) {
        char have[160], want[160];
        rc = ig_kernel_fail(k, IG_INVALID_ARGUMENT, "%s made %s of %s", name,
                            igi_type_print(&out->v.type, NULL, have, sizeof(have)),
                            igi_type_print(&(*t)->v.type, NULL, want, sizeof(want)));
    }
    if (rc == IG_OK)
        rc = igi_tensor_contiguous_copy(&made, NULL, out);
    igi_rounds_end(&r);
    if (rc != IG_OK)
        return ig_fail_context("%s", name);
    ig_tensor_unref(*t);
    *t = made;
    return IG_OK;
}

static ig_status flex_reference(ig_kernel_ctx *k)
{
    const flex_attrs *a = k->attrs;
    const int64_t *q = ig_dims(ig_in(k, Q));
    const int64_t dims[4] = {q[0], q[1], q[2], ig_dims(ig_in(k, K))[2]};
    ig_tensor *s = NULL;
    IG_TRY(igi_tensor_make(&s, NULL, precision(a, ig_dtype_of(ig_in(k, Q))), 4, dims));
    ig_status rc = ig_charge(k, (int64_t)ig_tensor_nbytes(s));
    if (rc == IG_OK)
        rc = each_row(k, s, score_row);
    if (rc == IG_OK)
        rc = run_body(k, a->score_mod, "score_mod", &s);
    if (rc == IG_OK)
        rc = each_row(k, s, softmax_row);
    if (rc == IG_OK)
        rc = run_body(k, a->prob_mod, "prob_mod", &s);
    if (rc == IG_OK)
        rc = each_row(k, s, value_row);
    ig_tensor_unref(s);
    return rc;
}

/* ---- gradient ---- */

typedef struct rule {
    ig_grad *g;
    const flex_attrs *a;
    ig_dtype type, scores; /* of Q; of scores */
    ig_dtype wide;         /* of products */
    bool grouped;
    ig_var q, k, v; /* wide */
    int n_captures;
    ig_var dcapture[IG_PORTS_MAX];
} rule;

static ig_var flip(rule *r, ig_var v)
{
    const igi_transpose_attrs a = {sizeof(a), {4, (const int64_t[]){0, 1, 3, 2}}};
    return ig_emit1(r->g, IG_OP(Transpose), &a, v);
}
static ig_var product(rule *r, ig_var a, ig_var b)
{
    return ig_emit2(r->g, IG_OP(MatMul), NULL, a, b);
}
static ig_var to_groups(rule *r, ig_var v)
{
    return r->grouped ? igi_heads_to_groups(r->g, v, r->k) : v;
}
static ig_var from_groups(rule *r, ig_var v)
{
    return r->grouped ? igi_heads_from_groups(r->g, v, r->q) : v;
}
/* [batch, q_heads, q_len, n] times rows or columns of a tensor of fewer heads. */
static ig_var by_heads(rule *r, ig_var v, ig_var kv)
{
    return from_groups(r, product(r, to_groups(r, v), kv));
}

/* x, the captures and maybe dy are what an arm reads. */
static void run_arm(rule *r, ig_graph *arm, ig_var x, ig_var dy, ig_var *out, int n_out)
{
    ig_var in[IG_PORTS_MAX + 2];
    int n = 0;
    in[n++] = x;
    for (int c = 0; c < r->n_captures; c++)
        in[n++] = ig_grad_in(r->g, FORMAL + c);
    if (dy.h)
        in[n++] = dy;
    (void)igi_emit_arm(r->g, arm, in, n, out, n_out);
}

/* What an arm gave, wide; bodies need not know the rank, the operator does. */
static ig_var result(rule *r, ig_var v, ig_var like)
{
    const ig_type *t = ig_grad_type(r->g, v);
    if (t && t->rank < 0)
        v = igi_emit_reshape(r->g, v, ig_emit1(r->g, IG_OP(Shape), NULL, like));
    return igi_emit_cast(r->g, v, r->wide);
}

/* v, wide, through a body of the forward pass. */
static ig_var through(rule *r, ig_graph *body, ig_var v)
{
    ig_var out = {0};
    if (!body)
        return v;
    run_arm(r, body, igi_emit_cast(r->g, v, r->scores), (ig_var){0}, &out, 1);
    return result(r, out, v);
}

/* dy of what a body made of x becomes dx; the captures get theirs. */
static ig_var back(rule *r, ig_graph *body, ig_var x, ig_var dy)
{
    igi_arm_key key;
    ig_var out[IG_PORTS_MAX] = {{0}};
    int n = 1;
    if (!body)
        return dy;
    memset(&key, 0, sizeof(key));
    key.n_in = 1 + r->n_captures;
    key.n_out = 1;
    key.wants[0] = key.dy[0] = true;
    for (int c = 0; c < r->n_captures; c++)
        n += key.wants[1 + c] = ig_grad_wants(r->g, FORMAL + c);
    ig_graph *arm = igi_grad_derived(r->g, body, igi_arm_gradient, &key, sizeof(key));
    run_arm(r, arm, igi_emit_cast(r->g, x, r->scores),
            igi_emit_cast(r->g, dy, r->scores), out, n);
    for (int c = 0, o = 1; c < r->n_captures; c++)
        if (key.wants[1 + c])
            r->dcapture[c] = igi_emit_add(r->g, r->dcapture[c], out[o++]);
    return result(r, out[0], x);
}

static void start(rule *r, ig_grad *g)
{
    const ig_type *q = ig_grad_in_type(g, Q), *k = ig_grad_in_type(g, K);
    *r = (rule){.g = g,
                .a = ig_grad_attrs(g),
                .type = (ig_dtype)q->dtype,
                .n_captures = ig_grad_n_in(g) - FORMAL};
    r->scores = precision(r->a, r->type);
    r->wide =
        q->dtype == IG_FLOAT64 || r->scores == IG_FLOAT64 ? IG_FLOAT64 : IG_FLOAT32;
    r->grouped = ig_type_dims(q)[1] < 0 || ig_type_dims(q)[1] != ig_type_dims(k)[1];
    r->q = igi_emit_cast(g, ig_grad_in(g, Q), r->wide);
    r->k = igi_emit_cast(g, ig_grad_in(g, K), r->wide);
    r->v = igi_emit_cast(g, ig_grad_in(g, V), r->wide);
}

/* The forward pass again, and back: with p' = prob_mod(p),
 *   dv = p'^T dy, dp' = dy v^T, ds = p * (dp - sum(p * dp)), dq = scale * ds k. */
static ig_status flex_gradient(ig_grad *g)
{
    rule r;
    const int64_t last[1] = {-1};
    const igi_axis_attrs keys = {sizeof(keys), -1};
    start(&r, g);
    ig_var s =
        igi_attention_scaled(g, by_heads(&r, r.q, flip(&r, r.k)), r.a->scale, r.q);
    ig_var p = ig_emit1(g, IG_OP(Softmax), &keys, through(&r, r.a->score_mod, s));
    ig_var weights = through(&r, r.a->prob_mod, p);
    ig_var dy = igi_emit_cast(g, ig_grad_dy(g, 0), r.wide);
    ig_var dp = back(&r, r.a->prob_mod, p, by_heads(&r, dy, flip(&r, r.v)));
    ig_var sum = igi_emit_sum(g, igi_emit_mul(g, p, dp), last, 1);
    ig_var ds = igi_emit_mul(g, p, igi_emit_sub(g, dp, sum));
    ds = back(&r, r.a->score_mod, s, ds);
    ds = igi_attention_scaled(g, ds, r.a->scale, r.q);
    const ig_var d[FORMAL] = {
        by_heads(&r, ds, r.k),
        product(&r, flip(&r, to_groups(&r, ds)), to_groups(&r, r.q)),
        product(&r, flip(&r, to_groups(&r, weights)), to_groups(&r, dy))};
    for (int i = 0; i < FORMAL; i++)
        ig_grad_set(g, i, igi_emit_cast(g, d[i], r.type));
    for (int c = 0; c < r.n_captures; c++)
        if (ig_grad_wants(g, FORMAL + c))
            ig_grad_set(g, FORMAL + c, r.dcapture[c]);
    return IG_OK;
}

/* ---- samples: x -> x + w, and x -> x * w, w being a capture of the type of scores --
 */

static ig_status
body_of(const ig_sample_scene *s, const ig_op_def *op, ig_dtype type, ig_graph **out)
{
    ig_value_id in[2], y;
    const int64_t any[4] = {-1, -1, -1, -1};
    IG_TRY(igi_graph_new(out, "mod", s->registry, NULL));
    IG_TRY(ig_graph_input(*out, "x", type, 4, any, &in[0]));
    IG_TRY(ig_graph_input(*out, "w", type, -1, NULL, &in[1]));
    IG_TRY(igi_sample_node(*out, op, in, 2, &y));
    return ig_graph_output(*out, "y", y);
}

static ig_status add_score_mod(const ig_sample_scene *s, void *out)
{
    flex_attrs *a = out;
    return body_of(s, IG_OP(Add), precision(a, s->dtype), &a->score_mod);
}
static ig_status mul_prob_mod(const ig_sample_scene *s, void *out)
{
    flex_attrs *a = out;
    return body_of(s, IG_OP(Mul), precision(a, s->dtype), &a->prob_mod);
}
static ig_status both_mods(const ig_sample_scene *s, void *out)
{
    IG_TRY(add_score_mod(s, out));
    return mul_prob_mod(s, out);
}

static const flex_attrs wide = {
    .struct_size = sizeof(wide), .scale = 0.3f, .softmax_precision = IG_FLOAT64};
#define WIDE(...)                                                                      \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .dtype = IG_FLOAT64                                  \
    }
#define WITH_BODY(name_, bodies_, ...)                                                 \
    {                                                                                  \
        .name = name_, .attrs = &wide, .n_captures = 1, .bodies = bodies_,             \
        IGI_INPUTS(__VA_ARGS__)                                                        \
    }
static const ig_sample samples[] = {
    {.name = "heads",
     IGI_INPUTS(IGI_IN(2, 2, 3, 4), IGI_IN(2, 2, 5, 4), IGI_IN(2, 2, 5, 3))},
    {.name = "no_heads",
     IGI_INPUTS(IGI_IN(2, 0, 3, 4), IGI_IN(2, 0, 5, 4), IGI_IN(2, 0, 5, 3))},
    {.name = "groups",
     .attrs = &wide,
     IGI_INPUTS(IGI_IN(1, 4, 3, 2), IGI_IN(1, 2, 4, 2), IGI_IN(1, 2, 4, 3))},
    WITH_BODY("score_mod",
              add_score_mod,
              IGI_IN(2, 2, 3, 2),
              IGI_IN(2, 2, 4, 2),
              IGI_IN(2, 2, 4, 2),
              WIDE(3, 4)),
    WITH_BODY("prob_mod",
              mul_prob_mod,
              IGI_IN(1, 4, 3, 2),
              IGI_IN(1, 2, 4, 2),
              IGI_IN(1, 2, 4, 3),
              WIDE(4, 1, 4)),
    WITH_BODY("both",
              both_mods,
              IGI_IN(1, 2, 2, 2),
              IGI_IN(1, 1, 3, 2),
              IGI_IN(1, 1, 3, 2),
              WIDE(2, 3)),
    WITH_BODY("size_one",
              both_mods,
              IGI_IN(1, 1, 1, 1),
              IGI_IN(1, 1, 1, 1),
              IGI_IN(1, 1, 1, 1),
              WIDE(1)),
    WITH_BODY("no_queries",
              both_mods,
              IGI_IN(1, 2, 0, 2),
              IGI_IN(1, 2, 3, 2),
              IGI_IN(1, 2, 3, 2),
              WIDE(1)),
    {0},
};

static const ig_save saves[] = {IG_SAVE_IN(Q, IG_SAVE_ANY),
                                IG_SAVE_IN(K, IG_SAVE_ANY),
                                IG_SAVE_IN(V, IG_SAVE_ANY),
                                {0}};

IG_OPERATOR(FlexAttention) = {
    IG_OP_HEAD,
    .domain = "ai.onnx.preview",
    .name = "FlexAttention",
    .since = 1,
    .doc = "Attention over heads with bodies that modify scores and probabilities.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(flex_attrs),
    .flags = IG_OP_SUBGRAPH,
    .infer = flex_infer,
    .gradient = flex_gradient,
    .saves = saves,
    .reference = flex_reference,
    .samples = samples,
};
