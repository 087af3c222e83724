/* The cache of packed constants. One lock also covers `fill`, so that two nets compiled
 * at once pack a weight once. */
#include "graph/runtime/pack.h"

#include <string.h>

#include "graph/core/file.h"
#include "graph/core/map.h"

ig_status igi_packs_init(igi_packs *p)
{
    *p = (igi_packs){0};
    return igi_mutex_init(&p->lock);
}

void igi_packs_fini(igi_packs *p)
{
    for (size_t i = 0; i < p->entries.n; i++) {
        igi_packed *e = &p->entries.p[i];
        igi_type_fini(&e->type);
        igi_storage_unref(e->pin);
        igi_free(e->key);
        igi_free(e->data);
    }
    IGI_VEC_FREE(&p->entries);
    for (size_t i = 0; i < p->sent.n; i++) {
        igi_storage_unref(p->sent.p[i].pin);
        ig_tensor_unref(p->sent.p[i].there);
    }
    IGI_VEC_FREE(&p->sent);
    igi_mutex_fini(&p->lock);
}

static igi_packed *
find(igi_packs *p, uint64_t hash, const ig_tensor *t, const char *key)
{
    for (size_t i = 0; i < p->entries.n; i++) {
        igi_packed *e = &p->entries.p[i];
        if (e->hash == hash && e->source == t->data && strcmp(e->key, key) == 0 &&
            igi_type_equal(&e->type, &t->v.type))
            return e;
    }
    return NULL;
}

static ig_status make(igi_packs *p,
                      uint64_t hash,
                      const ig_kernel_ctx *k,
                      const ig_tensor *t,
                      const char *key,
                      size_t bytes,
                      ig_pack_fn fill,
                      void *user)
{
    if (!IGI_RESERVE(&p->entries, p->entries.n + 1))
        return IG_OUT_OF_MEMORY;
    igi_packed e = {.hash = hash, .source = t->data, .bytes = bytes};
    ig_status rc = igi_type_copy(&e.type, &t->v.type);
    if (rc != IG_OK)
        return rc;
    e.key = igi_strdup(key);
    e.data = igi_alloc(bytes);
    rc = e.key && e.data ? fill(k, e.data, user) : IG_OUT_OF_MEMORY;
    if (rc != IG_OK) {
        igi_type_fini(&e.type);
        igi_free(e.key);
        igi_free(e.data);
        return rc;
    }
    e.pin = igi_storage_ref(t->st);
    p->entries.p[p->entries.n++] = e;
    p->bytes += bytes;
    if (t->st && t->st->flags & IGI_MAPPED) /* can be read again from the file */
        igi_pages_forget(t->data, ig_tensor_nbytes(t));
    return IG_OK;
}

ig_status igi_packs_get(igi_packs *p,
                        const ig_kernel_ctx *k,
                        const ig_tensor *constant,
                        const char *key,
                        size_t bytes,
                        ig_pack_fn fill,
                        void *user,
                        const void **out)
{
    uint64_t hash =
        igi_hash_bytes(key, strlen(key), (uint64_t)(uintptr_t)constant->data);
    ig_status rc = IG_OK;
    igi_mutex_lock(&p->lock);
    igi_packed *e = find(p, hash, constant, key);
    if (e && e->bytes != bytes) {
        rc = ig_fail(IG_INTERNAL, "packed form '%s' is wanted in two sizes", key);
    } else if (!e) {
        rc = make(p, hash, k, constant, key, bytes, fill, user);
        e = rc == IG_OK ? &p->entries.p[p->entries.n - 1] : NULL;
    }
    *out = rc == IG_OK ? e->data : NULL;
    igi_mutex_unlock(&p->lock);
    return rc;
}

const void *igi_pack_input(igi_packs *p,
                           ig_kernel_ctx *k,
                           int port,
                           const char *key,
                           size_t bytes,
                           ig_pack_fn fill,
                           void *user)
{
    const ig_tensor *t = ig_in(k, port);
    const void *out = NULL;
    if (!p || !t || port < 0 || port > 63 || !(k->constants >> port & 1) || !t->st ||
        t->v.flags & IGI_REMOTE)
        (void)ig_kernel_fail(k, IG_INTERNAL, "pack of input %d, which is no constant",
                             port);
    else
        (void)igi_packs_get(p, k, t, key, bytes, fill, user, &out);
    return out;
}

static ig_tensor *find_sent(igi_packs *p, const ig_tensor *t, const igi_queue *q)
{
    for (size_t i = 0; i < p->sent.n; i++) {
        const igi_sent *e = &p->sent.p[i];
        if (e->source == t->data && igi_queue_of(e->there)->def == q->def &&
            igi_type_equal(&e->there->v.type, &t->v.type))
            return e->there;
    }
    return NULL;
}

/* Waited for: other queues read it without asking. */
static ig_status send(igi_packs *p, const ig_tensor *t, igi_queue *q, ig_tensor **out)
{
    if (!IGI_RESERVE(&p->sent, p->sent.n + 1))
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_queue_moved(out, q, NULL, t));
    ig_status rc = igi_queue_wait(q);
    if (rc != IG_OK) {
        ig_tensor_unref(*out);
        return rc;
    }
    (*out)->st->flags |= IGI_READONLY;
    (void)ig_tensor_share(*out);
    p->sent.p[p->sent.n++] = (igi_sent){igi_storage_ref(t->st), t->data, *out};
    if (t->st && t->st->flags & IGI_MAPPED)
        igi_pages_forget(t->data, ig_tensor_nbytes(t));
    return IG_OK;
}

ig_status
igi_packs_sent(igi_packs *p, const ig_tensor *constant, igi_queue *q, ig_tensor **out)
{
    ig_status rc = IG_OK;
    igi_mutex_lock(&p->lock);
    ig_tensor *there = find_sent(p, constant, q);
    if (!there)
        rc = send(p, constant, q, &there);
    *out = rc == IG_OK ? ig_tensor_ref(there) : NULL;
    igi_mutex_unlock(&p->lock);
    return rc;
}
