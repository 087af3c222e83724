/* All invariants of a graph in one place; run by tests and after every pass in debug
 * builds. */
#include <string.h>

#include "graph/ir/graph.h"

static ig_status wrong(const ig_graph *g, const char *what, const char *name)
{
    return ig_fail(IG_INVALID_GRAPH, "graph %s: %s '%s'", g->name, what,
                   name ? name : "?");
}

static size_t count_uses(const ig_graph *g, ig_value_id v, ig_node_id n, int port)
{
    const igi_gvalue *value = igi_value_at(g, v);
    size_t count = 0;
    for (size_t i = 0; i < value->uses.n; i++)
        count += value->uses.p[i].node.i == n.i && value->uses.p[i].port == port;
    return count;
}

static ig_status verify_values(const ig_graph *g)
{
    for (size_t i = 1; i < g->values.n; i++) {
        const igi_gvalue *v = &g->values.p[i];
        if (!v->live)
            continue;
        if (!v->name || igi_map_get(&g->names, v->name) != i)
            return wrong(g, "name and id of a value disagree:", v->name);
        if ((v->producer.i != 0) + (v->constant != NULL) + v->is_input != 1)
            return wrong(
                g, "value is not exactly one of input, constant, result:", v->name);
        for (size_t u = 0; u < v->uses.n; u++) {
            igi_use use = v->uses.p[u];
            bool ok =
                use.node.i
                    ? use.node.i < g->nodes.n && g->nodes.p[use.node.i].live &&
                          use.port < g->nodes.p[use.node.i].n_in &&
                          g->nodes.p[use.node.i].in[use.port].i == i
                    : (size_t)use.port < g->outputs.n && g->outputs.p[use.port].i == i;
            if (!ok)
                return wrong(g, "a use points at nothing, of value", v->name);
        }
    }
    return IG_OK;
}

static ig_status
verify_node(const ig_graph *g, ig_node_id id, const uint32_t *place, uint32_t at)
{
    const igi_node *n = igi_node_at(g, id);
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i].i)
            continue;
        const igi_gvalue *v = igi_value_at(g, n->in[i]);
        if (!v->live)
            return wrong(g, "a removed value is read by node", n->name);
        if (count_uses(g, n->in[i], id, i) != 1)
            return wrong(g, "use list and input disagree at node", n->name);
        if (v->producer.i && (!place[v->producer.i] || place[v->producer.i] > at))
            return wrong(g, "a value is read before it is made, by node", n->name);
    }
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i].i && igi_value_at(g, n->out[i])->producer.i != id.i)
            return wrong(g, "an output has another producer, at node", n->name);
    return IG_OK;
}

/* A mutated input must not be read by anybody later than the mutation. */
static ig_status
verify_mutation(const ig_graph *g, ig_node_id id, const uint32_t *place)
{
    const igi_node *n = igi_node_at(g, id);
    for (int i = 0; i < n->n_in - n->n_captures && i < n->op->n_in; i++) {
        if (!(n->op->def->inputs[i].flags & IG_MUTATED) || !n->in[i].i)
            continue;
        const igi_gvalue *v = igi_value_at(g, n->in[i]);
        if (v->constant)
            return wrong(g, "a constant would be overwritten by node", n->name);
        for (size_t u = 0; u < v->uses.n; u++)
            if (v->uses.p[u].node.i && place[v->uses.p[u].node.i] > place[id.i])
                return wrong(g,
                             "a value is read after this node overwrote it:", n->name);
    }
    return IG_OK;
}

ig_status ig_graph_verify(const ig_graph *g)
{
    IG_TRY(verify_values(g));
    if (g->order_dirty)
        return IG_OK; /* order is restored before anybody depends on it */
    uint32_t *place = igi_calloc(g->nodes.n, sizeof(*place));
    if (!place)
        return IG_OUT_OF_MEMORY;
    ig_status rc = IG_OK;
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    uint32_t at = 0;
    while (rc == IG_OK && ig_node_next(&it, &n)) {
        if (place[n.i])
            rc = wrong(g, "order has a node twice:", igi_node_at(g, n)->name);
        place[n.i] = ++at;
        if (rc == IG_OK)
            rc = verify_node(g, n, place, at);
    }
    for (size_t i = 1; rc == IG_OK && i < g->nodes.n; i++) {
        if (g->nodes.p[i].live && !place[i])
            rc = wrong(g, "order lacks node", g->nodes.p[i].name);
        else if (g->nodes.p[i].live)
            rc = verify_mutation(g, (ig_node_id){(uint32_t)i}, place);
    }
    igi_free(place);
    return rc;
}
