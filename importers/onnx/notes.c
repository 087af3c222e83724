/* What a file says that no operator reads, as notes of the graph (graph/ir/note.h):
 * documentation, metadata, quantization annotations, devices, training. Nodes of local
 * functions are inlined as often as they are called, so only the main graph's have
 * notes. Sizes are bounded by the scan, which has counted all of it. */
#include "graph/ir/note.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "importers/onnx/build.h"
#include "importers/onnx/types.h"

enum { FIELD_TRAINING = 20, WIRE_LENGTH = 2 };

static ig_status note_text(
    ig_graph *g, igi_notes *list, igi_note_kind kind, const char *key, const char *text)
{
    return *pb_str(text) ? igi_note_add(g, list, kind, key, text, strlen(text)) : IG_OK;
}

static ig_status note_entries(
    ig_graph *g, igi_notes *list, igi_note_kind kind, pb_entry *const *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        IG_TRY(igi_note_add(g, list, kind, pb_str(e[i]->key), pb_str(e[i]->value),
                            strlen(pb_str(e[i]->value))));
    return IG_OK;
}

/* A message without tensors, as the bytes that it had in the file. */
static ig_status note_message(ig_graph *g,
                              igi_notes *list,
                              igi_note_kind kind,
                              const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *bytes = igi_alloc(n);
    if (!bytes)
        return IG_OUT_OF_MEMORY;
    (void)protobuf_c_message_pack(m, bytes);
    ig_status rc = igi_note_add(g, list, kind, NULL, bytes, n);
    igi_free(bytes);
    return rc;
}

ig_status igi_onnx_note_node(igi_onnx_build *b, const pb_node *node, ig_value_id out)
{
    igi_gvalue *v = igi_value_at(b->g, out);
    igi_notes *list =
        v->producer.i ? &igi_node_at(b->g, v->producer)->notes : &v->notes;
    IG_TRY(note_text(b->g, list, IGI_NOTE_DOC, NULL, node->doc_string));
    IG_TRY(note_entries(b->g, list, IGI_NOTE_META, node->metadata_props,
                        node->n_metadata_props));
    for (size_t i = 0; v->producer.i && i < node->n_device_configurations; i++)
        IG_TRY(note_message(b->g, list, IGI_NOTE_DEVICES,
                            &node->device_configurations[i]->base));
    return IG_OK;
}

/* ---- values ---- */

static ig_status
note_values(igi_onnx_build *b, const igi_map *names, pb_value *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t id = igi_map_get(names, pb_str(v[i]->name));
        if (!id)
            continue; /* of a value that nobody makes any more */
        igi_notes *list = &b->g->values.p[id].notes;
        IG_TRY(note_text(b->g, list, IGI_NOTE_DOC, NULL, v[i]->doc_string));
        IG_TRY(note_entries(b->g, list, IGI_NOTE_META, v[i]->metadata_props,
                            v[i]->n_metadata_props));
    }
    return IG_OK;
}

static ig_status note_tensors(igi_onnx_build *b, const igi_map *names)
{
    const pb_graph *p = b->model->graph;
    for (size_t i = 0; i < p->n_initializer; i++) {
        const pb_tensor *t = p->initializer[i];
        uint32_t id = igi_map_get(names, pb_str(t->name));
        if (!b->g->values.p[id].constant)
            continue; /* the caller feeds it */
        igi_notes *list = &b->g->values.p[id].notes;
        IG_TRY(note_text(b->g, list, IGI_NOTE_TENSOR_DOC, NULL, t->doc_string));
        IG_TRY(note_entries(b->g, list, IGI_NOTE_TENSOR_META, t->metadata_props,
                            t->n_metadata_props));
    }
    return IG_OK;
}

static ig_status note_quantization(igi_onnx_build *b, const igi_map *names)
{
    const pb_graph *p = b->model->graph;
    for (size_t i = 0; i < p->n_quantization_annotation; i++) {
        const IgiOnnx__TensorAnnotation *a = p->quantization_annotation[i];
        uint32_t id = igi_map_get(names, pb_str(a->tensor_name));
        if (id)
            IG_TRY(note_entries(b->g, &b->g->values.p[id].notes, IGI_NOTE_QUANTIZATION,
                                a->quant_parameter_tensor_names,
                                a->n_quant_parameter_tensor_names));
        else
            igi_onnx_warn(b, "the quantization annotation of '%s' names no value",
                          pb_str(a->tensor_name));
    }
    return IG_OK;
}

ig_status igi_onnx_note_values(igi_onnx_build *b, const igi_map *names)
{
    const pb_graph *p = b->model->graph;
    IG_TRY(note_values(b, names, p->input, p->n_input));
    IG_TRY(note_values(b, names, p->output, p->n_output));
    IG_TRY(note_values(b, names, p->value_info, p->n_value_info));
    IG_TRY(note_tensors(b, names));
    return note_quantization(b, names);
}

/* ---- declared types ---- */

ig_status igi_onnx_list_declared(igi_onnx_build *b)
{
    const pb_graph *p = b->model->graph;
    for (size_t i = 0; i < p->n_value_info; i++) {
        const char *name = pb_str(p->value_info[i]->name);
        if (*name && !igi_map_get(&b->declared, name))
            IG_TRY(igi_map_put(&b->declared, name, (uint32_t)i + 1));
    }
    return IG_OK;
}

ig_status igi_onnx_declare(igi_onnx_build *b, const pb_value *p, ig_value_id v)
{
    ig_type *want;
    bool agree;
    if (!p->type)
        return IG_OK;
    IG_TRY(igi_onnx_type(b, p->type, &want));
    IG_TRY(igi_graph_declare(b->g, v, want, &agree));
    if (!agree)
        igi_onnx_warn(
            b, "value '%s': the declared shape is not the one that the graph makes",
            pb_str(p->name));
    return IG_OK;
}

ig_status igi_onnx_declare_named(igi_onnx_build *b, const char *name, ig_value_id v)
{
    uint32_t at = igi_map_get(&b->declared, name);
    if (!at)
        return IG_OK;
    igi_value_at(b->g, v)->declared = true;
    if (igi_onnx_declare(b, b->model->graph->value_info[at - 1], v) != IG_OK)
        return ig_fail_context("value_info '%s'", name);
    return IG_OK;
}

/* ---- the model ---- */

/* The bytes of each training_info as they are: its tensors are not unpacked. The scan
 * has checked all lengths. */
static ig_status note_training(igi_onnx_build *b)
{
    const igi_onnx_scan *s = b->data.scan;
    uint64_t tag, n;
    bool whole = b->model->n_training_info && !b->n_ends; /* not one of its steps */
    for (size_t at = 0; whole && at < s->size;) {
        if (!igi_onnx_varint(s->bytes, s->size, &at, &tag))
            return IG_BUG("a scanned file has a damaged tag");
        bool length = (tag & 7) == WIRE_LENGTH;
        n = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : 0;
        if ((tag & 7) == 0 || length) {
            uint64_t v;
            if (!igi_onnx_varint(s->bytes, s->size, &at, &v))
                return IG_BUG("a scanned file has a damaged number");
            n = length ? v : 0;
        }
        if (n > s->size - at)
            return IG_BUG("a scanned file has a damaged length");
        if (tag == (FIELD_TRAINING << 3 | WIRE_LENGTH)) {
            IG_TRY(igi_onnx_charge(&b->data, n));
            IG_TRY(igi_note_add(b->g, &b->g->own_notes, IGI_NOTE_TRAINING, NULL,
                                s->bytes + at, (size_t)n));
        }
        at += (size_t)n;
    }
    return IG_OK;
}

/* Functions are inlined; what is said about them becomes metadata of the model:
 * "function:domain::name:key". */
static ig_status note_function(igi_onnx_build *b, const pb_function *f)
{
    char key[512];
    const char *domain = igi_onnx_domain(f->domain);
    for (size_t i = 0; i <= f->n_metadata_props; i++) {
        const char *what = i ? pb_str(f->metadata_props[i - 1]->key) : "doc_string";
        const char *text = pb_str(i ? f->metadata_props[i - 1]->value : f->doc_string);
        int n = snprintf(key, sizeof(key), "function:%s::%s%s%s:%s", domain,
                         pb_str(f->name), *pb_str(f->overload) ? ":" : "",
                         pb_str(f->overload), what);
        if (n < 0 || (size_t)n >= sizeof(key)) {
            igi_onnx_warn(b,
                          "metadata of function '%s' is dropped: its key is too long",
                          pb_str(f->name));
            continue;
        }
        if (*text)
            IG_TRY(igi_graph_add_meta(b->g, key, text));
    }
    return IG_OK;
}

ig_status igi_onnx_note_model(igi_onnx_build *b)
{
    const pb_model *m = b->model;
    ig_graph *g = b->g;
    char number[32];
    igi_notes *list = &g->own_notes;
    IG_TRY(note_text(g, list, IGI_NOTE_DOC, NULL, m->graph->doc_string));
    IG_TRY(note_entries(g, list, IGI_NOTE_META, m->graph->metadata_props,
                        m->graph->n_metadata_props));
    IG_TRY(note_text(g, list, IGI_NOTE_MODEL, "domain", m->domain));
    (void)snprintf(number, sizeof(number), "%" PRId64, m->model_version);
    if (m->has_model_version && m->model_version)
        IG_TRY(note_text(g, list, IGI_NOTE_MODEL, "model_version", number));
    for (size_t i = 0; i < m->n_configuration; i++)
        IG_TRY(
            note_message(g, list, IGI_NOTE_CONFIGURATION, &m->configuration[i]->base));
    for (size_t i = 0; i < m->n_functions; i++)
        IG_TRY(note_function(b, m->functions[i]));
    return note_training(b);
}
