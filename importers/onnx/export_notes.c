/* Notes of the graph (graph/ir/note.h) as the fields of the file that they came from.
 * Messages that are kept as bytes are written as they are, through protobuf-c's list of
 * unknown fields. */
#include "graph/ir/note.h"

#include <stdlib.h>
#include <string.h>

#include "importers/onnx/export.h"

enum {
    NODE_DEVICES = 10,
    MODEL_TRAINING = 20,
    MODEL_CONFIGURATION = 26,
    LENGTH_BYTES = 10
};

static char *text(const char *s)
{
    return (char *)(uintptr_t)s; /* messages borrow; nobody writes */
}

static size_t count(const igi_onnx_out *o, const igi_notes *list, int kind)
{
    size_t n = 0;
    for (uint32_t i = list->first; i; i = igi_note_at(o->g, i)->next)
        n += igi_note_at(o->g, i)->kind == kind;
    return n;
}

static char *doc_of(const igi_onnx_out *o, const igi_notes *list, int kind)
{
    for (uint32_t i = list->first; i; i = igi_note_at(o->g, i)->next)
        if (igi_note_at(o->g, i)->kind == kind)
            return text(igi_note_at(o->g, i)->value);
    return NULL;
}

static ig_status
entries(igi_onnx_out *o, const igi_notes *list, int kind, pb_entry ***out, size_t *n)
{
    size_t most = count(o, list, kind);
    *n = 0;
    if (!most)
        return IG_OK;
    *out = igi_arena_array(&o->arena, most, sizeof(**out));
    pb_entry *e = igi_arena_array(&o->arena, most, sizeof(*e));
    if (!*out || !e)
        return IG_OUT_OF_MEMORY;
    for (uint32_t i = list->first; i; i = igi_note_at(o->g, i)->next) {
        const igi_note *note = igi_note_at(o->g, i);
        if (note->kind != kind)
            continue;
        igi_onnx__string_string_entry__init(&e[*n]);
        e[*n].key = text(note->key);
        e[*n].value = text(note->value);
        (*out)[*n] = &e[*n];
        (*n)++;
    }
    return IG_OK;
}

/* Bytes with their length in front, as fields `tag` of a message. */
static ig_status raw_fields(
    igi_onnx_out *o, const igi_notes *list, int kind, uint32_t tag, ProtobufCMessage *m)
{
    size_t more = count(o, list, kind), n = m->n_unknown_fields;
    if (!more)
        return IG_OK;
    ProtobufCMessageUnknownField *f = igi_arena_array(&o->arena, n + more, sizeof(*f));
    if (!f)
        return IG_OUT_OF_MEMORY;
    if (n)
        memcpy(f, m->unknown_fields, n * sizeof(*f));
    for (uint32_t i = list->first; i; i = igi_note_at(o->g, i)->next) {
        const igi_note *note = igi_note_at(o->g, i);
        if (note->kind != kind)
            continue;
        uint8_t *p = igi_arena_alloc(&o->arena, note->bytes + LENGTH_BYTES);
        size_t at = 0, v = note->bytes;
        if (!p)
            return IG_OUT_OF_MEMORY;
        for (; v > 0x7f; v >>= 7)
            p[at++] = (uint8_t)(v | 0x80);
        p[at++] = (uint8_t)v;
        memcpy(p + at, note->value, note->bytes);
        f[n].tag = tag;
        f[n].wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
        f[n].len = at + note->bytes;
        f[n++].data = p;
    }
    m->unknown_fields = f;
    m->n_unknown_fields = (unsigned)n;
    return IG_OK;
}

ig_status igi_onnx_out_node_notes(igi_onnx_out *o, const igi_notes *list, pb_node *p)
{
    if (!list->first)
        return IG_OK;
    p->doc_string = doc_of(o, list, IGI_NOTE_DOC);
    IG_TRY(entries(o, list, IGI_NOTE_META, &p->metadata_props, &p->n_metadata_props));
    return raw_fields(o, list, IGI_NOTE_DEVICES, NODE_DEVICES, &p->base);
}

ig_status igi_onnx_out_value_notes(igi_onnx_out *o, ig_value_id v, pb_value *p)
{
    const igi_notes *list = &igi_value_at(o->g, v)->notes;
    if (!list->first)
        return IG_OK;
    p->doc_string = doc_of(o, list, IGI_NOTE_DOC);
    return entries(o, list, IGI_NOTE_META, &p->metadata_props, &p->n_metadata_props);
}

ig_status igi_onnx_out_tensor_notes(igi_onnx_out *o, ig_value_id v, pb_tensor *p)
{
    const igi_notes *list = &igi_value_at(o->g, v)->notes;
    if (!list->first)
        return IG_OK;
    p->doc_string = doc_of(o, list, IGI_NOTE_TENSOR_DOC);
    return entries(o, list, IGI_NOTE_TENSOR_META, &p->metadata_props,
                   &p->n_metadata_props);
}

/* Annotations name values as the file does. */
static ig_status quantization(igi_onnx_out *o, const igi_notes *list, const char *name)
{
    pb_graph *g = o->graph;
    IgiOnnx__TensorAnnotation *a = igi_arena_alloc(&o->arena, sizeof(*a));
    if (!a)
        return IG_OUT_OF_MEMORY;
    igi_onnx__tensor_annotation__init(a);
    a->tensor_name = text(name);
    g->quantization_annotation[g->n_quantization_annotation++] = a;
    IG_TRY(entries(o, list, IGI_NOTE_QUANTIZATION, &a->quant_parameter_tensor_names,
                   &a->n_quant_parameter_tensor_names));
    for (size_t i = 0; i < a->n_quant_parameter_tensor_names; i++) {
        pb_entry *e = a->quant_parameter_tensor_names[i];
        ig_value_id named = ig_graph_find(o->g, e->value);
        if (named.i && o->names[named.i]) {
            e->value = text(o->names[named.i]);
            o->kept[named.i] = true;
        }
    }
    return IG_OK;
}

ig_status igi_onnx_out_graph_notes(igi_onnx_out *o)
{
    const ig_graph *g = o->g;
    const igi_notes *list = &g->own_notes;
    pb_model *m = &o->model;
    size_t annotated = 0;
    for (size_t i = 1; i < g->values.n; i++)
        annotated += g->values.p[i].live &&
                     count(o, &g->values.p[i].notes, IGI_NOTE_QUANTIZATION) > 0;
    o->graph->quantization_annotation = igi_arena_array(
        &o->arena, annotated + 1, sizeof(*o->graph->quantization_annotation));
    o->kept = igi_arena_array(&o->arena, g->values.n, sizeof(*o->kept));
    if (!o->graph->quantization_annotation || !o->kept)
        return IG_OUT_OF_MEMORY;
    if (count(o, list, IGI_NOTE_TRAINING)) /* may name any */
        memset(o->kept, true, g->values.n * sizeof(*o->kept));
    for (size_t i = 1; annotated && i < g->values.n; i++)
        if (g->values.p[i].live && o->names[i] &&
            count(o, &g->values.p[i].notes, IGI_NOTE_QUANTIZATION))
            IG_TRY(quantization(o, &g->values.p[i].notes, o->names[i]));
    o->graph->doc_string = doc_of(o, list, IGI_NOTE_DOC);
    if (o->graph->doc_string && m->doc_string &&
        strcmp(m->doc_string, o->graph->doc_string) == 0)
        m->doc_string = NULL; /* there was one alone */
    for (uint32_t i = list->first; i; i = igi_note_at(g, i)->next) {
        const igi_note *n = igi_note_at(g, i);
        if (n->kind == IGI_NOTE_MODEL && strcmp(n->key, "domain") == 0)
            m->domain = text(n->value);
        if (n->kind == IGI_NOTE_MODEL && strcmp(n->key, "model_version") == 0) {
            m->has_model_version = true;
            m->model_version = strtoll(n->value, NULL, 10);
        }
    }
    IG_TRY(entries(o, list, IGI_NOTE_META, &o->graph->metadata_props,
                   &o->graph->n_metadata_props));
    IG_TRY(raw_fields(o, list, IGI_NOTE_TRAINING, MODEL_TRAINING, &m->base));
    return raw_fields(o, list, IGI_NOTE_CONFIGURATION, MODEL_CONFIGURATION, &m->base);
}
