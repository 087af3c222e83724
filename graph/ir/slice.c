/* A part of a graph as a graph of its own, and back into a graph. */
#include "graph/ir/slice.h"

#include "graph/core/alloc.h"
#include "graph/ir/build.h"

void igi_slice_fini(igi_slice *s)
{
    ig_graph_free(s->g);
    igi_free(s->outer);
    *s = (igi_slice){0};
}

/* What the walks know of values and nodes of the source. */
typedef struct cutter {
    const ig_graph *src;
    igi_slice *s;
    bool *from, *depends, *reached; /* per value */
    bool *needed;                   /* per node */
    ig_value_id *map;               /* value of src -> value of the slice */
    ig_node_id *order;
    size_t n;
} cutter;

static void mark(cutter *c, ig_value_id y)
{
    for (size_t k = 0; k < c->n; k++) {
        const igi_node *n = igi_node_at(c->src, c->order[k]);
        bool any = false;
        for (int i = 0; i < n->n_in && !any; i++)
            any = n->in[i].i && c->depends[n->in[i].i];
        for (int i = 0; any && i < n->n_out; i++)
            c->depends[n->out[i].i] = true; /* slot 0 is unused */
    }
    c->reached[y.i] = true;
    for (size_t k = c->n; k-- > 0;) {
        const igi_node *n = igi_node_at(c->src, c->order[k]);
        bool any = false;
        for (int i = 0; i < n->n_out && !any; i++) {
            uint32_t v = n->out[i].i;
            any = v && c->reached[v] && c->depends[v] && !c->from[v];
        }
        c->needed[c->order[k].i] = any;
        for (int i = 0; any && i < n->n_in; i++)
            c->reached[n->in[i].i] = true;
    }
}

static ig_status remember(cutter *c, ig_value_id inner, ig_value_id outer)
{
    if (inner.i >= c->s->n_outer) {
        size_t n = 2 * (size_t)inner.i + 16;
        ig_value_id *more = igi_calloc(n, sizeof(*more));
        if (!more)
            return IG_OUT_OF_MEMORY;
        for (size_t i = 0; i < c->s->n_outer; i++)
            more[i] = c->s->outer[i];
        igi_free(c->s->outer);
        c->s->outer = more;
        c->s->n_outer = n;
    }
    c->s->outer[inner.i] = outer;
    return IG_OK;
}

/* A value that no node of the slice makes. */
static ig_status add_leaf(cutter *c, ig_value_id v)
{
    const igi_gvalue *value = igi_value_at(c->src, v);
    const char *name = igi_graph_fresh_name(c->s->g, value->name);
    if (!name)
        return IG_OUT_OF_MEMORY;
    if (value->constant && !c->from[v.i])
        IG_TRY(ig_graph_constant(c->s->g, name, value->constant, &c->map[v.i]));
    else
        IG_TRY(ig_graph_input_typed(c->s->g, name, &value->type, &c->map[v.i]));
    return remember(c, c->map[v.i], v);
}

static ig_status copy(cutter *c)
{
    for (size_t k = 0; k < c->n; k++) {
        ig_node_id id = c->order[k];
        const igi_node *n = igi_node_at(c->src, id);
        ig_value_id kept[IG_PORTS_MAX];
        if (!c->needed[id.i])
            continue;
        for (int i = 0; i < n->n_in; i++)
            if (n->in[i].i && !c->map[n->in[i].i].i)
                IG_TRY(add_leaf(c, n->in[i]));
        for (int i = 0; i < n->n_out; i++)
            kept[i] = c->map[n->out[i].i];
        IG_TRY(igi_graph_copy_node(c->s->g, c->src, id, NULL, c->map));
        for (int i = 0; i < n->n_out; i++)
            if (n->out[i].i && c->from[n->out[i].i])
                c->map[n->out[i].i] = kept[i];
    }
    return IG_OK;
}

static ig_status
cut(cutter *c, const ig_value_id *from, int n_from, ig_value_id y, ig_value_id *ends)
{
    IG_TRY(igi_graph_topological(c->src, &c->order, &c->n));
    IG_TRY(igi_graph_new(&c->s->g, "slice", c->src->reg, c->src->syms));
    for (int i = 0; i < n_from; i++) {
        if (c->from[from[i].i])
            return ig_fail(IG_INVALID_ARGUMENT, "'%s' is named twice",
                           igi_value_at(c->src, from[i])->name);
        c->from[from[i].i] = c->depends[from[i].i] = true;
    }
    mark(c, y);
    for (int i = 0; i < n_from; i++) {
        IG_TRY(add_leaf(c, from[i]));
        ends[i] = c->map[from[i].i];
    }
    IG_TRY(copy(c));
    if (!c->map[y.i].i)
        IG_TRY(add_leaf(c, y));
    ends[n_from] = c->map[y.i];
    return IG_OK;
}

ig_status igi_slice_cut(igi_slice *s,
                        const ig_graph *g,
                        const ig_value_id *from,
                        int n_from,
                        ig_value_id y,
                        ig_value_id *ends)
{
    cutter c = {.src = g, .s = s};
    *s = (igi_slice){0};
    c.from = igi_calloc(g->values.n, sizeof(bool));
    c.depends = igi_calloc(g->values.n, sizeof(bool));
    c.reached = igi_calloc(g->values.n, sizeof(bool));
    c.needed = igi_calloc(g->nodes.n, sizeof(bool));
    c.map = igi_calloc(g->values.n, sizeof(*c.map));
    bool ok = c.from && c.depends && c.reached && c.needed && c.map;
    ig_status rc = ok ? cut(&c, from, n_from, y, ends) : IG_OUT_OF_MEMORY;
    igi_free(c.from);
    igi_free(c.depends);
    igi_free(c.reached);
    igi_free(c.needed);
    igi_free(c.map);
    igi_free(c.order);
    if (rc != IG_OK)
        igi_slice_fini(s);
    return rc;
}

ig_status igi_slice_paste(const igi_slice *s,
                          ig_graph *g,
                          const ig_value_id *inputs,
                          int n_inputs,
                          ig_value_id *outputs)
{
    const ig_graph *part = s->g;
    ig_value_id *map = igi_calloc(part->values.n, sizeof(*map));
    if (!map)
        return IG_OUT_OF_MEMORY;
    for (size_t v = 1; v < part->values.n && v < s->n_outer; v++)
        map[v] = s->outer[v];
    for (int i = 0; i < n_inputs; i++)
        map[part->inputs.p[i].i] = inputs[i];
    ig_status rc = igi_graph_inline(g, part, map);
    for (size_t i = 0; rc == IG_OK && i < part->outputs.n; i++)
        outputs[i] = map[part->outputs.p[i].i];
    igi_free(map);
    return rc;
}
