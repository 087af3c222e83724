/* The cache of prepared kernels: linear search over hashes, for it is small. */
#include "graph/runtime/prepared.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/arena.h"
#include "graph/core/map.h"
#include "graph/core/tensor.h"
#include "graph/core/vec.h"
#include "graph/ir/attr.h"

struct igi_prepared_entry {
    const igi_op *op;
    const ig_kernel_def *kernel;
    igi_arena arena; /* of the attributes, which the state may point into */
    void *attrs;
    int64_t *key;
    size_t key_n;
    uint64_t hash, used;
    void *state;
    size_t scratch_bytes;
    int busy;
    bool ready; /* prepare has succeeded */
};

struct igi_prepared {
    igi_prepared_entry *entries[IGI_PREPARED_MAX];
    int n;
    uint64_t clock;
};

typedef IGI_VEC(int64_t) words;

static bool push_tensor(words *w, const ig_tensor *t, bool value)
{
    const ig_type *type = &t->v.type;
    bool contiguous = t->v.flags & IGI_CONTIGUOUS;
    if (!IGI_PUSH(w, type->dtype | type->rank << 8 | contiguous << 24))
        return false;
    for (int i = 0; i < type->rank; i++)
        if (!IGI_PUSH(w, ig_type_dims(type)[i]))
            return false;
    for (int i = 0; i < type->rank && !contiguous; i++)
        if (!IGI_PUSH(w, igi_strides(t)[i]))
            return false;
    int64_t n = igi_tensor_count(t), step = type->rank ? igi_strides(t)[0] : 0;
    const int bits = ig_dtype_bits((ig_dtype)type->dtype);
    if (!value || n > 64 || type->rank > 1 || !t->data || t->v.flags & IGI_REMOTE ||
        type->dtype == IG_STRING || bits < 8 || bits > 64)
        return true;
    for (int64_t i = 0; i < n; i++) {
        int64_t word = 0;
        memcpy(&word, t->data + i * step * (bits / 8), (size_t)bits / 8);
        if (!IGI_PUSH(w, word))
            return false;
    }
    return true;
}

static bool push_value(words *w, const ig_value *v, bool value)
{
    if (!v)
        return IGI_PUSH(w, -1);
    if (v->type.kind != IG_KIND_TENSOR)
        return IGI_PUSH(w, -2 - v->type.kind);
    return push_tensor(w, (const ig_tensor *)v, value);
}

/* Whose state may hold a packed form is told by the constant too. */
static bool push_memory(words *w, const ig_value *v)
{
    const ig_tensor *t = (const ig_tensor *)v;
    return v->type.kind != IG_KIND_TENSOR || IGI_PUSH(w, (int64_t)(intptr_t)t->data);
}

static ig_status
make_key(words *w, const igi_op *op, const ig_kernel_def *d, const ig_kernel_ctx *k)
{
    bool ok = IGI_PUSH(w, (int64_t)(intptr_t)d) && IGI_PUSH(w, k->threads) &&
              IGI_PUSH(w, k->n_in | (int64_t)k->n_out << 32) &&
              IGI_PUSH(w, (int64_t)k->constants);
    for (int i = 0; ok && i < k->n_in; i++) {
        int port = igi_op_in_port(op, k->n_in, k->n_captures, i);
        ok = push_value(w, k->in[i], port >= 0 && op->value_ports >> port & 1) &&
             (i > 63 || !(k->constants >> i & 1) || push_memory(w, k->in[i]));
    }
    for (int i = 0; ok && i < k->n_out; i++)
        ok = push_value(w, k->out[i], false);
    return ok ? IG_OK : IG_OUT_OF_MEMORY;
}

static void free_entry(igi_prepared_entry *e)
{
    if (!e)
        return;
    if (e->ready && e->kernel->unprepare) {
        ig_kernel_ctx k = {.struct_size = sizeof(k),
                           .attrs = e->attrs,
                           .state = e->state,
                           .scratch_bytes = e->scratch_bytes,
                           .op = e->op->def};
        e->kernel->unprepare(&k);
    }
    if (e->attrs)
        igi_attrs_release(e->op->def, e->attrs);
    igi_arena_fini(&e->arena);
    igi_free(e->key);
    igi_free(e);
}

static igi_prepared_entry *find(
    igi_prepared *c, const words *w, uint64_t hash, const igi_op *op, const void *attrs)
{
    for (int i = 0; i < c->n; i++) {
        igi_prepared_entry *e = c->entries[i];
        if (e->hash == hash && e->key_n == w->n &&
            memcmp(e->key, w->p, w->n * sizeof(*w->p)) == 0 &&
            (!e->attrs || igi_attrs_equal(op->def, e->attrs, attrs)))
            return e;
    }
    return NULL;
}

/* Makes room for one more; when every entry is busy the cache stays full and NULL slot
 * says so. */
static igi_prepared_entry **slot_for(igi_prepared *c)
{
    if (c->n < IGI_PREPARED_MAX)
        return &c->entries[c->n++];
    igi_prepared_entry **oldest = NULL;
    for (int i = 0; i < c->n; i++)
        if (!c->entries[i]->busy && (!oldest || c->entries[i]->used < (*oldest)->used))
            oldest = &c->entries[i];
    if (oldest)
        free_entry(*oldest);
    return oldest;
}

static ig_status prepare(igi_prepared_entry *e, ig_kernel_ctx *k)
{
    if (e->op->def->attrs)
        IG_TRY(igi_attrs_copy(&e->arena, e->op->def, k->attrs, &e->attrs));
    const void *attrs = k->attrs;
    k->attrs = e->attrs;
    k->state = NULL;
    k->scratch_bytes = 0;
    ig_status rc = e->kernel->prepare(k);
    k->attrs = attrs;
    e->ready = rc == IG_OK;
    e->state = k->state;
    e->scratch_bytes = (k->scratch_bytes + 63) & ~(size_t)63;
    return rc;
}

ig_status igi_prepared_get(igi_prepared **cache,
                           const igi_op *op,
                           const ig_kernel_def *kernel,
                           ig_kernel_ctx *k,
                           igi_prepared_entry **out)
{
    if (!*cache && !(*cache = igi_calloc(1, sizeof(**cache))))
        return IG_OUT_OF_MEMORY;
    igi_prepared *c = *cache;
    words w = {0};
    ig_status rc = make_key(&w, op, kernel, k);
    if (rc != IG_OK) {
        IGI_VEC_FREE(&w);
        return rc;
    }
    uint64_t seed = op->def->attrs ? igi_attrs_hash(op->def, k->attrs, 1) : 1;
    uint64_t hash = igi_hash_bytes(w.p, w.n * sizeof(*w.p), seed);
    igi_prepared_entry *e = find(c, &w, hash, op, k->attrs);
    if (e) {
        IGI_VEC_FREE(&w);
    } else {
        e = igi_calloc(1, sizeof(*e));
        if (!e) {
            IGI_VEC_FREE(&w);
            return IG_OUT_OF_MEMORY;
        }
        *e = (igi_prepared_entry){
            .op = op, .kernel = kernel, .key = w.p, .key_n = w.n, .hash = hash};
        igi_arena_init(&e->arena);
        rc = prepare(e, k);
        igi_prepared_entry **slot = rc == IG_OK ? slot_for(c) : NULL;
        if (rc == IG_OK && !slot)
            rc = ig_fail(IG_LIMIT, "%d prepared kernels are in use at once",
                         IGI_PREPARED_MAX);
        if (rc != IG_OK) {
            free_entry(e);
            return rc;
        }
        *slot = e;
    }
    e->used = ++c->clock;
    e->busy++;
    k->state = e->state;
    k->scratch_bytes = e->scratch_bytes;
    *out = e;
    return IG_OK;
}

void igi_prepared_put(igi_prepared *cache, igi_prepared_entry *e)
{
    (void)cache;
    e->busy--;
}

void igi_prepared_free(igi_prepared *cache)
{
    if (!cache)
        return;
    for (int i = 0; i < cache->n; i++)
        free_entry(cache->entries[i]);
    igi_free(cache);
}
