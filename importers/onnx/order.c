/* Nodes in topological order: depth first, with an explicit stack. What a node reads is
 * its inputs, and what attributes of a Gradient name. */
#include <inttypes.h>
#include <string.h>

#include "importers/onnx/gradient.h"

typedef struct sorter {
    igi_onnx_frame *f;
    igi_map producers;     /* value name -> node index + 1 */
    igi_onnx_names *named; /* per node: what attributes name; NULL: nothing does */
    uint8_t *state;        /* 0 new, 1 on the stack, 2 placed */
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
    if (!s->named)
        s->named = igi_calloc(s->f->n, sizeof(*s->named));
    if (!list || !s->named)
        return IG_OUT_OF_MEMORY;
    for (size_t k = 0; k < node->n_attribute; k++)
        if (!*pb_str(node->attribute[k]->ref_attr_name))
            list[n++] = (igi_onnx_attr){.name = pb_str(node->attribute[k]->name),
                                        .a = node->attribute[k]};
    return igi_onnx_gradient_names(&b->arena, list, n, &s->named[i]);
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
        IG_GO(place(&s, (uint32_t)i));
    rc = IG_OK;
out:
    igi_map_fini(&s.producers);
    igi_free(s.named);
    igi_free(s.state);
    igi_free(s.stack);
    return rc;
}
