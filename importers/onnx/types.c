/* Types of values, from the file. A type may nest (sequence of optional of ...) up to
 * eight levels; the walk is a loop. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "importers/onnx/types.h"

static ig_status dim_of(igi_onnx_build *b, const pb_dimension *d, int64_t *out)
{
    const char *name = pb_str(d->dim_param);
    *out = -1;
    if (d->has_dim_value && *name)
        return ig_fail(IG_INVALID_GRAPH, "a dim has both a value and a name ('%s')",
                       name);
    if (d->has_dim_value && d->dim_value > (int64_t)1 << 47)
        return ig_fail(IG_LIMIT, "dim %" PRId64 " is above 2^47", d->dim_value);
    if (d->has_dim_value && d->dim_value >= 0)
        *out = d->dim_value; /* exporters write negative values for unknown dims */
    else if (*name && strcmp(name, "?") != 0)
        *out = igi_symtab_symbol(ig_graph_symbols(b->g), name);
    return IG_OK;
}

static ig_status
tensor_type(igi_onnx_build *b, const IgiOnnx__Type__TensorType *t, ig_type *out)
{
    if (!t->has_elem_type || !igi_dtype_valid(t->elem_type))
        return ig_fail(IG_INVALID_GRAPH, "element type %d does not exist",
                       t->has_elem_type ? t->elem_type : 0);
    *out =
        (ig_type){.kind = IG_KIND_TENSOR, .dtype = (uint8_t)t->elem_type, .rank = -1};
    if (!t->shape)
        return IG_OK;
    if (t->shape->n_dim > IG_RANK_MAX)
        return ig_fail(IG_LIMIT, "rank %zu, at most %d is supported", t->shape->n_dim,
                       IG_RANK_MAX);
    out->rank = (int16_t)t->shape->n_dim;
    int64_t *dims = out->u.dim;
    if (out->rank > 8) {
        dims = igi_arena_array(&b->arena, t->shape->n_dim, sizeof(*dims));
        if (!dims)
            return IG_OUT_OF_MEMORY;
        out->u.dim_far = dims;
    }
    for (size_t i = 0; i < t->shape->n_dim; i++)
        IG_TRY(dim_of(b, t->shape->dim[i], &dims[i]));
    return IG_OK;
}

static int forms_of(const pb_type *p)
{
    return (p->tensor_type != NULL) + (p->sequence_type != NULL) +
           (p->map_type != NULL) + (p->opaque_type != NULL) +
           (p->sparse_tensor_type != NULL) + (p->optional_type != NULL);
}

ig_status igi_onnx_type(igi_onnx_build *b, const pb_type *p, ig_type **out)
{
    ig_type *first = NULL, *last = NULL;
    for (int level = 0;; level++) {
        if (!p || forms_of(p) != 1)
            return ig_fail(IG_INVALID_GRAPH,
                           "its type is missing or says several things");
        if (level > IGI_ONNX_TYPE_DEPTH)
            return ig_fail(IG_LIMIT, "its type nests deeper than %d levels",
                           IGI_ONNX_TYPE_DEPTH);
        if (p->opaque_type || p->sparse_tensor_type)
            return ig_fail(IG_UNSUPPORTED, "values of type %s are not supported",
                           p->opaque_type ? "opaque" : "sparse tensor");
        ig_type *t = igi_arena_alloc(&b->arena, sizeof(*t));
        if (!t)
            return IG_OUT_OF_MEMORY;
        if (last)
            last->u.elem = t;
        else
            first = t;
        last = t;
        if (p->tensor_type) {
            *out = first;
            return tensor_type(b, p->tensor_type, t);
        }
        t->kind = p->sequence_type ? IG_KIND_SEQUENCE
                  : p->map_type    ? IG_KIND_MAP
                                   : IG_KIND_OPTIONAL;
        if (p->map_type && !igi_is_key_type((ig_dtype)p->map_type->key_type))
            return ig_fail(IG_INVALID_GRAPH, "a map has no keys of type %d",
                           p->map_type->key_type);
        if (p->map_type)
            t->dtype = (uint8_t)p->map_type->key_type;
        p = p->sequence_type ? p->sequence_type->elem_type
            : p->map_type    ? p->map_type->value_type
                             : p->optional_type->elem_type;
    }
}
