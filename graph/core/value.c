/* Counts of values, sequences, optionals, maps and strings.
 *
 * Nested values are freed with a list of pending ones, linked through `home` (which a
 * dead sequence no longer needs), not by recursion. */
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/pool.h"
#include "graph/core/queue.h"
#include "graph/core/tensor.h"

/* ---- counted strings ---- */

igi_str *igi_str_new(const char *s, size_t n)
{
    if (n > INT32_MAX) {
        ig_fail(IG_LIMIT, "a string of %zu bytes is longer than 2^31 - 1", n);
        return NULL;
    }
    igi_str *p = igi_alloc(sizeof(*p) + n + 1);
    if (!p)
        return NULL;
    p->refs = 1;
    p->length = (uint32_t)n;
    if (n)
        memcpy(p->text, s, n);
    p->text[n] = 0;
    return p;
}

igi_str *igi_str_ref(igi_str *s)
{
    if (s)
        __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void igi_str_unref(igi_str *s)
{
    if (s && __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0)
        igi_free(s);
}

/* ---- counts ---- */

ig_value *ig_value_ref(ig_value *v)
{
    if (v && !(v->flags & (IGI_SHARED | IGI_STATIC)))
        v->refs++;
    else if (v && !(v->flags & IGI_STATIC))
        __atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
    return v;
}

bool igi_value_release_special(ig_value *v)
{
    if (v->flags & IGI_STATIC)
        return false;
    return __atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

ig_value **igi_value_items(const ig_value *v, int64_t *n)
{
    if (v->type.kind == IG_KIND_OPTIONAL) {
        igi_optional *o = (igi_optional *)(uintptr_t)v;
        *n = o->item ? 1 : 0;
        return &o->item;
    }
    const igi_sequence *s = (const igi_sequence *)v; /* or a map, which begins so */
    *n = s->n;
    return s->items;
}

/* Puts a value whose count reached zero on the list, or frees it when it is a tensor.
 */
static void retire(ig_value *v, ig_value **pending)
{
    if (v->type.kind == IG_KIND_TENSOR) {
        igi_tensor_free((ig_tensor *)v);
        return;
    }
    v->home = (igi_pool *)(void *)*pending;
    *pending = v;
}

void ig_value_unref(ig_value *v)
{
    ig_value *pending = NULL;
    if (!igi_value_release(v))
        return;
    retire(v, &pending);
    while (pending) {
        int64_t n;
        ig_value *dead = pending, **items = igi_value_items(dead, &n);
        pending = (ig_value *)(void *)dead->home;
        for (int64_t i = 0; i < n; i++) {
            if (igi_value_release(items[i]))
                retire(items[i], &pending);
        }
        if (dead->type.kind != IG_KIND_OPTIONAL)
            igi_free(items);
        if (dead->type.kind == IG_KIND_MAP) {
            ig_tensor_unref(((igi_dict *)dead)->keys);
            igi_free(((igi_dict *)dead)->sorted);
        }
        igi_type_fini(&dead->type);
        igi_free(dead);
    }
}

ig_tensor *ig_tensor_ref(ig_tensor *t)
{
    ig_value_ref(t ? &t->v : NULL);
    return t;
}

/* A shared header or storage goes to the allocator at its end, from whatever thread, so
 * its tie to the pool is cut now, on the thread that owns the pool. */
static void share_tensor(ig_tensor *t)
{
    if (t->st && !(t->st->flags & IGI_SHARED)) {
        igi_pool_unref(t->st->home);
        t->st->home = NULL;
        t->st->flags |= IGI_SHARED;
    }
    if (!(t->v.flags & IGI_SHARED)) {
        igi_pool_unref(t->v.home);
        t->v.home = NULL;
        t->v.flags |= IGI_SHARED;
    }
}

ig_tensor *ig_tensor_share(ig_tensor *t)
{
    if (t)
        share_tensor(t);
    return t;
}

/* Walks with a stack of (value, next item): types nest at most IGI_NEST_MAX deep. */
ig_value *igi_value_share(ig_value *v)
{
    struct {
        ig_value *v;
        int64_t next;
    } stack[IGI_NEST_MAX + 1];
    int depth = 0;
    if (v && v->type.kind == IG_KIND_TENSOR)
        share_tensor((ig_tensor *)v);
    else if (v)
        stack[depth++].v = v, stack[0].next = 0;
    while (depth > 0) {
        ig_value *at = stack[depth - 1].v;
        int64_t n, i = stack[depth - 1].next++;
        ig_value **items = igi_value_items(at, &n);
        if (at->type.kind == IG_KIND_MAP)
            share_tensor(((igi_dict *)at)->keys);
        at->flags |= IGI_SHARED;
        if (i >= n) {
            depth--;
        } else if (items[i]->type.kind == IG_KIND_TENSOR) {
            share_tensor((ig_tensor *)items[i]);
        } else if (!(items[i]->flags & IGI_SHARED) && depth <= IGI_NEST_MAX) {
            stack[depth].v = items[i];
            stack[depth++].next = 0;
        }
    }
    return v;
}

/* ---- sequences and optionals ---- */

/* ONNX sequences may mix shapes. Where the element type is not known, any fits. */
ig_status igi_items_check(const ig_type *type, ig_value *const *items, int64_t n)
{
    char want[128], have[128];
    for (int64_t i = 0; i < n; i++) {
        const ig_type *a = type->u.elem, *b = items[i] ? &items[i]->type : NULL;
        bool open = a && b && a->kind == b->kind && a->kind == IG_KIND_TENSOR &&
                    a->dtype == IG_UNDEFINED;
        if (a && b && (open || igi_type_same_kind(a, b)))
            continue;
        return ig_fail(IG_INVALID_ARGUMENT, "item %lld is %s and does not fit %s",
                       (long long)i,
                       b ? igi_type_print(b, NULL, have, sizeof(have)) : "NULL",
                       igi_type_print(type, NULL, want, sizeof(want)));
    }
    return IG_OK;
}

static ig_status value_init(ig_value *v, const ig_type *type, ig_kind kind)
{
    if (type->kind != kind || !type->u.elem)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "a %s needs a type of that kind with an element type",
                       kind == IG_KIND_SEQUENCE ? "sequence" : "optional");
    *v = (ig_value){.refs = 1, .flags = IGI_HOLDS};
    return igi_type_copy(&v->type, type);
}

ig_status
igi_sequence_new(ig_value **out, const ig_type *type, ig_value *const *items, int64_t n)
{
    if (type->kind == IG_KIND_SEQUENCE)
        IG_TRY(igi_items_check(type, items, n));
    igi_sequence *s = igi_calloc(1, sizeof(*s));
    ig_value **copy = igi_calloc(n > 0 ? (size_t)n : 1, sizeof(*copy));
    ig_status rc =
        s && copy ? value_init(&s->v, type, IG_KIND_SEQUENCE) : IG_OUT_OF_MEMORY;
    if (rc != IG_OK) {
        igi_free(copy);
        igi_free(s);
        return rc;
    }
    for (int64_t i = 0; i < n; i++)
        copy[i] = ig_value_ref(items[i]);
    s->n = n > 0 ? n : 0;
    s->items = copy;
    *out = &s->v;
    return IG_OK;
}

ig_status igi_optional_new(ig_value **out, const ig_type *type, ig_value *item)
{
    if (item && type->kind == IG_KIND_OPTIONAL)
        IG_TRY(igi_items_check(type, &item, 1));
    igi_optional *o = igi_calloc(1, sizeof(*o));
    ig_status rc = o ? value_init(&o->v, type, IG_KIND_OPTIONAL) : IG_OUT_OF_MEMORY;
    if (rc != IG_OK) {
        igi_free(o);
        return rc;
    }
    o->item = ig_value_ref(item);
    *out = &o->v;
    return IG_OK;
}

ig_status igi_value_empty(ig_value **out, const ig_type *type)
{
    if (type->kind == IG_KIND_OPTIONAL)
        return igi_optional_new(out, type, NULL);
    if (type->kind != IG_KIND_MAP)
        return igi_sequence_new(out, type, NULL, 0);
    const int64_t none = 0;
    ig_tensor *keys = NULL;
    IG_TRY(igi_tensor_make(&keys, NULL, (ig_dtype)type->dtype, 1, &none));
    ig_status rc = igi_dict_new(out, type, keys, NULL);
    ig_tensor_unref(keys);
    return rc;
}

bool igi_value_is_untyped(const ig_value *v)
{
    return ig_value_size(v) == 0 && !igi_type_innermost(&v->type)->dtype;
}

ig_status
igi_value_with(ig_value **out, const ig_value *v, ig_value *const *items, int64_t n)
{
    if (v->type.kind == IG_KIND_OPTIONAL)
        return igi_optional_new(out, &v->type, n ? items[0] : NULL);
    if (v->type.kind != IG_KIND_MAP)
        return igi_sequence_new(out, &v->type, items, n);
    const igi_dict *d = (const igi_dict *)v;
    if (n != d->n)
        return ig_fail(IG_INVALID_ARGUMENT, "%lld values for the %lld keys of a map",
                       (long long)n, (long long)d->n);
    return igi_dict_new(out, &v->type, d->keys, items);
}

#define HEADER_BYTES 256 /* of a tensor with its storage's record, about */

size_t igi_value_bytes(const ig_value *v)
{
    size_t sum = HEADER_BYTES;
    int64_t n;
    if (!v)
        return 0;
    if (v->type.kind == IG_KIND_TENSOR) {
        const ig_tensor *t = (const ig_tensor *)v;
        return t->st ? sum + t->st->bytes : sum;
    }
    if (v->type.kind == IG_KIND_MAP)
        sum += igi_value_bytes(&((const igi_dict *)v)->keys->v);
    ig_value **items = igi_value_items(v, &n);
    for (int64_t i = 0; i < n; i++)
        sum += igi_value_bytes(items[i]);
    return sum;
}

/* Types nest at most IGI_NEST_MAX deep. Keys are never written, so copies share them.
 */
static ig_status copy_value(ig_value **out, const ig_value *v, bool home)
{
    int64_t n, i = 0;
    *out = NULL;
    if (v->type.kind == IG_KIND_TENSOR) {
        ig_tensor **to = (ig_tensor **)out;
        const ig_tensor *t = (const ig_tensor *)v;
        return home ? igi_queue_moved(to, NULL, NULL, t)
                    : igi_tensor_contiguous_copy(to, NULL, t);
    }
    ig_value **items = igi_value_items(v, &n);
    ig_value **copy = igi_calloc((size_t)n + 1, sizeof(*copy));
    ig_status rc = copy ? IG_OK : IG_OUT_OF_MEMORY;
    for (; rc == IG_OK && i < n; i++)
        rc = copy_value(&copy[i], items[i], home);
    if (rc == IG_OK)
        rc = igi_value_with(out, v, copy, n);
    for (int64_t k = 0; copy && k < n; k++)
        ig_value_unref(copy[k]);
    igi_free(copy);
    return rc;
}

ig_status igi_value_copy(ig_value **out, const ig_value *v)
{
    return copy_value(out, v, false);
}

ig_status igi_value_home(ig_value **out, const ig_value *v)
{
    return copy_value(out, v, true);
}

uint16_t igi_value_flags(const ig_value *v)
{
    int64_t n = 0;
    uint16_t flags = v->flags;
    ig_value **items = NULL;
    if (v->type.kind != IG_KIND_TENSOR)
        items = igi_value_items(v, &n);
    for (int64_t i = 0; i < n; i++)
        flags = (uint16_t)(flags | igi_value_flags(items[i]));
    return flags;
}
