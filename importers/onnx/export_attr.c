/* Attributes of the operator's table as attributes of the file. */
#include <string.h>

#include "importers/onnx/export_own.h"
#include "importers/onnx/tensor.h"

ig_status igi_onnx_out_tensor(igi_onnx_out *o,
                              const ig_tensor *t,
                              const char *name,
                              pb_tensor **out)
{
    pb_tensor *p = igi_arena_alloc(&o->arena, sizeof(*p));
    ig_tensor *copy = NULL;
    if (!p || !IGI_RESERVE(&o->copies, o->copies.n + 1) ||
        !IGI_RESERVE(&o->blocks, o->blocks.n + 1))
        return IG_OUT_OF_MEMORY;
    ig_status rc = igi_onnx_fill_tensor(t, name, p, &copy);
    if (copy)
        o->copies.p[o->copies.n++] = copy;
    if (p->string_data)
        o->blocks.p[o->blocks.n++] = p->string_data;
    *out = p;
    return rc;
}

static ProtobufCBinaryData bytes_of(const char *s)
{
    return (ProtobufCBinaryData){strlen(s), (uint8_t *)(uintptr_t)s};
}

static ig_status put_strings(igi_onnx_out *o, const ig_strings *l, pb_attribute *a)
{
    a->type = PB_ATTR_STRINGS;
    a->n_strings = (size_t)l->n;
    a->strings = igi_arena_array(&o->arena, a->n_strings + 1, sizeof(*a->strings));
    for (size_t i = 0; a->strings && i < a->n_strings; i++)
        a->strings[i] = bytes_of(l->v[i]);
    return a->strings ? IG_OK : IG_OUT_OF_MEMORY;
}

static void put_number(const ig_attr_def *row, const void *at, pb_attribute *a)
{
    if (row->kind == IG_A_FLOAT) {
        a->type = PB_ATTR_FLOAT;
        a->f = *(const float *)at;
        a->has_f = true;
    } else if (row->kind == IG_A_ENUM) {
        a->type = PB_ATTR_STRING;
        a->s = bytes_of(row->names[*(const int64_t *)at]);
        a->has_s = true;
    } else {
        a->type = PB_ATTR_INT;
        a->i = *(const int64_t *)at;
        a->has_i = true;
    }
}

static void put_list(const ig_attr_def *row, const void *at, pb_attribute *a)
{
    if (row->kind == IG_A_INTS) {
        const ig_ints *l = at;
        a->type = PB_ATTR_INTS;
        a->n_ints = (size_t)l->n;
        a->ints = (int64_t *)(uintptr_t)l->v;
    } else {
        const ig_floats *l = at;
        a->type = PB_ATTR_FLOATS;
        a->n_floats = (size_t)l->n;
        a->floats = (float *)(uintptr_t)l->v;
    }
}

ig_status igi_onnx_out_attr(igi_onnx_out *o,
                            const ig_attr_def *row,
                            const void *at,
                            pb_attribute *a)
{
    igi_onnx__attribute__init(a);
    a->name = (char *)(uintptr_t)row->name;
    a->has_type = true;
    switch (row->kind) {
    case IG_A_STRING:
        a->type = PB_ATTR_STRING;
        a->s = bytes_of(*(const char *const *)at);
        a->has_s = true;
        return IG_OK;
    case IG_A_INTS:
    case IG_A_FLOATS:
        put_list(row, at, a);
        return IG_OK;
    case IG_A_STRINGS:
        return put_strings(o, at, a);
    case IG_A_TENSOR:
        a->type = PB_ATTR_TENSOR;
        return igi_onnx_out_tensor(o, *(ig_tensor *const *)at, NULL, &a->t);
    case IG_A_TYPE:
        a->type = PB_ATTR_TYPE_PROTO;
        return igi_onnx_out_type(o, *(const ig_type *const *)at, &a->tp);
    case IG_A_GRAPH:
        a->type = PB_ATTR_GRAPH;
        return igi_onnx_out_body(o, *(ig_graph *const *)at, &a->g);
    default:
        put_number(row, at, a);
        return IG_OK;
    }
}

bool igi_onnx_attr_is_default(const ig_attr_def *row, const void *at)
{
    switch (row->kind) {
    case IG_A_FLOAT: {
        float d = (float)row->def.f;
        return memcmp(at, &d, sizeof(d)) == 0;
    }
    case IG_A_STRING: {
        const char *s = *(const char *const *)at;
        return !s || (row->def.s && strcmp(s, row->def.s) == 0);
    }
    case IG_A_INTS:
        return ((const ig_ints *)at)->v == NULL;
    case IG_A_FLOATS:
        return ((const ig_floats *)at)->v == NULL;
    case IG_A_STRINGS:
        return ((const ig_strings *)at)->v == NULL;
    case IG_A_TENSOR:
    case IG_A_GRAPH:
    case IG_A_TYPE:
        return *(void *const *)at == NULL;
    default:
        return *(const int64_t *)at == row->def.i;
    }
}

ig_status igi_onnx_out_attrs(igi_onnx_out *o,
                             const ig_op_def *op,
                             const void *attrs,
                             pb_node *node)
{
    size_t rows = 0;
    for (const ig_attr_def *row = op->attrs; row && row->name; row++)
        rows++;
    node->attribute = igi_arena_array(&o->arena, rows + 1, sizeof(*node->attribute));
    if (!node->attribute)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; attrs && i < rows; i++) {
        const ig_attr_def *row = &op->attrs[i];
        const void *at = igi_attr_at(row, attrs);
        bool number = row->kind == IG_A_INT || row->kind == IG_A_FLOAT ||
                      row->kind == IG_A_ENUM || row->kind == IG_A_DTYPE;
        if (igi_onnx_attr_is_default(row, at) && !(number && row->flags & IG_REQUIRED))
            continue;
        pb_attribute *a = igi_arena_alloc(&o->arena, sizeof(*a));
        if (!a)
            return IG_OUT_OF_MEMORY;
        IG_TRY(igi_onnx_out_attr(o, row, at, a));
        node->attribute[node->n_attribute++] = a;
    }
    return IG_OK;
}

ig_status igi_onnx_out_hidden_size(igi_onnx_out *o, const igi_node *n, pb_node *p)
{
    static const char name[] = "hidden_size";
    enum { R = 2 };
    const char *op = n->op->def->name;
    if (strcmp(op, "LSTM") != 0 && strcmp(op, "GRU") != 0 && strcmp(op, "RNN") != 0)
        return IG_OK;
    const ig_type *r = ig_graph_value_type(o->g, n->in[R]);
    for (size_t i = 0; i < p->n_attribute; i++)
        if (strcmp(p->attribute[i]->name, name) == 0)
            return IG_OK;
    if (r->rank != 3 || ig_type_dims(r)[2] < 0)
        return IG_OK;
    igi_own w = {.o = o, .last = p};
    igi_own_set_int(&w, name, ig_type_dims(r)[2]);
    return w.rc;
}
