/* Movement that cancels: transposes, reshapes, and whole slices, pads, expands. */
#include "graph/passes/simplify.h"

static ig_status forward(ig_graph *g, ig_node_id id, ig_value_id to, int *changes)
{
    bool done;
    IG_TRY(igi_forward(g, id, 0, to, &done));
    *changes += done;
    return IG_OK;
}

/* ---- reshapes ---- */

/* The `shape` input of a Reshape from `in` to the type of `out`: numbers, 0 for a dim
 * that stands at the same place in both, -1 for one other. false: that cannot be said.
 */
static bool shape_for(const ig_type *in, const ig_type *out, int64_t *shape)
{
    int unknown = 0;
    bool empty = false;
    if (in->rank < 0 || out->rank < 0)
        return false;
    for (int i = 0; i < out->rank; i++) {
        int64_t d = ig_type_dims(out)[i];
        shape[i] = d;
        empty = empty || d == 0;
        if (d >= 0)
            continue;
        bool kept = d != -1 && i < in->rank && ig_type_dims(in)[i] == d;
        shape[i] = kept ? 0 : -1;
        unknown += !kept;
    }
    /* A zero would mean "as before", and -1 beside a zero has no answer. */
    return !empty && unknown <= 1;
}

static bool is_reshape(const igi_node *n)
{
    return igi_node_is(n, "Reshape") || igi_node_is(n, "Flatten") ||
           igi_node_is(n, "Squeeze") || igi_node_is(n, "Unsqueeze");
}

/* Whether the shape is computed from other shapes: all of that computation goes when
 * the result's type says the same in numbers and kept dims. */
static bool is_computed(const ig_graph *g, const igi_node *n)
{
    return igi_node_is(n, "Reshape") && !igi_value_at(g, n->in[1])->constant;
}

static int64_t elements(const ig_graph *g, const ig_type *t)
{
    int64_t n = t->rank < 0 ? -1 : 1;
    for (int i = 0; i < t->rank; i++)
        n = ig_dim_mul(g->syms, n, ig_type_dims(t)[i]);
    return n;
}

/* Whether the run may find that the shape does not fit, which it must say. */
static bool may_fail(const ig_graph *g, const igi_node *n)
{
    if (!igi_node_is(n, "Reshape") && !igi_node_is(n, "Squeeze"))
        return false;
    int64_t count = elements(g, igi_type_of(g, n->out[0]));
    return count == -1 || count != elements(g, igi_type_of(g, n->in[0]));
}

/* Whether n may fail, but a Reshape with -1 at `place` fails when n does: n is one. */
static bool fails_alike(const ig_graph *g, const igi_node *n, int place)
{
    int64_t shape[IG_RANK_MAX];
    return igi_node_is(n, "Reshape") && !is_computed(g, n) &&
           igi_known_ints(g, n->in[1], shape, IG_RANK_MAX) > place &&
           shape[place] == -1;
}

/* Node `id` becomes a Reshape of `from`. */
static ig_status as_reshape(ig_graph *g, ig_node_id id, ig_value_id from, int *changes)
{
    int64_t shape[IG_RANK_MAX];
    const igi_op *op = igi_registry_find_full(g->reg, "Reshape");
    const igi_node *n = igi_node_at(g, id);
    ig_value_id out = n->out[0], in[2] = {from}, made;
    const ig_type *t = igi_type_of(g, out);
    if (!op || !shape_for(igi_type_of(g, from), t, shape))
        return IG_OK;
    bool several =
        false; /* 0 and -1 in one shape: sizes may both be unknown at run time */
    for (int i = 0; i < t->rank; i++)
        several = several || shape[i] == 0;
    for (int i = 0; i < t->rank; i++)
        if (shape[i] == -1 && (several || (may_fail(g, n) && !fails_alike(g, n, i))))
            return IG_OK;
    IG_TRY(igi_make_ints(g, out, shape, t->rank, &in[1]));
    IG_TRY(igi_try_make(g, &(igi_make){.op = op, .n_in = 2, .like = id}, in, &made));
    return made.i ? forward(g, id, made, changes) : IG_OK;
}

/* No change of shape: nothing. After another reshape: one Reshape. */
ig_status igi_simplify_reshape(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    ig_value_id x = n->in[0];
    if (may_fail(g, n) && (is_computed(g, n) || igi_node_is(n, "Squeeze")))
        return IG_OK;
    if (igi_same_type(g, x, n->out[0]))
        return forward(g, id, x, changes);
    const igi_node *p = igi_producer(g, x);
    if (p && is_reshape(p) && may_fail(g, p))
        return IG_OK;
    if (!p || !is_reshape(p))
        return is_computed(g, n) ? as_reshape(g, id, x, changes) : IG_OK;
    if (igi_same_type(g, p->in[0], n->out[0]))
        return forward(g, id, p->in[0], changes);
    return as_reshape(g, id, p->in[0], changes);
}

/* ---- transposes ---- */

bool igi_perm_of(const ig_graph *g, const igi_node *n, int *rank, int64_t *perm)
{
    ig_ints given = igi_attr_ints(n, "perm");
    *rank = igi_type_of(g, n->in[0])->rank;
    if (*rank < 0)
        return false;
    for (int i = 0; i < *rank; i++) {
        int64_t p = given.v && i < given.n ? given.v[i] : *rank - 1 - i;
        perm[i] = p < 0 ? p + *rank : p;
    }
    return true;
}

/* Elements keep their order when the axes longer than 1 do. */
static bool keeps_order(const ig_type *in, const int64_t *perm)
{
    int64_t last = -1;
    for (int i = 0; i < in->rank; i++) {
        if (ig_type_dims(in)[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

static ig_status merge_transposes(ig_graph *g,
                                  ig_node_id id,
                                  const igi_node *p,
                                  int rank,
                                  const int64_t *perm,
                                  int *changes)
{
    int64_t inner[IG_RANK_MAX], both[IG_RANK_MAX];
    int inner_rank;
    bool same = true;
    ig_value_id x = p->in[0], made;
    const igi_op *op = p->op;
    if (!igi_perm_of(g, p, &inner_rank, inner) || inner_rank != rank)
        return IG_OK;
    for (int i = 0; i < rank; i++) {
        both[i] = inner[perm[i]];
        same = same && both[i] == i;
    }
    if (same)
        return forward(g, id, x, changes);
    void *attrs = igi_new_attrs(g, op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_attrs_set_ints(&g->arena, op->def, attrs, "perm", both, rank));
    igi_make m = {.op = op, .attrs = attrs, .n_in = 1, .like = id};
    IG_TRY(igi_make_node(g, &m, &x, &made));
    return forward(g, id, made, changes);
}

ig_status igi_simplify_transpose(ig_graph *g, ig_node_id id, int *changes)
{
    int rank;
    int64_t perm[IG_RANK_MAX];
    const igi_node *n = igi_node_at(g, id);
    ig_value_id x = n->in[0];
    if (!igi_perm_of(g, n, &rank, perm))
        return IG_OK;
    bool same = true;
    for (int i = 0; i < rank; i++)
        same = same && perm[i] == i;
    if (same)
        return forward(g, id, x, changes);
    const igi_node *p = igi_producer(g, x);
    if (p && p->op == n->op)
        return merge_transposes(g, id, p, rank, perm, changes);
    if (keeps_order(igi_type_of(g, x), perm))
        return as_reshape(g, id, x, changes);
    return IG_OK;
}

/* ---- nothing cut, added or repeated ---- */

ig_status igi_simplify_expand(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    return igi_same_type(g, n->in[0], n->out[0]) ? forward(g, id, n->in[0], changes)
                                                 : IG_OK;
}

/* As many elements as before, in steps of 1: all of them, in order. */
ig_status igi_simplify_slice(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    int64_t step[IG_RANK_MAX];
    ig_value_id steps = igi_in(n, 4);
    int count = steps.i ? igi_known_ints(g, steps, step, IG_RANK_MAX) : 0;
    bool forwards = count >= 0;
    for (int i = 0; i < count; i++)
        forwards = forwards && step[i] == 1;
    if (!forwards || !igi_same_type(g, n->in[0], n->out[0]))
        return IG_OK;
    return forward(g, id, n->in[0], changes);
}

/* Whether v is absent or surely has one element. */
static bool absent_or_one(const ig_graph *g, ig_value_id v)
{
    int64_t count;
    const ig_type *t = v.i ? igi_type_of(g, v) : NULL;
    return !t || (t->rank >= 0 && igi_dims_count(t->rank, ig_type_dims(t), &count) &&
                  count == 1);
}

/* What the run may have to refuse stays. */
ig_status igi_simplify_pad(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    int64_t pads[2 * IG_RANK_MAX];
    int count = igi_known_ints(g, igi_in(n, 1), pads, 2 * IG_RANK_MAX);
    for (int i = 0; i < count; i++)
        if (pads[i] != 0)
            return IG_OK;
    if (igi_type_of(g, n->in[0])->rank < 0 /* does it have as many axes? */ ||
        !absent_or_one(g, igi_in(n, 2)))
        return IG_OK;
    return count >= 0 ? forward(g, id, n->in[0], changes) : IG_OK;
}
