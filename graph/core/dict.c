/* Maps: values by integers or strings.
 *
 * Keys keep the order that they were given in; beside them lie their positions in
 * ascending order, for look-ups and to see that none stands twice. */
#include <stdlib.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/core/tensor.h"

bool igi_is_key_type(ig_dtype dtype)
{
    return dtype == IG_STRING ||
           (dtype != IG_BOOL && igi_dtype_is_int(dtype) && ig_dtype_bits(dtype) >= 8);
}

static const char *string_at(const ig_tensor *keys, int64_t i)
{
    const igi_str *s = ((igi_str *const *)(const void *)keys->data)[i];
    return s ? s->text : "";
}

/* Order of key i and the key that is asked for. uint64 keys above INT64_MAX are ordered
 * as their bits are, which is as good. */
static int compare(const ig_tensor *keys, int64_t i, int64_t key, const char *name)
{
    ig_dtype dtype = (ig_dtype)keys->v.type.dtype;
    if (dtype == IG_STRING)
        return strcmp(string_at(keys, i), name ? name : "");
    int64_t have = igi_get_i64(dtype, keys->data, i);
    return (have > key) - (have < key);
}

static int compare_keys(const ig_tensor *keys, int64_t i, int64_t j)
{
    ig_dtype dtype = (ig_dtype)keys->v.type.dtype;
    bool strings = dtype == IG_STRING;
    return compare(keys, i, strings ? 0 : igi_get_i64(dtype, keys->data, j),
                   strings ? string_at(keys, j) : NULL);
}

/* Heap sort: no recursion, no worst case, no library function with a stack of its own.
 */
static void sift(const ig_tensor *keys, int64_t *at, int64_t root, int64_t n)
{
    for (int64_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && compare_keys(keys, at[child], at[child + 1]) < 0)
            child++;
        if (compare_keys(keys, at[root], at[child]) >= 0)
            return;
        int64_t t = at[root];
        at[root] = at[child];
        at[child] = t;
    }
}

static void sort(const ig_tensor *keys, int64_t *at, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        at[i] = i;
    for (int64_t i = n / 2; i-- > 0;)
        sift(keys, at, i, n);
    for (int64_t i = n; i-- > 1;) {
        int64_t t = at[0];
        at[0] = at[i];
        at[i] = t;
        sift(keys, at, 0, i);
    }
}

static ig_status check_keys(const ig_type *type, const ig_tensor *keys)
{
    const ig_type *k = &keys->v.type;
    if (type->kind != IG_KIND_MAP || !type->u.elem)
        return ig_fail(IG_INVALID_ARGUMENT, "a map needs a type of that kind with a "
                                            "type of values");
    if (k->rank != 1 || !(keys->v.flags & IGI_CONTIGUOUS) || k->dtype != type->dtype)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the keys of a map must be a contiguous vector of %s",
                       ig_dtype_name((ig_dtype)type->dtype));
    if (!igi_is_key_type((ig_dtype)k->dtype))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "keys of maps are integers or strings, not %s",
                       ig_dtype_name((ig_dtype)k->dtype));
    return IG_OK;
}

static ig_status check_order(const igi_dict *d)
{
    for (int64_t i = 1; i < d->n; i++) {
        if (compare_keys(d->keys, d->sorted[i - 1], d->sorted[i]) != 0)
            continue;
        if (d->keys->v.type.dtype == IG_STRING)
            return ig_fail(IG_INVALID_ARGUMENT, "a map has the key '%s' twice",
                           string_at(d->keys, d->sorted[i]));
        return ig_fail(IG_INVALID_ARGUMENT, "a map has the key %lld twice",
                       (long long)igi_get_i64((ig_dtype)d->keys->v.type.dtype,
                                              d->keys->data, d->sorted[i]));
    }
    return IG_OK;
}

static ig_status fill(igi_dict *d, const ig_type *type, ig_value *const *items)
{
    d->v = (ig_value){.refs = 1, .flags = IGI_HOLDS, .type = {.rank = -1}};
    IG_TRY(igi_type_copy(&d->v.type, type));
    d->items = igi_calloc((size_t)d->n + 1, sizeof(*d->items));
    d->sorted = igi_alloc_array((size_t)d->n + 1, sizeof(*d->sorted));
    if (!d->items || !d->sorted)
        return IG_OUT_OF_MEMORY;
    sort(d->keys, d->sorted, d->n);
    IG_TRY(check_order(d));
    for (int64_t i = 0; i < d->n; i++)
        d->items[i] = ig_value_ref(items[i]);
    return IG_OK;
}

ig_status igi_dict_new(ig_value **out,
                       const ig_type *type,
                       ig_tensor *keys,
                       ig_value *const *items)
{
    IG_TRY(check_keys(type, keys));
    int64_t n = igi_tensor_count(keys);
    IG_TRY(igi_items_check(type, items, n));
    igi_dict *d = igi_calloc(1, sizeof(*d));
    if (!d)
        return IG_OUT_OF_MEMORY;
    d->n = n;
    d->keys = keys;
    ig_status rc = fill(d, type, items);
    if (rc != IG_OK) {
        igi_type_fini(&d->v.type);
        igi_free(d->items);
        igi_free(d->sorted);
        igi_free(d);
        return rc;
    }
    (void)ig_tensor_ref(keys);
    *out = &d->v;
    return IG_OK;
}

int64_t igi_dict_find(const igi_dict *d, int64_t key, const char *name)
{
    int64_t lo = 0, hi = d->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int order = compare(d->keys, d->sorted[mid], key, name);
        if (order == 0)
            return d->sorted[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

/* ---- public ---- */

int64_t ig_value_size(const ig_value *v)
{
    int64_t n;
    if (!v || v->type.kind == IG_KIND_TENSOR || v->type.kind == IG_KIND_SPARSE)
        return -1;
    (void)igi_value_items(v, &n);
    return n;
}

ig_value *ig_value_item(const ig_value *v, int64_t i)
{
    int64_t n;
    return i >= 0 && i < ig_value_size(v) ? igi_value_items(v, &n)[i] : NULL;
}

ig_status ig_map_new(ig_value **out, ig_tensor *keys, ig_value *const *values)
{
    ig_type elem = {.kind = IG_KIND_TENSOR, .rank = -1};
    igi_error_clear();
    *out = NULL;
    if (!keys)
        return ig_fail(IG_INVALID_ARGUMENT, "ig_map_new: keys is NULL");
    if (igi_tensor_count(keys) > 0) {
        if (!values || !values[0])
            return ig_fail(IG_INVALID_ARGUMENT, "ig_map_new: the first value is NULL");
        elem = values[0]->type;
        if (elem.kind == IG_KIND_TENSOR) /* values may differ in shape */
            elem = (ig_type){.dtype = elem.dtype, .rank = -1};
    }
    ig_type type = {
        .kind = IG_KIND_MAP, .dtype = keys->v.type.dtype, .rank = -1, .u.elem = &elem};
    return igi_dict_new(out, &type, keys, values);
}

static const igi_dict *dict(const ig_value *v)
{
    return v && v->type.kind == IG_KIND_MAP ? (const igi_dict *)v : NULL;
}

ig_tensor *ig_map_keys(const ig_value *v)
{
    return dict(v) ? dict(v)->keys : NULL;
}

ig_value *ig_map_get(const ig_value *v, int64_t key)
{
    const igi_dict *d = dict(v);
    if (!d || d->v.type.dtype == IG_STRING)
        return NULL;
    int64_t at = igi_dict_find(d, key, NULL);
    return at < 0 ? NULL : d->items[at];
}

ig_value *ig_map_get_string(const ig_value *v, const char *key)
{
    const igi_dict *d = dict(v);
    if (!d || d->v.type.dtype != IG_STRING)
        return NULL;
    int64_t at = igi_dict_find(d, 0, key);
    return at < 0 ? NULL : d->items[at];
}
