/* Making nodes: schema check, attribute copy, inference, propagated integers - then,
 * when nothing can fail any more, the node itself. */
#include <stdio.h>
#include <string.h>

#include "graph/core/checked.h"
#include "graph/core/utf8.h"
#include "graph/ir/body.h"
#include "graph/ir/build.h"
#include "graph/ir/check.h"
#include "graph/ir/graph.h"

#define INTS_CAP 64

/* Everything that infer looks at, for one call over graph values. */
typedef struct scene {
    ig_infer x;
    const ig_type **in;
    ig_value **known;
    ig_ints *ints;
    ig_type **out, *types;
} scene;

/* Room for calls of as many inputs and outputs, at most IG_PORTS_MAX each. Most nodes
 * have few. */
static scene *scene_new(int n_in, int n_out)
{
    enum {
        PER_IN = sizeof(ig_ints) + 2 * sizeof(void *),
        PER_OUT = sizeof(ig_type) + sizeof(void *)
    };
    const size_t in = (size_t)n_in, out = (size_t)n_out;
    size_t in_bytes, out_bytes;
    if (!igi_mul_size(in, PER_IN, &in_bytes) || !igi_mul_size(out, PER_OUT, &out_bytes))
        return NULL;
    scene *s = igi_alloc(sizeof(*s) + in_bytes + out_bytes);
    if (!s)
        return NULL;
    s->types = (ig_type *)(s + 1);
    s->ints = (ig_ints *)(s->types + out);
    s->in = (const ig_type **)(s->ints + in);
    s->known = (ig_value **)(s->in + in);
    s->out = (ig_type **)(s->known + in);
    return s;
}

static void set_scene(scene *s,
                      const ig_graph *g,
                      const ig_call *call,
                      const void *attrs,
                      const ig_value_id *in,
                      uint64_t wanted)
{
    for (int i = 0; i < call->n_in; i++) {
        const igi_gvalue *v = in[i].i ? igi_value_at(g, in[i]) : NULL;
        s->in[i] = v ? &v->type : NULL;
        s->known[i] =
            v && v->constant && !igi_is_unaligned(v->constant) ? &v->constant->v : NULL;
        s->ints[i] = v ? v->ints : (ig_ints){0};
    }
    for (int i = 0; i < call->n_out; i++) {
        memset(&s->types[i], 0, sizeof(s->types[i]));
        s->out[i] = i >= 64 || wanted >> i & 1 ? &s->types[i] : NULL;
    }
    s->x = (ig_infer){.struct_size = sizeof(ig_infer),
                      .n_in = call->n_in,
                      .n_out = call->n_out,
                      .n_captures = call->n_captures,
                      .in = s->in,
                      .out = s->out,
                      .attrs = attrs,
                      .known = s->known,
                      .ints = s->ints,
                      .syms = g->syms,
                      .op = call->op};
}

static void drop_types(scene *s, int n)
{
    for (int i = 0; i < n; i++)
        igi_type_fini(&s->types[i]);
}

/* Integers of output 0, for shape chains. Not knowing them is never an error. A list of
 * the old length is written over, so that inferring again does not grow the arena. */
static void propagate(ig_graph *g, scene *s, ig_value_id out)
{
    int64_t buf[INTS_CAP];
    const ig_op_def *op = s->x.op;
    igi_gvalue *value = igi_value_at(g, out);
    const ig_ints old = value->ints;
    value->ints = (ig_ints){0};
    bool integers = value->type.dtype == IG_INT64 || value->type.dtype == IG_INT32;
    if (!op->values || !integers || value->type.rank > 1)
        return;
    int n = igi_call_values(&s->x, (ig_dtype)value->type.dtype, buf, INTS_CAP);
    if (n < 0 || n > INTS_CAP)
        return;
    int64_t *v = old.v && old.n == n
                     ? (int64_t *)(uintptr_t)old.v
                     : igi_arena_array(&g->arena, (size_t)n, sizeof(*v));
    if (!v)
        return;
    memcpy(v, buf, (size_t)n * sizeof(*v));
    value->ints = (ig_ints){n, v};
}

static ig_status
check_ids(const ig_graph *g, const ig_call *call, const ig_value_id *in)
{
    if (call->n_in < 0 || call->n_in > IG_PORTS_MAX || call->n_out > IG_PORTS_MAX ||
        call->n_out < 0 || call->n_captures < 0 || call->n_captures > call->n_in)
        return ig_fail(IG_LIMIT, "%s: at most %d inputs and outputs", call->op->name,
                       IG_PORTS_MAX);
    for (int i = 0; i < call->n_in; i++)
        if (in[i].i >= g->values.n || (in[i].i && !igi_value_at(g, in[i])->live))
            return ig_fail(IG_INVALID_ARGUMENT, "%s: input %d is no value of graph %s",
                           call->op->name, i, g->name);
    return IG_OK;
}

/* Values for the wanted outputs. When one fails, those made before are taken back. */
static ig_status
make_outputs(ig_graph *g, scene *s, const igi_node *node, const char *const *names)
{
    char stem[256];
    for (int i = 0; i < node->n_out; i++) {
        if (!s->out[i])
            continue;
        igi_output_stem(stem, sizeof(stem), node->name, i);
        bool own = names && names[i] && *names[i] && !igi_map_get(&g->names, names[i]);
        const char *name =
            own ? igi_arena_strdup(&g->arena, names[i]) : igi_graph_fresh_name(g, stem);
        ig_status rc = igi_graph_add_value(g, name, &s->types[i], &node->out[i]);
        memset(&s->types[i], 0, sizeof(s->types[i])); /* taken over */
        if (rc != IG_OK) {
            while (i-- > 0)
                if (node->out[i].i)
                    igi_graph_drop_last_value(g, node->out[i]);
            return rc;
        }
        igi_value_at(g, node->out[i])->out = i;
    }
    return IG_OK;
}

static uint64_t next_draw(ig_graph *g, uint64_t asked)
{
    if (!asked)
        return ++g->draws;
    g->draws = asked > g->draws ? asked : g->draws; /* never given out again */
    return asked;
}

/* The node's own memory. Its place in the graph comes with commit. */
static ig_status
fill_node(ig_graph *g, igi_node *node, const ig_call *call, const ig_value_id *in)
{
    char name[64];
    size_t n_in = (size_t)call->n_in, n_out = (size_t)call->n_out;
    snprintf(name, sizeof(name), "%.40s_%u", call->op->name, (unsigned)g->nodes.n);
    node->name = igi_arena_strdup(&g->arena, call->name ? call->name : name);
    if (call->where && !(node->where = igi_arena_strdup(&g->arena, call->where)))
        return IG_OUT_OF_MEMORY;
    node->in = igi_arena_array(&g->arena, n_in + 1, sizeof(*node->in));
    node->out = igi_arena_array(&g->arena, n_out + 1, sizeof(*node->out));
    node->use_at = igi_arena_array(&g->arena, n_in + 1, sizeof(*node->use_at));
    if (!node->name || !node->in || !node->out || !node->use_at)
        return IG_OUT_OF_MEMORY;
    if (n_in)
        memcpy(node->in, in, n_in * sizeof(*in));
    node->n_in = call->n_in;
    node->n_captures = call->n_captures;
    node->n_out = call->n_out;
    node->live = true;
    return IG_OK;
}

/* The first n inputs of a node that is not made are no uses any more. */
static void take_uses(ig_graph *g, ig_node_id id, const igi_node *node, int n)
{
    while (n-- > 0)
        if (node->in[n].i)
            igi_use_remove(g, node->in[n], (igi_use){id, n});
}

static ig_status put_uses(ig_graph *g, ig_node_id id, const igi_node *node)
{
    for (int i = 0; i < node->n_in; i++) {
        if (!node->in[i].i)
            continue;
        igi_gvalue *v = igi_value_at(g, node->in[i]);
        if (!IGI_RESERVE(&v->uses, v->uses.n + 1)) {
            take_uses(g, id, node, i);
            return IG_OUT_OF_MEMORY;
        }
        igi_use_put(g, node->in[i], (igi_use){id, i});
    }
    return IG_OK;
}

/* Node, order and use lists change together, or nothing does. */
static ig_status commit(ig_graph *g,
                        igi_node *node,
                        scene *s,
                        const ig_call *call,
                        const char *const *names)
{
    ig_node_id id = {(uint32_t)g->nodes.n};
    if (!IGI_RESERVE(&g->nodes, g->nodes.n + 1) ||
        !IGI_RESERVE(&g->order, g->order.n + 1))
        return IG_OUT_OF_MEMORY;
    g->nodes.p[id.i] = *node; /* not one of them yet: uses are noted there */
    IG_TRY(put_uses(g, id, node));
    ig_status rc = make_outputs(g, s, node, names);
    if (rc != IG_OK) {
        take_uses(g, id, node, node->n_in);
        return rc;
    }
    if (call->op->flags & (IG_OP_RANDOM | IG_OP_SUBGRAPH))
        node->draw = next_draw(g, call->draw);
    g->nodes.p[g->nodes.n++] = *node;
    g->order.p[g->order.n++] = id;
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i].i)
            igi_value_at(g, node->out[i])->producer = id;
    return IG_OK;
}

static ig_status check_mutated(const ig_graph *g,
                               const igi_op *op,
                               const ig_call *call,
                               const ig_value_id *in)
{
    for (int i = 0; i < call->n_in - call->n_captures && i < op->n_in; i++)
        if (op->def->inputs[i].flags & IG_MUTATED && in[i].i &&
            igi_value_at(g, in[i])->constant)
            return ig_fail(IG_INVALID_GRAPH, "%s would overwrite the constant '%s'",
                           op->def->name, igi_value_at(g, in[i])->name);
    return IG_OK;
}

ig_status igi_graph_make_as(ig_graph *g,
                            const ig_call *given,
                            const ig_value_id *in,
                            const char *const *names,
                            ig_value_id *out)
{
    const igi_op *op = igi_registry_of(g->reg, given->op);
    ig_call own = *given, *call = &own;
    igi_node node = {.op = op};
    if (!op)
        return ig_fail(IG_NOT_FOUND, "operator %s is not registered",
                       given->op ? given->op->name : "?");
    own.op = op->def; /* of a plugin's operator: our copy of the descriptor */
    IG_TRY(check_ids(g, call, in));
    IG_TRY(check_mutated(g, op, call, in));
    if (call->name)
        IG_TRY(igi_name_check("a node", call->name));
    IG_TRY(igi_attrs_check(call->op, call->attrs));
    scene *s = scene_new(call->n_in, call->n_out);
    if (!s)
        return IG_OUT_OF_MEMORY;
    ig_status rc = IG_OK;
    set_scene(s, g, call, NULL, in,
              call->wanted ? call->wanted | op->must_out : UINT64_MAX);
    IG_GO(igi_attrs_copy(&g->arena, call->op, call->attrs, &node.attrs));
    if (call->op->flags & IG_OP_SUBGRAPH)
        IG_GO(igi_bodies_adopt(g, call->op, node.attrs));
    s->x.attrs = node.attrs;
    IG_GO(igi_infer_call(op, call, &s->x));
    IG_GO(fill_node(g, &node, call, in));
    IG_GO(commit(g, &node, s, call, names));
    if (out && node.n_out)
        memcpy(out, node.out, (size_t)node.n_out * sizeof(*out));
    if (node.n_out && node.out[0].i) {
        set_scene(s, g, call, node.attrs, in, 0); /* arrays of values may have moved */
        s->out[0] = &igi_value_at(g, node.out[0])->type;
        propagate(g, s, node.out[0]);
    }
out:
    if (rc != IG_OK) {
        drop_types(s, call->n_out);
        igi_attrs_release(call->op, node.attrs);
    }
    igi_free(s);
    return rc;
}

ig_status
ig_graph_make(ig_graph *g, const ig_call *call, const ig_value_id *in, ig_value_id *out)
{
    igi_error_clear();
    return igi_graph_make_as(g, call, in, NULL, out);
}

ig_status ig_graph_make_named(ig_graph *g,
                              const char *name,
                              const void *attrs,
                              const ig_value_id *in,
                              int n_in,
                              ig_value_id *out,
                              int n_out)
{
    const igi_op *op = name ? igi_registry_find_full(g->reg, name) : NULL;
    if (!op)
        return ig_fail(IG_NOT_FOUND, "there is no operator '%s'", name ? name : "?");
    ig_call call = {.op = op->def, .attrs = attrs, .n_in = n_in, .n_out = n_out};
    return ig_graph_make(g, &call, in, out);
}

/* ---- one more output of a node that exists ---- */

static ig_call call_of(const igi_node *n, int n_out)
{
    return (ig_call){.op = n->op->def,
                     .attrs = n->attrs,
                     .n_in = n->n_in,
                     .n_captures = n->n_captures,
                     .n_out = n_out};
}

/* The type of output i alone. */
static ig_status
infer_output(ig_graph *g, const igi_node *n, int n_out, int i, ig_type *type)
{
    ig_call call = call_of(n, n_out);
    scene *s = scene_new(n->n_in, n_out);
    if (!s)
        return IG_OUT_OF_MEMORY;
    set_scene(s, g, &call, n->attrs, n->in, 0);
    for (int k = 64; k < n_out; k++) /* beyond the mask: wanted unless said otherwise */
        s->out[k] = NULL;
    s->out[i] = &s->types[i];
    ig_status rc = igi_infer_call(n->op, &call, &s->x);
    if (rc == IG_OK) {
        *type = s->types[i];
        memset(&s->types[i], 0, sizeof(s->types[i]));
    }
    drop_types(s, n_out);
    igi_free(s);
    return rc;
}

ig_status igi_graph_want_output(ig_graph *g, ig_node_id id, int i, ig_value_id *out)
{
    igi_node *n = igi_node_at(g, id);
    char stem[256];
    ig_type type;
    if (i < 0 || i >= IG_PORTS_MAX || igi_op_out_port(n->op, i) < 0)
        return ig_fail(IG_INVALID_ARGUMENT, "node '%s' (%s) has no output %d", n->name,
                       n->op->def->name, i);
    if (i < n->n_out && n->out[i].i) {
        *out = n->out[i];
        return IG_OK;
    }
    int n_out = i + 1 > n->n_out ? i + 1 : n->n_out;
    ig_value_id *slots = igi_arena_array(&g->arena, (size_t)n_out, sizeof(*slots));
    if (!slots)
        return IG_OUT_OF_MEMORY;
    if (n->n_out)
        memcpy(slots, n->out, (size_t)n->n_out * sizeof(*slots));
    IG_TRY(infer_output(g, n, n_out, i, &type));
    igi_output_stem(stem, sizeof(stem), n->name, i);
    IG_TRY(igi_graph_add_value(g, igi_graph_fresh_name(g, stem), &type, &slots[i]));
    igi_value_at(g, slots[i])->producer = id;
    igi_value_at(g, slots[i])->out = i;
    n->out = slots;
    n->n_out = n_out;
    *out = slots[i];
    return IG_OK;
}

/* ---- inference again ---- */

static ig_status infer_node(ig_graph *g, scene *s, ig_node_id id)
{
    igi_node *n = igi_node_at(g, id);
    ig_call call = call_of(n, n->n_out);
    uint64_t wanted = 0;
    for (int i = 0; i < n->n_out && i < 64; i++)
        wanted |= n->out[i].i ? IG_BIT(i) : 0;
    set_scene(s, g, &call, n->attrs, n->in, wanted);
    for (int i = 64; i < n->n_out; i++)
        s->out[i] = n->out[i].i ? &s->types[i] : NULL;
    ig_status rc = igi_infer_call(n->op, &call, &s->x);
    if (rc != IG_OK) {
        drop_types(s, n->n_out);
        return igi_graph_node_context(g, id);
    }
    for (int i = 0; i < n->n_out; i++) {
        if (!s->out[i])
            continue;
        igi_type_fini(&igi_value_at(g, n->out[i])->type);
        igi_value_at(g, n->out[i])->type = s->types[i];
    }
    if (n->n_out && n->out[0].i) {
        s->out[0] = &igi_value_at(g, n->out[0])->type;
        propagate(g, s, n->out[0]);
    }
    return IG_OK;
}

ig_status igi_graph_infer(ig_graph *g)
{
    IG_TRY(igi_graph_sort(g));
    scene *s = scene_new(IG_PORTS_MAX, IG_PORTS_MAX);
    ig_status rc = s ? IG_OK : IG_OUT_OF_MEMORY;
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    while (rc == IG_OK && ig_node_next(&it, &n))
        rc = infer_node(g, s, n);
    igi_free(s);
    return rc;
}
