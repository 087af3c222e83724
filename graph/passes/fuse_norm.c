/* LayerNormalization as exporters spell it out:
 *   d = x - mean(x), y = d / sqrt(mean(d^2) + eps) * scale + b
 * over the last axes, squares as Pow or Mul, the division also as Mul by a Reciprocal.
 * Nodes that compute d twice have been merged before. */
#include <math.h>

#include "graph/passes/rewrite.h"

typedef struct norm {
    ig_value_id x, scale, b, root; /* root: the value that the whole chain yields */
    double eps;
    int axis, rank;
    ig_node_id first, last;
} norm;

/* v = mean of *in over the last axes, kept, and read once. */
static bool is_mean(const ig_graph *g, ig_value_id v, ig_value_id *in, int *axis)
{
    const igi_node *n;
    int64_t axes[IG_RANK_MAX];
    uint64_t mask = 0;
    if (!igi_only_user(g, v).i || !igi_made_by(g, v, "ReduceMean", &n) ||
        !igi_attr_int(n, "keepdims", 1))
        return false;
    int rank = igi_type_of(g, n->in[0])->rank;
    int count = igi_known_ints(g, igi_in(n, 1), axes, IG_RANK_MAX);
    if (rank < 1 || count < 1)
        return false;
    for (int i = 0; i < count; i++)
        mask |= IG_BIT(axes[i] < 0 ? axes[i] + rank : axes[i]);
    *axis = rank - count;
    *in = n->in[0];
    for (int i = 0; i < rank; i++)
        if ((mask >> i & 1) != (uint64_t)(i >= *axis))
            return false;
    return true;
}

/* v = d^2, read once. */
static bool is_square(const ig_graph *g, ig_value_id v, ig_value_id d)
{
    double c;
    const igi_node *n = igi_producer(g, v);
    if (!n || !igi_only_user(g, v).i || n->in[0].i != d.i)
        return false;
    if (igi_node_is(n, "Mul"))
        return n->in[1].i == d.i;
    return igi_node_is(n, "Pow") && igi_const_scalar(g, n->in[1], &c) &&
           fabs(c - 2) < 1e-6;
}

/* s = sqrt(mean(d^2) + eps) and d = x - mean(x), all of it read by this chain only. */
static bool match_core(const ig_graph *g, ig_value_id d, ig_value_id s, norm *m)
{
    const igi_node *root, *add, *sub;
    ig_value_id squares, x;
    int axis;
    if (!igi_only_user(g, s).i || !igi_made_by(g, s, "Sqrt", &root) ||
        !igi_only_user(g, root->in[0]).i || !igi_made_by(g, root->in[0], "Add", &add))
        return false;
    int e = igi_const_scalar(g, add->in[1], &m->eps) ? 1 : 0;
    if (e == 0 && !igi_const_scalar(g, add->in[0], &m->eps))
        return false;
    if (!is_mean(g, add->in[1 - e], &squares, &m->axis) || !is_square(g, squares, d) ||
        !igi_made_by(g, d, "Sub", &sub) || !is_mean(g, sub->in[1], &x, &axis))
        return false;
    /* d is read by the division and by its square (a product of it reads it twice). */
    size_t uses = igi_node_is(igi_producer(g, squares), "Mul") ? 3 : 2;
    m->x = x;
    m->rank = igi_type_of(g, x)->rank;
    m->first = igi_producer_id(g, d);
    return sub->in[0].i == x.i && axis == m->axis && igi_is_f32(g, x) &&
           igi_same_type(g, x, d) && igi_value_at(g, d)->uses.n == uses &&
           !igi_is_output(g, d);
}

/* Whether v may scale or shift the normalised axes; *v becomes a value of just these
 * dims. */
static ig_status fit(ig_graph *g, const norm *m, ig_value_id *v, bool *fits)
{
    const ig_type *t = igi_type_of(g, *v), *x = igi_type_of(g, m->x);
    int n = m->rank - m->axis, lead = t->rank - n;
    int64_t dims[IG_RANK_MAX];
    *fits = t->kind == IG_KIND_TENSOR && t->dtype == x->dtype && t->rank <= m->rank &&
            lead >= 0;
    for (int i = 0; *fits && i < lead; i++)
        *fits = ig_type_dims(t)[i] == 1;
    for (int i = 0; *fits && i < n; i++) {
        dims[i] = ig_type_dims(t)[lead + i];
        *fits = dims[i] >= 0 && dims[i] == ig_type_dims(x)[m->axis + i];
    }
    if (!*fits || lead == 0)
        return IG_OK;
    *fits = igi_const(g, *v) != NULL;
    return *fits ? igi_make_reshaped(g, *v, n, dims, v) : IG_OK;
}

/* Takes the reader of m->root in when it is `op` with an operand that fits. */
static ig_status extend(ig_graph *g, norm *m, const char *op, ig_value_id *operand)
{
    ig_node_id id = igi_only_user(g, m->root);
    const igi_node *n = id.i ? igi_node_at(g, id) : NULL;
    if (!n || !igi_node_is(n, op) || !igi_same_type(g, m->root, n->out[0]))
        return IG_OK;
    ig_value_id v = n->in[n->in[0].i == m->root.i], out = n->out[0];
    bool fits;
    IG_TRY(fit(g, m, &v, &fits));
    if (!fits)
        return IG_OK;
    *operand = v;
    m->root = out;
    m->last = id;
    return IG_OK;
}

static ig_status ones(ig_graph *g, norm *m)
{
    ig_tensor *t = NULL;
    const ig_type *x = igi_type_of(g, m->x);
    int64_t count;
    int n = m->rank - m->axis;
    if (!igi_dims_count(n, ig_type_dims(x) + m->axis, &count) || count > 1 << 20)
        return IG_OK;
    IG_TRY(ig_tensor_new(&t, IG_FLOAT32, n, ig_type_dims(x) + m->axis));
    for (int64_t i = 0; i < count; i++)
        ((float *)(void *)t->data)[i] = 1;
    return igi_make_const(g, m->x, t, &m->scale);
}

static ig_status replace(ig_graph *g, norm *m, int *changes)
{
    igi_make made = {.op = igi_registry_find_full(g->reg, "LayerNormalization"),
                     .n_in = 3,
                     .like = m->last};
    bool done;
    if (!made.op || !igi_same_type(g, m->root, m->x))
        return IG_OK;
    IG_TRY(extend(g, m, "Mul", &m->scale));
    IG_TRY(m->scale.i ? extend(g, m, "Add", &m->b) : ones(g, m));
    if (!m->scale.i)
        return IG_OK;
    ig_node_id from[2] = {m->first, m->last};
    void *attrs = igi_new_attrs(g, made.op);
    made.origin = igi_origin(g, from, 2);
    made.like = m->last;
    made.attrs = attrs;
    if (!attrs || !made.origin)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_attrs_set_int(made.op->def, attrs, "axis", m->axis));
    IG_TRY(igi_attrs_set_float(made.op->def, attrs, "epsilon", (float)m->eps));
    ig_value_id in[3] = {m->x, m->scale, m->b}, y;
    IG_TRY(igi_try_make(g, &made, in, &y));
    if (!y.i)
        return IG_OK;
    IG_TRY(igi_forward(g, m->last, 0, y, &done));
    *changes += done;
    return IG_OK;
}

static ig_status by_div(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    norm m = {.root = n->out[0], .last = id};
    return match_core(g, n->in[0], n->in[1], &m) ? replace(g, &m, changes) : IG_OK;
}

static ig_status by_reciprocal(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id), *r;
    for (int i = 0; i < 2; i++) {
        norm m = {.root = n->out[0], .last = id};
        if (igi_only_user(g, n->in[i]).i &&
            igi_made_by(g, n->in[i], "Reciprocal", &r) &&
            match_core(g, n->in[1 - i], r->in[0], &m))
            return replace(g, &m, changes);
    }
    return IG_OK;
}

static const igi_rule rules[] = {
    {"Div", by_div, 2},
    {"Mul", by_reciprocal, 2},
    {0},
};

ig_status igi_pass_fuse_norm(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
