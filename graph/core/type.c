/* Types of values: dims beyond 8 and element types of sequences are separate blocks.
 * Element types nest at most IGI_NEST_MAX deep (V11), and all walks over them are
 * loops. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "graph/core/sym.h"
#include "graph/core/tensor.h"

static bool has_element(const ig_type *t)
{
    return (t->kind == IG_KIND_SEQUENCE || t->kind == IG_KIND_OPTIONAL ||
            t->kind == IG_KIND_MAP) &&
           t->u.elem;
}

/* One level of nesting is equal: the keys of maps have one type. */
static bool same_level(const ig_type *a, const ig_type *b)
{
    return a->kind == b->kind && (a->kind != IG_KIND_MAP || a->dtype == b->dtype);
}

ig_status igi_type_set(ig_type *t, ig_dtype dtype, int rank, const int64_t *dims)
{
    if (rank < -1 || rank > IG_RANK_MAX)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "rank %d is not between 0 and %d (-1: unknown)", rank,
                       IG_RANK_MAX);
    for (int i = 0; dims && i < rank; i++) {
        if (dims[i] > IGI_DIM_MAX)
            return ig_fail(IG_LIMIT, "dim %d is %lld, the largest is 2^47", i,
                           (long long)dims[i]);
    }
    *t = (ig_type){
        .kind = IG_KIND_TENSOR, .dtype = (uint8_t)dtype, .rank = (int16_t)rank};
    int64_t *to = t->u.dim;
    if (rank > 8) {
        to = igi_alloc_array((size_t)rank, sizeof(*to));
        if (!to) {
            t->rank = -1;
            return IG_OUT_OF_MEMORY;
        }
        t->u.dim_far = to;
    }
    for (int i = 0; i < rank; i++)
        to[i] = dims ? dims[i] : -1;
    return IG_OK;
}

ig_status igi_type_copy(ig_type *dst, const ig_type *src)
{
    ig_type head, *to = &head;
    for (int depth = 0;; depth++) {
        *to = (ig_type){.kind = src->kind, .dtype = src->dtype, .rank = -1};
        if (depth > IGI_NEST_MAX) {
            igi_type_fini(&head);
            return ig_fail(IG_LIMIT,
                           "a type nests sequences, optionals or maps deeper than %d",
                           IGI_NEST_MAX);
        }
        if (!has_element(src))
            break;
        ig_type *elem = igi_calloc(1, sizeof(*elem));
        if (!elem) {
            igi_type_fini(&head);
            return IG_OUT_OF_MEMORY;
        }
        to->rank = src->rank;
        to->u.elem = elem;
        to = elem;
        src = src->u.elem;
    }
    ig_status rc = IG_OK;
    if (src->kind == IG_KIND_TENSOR || src->kind == IG_KIND_SPARSE) {
        uint8_t kind = to->kind;
        rc = igi_type_set(to, (ig_dtype)src->dtype, src->rank, ig_type_dims(src));
        to->kind = kind;
    }
    if (rc != IG_OK) {
        igi_type_fini(&head);
        return rc;
    }
    *dst = head;
    return IG_OK;
}

void igi_type_fini(ig_type *t)
{
    ig_type at = *t;
    while (has_element(&at)) {
        ig_type *elem = (ig_type *)(uintptr_t)at.u.elem;
        at = *elem;
        igi_free(elem);
    }
    if (at.rank > 8)
        igi_free(at.u.dim_far);
    *t = (ig_type){.rank = -1};
}

bool igi_type_equal(const ig_type *a, const ig_type *b)
{
    while (same_level(a, b) && has_element(a) && has_element(b)) {
        a = a->u.elem;
        b = b->u.elem;
    }
    if (a->kind != b->kind || a->dtype != b->dtype || has_element(a) != has_element(b))
        return false;
    if (a->kind != IG_KIND_TENSOR && a->kind != IG_KIND_SPARSE)
        return true;
    if (a->rank != b->rank)
        return false;
    const int64_t *x = ig_type_dims(a), *y = ig_type_dims(b);
    for (int i = 0; i < a->rank; i++) {
        if (x[i] != y[i])
            return false;
    }
    return true;
}

const ig_type *igi_type_innermost(const ig_type *t)
{
    while (has_element(t))
        t = t->u.elem;
    return t;
}

bool igi_type_same_kind(const ig_type *a, const ig_type *b)
{
    while (same_level(a, b) && has_element(a) && has_element(b)) {
        a = a->u.elem;
        b = b->u.elem;
    }
    return a->kind == b->kind && a->dtype == b->dtype &&
           has_element(a) == has_element(b);
}

bool igi_type_weaken(ig_type *t, const ig_type *other)
{
    if (!igi_type_same_kind(t, other))
        return false;
    ig_type *in = (ig_type *)(uintptr_t)igi_type_innermost(t);
    other = igi_type_innermost(other);
    if (in->kind != IG_KIND_TENSOR)
        return true;
    if (in->rank != other->rank) {
        if (in->rank > 8)
            igi_free(in->u.dim_far);
        in->rank = -1;
    }
    int64_t *d = in->rank > 8 ? in->u.dim_far : in->u.dim;
    for (int i = 0; i < in->rank; i++)
        d[i] = d[i] == ig_type_dims(other)[i] ? d[i] : -1;
    return true;
}

/* Appends to buf[size] at *at; what does not fit is cut. */
static void IG_PRINTF(4, 5)
    append(char *buf, size_t size, size_t *at, const char *fmt, ...)
{
    va_list args;
    if (*at + 1 >= size)
        return;
    va_start(args, fmt);
    int n = vsnprintf(buf + *at, size - *at, fmt, args);
    va_end(args);
    *at = n < 0 ? *at : (size_t)n < size - *at ? *at + (size_t)n : size - 1;
}

const char *igi_type_print(const ig_type *t, const ig_symtab *s, char *buf, size_t size)
{
    static const char *const kinds[] = {"", "sequence(", "optional(", "map(",
                                        "sparse("};
    size_t at = 0;
    int open = 0;
    if (size)
        buf[0] = 0;
    for (;; t = t->u.elem) {
        bool known = t->kind < sizeof(kinds) / sizeof(kinds[0]);
        append(buf, size, &at, "%s", known ? kinds[t->kind] : "unknown(");
        if (t->kind == IG_KIND_MAP)
            append(buf, size, &at, "%s,", ig_dtype_name((ig_dtype)t->dtype));
        open += t->kind != IG_KIND_TENSOR;
        if (!has_element(t) || open > IGI_NEST_MAX)
            break;
    }
    if (t->kind == IG_KIND_TENSOR || t->kind == IG_KIND_SPARSE) {
        char dim[128];
        append(buf, size, &at, "%s[", ig_dtype_name((ig_dtype)t->dtype));
        for (int i = 0; i < t->rank; i++)
            append(buf, size, &at, "%s%s", i ? "," : "",
                   igi_dim_print(s, ig_type_dims(t)[i], dim, sizeof(dim)));
        append(buf, size, &at, t->rank < 0 ? "...]" : "]");
    } else {
        append(buf, size, &at, "?");
    }
    for (; open > 0; open--)
        append(buf, size, &at, ")");
    return buf;
}

bool igi_dims_count(int rank, const int64_t *dims, int64_t *out)
{
    int64_t n = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0 || dims[i] > IGI_DIM_MAX)
            return false;
        if (dims[i] == 0)
            empty = true;
        else if (!igi_mul_i64(n, dims[i], &n))
            return false;
    }
    *out = empty ? 0 : n;
    return true;
}

bool igi_dtype_bytes(ig_dtype dtype, int64_t count, size_t *out)
{
    size_t bits = (size_t)ig_dtype_bits(dtype);
    if (count < 0)
        return false;
    if (bits >= 8)
        return igi_mul_size((size_t)count, bits / 8, out);
    size_t per = bits ? 8 / bits : 1;
    *out = (size_t)count / per + ((size_t)count % per != 0);
    return true;
}

/* Dims of size 0 count as 1, so strides say where elements would be. The caller's dims
 * are checked; should their product overflow all the same, it wraps. */
void igi_strides_contiguous(int rank, const int64_t *dims, int64_t *strides)
{
    uint64_t n = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = (int64_t)n;
        n *= dims[i] > 1 ? (uint64_t)dims[i] : 1;
    }
}

bool igi_strides_are_contiguous(int rank, const int64_t *dims, const int64_t *strides)
{
    int64_t n = 1;
    bool ok = true;
    for (int i = rank - 1; i >= 0; i--) {
        if (dims[i] == 0)
            return true;
        if (dims[i] == 1)
            continue;
        ok = ok && strides[i] == n;
        n *= dims[i];
    }
    return ok;
}

ig_status igi_wrapped_type(ig_type *out, ig_kind kind, const ig_type *elem)
{
    ig_type wrapped = {.kind = (uint8_t)kind, .rank = -1, .u.elem = elem};
    IG_TRY(igi_type_copy(out, &wrapped));
    ig_type *in = (ig_type *)(uintptr_t)igi_type_innermost(out);
    if (in->rank > 8)
        igi_free(in->u.dim_far);
    in->rank = -1; /* items may differ in shape */
    return IG_OK;
}
