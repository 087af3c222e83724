/* A graph as an ONNX model. Operators are the newest ones, so a node is written as it
 * is; what only Ingot knows is refused by name. Names are those of the graph; a graph
 * output takes the name that callers use, through an Identity when the value cannot be
 * renamed. */
#include "importers/onnx/export.h"
#include "importers/onnx/export_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/text.h"
#include "graph/core/utf8.h"
#include "graph/ir/body.h"
#include "importers/onnx/upgrade.h"

static char *text(const char *s)
{
    return (char *)(uintptr_t)s; /* messages borrow; nobody writes */
}

/* IR version that came with an opset. */
static int64_t ir_of(int64_t opset)
{
    return opset >= 25   ? 13
           : opset == 24 ? 12
           : opset == 23 ? 11
           : opset >= 21 ? 10
           : opset >= 19 ? 9
                         : 8;
}

/* ---- names
 * --------------------------------------------------------------------------------- */

ig_status igi_onnx_out_claim(igi_onnx_out *o, ig_value_id v, const char *name)
{
    o->names[v.i] = name;
    return igi_map_put(&o->taken, name, v.i);
}

/* `stem`, or the first of stem_1, stem_2, ... that is free. `last` remembers which was
 * free per stem, as numbers below stay taken: thousands may have one stem. */
static const char *
unused_in(igi_onnx_out *o, const igi_map *taken, igi_map *last, const char *stem)
{
    char buf[288];
    if (!igi_map_get(taken, stem))
        return stem;
    for (uint32_t k = igi_map_get(last, stem);; k++) {
        if (k == 0)
            continue;
        (void)snprintf(buf, sizeof(buf), "%.*s_%u", (int)igi_utf8_cut(stem, 255), stem,
                       k);
        if (igi_map_get(taken, buf))
            continue;
        return igi_map_put(last, stem, k) == IG_OK ? igi_arena_strdup(&o->arena, buf)
                                                   : NULL;
    }
}

const char *igi_onnx_out_unused(igi_onnx_out *o, const char *stem)
{
    return unused_in(o, &o->taken, &o->last, stem);
}

const char *igi_onnx_out_name(igi_onnx_out *o, const char *stem)
{
    char buf[288];
    do {
        (void)snprintf(buf, sizeof(buf), "%.*s_%u", (int)igi_utf8_cut(stem, 255), stem,
                       ++o->counter);
    } while (igi_map_get(&o->taken, buf));
    const char *own = igi_arena_strdup(&o->arena, buf);
    return own && igi_map_put(&o->taken, own, UINT32_MAX) == IG_OK ? own : NULL;
}

/* Inputs keep their names, outputs take the callers' where they can, others what is
 * left. */
static ig_status assign_names(igi_onnx_out *o)
{
    const ig_graph *g = o->g;
    o->names = igi_arena_array(&o->arena, g->values.n, sizeof(*o->names));
    if (!o->names)
        return IG_OUT_OF_MEMORY;
    o->outs = g->output_names.p;
    for (size_t i = 0; i < g->inputs.n; i++)
        IG_TRY(igi_onnx_out_claim(o, g->inputs.p[i],
                                  igi_value_at(g, g->inputs.p[i])->name));
    for (size_t i = 0; i < g->outputs.n; i++) {
        ig_value_id v = g->outputs.p[i];
        if (!o->names[v.i] && igi_value_at(g, v)->producer.i &&
            !igi_map_get(&o->taken, g->output_names.p[i]))
            IG_TRY(igi_onnx_out_claim(o, v, g->output_names.p[i]));
        else if (!igi_map_get(&o->taken, g->output_names.p[i]))
            IG_TRY(igi_map_put(&o->taken, g->output_names.p[i], UINT32_MAX));
    }
    for (uint32_t i = 1; i < g->values.n; i++) {
        const igi_gvalue *v = &g->values.p[i];
        if (!v->live || o->names[i])
            continue;
        const char *name = igi_onnx_out_unused(o, v->name);
        if (!name)
            return IG_OUT_OF_MEMORY;
        IG_TRY(igi_onnx_out_claim(o, (ig_value_id){i}, name));
    }
    return IG_OK;
}

/* ---- types
 * --------------------------------------------------------------------------------- */

/* The name of a symbolic dim; NULL, an unknown dim, when nothing names it or its
 * formula is too long: two formulas cut short could be equal. A label is for what nodes
 * make, where it is read as one: an input's name says which sizes are equal. */
static ig_status dim_message(igi_onnx_out *o, int64_t d, char **out)
{
    char formula[1024];
    const char *name = igi_symtab_name(o->g->syms, d);
    *out = NULL;
    if (igi_symtab_is_fresh(o->g->syms, d))
        name = o->labels ? igi_symtab_label(o->g->syms, d) : NULL;
    else if (!name)
        name = igi_dim_print(o->g->syms, d, formula, sizeof(formula));
    if (name == formula && strlen(name) + 1 == sizeof(formula))
        return IG_OK;
    if (!name)
        return IG_OK;
    *out = igi_arena_strdup(&o->arena, name);
    return *out ? IG_OK : IG_OUT_OF_MEMORY;
}

static ig_status shape_message(igi_onnx_out *o, const ig_type *t, pb_shape **out)
{
    pb_shape *s = igi_arena_alloc(&o->arena, sizeof(*s));
    size_t rank = (size_t)t->rank;
    if (!s)
        return IG_OUT_OF_MEMORY;
    igi_onnx__tensor_shape__init(s);
    s->n_dim = rank;
    s->dim = igi_arena_array(&o->arena, rank + 1, sizeof(*s->dim));
    pb_dimension *dims = igi_arena_array(&o->arena, rank + 1, sizeof(*dims));
    if (!s->dim || !dims)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < rank; i++) {
        int64_t d = ig_type_dims(t)[i];
        s->dim[i] = &dims[i];
        igi_onnx__tensor_shape__dimension__init(&dims[i]);
        if (d >= 0) {
            dims[i].dim_value = d;
            dims[i].has_dim_value = true;
        } else if (d != -1) {
            IG_TRY(dim_message(o, d, &dims[i].dim_param));
        }
    }
    *out = s;
    return IG_OK;
}

static ig_status tensor_message(igi_onnx_out *o, const ig_type *t, pb_type *p)
{
    IgiOnnx__Type__TensorType *m = igi_arena_alloc(&o->arena, sizeof(*m));
    if (!m)
        return IG_OUT_OF_MEMORY;
    igi_onnx__type__tensor_type__init(m);
    m->has_elem_type = true;
    m->elem_type = t->dtype;
    p->tensor_type = m;
    return t->rank < 0 ? IG_OK : shape_message(o, t, &m->shape);
}

/* Nesting is that of types of the graph: at most a few levels, made by ourselves. */
ig_status igi_onnx_out_type(igi_onnx_out *o, const ig_type *t, pb_type **out)
{
    for (; t; t = t->u.elem) {
        pb_type *p = igi_arena_alloc(&o->arena, sizeof(*p));
        if (!p)
            return IG_OUT_OF_MEMORY;
        igi_onnx__type__init(p);
        *out = p;
        if (t->kind == IG_KIND_TENSOR)
            return tensor_message(o, t, p);
        if (t->kind == IG_KIND_SEQUENCE) {
            p->sequence_type = igi_arena_alloc(&o->arena, sizeof(*p->sequence_type));
            if (!p->sequence_type)
                return IG_OUT_OF_MEMORY;
            igi_onnx__type__sequence__init(p->sequence_type);
            out = &p->sequence_type->elem_type;
        } else if (t->kind == IG_KIND_MAP) {
            p->map_type = igi_arena_alloc(&o->arena, sizeof(*p->map_type));
            if (!p->map_type)
                return IG_OUT_OF_MEMORY;
            igi_onnx__type__map__init(p->map_type);
            p->map_type->has_key_type = true;
            p->map_type->key_type = t->dtype;
            out = &p->map_type->value_type;
        } else if (t->kind == IG_KIND_OPTIONAL) {
            p->optional_type = igi_arena_alloc(&o->arena, sizeof(*p->optional_type));
            if (!p->optional_type)
                return IG_OUT_OF_MEMORY;
            igi_onnx__type__optional__init(p->optional_type);
            out = &p->optional_type->elem_type;
        } else {
            return ig_fail(IG_UNSUPPORTED, "values of kind %d cannot be written",
                           t->kind);
        }
    }
    return ig_fail(IG_INVALID_GRAPH, "a sequence without an element type");
}

static ig_status
value_message(igi_onnx_out *o, const char *name, ig_value_id v, pb_value **out)
{
    pb_value *p = igi_arena_alloc(&o->arena, sizeof(*p));
    if (!p)
        return IG_OUT_OF_MEMORY;
    igi_onnx__value_info__init(p);
    p->name = text(name);
    *out = p;
    IG_TRY(igi_onnx_out_value_notes(o, v, p));
    o->labels = igi_value_at(o->g, v)->producer.i;
    return igi_onnx_out_type(o, &igi_value_at(o->g, v)->type, &p->type);
}

/* Results of nodes whose type the file that was read has stated, or that it has said
 * something about. */
static ig_status put_value_info(igi_onnx_out *o)
{
    const ig_graph *g = o->g;
    pb_graph *p = o->graph;
    for (uint32_t i = 1; i < g->values.n; i++) {
        const igi_gvalue *v = &g->values.p[i];
        bool output = false;
        for (size_t k = 0; k < v->uses.n && !output; k++)
            output = !v->uses.p[k].node.i;
        if (v->live && v->producer.i && !output && (v->declared || v->notes.first))
            IG_TRY(value_message(o, o->names[i], (ig_value_id){i},
                                 &p->value_info[p->n_value_info++]));
    }
    return IG_OK;
}

static ig_status put_values(igi_onnx_out *o)
{
    const ig_graph *g = o->g;
    pb_graph *p = o->graph;
    p->input = igi_arena_array(&o->arena, g->inputs.n + 1, sizeof(*p->input));
    p->output = igi_arena_array(&o->arena, g->outputs.n + 1, sizeof(*p->output));
    p->initializer = igi_arena_array(&o->arena, g->values.n, sizeof(*p->initializer));
    p->value_info = igi_arena_array(&o->arena, g->values.n, sizeof(*p->value_info));
    if (!p->input || !p->output || !p->initializer || !p->value_info)
        return IG_OUT_OF_MEMORY;
    for (; p->n_input < g->inputs.n - o->n_captures; p->n_input++) {
        ig_value_id v = g->inputs.p[p->n_input];
        IG_TRY(value_message(o, o->names[v.i], v, &p->input[p->n_input]));
    }
    for (; p->n_output < g->outputs.n; p->n_output++)
        IG_TRY(value_message(o, o->outs[p->n_output], g->outputs.p[p->n_output],
                             &p->output[p->n_output]));
    for (size_t i = 1; i < g->values.n; i++) {
        const igi_gvalue *v = &g->values.p[i];
        bool kept = p == &o->main && o->kept[i];
        if (!v->live || !v->constant || (!v->uses.n && !kept))
            continue;
        pb_tensor **t = &p->initializer[p->n_initializer++];
        IG_TRY(igi_onnx_out_tensor(o, v->constant, o->names[i], t));
        IG_TRY(igi_onnx_out_tensor_notes(o, (ig_value_id){(uint32_t)i}, *t));
    }
    return put_value_info(o);
}

/* ---- nodes
 * --------------------------------------------------------------------------------- */

pb_node *igi_onnx_out_node(igi_onnx_out *o, const char *type, size_t n_in, size_t n_out)
{
    pb_node *p = igi_arena_alloc(&o->arena, sizeof(*p));
    if (!p)
        return NULL;
    igi_onnx__node__init(p);
    p->op_type = text(type);
    p->n_input = n_in;
    p->n_output = n_out;
    p->input = igi_arena_array(&o->arena, n_in + 1, sizeof(*p->input));
    p->output = igi_arena_array(&o->arena, n_out + 1, sizeof(*p->output));
    return p->input && p->output && IGI_PUSH(&o->nodes, p) ? p : NULL;
}

/* Outputs behind the last used one say nothing, except those that must be there. */
static size_t outputs_of(const ig_graph *g, const igi_node *n)
{
    int count = n->n_out;
    while (count > n->op->min_out && !n->op->variadic_out &&
           (!n->out[count - 1].i || !igi_value_at(g, n->out[count - 1])->uses.n))
        count--;
    return (size_t)count;
}

/* Passes name what they make after what they found, so names of nodes may repeat;
 * onnxruntime wants each once. */
static ig_status name_node(igi_onnx_out *o, const igi_node *n, pb_node *p)
{
    if (!n->name || !*n->name)
        return IG_OK;
    const char *name = unused_in(o, &o->node_names, &o->last_nodes, n->name);
    p->name = text(name);
    return name ? igi_map_put(&o->node_names, name, 1) : IG_OUT_OF_MEMORY;
}

static ig_status put_node(igi_onnx_out *o, ig_node_id id)
{
    const igi_node *n = igi_node_at(o->g, id);
    if (igi_onnx_is_own(n->op->def)) {
        /* its notes go to the last of the nodes that say it */
        IG_TRY(igi_onnx_out_own(o, n));
        return igi_onnx_out_node_notes(o, &n->notes, o->nodes.p[o->nodes.n - 1]);
    }
    pb_node *p = igi_onnx_out_node(
        o, n->op->def->name, (size_t)(n->n_in - n->n_captures), outputs_of(o->g, n));
    if (!p)
        return IG_OUT_OF_MEMORY;
    IG_TRY(name_node(o, n, p));
    p->domain = text(n->op->def->domain ? n->op->def->domain : "");
    for (size_t i = 0; i < p->n_input; i++)
        p->input[i] = text(n->in[i].i ? o->names[n->in[i].i] : "");
    for (size_t i = 0; i < p->n_output; i++)
        p->output[i] = text(n->out[i].i ? o->names[n->out[i].i] : "");
    while (p->n_input && !*p->input[p->n_input - 1])
        p->n_input--;
    IG_TRY(igi_onnx_out_node_notes(o, &n->notes, p));
    o->node = n;
    IG_TRY(igi_onnx_out_attrs(o, n->op->def, n->attrs, p));
    return igi_onnx_out_hidden_size(o, n, p);
}

/* Outputs whose value has another name in the file. */
static ig_status put_aliases(igi_onnx_out *o)
{
    const ig_graph *g = o->g;
    for (size_t i = 0; i < g->outputs.n; i++) {
        const char *name = o->outs[i], *have = o->names[g->outputs.p[i].i];
        if (strcmp(name, have) == 0)
            continue;
        pb_node *p = igi_onnx_out_node(o, "Identity", 1, 1);
        if (!p)
            return IG_OUT_OF_MEMORY;
        p->input[0] = text(have);
        p->output[0] = text(name);
    }
    return IG_OK;
}

static ig_status put_nodes(igi_onnx_out *o)
{
    ig_node_iter it = ig_graph_nodes(o->g);
    ig_node_id n;
    while (ig_node_next(&it, &n))
        if (put_node(o, n) != IG_OK)
            return igi_graph_node_context(o->g, n);
    IG_TRY(put_aliases(o));
    o->graph->node =
        igi_arena_array(&o->arena, o->nodes.n + 1, sizeof(*o->graph->node));
    if (!o->graph->node)
        return IG_OUT_OF_MEMORY;
    if (o->nodes.n)
        memcpy(o->graph->node, o->nodes.p, o->nodes.n * sizeof(*o->nodes.p));
    o->graph->n_node = o->nodes.n;
    return IG_OK;
}

ig_status igi_onnx_out_graph(igi_onnx_out *o)
{
    IG_TRY(put_values(o));
    return put_nodes(o);
}

/* ---- model
 * -----------------------------------------------------------------------------------
 */

static ig_status put_meta(igi_onnx_out *o)
{
    const ig_graph *g = o->g;
    pb_model *m = &o->model;
    m->metadata_props =
        igi_arena_array(&o->arena, g->meta.n + 1, sizeof(*m->metadata_props));
    pb_entry *entries = igi_arena_array(&o->arena, g->meta.n + 1, sizeof(*entries));
    if (!m->metadata_props || !entries)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < g->meta.n; i++) {
        igi_onnx__string_string_entry__init(&entries[i]);
        entries[i].key = text(g->meta.p[i].key);
        entries[i].value = text(g->meta.p[i].value);
        m->metadata_props[m->n_metadata_props++] = &entries[i];
    }
    return IG_OK;
}

ig_status igi_onnx_out_opset(igi_onnx_out *o, const char *domain, int64_t version)
{
    pb_opset *set = igi_arena_alloc(&o->arena, sizeof(*set));
    if (!set)
        return IG_OUT_OF_MEMORY;
    igi_onnx__operator_set_id__init(set);
    set->domain = text(domain);
    set->has_version = true;
    set->version = version;
    o->model.opset_import[o->model.n_opset_import++] = set;
    return IG_OK;
}

static ig_status put_model(igi_onnx_out *o)
{
    pb_model *m = &o->model;
    igi_onnx__model__init(m);
    o->graph = &o->main;
    igi_onnx__graph__init(o->graph);
    m->has_ir_version = true;
    m->ir_version = ir_of(o->opset);
    m->producer_name = text("ingot");
    m->producer_version = text(IG_STRINGIZE(IG_VERSION_MAJOR) "." IG_STRINGIZE(
        IG_VERSION_MINOR) "." IG_STRINGIZE(IG_VERSION_PATCH));
    m->graph = o->graph;
    o->graph->name = text(o->g->name);
    if (o->g->doc && *o->g->doc)
        m->doc_string = text(o->g->doc);
    m->opset_import =
        igi_arena_array(&o->arena, 1 + IGI_ONNX_DOMAINS, sizeof(*m->opset_import));
    if (!m->opset_import)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_onnx_out_opsets(o));
    return put_meta(o);
}

ig_status
igi_onnx_out_begin(igi_onnx_out *o, const ig_graph *g, const ig_save_opts *opts)
{
    *o = (igi_onnx_out){
        .g = g, .opset = opts && opts->opset ? opts->opset : igi_onnx_out_default(g)};
    igi_arena_init(&o->arena);
    if (o->opset < 13 || o->opset > IGI_ONNX_OPSET)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "opset %" PRId64 " cannot be written, 13 to %d can", o->opset,
                       IGI_ONNX_OPSET);
    IG_TRY(igi_onnx_out_check(o));
    IG_TRY(assign_names(o));
    IG_TRY(put_model(o));
    IG_TRY(igi_onnx_out_graph_notes(o));
    return igi_onnx_out_graph(o);
}

void igi_onnx_out_end(igi_onnx_out *o)
{
    for (size_t i = 0; i < o->copies.n; i++)
        ig_tensor_unref(o->copies.p[i]);
    for (size_t i = 0; i < o->blocks.n; i++)
        igi_free(o->blocks.p[i]);
    for (size_t i = 0; i < o->bodies.n; i++)
        ig_graph_free(o->bodies.p[i]);
    IGI_VEC_FREE(&o->bodies);
    IGI_VEC_FREE(&o->copies);
    IGI_VEC_FREE(&o->blocks);
    IGI_VEC_FREE(&o->nodes);
    igi_map_fini(&o->taken);
    igi_map_fini(&o->last);
    igi_map_fini(&o->last_nodes);
    igi_map_fini(&o->node_names);
    igi_arena_fini(&o->arena);
}
