/* Pools of tensor headers and small storages of one context: free lists by size class.
 *
 * A pool is counted: tensors may outlive the context that made them; each header names its
 * home. Only the owner thread uses a pool; a SHARED value goes to the allocator instead. */
#ifndef GRAPH_CORE_POOL_H
#define GRAPH_CORE_POOL_H

#include "graph/core/tensor.h"

#define IGI_POOL_CLASSES 8 /* blocks of 64 << class bytes: 64 .. 8192 */

typedef struct igi_pool_block {
    struct igi_pool_block *next;
} igi_pool_block;

struct igi_pool {
    int64_t refs; /* the context and every header and storage outside */
    igi_pool_block *headers;
    igi_pool_block *blocks[IGI_POOL_CLASSES];
};

ig_status igi_pool_new(igi_pool **out);
void igi_pool_unref(igi_pool *p); /* frees the lists at zero */
/* A header-sized block (struct ig_tensor), or a storage block of at least `bytes`. */
void *igi_pool_header(igi_pool *p);
void *igi_pool_block_get(igi_pool *p, size_t bytes);
void igi_pool_header_put(igi_pool *p, void *block);
void igi_pool_block_put(igi_pool *p, void *block, size_t bytes);

#endif
