/* NHWC regions around convolutions.
 *
 * One walk in topological order gives values a twin in NHWC: convolutions with constant
 * weights start a region, operators that can work in NHWC join as soon as one of their
 * inputs has a native twin. Inputs without one get a Transpose, one a value. Afterwards
 * the old nodes are removed from the end; results that somebody outside still reads get
 * a Transpose back, again one a value. So transposes stand only on the edges of
 * regions; those that move a dim of 1 become reshapes in the simplify pass. */
#include "graph/passes/layout.h"

#include <string.h>

static const int64_t to_nhwc[4] = {0, 2, 3, 1}, to_nchw[4] = {0, 3, 1, 2};

static ig_status make_transpose(igi_layout *l,
                                ig_value_id v,
                                ig_node_id like,
                                const int64_t *perm,
                                ig_value_id *out)
{
    igi_make m = {.op = l->transpose, .n_in = 1, .like = like};
    void *attrs = igi_new_attrs(l->g, m.op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_attrs_set_ints(&l->g->arena, m.op->def, attrs, "perm", perm, 4));
    m.attrs = attrs;
    return igi_make_node(l->g, &m, &v, out);
}

ig_status
igi_layout_twin(igi_layout *l, ig_value_id v, ig_node_id reader, ig_value_id *out)
{
    if (v.i >= l->n_values) /* made by the pass itself */
        return make_transpose(l, v, reader, to_nhwc, out);
    if (!l->twin[v.i].i)
        IG_TRY(make_transpose(l, v, reader, to_nhwc, &l->twin[v.i]));
    *out = l->twin[v.i];
    return IG_OK;
}

/* A constant of rank < 4 with its dims where NHWC has them. */
static ig_status
relaid_constant(igi_layout *l, ig_value_id v, ig_node_id reader, ig_value_id *out)
{
    const ig_type *t = igi_type_of(l->g, v);
    int64_t dims[4] = {1, 1, 1, 1}, moved[4];
    for (int i = 0; i < t->rank; i++)
        dims[4 - t->rank + i] = ig_type_dims(t)[i];
    if (dims[1] == 1 ||
        (dims[2] == 1 && dims[3] == 1)) { /* the order of elements stays */
        for (int i = 0; i < 4; i++)
            moved[i] = dims[to_nhwc[i]];
        return igi_make_reshaped(l->g, v, 4, moved, out);
    }
    ig_value_id whole;
    IG_TRY(igi_make_reshaped(l->g, v, 4, dims, &whole));
    return make_transpose(l, whole, reader, to_nhwc, out);
}

ig_status
igi_layout_operand(igi_layout *l, ig_value_id v, ig_node_id reader, ig_value_id *out)
{
    const ig_type *t = igi_type_of(l->g, v);
    int64_t count;
    *out = (ig_value_id){0};
    if (t->kind != IG_KIND_TENSOR || t->rank < 0 || t->rank > 4)
        return IG_OK;
    if (t->rank == 4 && !igi_value_at(l->g, v)->constant)
        return igi_layout_twin(l, v, reader, out);
    if (igi_dims_count(t->rank, ig_type_dims(t), &count) && count == 1) {
        *out = v;
        return IG_OK;
    }
    return igi_const(l->g, v) ? relaid_constant(l, v, reader, out) : IG_OK;
}

/* ---- the walk ---- */

static const igi_layout_row *row_of(const igi_node *n)
{
    static const igi_layout_row elementwise = {"", igi_layout_elementwise, false};
    for (const igi_layout_row *r = igi_layout_rows; r->op; r++)
        if (igi_node_is(n, r->op))
            return r;
    return n->op->def->flags & IG_OP_ELEMENTWISE ? &elementwise : NULL;
}

static bool joins(const igi_layout *l, const igi_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].i && n->in[i].i < l->n_values && l->native[n->in[i].i])
            return true;
    return false;
}

static ig_status visit(igi_layout *l, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(l->g, id);
    const igi_layout_row *row = row_of(n);
    ig_value_id out[IG_PORTS_MAX];
    if (!row || n->n_captures || n->n_out < 1 || (!row->anchor && !joins(l, n)))
        return IG_OK;
    memset(out, 0, (size_t)n->n_out * sizeof(*out));
    IG_TRY(row->convert(l, id, out));
    n = igi_node_at(l->g, id);
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i].i || !out[i].i)
            continue;
        l->twin[n->out[i].i] = out[i];
        l->native[n->out[i].i] = true;
        l->converted[id.i] = true;
    }
    *changes += l->converted[id.i];
    return IG_OK;
}

/* Old node `id` goes; who still reads its results reads them back from NHWC. */
static ig_status retire(igi_layout *l, ig_node_id id)
{
    ig_graph *g = l->g;
    bool gone = true;
    for (int i = 0; i < igi_node_at(g, id)->n_out; i++) {
        ig_value_id v = igi_node_at(g, id)->out[i], back;
        bool done;
        if (!v.i || !igi_value_at(g, v)->uses.n)
            continue;
        if (!l->twin[v.i].i)
            return IG_OK;
        IG_TRY(make_transpose(l, l->twin[v.i], id, to_nchw, &back));
        IG_TRY(igi_forward(g, id, i, back, &done));
        gone = gone && done;
    }
    return gone ? ig_graph_remove(g, id) : IG_OK;
}

static ig_status walk(igi_layout *l, int *changes)
{
    ig_graph *g = l->g;
    size_t n = g->order.n; /* the graph grows behind */
    for (size_t k = 0; k < n; k++) {
        ig_node_id id = g->order.p[k];
        if (igi_node_at(g, id)->live && visit(l, id, changes) != IG_OK)
            return igi_graph_node_context(g, id);
    }
    for (size_t k = n; k-- > 0;) {
        ig_node_id id = g->order.p[k];
        if (id.i < l->n_nodes && l->converted[id.i])
            IG_TRY(retire(l, id));
    }
    return IG_OK;
}

ig_status igi_pass_layout(ig_graph *g, igi_pass_state *s, int *changes)
{
    (void)s;
    igi_layout l = {.g = g, .n_values = g->values.n, .n_nodes = g->nodes.n};
    l.transpose = igi_registry_find_full(g->reg, "Transpose");
    if (!l.transpose)
        return IG_OK;
    l.twin = igi_calloc(l.n_values, sizeof(*l.twin));
    l.native = igi_calloc(l.n_values, sizeof(*l.native));
    l.converted = igi_calloc(l.n_nodes, sizeof(*l.converted));
    ig_status rc =
        l.twin && l.native && l.converted ? walk(&l, changes) : IG_OUT_OF_MEMORY;
    igi_free(l.twin);
    igi_free(l.native);
    igi_free(l.converted);
    IG_TRY(rc);
    return igi_clean(g);
}
