/* The outline of an ONNX file; see outline.h. */
#include "tools/outline.h"

#include <string.h>

#include "graph/core/file.h"
#include "graph/core/map.h"
#include "importers/onnx/scan.h"
#include "tools/json.h"

static void type_json(json_out *j, const pb_type *t)
{
    const IgiOnnx__Type__TensorType *tensor = t ? t->tensor_type : NULL;
    if (!tensor) {
        json_string(j, "type",
                    !t                 ? "unknown"
                    : t->sequence_type ? "sequence"
                    : t->optional_type ? "optional"
                    : t->map_type      ? "map"
                                       : "sparse");
        return;
    }
    json_string(j, "type", ig_dtype_name((ig_dtype)tensor->elem_type));
    if (!tensor->shape) {
        json_raw(j, "shape", "null");
        return;
    }
    json_key(j, "shape");
    json_begin(j, '[');
    for (size_t i = 0; i < tensor->shape->n_dim; i++) {
        const pb_dimension *d = tensor->shape->dim[i];
        if (d->has_dim_value)
            json_int(j, NULL, d->dim_value);
        else
            json_string(j, NULL, d->dim_param && *d->dim_param ? d->dim_param : "?");
    }
    json_end(j, ']');
}

/* Values that are no initialisers. */
static void values_json(
    json_out *j, const char *key, pb_value **v, size_t n, const igi_map *constants)
{
    json_key(j, key);
    json_begin(j, '[');
    for (size_t i = 0; i < n; i++) {
        if (constants && igi_map_get(constants, pb_str(v[i]->name)))
            continue;
        json_begin(j, '{');
        json_string(j, "name", pb_str(v[i]->name));
        type_json(j, v[i]->type);
        json_end(j, '}');
    }
    json_end(j, ']');
}

/* ---- operators, those of subgraphs and functions too ---- */

typedef struct op_row {
    const char *domain, *type;
    int64_t count;
} op_row;

typedef struct node_list {
    pb_node **v;
    size_t n;
} node_list;

typedef struct survey {
    IGI_VEC(op_row) rows;
    IGI_VEC(node_list) lists; /* still to be walked */
} survey;

static ig_status count_node(survey *s, const pb_node *node)
{
    op_row one = {pb_str(node->domain), pb_str(node->op_type), 1};
    for (size_t i = 0; i < s->rows.n; i++)
        if (!strcmp(s->rows.p[i].type, one.type) &&
            !strcmp(s->rows.p[i].domain, one.domain)) {
            s->rows.p[i].count++;
            return IG_OK;
        }
    return IGI_PUSH(&s->rows, one) ? IG_OK : IG_OUT_OF_MEMORY;
}

static ig_status add_list(survey *s, pb_node **v, size_t n)
{
    node_list l = {v, n};
    return IGI_PUSH(&s->lists, l) ? IG_OK : IG_OUT_OF_MEMORY;
}

static ig_status walk_node(survey *s, const pb_node *node)
{
    IG_TRY(count_node(s, node));
    for (size_t i = 0; i < node->n_attribute; i++) {
        const pb_attribute *a = node->attribute[i];
        if (a->g)
            IG_TRY(add_list(s, a->g->node, a->g->n_node));
        for (size_t k = 0; k < a->n_graphs; k++)
            IG_TRY(add_list(s, a->graphs[k]->node, a->graphs[k]->n_node));
    }
    return IG_OK;
}

static ig_status walk(survey *s, const pb_model *m)
{
    IG_TRY(add_list(s, m->graph->node, m->graph->n_node));
    for (size_t i = 0; i < m->n_functions; i++)
        IG_TRY(add_list(s, m->functions[i]->node, m->functions[i]->n_node));
    while (s->lists.n > 0) {
        node_list l = s->lists.p[--s->lists.n];
        for (size_t i = 0; i < l.n; i++)
            IG_TRY(walk_node(s, l.v[i]));
    }
    return IG_OK;
}

static ig_status operators_json(json_out *j, const pb_model *m)
{
    survey s = {0};
    ig_status rc = walk(&s, m);
    json_key(j, "operators");
    json_begin(j, '{');
    for (size_t i = 0; i < s.rows.n; i++) {
        igi_text name = {0};
        char *text = NULL;
        const op_row *r = &s.rows.p[i];
        igi_text_add(&name, "%s%s%s", r->domain, *r->domain ? "::" : "", r->type);
        if (igi_text_take(&name, &text) == IG_OK)
            json_int(j, text, r->count);
        igi_free(text);
    }
    json_end(j, '}');
    IGI_VEC_FREE(&s.rows);
    IGI_VEC_FREE(&s.lists);
    return rc;
}

/* ---- all ---- */

static void opsets_json(json_out *j, const pb_model *m)
{
    int64_t main_opset = 0;
    json_key(j, "opsets");
    json_begin(j, '{');
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const char *domain = pb_str(m->opset_import[i]->domain);
        bool onnx = !*domain || !strcmp(domain, "ai.onnx");
        json_int(j, onnx ? "ai.onnx" : domain, m->opset_import[i]->version);
        main_opset = onnx ? m->opset_import[i]->version : main_opset;
    }
    json_end(j, '}');
    json_int(j, "opset", main_opset);
}

static ig_status model_json(json_out *j, const pb_model *m)
{
    igi_map constants = {0};
    ig_status rc = IG_OK;
    if (!m->graph)
        return ig_fail(IG_INVALID_GRAPH, "the model has no graph");
    for (size_t i = 0; rc == IG_OK && i < m->graph->n_initializer; i++)
        rc = igi_map_put(&constants, pb_str(m->graph->initializer[i]->name), 1);
    json_begin(j, '{');
    json_string(j, "name", pb_str(m->graph->name));
    json_string(j, "producer", pb_str(m->producer_name));
    json_int(j, "ir_version", m->ir_version);
    opsets_json(j, m);
    json_int(j, "constants", (int64_t)m->graph->n_initializer);
    values_json(j, "inputs", m->graph->input, m->graph->n_input, &constants);
    values_json(j, "outputs", m->graph->output, m->graph->n_output, NULL);
    if (rc == IG_OK)
        rc = operators_json(j, m);
    json_end(j, '}');
    igi_map_fini(&constants);
    return rc;
}

ig_status outline_describe(char **json, const char *path, const ig_limits *limits)
{
    igi_file *f = NULL;
    igi_onnx_scan scan = {0};
    ProtobufCMessage *m = NULL;
    json_out j = {0};
    ig_status rc;
    *json = NULL;
    IG_TRY(igi_file_map(&f, path, limits->file_bytes));
    IG_GO(igi_onnx_scan_run(&scan, &igi_onnx__model__descriptor, f->data, f->size,
                            limits));
    IG_GO(igi_onnx_unpack(&scan, &igi_onnx__model__descriptor, limits, &m));
    IG_GO(model_json(&j, (const pb_model *)m));
    rc = igi_text_take(&j.text, json);
out:
    igi_text_fini(&j.text);
    igi_onnx_scan_fini(&scan);
    igi_file_unref(f);
    return rc;
}
