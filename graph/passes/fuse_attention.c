/* Attention as exporters spell it out:
 *   softmax(scale * q k^T + mask) v
 * over heads [batch, heads, rows, size]. The scale is a product or quotient of the
 * scores, of q or of k; the mask is added, or chosen by Where with a very small number.
 * Rows whose keys are all hidden, NaN, may be made 0 before they meet v.
 *
 * Heads that were cut out of rows [batch, rows, heads * size] and are put together
 * again afterwards stay where they are: Attention takes such rows as they are, and the
 * transposes go. Otherwise it reads transposed tensors by their strides. */
#include <math.h>

#include "graph/passes/rewrite.h"

/* A score this small hides a key. Added to any other it stays what it is, even in
 * double, so that a query whose keys are all hidden averages them as before. */
#define HIDDEN -1e30

typedef struct pattern {
    ig_value_id q, k, v, mask; /* heads; keys as [batch, heads, rows, size] */
    double scale;
    bool guarded; /* rows of NaN count as rows of 0 */
    ig_node_id first, last;
} pattern;

/* What reads v and nothing else does is `op`, v being input *port of it. */
static const igi_node *
only_reader(const ig_graph *g, ig_value_id v, const char *op, int *port)
{
    ig_node_id id = igi_only_user(g, v);
    const igi_node *n = id.i ? igi_node_at(g, id) : NULL;
    if (!n || !igi_node_is(n, op))
        return NULL;
    *port = n->in[0].i == v.i ? 0 : 1;
    return n;
}

/* v without factors that are constants above 0, which go into *scale. */
static ig_value_id without_scale(const ig_graph *g, ig_value_id v, double *scale)
{
    const igi_node *n;
    double c;
    while (igi_only_user(g, v).i &&
           ((igi_made_by(g, v, "Mul", &n)) || (igi_made_by(g, v, "Div", &n)))) {
        bool over = igi_node_is(n, "Div");
        int at = igi_const_scalar(g, n->in[1], &c) ? 0 : 1;
        if (at == 1 && (over || !igi_const_scalar(g, n->in[0], &c)))
            break;
        if (!(c > 0) || isinf(c) || !igi_same_type(g, n->in[at], v))
            break;
        *scale = over ? *scale / c : *scale * c;
        v = n->in[at];
    }
    return v;
}

/* Whether the dims of m, aligned at the last, are those of the scores or 1; the last
 * one is never 1, for that would be a mask of one key. */
static bool mask_fits(const ig_graph *g, ig_value_id m, ig_value_id scores)
{
    const ig_type *t = igi_type_of(g, m), *to = igi_type_of(g, scores);
    if (t->kind != IG_KIND_TENSOR || t->rank < 1 || t->rank > 4)
        return false;
    for (int i = 0; i < t->rank; i++) {
        int64_t have = ig_type_dims(t)[i], want = ig_type_dims(to)[4 - t->rank + i];
        bool last = i == t->rank - 1;
        if (have == -1 || (have != want && (have != 1 || last)))
            return false;
    }
    return true;
}

/* A scalar. */
static ig_status number(ig_graph *g, ig_value_id like, double v, ig_value_id *out)
{
    ig_tensor *t = NULL;
    IG_TRY(ig_tensor_new(&t, IG_FLOAT32, 0, NULL));
    ((float *)(void *)t->data)[0] = (float)v;
    return igi_make_const(g, like, t, out);
}

/* Where(cond, s, low) or Where(cond, low, s) as something to add: Where(cond, 0, low).
 */
static ig_status
mask_of_where(ig_graph *g, ig_node_id id, bool keep, double low, ig_value_id *mask)
{
    const igi_node *n = igi_node_at(g, id);
    const igi_op *op = n->op;
    ig_value_id in[3] = {n->in[0]}, like = n->in[1];
    IG_TRY(number(g, like, keep ? 0 : low, &in[1]));
    IG_TRY(number(g, like, keep ? low : 0, &in[2]));
    return igi_try_make(g, &(igi_make){.op = op, .n_in = 3, .like = id}, in, mask);
}

/* s, read once, without its mask. *fits is false when it has one that cannot be used.
 */
static ig_status take_mask(ig_graph *g, ig_value_id *s, pattern *p, bool *fits)
{
    const igi_node *n;
    double low;
    *fits = true;
    if (igi_made_by(g, *s, "Add", &n)) {
        for (int i = 0; i < 2; i++) {
            if (!igi_same_type(g, n->in[i], *s) || !igi_only_user(g, n->in[i]).i ||
                !igi_is_f32(g, n->in[1 - i]) || !mask_fits(g, n->in[1 - i], *s))
                continue;
            p->mask = n->in[1 - i];
            *s = n->in[i];
            /* Of two sums that fit, the scores are those that lead to a product. */
            double scale = 1;
            const igi_node *m;
            if (igi_made_by(g, without_scale(g, *s, &scale), "MatMul", &m))
                return IG_OK;
            *s = n->out[0];
        }
        *fits = false;
        return IG_OK;
    }
    if (!igi_made_by(g, *s, "Where", &n))
        return IG_OK;
    bool keep = igi_const_scalar(g, n->in[2], &low);
    ig_value_id inner = n->in[keep ? 1 : 2];
    *fits = (keep || igi_const_scalar(g, n->in[1], &low)) && low <= HIDDEN &&
            igi_same_type(g, inner, *s) && igi_only_user(g, inner).i &&
            mask_fits(g, n->in[0], *s);
    if (!*fits)
        return IG_OK;
    IG_TRY(mask_of_where(g, igi_producer_id(g, *s), keep, low, &p->mask));
    *fits = p->mask.i != 0;
    *s = inner;
    return IG_OK;
}

static bool is_perm(
    const ig_graph *g, const igi_node *n, int64_t a, int64_t b, int64_t c, int64_t d)
{
    ig_ints p = igi_attr_ints(n, "perm");
    return igi_type_of(g, n->in[0])->rank == 4 && p.n == 4 && p.v[0] == a &&
           p.v[1] == b && p.v[2] == c && p.v[3] == d;
}

static bool equal_dim(const ig_graph *g, ig_value_id a, int i, ig_value_id b, int j)
{
    int64_t x = ig_type_dims(igi_type_of(g, a))[i],
            y = ig_type_dims(igi_type_of(g, b))[j];
    return x != -1 && x == y;
}

/* No broadcasting between the batches of the products. */
static bool same_batches(const ig_graph *g, const pattern *p, ig_value_id y)
{
    ig_value_id all[3] = {p->q, p->k, p->v};
    for (int i = 0; i < 3; i++)
        if (!igi_is_f32(g, all[i]) || igi_type_of(g, all[i])->rank != 4 ||
            !equal_dim(g, all[i], 0, y, 0) || !equal_dim(g, all[i], 1, y, 1))
            return false;
    return true;
}

/* What the softmax gives, of Where(IsNaN(p), 0, p) too; {0}: others read it. */
static ig_value_id probabilities(const ig_graph *g, ig_value_id v, pattern *p)
{
    const igi_node *choice, *test;
    double zero;
    if (!igi_only_user(g, v).i)
        return (ig_value_id){0};
    if (!igi_made_by(g, v, "Where", &choice) || !igi_only_user(g, choice->in[0]).i ||
        !igi_const_scalar(g, choice->in[1], &zero) || fabs(zero) > 0 || isnan(zero) ||
        !igi_made_by(g, choice->in[0], "IsNaN", &test) ||
        test->in[0].i != choice->in[2].i || !igi_same_type(g, choice->in[2], v) ||
        igi_value_at(g, choice->in[2])->uses.n != 2)
        return v;
    p->guarded = true;
    return choice->in[2];
}

static ig_status match(ig_graph *g, ig_node_id id, pattern *p, bool *fits)
{
    const igi_node *n = igi_node_at(g, id), *soft, *mm;
    ig_value_id y = n->out[0], s;
    *fits = false;
    *p = (pattern){.v = n->in[1], .scale = 1, .last = id};
    s = probabilities(g, n->in[0], p);
    if (!igi_made_by(g, s, "Softmax", &soft) || igi_type_of(g, s)->rank != 4)
        return IG_OK;
    int64_t axis = igi_attr_int(soft, "axis", -1);
    s = soft->in[0];
    if ((axis != -1 && axis != 3) || !igi_only_user(g, s).i)
        return IG_OK;
    IG_TRY(take_mask(g, &s, p, fits));
    if (!*fits)
        return IG_OK;
    *fits = false;
    s = without_scale(g, s, &p->scale);
    if (!igi_only_user(g, s).i || !igi_made_by(g, s, "MatMul", &mm))
        return IG_OK;
    p->first = igi_producer_id(g, s);
    p->q = without_scale(g, mm->in[0], &p->scale);
    p->k = without_scale(g, mm->in[1], &p->scale);
    *fits = same_batches(g, p, y);
    return IG_OK;
}

/* ---- heads ---- */

static ig_status transposed(
    ig_graph *g, const pattern *p, ig_value_id v, const int64_t *perm, ig_value_id *out)
{
    const igi_op *op = igi_registry_find_full(g->reg, "Transpose");
    void *attrs = op ? igi_new_attrs(g, op) : NULL;
    if (!attrs)
        return op ? IG_OUT_OF_MEMORY : IG_OK;
    IG_TRY(igi_attrs_set_ints(&g->arena, op->def, attrs, "perm", perm, 4));
    igi_make m = {.op = op, .attrs = attrs, .n_in = 1, .like = p->first};
    return igi_try_make(g, &m, &v, out);
}

/* The heads whose rows v is, turned with batch and heads as one dim:
 * Reshape(Transpose(Reshape(heads))); {0}: none. */
static ig_value_id turned_as_one(const ig_graph *g, ig_value_id v)
{
    const igi_node *split, *turn, *merge;
    const ig_value_id none = {0};
    if (!igi_made_by(g, v, "Reshape", &split) ||
        !igi_made_by(g, split->in[0], "Transpose", &turn) ||
        !igi_made_by(g, turn->in[0], "Reshape", &merge))
        return none;
    const ig_value_id heads = merge->in[0], one = turn->in[0];
    const ig_ints perm = igi_attr_ints(turn, "perm");
    bool fits = igi_type_of(g, heads)->rank == 4 && igi_type_of(g, one)->rank == 3 &&
                perm.n == 3 && perm.v[0] == 0 && perm.v[1] == 2 && perm.v[2] == 1 &&
                equal_dim(g, one, 1, heads, 2) && equal_dim(g, one, 2, heads, 3) &&
                equal_dim(g, v, 0, heads, 0) && equal_dim(g, v, 1, heads, 1) &&
                equal_dim(g, v, 2, heads, 3) && equal_dim(g, v, 3, heads, 2);
    return fits ? heads : none;
}

/* p->k from [batch, heads, size, rows] to rows of size: by the transpose that made it,
 * or by one that costs nothing. */
static ig_status turn_keys(ig_graph *g, pattern *p, bool *fits)
{
    static const int64_t last[4] = {0, 1, 3, 2}, heads[4] = {0, 2, 1, 3};
    const igi_node *n;
    const bool turned = igi_made_by(g, p->k, "Transpose", &n);
    ig_value_id k = turned ? (ig_value_id){0} : turned_as_one(g, p->k);
    if (turned && is_perm(g, n, 0, 1, 3, 2))
        k = n->in[0];
    else if (turned && is_perm(g, n, 0, 2, 3, 1))
        IG_TRY(transposed(g, p, n->in[0], heads, &k));
    else if (!k.i)
        IG_TRY(transposed(g, p, p->k, last, &k));
    p->k = k;
    *fits = k.i != 0;
    return IG_OK;
}

/* The rows [batch, rows, heads * size] that v was cut out of, {0}: none. */
static ig_value_id rows_of(const ig_graph *g, ig_value_id v)
{
    const igi_node *turn, *cut;
    const ig_value_id none = {0};
    if (!igi_made_by(g, v, "Transpose", &turn) || !is_perm(g, turn, 0, 2, 1, 3) ||
        !igi_made_by(g, turn->in[0], "Reshape", &cut))
        return none;
    const ig_type *from = igi_type_of(g, cut->in[0]), *to = igi_type_of(g, turn->in[0]);
    const int64_t *d = ig_type_dims(to);
    bool fits = from->rank == 3 && d[2] > 0 && d[3] > 0 &&
                equal_dim(g, cut->in[0], 0, turn->in[0], 0) &&
                equal_dim(g, cut->in[0], 1, turn->in[0], 1) &&
                ig_type_dims(from)[2] == d[2] * d[3];
    return fits ? cut->in[0] : none;
}

/* The node that puts the heads of v together into rows, when nothing else reads v. */
static ig_node_id join_of(const ig_graph *g, ig_value_id v)
{
    int port;
    const ig_node_id none = {0};
    const igi_node *turn = only_reader(g, v, "Transpose", &port);
    if (!turn || !is_perm(g, turn, 0, 2, 1, 3))
        return none;
    const igi_node *join = only_reader(g, turn->out[0], "Reshape", &port);
    if (!join || port != 0)
        return none;
    const ig_type *to = igi_type_of(g, join->out[0]);
    bool fits = to->rank == 3 && equal_dim(g, join->out[0], 0, turn->out[0], 0) &&
                equal_dim(g, join->out[0], 1, turn->out[0], 1);
    return fits ? igi_only_user(g, turn->out[0]) : none;
}

/* Elements [from, to) of v along `axis`. */
static ig_status slice(ig_graph *g,
                       ig_node_id like,
                       ig_value_id v,
                       int64_t axis,
                       const int64_t *range,
                       ig_value_id *out)
{
    const igi_op *op = igi_registry_find_full(g->reg, "Slice");
    ig_value_id in[4] = {v};
    *out = (ig_value_id){0};
    if (!op)
        return IG_OK;
    IG_TRY(igi_make_ints(g, v, &range[0], 1, &in[1]));
    IG_TRY(igi_make_ints(g, v, &range[1], 1, &in[2]));
    IG_TRY(igi_make_ints(g, v, &axis, 1, &in[3]));
    return igi_try_make(g, &(igi_make){.op = op, .n_in = 4, .like = like}, in, out);
}

/* Rows that Split cut out of longer ones are a Slice of them, which is no copy. Of a
 * length that only the run knows the pieces may not be the whole, which Split refuses.
 */
static ig_status unsplit(ig_graph *g, ig_value_id *v)
{
    const igi_node *n;
    if (!igi_made_by(g, *v, "Split", &n))
        return IG_OK;
    int64_t axis = igi_attr_int(n, "axis", 0), at = 0;
    if ((axis != 2 && axis != -1) || igi_type_of(g, n->in[0])->rank != 3 ||
        ig_type_dims(igi_type_of(g, n->in[0]))[2] < 0)
        return IG_OK;
    for (int i = 0; i < n->n_out && n->out[i].i != v->i; i++) {
        int64_t d = n->out[i].i ? ig_type_dims(igi_type_of(g, n->out[i]))[2] : -1;
        if (d < 0)
            return IG_OK;
        at += d;
    }
    const int64_t range[2] = {at, at + ig_type_dims(igi_type_of(g, *v))[2]};
    ig_value_id made;
    IG_TRY(slice(g, igi_producer_id(g, *v), n->in[0], 2, range, &made));
    if (made.i)
        *v = made;
    return IG_OK;
}

static ig_status make(ig_graph *g, const pattern *p, int64_t heads, ig_value_id *y)
{
    const igi_op *op = igi_registry_find_full(g->reg, "Attention");
    void *attrs = op ? igi_new_attrs(g, op) : NULL;
    ig_node_id from[2] = {p->first, p->last};
    ig_value_id in[4] = {p->q, p->k, p->v, p->mask};
    igi_make m = {.op = op, .attrs = attrs, .n_in = p->mask.i ? 4 : 3, .like = p->last};
    *y = (ig_value_id){0};
    if (!op)
        return IG_OK;
    m.origin = igi_origin(g, from, 2);
    if (!attrs || !m.origin)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_attrs_set_float(op->def, attrs, "scale", (float)p->scale));
    IG_TRY(igi_attrs_set_int(op->def, attrs, "q_num_heads", heads));
    IG_TRY(igi_attrs_set_int(op->def, attrs, "kv_num_heads", heads));
    return igi_try_make(g, &m, in, y);
}

/* Rows of NaN, and no others, as rows of 0: a column of ones beside the values gets the
 * sum of the probabilities, which is about 1 or NaN. */
static ig_status make_guarded(ig_graph *g, const pattern *p, ig_value_id *y)
{
    const igi_op *pad = igi_registry_find_full(g->reg, "Pad"),
                 *above = igi_registry_find_full(g->reg, "Greater"),
                 *choose = igi_registry_find_full(g->reg, "Where");
    const int64_t size = ig_type_dims(igi_type_of(g, p->v))[3],
                  beside[8] = {0, 0, 0, 0, 0, 0, 0, 1}, head[2] = {0, size},
                  sums[2] = {size, size + 1};
    const ig_node_id like = p->last;
    ig_value_id in[3] = {p->v}, zero, all, sum;
    pattern wide = *p;
    *y = (ig_value_id){0};
    if (!pad || !above || !choose || size < 1)
        return IG_OK;
    IG_TRY(number(g, p->v, 0, &zero));
    IG_TRY(igi_make_ints(g, p->v, beside, 8, &in[1]));
    IG_TRY(number(g, p->v, 1, &in[2]));
    IG_TRY(
        igi_try_make(g, &(igi_make){.op = pad, .n_in = 3, .like = like}, in, &wide.v));
    if (wide.v.i)
        IG_TRY(make(g, &wide, 0, &all));
    if (!wide.v.i || !all.i)
        return IG_OK;
    IG_TRY(slice(g, like, all, 3, head, &in[1]));
    IG_TRY(slice(g, like, all, 3, sums, &sum));
    if (!in[1].i || !sum.i)
        return IG_OK;
    IG_TRY(igi_try_make(g, &(igi_make){.op = above, .n_in = 2, .like = like},
                        (ig_value_id[]){sum, zero}, &in[0]));
    in[2] = zero;
    return in[0].i ? igi_try_make(g, &(igi_make){.op = choose, .n_in = 3, .like = like},
                                  in, y)
                   : IG_OK;
}

static ig_status fuse(ig_graph *g, ig_node_id id, int *changes)
{
    pattern p;
    bool fits, done;
    int64_t heads = 0;
    ig_value_id y;
    IG_TRY(match(g, id, &p, &fits));
    if (fits)
        IG_TRY(turn_keys(g, &p, &fits));
    if (!fits || !((float)p.scale > 0))
        return IG_OK;
    ig_value_id out = igi_node_at(g, id)->out[0];
    ig_value_id q = rows_of(g, p.q), k = rows_of(g, p.k), v = rows_of(g, p.v);
    ig_node_id join = join_of(g, out);
    if (q.i && k.i && v.i && join.i && !p.guarded) {
        heads = ig_type_dims(igi_type_of(g, out))[1];
        IG_TRY(unsplit(g, &q));
        IG_TRY(unsplit(g, &k));
        IG_TRY(unsplit(g, &v));
        p.q = q, p.k = k, p.v = v;
        p.last = join;
    }
    IG_TRY(p.guarded ? make_guarded(g, &p, &y) : make(g, &p, heads, &y));
    if (!y.i || !igi_same_type(g, y, igi_node_at(g, p.last)->out[0]))
        return IG_OK;
    IG_TRY(igi_forward(g, p.last, 0, y, &done));
    *changes += done;
    return IG_OK;
}

static const igi_rule rules[] = {{"MatMul", fuse, 2}, {0}};

ig_status igi_pass_fuse_attention(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
