/* Bump arena: a list of chunks, the newest in use; chunk sizes double from 4 KiB to 1
 * MiB, so small arenas stay small and large ones need few blocks. Requests that are
 * larger than a chunk get one of their own. Memory is zeroed when handed out, because a
 * reset reuses it. */
#include "graph/core/arena.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"

#define ALIGN     16
#define CHUNK_MIN 4096
#define CHUNK_MAX ((size_t)1 << 20)

struct igi_arena_chunk {
    igi_arena_chunk *next; /* older */
    size_t bytes;          /* of the data behind this struct */
};

_Static_assert(sizeof(igi_arena_chunk) % ALIGN == 0, "data follows the struct");

void igi_arena_init(igi_arena *a)
{
    *a = (igi_arena){0};
}

void igi_arena_fini(igi_arena *a)
{
    while (a->chunks) {
        igi_arena_chunk *next = a->chunks->next;
        igi_free(a->chunks);
        a->chunks = next;
    }
    *a = (igi_arena){0};
}

void igi_arena_reset(igi_arena *a)
{
    while (a->chunks && a->chunks->next) {
        igi_arena_chunk *next = a->chunks->next;
        igi_free(a->chunks);
        a->chunks = next;
    }
    a->total = 0;
    a->at = a->chunks ? (char *)(a->chunks + 1) : NULL;
    a->end = a->chunks ? a->at + a->chunks->bytes : NULL;
}

static bool add_chunk(igi_arena *a, size_t need)
{
    size_t bytes = a->chunks ? a->chunks->bytes : CHUNK_MIN / 2, whole;
    bytes = bytes < CHUNK_MAX / 2 ? bytes + bytes : CHUNK_MAX;
    bytes = bytes > need ? bytes : need;
    if (!igi_add_size(bytes, sizeof(igi_arena_chunk), &whole)) {
        ig_fail(IG_OUT_OF_MEMORY, "out of memory: %zu bytes from an arena", need);
        return false;
    }
    igi_arena_chunk *c = igi_alloc(whole);
    if (!c)
        return false;
    c->next = a->chunks;
    c->bytes = bytes;
    a->chunks = c;
    a->at = (char *)(c + 1);
    a->end = a->at + bytes;
    return true;
}

void *igi_arena_alloc(igi_arena *a, size_t bytes)
{
    size_t need;
    if (!igi_round_up(bytes ? bytes : 1, ALIGN, &need)) {
        ig_fail(IG_OUT_OF_MEMORY, "out of memory: %zu bytes from an arena", bytes);
        return NULL;
    }
    if ((size_t)(a->end - a->at) < need && !add_chunk(a, need))
        return NULL;
    char *p = a->at;
    a->at += need;
    a->total += need;
    return memset(p, 0, need);
}

void *igi_arena_array(igi_arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (igi_mul_size(n, size, &bytes))
        return igi_arena_alloc(a, bytes);
    ig_fail(IG_OUT_OF_MEMORY, "out of memory: %zu items of %zu bytes", n, size);
    return NULL;
}

void *igi_arena_dup(igi_arena *a, const void *p, size_t bytes)
{
    void *q = igi_arena_alloc(a, bytes);
    return q && bytes ? memcpy(q, p, bytes) : q;
}

char *igi_arena_strndup(igi_arena *a, const char *s, size_t n)
{
    char *q = n < SIZE_MAX ? igi_arena_alloc(a, n + 1) : igi_arena_alloc(a, n);
    return q ? memcpy(q, s, n) : NULL;
}

char *igi_arena_strdup(igi_arena *a, const char *s)
{
    return igi_arena_strndup(a, s, strlen(s));
}
