/* Which device runs each node. One device, no copies: every node runs where the net
 * runs. */
#include "graph/passes/rewrite.h"

ig_status igi_pass_place(ig_graph *g, igi_pass_state *s, int *changes)
{
    for (size_t k = 0; k < g->order.n; k++) {
        igi_node *n = igi_node_at(g, g->order.p[k]);
        if (!n->live || n->device == s->o->device)
            continue;
        n->device = (uint8_t)s->o->device;
        ++*changes;
    }
    return IG_OK;
}
