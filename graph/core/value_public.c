/* Values that are no tensor as users see them: <ingot/ingot.h>. */
#include <ingot/ingot.h>

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

ig_status
ig_sequence_new(ig_value **out, ig_value *const *items, int64_t n, const ig_value *like)
{
    ig_type type, elem;
    igi_error_clear();
    if (!out || n < 0 || (n > 0 && !items))
        return ig_fail(IG_INVALID_ARGUMENT, "`out` or `items` is NULL, or n negative");
    *out = NULL;
    IG_TRY(
        type_around(&type, &elem, IG_KIND_SEQUENCE, like || n == 0 ? like : items[0]));
    return igi_sequence_new(out, &type, items, n);
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
