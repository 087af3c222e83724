/* Host memory: the only way to the heap.
 *
 * One allocator serves the process, as in SQLite: tensors outlive nets, contexts and
 * threads, so an allocator per object would have to be carried by every header. It may
 * be replaced before first use by ig_allocator_set of <ingot/base.h> (services that
 * count memory, tests that make allocation n fail). Caps on memory are limits of a
 * load, a net or a run, not of the allocator. Blocks are 64-byte aligned; igi_alloc(0)
 * returns a unique block. */
#ifndef GRAPH_CORE_ALLOC_H
#define GRAPH_CORE_ALLOC_H

#include "graph/core/status.h"

/* NULL with an OUT_OF_MEMORY record on failure. Contents of igi_alloc are undefined.
 * The block remembers its size in front of itself, so free and realloc need no size. */
void *igi_alloc(size_t bytes);
void *igi_calloc(size_t count, size_t size); /* zeroed; the product is checked */
void *igi_alloc_array(size_t count, size_t size);
void *igi_realloc(void *p, size_t bytes); /* on failure p stays valid */
void igi_free(void *p);                   /* NULL is harmless */
char *igi_strdup(const char *s);
char *igi_strndup(const char *s, size_t n);

#endif
