/* Tensors as users see them: <ingot/base.h>. Every function clears the error record
 * when it can fail, and checks what it is given. */
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "graph/core/escape.h"
#include "graph/core/queue.h"

static ig_status check_new(ig_tensor **out, int rank, const int64_t *dims)
{
    igi_error_clear();
    if (!out)
        return ig_fail(IG_INVALID_ARGUMENT, "`out` is NULL");
    if (rank > 0 && !dims)
        return ig_fail(IG_INVALID_ARGUMENT, "`dims` is NULL for rank %d", rank);
    return IG_OK;
}

/* Header and storage with undefined contents. */
static ig_status make(ig_tensor **out, ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t;
    IG_TRY(igi_tensor_header(&t, NULL, dtype, rank, dims));
    ig_status rc = igi_tensor_alloc(t, NULL);
    if (rc != IG_OK) {
        igi_tensor_free(t);
        return rc;
    }
    *out = t;
    return IG_OK;
}

ig_status ig_tensor_new(ig_tensor **out, ig_dtype dtype, int rank, const int64_t *dims)
{
    IG_TRY(check_new(out, rank, dims));
    IG_TRY(make(out, dtype, rank, dims));
    memset((*out)->data, 0, (*out)->st->bytes);
    return IG_OK;
}

/* The bytes that the header's type needs must be the bytes that were given. */
static ig_status check_bytes(const ig_tensor *t, size_t bytes)
{
    size_t want = ig_tensor_nbytes(t);
    if (want == bytes)
        return IG_OK;
    char text[256];
    return ig_fail(IG_INVALID_ARGUMENT, "%s has %zu bytes, but %zu were given",
                   igi_type_print(&t->v.type, NULL, text, sizeof(text)), want, bytes);
}

static ig_status no_strings(ig_dtype dtype)
{
    return dtype == IG_STRING
               ? ig_fail(IG_INVALID_ARGUMENT,
                         "strings cannot be given as bytes: use ig_tensor_new_strings")
               : IG_OK;
}

ig_status ig_tensor_new_copy(ig_tensor **out,
                             ig_dtype dtype,
                             int rank,
                             const int64_t *dims,
                             const void *data,
                             size_t bytes)
{
    ig_tensor *t;
    IG_TRY(check_new(out, rank, dims));
    IG_TRY(no_strings(dtype));
    if (!data && bytes > 0)
        return ig_fail(IG_INVALID_ARGUMENT, "`data` is NULL for %zu bytes", bytes);
    IG_TRY(igi_tensor_header(&t, NULL, dtype, rank, dims));
    ig_status rc = check_bytes(t, bytes); /* before memory is taken */
    if (rc == IG_OK)
        rc = igi_tensor_alloc(t, NULL);
    if (rc != IG_OK) {
        igi_tensor_free(t);
        return rc;
    }
    if (bytes > 0)
        memcpy(t->data, data, bytes);
    *out = t;
    return IG_OK;
}

ig_status ig_tensor_wrap(ig_tensor **out,
                         ig_dtype dtype,
                         int rank,
                         const int64_t *dims,
                         void *data,
                         size_t bytes,
                         ig_deleter deleter,
                         void *user)
{
    ig_tensor *t;
    IG_TRY(check_new(out, rank, dims));
    IG_TRY(no_strings(dtype));
    if (!data && bytes > 0)
        return ig_fail(IG_INVALID_ARGUMENT, "`data` is NULL for %zu bytes", bytes);
    IG_TRY(igi_tensor_header(&t, NULL, dtype, rank, dims));
    ig_status rc = check_bytes(t, bytes);
    if (rc == IG_OK && (uintptr_t)data % igi_dtype_align(dtype) != 0)
        rc = ig_fail(IG_INVALID_ARGUMENT,
                     "memory of %s must be aligned to %zu bytes: copy it instead",
                     ig_dtype_name(dtype), igi_dtype_align(dtype));
    igi_storage *st = rc == IG_OK ? igi_calloc(1, sizeof(*st)) : NULL;
    if (!st) {
        igi_tensor_free(t);
        return rc == IG_OK ? IG_OUT_OF_MEMORY : rc;
    }
    *st = (igi_storage){
        .refs = 1, .bytes = bytes, .data = data, .deleter = deleter, .user = user};
    t->st = st;
    t->data = data;
    *out = t;
    return IG_OK;
}

ig_status ig_tensor_new_strings(ig_tensor **out,
                                int rank,
                                const int64_t *dims,
                                const char *const *strings)
{
    ig_tensor *t;
    IG_TRY(check_new(out, rank, dims));
    IG_TRY(make(&t, IG_STRING, rank, dims));
    int64_t n = igi_tensor_count(t);
    igi_str **s = (igi_str **)(void *)t->data;
    for (int64_t i = 0; i < n; i++) {
        if (!strings || !strings[i]) {
            igi_tensor_free(t);
            return ig_fail(IG_INVALID_ARGUMENT, "string %lld of %lld is NULL",
                           (long long)i, (long long)n);
        }
        if (!strings[i][0])
            continue; /* NULL is the empty string */
        s[i] = igi_str_new(strings[i], strlen(strings[i]));
        if (!s[i]) {
            igi_tensor_free(t);
            return ig_error_status();
        }
    }
    *out = t;
    return IG_OK;
}

ig_dtype ig_tensor_dtype(const ig_tensor *t)
{
    return t ? (ig_dtype)t->v.type.dtype : IG_UNDEFINED;
}

int ig_tensor_rank(const ig_tensor *t)
{
    return t ? t->v.type.rank : 0;
}

const int64_t *ig_tensor_dims(const ig_tensor *t)
{
    return t ? ig_type_dims(&t->v.type) : NULL;
}

int64_t ig_tensor_dim(const ig_tensor *t, int axis)
{
    int64_t i = t ? igi_index(axis, t->v.type.rank) : -1;
    return i < 0 ? -1 : ig_type_dims(&t->v.type)[i];
}

int64_t ig_tensor_numel(const ig_tensor *t)
{
    return t ? igi_tensor_count(t) : 0;
}

const int64_t *ig_tensor_strides(const ig_tensor *t)
{
    return t ? igi_strides(t) : NULL;
}

bool ig_tensor_is_contiguous(const ig_tensor *t)
{
    return t && (t->v.flags & IGI_CONTIGUOUS);
}

size_t ig_tensor_nbytes(const ig_tensor *t)
{
    size_t bytes;
    bool fits =
        t && igi_dtype_bytes((ig_dtype)t->v.type.dtype, igi_tensor_count(t), &bytes);
    return fits ? bytes : 0;
}

void *ig_tensor_data(const ig_tensor *t)
{
    igi_escape_data(t);
    if (t && t->v.flags & IGI_REMOTE) {
        igi_error_clear();
        ig_fail(IG_DEVICE, "the tensor lies on device '%s': use ig_tensor_to_host",
                ig_tensor_device(t));
        return NULL;
    }
    return t ? t->data : NULL;
}

const char *ig_tensor_device(const ig_tensor *t)
{
    const igi_queue *q = t ? igi_queue_of(t) : NULL;
    return q ? q->def->name : "cpu";
}

ig_status ig_tensor_to_host(const ig_tensor *t, ig_tensor **out)
{
    IGI_NEEDS(out);
    igi_error_clear();
    igi_escape_data(t);
    *out = NULL;
    return t ? igi_tensor_readable(out, t)
             : ig_fail(IG_INVALID_ARGUMENT, "the tensor is NULL");
}

/* Data of a contiguous host tensor of that type, else NULL with a message. */
static const void *typed(const ig_tensor *t, ig_dtype dtype)
{
    char text[256];
    igi_error_clear();
    igi_escape_data(t);
    if (!t) {
        ig_fail(IG_INVALID_ARGUMENT, "the tensor is NULL");
        return NULL;
    }
    if (t->v.type.dtype != dtype) {
        ig_fail(IG_INVALID_ARGUMENT, "%s was asked for %s data",
                igi_type_print(&t->v.type, NULL, text, sizeof(text)),
                ig_dtype_name(dtype));
        return NULL;
    }
    if (!(t->v.flags & IGI_CONTIGUOUS) || t->v.device != 0) {
        ig_fail(IG_INVALID_ARGUMENT, "%s is %s: copy it first",
                igi_type_print(&t->v.type, NULL, text, sizeof(text)),
                t->v.device != 0 ? "not in host memory" : "not contiguous");
        return NULL;
    }
    return t->data;
}

const float *ig_tensor_data_f32(const ig_tensor *t)
{
    return typed(t, IG_FLOAT32);
}

const double *ig_tensor_data_f64(const ig_tensor *t)
{
    return typed(t, IG_FLOAT64);
}

const int64_t *ig_tensor_data_i64(const ig_tensor *t)
{
    return typed(t, IG_INT64);
}

const int32_t *ig_tensor_data_i32(const ig_tensor *t)
{
    return typed(t, IG_INT32);
}

const char *ig_tensor_string(const ig_tensor *t, int64_t i)
{
    igi_str *const *s = typed(t, IG_STRING);
    if (!s)
        return NULL;
    if (i < 0 || i >= igi_tensor_count(t)) {
        ig_fail(IG_INVALID_ARGUMENT, "string %lld of %lld does not exist", (long long)i,
                (long long)igi_tensor_count(t));
        return NULL;
    }
    return s[i] ? s[i]->text : "";
}

ig_value *ig_tensor_value(const ig_tensor *t)
{
    return (ig_value *)(uintptr_t)t;
}

ig_tensor *ig_value_tensor(ig_value *v)
{
    return v && v->type.kind == IG_KIND_TENSOR ? (ig_tensor *)v : NULL;
}

ig_kind ig_value_kind(const ig_value *v)
{
    return v ? (ig_kind)v->type.kind : IG_KIND_TENSOR;
}
