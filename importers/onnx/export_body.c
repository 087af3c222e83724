/* Bodies as graph attributes. Their names differ from all names around them; captures
 * are no inputs in the file: the body's nodes read the outer value by its name. */
#include <string.h>

#include "graph/ir/body.h"
#include "importers/onnx/export.h"

/* Names of captures are those outside. `outer`: of values of the graph of o->node. */
static ig_status name_inputs(igi_onnx_out *o, const char *const *outer)
{
    const ig_graph *g = o->g;
    const igi_node *n = o->node;
    size_t formal = g->inputs.n - o->n_captures;
    for (size_t i = 0; i < g->inputs.n; i++) {
        ig_value_id v = g->inputs.p[i];
        if (i >= formal) {
            o->names[v.i] = outer[n->in[(size_t)n->n_in - g->inputs.n + i].i];
            continue;
        }
        const char *name = igi_onnx_out_unused(o, igi_value_at(g, v)->name);
        IG_TRY(name ? igi_onnx_out_claim(o, v, name) : IG_OUT_OF_MEMORY);
    }
    return IG_OK;
}

static ig_status name_values(igi_onnx_out *o)
{
    const ig_graph *g = o->g;
    for (uint32_t i = 1; i < g->values.n; i++) {
        const igi_gvalue *v = &g->values.p[i];
        if (!v->live || o->names[i])
            continue;
        const char *name = igi_onnx_out_unused(o, v->name);
        IG_TRY(name ? igi_onnx_out_claim(o, (ig_value_id){i}, name) : IG_OUT_OF_MEMORY);
    }
    return IG_OK;
}

/* An output takes the name of its value, unless that is not made here or is another
 * output already: then an Identity makes it. */
static ig_status name_outputs(igi_onnx_out *o)
{
    const ig_graph *g = o->g;
    const char **outs = igi_arena_array(&o->arena, g->outputs.n + 1, sizeof(*outs));
    if (!outs)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < g->outputs.n; i++) {
        ig_value_id v = g->outputs.p[i];
        bool own = igi_value_at(g, v)->producer.i;
        for (size_t k = 0; own && k < i; k++)
            own = g->outputs.p[k].i != v.i;
        outs[i] = own ? o->names[v.i] : igi_onnx_out_name(o, g->output_names.p[i]);
        if (!outs[i])
            return IG_OUT_OF_MEMORY;
    }
    o->outs = outs;
    return IG_OK;
}

static ig_status put_graph(igi_onnx_out *o, const char *const *outer)
{
    o->names = igi_arena_array(&o->arena, o->g->values.n, sizeof(*o->names));
    o->graph = igi_arena_alloc(&o->arena, sizeof(*o->graph));
    if (!o->names || !o->graph)
        return IG_OUT_OF_MEMORY;
    igi_onnx__graph__init(o->graph);
    o->graph->name = (char *)(uintptr_t)o->g->name;
    IG_TRY(name_inputs(o, outer));
    IG_TRY(name_values(o));
    IG_TRY(name_outputs(o));
    return igi_onnx_out_graph(o);
}

ig_status igi_onnx_out_body(igi_onnx_out *o, const ig_graph *body, pb_graph **out)
{
    igi_onnx_out around = *o;
    o->g = body;
    o->n_captures = (size_t)o->node->n_captures;
    memset(&o->nodes, 0, sizeof(o->nodes));
    ig_status rc = put_graph(o, around.names);
    IGI_VEC_FREE(&o->nodes);
    *out = o->graph;
    o->g = around.g;
    o->node = around.node;
    o->names = around.names;
    o->outs = around.outs;
    o->n_captures = around.n_captures;
    o->graph = around.graph;
    o->nodes.p = around.nodes.p;
    o->nodes.n = around.nodes.n;
    o->nodes.cap = around.nodes.cap;
    return rc;
}
