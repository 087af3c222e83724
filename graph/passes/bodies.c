/* Bodies: constants that a body captures move into it, captures that nobody reads go,
 * an If whose cond is known becomes the arm, and every body goes through the passes of
 * its graph. */
#include "graph/ir/body.h"
#include "graph/passes/rewrite.h"

/* Capture c of node n is a constant outside: each body gets it. */
static ig_status sink_constant(ig_graph *g, ig_node_id id, int c)
{
    const igi_node *n = igi_node_at(g, id);
    ig_tensor *t = igi_value_at(g, n->in[n->n_in - n->n_captures + c])->constant;
    int left = n->n_captures - c;
    ig_graph *body;
    for (int k = 0; igi_body_of(n, k); k++) {
        IG_TRY(igi_body_own(g, id, k, &body));
        IG_TRY(igi_body_fix_input(body, (int)body->inputs.n - left, t));
    }
    return igi_node_drop_capture(g, id, c);
}

static ig_status settle_captures(ig_graph *g, ig_node_id id, int *changes)
{
    for (int c = igi_node_at(g, id)->n_captures; c-- > 0;) {
        const igi_node *n = igi_node_at(g, id);
        ig_value_id v = n->in[n->n_in - n->n_captures + c];
        bool constant = igi_value_at(g, v)->constant, read = igi_capture_is_read(n, c);
        if (!constant && read)
            continue;
        IG_TRY(constant && read ? sink_constant(g, id, c)
                                : igi_node_drop_capture(g, id, c));
        ++*changes;
    }
    return IG_OK;
}

/* An If of a known cond: the arm's nodes stand in its place. */
static ig_status inline_arm(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    const ig_tensor *cond = igi_const(g, n->in[0]);
    bool done;
    if (!igi_node_is(n, "If") || !cond || igi_tensor_count(cond) != 1)
        return IG_OK;
    const ig_graph *arm = igi_body_of(n, *(const uint8_t *)cond->data ? 0 : 1);
    ig_value_id *map = igi_calloc(arm->values.n, sizeof(*map));
    if (!map)
        return IG_OUT_OF_MEMORY;
    for (int c = 0; c < n->n_captures; c++)
        map[arm->inputs.p[c].i] = n->in[n->n_in - n->n_captures + c];
    ig_status rc = igi_graph_inline(g, arm, map);
    for (int o = 0; rc == IG_OK && o < igi_node_at(g, id)->n_out; o++)
        if (igi_node_at(g, id)->out[o].i)
            rc = igi_forward(g, id, o, map[arm->outputs.p[o].i], &done);
    igi_free(map);
    ++*changes;
    return rc;
}

ig_status igi_pass_bodies(ig_graph *g, igi_pass_state *s, igi_pass_fn all, int *changes)
{
    ig_graph *body;
    int inside = 0;
    for (size_t k = 0; g->depth && k < g->order.n; k++) {
        ig_node_id id = g->order.p[k];
        if (!igi_node_at(g, id)->live || !igi_has_bodies(igi_node_at(g, id)) ||
            !igi_node_used(g, igi_node_at(g, id)))
            continue;
        IG_TRY(settle_captures(g, id, changes));
        for (int b = 0; igi_body_of(igi_node_at(g, id), b); b++) {
            IG_TRY(igi_body_own(g, id, b, &body));
            if (igi_graph_infer(body) !=
                IG_OK) /* an error of the run, if it gets there */
                igi_error_clear();
            if (all(body, s, &inside) != IG_OK)
                return igi_graph_node_context(g, id);
        }
        IG_TRY(settle_captures(g, id, changes)); /* what folding has made idle */
        IG_TRY(inline_arm(g, id, changes));
    }
    return *changes ? igi_clean(g) : IG_OK;
}
