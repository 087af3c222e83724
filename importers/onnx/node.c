/* One node becomes operators: attributes are checked against their type, upgraded, set
 * by the operator's own table, and the operator is made in the graph. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/utf8.h"
#include "importers/onnx/types.h"
#include "importers/onnx/upgrade.h"

/* Which value fields are set, as a mask of IG_BIT(PB_ATTR_*). */
static uint64_t fields_set(const pb_attribute *a)
{
    const struct {
        int kind;
        bool set;
    } fields[] = {
        {PB_ATTR_FLOAT, a->has_f},
        {PB_ATTR_INT, a->has_i},
        {PB_ATTR_STRING, a->has_s},
        {PB_ATTR_TENSOR, a->t != NULL},
        {PB_ATTR_GRAPH, a->g != NULL},
        {PB_ATTR_FLOATS, a->n_floats > 0},
        {PB_ATTR_INTS, a->n_ints > 0},
        {PB_ATTR_STRINGS, a->n_strings > 0},
        {PB_ATTR_TENSORS, a->n_tensors > 0},
        {PB_ATTR_GRAPHS, a->n_graphs > 0},
        {PB_ATTR_SPARSE_TENSOR, a->sparse_tensor != NULL},
        {PB_ATTR_SPARSE_TENSORS, a->n_sparse_tensors > 0},
        {PB_ATTR_TYPE_PROTO, a->tp != NULL},
        {PB_ATTR_TYPE_PROTOS, a->n_type_protos > 0},
    };
    uint64_t mask = 0;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        if (fields[i].set)
            mask |= IG_BIT(fields[i].kind);
    return mask;
}

ig_status igi_onnx_attr_kind(const pb_attribute *a, int *kind)
{
    uint64_t set = fields_set(a);
    int type = a->has_type ? a->type : PB_ATTR_UNDEFINED;
    if (type < 0 || type > PB_ATTR_TYPE_PROTOS)
        return ig_fail(IG_INVALID_GRAPH,
                       "attribute %s has type %d, allowed are 1 to %d", pb_str(a->name),
                       type, PB_ATTR_TYPE_PROTOS);
    if (type == PB_ATTR_UNDEFINED) {
        if (!set || set & (set - 1))
            return ig_fail(IG_INVALID_GRAPH, "attribute %s has no type and %s",
                           pb_str(a->name), set ? "several values" : "no value");
        *kind = __builtin_ctzll(set);
        return IG_OK;
    }
    if (set & ~IG_BIT(type))
        return ig_fail(IG_INVALID_GRAPH,
                       "attribute %s has type %d but a value of type %d",
                       pb_str(a->name), type, __builtin_ctzll(set & ~IG_BIT(type)));
    bool object = type == PB_ATTR_TENSOR || type == PB_ATTR_GRAPH ||
                  type == PB_ATTR_SPARSE_TENSOR || type == PB_ATTR_TYPE_PROTO;
    if (object && !set)
        return ig_fail(IG_INVALID_GRAPH, "attribute %s has type %d but no value",
                       pb_str(a->name), type);
    *kind = type;
    return IG_OK;
}

/* ---- setting attributes
 * ----------------------------------------------------------------- */

static ig_status text_of(igi_arena *arena,
                         const char *name,
                         const ProtobufCBinaryData *b,
                         const char **out)
{
    *out = NULL;
    if (!igi_utf8_ok((const char *)b->data, b->len, false))
        return ig_fail(IG_INVALID_GRAPH,
                       "attribute %s is not text (UTF-8 without zeros)", name);
    *out = igi_arena_strndup(arena, b->len ? (const char *)b->data : "", b->len);
    return *out ? IG_OK : IG_OUT_OF_MEMORY;
}

static ig_status set_strings(igi_onnx_node *n, void *attrs, const igi_onnx_attr *a)
{
    igi_arena *arena = &n->b->scratch;
    const char **v = igi_arena_array(arena, a->a->n_strings + 1, sizeof(*v));
    if (!v)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < a->a->n_strings; i++)
        IG_TRY(text_of(arena, a->name, &a->a->strings[i], &v[i]));
    return igi_attrs_set_strings(arena, n->op->def, attrs, a->name, v,
                                 (int64_t)a->a->n_strings);
}

static ig_status set_tensor(igi_onnx_node *n, void *attrs, const igi_onnx_attr *a)
{
    ig_tensor *t;
    IG_TRY(igi_onnx_tensor(&n->b->data, a->a->t, &t));
    ig_status rc = igi_tensor_settle(t); /* operators read attributes as they lie */
    if (rc == IG_OK)
        rc = igi_attrs_set_tensor(n->op->def, attrs, a->name, ig_tensor_share(t));
    ig_tensor_unref(t);
    return rc;
}

static ig_status set_attr(igi_onnx_node *n, void *attrs, const igi_onnx_attr *at)
{
    const ig_op_def *def = n->op->def;
    const pb_attribute *a = at->a;
    igi_arena *arena = &n->b->scratch;
    const char *s;
    int kind;
    IG_TRY(igi_onnx_attr_kind(a, &kind));
    switch (kind) {
    case PB_ATTR_INT:
        return igi_attrs_set_int(def, attrs, at->name, a->i);
    case PB_ATTR_FLOAT:
        return igi_attrs_set_float(def, attrs, at->name, a->f);
    case PB_ATTR_STRING:
        IG_TRY(text_of(arena, at->name, &a->s, &s));
        return igi_attrs_set_string(arena, def, attrs, at->name, s);
    case PB_ATTR_INTS:
        return igi_attrs_set_ints(arena, def, attrs, at->name, a->ints,
                                  (int64_t)a->n_ints);
    case PB_ATTR_FLOATS:
        return igi_attrs_set_floats(arena, def, attrs, at->name, a->floats,
                                    (int64_t)a->n_floats);
    case PB_ATTR_STRINGS:
        return set_strings(n, attrs, at);
    case PB_ATTR_TENSOR:
        return set_tensor(n, attrs, at);
    case PB_ATTR_TYPE_PROTO: {
        ig_type *type;
        IG_TRY(igi_onnx_type(n->b, a->tp, &type));
        return igi_attrs_set_type(arena, def, attrs, at->name, type);
    }
    case PB_ATTR_GRAPH:
        return igi_attrs_set_graph(def, attrs, at->name, at->body);
    default:
        return ig_fail(IG_UNSUPPORTED, "attribute %s of type %d is not supported",
                       at->name, kind);
    }
}

static ig_status check_required(const igi_onnx_node *n)
{
    for (const ig_attr_def *row = n->op->def->attrs; row && row->name; row++) {
        bool given = !(row->flags & IG_REQUIRED);
        for (size_t i = 0; i < n->n_attrs && !given; i++)
            given = !n->attrs[i].used && strcmp(n->attrs[i].name, row->name) == 0;
        if (!given)
            return ig_fail(IG_INVALID_GRAPH, "attribute %s is required", row->name);
    }
    return IG_OK;
}

static ig_status fill_attrs(igi_onnx_node *n, void *attrs)
{
    for (size_t i = 0; i < n->n_attrs; i++) {
        if (!n->attrs[i].used)
            IG_TRY(set_attr(n, attrs, &n->attrs[i]));
        n->attrs[i].used = true;
    }
    return IG_OK;
}

ig_status igi_up_finish(igi_onnx_node *n)
{
    const ig_op_def *def = n->op->def;
    void *attrs = NULL;
    IG_TRY(check_required(n));
    if (def->attrs_size) {
        attrs = igi_arena_alloc(&n->b->scratch, def->attrs_size);
        if (!attrs)
            return IG_OUT_OF_MEMORY;
        igi_attrs_init(def, attrs);
    }
    ig_status rc = fill_attrs(n, attrs);
    if (rc == IG_OK) {
        while (n->n_in > 0 && n->in[n->n_in - 1].i == 0)
            n->n_in--; /* trailing empty names say nothing */
        if (n->n_in + n->n_captures > IG_PORTS_MAX)
            rc = ig_fail(IG_LIMIT, "%d inputs and %d values read by its bodies",
                         n->n_in, n->n_captures);
    }
    if (rc == IG_OK) {
        memcpy(n->in + n->n_in, n->captures,
               (size_t)n->n_captures * sizeof(*n->captures));
        n->n_in += n->n_captures;
        ig_call call = {.op = def,
                        .attrs = attrs,
                        .name = n->name,
                        .wanted = n->n_out <= 64 ? n->wanted : 0,
                        .n_in = n->n_in,
                        .n_captures = n->n_captures,
                        .n_out = n->n_out};
        if (n->n_out < 64)
            call.wanted &= IG_BIT(n->n_out) - 1;
        rc = ig_graph_make(n->b->g, &call, n->in, n->out);
    }
    igi_attrs_release(def, attrs);
    n->done = rc == IG_OK;
    return rc;
}

ig_status igi_onnx_emit(igi_onnx_node *n)
{
    if (n->upgrade && n->upgrade->run)
        IG_TRY(n->upgrade->run(n));
    if (!n->done)
        return igi_up_finish(n);
    for (size_t i = 0; i < n->n_attrs; i++)
        if (!n->attrs[i].used)
            return ig_fail(IG_INVALID_GRAPH, "there is no attribute %s",
                           n->attrs[i].name);
    return IG_OK;
}

/* ---- Constant
 * ----------------------------------------------------------------------------- */

static ig_status strings_tensor(const pb_attribute *a, int kind, ig_tensor **out)
{
    const ProtobufCBinaryData *v = kind == PB_ATTR_STRING ? &a->s : a->strings;
    int64_t n = kind == PB_ATTR_STRING ? 1 : (int64_t)a->n_strings;
    ig_tensor *t;
    IG_TRY(ig_tensor_new(&t, IG_STRING, kind == PB_ATTR_STRING ? 0 : 1, &n));
    igi_str **dst = (igi_str **)(void *)t->data;
    for (int64_t i = 0; i < n; i++) {
        bool ok = igi_utf8_ok((const char *)v[i].data, v[i].len, false);
        if (ok && v[i].len &&
            !(dst[i] = igi_str_new((const char *)v[i].data, v[i].len))) {
            ig_tensor_unref(t);
            return IG_OUT_OF_MEMORY;
        }
        if (!ok) {
            ig_tensor_unref(t);
            return ig_fail(IG_INVALID_GRAPH, "string %" PRId64 " is not text", i);
        }
    }
    *out = t;
    return IG_OK;
}

ig_status igi_onnx_constant(igi_onnx_node *n, ig_tensor **out)
{
    static const struct {
        const char *name;
        int kind;
    } forms[] = {
        {"value", PB_ATTR_TENSOR},        {"sparse_value", PB_ATTR_SPARSE_TENSOR},
        {"value_float", PB_ATTR_FLOAT},   {"value_floats", PB_ATTR_FLOATS},
        {"value_int", PB_ATTR_INT},       {"value_ints", PB_ATTR_INTS},
        {"value_string", PB_ATTR_STRING}, {"value_strings", PB_ATTR_STRINGS}};
    int kind = 0, want = 0;
    if (n->n_attrs != 1 || n->n_in != 0)
        return ig_fail(IG_INVALID_GRAPH,
                       "%zu attributes and %d inputs, expected 1 and 0", n->n_attrs,
                       n->n_in);
    const pb_attribute *a = n->attrs[0].a;
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        if (strcmp(n->attrs[0].name, forms[i].name) == 0)
            want = forms[i].kind;
    if (!want)
        return ig_fail(IG_INVALID_GRAPH, "there is no attribute %s", n->attrs[0].name);
    IG_TRY(igi_onnx_attr_kind(a, &kind));
    if (kind != want)
        return ig_fail(IG_INVALID_GRAPH, "attribute %s has type %d, expected %d",
                       n->attrs[0].name, kind, want);
    int64_t n_floats = (int64_t)a->n_floats, n_ints = (int64_t)a->n_ints;
    switch (kind) {
    case PB_ATTR_TENSOR:
        return igi_onnx_tensor(&n->b->data, a->t, out);
    case PB_ATTR_SPARSE_TENSOR:
        return igi_onnx_sparse(&n->b->data, a->sparse_tensor, out);
    case PB_ATTR_FLOAT:
        return ig_tensor_new_copy(out, IG_FLOAT32, 0, NULL, &a->f, sizeof(a->f));
    case PB_ATTR_INT:
        return ig_tensor_new_copy(out, IG_INT64, 0, NULL, &a->i, sizeof(a->i));
    case PB_ATTR_FLOATS:
        return ig_tensor_new_copy(out, IG_FLOAT32, 1, &n_floats, a->floats,
                                  a->n_floats * 4);
    case PB_ATTR_INTS:
        return ig_tensor_new_copy(out, IG_INT64, 1, &n_ints, a->ints, a->n_ints * 8);
    default:
        return strings_tensor(a, kind, out);
    }
}
