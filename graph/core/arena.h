/* Bump arena for objects that die together (a graph, a tape). Not thread-safe. */
#ifndef GRAPH_CORE_ARENA_H
#define GRAPH_CORE_ARENA_H

#include "graph/core/status.h"

typedef struct igi_arena_chunk igi_arena_chunk;
typedef struct igi_arena {
    igi_arena_chunk *chunks;
    char *at, *end;
    size_t total; /* bytes handed out */
} igi_arena;

void igi_arena_init(igi_arena *a);
void igi_arena_fini(igi_arena *a);
void igi_arena_reset(igi_arena *a); /* keeps the first chunk */
/* 16-byte aligned and zeroed; NULL with a record. */
void *igi_arena_alloc(igi_arena *a, size_t bytes);
/* The same without zeroing; `bytes` is a small constant. */
static inline void *igi_arena_raw(igi_arena *a, size_t bytes)
{
    size_t need = (bytes + 15) & ~(size_t)15;
    if ((size_t)(a->end - a->at) < need)
        return igi_arena_alloc(a, bytes);
    void *p = a->at;
    a->at += need;
    a->total += need;
    return p;
}
void *igi_arena_array(igi_arena *a, size_t n, size_t size);
void *igi_arena_dup(igi_arena *a, const void *p, size_t bytes);
char *igi_arena_strdup(igi_arena *a, const char *s);
char *igi_arena_strndup(igi_arena *a, const char *s, size_t n);

#endif
