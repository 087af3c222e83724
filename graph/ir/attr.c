/* Attribute structs by table: every function is one loop over the rows. */
#include "graph/ir/attr.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "graph/core/map.h"
#include "graph/ir/graph.h"

void igi_attrs_init(const ig_op_def *op, void *attrs)
{
    if (!op->attrs_size)
        return;
    memset(attrs, 0, op->attrs_size);
    memcpy(attrs, &op->attrs_size, sizeof(op->attrs_size));
    for (const ig_attr_def *a = op->attrs; a && a->name; a++) {
        void *at = igi_attr_at(a, attrs);
        if (a->kind == IG_A_INT || a->kind == IG_A_ENUM || a->kind == IG_A_DTYPE)
            *(int64_t *)at = a->def.i;
        else if (a->kind == IG_A_FLOAT)
            *(float *)at = (float)a->def.f;
        else if (a->kind == IG_A_STRING)
            *(const char **)at = a->def.s;
    }
}

static ig_status range_error(const ig_op_def *op, const ig_attr_def *a, int64_t v)
{
    if (a->max < a->min)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: attribute %s is %" PRId64 ", but must be at least %" PRId64,
                       op->name, a->name, v, a->min);
    return ig_fail(IG_INVALID_ARGUMENT,
                   "%s: attribute %s is %" PRId64 ", allowed are %" PRId64
                   " to %" PRId64,
                   op->name, a->name, v, a->min, a->max);
}

static bool in_range(const ig_attr_def *a, int64_t v)
{
    if (a->min == 0 && a->max == 0)
        return true;
    return v >= a->min && (a->max < a->min || v <= a->max);
}

/* A list that is copied must have its items where it says. */
static ig_status
check_list(const ig_op_def *op, const ig_attr_def *a, int64_t n, const void *v)
{
    if (n < 0 || (n > 0 && !v) || (uint64_t)n > SIZE_MAX / 32)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: attribute %s is a list of %" PRId64 " items%s", op->name,
                       a->name, n, v ? "" : " without memory");
    return IG_OK;
}

static ig_status check_one(const ig_op_def *op, const ig_attr_def *a, const void *at)
{
    switch (a->kind) {
    case IG_A_INT: {
        int64_t v = *(const int64_t *)at;
        return in_range(a, v) ? IG_OK : range_error(op, a, v);
    }
    case IG_A_ENUM: {
        int64_t v = *(const int64_t *)at, n = 0;
        while (a->names[n])
            n++;
        return v >= 0 && v < n
                   ? IG_OK
                   : ig_fail(IG_INVALID_ARGUMENT,
                             "%s: attribute %s has no value number %" PRId64, op->name,
                             a->name, v);
    }
    case IG_A_DTYPE: {
        int64_t v = *(const int64_t *)at;
        return v >= 0 && v < IG_DTYPE_COUNT
                   ? IG_OK
                   : ig_fail(IG_INVALID_ARGUMENT,
                             "%s: attribute %s: %" PRId64 " is no element type",
                             op->name, a->name, v);
    }
    case IG_A_INTS: {
        const ig_ints *l = at;
        IG_TRY(check_list(op, a, l->n, l->v));
        for (int64_t i = 0; i < l->n; i++)
            if (!in_range(a, l->v[i]))
                return range_error(op, a, l->v[i]);
        return IG_OK;
    }
    case IG_A_FLOATS:
        return check_list(op, a, ((const ig_floats *)at)->n,
                          ((const ig_floats *)at)->v);
    case IG_A_STRINGS: {
        const ig_strings *l = at;
        IG_TRY(check_list(op, a, l->n, l->v));
        for (int64_t i = 0; i < l->n; i++)
            if (!l->v[i])
                return ig_fail(IG_INVALID_ARGUMENT,
                               "%s: attribute %s: string %" PRId64 " is NULL", op->name,
                               a->name, i);
        return IG_OK;
    }
    default:
        return IG_OK;
    }
}

/* Absence shows only in kinds that are pointers; ints that must be given have no
 * default. */
bool igi_attr_is_absent(const ig_attr_def *a, const void *at)
{
    switch (a->kind) {
    case IG_A_STRING:
    case IG_A_TENSOR:
    case IG_A_GRAPH:
    case IG_A_TYPE:
        return *(void *const *)at == NULL;
    case IG_A_INTS:
        return ((const ig_ints *)at)->v == NULL;
    case IG_A_FLOATS:
        return ((const ig_floats *)at)->v == NULL;
    case IG_A_STRINGS:
        return ((const ig_strings *)at)->v == NULL;
    case IG_A_DTYPE:
        return *(const int64_t *)at == IG_UNDEFINED;
    default:
        return false;
    }
}

ig_status igi_attrs_check(const ig_op_def *op, const void *attrs)
{
    if (!attrs || !op->attrs_size)
        return IG_OK;
    uint32_t size;
    memcpy(&size, attrs, sizeof(size));
    if (size != op->attrs_size)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: options have struct_size %u, expected %u; start from the "
                       "operator's OPTS_INIT",
                       op->name, size, op->attrs_size);
    for (const ig_attr_def *a = op->attrs; a && a->name; a++) {
        const void *at = igi_attr_at(a, attrs);
        if (a->flags & IG_REQUIRED && igi_attr_is_absent(a, at))
            return ig_fail(IG_INVALID_ARGUMENT, "%s: attribute %s is required",
                           op->name, a->name);
        IG_TRY(check_one(op, a, at));
    }
    return IG_OK;
}

/* ---- copies ---- */

static const void *copy_list(igi_arena *a, const void *v, int64_t n, size_t size)
{
    void *to = igi_arena_array(a, (size_t)n, size);
    return to && n ? memcpy(to, v, (size_t)n * size) : to;
}

/* A type whose memory is all in the arena; symbols belong to some graph and go. */
static const ig_type *copy_type(igi_arena *a, const ig_type *t)
{
    ig_type *copy = igi_arena_dup(a, t, sizeof(*t));
    if (!copy)
        return NULL;
    if (t->kind != IG_KIND_TENSOR && t->kind != IG_KIND_SPARSE) {
        copy->u.elem = t->u.elem ? copy_type(a, t->u.elem) : NULL;
        return copy->u.elem ? copy : NULL;
    }
    if (t->rank > 8) {
        copy->u.dim_far =
            igi_arena_dup(a, t->u.dim_far, (size_t)t->rank * sizeof(int64_t));
        if (!copy->u.dim_far)
            return NULL;
    }
    int64_t *d = t->rank > 8 ? copy->u.dim_far : copy->u.dim;
    for (int i = 0; i < t->rank; i++)
        d[i] = d[i] < 0 ? -1 : d[i];
    return copy;
}

bool igi_attrs_copy_field(igi_arena *a, const ig_attr_def *row, void *at)
{
    switch (row->kind) {
    case IG_A_STRING: {
        const char **s = at;
        return !*s || (*s = igi_arena_strdup(a, *s));
    }
    case IG_A_TYPE: {
        const ig_type **t = at;
        return !*t || (*t = copy_type(a, *t));
    }
    case IG_A_INTS: {
        ig_ints *l = at;
        return !l->v || (l->v = copy_list(a, l->v, l->n, sizeof(*l->v)));
    }
    case IG_A_FLOATS: {
        ig_floats *l = at;
        return !l->v || (l->v = copy_list(a, l->v, l->n, sizeof(*l->v)));
    }
    case IG_A_STRINGS: {
        ig_strings *l = at;
        const char **v = l->v ? igi_arena_array(a, (size_t)l->n, sizeof(*v)) : NULL;
        bool ok = v || !l->v;
        for (int64_t i = 0; ok && v && i < l->n; i++)
            ok = (v[i] = igi_arena_strdup(a, l->v[i])) != NULL;
        l->v = v;
        return ok;
    }
    default:
        return true;
    }
}

ig_status igi_attrs_copy(igi_arena *a, const ig_op_def *op, const void *src, void **out)
{
    *out = NULL;
    if (!op->attrs_size)
        return IG_OK;
    void *copy = igi_arena_alloc(a, op->attrs_size);
    if (!copy)
        return IG_OUT_OF_MEMORY;
    if (src)
        memcpy(copy, src, op->attrs_size);
    else
        igi_attrs_init(op, copy);
    for (const ig_attr_def *row = op->attrs; row && row->name; row++)
        if (!igi_attrs_copy_field(a, row, igi_attr_at(row, copy)))
            return IG_OUT_OF_MEMORY;
    for (const ig_attr_def *row = op->attrs; row && row->name;
         row++) { /* nothing fails now */
        void *at = igi_attr_at(row, copy);
        if (row->kind == IG_A_TENSOR)
            (void)ig_tensor_share(ig_tensor_ref(*(ig_tensor **)at)); /* by threads */
        else if (row->kind == IG_A_GRAPH && *(ig_graph **)at)
            igi_graph_ref(*(ig_graph **)at);
    }
    *out = copy;
    return IG_OK;
}

void igi_attrs_release(const ig_op_def *op, void *attrs)
{
    for (const ig_attr_def *row = op->attrs; attrs && row && row->name; row++) {
        void *at = igi_attr_at(row, attrs);
        if (row->kind == IG_A_TENSOR) {
            ig_tensor_unref(*(ig_tensor **)at);
            *(ig_tensor **)at = NULL;
        } else if (row->kind == IG_A_GRAPH) {
            igi_graph_unref(*(ig_graph **)at);
            *(ig_graph **)at = NULL;
        }
    }
}

/* ---- comparison ---- */

static bool strings_equal(const ig_strings *x, const ig_strings *y)
{
    if (x->n != y->n || !x->v != !y->v)
        return false;
    for (int64_t i = 0; x->v && i < x->n; i++)
        if (strcmp(x->v[i], y->v[i]) != 0)
            return false;
    return true;
}

static bool equal_one(const ig_attr_def *row, const void *x, const void *y)
{
    switch (row->kind) {
    case IG_A_INT:
    case IG_A_ENUM:
    case IG_A_DTYPE:
        return *(const int64_t *)x == *(const int64_t *)y;
    case IG_A_FLOAT:
        return memcmp(x, y, sizeof(float)) ==
               0; /* bits: NaN equals itself, -0 is not 0 */
    case IG_A_STRING: {
        const char *s = *(const char *const *)x, *t = *(const char *const *)y;
        return s == t || (s && t && !strcmp(s, t));
    }
    case IG_A_INTS: {
        const ig_ints *a = x, *b = y;
        return a->n == b->n && !a->v == !b->v &&
               (!a->v || !b->v || !memcmp(a->v, b->v, (size_t)a->n * sizeof(*a->v)));
    }
    case IG_A_FLOATS: {
        const ig_floats *a = x, *b = y;
        return a->n == b->n && !a->v == !b->v &&
               (!a->v || !b->v || !memcmp(a->v, b->v, (size_t)a->n * sizeof(*a->v)));
    }
    case IG_A_STRINGS:
        return strings_equal(x, y);
    case IG_A_TYPE: {
        const ig_type *a = *(const ig_type *const *)x, *b = *(const ig_type *const *)y;
        return a == b || (a && b && igi_type_equal(a, b));
    }
    default:
        return *(void *const *)x == *(void *const *)y; /* the same tensor or graph */
    }
}

bool igi_attrs_equal(const ig_op_def *op, const void *a, const void *b)
{
    for (const ig_attr_def *row = op->attrs; row && row->name; row++)
        if (!equal_one(row, igi_attr_at(row, a), igi_attr_at(row, b)))
            return false;
    return true;
}

bool igi_attrs_equal_but_graphs(const ig_op_def *op, const void *a, const void *b)
{
    for (const ig_attr_def *row = op->attrs; row && row->name; row++)
        if (row->kind != IG_A_GRAPH &&
            !equal_one(row, igi_attr_at(row, a), igi_attr_at(row, b)))
            return false;
    return true;
}

static uint64_t hash_one(const ig_attr_def *row, const void *at, uint64_t h)
{
    switch (row->kind) {
    case IG_A_FLOAT:
        return igi_hash_bytes(at, sizeof(float), h);
    case IG_A_STRING: {
        const char *s = *(const char *const *)at;
        return s ? igi_hash_bytes(s, strlen(s), h) : h;
    }
    case IG_A_INTS: {
        const ig_ints *l = at;
        return igi_hash_bytes(l->v, (size_t)l->n * sizeof(int64_t), h);
    }
    case IG_A_FLOATS: {
        const ig_floats *l = at;
        return igi_hash_bytes(l->v, (size_t)l->n * sizeof(float), h);
    }
    case IG_A_STRINGS: {
        const ig_strings *l = at;
        for (int64_t i = 0; i < l->n; i++)
            h = igi_hash_bytes(l->v[i], strlen(l->v[i]), h);
        return h;
    }
    case IG_A_TYPE: {
        char text[160] = "";
        const ig_type *t = *(const ig_type *const *)at;
        if (t)
            igi_type_print(t, NULL, text, sizeof(text));
        return igi_hash_bytes(text, strlen(text), h);
    }
    default:
        return igi_hash_bytes(at, 8, h);
    }
}

uint64_t igi_attrs_hash(const ig_op_def *op, const void *a, uint64_t seed)
{
    for (const ig_attr_def *row = op->attrs; a && row && row->name; row++)
        seed = hash_one(row, igi_attr_at(row, a), seed);
    return seed;
}

const ig_attr_def *igi_attr_find(const ig_op_def *op, const char *name)
{
    for (const ig_attr_def *row = op->attrs; row && row->name; row++)
        if (!strcmp(row->name, name))
            return row;
    return NULL;
}

/* ---- text ---- */

static bool is_default(const ig_attr_def *row, const void *at)
{
    if (row->kind == IG_A_INT || row->kind == IG_A_ENUM || row->kind == IG_A_DTYPE)
        return *(const int64_t *)at == row->def.i;
    if (row->kind == IG_A_FLOAT)
        return fabsf(*(const float *)at - (float)row->def.f) <= 0.0f;
    if (row->kind == IG_A_STRING && row->def.s && *(const char *const *)at)
        return !strcmp(row->def.s, *(const char *const *)at);
    return igi_attr_is_absent(row, at);
}

/* In quotes, what could end a line or a string as \xNN: attributes come from files. */
static void print_string(const char *s, igi_text *out)
{
    igi_text_add_bytes(out, "\"", 1);
    for (; s && *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
            igi_text_add(out, "\\x%02x", c);
        else
            igi_text_add_bytes(out, s, 1);
    }
    igi_text_add_bytes(out, "\"", 1);
}

static void print_one(const ig_attr_def *row, const void *at, igi_text *out)
{
    char type[256];
    switch (row->kind) {
    case IG_A_INT:
        igi_text_add(out, "%" PRId64, *(const int64_t *)at);
        break;
    case IG_A_DTYPE:
        igi_text_add(out, "%s", ig_dtype_name((ig_dtype) * (const int64_t *)at));
        break;
    case IG_A_ENUM:
        igi_text_add(out, "%s", row->names[*(const int64_t *)at]);
        break;
    case IG_A_FLOAT:
        igi_text_real(out, "%.9g", (double)*(const float *)at);
        break;
    case IG_A_STRING:
        print_string(*(const char *const *)at, out);
        break;
    case IG_A_INTS:
        igi_text_add(out, "[");
        for (int64_t i = 0; i < ((const ig_ints *)at)->n; i++)
            igi_text_add(out, i ? ", %" PRId64 : "%" PRId64,
                         ((const ig_ints *)at)->v[i]);
        igi_text_add(out, "]");
        break;
    case IG_A_FLOATS:
        igi_text_add(out, "[");
        for (int64_t i = 0; i < ((const ig_floats *)at)->n; i++) {
            igi_text_add(out, i ? ", " : "");
            igi_text_real(out, "%.9g", (double)((const ig_floats *)at)->v[i]);
        }
        igi_text_add(out, "]");
        break;
    case IG_A_STRINGS:
        igi_text_add(out, "[");
        for (int64_t i = 0; i < ((const ig_strings *)at)->n; i++) {
            igi_text_add(out, i ? ", " : "");
            print_string(((const ig_strings *)at)->v[i], out);
        }
        igi_text_add(out, "]");
        break;
    case IG_A_TYPE:
        igi_type_print(*(const ig_type *const *)at, NULL, type, sizeof(type));
        igi_text_add(out, "%s", type);
        break;
    case IG_A_TENSOR:
        igi_type_print(&(*(ig_tensor *const *)at)->v.type, NULL, type, sizeof(type));
        igi_text_add(out, "%s", type);
        break;
    default:
        igi_text_add(out, "{graph}");
        break;
    }
}

ig_status igi_attrs_print(const ig_op_def *op, const void *attrs, igi_text *out)
{
    const char *sep = "";
    for (const ig_attr_def *row = op->attrs; attrs && row && row->name; row++) {
        const void *at = igi_attr_at(row, attrs);
        if (is_default(row, at))
            continue;
        igi_text_add(out, "%s%s=", sep, row->name);
        print_one(row, at, out);
        sep = ", ";
    }
    return out->failed ? ig_fail(IG_OUT_OF_MEMORY, "out of memory while printing")
                       : IG_OK;
}
