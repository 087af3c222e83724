/* Cursor, types and tensors of .ingot files: every read is checked, counts are compared
 * with what remains before anything is allocated. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "graph/core/tensor.h"
#include "graph/core/utf8.h"
#include "importers/native/reader.h"

enum { LARGE = 1 << 20 }; /* bytes of a tensor */

ig_status igi_native_damaged(const igi_native_reader *r, const char *what)
{
    return ig_fail(IG_INVALID_GRAPH,
                   "the .ingot file is damaged: %s (byte %" PRIu64 ")", what,
                   (uint64_t)(r->at - r->base));
}

/* ---- cursor ---- */

ig_status igi_native_take(igi_native_reader *r, void *out, size_t n)
{
    if ((size_t)(r->end - r->at) < n) {
        memset(out, 0, n);
        return igi_native_damaged(r, "a section ends too early");
    }
    memcpy(out, r->at, n);
    r->at += n;
    return IG_OK;
}

ig_status igi_native_take_u8(igi_native_reader *r, uint8_t *out)
{
    return igi_native_take(r, out, sizeof(*out));
}

ig_status igi_native_take_u32(igi_native_reader *r, uint32_t *out)
{
    return igi_native_take(r, out, sizeof(*out));
}

ig_status igi_native_take_i64(igi_native_reader *r, int64_t *out)
{
    return igi_native_take(r, out, sizeof(*out));
}

/* A count of items of at least `size` bytes each. */
ig_status igi_native_take_count(igi_native_reader *r, size_t size, uint32_t *out)
{
    IG_TRY(igi_native_take_u32(r, out));
    if (*out > (size_t)(r->end - r->at) / size)
        return igi_native_damaged(r, "a count is larger than the file");
    return IG_OK;
}

static ig_status
take_utf8(igi_native_reader *r, bool plain, bool or_null, const char **out)
{
    uint32_t n;
    *out = NULL;
    IG_TRY(igi_native_take_count(r, 1, &n));
    if (plain && !or_null && n > r->max_name)
        return ig_fail(IG_LIMIT, "a name has %u bytes, limits.name_bytes allows %u", n,
                       r->max_name);
    if (!igi_utf8_ok((const char *)r->at, n, plain))
        return igi_native_damaged(r, plain ? "a name is not UTF-8, or has a control "
                                             "character"
                                           : "a text is not UTF-8");
    *out =
        or_null && !n ? NULL : igi_arena_strndup(&r->g->arena, (const char *)r->at, n);
    r->at += n;
    return *out || (or_null && !n) ? IG_OK : IG_OUT_OF_MEMORY;
}

ig_status igi_native_charge(igi_native_reader *r, uint64_t n, uint64_t size)
{
    uint64_t left = r->max_memory - r->memory;
    if (size && n > left / size)
        return ig_fail(
            IG_LIMIT,
            "reading the file takes more than limits.memory_bytes of %" PRIu64,
            r->max_memory);
    r->memory += n * size;
    return IG_OK;
}

ig_status igi_native_take_str(igi_native_reader *r, bool or_null, const char **out)
{
    return take_utf8(r, true, or_null, out);
}

ig_status igi_native_take_text(igi_native_reader *r, bool or_null, const char **out)
{
    return take_utf8(r, false, or_null, out);
}

/* ---- types, tensors ---- */

static ig_status take_dim(igi_native_reader *r, int64_t *out)
{
    const char *name;
    IG_TRY(igi_native_take_i64(r, out));
    if (*out >= -1)
        return IG_OK;
    if (*out != -2)
        return igi_native_damaged(r, "a dim is negative");
    IG_TRY(igi_native_take_str(r, false, &name));
    return ig_graph_dim(r->g, name, out);
}

static ig_status take_tensor_type(igi_native_reader *r, ig_type *out)
{
    uint8_t dtype;
    uint32_t rank;
    int64_t dims[IG_RANK_MAX];
    IG_TRY(igi_native_take_u8(r, &dtype));
    IG_TRY(igi_native_take_u32(r, &rank));
    bool unknown = rank == UINT32_MAX;
    if (!igi_dtype_valid(dtype) || (!unknown && rank > IG_RANK_MAX))
        return igi_native_damaged(r, "an input has an impossible type");
    for (uint32_t i = 0; !unknown && i < rank; i++)
        IG_TRY(take_dim(r, &dims[i]));
    return igi_type_set(out, (ig_dtype)dtype, unknown ? -1 : (int)rank, dims);
}

/* igi_type_fini it. */
static ig_status take_type(igi_native_reader *r, int level, ig_type *out)
{
    uint8_t kind, dtype;
    *out = (ig_type){.rank = -1};
    IG_TRY(igi_native_take_u8(r, &kind));
    if (kind == IG_KIND_TENSOR)
        return take_tensor_type(r, out);
    if (kind >= IG_KIND_SPARSE || level >= IGI_NEST_MAX)
        return igi_native_damaged(r, "an input has an impossible type");
    IG_TRY(igi_native_take_u8(r, &dtype));
    if (kind == IG_KIND_MAP ? !igi_is_key_type((ig_dtype)dtype) : dtype != 0)
        return igi_native_damaged(r, "a sequence has an element type of its own, or a "
                                     "map has impossible keys");
    ig_type *elem = igi_calloc(1, sizeof(*elem));
    if (!elem)
        return IG_OUT_OF_MEMORY;
    ig_status rc = take_type(r, level + 1, elem);
    if (rc != IG_OK) {
        igi_free(elem);
        return rc;
    }
    *out = (ig_type){.kind = kind, .dtype = dtype, .rank = -1, .u.elem = elem};
    return IG_OK;
}

ig_status igi_native_take_type(igi_native_reader *r, ig_type *out)
{
    return take_type(r, 0, out);
}

ig_status igi_native_take_input(igi_native_reader *r)
{
    const char *name;
    ig_type type;
    ig_value_id id;
    IG_TRY(igi_native_take_str(r, false, &name));
    IG_TRY(take_type(r, 0, &type));
    ig_status rc = ig_graph_input_typed(r->g, name, &type, &id);
    igi_type_fini(&type);
    IG_TRY(rc);
    return IGI_PUSH(&r->values, id) ? IG_OK : IG_OUT_OF_MEMORY;
}

/* What a value of that type holds. */
static ig_status take_items(igi_native_reader *r, const ig_type *type, ig_value **out)
{
    uint32_t n;
    *out = NULL;
    if (type->kind == IG_KIND_TENSOR) {
        ig_tensor *t;
        IG_TRY(igi_native_take_tensor(r, &t));
        *out = &t->v;
        return IG_OK;
    }
    IG_TRY(igi_native_take_count(r, 4, &n));
    if (type->kind == IG_KIND_OPTIONAL && n > 1)
        return igi_native_damaged(r, "an optional holds several values");
    ig_tensor *keys = NULL;
    ig_value **items = igi_calloc((size_t)n + 1, sizeof(*items));
    ig_status rc = items ? IG_OK : IG_OUT_OF_MEMORY;
    if (rc == IG_OK && type->kind == IG_KIND_MAP)
        rc = igi_native_take_tensor(r, &keys);
    if (rc == IG_OK && keys && igi_tensor_count(keys) != n)
        rc = igi_native_damaged(r, "a map has not as many keys as values");
    for (uint32_t i = 0; rc == IG_OK && i < n; i++)
        rc = take_items(r, type->u.elem, &items[i]);
    if (rc == IG_OK)
        rc = keys                             ? igi_dict_new(out, type, keys, items)
             : type->kind == IG_KIND_OPTIONAL ? igi_optional_new(out, type, items[0])
                                              : igi_sequence_new(out, type, items, n);
    ig_tensor_unref(keys);
    for (uint32_t i = 0; items && i < n; i++)
        ig_value_unref(items[i]);
    igi_free(items);
    return rc;
}

ig_status igi_native_take_test(igi_native_reader *r, ig_value **out)
{
    ig_type type = {.rank = -1};
    if (r->at < r->end && *r->at == IGI_FILE_NO_TENSOR) {
        r->at++;
        IG_TRY(take_type(r, 0, &type));
        if (type.kind == IG_KIND_TENSOR)
            return igi_native_damaged(r, "a tensor is marked as none");
    }
    ig_status rc = take_items(r, &type, out);
    igi_type_fini(&type);
    return rc;
}

static void drop_owner(void *data, void *user)
{
    (void)data;
    ig_tensor_unref(user);
}

static ig_status
take_strings(igi_native_reader *r, int rank, const int64_t *dims, ig_tensor **out)
{
    int64_t n;
    if (igi_dims_count(rank, dims, &n))
        IG_TRY(igi_native_charge(r, (uint64_t)n, sizeof(igi_str *)));
    IG_TRY(ig_tensor_new(out, IG_STRING, rank, dims));
    n = igi_tensor_count(*out);
    igi_str **s = (igi_str **)(void *)(*out)->data;
    ig_status rc = IG_OK;
    for (int64_t i = 0; rc == IG_OK && i < n; i++) {
        uint32_t length;
        rc = igi_native_take_count(r, 1, &length);
        if (rc == IG_OK && memchr(r->at, 0, length))
            rc = igi_native_damaged(r, "a string holds a zero byte");
        if (rc == IG_OK && length) {
            s[i] = igi_str_new((const char *)r->at, length);
            rc = s[i] ? IG_OK : IG_OUT_OF_MEMORY;
            r->at += length;
        }
    }
    if (rc != IG_OK) {
        ig_tensor_unref(*out);
        *out = NULL;
    }
    return rc;
}

/* Tensors lie one after the other, each from a 64-byte boundary, gaps zero. The pages
 * of a large one are given back after its checksum: packing may want room for a copy.
 */
static ig_status locate(igi_native_reader *r, uint64_t offset, uint64_t bytes)
{
    uint64_t from = r->tensor_at;
    if (offset != (from + IGI_FILE_ALIGN - 1) / IGI_FILE_ALIGN * IGI_FILE_ALIGN ||
        offset > r->tensor_bytes || bytes > r->tensor_bytes - offset)
        return igi_native_damaged(r, "tensors do not follow each other");
    for (; from < offset; from++)
        if (r->tensors[from])
            return igi_native_damaged(r, "bytes between tensors are not zero");
    r->tensor_at = offset + bytes;
    uint64_t sum = igi_xxh64(r->tensors + offset, (size_t)bytes);
    if (bytes >= LARGE && r->src->owner && r->src->owner->st->flags & IGI_MAPPED)
        igi_source_forget(r->tensors + offset, (size_t)bytes);
    return IGI_PUSH(&r->sums, sum) ? IG_OK : IG_OUT_OF_MEMORY;
}

ig_status igi_native_take_tensor(igi_native_reader *r, ig_tensor **out)
{
    uint8_t dtype;
    uint32_t rank;
    int64_t dims[IG_RANK_MAX], count, offset, bytes;
    size_t need;
    *out = NULL;
    IG_TRY(igi_native_take_u8(r, &dtype));
    IG_TRY(igi_native_take_u32(r, &rank));
    if (!igi_dtype_valid(dtype) || rank > IG_RANK_MAX)
        return igi_native_damaged(r, "a tensor has an impossible type");
    for (uint32_t i = 0; i < rank; i++)
        IG_TRY(igi_native_take_i64(r, &dims[i]));
    IG_TRY(igi_native_take_i64(r, &offset));
    IG_TRY(igi_native_take_i64(r, &bytes));
    for (uint32_t i = 0; i < rank; i++)
        if (dims[i] < 0)
            return igi_native_damaged(r, "a tensor has a negative dim");
    if (!igi_dims_count((int)rank, dims, &count) ||
        !igi_dtype_bytes((ig_dtype)dtype, count, &need))
        return igi_native_damaged(r, "a tensor is larger than memory");
    if (dtype == IG_STRING) {
        if (count > (r->end - r->at) / 4)
            return igi_native_damaged(r, "a count is larger than the file");
        return take_strings(r, (int)rank, dims, out);
    }
    if (bytes < 0 || (uint64_t)bytes != need)
        return igi_native_damaged(r, "the size of a tensor does not fit its dims");
    if (need > r->max_tensor)
        return ig_fail(IG_LIMIT,
                       "a tensor has %zu bytes, limits.tensor_bytes allows %" PRIu64,
                       need, r->max_tensor);
    IG_TRY(locate(r, (uint64_t)offset, need));
    void *data = (void *)(uintptr_t)(r->tensors + offset);
    if (!r->src->owner || (uintptr_t)data % IGI_FILE_ALIGN) {
        IG_TRY(igi_native_charge(r, 1, need));
        return ig_tensor_new_copy(out, (ig_dtype)dtype, (int)rank, dims, data, need);
    }
    ig_tensor *owner = ig_tensor_ref(r->src->owner);
    ig_status rc = ig_tensor_wrap(out, (ig_dtype)dtype, (int)rank, dims, data, need,
                                  drop_owner, owner);
    if (rc == IG_OK)
        (*out)->st->flags |= IGI_READONLY | (r->src->owner->st->flags & IGI_MAPPED);
    else
        ig_tensor_unref(owner);
    return rc;
}

ig_status igi_native_take_constant(igi_native_reader *r)
{
    const char *name;
    ig_tensor *t;
    ig_value_id id;
    IG_TRY(igi_native_take_str(r, false, &name));
    IG_TRY(igi_native_take_tensor(r, &t));
    t->st->flags |= IGI_READONLY; /* the file's, whether copied or viewed */
    ig_status rc = ig_graph_constant(r->g, name, t, &id);
    ig_tensor_unref(t);
    IG_TRY(rc);
    return IGI_PUSH(&r->values, id) ? IG_OK : IG_OUT_OF_MEMORY;
}
