/* Common subexpressions: of two nodes with one operator, equal attributes and the same
 * inputs, the later one goes. One walk in topological order with a hash table, so that
 * equal chains meet node by node. Small equal constants are merged first: exporters
 * write each scalar anew. Random operators, effects and bodies are never merged. */
#include <string.h>

#include "graph/core/map.h"
#include "graph/passes/rewrite.h"

#define CONSTANT_BYTES 4096 /* larger constants are not compared */

/* Open addressing from hashes to ids; equality is the caller's business. */
typedef struct table {
    struct slot {
        uint64_t hash;
        uint32_t id; /* 0: empty */
    } * slots;
    size_t mask;
} table;

static ig_status table_init(table *t, size_t items)
{
    size_t cap = 16;
    while (cap < 2 * items)
        cap *= 2;
    t->slots = igi_calloc(cap, sizeof(*t->slots));
    t->mask = cap - 1;
    return t->slots ? IG_OK : IG_OUT_OF_MEMORY;
}

typedef bool (*same_fn)(const ig_graph *g, uint32_t a, uint32_t b);

/* The id of an equal entry, or 0 after `id` was added. */
static uint32_t
find_or_add(table *t, const ig_graph *g, uint64_t hash, uint32_t id, same_fn same)
{
    for (size_t i = (size_t)hash & t->mask;; i = (i + 1) & t->mask) {
        struct slot *s = &t->slots[i];
        if (!s->id) {
            *s = (struct slot){hash, id};
            return 0;
        }
        if (s->hash == hash && same(g, s->id, id))
            return s->id;
    }
}

/* ---- constants ---- */

static size_t bytes_of(const ig_tensor *t)
{
    size_t bytes;
    return igi_dtype_bytes((ig_dtype)t->v.type.dtype, igi_tensor_count(t), &bytes)
               ? bytes
               : SIZE_MAX;
}

static bool same_constant(const ig_graph *g, uint32_t a, uint32_t b)
{
    const ig_tensor *x = g->values.p[a].constant, *y = g->values.p[b].constant;
    return igi_type_equal(&x->v.type, &y->v.type) &&
           !memcmp(x->data, y->data, bytes_of(x));
}

/* Bits beyond the last element of packed types would make equal constants differ:
 * harmless. */
static ig_status merge_constants(ig_graph *g, int *changes)
{
    table t;
    size_t n = g->values.n;
    ig_status rc = IG_OK;
    IG_TRY(table_init(&t, n));
    for (size_t i = 1; i < n && rc == IG_OK; i++) {
        const igi_gvalue *v = &g->values.p[i];
        const ig_tensor *c = igi_const(g, (ig_value_id){(uint32_t)i});
        if (!v->live || !v->uses.n || !c || bytes_of(c) > CONSTANT_BYTES)
            continue;
        uint64_t seed = ((uint64_t)c->v.type.dtype << 8) | (uint64_t)c->v.type.rank;
        const ig_type *type = &c->v.type;
        uint64_t h = igi_hash_bytes(c->data, bytes_of(c), seed ^ igi_hash_seed());
        h = igi_hash_bytes(ig_type_dims(type), (size_t)type->rank * sizeof(int64_t), h);
        uint32_t first = find_or_add(&t, g, h, (uint32_t)i, same_constant);
        if (!first)
            continue;
        rc = ig_graph_replace(g, (ig_value_id){(uint32_t)i}, (ig_value_id){first});
        ++*changes;
    }
    igi_free(t.slots);
    return rc;
}

/* ---- nodes ---- */

/* Inputs in an order that does not matter for commutative operators. */
static void inputs_of(const igi_node *n, ig_value_id *a, ig_value_id *b)
{
    *a = n->n_in > 0 ? n->in[0] : (ig_value_id){0};
    *b = n->n_in > 1 ? n->in[1] : (ig_value_id){0};
    if (n->op->def->flags & IG_OP_COMMUTATIVE && n->n_in == 2 && a->i > b->i) {
        ig_value_id t = *a;
        *a = *b;
        *b = t;
    }
}

static bool same_node(const ig_graph *g, uint32_t x, uint32_t y)
{
    const igi_node *m = &g->nodes.p[x], *n = &g->nodes.p[y];
    ig_value_id a, b, c, d;
    if (!m->live || m->op != n->op || m->n_in != n->n_in || m->n_out != n->n_out ||
        m->n_captures != n->n_captures)
        return false;
    inputs_of(m, &a, &b);
    inputs_of(n, &c, &d);
    if (a.i != c.i || b.i != d.i)
        return false;
    for (int i = 2; i < n->n_in; i++)
        if (m->in[i].i != n->in[i].i)
            return false;
    for (int i = 0; i < n->n_out; i++)
        if (!m->out[i].i != !n->out[i].i)
            return false;
    return igi_attrs_equal(n->op->def, m->attrs, n->attrs);
}

static uint64_t hash_node(const igi_node *n)
{
    ig_value_id a, b;
    inputs_of(n, &a, &b);
    uint64_t h =
        igi_hash_bytes(&n->op, sizeof(n->op), (uint64_t)n->n_out ^ igi_hash_seed());
    h = igi_hash_bytes(&a, sizeof(a), h);
    h = igi_hash_bytes(&b, sizeof(b), h);
    if (n->n_in > 2)
        h = igi_hash_bytes(n->in + 2, (size_t)(n->n_in - 2) * sizeof(*n->in), h);
    return igi_attrs_hash(n->op->def, n->attrs, h);
}

static bool mergeable(const igi_node *n)
{
    if (n->op->def->flags & (IG_OP_RANDOM | IG_OP_EFFECTS | IG_OP_SUBGRAPH))
        return false;
    for (int i = 0; i < n->op->n_in; i++)
        if (n->op->def->inputs[i].flags & IG_MUTATED)
            return false;
    return true;
}

/* All outputs of node `id` become those of node `first`. */
static ig_status merge(ig_graph *g, ig_node_id first, ig_node_id id, int *changes)
{
    for (int i = 0; i < igi_node_at(g, id)->n_out; i++) {
        bool done = true;
        if (igi_node_at(g, id)->out[i].i)
            IG_TRY(igi_forward(g, id, i, igi_node_at(g, first)->out[i], &done));
        if (!done)
            return IG_OK;
    }
    ig_node_id both[2] = {first, id};
    const char *origin = igi_origin(g, both, 2);
    if (!origin)
        return IG_OUT_OF_MEMORY;
    igi_node_at(g, first)->origin = origin;
    ++*changes;
    return IG_OK;
}

ig_status igi_pass_cse(ig_graph *g, igi_pass_state *s, int *changes)
{
    table t;
    ig_status rc = IG_OK;
    (void)s;
    IG_TRY(merge_constants(g, changes));
    IG_TRY(table_init(&t, g->nodes.n));
    for (size_t k = 0; k < g->order.n && rc == IG_OK; k++) {
        ig_node_id id = g->order.p[k];
        const igi_node *n = igi_node_at(g, id);
        if (!n->live || !igi_node_used(g, n) || !mergeable(n))
            continue;
        uint32_t first = find_or_add(&t, g, hash_node(n), id.i, same_node);
        if (first)
            rc = merge(g, (ig_node_id){first}, id, changes);
    }
    igi_free(t.slots);
    IG_TRY(rc);
    return igi_clean(g);
}
