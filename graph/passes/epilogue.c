/* What follows ingot::Conv, ingot::Linear and ingot::LinearNBits moves into their
 * epilogue: bias, residual and activation, applied to the finished tile instead of in
 * passes over memory.
 *
 * A fused operator swallows the one reader of its result, and the next, as long as each
 * fits. The operator is changed in place and its result stands for that of the reader.
 * A residual cannot depend on the operator, because the Add was the only reader of its
 * result; so no cycle can arise. Of two operators that are added the later one takes
 * the Add. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/passes/rewrite.h"

enum { BIAS = 2, RESIDUAL = 3 }; /* ports of all these operators */

typedef struct act {
    const char *name;
    float a, b;
} act;

static bool is_fused(const igi_node *n)
{
    static const char *const names[] = {"ingot::Conv", "ingot::Linear",
                                        "ingot::LinearNBits", NULL};
    int i = 0;
    while (names[i] && !igi_node_is(n, names[i]))
        i++;
    return names[i] && n->n_in > RESIDUAL;
}

static bool has_act(const igi_node *n)
{
    return igi_attr_int(n, "activation", 0) != 0;
}

/* ---- activations ---- */

static bool clip_of(const ig_graph *g, const igi_node *n, act *out)
{
    double low = -(double)INFINITY, high = (double)INFINITY;
    ig_value_id lo = igi_in(n, 1), hi = igi_in(n, 2);
    if ((lo.i && !igi_const_scalar(g, lo, &low)) ||
        (hi.i && !igi_const_scalar(g, hi, &high)))
        return false;
    *out = (act){"clip", (float)low, (float)high};
    return !isnan(low) && !isnan(high); /* of those everything is NaN */
}

/* The activation that a node with one input is. */
static bool act_of(const ig_graph *g, const igi_node *n, act *out)
{
    static const struct {
        const char *op, *name;
    } simple[] = {
        {"Relu", "relu"},         {"Sigmoid", "sigmoid"},      {"Tanh", "tanh"},
        {"Softplus", "softplus"}, {"HardSwish", "hard_swish"}, {NULL, NULL}};
    for (int i = 0; simple[i].op; i++) {
        if (igi_node_is(n, simple[i].op)) {
            *out = (act){simple[i].name, 0, 0};
            return true;
        }
    }
    if (igi_node_is(n, "LeakyRelu"))
        *out = (act){"leaky_relu", igi_attr_float(n, "alpha", 0.01f), 0};
    else if (igi_node_is(n, "Elu"))
        *out = (act){"elu", igi_attr_float(n, "alpha", 1), 0};
    else if (igi_node_is(n, "HardSigmoid"))
        *out = (act){"hard_sigmoid", igi_attr_float(n, "alpha", 0.2f),
                     igi_attr_float(n, "beta", 0.5f)};
    else if (igi_node_is(n, "Gelu"))
        *out =
            (act){igi_attr_int(n, "approximate", 0) ? "gelu_tanh" : "gelu_erf", 0, 0};
    else
        return igi_node_is(n, "Clip") && clip_of(g, n, out);
    return true;
}

/* Node `last` is swallowed by `id`: its result becomes that of `id`. */
static ig_status swallow(ig_graph *g, ig_node_id id, ig_node_id last, bool *done)
{
    ig_node_id both[2] = {id, last};
    ig_value_id y = igi_node_at(g, id)->out[0];
    const char *origin = igi_origin(g, both, 2);
    if (!origin)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_forward(g, last, 0, y, done));
    if (*done)
        igi_node_at(g, id)->origin = origin;
    return IG_OK;
}

static ig_status set_act(ig_graph *g, ig_node_id id, const act *a)
{
    const igi_node *n = igi_node_at(g, id);
    const ig_op_def *d = n->op->def;
    IG_TRY(igi_attrs_set_float(d, n->attrs, "act_a", a->a));
    IG_TRY(igi_attrs_set_float(d, n->attrs, "act_b", a->b));
    return igi_attrs_set_string(&g->arena, d, n->attrs, "activation", a->name);
}

static ig_status take_act(ig_graph *g, ig_node_id id, ig_node_id reader, bool *done)
{
    act a;
    const igi_node *n = igi_node_at(g, id), *r = igi_node_at(g, reader);
    if (has_act(n) || r->in[0].i != n->out[0].i ||
        !igi_same_type(g, n->out[0], r->out[0]) || !act_of(g, r, &a))
        return IG_OK;
    IG_TRY(swallow(g, id, reader, done));
    if (!*done)
        return IG_OK;
    IG_TRY(set_act(g, id, &a));
    return ig_graph_remove(g, reader);
}

/* ---- x * gate(x) ---- */

/* The two readers of y as (gate, product); false unless y is read by just these. */
static bool two_readers(const ig_graph *g,
                        ig_value_id y,
                        const char *gate_op,
                        ig_node_id *gate,
                        ig_node_id *mul)
{
    const igi_gvalue *v = igi_value_at(g, y);
    if (v->uses.n != 2 || !v->uses.p[0].node.i || !v->uses.p[1].node.i)
        return false;
    int first = igi_node_is(igi_node_at(g, v->uses.p[0].node), gate_op) ? 0 : 1;
    *gate = v->uses.p[first].node;
    *mul = v->uses.p[1 - first].node;
    return igi_node_is(igi_node_at(g, *gate), gate_op) &&
           igi_node_is(igi_node_at(g, *mul), "Mul") && gate->i != mul->i;
}

static bool is_number(const ig_graph *g, ig_value_id v, double want)
{
    double c;
    return v.i && igi_const_scalar(g, v, &c) && fabs(c - want) <= 1e-6 * fabs(want);
}

/* y * clip(y + 3, 0, 6) / 6: the division, or {0}. */
static ig_node_id
hard_swish_end(const ig_graph *g, ig_value_id y, ig_node_id add, ig_node_id mul)
{
    const ig_node_id none = {0};
    const igi_node *a = igi_node_at(g, add), *m = igi_node_at(g, mul);
    act clip;
    ig_node_id c = igi_only_user(g, a->out[0]);
    if (!is_number(g, a->in[a->in[0].i == y.i], 3) || !c.i ||
        !igi_node_is(igi_node_at(g, c), "Clip") ||
        !clip_of(g, igi_node_at(g, c), &clip) || clip.a < 0 || clip.a > 0 ||
        clip.b < 6 || clip.b > 6 ||
        igi_only_user(g, igi_node_at(g, c)->out[0]).i != mul.i)
        return none;
    ig_node_id end = igi_only_user(g, m->out[0]);
    const igi_node *e = end.i ? igi_node_at(g, end) : NULL;
    if (!e)
        return none;
    int at = e->in[0].i == m->out[0].i;
    bool sixth = (igi_node_is(e, "Div") && at == 1 && is_number(g, e->in[1], 6)) ||
                 (igi_node_is(e, "Mul") && is_number(g, e->in[at], 1.0 / 6));
    return sixth ? end : none;
}

static ig_status take_gate(ig_graph *g, ig_node_id id, bool *done)
{
    ig_node_id gate, mul, last = {0};
    const igi_node *n = igi_node_at(g, id);
    ig_value_id y = n->out[0];
    act a = {"silu", 0, 0}, hs;
    if (has_act(n))
        return IG_OK;
    if (two_readers(g, y, "Sigmoid", &gate, &mul)) {
        last = mul;
    } else if (two_readers(g, y, "HardSigmoid", &gate, &mul)) {
        a.name = "hard_swish";
        if (act_of(g, igi_node_at(g, gate), &hs) && fabsf(hs.a - 1 / 6.0f) < 1e-6f &&
            fabsf(hs.b - 0.5f) < 1e-6f)
            last = mul;
    } else if (two_readers(g, y, "Add", &gate, &mul)) {
        a.name = "hard_swish";
        last = hard_swish_end(g, y, gate, mul);
    }
    if (!last.i || !igi_same_type(g, y, igi_node_at(g, last)->out[0]))
        return IG_OK;
    if (last.i == mul.i && igi_only_user(g, igi_node_at(g, gate)->out[0]).i != mul.i)
        return IG_OK;
    IG_TRY(swallow(g, id, last, done));
    if (!*done)
        return IG_OK;
    IG_TRY(set_act(g, id, &a));
    ig_node_id c =
        igi_only_user(g, igi_node_at(g, gate)->out[0]); /* Clip, or the product */
    IG_TRY(ig_graph_remove(g, last));
    if (last.i == mul.i)
        return ig_graph_remove(g, gate);
    IG_TRY(ig_graph_remove(g, mul));
    IG_TRY(ig_graph_remove(g, c));
    return ig_graph_remove(g, gate);
}

/* ---- bias and residual ---- */

/* c per channel (the last axis) goes into the bias, which is constant or not there. */
static ig_status add_bias(ig_graph *g, ig_node_id id, ig_value_id c, bool *fits)
{
    const igi_node *n = igi_node_at(g, id);
    ig_value_id b = n->in[BIAS], made;
    const ig_type *y = igi_type_of(g, n->out[0]), *ct = igi_type_of(g, c);
    int64_t m = y->rank > 0 ? ig_type_dims(y)[y->rank - 1] : -1;
    *fits = false;
    if (m < 1 || (b.i && !igi_const(g, b)))
        return IG_OK;
    if (!b.i && ct->kind == IG_KIND_TENSOR && ct->rank == 1 &&
        ig_type_dims(ct)[0] == m) {
        *fits = true;
        return igi_graph_set_input(g, id, BIAS, c);
    }
    double *v = igi_alloc_array((size_t)m, sizeof(*v));
    if (!v)
        return IG_OUT_OF_MEMORY;
    ig_status rc = IG_OK;
    *fits = igi_const_channels(g, c, y->rank, y->rank - 1, m, v);
    const ig_tensor *old = igi_const(g, b);
    for (int64_t i = 0; i < m && *fits && old; i++)
        v[i] += igi_get_f64((ig_dtype)old->v.type.dtype, old->data, i);
    if (*fits)
        rc = igi_make_numbers(g, c, IG_FLOAT32, m, v, &made);
    if (*fits && rc == IG_OK)
        rc = igi_graph_set_input(g, id, BIAS, made);
    igi_free(v);
    return rc;
}

/* Whether the operator behind v comes later and can take the Add itself. */
static bool is_later_rival(const ig_graph *g, ig_value_id v, const bool *seen)
{
    ig_node_id p = igi_producer_id(g, v);
    const igi_node *n = p.i ? igi_node_at(g, p) : NULL;
    return n && is_fused(n) && !seen[p.i] && !n->in[RESIDUAL].i &&
           igi_only_user(g, v).i;
}

static ig_status
take_add(ig_graph *g, ig_node_id id, ig_node_id reader, const bool *seen, bool *done)
{
    const igi_node *n = igi_node_at(g, id), *r = igi_node_at(g, reader);
    ig_value_id y = n->out[0], other = r->in[r->in[0].i == y.i];
    bool after = has_act(n), fits = false;
    if (!igi_node_is(r, "Add") || !igi_same_type(g, y, r->out[0]) ||
        n->in[RESIDUAL].i || !igi_can_forward(g, reader, 0, y))
        return IG_OK;
    if (!after)
        IG_TRY(add_bias(g, id, other, &fits));
    if (!fits) {
        if (!igi_same_type(g, y, other) || is_later_rival(g, other, seen))
            return IG_OK;
        IG_TRY(igi_attrs_set_int(n->op->def, n->attrs, "residual_after", after));
        IG_TRY(igi_graph_set_input(g, id, RESIDUAL, other));
    }
    IG_TRY(swallow(g, id, reader, done));
    return ig_graph_remove(g, reader);
}

static ig_status absorb(ig_graph *g, ig_node_id id, const bool *seen, int *changes)
{
    for (bool done = true; done; *changes += done) {
        const igi_node *n = igi_node_at(g, id);
        ig_node_id reader = igi_only_user(g, n->out[0]);
        done = false;
        if (has_act(n) && n->in[RESIDUAL].i && igi_attr_int(n, "residual_after", 0))
            return IG_OK;
        if (reader.i) {
            IG_TRY(take_act(g, id, reader, &done));
            if (!done)
                IG_TRY(take_add(g, id, reader, seen, &done));
        } else {
            IG_TRY(take_gate(g, id, &done));
        }
    }
    return IG_OK;
}

ig_status igi_pass_epilogue(ig_graph *g, igi_pass_state *s, int *changes)
{
    ig_status rc = IG_OK;
    (void)s;
    bool *seen = igi_calloc(g->nodes.n, sizeof(*seen));
    if (!seen)
        return IG_OUT_OF_MEMORY;
    for (size_t k = 0; k < g->order.n && rc == IG_OK; k++) {
        ig_node_id id = g->order.p[k];
        const igi_node *n = igi_node_at(g, id);
        if (!n->live || !is_fused(n))
            continue;
        seen[id.i] = true;
        if (absorb(g, id, seen, changes) != IG_OK)
            rc = igi_graph_node_context(g, id);
    }
    igi_free(seen);
    IG_TRY(rc);
    return igi_clean(g);
}
