/* Views of memory that a node overwrites (IG_MUTATED). A graph's values are values:
 * what was made before the overwriting is what it was. Nodes that read the memory
 * itself come first (igi_graph_sort); a view that somebody reads afterwards has to be a
 * copy. */
#include "graph/core/alloc.h"
#include "graph/runtime/net.h"
#include "graph/runtime/plan.h"

typedef struct overwrite {
    uint32_t memory, at;
} overwrite;

typedef struct scan {
    const ig_graph *g;
    uint32_t *memory; /* per value: the first value whose memory it may have */
    uint32_t *place;  /* per node: its place in the order, from 1 */
    IGI_VEC(overwrite) all;
} scan;

static bool has_view(const igi_node *n)
{
    return n->op->def->view && n->n_in > 0 && n->in[0].i && n->out[0].i;
}

/* Whether some node overwrites v itself: it must not be a copy then. */
static bool is_target(const ig_graph *g, ig_value_id v)
{
    const igi_gvalue *value = igi_value_at(g, v);
    for (size_t u = 0; u < value->uses.n; u++) {
        const igi_node *n =
            value->uses.p[u].node.i ? igi_node_at(g, value->uses.p[u].node) : NULL;
        for (int o = 0; n && o < n->n_out; o++)
            if (n->out[o].i && igi_node_mutates(n, o) == value->uses.p[u].port)
                return true;
    }
    return false;
}

static ig_status follow(scan *s)
{
    const ig_graph *g = s->g;
    for (uint32_t v = 0; v < g->values.n; v++)
        s->memory[v] = v;
    for (size_t k = 0; k < g->order.n; k++) {
        const igi_node *n = igi_node_at(g, g->order.p[k]);
        s->place[g->order.p[k].i] = (uint32_t)k + 1;
        if (has_view(n))
            s->memory[n->out[0].i] = s->memory[n->in[0].i];
        for (int o = 0; o < n->n_out; o++) {
            int from = n->out[o].i ? igi_node_mutates(n, o) : -1;
            if (from < 0)
                continue;
            overwrite w = {s->memory[n->in[from].i], (uint32_t)k + 1};
            s->memory[n->out[o].i] = w.memory;
            if (!IGI_PUSH(&s->all, w))
                return IG_OUT_OF_MEMORY;
        }
    }
    return IG_OK;
}

/* Whether view v, made at `at`, is read after its memory has been overwritten. */
static bool is_read_late(const scan *s, ig_value_id v, uint32_t at)
{
    const igi_gvalue *value = igi_value_at(s->g, v);
    uint32_t next = UINT32_MAX;
    for (size_t i = 0; i < s->all.n; i++)
        if (s->all.p[i].memory == s->memory[v.i] && s->all.p[i].at > at &&
            s->all.p[i].at < next)
            next = s->all.p[i].at;
    for (size_t u = 0; next < UINT32_MAX && u < value->uses.n; u++) {
        ig_node_id reader = value->uses.p[u].node;
        if (!reader.i || s->place[reader.i] >= next)
            return true;
    }
    return false;
}

static ig_status mark(const scan *s, ig_net *net)
{
    const ig_graph *g = s->g;
    if (!s->all.n)
        return IG_OK;
    net->copied = igi_calloc(g->values.n, sizeof(*net->copied));
    if (!net->copied)
        return IG_OUT_OF_MEMORY;
    for (size_t k = 0; k < g->order.n; k++) {
        const igi_node *n = igi_node_at(g, g->order.p[k]);
        if (has_view(n) && !is_target(g, n->out[0]))
            net->copied[n->out[0].i] = is_read_late(s, n->out[0], (uint32_t)k + 1);
    }
    return IG_OK;
}

ig_status igi_net_overwrites(ig_net *net)
{
    const ig_graph *g = net->graph;
    scan s = {.g = g,
              .memory = igi_calloc(g->values.n + 1, sizeof(*s.memory)),
              .place = igi_calloc(g->nodes.n + 1, sizeof(*s.place))};
    ig_status rc = s.memory && s.place ? follow(&s) : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = mark(&s, net);
    igi_free(s.memory);
    igi_free(s.place);
    IGI_VEC_FREE(&s.all);
    return rc;
}
