/* What follows ingot::QConv moves into it: bounds (a Clip of bytes, as a Relu becomes),
 * and the sum with a residual (ingot::QAdd). The sum then takes the products before
 * their rounding to bytes: more exact than the file, and at most one step off. The
 * option strict_qdq leaves sums alone. */
#include "graph/passes/qdq.h"

#include <math.h>

#include "graph/core/dtype.h"

enum { FACTOR = 2, RESIDUAL = 4 };

static int64_t int_of(const igi_node *n, const char *name)
{
    return igi_attr_int(n, name, 0);
}

/* Node `last` is swallowed by `id`: its result becomes that of `id`. */
static ig_status swallow(ig_graph *g, ig_node_id id, ig_node_id last, bool *done)
{
    ig_node_id both[2] = {id, last};
    const char *origin = igi_origin(g, both, 2);
    if (!origin)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_forward(g, last, 0, igi_node_at(g, id)->out[0], done));
    if (*done)
        igi_node_at(g, id)->origin = origin;
    return *done ? ig_graph_remove(g, last) : IG_OK;
}

static ig_status take_clip(ig_graph *g, ig_node_id id, ig_node_id clip, bool *done)
{
    const igi_node *n = igi_node_at(g, id), *c = igi_node_at(g, clip);
    double low = (double)int_of(n, "low"), high = (double)int_of(n, "high"), v = 0;
    ig_value_id y = n->out[0];
    if (!igi_node_is(c, "Clip") || c->in[0].i != y.i)
        return IG_OK;
    if (igi_in(c, 1).i && !igi_const_scalar(g, igi_in(c, 1), &v))
        return IG_OK;
    low = igi_in(c, 1).i ? fmax(low, v) : low;
    if (igi_in(c, 2).i && !igi_const_scalar(g, igi_in(c, 2), &v))
        return IG_OK;
    high = igi_in(c, 2).i ? fmin(high, v) : high;
    if (low > high)
        return IG_OK;
    IG_TRY(swallow(g, id, clip, done));
    if (!*done)
        return IG_OK;
    n = igi_node_at(g, id);
    IG_TRY(igi_attrs_set_int(n->op->def, n->attrs, "low", (int64_t)low));
    return igi_attrs_set_int(n->op->def, n->attrs, "high", (int64_t)high);
}

/* The whole range of its type, so that nothing but the rounding is between. */
static bool unbounded(const igi_node *n)
{
    int64_t low, high;
    igi_byte_range((ig_dtype)int_of(n, "to"), &low, &high);
    return int_of(n, "low") == low && int_of(n, "high") == high;
}

/* Whether the operator behind v comes later and can take the sum itself. */
static bool is_later_rival(const ig_graph *g, ig_value_id v, const bool *seen)
{
    ig_node_id p = igi_producer_id(g, v);
    const igi_node *n = p.i ? igi_node_at(g, p) : NULL;
    return n && igi_node_is(n, "ingot::QConv") && !seen[p.i] &&
           !igi_in(n, RESIDUAL).i && unbounded(n) && igi_only_user(g, v).i;
}

static ig_status
scaled_factor(ig_graph *g, ig_value_id factor, double by, ig_value_id *out)
{
    const ig_tensor *t = igi_const(g, factor);
    *out = (ig_value_id){0};
    if (!t)
        return IG_OK;
    int64_t m = igi_tensor_count(t);
    double *v = igi_alloc_array((size_t)m + 1, sizeof(*v));
    if (!v)
        return IG_OUT_OF_MEMORY;
    for (int64_t i = 0; i < m; i++)
        v[i] = igi_get_f64(IG_FLOAT32, t->data, i) * by;
    ig_status rc = igi_make_numbers(g, factor, IG_FLOAT32, m, v, out);
    igi_free(v);
    return rc;
}

/* The convolution again, with the sum inside; the types may differ. */
static ig_status
make_sum(ig_graph *g, ig_node_id id, ig_node_id sum, int side, ig_value_id *y)
{
    const igi_node *n = igi_node_at(g, id), *a = igi_node_at(g, sum);
    const double own = (double)igi_attr_float(a, side ? "b_scale" : "a_scale", 1),
                 other = (double)igi_attr_float(a, side ? "a_scale" : "b_scale", 1),
                 scale = (double)igi_attr_float(a, "scale", 1);
    const struct {
        const char *name;
        int64_t v;
    } ints[] = {{"residual_zero", int_of(a, side ? "a_zero" : "b_zero")},
                {"y_zero", int_of(a, "zero")},
                {"low", int_of(a, "low")},
                {"high", int_of(a, "high")},
                {"to", int_of(a, "to")}};
    ig_value_id in[5] = {n->in[0], n->in[1], {0}, igi_in(n, 3), a->in[1 - side]};
    ig_node_id both[2] = {id, sum};
    const ig_op_def *d = n->op->def;
    igi_make m = {.op = n->op, .n_in = 5, .like = id, .origin = igi_origin(g, both, 2)};
    void *attrs = igi_new_attrs(g, m.op);
    *y = (ig_value_id){0};
    if (!attrs || !m.origin)
        return IG_OUT_OF_MEMORY;
    igi_copy_attrs(m.op, attrs, n);
    for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++)
        IG_TRY(igi_attrs_set_int(d, attrs, ints[i].name, ints[i].v));
    IG_TRY(igi_attrs_set_float(d, attrs, "residual_factor", (float)(other / scale)));
    /* What saturated on its way through bytes still does. */
    const double step = own / scale, zero = (double)int_of(n, "y_zero");
    IG_TRY(igi_attrs_set_float(d, attrs, "sum_low",
                               (float)(((double)int_of(n, "low") - zero) * step)));
    IG_TRY(igi_attrs_set_float(d, attrs, "sum_high",
                               (float)(((double)int_of(n, "high") - zero) * step)));
    m.attrs = attrs;
    IG_TRY(scaled_factor(g, n->in[FACTOR], own / scale, &in[FACTOR]));
    return in[FACTOR].i ? igi_try_make(g, &m, in, y) : IG_OK;
}

static ig_status
take_sum(ig_graph *g, ig_node_id id, ig_node_id sum, const bool *seen, bool *done)
{
    const igi_node *n = igi_node_at(g, id), *a = igi_node_at(g, sum);
    ig_value_id y;
    if (!igi_node_is(a, "ingot::QAdd") || igi_in(n, RESIDUAL).i || !unbounded(n))
        return IG_OK;
    int side = a->in[0].i == n->out[0].i ? 0 : 1;
    if (a->in[1 - side].i == n->out[0].i || is_later_rival(g, a->in[1 - side], seen))
        return IG_OK;
    IG_TRY(make_sum(g, id, sum, side, &y));
    if (!y.i)
        return IG_OK;
    IG_TRY(igi_forward(g, sum, 0, y, done));
    return IG_OK;
}

ig_status igi_pass_fuse_qconv(ig_graph *g, igi_pass_state *s, int *changes)
{
    ig_status rc = IG_OK;
    const size_t n_nodes = g->nodes.n, n_order = g->order.n;
    bool *seen = igi_calloc(n_nodes, sizeof(*seen));
    if (!seen)
        return IG_OUT_OF_MEMORY;
    for (size_t k = 0; k < n_order && rc == IG_OK; k++) {
        ig_node_id id = g->order.p[k];
        const igi_node *n = igi_node_at(g, id);
        if (!n->live || !igi_node_is(n, "ingot::QConv"))
            continue;
        bool done = false;
        seen[id.i] = true;
        ig_node_id reader = igi_only_user(g, n->out[0]);
        if (reader.i)
            rc = take_clip(g, id, reader, &done);
        reader = igi_only_user(g, igi_node_at(g, id)->out[0]);
        if (rc == IG_OK && reader.i && !done && !s->o->strict_qdq)
            rc = take_sum(g, id, reader, seen, &done);
        *changes += done;
        if (rc != IG_OK)
            rc = igi_graph_node_context(g, id);
    }
    igi_free(seen);
    IG_TRY(rc);
    return igi_clean(g);
}
