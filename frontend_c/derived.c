#include "frontend_c/derived.h"

#include <string.h>

#include "graph/core/alloc.h"

#define DERIVED 64

struct igi_derived {
    struct entry {
        ig_graph *body, *made; /* counted */
        igi_derive_fn make;
        void *key;
        size_t key_bytes;
        uint64_t used;
    } entry[DERIVED];
    uint64_t clock;
};

static void entry_clear(struct entry *e)
{
    igi_graph_unref(e->body);
    igi_graph_unref(e->made);
    igi_free(e->key);
    *e = (struct entry){0};
}

void igi_derived_free(igi_derived *d)
{
    for (int i = 0; d && i < DERIVED; i++)
        entry_clear(&d->entry[i]);
    igi_free(d);
}

/* Other contexts may use the same body: it gets symbols of its own. */
static ig_status derive(struct entry *e,
                        const ig_graph *body,
                        igi_derive_fn make,
                        const void *key,
                        size_t key_bytes)
{
    igi_derive d = {.gradient = ig_graph_gradient};
    IG_TRY(body ? igi_symtab_copy(&d.syms, body->syms) : igi_symtab_new(&d.syms));
    ig_status rc = make(&d, body, key, &e->made);
    igi_symtab_unref(d.syms);
    IG_TRY(rc);
    e->key = igi_alloc(key_bytes);
    if (!e->key) {
        entry_clear(e);
        return IG_OUT_OF_MEMORY;
    }
    memcpy(e->key, key, key_bytes);
    e->key_bytes = key_bytes;
    e->make = make;
    e->body = igi_graph_ref((ig_graph *)(uintptr_t)body);
    return IG_OK;
}

ig_graph *igi_derived_eager(ig_grad *g,
                            const ig_graph *body,
                            igi_derive_fn make,
                            const void *key,
                            size_t key_bytes)
{
    igi_derived **cache = g->cache;
    if (!*cache && !(*cache = igi_calloc(1, sizeof(**cache))))
        return NULL;
    igi_derived *d = *cache;
    struct entry *oldest = &d->entry[0];
    for (int i = 0; i < DERIVED; i++) {
        struct entry *e = &d->entry[i];
        if (e->made && e->body == body && e->make == make &&
            e->key_bytes == key_bytes && !memcmp(e->key, key, key_bytes)) {
            e->used = ++d->clock;
            return e->made;
        }
        if (e->used < oldest->used)
            oldest = e;
    }
    entry_clear(oldest);
    if (derive(oldest, body, make, key, key_bytes) != IG_OK)
        return NULL;
    oldest->used = ++d->clock;
    return oldest->made;
}
