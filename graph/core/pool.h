/* Pools of tensor headers and small storages of one context: free lists by size class.
 *
 * A pool is counted: tensors may outlive the context that made them; each header names
 * its home. Only the owner thread uses a pool; a SHARED value goes to the allocator
 * instead. */
#ifndef GRAPH_CORE_POOL_H
#define GRAPH_CORE_POOL_H

#include "graph/core/tensor.h"

/* Blocks of 64 << class bytes: 64 .. 8192. */
#define IGI_POOL_CLASSES   8
#define IGI_POOL_BYTES_MAX ((size_t)64 << (IGI_POOL_CLASSES - 1))

typedef struct igi_pool_block {
    struct igi_pool_block *next;
} igi_pool_block;

struct igi_pool {
    int64_t refs; /* the context and every header and storage outside */
    igi_pool_block *headers;
    igi_pool_block *blocks[IGI_POOL_CLASSES];
};

ig_status igi_pool_new(igi_pool **out);
void igi_pool_destroy(igi_pool *p); /* at zero references: frees the lists */
/* A block from the allocator for that list; NULL with a record. */
void *igi_pool_refill(igi_pool *p, size_t bytes);

/* The rest is inline: eager calls take and return two blocks each. */
static inline void igi_pool_unref(igi_pool *p)
{
    if (p && --p->refs == 0)
        igi_pool_destroy(p);
}
/* From a list that is not empty. */
static inline void *igi_pool_pop(igi_pool *p, igi_pool_block **list)
{
    igi_pool_block *b = *list;
    *list = b->next;
    p->refs++;
    return b;
}
static inline void *igi_pool_take(igi_pool *p, igi_pool_block **list, size_t bytes)
{
    return *list ? igi_pool_pop(p, list) : igi_pool_refill(p, bytes);
}
static inline void igi_pool_put(igi_pool *p, igi_pool_block **list, void *block)
{
    igi_pool_block *b = (igi_pool_block *)block;
    b->next = *list;
    *list = b;
    igi_pool_unref(p);
}
/* Class of a block of `bytes`: the least c with 64 << c >= bytes; may be out of range.
 */
static inline int igi_pool_class(size_t bytes)
{
    return bytes <= 64 ? 0 : 58 - __builtin_clzll((unsigned long long)bytes - 1);
}
/* A header-sized block (struct ig_tensor). */
static inline void *igi_pool_header(igi_pool *p)
{
    return igi_pool_take(p, &p->headers, sizeof(struct ig_tensor));
}
static inline void igi_pool_header_put(igi_pool *p, void *block)
{
    igi_pool_put(p, &p->headers, block);
}
/* A block of at least `bytes`, which are at most IGI_POOL_BYTES_MAX. */
static inline void *igi_pool_block_get(igi_pool *p, size_t bytes)
{
    int c = igi_pool_class(bytes);
    return igi_pool_take(p, &p->blocks[c], (size_t)64 << c);
}
static inline void igi_pool_block_put(igi_pool *p, void *block, size_t bytes)
{
    igi_pool_put(p, &p->blocks[igi_pool_class(bytes)], block);
}

#endif
