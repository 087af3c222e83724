/* Test data: TensorProto, SequenceProto, MapProto and OptionalProto to values, tensors
 * to TensorProto. The files do not say what they hold: the type that the graph wants
 * decides. Values nest at most eight deep; the scan has bounded the messages, so the
 * walk may use the call stack. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/utf8.h"
#include "importers/onnx/tensor.h"
#include "importers/onnx/types.h"

enum { /* SequenceProto.DataType and OptionalProto.DataType */
       HOLDS_TENSOR = 1,
       HOLDS_SEQUENCE = 3,
       HOLDS_MAP = 4,
       HOLDS_OPTIONAL = 5
};

typedef struct reader {
    igi_onnx_data data;
    igi_arena arena;
    int level;
} reader;

static ig_status read_sequence(reader *r, const pb_sequence_data *p, ig_value **out);
static ig_status read_optional(reader *r,
                               const pb_optional_data *p,
                               const ig_type *want,
                               ig_value **out);

static ig_status
read_map(reader *r, const pb_map_data *p, const ig_type *want, ig_value **out);

static ig_status read_tensor(reader *r, const pb_tensor *p, ig_value **out)
{
    ig_tensor *t;
    IG_TRY(igi_onnx_tensor(&r->data, p, &t));
    *out = ig_tensor_value(t);
    return IG_OK;
}

static void drop(ig_value **items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ig_value_unref(items[i]);
    igi_free(items);
}

static size_t sequence_length(const pb_sequence_data *p)
{
    return p->elem_type == HOLDS_SEQUENCE   ? p->n_sequence_values
           : p->elem_type == HOLDS_MAP      ? p->n_map_values
           : p->elem_type == HOLDS_OPTIONAL ? p->n_optional_values
                                            : p->n_tensor_values;
}

static ig_status
read_item(reader *r, const pb_sequence_data *p, size_t i, ig_value **out)
{
    if (p->elem_type == HOLDS_SEQUENCE)
        return read_sequence(r, p->sequence_values[i], out);
    if (p->elem_type == HOLDS_MAP)
        return read_map(r, p->map_values[i], NULL, out);
    if (p->elem_type == HOLDS_OPTIONAL)
        return read_optional(r, p->optional_values[i], NULL, out);
    return read_tensor(r, p->tensor_values[i], out);
}

/* The type of a sequence from its items: dims are not told, the element type is. */
static void sequence_type(ig_value *const *items, size_t n, ig_type *elem, ig_type *out)
{
    *elem = (ig_type){.kind = IG_KIND_TENSOR, .rank = -1};
    if (n) {
        elem->kind = items[0]->type.kind;
        elem->dtype = items[0]->type.dtype;
        if (elem->kind != IG_KIND_TENSOR)
            elem->u.elem = items[0]->type.u.elem;
    }
    *out = (ig_type){.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = elem};
}

static ig_status read_sequence(reader *r, const pb_sequence_data *p, ig_value **out)
{
    ig_type elem, type;
    size_t n = sequence_length(p), done = 0;
    if (p->has_elem_type && p->elem_type != 0 && p->elem_type != HOLDS_TENSOR &&
        p->elem_type != HOLDS_SEQUENCE && p->elem_type != HOLDS_MAP &&
        p->elem_type != HOLDS_OPTIONAL)
        return ig_fail(IG_UNSUPPORTED,
                       "sequences with elements of kind %d are not supported",
                       p->elem_type);
    if (++r->level > IGI_ONNX_TYPE_DEPTH)
        return ig_fail(IG_LIMIT, "values nest deeper than %d levels",
                       IGI_ONNX_TYPE_DEPTH);
    ig_value **items = igi_calloc(n + 1, sizeof(*items));
    if (!items)
        return IG_OUT_OF_MEMORY;
    ig_status rc = IG_OK;
    for (; rc == IG_OK && done < n; done++)
        rc = read_item(r, p, done, &items[done]);
    for (size_t i = 1; rc == IG_OK && i < n; i++)
        if (items[i]->type.kind != items[0]->type.kind ||
            items[i]->type.dtype != items[0]->type.dtype)
            rc = ig_fail(IG_INVALID_GRAPH,
                         "elements 0 and %zu of a sequence differ in type", i);
    if (rc == IG_OK) {
        sequence_type(items, n, &elem, &type);
        rc = igi_sequence_new(out, &type, items, (int64_t)n);
    }
    drop(items, n);
    r->level--;
    return rc;
}

/* ---- maps ---- */

static ig_status read_string_keys(const pb_map_data *p, ig_tensor *keys)
{
    igi_str **dst = (igi_str **)(void *)keys->data;
    for (size_t i = 0; i < p->n_string_keys; i++) {
        const ProtobufCBinaryData *s = &p->string_keys[i];
        if (!igi_utf8_ok((const char *)s->data, s->len, false))
            return ig_fail(IG_INVALID_GRAPH, "key %zu of a map is not text", i);
        if (s->len && !(dst[i] = igi_str_new((const char *)s->data, s->len)))
            return IG_OUT_OF_MEMORY;
    }
    return IG_OK;
}

static ig_status read_int_keys(const pb_map_data *p, ig_tensor *keys)
{
    ig_dtype dtype = ig_tensor_dtype(keys);
    for (size_t i = 0; i < p->n_keys; i++) {
        igi_put_i64(dtype, keys->data, (int64_t)i, p->keys[i]);
        if (igi_get_i64(dtype, keys->data, (int64_t)i) != p->keys[i])
            return ig_fail(IG_INVALID_GRAPH, "key %" PRId64 " of a map is no %s",
                           p->keys[i], ig_dtype_name(dtype));
    }
    return IG_OK;
}

static ig_status read_keys(const pb_map_data *p, ig_dtype dtype, ig_tensor **out)
{
    bool strings = dtype == IG_STRING;
    int64_t n = (int64_t)(strings ? p->n_string_keys : p->n_keys);
    if (!igi_is_key_type(dtype))
        return ig_fail(IG_INVALID_GRAPH, "a map has no keys of type %d", (int)dtype);
    if (strings ? p->n_keys : p->n_string_keys)
        return ig_fail(IG_INVALID_GRAPH, "a map has keys of two types");
    IG_TRY(ig_tensor_new(out, dtype, 1, &n));
    return strings ? read_string_keys(p, *out) : read_int_keys(p, *out);
}

/* From keys and the sequence of values. */
static ig_status
make_map(const ig_type *want, ig_tensor *keys, const ig_value *values, ig_value **out)
{
    int64_t n = 0;
    ig_value **items = values ? igi_value_items(values, &n) : NULL;
    const ig_type none = {.kind = IG_KIND_TENSOR, .rank = -1};
    ig_type type = {.kind = IG_KIND_MAP,
                    .dtype = keys->v.type.dtype,
                    .rank = -1,
                    .u.elem = n      ? values->type.u.elem
                              : want ? want->u.elem
                                     : &none};
    if (n != igi_tensor_count(keys))
        return ig_fail(IG_INVALID_GRAPH,
                       "a map has %" PRId64 " keys and %" PRId64 " values",
                       igi_tensor_count(keys), n);
    return igi_dict_new(out, &type, keys, items);
}

static ig_status
read_map(reader *r, const pb_map_data *p, const ig_type *want, ig_value **out)
{
    ig_tensor *keys = NULL;
    ig_value *values = NULL;
    if (++r->level > IGI_ONNX_TYPE_DEPTH)
        return ig_fail(IG_LIMIT, "values nest deeper than %d levels",
                       IGI_ONNX_TYPE_DEPTH);
    ig_status rc = read_keys(p, (ig_dtype)p->key_type, &keys);
    if (rc == IG_OK && p->values)
        rc = read_sequence(r, p->values, &values);
    if (rc == IG_OK)
        rc = make_map(want, keys, values, out);
    ig_value_unref(values);
    ig_tensor_unref(keys);
    r->level--;
    return rc;
}

static ig_status
read_optional(reader *r, const pb_optional_data *p, const ig_type *want, ig_value **out)
{
    ig_value *item = NULL;
    if (++r->level > IGI_ONNX_TYPE_DEPTH)
        return ig_fail(IG_LIMIT, "values nest deeper than %d levels",
                       IGI_ONNX_TYPE_DEPTH);
    if (p->tensor_value)
        IG_TRY(read_tensor(r, p->tensor_value, &item));
    else if (p->sequence_value)
        IG_TRY(read_sequence(r, p->sequence_value, &item));
    else if (p->optional_value)
        IG_TRY(read_optional(r, p->optional_value, NULL, &item));
    else if (p->map_value)
        IG_TRY(read_map(r, p->map_value, NULL, &item));
    else if (p->sparse_tensor_value)
        return ig_fail(IG_UNSUPPORTED, "optionals of sparse tensors are not supported");
    ig_type elem = {.kind = IG_KIND_TENSOR, .rank = -1};
    if (item)
        elem = item->type;
    else if (want && want->u.elem)
        elem = *want->u.elem;
    if (elem.kind == IG_KIND_TENSOR)
        elem = (ig_type){.kind = IG_KIND_TENSOR, .dtype = elem.dtype, .rank = -1};
    ig_type type = {.kind = IG_KIND_OPTIONAL, .rank = -1, .u.elem = &elem};
    ig_status rc = igi_optional_new(out, &type, item);
    ig_value_unref(item);
    r->level--;
    return rc;
}

static const ProtobufCMessageDescriptor *descriptor_of(const ig_type *want)
{
    if (!want || want->kind == IG_KIND_TENSOR)
        return &igi_onnx__tensor__descriptor;
    if (want->kind == IG_KIND_SEQUENCE)
        return &igi_onnx__sequence_data__descriptor;
    if (want->kind == IG_KIND_MAP)
        return &igi_onnx__map_data__descriptor;
    return want->kind == IG_KIND_OPTIONAL ? &igi_onnx__optional_data__descriptor : NULL;
}

ig_status
igi_onnx_read_value(const void *bytes, size_t n, const ig_type *want, ig_value **out)
{
    const ProtobufCMessageDescriptor *root = descriptor_of(want);
    igi_onnx_scan scan = {0};
    ProtobufCMessage *m = NULL;
    reader r = {.data = {.scan = &scan, .src = {.bytes = bytes, .size = n}}};
    ig_status rc;
    *out = NULL;
    if (!root)
        return ig_fail(IG_UNSUPPORTED, "values of kind %d cannot be read", want->kind);
    IG_GO(igi_onnx_scan_run(&scan, root, bytes, n, NULL));
    IG_GO(igi_onnx_unpack(&scan, root, NULL, &m));
    if (root == &igi_onnx__tensor__descriptor)
        rc = read_tensor(&r, (const pb_tensor *)m, out);
    else if (root == &igi_onnx__sequence_data__descriptor)
        rc = read_sequence(&r, (const pb_sequence_data *)m, out);
    else if (root == &igi_onnx__map_data__descriptor)
        rc = read_map(&r, (const pb_map_data *)m, want, out);
    else
        rc = read_optional(&r, (const pb_optional_data *)m, want, out);
out:
    igi_onnx_data_fini(&r.data);
    igi_onnx_scan_fini(&scan);
    return rc;
}

/* ---- writing
 * ------------------------------------------------------------------------------- */

ig_status igi_onnx_fill_tensor(const ig_tensor *t,
                               const char *name,
                               pb_tensor *p,
                               ig_tensor **copy)
{
    igi_onnx__tensor__init(p);
    *copy = NULL;
    IG_TRY(igi_tensor_readable(copy, t));
    t = *copy;
    p->name = (char *)(uintptr_t)name;
    p->has_data_type = true;
    p->data_type = (int32_t)ig_tensor_dtype(t);
    p->n_dims = (size_t)ig_tensor_rank(t);
    p->dims = (int64_t *)(uintptr_t)ig_tensor_dims(t);
    if (ig_tensor_dtype(t) == IG_STRING) {
        size_t n = (size_t)ig_tensor_numel(t);
        p->string_data = igi_calloc(n + 1, sizeof(*p->string_data));
        if (!p->string_data)
            return IG_OUT_OF_MEMORY;
        p->n_string_data = n;
        igi_str *const *src = (igi_str *const *)(const void *)t->data;
        for (size_t i = 0; i < n; i++)
            if (src[i])
                p->string_data[i] =
                    (ProtobufCBinaryData){src[i]->length, (uint8_t *)src[i]->text};
        return IG_OK;
    }
    p->has_raw_data = true;
    p->raw_data = (ProtobufCBinaryData){ig_tensor_nbytes(t),
                                        (uint8_t *)igi_tensor_bytes(t, NULL)};
    return IG_OK;
}

void igi_onnx_drop_tensor(pb_tensor *p, ig_tensor *copy)
{
    igi_free(p->string_data);
    ig_tensor_unref(copy);
}

ig_status
igi_onnx_write_tensor(const ig_tensor *t, const char *name, void **out, size_t *n)
{
    pb_tensor p;
    ig_tensor *copy = NULL;
    *out = NULL;
    *n = 0;
    ig_status rc = igi_onnx_fill_tensor(t, name, &p, &copy);
    if (rc == IG_OK) {
        *n = igi_onnx__tensor__get_packed_size(&p);
        *out = igi_alloc(*n);
        rc = *out ? IG_OK : IG_OUT_OF_MEMORY;
    }
    if (rc == IG_OK)
        (void)igi_onnx__tensor__pack(&p, *out);
    igi_onnx_drop_tensor(&p, copy);
    return rc;
}
