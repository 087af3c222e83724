#include "graph/runtime/bodies.h"

#include "graph/core/alloc.h"
#include "graph/ir/body.h"
#include "graph/runtime/instance.h"

/* ---- of a net ---- */

static ig_status add_body(ig_net *net, const ig_graph *body, const ig_net_opts *o)
{
    for (size_t i = 0; i < net->n_bodies; i++)
        if (net->bodies[i].graph == body)
            return IG_OK;
    struct igi_body_net made = {.graph = body};
    if (!igi_vec_grow((void **)(void *)&net->bodies, &net->cap_bodies,
                      net->n_bodies + 1, sizeof(made)))
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_net_of_body(&made.net, body, net->weights, o));
    net->bodies[net->n_bodies++] = made;
    return IG_OK;
}

ig_status igi_bodies_compile(ig_net *net, const ig_net_opts *o)
{
    const ig_graph *g = net->graph, *body;
    for (size_t i = 1; g->depth && i < g->nodes.n; i++) {
        const igi_node *n = &g->nodes.p[i];
        if (!n->live || !igi_has_bodies(n))
            continue;
        for (int k = 0; (body = igi_body_of(n, k)); k++)
            if (add_body(net, body, o) != IG_OK)
                return igi_graph_node_context(g, (ig_node_id){(uint32_t)i});
    }
    return IG_OK;
}

void igi_bodies_drop(ig_net *net)
{
    for (size_t i = 0; i < net->n_bodies; i++)
        ig_net_free(net->bodies[i].net);
    igi_free(net->bodies);
}

ig_status igi_bodies_instance(igi_instance *x, const ig_graph *body, igi_instance **out)
{
    size_t i = 0;
    while (i < x->net->n_bodies && x->net->bodies[i].graph != body)
        i++;
    if (i == x->net->n_bodies)
        return IG_BUG("a body is not compiled with its net");
    if (!x->bodies[i])
        IG_TRY(igi_instance_new(&x->bodies[i], x->net->bodies[i].net));
    *out = x->bodies[i];
    return IG_OK;
}

/* ---- of single calls ---- */

#define BODIES 32

struct igi_bodies {
    struct entry {
        ig_graph *body; /* counted: its address stays its own */
        uint64_t generation, used;
        igi_instance *x;
    } entry[BODIES];
    uint64_t clock;
};

static void entry_clear(struct entry *e)
{
    igi_instance_free(e->x);
    igi_graph_unref(e->body);
    *e = (struct entry){0};
}

void igi_bodies_free(igi_bodies *b)
{
    for (int i = 0; b && i < BODIES; i++)
        entry_clear(&b->entry[i]);
    igi_free(b);
}

/* Compiled as written: results are those of the same calls outside a body. */
static ig_status entry_fill(struct entry *e, const igi_invoker *v, const ig_graph *body)
{
    ig_net *net = NULL;
    ig_net_opts o = {
        .threads = v->threads, .level = 1, .deterministic = v->deterministic};
    IG_TRY(ig_net_new(&net, body, NULL, &o));
    ig_status rc = igi_instance_new(&e->x, net);
    ig_net_free(net); /* the instance holds it */
    IG_TRY(rc);
    e->body = igi_graph_ref((ig_graph *)(uintptr_t)body);
    e->generation = body->generation;
    return IG_OK;
}

static ig_status
instance_in_cache(igi_invoker *v, const ig_graph *body, igi_instance **out)
{
    if (!v->bodies && !(v->bodies = igi_calloc(1, sizeof(*v->bodies))))
        return IG_OUT_OF_MEMORY;
    igi_bodies *b = v->bodies;
    struct entry *e = &b->entry[0];
    for (int i = 0; i < BODIES; i++) {
        struct entry *at = &b->entry[i];
        if (at->body == body) {
            e = at;
            break;
        }
        if (at->used < e->used)
            e = at;
    }
    if (e->body != body || e->generation != body->generation) {
        entry_clear(e);
        IG_TRY(entry_fill(e, v, body));
    }
    e->used = ++b->clock;
    *out = e->x;
    return IG_OK;
}

ig_status igi_body_run(igi_invoker *v,
                       const ig_graph *body,
                       igi_env *env,
                       ig_value *const *in,
                       int n_in,
                       ig_value **out,
                       int n_out)
{
    igi_instance *x = NULL;
    if (!body || (int)body->inputs.n != n_in || n_out > (int)body->outputs.n)
        return IG_BUG("a body is run with other inputs or outputs than it has");
    IG_TRY(v->owner ? igi_bodies_instance(v->owner, body, &x)
                    : instance_in_cache(v, body, &x));
    return igi_instance_run_body(x, env, v->owner ? v->owner->profile : NULL, in, out,
                                 n_out);
}
