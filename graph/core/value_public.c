/* Values that are no tensor as users see them: <ingot/ingot.h>. */
#include <ingot/ingot.h>

#include "graph/core/alloc.h"
#include "graph/core/tensor.h"

ig_value *ig_value_share(ig_value *v)
{
    return v ? igi_value_share(v) : NULL;
}

/* The type of a sequence or optional of such values: shapes are left open, since items
 * may differ in them. `elem` is the caller's room. */
static ig_status
type_around(ig_type *out, ig_type *elem, ig_kind kind, const ig_value *v)
{
    if (!v)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "neither an item nor `like` says what the %s holds",
                       kind == IG_KIND_SEQUENCE ? "sequence" : "optional");
    *elem = v->type;
    if (v->type.kind == IG_KIND_TENSOR)
        *elem = (ig_type){.kind = IG_KIND_TENSOR, .dtype = v->type.dtype, .rank = -1};
    *out = (ig_type){.kind = (uint8_t)kind, .u.elem = elem};
    return IG_OK;
}

/* The item whose type the others are to have: an empty map or sequence may have none.
 */
static const ig_value *typed_item(ig_value *const *items, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (items[i] && !igi_value_is_untyped(items[i]))
            return items[i];
    return n > 0 ? items[0] : NULL;
}

/* One of elem's type for an item of no type; else the item. Counted. */
static ig_status typed(ig_value **out, const ig_type *elem, ig_value *item)
{
    const bool open = item && igi_value_is_untyped(item) &&
                      elem->kind == item->type.kind &&
                      (elem->kind != IG_KIND_MAP || elem->dtype == item->type.dtype);
    *out = open ? NULL : ig_value_ref(item);
    return open ? igi_value_empty(out, elem) : IG_OK;
}

ig_status
ig_sequence_new(ig_value **out, ig_value *const *items, int64_t n, const ig_value *like)
{
    ig_type type, elem;
    igi_error_clear();
    if (!out || n < 0 || (n > 0 && !items))
        return ig_fail(IG_INVALID_ARGUMENT, "`out` or `items` is NULL, or n negative");
    *out = NULL;
    IG_TRY(type_around(&type, &elem, IG_KIND_SEQUENCE,
                       like ? like : typed_item(items, n)));
    ig_value **own = igi_alloc_array((size_t)n + 1, sizeof(*own));
    ig_status rc = own ? IG_OK : IG_OUT_OF_MEMORY;
    int64_t made = 0;
    for (; made < n && rc == IG_OK; made++)
        rc = typed(&own[made], &elem, items[made]);
    if (rc == IG_OK)
        rc = igi_sequence_new(out, &type, own, n);
    while (made > 0)
        ig_value_unref(own[--made]);
    igi_free(own);
    return rc;
}

ig_status ig_optional_new(ig_value **out, ig_value *item, const ig_value *like)
{
    ig_type type, elem;
    igi_error_clear();
    if (!out)
        return ig_fail(IG_INVALID_ARGUMENT, "`out` is NULL");
    *out = NULL;
    IG_TRY(type_around(&type, &elem, IG_KIND_OPTIONAL, item ? item : like));
    return igi_optional_new(out, &type, item);
}

bool ig_tensor_is_writable(const ig_tensor *t)
{
    return t && t->st && t->v.refs == 1 && t->st->refs == 1 &&
           !((t->v.flags | t->st->flags) & IGI_READONLY);
}
