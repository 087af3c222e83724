/* Nodes into operators. The walk has an explicit stack of frames: the main graph, and
 * one frame for each local function that is being inlined. A frame knows which names
 * its nodes may read, and the attributes that its call has bound. Nodes are taken in
 * topological order whatever the order of the file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/utf8.h"
#include "importers/onnx/gradient.h"

#define ABSENT IGI_ONNX_ABSENT

typedef igi_onnx_frame frame;

ig_status igi_onnx_set_name(ig_graph *g, ig_value_id v, const char *name)
{
    igi_gvalue *value = igi_value_at(g, v);
    if (strcmp(value->name, name) == 0)
        return IG_OK;
    uint32_t holder = igi_map_get(&g->names, name);
    if (holder) { /* made names give way: names of the file are unique among themselves
                   */
        igi_gvalue *other = &g->values.p[holder];
        const char *fresh = igi_graph_fresh_name(g, name);
        if (!fresh)
            return IG_OUT_OF_MEMORY;
        IG_TRY(igi_map_put(&g->names, fresh, holder));
        igi_map_remove(&g->names, other->name);
        other->name = fresh;
    }
    const char *own = igi_arena_strdup(&g->arena, name);
    if (!own)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_map_put(&g->names, own, v.i));
    igi_map_remove(&g->names, value->name);
    value->name = own;
    return IG_OK;
}

/* ---- frames
 * -------------------------------------------------------------------------------- */

static void pop(frame **top)
{
    frame *f = *top;
    *top = f->up;
    igi_map_fini(&f->names);
    igi_free(f->order);
    igi_free(f->bound);
    igi_free(f->prefix);
    igi_free(f);
}

ig_status
igi_onnx_lookup(igi_onnx_build *b, frame *f, const char *name, ig_value_id *out)
{
    uint32_t id = igi_map_get(&f->names, name);
    if (!id && f->region)
        return igi_onnx_capture(b, f, name, out);
    if (!id)
        return ig_fail(IG_INVALID_GRAPH, "input '%s' is defined nowhere", name);
    *out = (ig_value_id){id == ABSENT ? 0 : id};
    return IG_OK;
}

/* The attribute itself, or what the call of the function bound to the name it refers
 * to; `a` NULL when nothing is bound: then the attribute is absent. */
static ig_status resolve(frame *f, const pb_attribute *a, igi_onnx_attr *out)
{
    const char *ref = pb_str(a->ref_attr_name);
    *out = (igi_onnx_attr){.name = a->name, .a = *ref ? NULL : a, .home = f};
    if (!*ref)
        return IG_OK;
    if (!f->refers)
        return ig_fail(IG_INVALID_GRAPH,
                       "attribute %s refers to '%s', but only functions may do that",
                       pb_str(a->name), ref);
    for (size_t i = 0; i < f->n_bound; i++)
        if (strcmp(f->bound[i].name, ref) == 0) {
            out->a = f->bound[i].a;
            out->home = f->bound[i].home;
        }
    return IG_OK;
}

/* Attributes of a node with references resolved; names are unique (V5). */
static ig_status gather(frame *f, const pb_node *node, igi_onnx_attr *list, size_t *n)
{
    *n = 0;
    if (node->n_attribute > IGI_ONNX_ATTRIBUTES)
        return ig_fail(IG_LIMIT, "%zu attributes, at most %d are supported",
                       node->n_attribute, IGI_ONNX_ATTRIBUTES);
    for (size_t i = 0; i < node->n_attribute; i++) {
        const pb_attribute *a = node->attribute[i];
        if (!*pb_str(a->name))
            return ig_fail(IG_INVALID_GRAPH, "attribute %zu has no name", i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(node->attribute[k]->name, a->name) == 0)
                return ig_fail(IG_INVALID_GRAPH, "attribute %s is given twice",
                               a->name);
        IG_TRY(resolve(f, a, &list[*n]));
        *n += list[*n].a != NULL;
    }
    return IG_OK;
}

static ig_status bind_attributes(frame *f, const pb_node *call)
{
    const pb_function *fn = f->function;
    f->bound = igi_alloc_array(call->n_attribute + fn->n_attribute_proto + 1,
                               sizeof(*f->bound));
    if (!f->bound)
        return IG_OUT_OF_MEMORY;
    IG_TRY(gather(f->up, call, f->bound, &f->n_bound));
    for (size_t i = 0; i < fn->n_attribute_proto; i++) {
        const pb_attribute *a = fn->attribute_proto[i];
        bool given = false;
        for (size_t k = 0; k < f->n_bound && !given; k++)
            given = strcmp(f->bound[k].name, pb_str(a->name)) == 0;
        if (!given)
            f->bound[f->n_bound++] =
                (igi_onnx_attr){.name = pb_str(a->name), .a = a, .home = f};
    }
    for (size_t i = 0; i < fn->n_attribute; i++) {
        bool given = false;
        for (size_t k = 0; k < f->n_bound && !given; k++)
            given = strcmp(f->bound[k].name, fn->attribute[i]) == 0;
        if (!given)
            return ig_fail(IG_INVALID_GRAPH, "function %s needs attribute %s",
                           pb_str(fn->name), fn->attribute[i]);
    }
    return IG_OK;
}

static ig_status bind_inputs(igi_onnx_build *b, frame *f, const pb_node *call)
{
    const pb_function *fn = f->function;
    if (call->n_input > fn->n_input || call->n_output > fn->n_output)
        return ig_fail(
            IG_INVALID_GRAPH,
            "function %s has %zu inputs and %zu outputs, the call %zu and %zu",
            pb_str(fn->name), fn->n_input, fn->n_output, call->n_input, call->n_output);
    for (size_t i = 0; i < fn->n_input; i++) {
        ig_value_id v = {0};
        if (i < call->n_input && *call->input[i])
            IG_TRY(igi_onnx_lookup(b, f->up, call->input[i], &v));
        if (igi_map_get(&f->names, fn->input[i]))
            return ig_fail(IG_INVALID_GRAPH, "function %s has two inputs '%s'",
                           pb_str(fn->name), fn->input[i]);
        IG_TRY(igi_map_put(&f->names, fn->input[i], v.i ? v.i : ABSENT));
    }
    return IG_OK;
}

static ig_status check_calls(const frame *top, const pb_function *fn)
{
    int depth = 0;
    for (const frame *f = top; f; f = f->up, depth++)
        if (f->function == fn)
            return ig_fail(IG_INVALID_GRAPH, "function %s calls itself",
                           pb_str(fn->name));
    if (depth > IGI_ONNX_CALL_DEPTH)
        return ig_fail(IG_LIMIT, "functions call each other more than %d levels deep",
                       IGI_ONNX_CALL_DEPTH);
    return IG_OK;
}

ig_status igi_onnx_count_work(igi_onnx_build *b, uint64_t steps)
{
    enum { EACH = 32, LEAST = 1000000 }; /* allowed by any limit of nodes */
    uint64_t most;
    if (__builtin_mul_overflow(b->max_nodes, EACH, &most))
        most = UINT64_MAX;
    if (most < LEAST)
        most = LEAST;
    b->work += steps;
    if (b->work <= most)
        return IG_OK;
    return ig_fail(IG_LIMIT,
                   "calls of functions and gradients look at more than %" PRIu64
                   " inputs, pairs of attributes and values; raise limits.nodes",
                   most);
}

static char *make_prefix(const frame *up, const pb_node *call)
{
    const char *name = *pb_str(call->name) ? call->name : pb_str(call->op_type);
    size_t a = up->prefix ? strlen(up->prefix) : 0, b = igi_utf8_cut(name, 200);
    if (a > 2000)
        a = 0; /* deep chains of long names: keep the inner part */
    char *p = igi_alloc(a + b + 2);
    if (!p)
        return NULL;
    if (a)
        memcpy(p, up->prefix, a);
    memcpy(p + a, name, b);
    p[a + b] = '/';
    p[a + b + 1] = 0;
    return p;
}

static ig_status push_function(igi_onnx_build *b,
                               frame **top,
                               const pb_node *call,
                               const pb_function *fn)
{
    IG_TRY(check_calls(*top, fn));
    uint64_t given = call->n_attribute + fn->n_attribute_proto; /* compared pairwise */
    IG_TRY(igi_onnx_count_work(b, fn->n_input + given * (given + fn->n_attribute)));
    frame *f = igi_calloc(1, sizeof(*f));
    if (!f)
        return IG_OUT_OF_MEMORY;
    f->up = *top;
    f->nodes = fn->node;
    f->n = fn->n_node;
    f->opsets = (igi_onnx_opsets){fn->opset_import, fn->n_opset_import, &b->opsets};
    f->function = fn;
    f->refers = true;
    f->call = call;
    f->prefix = make_prefix(*top, call);
    ig_status rc = f->prefix ? IG_OK : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = bind_inputs(b, f, call);
    if (rc == IG_OK)
        rc = bind_attributes(f, call);
    if (rc == IG_OK)
        rc = igi_onnx_order(b, f);
    *top = f;
    if (rc != IG_OK)
        pop(top);
    return rc;
}

/* The function is done: its outputs are the outputs of the call. */
static ig_status return_outputs(igi_onnx_build *b, frame *f)
{
    frame *up = f->up;
    for (size_t i = 0; i < f->call->n_output; i++) {
        ig_value_id v = {0};
        const char *name = f->call->output[i];
        if (!*name)
            continue;
        if (igi_onnx_lookup(b, f, f->function->output[i], &v) != IG_OK || !v.i)
            return ig_fail(IG_INVALID_GRAPH,
                           "function %s does not define its output '%s'",
                           pb_str(f->function->name), f->function->output[i]);
        IG_TRY(igi_map_put(&up->names, name, v.i));
        const igi_gvalue *value = igi_value_at(b->g, v);
        if (!up->function && value->producer.i && !igi_map_get(&up->names, value->name))
            IG_TRY(igi_onnx_set_name(b->g, v, name));
        if (!up->function && !up->region && value->producer.i)
            IG_TRY(igi_onnx_declare_named(b, name, v));
    }
    return IG_OK;
}

/* ---- nodes
 * ------------------------------------------------------------------------------------
 */

static ig_status fill_node(igi_onnx_node *n, frame *f, const pb_node *node)
{
    igi_onnx_build *b = n->b;
    if (node->n_input > IG_PORTS_MAX || node->n_output > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT,
                       "%zu inputs and %zu outputs, at most %d each are supported",
                       node->n_input, node->n_output, IG_PORTS_MAX);
    n->pb = node;
    n->cap_attrs = node->n_attribute + 4; /* upgrades add a few */
    n->attrs = igi_arena_array(&b->scratch, n->cap_attrs, sizeof(*n->attrs));
    size_t a = f->prefix ? strlen(f->prefix) : 0, len = strlen(pb_str(node->name));
    char *name = igi_arena_alloc(&b->scratch, a + len + 1);
    if (!n->attrs || !name)
        return IG_OUT_OF_MEMORY;
    if (a)
        memcpy(name, f->prefix, a);
    memcpy(name + a, pb_str(node->name), len);
    n->name = len ? name : NULL;
    IG_TRY(gather(f, node, n->attrs, &n->n_attrs));
    for (size_t i = 0; i < node->n_input; i++)
        if (*node->input[i])
            IG_TRY(igi_onnx_lookup(b, f, node->input[i], &n->in[i]));
    for (size_t i = 0; i < node->n_output && i < 64; i++)
        n->wanted |= *node->output[i] ? IG_BIT(i) : 0;
    n->n_in = (int)node->n_input;
    n->n_out = (int)node->n_output;
    return IG_OK;
}

static ig_status make_constant(igi_onnx_node *n)
{
    ig_tensor *t;
    if (n->n_out != 1)
        return ig_fail(IG_INVALID_GRAPH, "%d outputs, expected 1", n->n_out);
    IG_TRY(igi_onnx_constant(n, &t));
    t->st->flags |= IGI_READONLY; /* as initialisers */
    ig_status rc = ig_graph_constant(n->b->g, NULL, t, &n->out[0]);
    ig_tensor_unref(t);
    return rc;
}

static ig_status
make_node(igi_onnx_node *n, frame *f, const pb_node *node, const igi_onnx_found *found)
{
    IG_TRY(fill_node(n, f, node));
    n->op = found->op;
    n->upgrade = found->upgrade;
    n->version = found->version;
    if (found->meaning == IGI_ONNX_CONSTANT) {
        IG_TRY(make_constant(n));
    } else if (found->meaning == IGI_ONNX_GRADIENT) {
        IG_TRY(igi_onnx_gradient(n, f));
    } else {
        IG_TRY(igi_onnx_subgraphs(n, f));
        IG_TRY(igi_onnx_emit(n));
    }
    for (size_t i = 0; i < node->n_output; i++) {
        const char *name = node->output[i];
        if (!*name)
            continue;
        if (!n->out[i].i)
            return ig_fail(IG_UNSUPPORTED,
                           "output %zu ('%s') of version %" PRId64 " has no successor",
                           i, name, n->version);
        IG_TRY(igi_map_put(&f->names, name, n->out[i].i));
        if (f->function)
            continue;
        IG_TRY(igi_onnx_set_name(n->b->g, n->out[i], name));
        if (f->region)
            continue;
        IG_TRY(igi_onnx_declare_named(n->b, name, n->out[i]));
        if (i == 0)
            IG_TRY(igi_onnx_note_node(n->b, node, n->out[i]));
    }
    return IG_OK;
}

static ig_status take_node(igi_onnx_build *b, frame **top, const pb_node *node)
{
    if (++b->nodes > b->max_nodes)
        return ig_fail(IG_LIMIT,
                       "more than %" PRIu64
                       " nodes after inlining functions; raise limits.nodes",
                       b->max_nodes);
    igi_onnx_found found = igi_onnx_find(b, node, &(*top)->opsets);
    if (found.meaning == IGI_ONNX_FUNCTION)
        return push_function(b, top, node, found.function);
    if (found.meaning == IGI_ONNX_UNSUPPORTED)
        return ig_fail(IG_UNSUPPORTED, "the operator is not supported");
    igi_onnx_node *n = igi_calloc(1, sizeof(*n));
    if (!n)
        return IG_OUT_OF_MEMORY;
    n->b = b;
    const size_t before = b->g->arena.total;
    ig_status rc = make_node(n, *top, node, &found);
    if (rc ==
        IG_OK) /* a function is in the file once, its nodes are as often as called */
        rc = igi_onnx_charge(&b->data, b->g->arena.total - before);
    igi_onnx_subgraphs_drop(n);
    igi_free(n);
    if (b->depth == 0) /* nodes around this one still use theirs */
        igi_arena_reset(&b->scratch);
    return rc;
}

static ig_status context(const frame *f, const pb_node *node)
{
    igi_error e;
    igi_error_get(&e);
    if (e.status == IG_INVALID_ARGUMENT) { /* of the file, not of the caller */
        e.status = IG_INVALID_GRAPH;
        (void)igi_error_set(&e);
    }
    return ig_fail_context(
        "node '%s%s' (%s%s%s, byte %" PRIu64 ")", f->prefix ? f->prefix : "",
        pb_str(node->name), igi_onnx_domain(node->domain),
        *igi_onnx_domain(node->domain) ? "::" : "", pb_str(node->op_type), node->at);
}

static ig_status walk(igi_onnx_build *b, frame **top, const frame *root)
{
    for (;;) {
        frame *f = *top;
        if (f->next < f->n) {
            const pb_node *node = f->nodes[f->order[f->next++]];
            if (take_node(b, top, node) != IG_OK)
                return context(f, node);
            continue;
        }
        if (f == root)
            return IG_OK;
        if (return_outputs(b, f) != IG_OK)
            return context(f->up, f->call);
        pop(top);
    }
}

ig_status igi_onnx_walk(igi_onnx_build *b, frame *f)
{
    frame *top = f;
    IG_TRY(igi_onnx_order(b, f));
    ig_status rc = walk(b, &top, f);
    while (top != f)
        pop(&top);
    return rc;
}

ig_status igi_onnx_body(igi_onnx_build *b, const pb_graph *graph, igi_map *names)
{
    frame *top = igi_calloc(1, sizeof(*top));
    if (!top)
        return IG_OUT_OF_MEMORY;
    top->nodes = graph->node;
    top->n = graph->n_node;
    top->names = *names;
    top->opsets = b->opsets;
    ig_status rc = igi_onnx_walk(b, top);
    *names = top->names;
    top->names = (igi_map){0};
    pop(&top);
    return rc;
}
