/* What upgrade functions are written with. */
#include "importers/onnx/upgrade.h"

#include <inttypes.h>
#include <string.h>

#include "graph/core/dtype.h"

/* ---- attributes
 * ---------------------------------------------------------------------- */

static igi_onnx_attr *find_attr(const igi_onnx_node *n, const char *name)
{
    for (size_t i = 0; i < n->n_attrs; i++)
        if (!n->attrs[i].used && strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i];
    return NULL;
}

bool igi_up_has(const igi_onnx_node *n, const char *name)
{
    return find_attr(n, name) != NULL;
}

void igi_up_drop(igi_onnx_node *n, const char *name)
{
    igi_onnx_attr *a = find_attr(n, name);
    if (a)
        a->used = true;
}

/* The attribute when it is there and of that kind; *out NULL when absent. */
static ig_status
take(igi_onnx_node *n, const char *name, int kind, const pb_attribute **out)
{
    igi_onnx_attr *a = find_attr(n, name);
    int found;
    *out = NULL;
    if (!a)
        return IG_OK;
    IG_TRY(igi_onnx_attr_kind(a->a, &found));
    if (found != kind)
        return ig_fail(IG_INVALID_GRAPH, "attribute %s has type %d, expected %d", name,
                       found, kind);
    a->used = true;
    *out = a->a;
    return IG_OK;
}

ig_status igi_up_int(igi_onnx_node *n, const char *name, int64_t fallback, int64_t *out)
{
    const pb_attribute *a;
    IG_TRY(take(n, name, PB_ATTR_INT, &a));
    *out = a ? a->i : fallback;
    return IG_OK;
}

ig_status igi_up_float(igi_onnx_node *n, const char *name, float fallback, float *out)
{
    const pb_attribute *a;
    IG_TRY(take(n, name, PB_ATTR_FLOAT, &a));
    *out = a ? a->f : fallback;
    return IG_OK;
}

ig_status igi_up_string(igi_onnx_node *n,
                        const char *name,
                        const char *fallback,
                        const char **out)
{
    const pb_attribute *a;
    IG_TRY(take(n, name, PB_ATTR_STRING, &a));
    *out = fallback;
    if (!a || a->s.len == 0)
        return IG_OK;
    *out = igi_arena_strndup(&n->b->scratch, (const char *)a->s.data, a->s.len);
    return *out ? IG_OK : IG_OUT_OF_MEMORY;
}

ig_status igi_up_ints(igi_onnx_node *n, const char *name, ig_ints *out)
{
    static const int64_t none[1];
    const pb_attribute *a;
    IG_TRY(take(n, name, PB_ATTR_INTS, &a));
    *out = (ig_ints){0};
    if (a)
        *out = (ig_ints){(int64_t)a->n_ints, a->ints ? a->ints : none};
    return IG_OK;
}

ig_status igi_up_floats(igi_onnx_node *n, const char *name, ig_floats *out)
{
    static const float none[1];
    const pb_attribute *a;
    IG_TRY(take(n, name, PB_ATTR_FLOATS, &a));
    *out = (ig_floats){0};
    if (a)
        *out = (ig_floats){(int64_t)a->n_floats, a->floats ? a->floats : none};
    return IG_OK;
}

/* Copies `value` for the node. */
static ig_status add_attr(igi_onnx_node *n, const char *name, const pb_attribute *value)
{
    pb_attribute *a = igi_arena_dup(&n->b->scratch, value, sizeof(*value));
    if (!a)
        return IG_OUT_OF_MEMORY;
    if (n->n_attrs == n->cap_attrs)
        return IG_BUG("no room for an attribute that an upgrade adds");
    n->attrs[n->n_attrs++] = (igi_onnx_attr){.name = name, .a = a};
    return IG_OK;
}

ig_status igi_up_set_int(igi_onnx_node *n, const char *name, int64_t v)
{
    pb_attribute a;
    igi_onnx__attribute__init(&a);
    a.type = PB_ATTR_INT;
    a.has_type = true;
    a.i = v;
    a.has_i = true;
    return add_attr(n, name, &a);
}

ig_status igi_up_set_float(igi_onnx_node *n, const char *name, float v)
{
    pb_attribute a;
    igi_onnx__attribute__init(&a);
    a.type = PB_ATTR_FLOAT;
    a.has_type = true;
    a.f = v;
    a.has_f = true;
    return add_attr(n, name, &a);
}

ig_status igi_up_set_string(igi_onnx_node *n, const char *name, const char *v)
{
    pb_attribute a;
    igi_onnx__attribute__init(&a);
    a.type = PB_ATTR_STRING;
    a.has_type = true;
    a.s.data = (uint8_t *)(uintptr_t)v; /* nobody writes */
    a.s.len = strlen(v);
    a.has_s = true;
    return add_attr(n, name, &a);
}

ig_status igi_up_set_ints(igi_onnx_node *n, const char *name, ig_ints v)
{
    pb_attribute a;
    igi_onnx__attribute__init(&a);
    a.type = PB_ATTR_INTS;
    a.has_type = true;
    a.n_ints = (size_t)v.n;
    a.ints = (int64_t *)(uintptr_t)v.v; /* nobody writes */
    return add_attr(n, name, &a);
}

void igi_up_rename(igi_onnx_node *n, const char *from, const char *to)
{
    igi_onnx_attr *a = find_attr(n, from);
    if (a)
        a->name = to;
}

/* ---- values
 * --------------------------------------------------------------------------- */

static ig_status add_constant(igi_onnx_node *n, ig_tensor *t, ig_value_id *out)
{
    ig_status rc = ig_graph_constant(n->b->g, NULL, t, out);
    ig_tensor_unref(t);
    return rc;
}

ig_status
igi_up_const_ints(igi_onnx_node *n, const int64_t *v, int64_t count, ig_value_id *out)
{
    ig_tensor *t;
    IG_TRY(ig_tensor_new_copy(&t, IG_INT64, 1, &count, v, (size_t)count * sizeof(*v)));
    return add_constant(n, t, out);
}

ig_status
igi_up_const_floats(igi_onnx_node *n, const float *v, int64_t count, ig_value_id *out)
{
    ig_tensor *t;
    IG_TRY(
        ig_tensor_new_copy(&t, IG_FLOAT32, 1, &count, v, (size_t)count * sizeof(*v)));
    return add_constant(n, t, out);
}

ig_status igi_up_const(igi_onnx_node *n, ig_dtype dtype, double v, ig_value_id *out)
{
    ig_tensor *t;
    if (!igi_dtype_valid((int)dtype) || dtype == IG_STRING)
        return ig_fail(IG_INVALID_GRAPH, "its input must be a tensor of numbers");
    IG_TRY(ig_tensor_new(&t, dtype, 0, NULL));
    igi_put_f64(dtype, t->data, 0, v);
    return add_constant(n, t, out);
}

ig_status igi_up_input(igi_onnx_node *n, int i, ig_value_id v)
{
    if (i < n->n_in && n->in[i].i)
        return ig_fail(IG_INVALID_GRAPH, "input %d does not exist in this version", i);
    for (; n->n_in <= i; n->n_in++)
        n->in[n->n_in] = (ig_value_id){0};
    n->in[i] = v;
    return IG_OK;
}

ig_status igi_up_ints_to_input(igi_onnx_node *n, const char *name, int i)
{
    ig_ints list;
    ig_value_id v;
    IG_TRY(igi_up_ints(n, name, &list));
    if (list.n == 0)
        return IG_OK;
    IG_TRY(igi_up_const_ints(n, list.v, list.n, &v));
    return igi_up_input(n, i, v);
}

ig_status igi_up_floats_to_input(igi_onnx_node *n, const char *name, int i)
{
    ig_floats list;
    ig_value_id v;
    IG_TRY(igi_up_floats(n, name, &list));
    if (list.n == 0)
        return IG_OK;
    IG_TRY(igi_up_const_floats(n, list.v, list.n, &v));
    return igi_up_input(n, i, v);
}

int igi_up_rank(const igi_onnx_node *n, ig_value_id v)
{
    const ig_type *t = ig_graph_value_type(n->b->g, v);
    return t && t->kind == IG_KIND_TENSOR ? t->rank : -1;
}

ig_dtype igi_up_dtype(const igi_onnx_node *n, ig_value_id v)
{
    const ig_type *t = ig_graph_value_type(n->b->g, v);
    return t && t->kind == IG_KIND_TENSOR ? (ig_dtype)t->dtype : IG_UNDEFINED;
}

ig_status igi_up_make(igi_onnx_node *n,
                      const char *op,
                      const char *attr,
                      int64_t attr_value,
                      const ig_value_id *in,
                      int n_in,
                      ig_value_id *out)
{
    const igi_op *found = igi_registry_find(n->b->reg, NULL, op);
    if (!found)
        return ig_fail(IG_UNSUPPORTED,
                       "reading version %" PRId64 " of it needs operator %s",
                       n->version, op);
    void *attrs = NULL;
    if (found->def->attrs_size) {
        attrs = igi_arena_alloc(&n->b->scratch, found->def->attrs_size);
        if (!attrs)
            return IG_OUT_OF_MEMORY;
        igi_attrs_init(found->def, attrs);
        if (attr)
            IG_TRY(igi_attrs_set_int(found->def, attrs, attr, attr_value));
    }
    ig_call call = {.op = found->def, .attrs = attrs, .n_in = n_in, .n_out = 1};
    return ig_graph_make(n->b->g, &call, in, out);
}

ig_status igi_up_consumed(igi_onnx_node *n)
{
    if (n->version < 6)
        igi_up_drop(n, "consumed_inputs");
    return IG_OK;
}
