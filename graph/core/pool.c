/* Free lists of headers and small storages. Every block came from igi_alloc on its own,
 * so a block may also be given back to the allocator directly: sharing a tensor only
 * cuts its tie to the pool (ig_tensor_share). */
#include "graph/core/pool.h"

#include "graph/core/alloc.h"

ig_status igi_pool_new(igi_pool **out)
{
    *out = igi_calloc(1, sizeof(**out));
    if (!*out)
        return IG_OUT_OF_MEMORY;
    (*out)->refs = 1;
    return IG_OK;
}

static void free_list(igi_pool_block *b)
{
    while (b) {
        igi_pool_block *next = b->next;
        igi_free(b);
        b = next;
    }
}

void igi_pool_destroy(igi_pool *p)
{
    free_list(p->headers);
    for (int i = 0; i < IGI_POOL_CLASSES; i++)
        free_list(p->blocks[i]);
    igi_free(p);
}

void *igi_pool_refill(igi_pool *p, size_t bytes)
{
    void *b = igi_alloc(bytes);
    if (b)
        p->refs++;
    return b;
}
