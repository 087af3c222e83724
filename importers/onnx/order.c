/* Nodes in topological order: depth first, with an explicit stack. What a node reads is
 * its inputs, what attributes of a Gradient name, and what its bodies read from
 * outside.
 */
#include <inttypes.h>
#include <string.h>

#include "importers/onnx/gradient.h"

typedef struct sorter {
    igi_onnx_frame *f;
    igi_map producers; /* value name -> node index + 1 */
    igi_onnx_names
        *named;     /* per node: what attributes and bodies name; NULL: nothing */
    uint8_t *state; /* 0 new, 1 on the stack, 2 placed */
    struct {
        uint32_t node;
        size_t input;
    } * stack;
    size_t depth, done;
} sorter;

/* What the attributes of node i, a Gradient, name must stand before it. */
static ig_status note_named(sorter *s, igi_onnx_build *b, uint32_t i)
{
    const pb_node *node = s->f->nodes[i];
    size_t n = 0;
    if (!igi_onnx_is_gradient(node))
        return IG_OK;
    igi_onnx_attr *list =
        igi_arena_array(&b->arena, node->n_attribute + 1, sizeof(*list));
    if (!list || !(s->named || (s->named = igi_calloc(s->f->n, sizeof(*s->named)))))
        return IG_OUT_OF_MEMORY;
    for (size_t k = 0; k < node->n_attribute; k++)
        if (!*pb_str(node->attribute[k]->ref_attr_name))
            list[n++] = (igi_onnx_attr){.name = pb_str(node->attribute[k]->name),
                                        .a = node->attribute[k]};
    return igi_onnx_gradient_names(&b->arena, list, n, &s->named[i]);
}

/* ---- bodies ---- */

typedef IGI_VEC(const pb_graph *) graphs;

/* The graphs that attributes of a node hold, behind those of the list. */
static ig_status add_bodies(const pb_node *node, graphs *list)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->g && !IGI_PUSH(list, node->attribute[i]->g))
            return IG_OUT_OF_MEMORY;
    return IG_OK;
}

/* All bodies of a node, those of nodes in them too, and the names that they define. */
static ig_status
walk_bodies(igi_onnx_build *b, const pb_node *node, graphs *list, igi_map *own)
{
    IG_TRY(add_bodies(node, list));
    for (size_t i = 0; i < list->n; i++) {
        const pb_graph *g = list->p[i];
        IG_TRY(igi_onnx_count_work(b, g->n_node));
        for (size_t k = 0; k < g->n_input; k++)
            IG_TRY(igi_map_put(own, pb_str(g->input[k]->name), 1));
        for (size_t k = 0; k < g->n_initializer; k++)
            IG_TRY(igi_map_put(own, pb_str(g->initializer[k]->name), 1));
        for (size_t k = 0; k < g->n_sparse_initializer; k++)
            if (g->sparse_initializer[k]->values)
                IG_TRY(igi_map_put(own, pb_str(g->sparse_initializer[k]->values->name),
                                   1));
        for (size_t k = 0; k < g->n_node; k++) {
            for (size_t j = 0; j < g->node[k]->n_output; j++)
                IG_TRY(igi_map_put(own, g->node[k]->output[j], 1));
            IG_TRY(add_bodies(g->node[k], list));
        }
    }
    return IG_OK;
}

/* `name` is read by a body of node i: its producer must stand before, once is enough.
 */
static ig_status
note_read(sorter *s, igi_onnx_build *b, uint32_t i, igi_map *own, const char *name)
{
    uint32_t producer = igi_map_get(&s->producers, name);
    if (!producer || producer == i + 1 || igi_map_get(own, name))
        return IG_OK;
    IG_TRY(igi_map_put(own, name, 1));
    if (!s->named && !(s->named = igi_calloc(s->f->n, sizeof(*s->named))))
        return IG_OUT_OF_MEMORY;
    igi_onnx_names *list = &s->named[i];
    if (!(list->n & (list->n + 1))) { /* full: room doubles */
        const char **more =
            igi_arena_array(&b->arena, 2 * list->n + 1, sizeof(*list->v));
        if (!more)
            return IG_OUT_OF_MEMORY;
        if (list->n)
            memcpy(more, list->v, list->n * sizeof(*more));
        list->v = more;
    }
    list->v[list->n++] = name;
    return IG_OK;
}

static ig_status note_bodies(sorter *s, igi_onnx_build *b, uint32_t i)
{
    graphs list = {0};
    igi_map own = {0};
    ig_status rc;
    if (igi_onnx_is_gradient(s->f->nodes[i])) /* has no bodies */
        return IG_OK;
    IG_GO(walk_bodies(b, s->f->nodes[i], &list, &own));
    for (size_t k = 0; k < list.n; k++) {
        const pb_graph *g = list.p[k];
        for (size_t j = 0; j < g->n_output; j++)
            IG_GO(note_read(s, b, i, &own, pb_str(g->output[j]->name)));
        for (size_t j = 0; j < g->n_node; j++)
            for (size_t in = 0; in < g->node[j]->n_input; in++)
                IG_GO(note_read(s, b, i, &own, g->node[j]->input[in]));
    }
    rc = IG_OK;
out:
    IGI_VEC_FREE(&list);
    igi_map_fini(&own);
    return rc;
}

static ig_status note_outputs(sorter *s, uint32_t i)
{
    const pb_node *node = s->f->nodes[i];
    for (size_t k = 0; k < node->n_output; k++) {
        const char *name = node->output[k];
        if (!*name)
            continue;
        if (igi_map_get(&s->producers, name) || igi_map_get(&s->f->names, name))
            return ig_fail(IG_INVALID_GRAPH,
                           "node '%s' (%s, byte %" PRIu64
                           "): its output '%s' is defined "
                           "already",
                           pb_str(node->name), pb_str(node->op_type), node->at, name);
        IG_TRY(igi_map_put(&s->producers, name, i + 1));
    }
    return IG_OK;
}

/* The next producer that is not placed yet, as index + 1; 0 when all are. */
static uint32_t next_producer(const sorter *s, uint32_t node, size_t *input)
{
    const pb_node *n = s->f->nodes[node];
    const igi_onnx_names *named = s->named ? &s->named[node] : NULL;
    while (*input < n->n_input + (named ? named->n : 0)) {
        size_t i = (*input)++;
        uint32_t p = igi_map_get(
            &s->producers, i < n->n_input ? n->input[i] : named->v[i - n->n_input]);
        if (p && s->state[p - 1] != 2)
            return p;
    }
    return 0;
}

static ig_status place(sorter *s, uint32_t root)
{
    if (s->state[root])
        return IG_OK;
    s->state[root] = 1;
    s->stack[0].node = root;
    s->stack[0].input = 0;
    s->depth = 1;
    while (s->depth) {
        size_t top = s->depth - 1;
        uint32_t node = s->stack[top].node,
                 p = next_producer(s, node, &s->stack[top].input);
        if (p == 0) {
            s->state[node] = 2;
            s->f->order[s->done++] = node;
            s->depth--;
        } else if (s->state[p - 1] == 1) {
            const pb_node *n = s->f->nodes[p - 1];
            return ig_fail(IG_INVALID_GRAPH,
                           "node '%s' (%s, byte %" PRIu64 ") is part of a cycle",
                           pb_str(n->name), pb_str(n->op_type), n->at);
        } else {
            s->state[p - 1] = 1;
            s->stack[s->depth].node = p - 1;
            s->stack[s->depth++].input = 0;
        }
    }
    return IG_OK;
}

ig_status igi_onnx_order(igi_onnx_build *b, igi_onnx_frame *f)
{
    sorter s = {.f = f};
    ig_status rc = IG_OUT_OF_MEMORY;
    f->order = igi_alloc_array(f->n + 1, sizeof(*f->order));
    s.state = igi_calloc(f->n + 1, 1);
    s.stack = igi_alloc_array(f->n + 1, sizeof(*s.stack));
    if (!f->order || !s.state || !s.stack)
        goto out;
    for (size_t i = 0; i < f->n; i++) {
        IG_GO(note_outputs(&s, (uint32_t)i));
        IG_GO(note_named(&s, b, (uint32_t)i));
    }
    for (size_t i = 0; i < f->n; i++)
        IG_GO(note_bodies(&s, b, (uint32_t)i));
    for (size_t i = 0; i < f->n; i++)
        IG_GO(place(&s, (uint32_t)i));
    rc = IG_OK;
out:
    igi_map_fini(&s.producers);
    igi_free(s.named);
    igi_free(s.state);
    igi_free(s.stack);
    return rc;
}
