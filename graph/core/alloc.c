/* Host memory: blocks with their size in front.
 *
 * A block is 64 bytes of header (the size, then nothing) and the caller's bytes, so
 * that the caller's part is 64-byte aligned when the whole block is. The default
 * allocator resizes by copying, because realloc does not keep alignment. */
#include "graph/core/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "graph/core/checked.h"

#define HEADER 64

typedef struct block_head {
    size_t bytes; /* of the caller's part */
    char pad[HEADER - sizeof(size_t)];
} block_head;

_Static_assert(_Alignof(max_align_t) >= sizeof(void *), "room for an address in front");
_Static_assert(sizeof(block_head) == HEADER, "the caller's part must stay aligned");

/* Large blocks begin at a huge page and ask for such pages where they fill them:
 * weights that a convolution streams from memory come a third faster. The address space
 * in front is never touched. */
#define HUGE_PAGE ((size_t)2 << 20)

static size_t alignment_of(size_t bytes)
{
    return bytes >= HUGE_PAGE ? HUGE_PAGE : HEADER;
}

static void advise(char *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_PAGE)
        (void)madvise(p, bytes & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
#else
    (void)p, (void)bytes;
#endif
}

/* malloc and a shift, because aligned_alloc takes the slow road of malloc even for
 * small blocks (some 700 instructions a pair). The address that malloc gave stands in
 * front. */
static void *aligned_new(size_t bytes)
{
    size_t whole, align = alignment_of(bytes);
    if (!igi_add_size(bytes, align, &whole))
        return NULL;
    char *raw = malloc(whole);
    if (!raw)
        return NULL;
    char *p = (char *)(((uintptr_t)raw + align) & ~(uintptr_t)(align - 1));
    ((void **)(void *)p)[-1] = raw;
    advise(p, bytes);
    return p;
}

static void aligned_free(void *p)
{
    if (p)
        free(((void **)p)[-1]);
}

static void *default_resize(void *user, void *p, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    if (new_bytes == 0) {
        aligned_free(p);
        return NULL;
    }
    void *q = aligned_new(new_bytes);
    if (q && p) {
        memcpy(q, p, old_bytes < new_bytes ? old_bytes : new_bytes);
        aligned_free(p);
    }
    return q;
}

/* Process-wide by contract (alloc.h): set before first use, never while objects are
 * alive. */
static ig_allocator current = {default_resize, NULL};

void ig_allocator_set(const ig_allocator *a)
{
    current = a ? *a : (ig_allocator){default_resize, NULL};
}

static void *no_memory(size_t bytes)
{
    ig_fail(IG_OUT_OF_MEMORY, "out of memory: a block of %zu bytes was refused", bytes);
    return NULL;
}

static block_head *head_of(void *p)
{
    return (block_head *)((char *)p - HEADER);
}

void *igi_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX / 2 - HEADER)
        return no_memory(bytes);
    block_head *b = current.resize(current.user, NULL, 0, bytes + HEADER);
    if (!b)
        return no_memory(bytes);
    b->bytes = bytes;
    return (char *)b + HEADER;
}

void *igi_alloc_array(size_t count, size_t size)
{
    size_t bytes;
    return igi_mul_size(count, size, &bytes) ? igi_alloc(bytes) : no_memory(SIZE_MAX);
}

void *igi_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!igi_mul_size(count, size, &bytes))
        return no_memory(SIZE_MAX);
    void *p = igi_alloc(bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

void *igi_realloc(void *p, size_t bytes)
{
    if (!p)
        return igi_alloc(bytes);
    if (bytes > SIZE_MAX / 2 - HEADER)
        return no_memory(bytes);
    block_head *old = head_of(p);
    block_head *b =
        current.resize(current.user, old, old->bytes + HEADER, bytes + HEADER);
    if (!b)
        return no_memory(bytes);
    b->bytes = bytes;
    return (char *)b + HEADER;
}

void igi_free(void *p)
{
    if (!p)
        return;
    block_head *b = head_of(p);
    current.resize(current.user, b, b->bytes + HEADER, 0);
}

char *igi_strndup(const char *s, size_t n)
{
    char *p = n < SIZE_MAX ? igi_alloc(n + 1) : no_memory(n);
    if (!p)
        return NULL;
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}

char *igi_strdup(const char *s)
{
    return igi_strndup(s, strlen(s));
}
