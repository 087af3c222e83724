/* All invariants of a graph in one place; run by tests and after every pass in debug
 * builds. Each check names the value or node that breaks it. Linear in the graph. */
#include <string.h>

#include "graph/ir/body.h"
#include "graph/ir/build.h"
#include "graph/ir/note.h"

static ig_status wrong(const ig_graph *g, const char *what, const char *name)
{
    return ig_fail(IG_INVALID_GRAPH, "graph %s: %s '%s'", g->name, what,
                   name ? name : "?");
}

static bool is_value(const ig_graph *g, ig_value_id v)
{
    return v.i > 0 && v.i < g->values.n && g->values.p[v.i].live;
}

/* Entry u of a use list is the one that its reader points back to. Together with
 * verify_inputs this makes lists and inputs equal. */
static bool use_is_right(const ig_graph *g, uint32_t value, uint32_t u)
{
    igi_use use = g->values.p[value].uses.p[u];
    if (!use.node.i)
        return use.port >= 0 && (size_t)use.port < g->outputs.n &&
               g->outputs.p[use.port].i == value;
    if (use.node.i >= g->nodes.n || !g->nodes.p[use.node.i].live)
        return false;
    const igi_node *n = &g->nodes.p[use.node.i];
    return use.port >= 0 && use.port < n->n_in && n->in[use.port].i == value &&
           n->use_at[use.port] == u;
}

/* Lists of notes go upwards through the array, so they end. */
static ig_status
verify_notes(const ig_graph *g, const igi_notes *list, const char *name)
{
    uint32_t last = 0;
    for (uint32_t i = list->first; i; i = g->notes.p[i].next) {
        if (i <= last || i >= g->notes.n || !igi_note_name(g->notes.p[i].kind))
            return wrong(g, "the list of notes is broken of", name);
        last = i;
    }
    return last == list->last ? IG_OK
                              : wrong(g, "the list of notes has no end, of", name);
}

static ig_status verify_value(const ig_graph *g, uint32_t i)
{
    const igi_gvalue *v = &g->values.p[i];
    if (!v->name || igi_map_get(&g->names, v->name) != i)
        return wrong(g, "name and id of a value disagree:", v->name);
    if ((v->producer.i != 0) + (v->constant != NULL) + v->is_input != 1)
        return wrong(g,
                     "value is not exactly one of input, constant, result:", v->name);
    if (v->producer.i &&
        (v->producer.i >= g->nodes.n || !g->nodes.p[v->producer.i].live ||
         v->out >= g->nodes.p[v->producer.i].n_out ||
         g->nodes.p[v->producer.i].out[v->out].i != i))
        return wrong(g, "the producer does not make value", v->name);
    for (size_t u = 0; u < v->uses.n; u++)
        if (!use_is_right(g, i, (uint32_t)u))
            return wrong(g, "a use points at nothing, of value", v->name);
    return verify_notes(g, &v->notes, v->name);
}

static ig_status verify_ends(const ig_graph *g)
{
    for (size_t i = 0; i < g->inputs.n; i++)
        if (!is_value(g, g->inputs.p[i]) || !igi_value_at(g, g->inputs.p[i])->is_input)
            return wrong(g, "the list of inputs holds no input, after",
                         i ? igi_value_at(g, g->inputs.p[i - 1])->name : "the start");
    if (g->outputs.n != g->output_names.n)
        return wrong(g, "outputs and their names differ in number in", g->name);
    for (size_t i = 0; i < g->outputs.n; i++) {
        const char *name = g->output_names.p[i];
        if (!is_value(g, g->outputs.p[i]))
            return wrong(g, "a removed value is output", name);
        if (igi_map_get(&g->output_map, name) != i + 1)
            return wrong(g, "name and number of an output disagree:", name);
        const igi_gvalue *v = igi_value_at(g, g->outputs.p[i]);
        bool used = false;
        for (size_t u = 0; u < v->uses.n && !used; u++)
            used = !v->uses.p[u].node.i && (size_t)v->uses.p[u].port == i;
        if (!used)
            return wrong(g, "use list and output disagree at output", name);
    }
    return IG_OK;
}

static ig_status verify_inputs(const ig_graph *g, ig_node_id id)
{
    const igi_node *n = igi_node_at(g, id);
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i].i)
            continue;
        if (!is_value(g, n->in[i]))
            return wrong(g, "a removed value is read by node", n->name);
        const igi_gvalue *v = igi_value_at(g, n->in[i]);
        if (n->use_at[i] >= v->uses.n || v->uses.p[n->use_at[i]].node.i != id.i ||
            v->uses.p[n->use_at[i]].port != i)
            return wrong(g, "use list and input disagree at node", n->name);
    }
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i].i &&
            (!is_value(g, n->out[i]) || igi_value_at(g, n->out[i])->producer.i != id.i))
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

/* Producers before readers, mutations after other readers. */
static ig_status verify_node(const ig_graph *g, ig_node_id id, const uint32_t *place)
{
    const igi_node *n = igi_node_at(g, id);
    if (!place[id.i])
        return wrong(g, "order lacks node", n->name);
    for (int i = 0; i < n->n_in; i++) {
        ig_node_id made =
            n->in[i].i ? igi_value_at(g, n->in[i])->producer : (ig_node_id){0};
        if (made.i && place[made.i] >= place[id.i])
            return wrong(g, "a value is read before it is made, by node", n->name);
    }
    IG_TRY(verify_notes(g, &n->notes, n->name));
    return verify_mutation(g, id, place);
}

/* An order that waits for igi_graph_sort is checked as that would make it. */
static ig_status verify_order(const ig_graph *g)
{
    ig_node_id *sorted = NULL;
    const ig_node_id *order = g->order.p;
    size_t n = g->order.n;
    uint32_t *place = igi_calloc(g->nodes.n, sizeof(*place));
    ig_status rc = place ? IG_OK : IG_OUT_OF_MEMORY;
    if (rc == IG_OK && g->order_dirty) {
        rc = igi_graph_topological(g, &sorted, &n);
        order = sorted;
    }
    for (size_t k = 0; rc == IG_OK && k < n; k++) {
        if (order[k].i == 0 || order[k].i >= g->nodes.n)
            rc = wrong(g, "order holds no node, in", g->name);
        else if (place[order[k].i] && igi_node_at(g, order[k])->live)
            rc = wrong(g, "order has a node twice:", igi_node_at(g, order[k])->name);
        else
            place[order[k].i] = (uint32_t)k + 1;
    }
    for (uint32_t i = 1; rc == IG_OK && i < g->nodes.n; i++)
        if (g->nodes.p[i].live)
            rc = verify_node(g, (ig_node_id){i}, place);
    igi_free(sorted);
    igi_free(place);
    return rc;
}

ig_status ig_graph_verify(const ig_graph *g)
{
    IGI_NEEDS(g);
    igi_error_clear();
    for (uint32_t i = 1; i < g->values.n; i++)
        if (g->values.p[i].live)
            IG_TRY(verify_value(g, i));
    IG_TRY(verify_ends(g));
    IG_TRY(verify_notes(g, &g->own_notes, g->name));
    for (uint32_t i = 1; i < g->nodes.n; i++)
        if (g->nodes.p[i].live) {
            IG_TRY(verify_inputs(g, (ig_node_id){i}));
            if (igi_has_bodies(&g->nodes.p[i]))
                IG_TRY(igi_bodies_verify(g, (ig_node_id){i}));
        }
    return verify_order(g);
}
