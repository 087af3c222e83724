/* Operators that are written in others, which have fast kernels.
 *
 * SwiGLU is Swish and Mul. FlexAttention without bodies is Attention,
 * else
 *   Softmax(score_mod(scale Q K^T)), prob_mod, times V,
 * with the nodes of the bodies in its place. Query heads that share keys become rows of
 * one head, [batch, kv_heads, group * q_len, size], which is a view. A score_mod that
 * adds a mask is Attention's again after fuse_attention. */
#include <math.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/passes/rewrite.h"

/* Values that a step makes are {0} once one of them could not be made. */
typedef struct lowering {
    ig_graph *g;
    ig_node_id id;
    const ig_graph *score_mod, *prob_mod; /* NULL: none */
    ig_dtype type, scores, wide;          /* of Q, of scores, of products */
    int64_t q_heads, kv_heads;
    double scale;
} lowering;

static const ig_graph *body_named(const igi_node *n, const char *name)
{
    for (const ig_attr_def *row = n->op->def->attrs; row->name; row++)
        if (row->kind == IG_A_GRAPH && strcmp(row->name, name) == 0)
            return *(ig_graph *const *)(const void *)((const char *)n->attrs +
                                                      row->offset);
    return NULL;
}

/* Dims that the operator wants equal and its parts would broadcast. Those that only the
 * run knows it must refuse, so they have to be known here. */
static bool same_dim(const ig_type *a, const ig_type *b, int i)
{
    int64_t d = ig_type_dims(a)[i];
    return d != -1 && d == ig_type_dims(b)[i];
}

/* False when sizes that the rewrite needs are no numbers. */
static bool start(lowering *l, ig_graph *g, ig_node_id id)
{
    const igi_node *n = igi_node_at(g, id);
    const ig_type *q = igi_type_of(g, n->in[0]), *k = igi_type_of(g, n->in[1]);
    const ig_type *v = igi_type_of(g, n->in[2]);
    if (q->rank != 4 || k->rank != 4 || v->rank != 4 || !same_dim(q, k, 0) ||
        !same_dim(q, v, 0) || !same_dim(k, v, 1) || !same_dim(k, v, 2) ||
        !same_dim(q, k, 3))
        return false;
    int64_t precision = igi_attr_int(n, "softmax_precision", 0);
    *l = (lowering){.g = g,
                    .id = id,
                    .score_mod = body_named(n, "score_mod"),
                    .prob_mod = body_named(n, "prob_mod"),
                    .type = (ig_dtype)q->dtype,
                    .q_heads = ig_type_dims(q)[1],
                    .kv_heads = ig_type_dims(k)[1],
                    .scale = (double)igi_attr_float(n, "scale", 0)};
    l->scores = precision                ? (ig_dtype)precision
                : q->dtype == IG_FLOAT64 ? IG_FLOAT64
                                         : IG_FLOAT32;
    l->wide =
        l->type == IG_FLOAT64 || l->scores == IG_FLOAT64 ? IG_FLOAT64 : IG_FLOAT32;
    if (!(l->scale < 0 || l->scale > 0) && ig_type_dims(q)[3] > 0)
        l->scale = 1 / sqrt((double)ig_type_dims(q)[3]);
    return true;
}

static ig_status make(lowering *l,
                      const char *name,
                      void *attrs,
                      ig_value_id a,
                      ig_value_id b,
                      ig_value_id *out)
{
    const ig_value_id in[2] = {a, b};
    const igi_op *op = igi_registry_find_full(l->g->reg, name);
    *out = (ig_value_id){0};
    if (!a.i || !op)
        return IG_OK;
    return igi_try_make(
        l->g, &(igi_make){.op = op, .attrs = attrs, .n_in = b.i ? 2 : 1, .like = l->id},
        in, out);
}

static void *attrs_of(lowering *l, const char *name)
{
    const igi_op *op = igi_registry_find_full(l->g->reg, name);
    return op ? igi_new_attrs(l->g, op) : NULL;
}

static ig_status cast(lowering *l, ig_dtype to, ig_value_id *v)
{
    if (!v->i || igi_type_of(l->g, *v)->dtype == to)
        return IG_OK;
    const igi_op *op = igi_registry_find_full(l->g->reg, "Cast");
    void *attrs = attrs_of(l, "Cast");
    if (!attrs)
        return op ? IG_OUT_OF_MEMORY : IG_UNSUPPORTED;
    IG_TRY(igi_attrs_set_int(op->def, attrs, "to", to));
    return make(l, "Cast", attrs, *v, (ig_value_id){0}, v);
}

/* The same elements as `heads` heads; nothing when that is what v has. */
static ig_status to_heads(lowering *l, int64_t heads, ig_value_id *v)
{
    const int64_t dims[4] = {0, heads, -1, 0};
    ig_value_id shape;
    if (l->q_heads == l->kv_heads || !v->i)
        return IG_OK;
    IG_TRY(igi_make_ints(l->g, *v, dims, 4, &shape));
    return make(l, "Reshape", NULL, *v, shape, v);
}

/* A body must keep the type of what it takes; what only the run knows, the operator
 * must refuse: then *v is {0}. */
static ig_status inline_body(lowering *l, const ig_graph *body, ig_value_id *v)
{
    const igi_node *n = igi_node_at(l->g, l->id);
    if (!body || !v->i)
        return IG_OK;
    ig_value_id *map = igi_calloc(body->values.n, sizeof(*map));
    if (!map)
        return IG_OUT_OF_MEMORY;
    map[body->inputs.p[0].i] = *v;
    for (int c = 0; c < n->n_captures; c++)
        map[body->inputs.p[1 + c].i] = n->in[n->n_in - n->n_captures + c];
    ig_status rc = igi_graph_inline(l->g, body, map);
    ig_value_id made = map[body->outputs.p[0].i];
    igi_free(map);
    if (rc == IG_OK)
        *v = igi_same_type(l->g, *v, made) ? made : (ig_value_id){0};
    return rc;
}

static ig_status scores(lowering *l, ig_value_id *s)
{
    const igi_node *n = igi_node_at(l->g, l->id);
    ig_value_id q = n->in[0], k = n->in[1], scale;
    const igi_op *turn = igi_registry_find_full(l->g->reg, "Transpose");
    void *perm = attrs_of(l, "Transpose");
    if (!perm)
        return turn ? IG_OUT_OF_MEMORY : IG_UNSUPPORTED;
    IG_TRY(igi_attrs_set_ints(&l->g->arena, turn->def, perm, "perm",
                              (const int64_t[]){0, 1, 3, 2}, 4));
    IG_TRY(igi_make_numbers(l->g, q, l->wide, 1, &l->scale, &scale));
    IG_TRY(cast(l, l->wide, &q));
    IG_TRY(cast(l, l->wide, &k));
    IG_TRY(make(l, "Mul", NULL, q, scale, &q));
    IG_TRY(to_heads(l, l->kv_heads, &q));
    IG_TRY(make(l, "Transpose", perm, k, (ig_value_id){0}, &k));
    IG_TRY(make(l, "MatMul", NULL, q, k, s));
    IG_TRY(to_heads(l, l->q_heads, s));
    return cast(l, l->scores, s);
}

static ig_status with_bodies(lowering *l, ig_value_id *y)
{
    ig_value_id s, v;
    IG_TRY(scores(l, &s));
    IG_TRY(inline_body(l, l->score_mod, &s));
    IG_TRY(make(l, "Softmax", NULL, s, (ig_value_id){0}, &s));
    IG_TRY(inline_body(l, l->prob_mod, &s));
    IG_TRY(cast(l, l->wide, &s));
    IG_TRY(to_heads(l, l->kv_heads, &s));
    v = igi_node_at(l->g, l->id)->in[2];
    IG_TRY(cast(l, l->wide, &v));
    IG_TRY(make(l, "MatMul", NULL, s, v, y));
    IG_TRY(to_heads(l, l->q_heads, y));
    return cast(l, l->type, y);
}

static ig_status plain(lowering *l, ig_value_id *y)
{
    const igi_node *n = igi_node_at(l->g, l->id);
    const ig_value_id in[3] = {n->in[0], n->in[1], n->in[2]};
    const igi_op *op = igi_registry_find_full(l->g->reg, "Attention");
    void *attrs = attrs_of(l, "Attention");
    *y = (ig_value_id){0};
    if (!attrs)
        return op ? IG_OUT_OF_MEMORY : IG_OK;
    igi_copy_attrs(op, attrs, n);
    return igi_try_make(
        l->g, &(igi_make){.op = op, .attrs = attrs, .n_in = 3, .like = l->id}, in, y);
}

static ig_status lower_flex(ig_graph *g, ig_node_id id, int *changes)
{
    lowering l;
    ig_value_id y;
    bool done;
    if (!start(&l, g, id))
        return IG_OK;
    bool known = l.q_heads > 0 && l.kv_heads > 0 && (l.scale < 0 || l.scale > 0);
    if (!l.score_mod && !l.prob_mod)
        IG_TRY(plain(&l, &y));
    else if (known)
        IG_TRY(with_bodies(&l, &y));
    else
        return IG_OK;
    if (!y.i || !igi_can_forward(g, id, 0, y))
        return IG_OK;
    IG_TRY(igi_forward(g, id, 0, y, &done));
    *changes += done;
    return IG_OK;
}

static ig_status lower_glu(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    const igi_op *swish = igi_registry_find_full(g->reg, "Swish"),
                 *mul = igi_registry_find_full(g->reg, "Mul");
    ig_value_id in[2] = {n->in[0], n->in[1]}, y = {0};
    void *attrs = swish && mul ? igi_new_attrs(g, swish) : NULL;
    bool done;
    if (!igi_same_type(g, in[0], in[1]))
        return IG_OK;
    if (!attrs)
        return swish && mul ? IG_OUT_OF_MEMORY : IG_OK;
    igi_copy_attrs(swish, attrs, n);
    igi_make gate = {.op = swish, .attrs = attrs, .n_in = 1, .like = id},
             product = {.op = mul, .n_in = 2, .like = id};
    IG_TRY(igi_try_make(g, &gate, in, &in[0]));
    if (in[0].i)
        IG_TRY(igi_try_make(g, &product, in, &y));
    if (!y.i || !igi_can_forward(g, id, 0, y))
        return IG_OK;
    IG_TRY(igi_forward(g, id, 0, y, &done));
    *changes += done;
    return IG_OK;
}

static const igi_rule rules[] = {
    {"ai.onnx.preview::FlexAttention", lower_flex, 2}, {"SwiGLU", lower_glu, 2}, {0}};

ig_status igi_pass_lower(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
