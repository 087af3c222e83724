/* Attributes set by name: what importers and readers of files use. Values are copied
 * into the owner's arena by the same code as whole structs (attr.c). */
#include <string.h>

#include "graph/ir/attr.h"
#include "graph/ir/graph.h"

static const char *const kind_names[] = {"",
                                         "an int",
                                         "a float",
                                         "a string",
                                         "a list of ints",
                                         "a list of floats",
                                         "a list of strings",
                                         "a tensor",
                                         "a graph",
                                         "a string",
                                         "an int (element type)",
                                         "a type"}; /* ORDER: ig_attr_kind */

/* Address of the field when the attribute exists and is of one of two kinds. */
static ig_status field(const ig_op_def *op,
                       void *attrs,
                       const char *name,
                       int kind,
                       int or_kind,
                       void **at,
                       const ig_attr_def **out)
{
    const ig_attr_def *row = igi_attr_find(op, name);
    *at = NULL;
    if (out)
        *out = NULL;
    if (!row)
        return ig_fail(IG_INVALID_GRAPH, "%s has no attribute %s", op->name, name);
    if (row->kind != kind && row->kind != or_kind)
        return ig_fail(IG_INVALID_GRAPH, "%s: attribute %s is %s, but %s was given",
                       op->name, name, kind_names[row->kind], kind_names[kind]);
    *at = igi_attr_at(row, attrs);
    if (out)
        *out = row;
    return IG_OK;
}

/* The field becomes a deep copy of `value`; unchanged when memory is short. */
static ig_status
set_copy(igi_arena *a, const ig_attr_def *row, void *at, const void *value, size_t size)
{
    union {
        const char *string;
        ig_ints ints;
        ig_floats floats;
        ig_strings strings;
    } copy;
    memcpy(&copy, value, size);
    if (!igi_attrs_copy_field(a, row, &copy))
        return IG_OUT_OF_MEMORY;
    memcpy(at, &copy, size);
    return IG_OK;
}

ig_status
igi_attrs_set_int(const ig_op_def *op, void *attrs, const char *name, int64_t v)
{
    void *at;
    IG_TRY(field(op, attrs, name, IG_A_INT, IG_A_DTYPE, &at, NULL));
    *(int64_t *)at = v;
    return IG_OK;
}

ig_status
igi_attrs_set_float(const ig_op_def *op, void *attrs, const char *name, float v)
{
    void *at;
    IG_TRY(field(op, attrs, name, IG_A_FLOAT, IG_A_FLOAT, &at, NULL));
    *(float *)at = v;
    return IG_OK;
}

ig_status igi_attrs_set_string(
    igi_arena *a, const ig_op_def *op, void *attrs, const char *name, const char *v)
{
    void *at;
    const ig_attr_def *row;
    IG_TRY(field(op, attrs, name, IG_A_STRING, IG_A_ENUM, &at, &row));
    if (row->kind == IG_A_STRING)
        return set_copy(a, row, at, &v, sizeof(v));
    for (int64_t i = 0; row->names[i]; i++) {
        if (!strcmp(row->names[i], v)) {
            *(int64_t *)at = i;
            return IG_OK;
        }
    }
    return ig_fail(
        IG_INVALID_GRAPH,
        "%s: attribute %s cannot be '%.64s'; the first allowed value is '%s'", op->name,
        name, v, row->names[0]);
}

ig_status igi_attrs_set_ints(igi_arena *a,
                             const ig_op_def *op,
                             void *attrs,
                             const char *name,
                             const int64_t *v,
                             int64_t n)
{
    void *at;
    const ig_attr_def *row;
    static const int64_t none = 0; /* an empty list is not an absent one */
    const ig_ints l = {n, v ? v : &none};
    IG_TRY(field(op, attrs, name, IG_A_INTS, IG_A_INTS, &at, &row));
    return set_copy(a, row, at, &l, sizeof(l));
}

ig_status igi_attrs_set_floats(igi_arena *a,
                               const ig_op_def *op,
                               void *attrs,
                               const char *name,
                               const float *v,
                               int64_t n)
{
    void *at;
    const ig_attr_def *row;
    static const float none = 0;
    const ig_floats l = {n, v ? v : &none};
    IG_TRY(field(op, attrs, name, IG_A_FLOATS, IG_A_FLOATS, &at, &row));
    return set_copy(a, row, at, &l, sizeof(l));
}

ig_status igi_attrs_set_strings(igi_arena *a,
                                const ig_op_def *op,
                                void *attrs,
                                const char *name,
                                const char *const *v,
                                int64_t n)
{
    void *at;
    const ig_attr_def *row;
    static const char *const none = "";
    const ig_strings l = {n, v ? v : &none};
    IG_TRY(field(op, attrs, name, IG_A_STRINGS, IG_A_STRINGS, &at, &row));
    return set_copy(a, row, at, &l, sizeof(l));
}

ig_status
igi_attrs_set_tensor(const ig_op_def *op, void *attrs, const char *name, ig_tensor *v)
{
    void *at;
    IG_TRY(field(op, attrs, name, IG_A_TENSOR, IG_A_TENSOR, &at, NULL));
    ig_tensor *old = *(ig_tensor **)at;
    *(ig_tensor **)at = ig_tensor_share(ig_tensor_ref(v)); /* by threads */
    ig_tensor_unref(old);
    return IG_OK;
}

ig_status
igi_attrs_set_graph(const ig_op_def *op, void *attrs, const char *name, ig_graph *v)
{
    void *at;
    IG_TRY(field(op, attrs, name, IG_A_GRAPH, IG_A_GRAPH, &at, NULL));
    ig_graph *old = *(ig_graph **)at;
    *(ig_graph **)at = igi_graph_ref(v);
    igi_graph_unref(old);
    return IG_OK;
}

ig_status igi_attrs_set_type(
    igi_arena *a, const ig_op_def *op, void *attrs, const char *name, const ig_type *v)
{
    void *at;
    const ig_attr_def *row;
    IG_TRY(field(op, attrs, name, IG_A_TYPE, IG_A_TYPE, &at, &row));
    return set_copy(a, row, at, &v, sizeof(v));
}
