/* Free lists of headers and small storages. Every block came from igi_alloc on its own, so a
 * block may also be given back to the allocator directly: sharing a tensor only cuts its tie
 * to the pool (ig_tensor_share). */
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

void igi_pool_unref(igi_pool *p)
{
    if (!p || --p->refs > 0)
        return;
    free_list(p->headers);
    for (int i = 0; i < IGI_POOL_CLASSES; i++)
        free_list(p->blocks[i]);
    igi_free(p);
}

/* Class of a block of `bytes`: the least c with 64 << c >= bytes; may be out of range. */
static int class_of(size_t bytes)
{
    return bytes <= 64 ? 0 : 58 - __builtin_clzll((unsigned long long)bytes - 1);
}

static void *take(igi_pool *p, igi_pool_block **list, size_t bytes)
{
    igi_pool_block *b = *list;
    if (b)
        *list = b->next;
    else if (!(b = igi_alloc(bytes)))
        return NULL;
    p->refs++;
    return b;
}

static void put(igi_pool *p, igi_pool_block **list, void *block)
{
    igi_pool_block *b = block;
    if (p->refs == 1) { /* the last one: the pool goes, and the block with it */
        igi_free(b);
    } else {
        b->next = *list;
        *list = b;
    }
    igi_pool_unref(p);
}

void *igi_pool_header(igi_pool *p)
{
    return take(p, &p->headers, sizeof(struct ig_tensor));
}

void *igi_pool_block_get(igi_pool *p, size_t bytes)
{
    int c = class_of(bytes);
    if (c >= IGI_POOL_CLASSES) {
        ig_fail(IG_INTERNAL, "a pool has no blocks of %zu bytes", bytes);
        return NULL;
    }
    return take(p, &p->blocks[c], (size_t)64 << c);
}

void igi_pool_header_put(igi_pool *p, void *block)
{
    put(p, &p->headers, block);
}

void igi_pool_block_put(igi_pool *p, void *block, size_t bytes)
{
    put(p, &p->blocks[class_of(bytes)], block);
}
