/* Every block stands between two guards and in one list, under a lock: slow and simple.
 */
#include "tools/suite/canary_alloc.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/alloc.h"

#define GUARD   64
#define BYTE    0xc5
#define LARGEST ((size_t)1 << 28) /* tests are small; what asks for more is wrong */

typedef struct guarded {
    struct guarded *next, *prev;
    size_t bytes;
    char pad[GUARD - 3 * sizeof(void *)];
    unsigned char before[GUARD];
} guarded;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static guarded *blocks;
static size_t live;
static unsigned char fill = 0xa5;
static bool broken;

static unsigned char *contents(guarded *b)
{
    return (unsigned char *)(b + 1);
}

static bool whole(guarded *b)
{
    const unsigned char *after = contents(b) + b->bytes;
    for (size_t i = 0; i < GUARD; i++)
        if (b->before[i] != BYTE || after[i] != BYTE)
            return false;
    return true;
}

static guarded *block_new(size_t bytes)
{
    if (bytes > LARGEST)
        return NULL;
    size_t all = (sizeof(guarded) + bytes + GUARD + 63) & ~(size_t)63;
    guarded *b = aligned_alloc(64, all);
    if (!b)
        return NULL;
    memset(b, BYTE, all);
    b->bytes = bytes;
    memset(contents(b), fill, bytes);
    b->prev = NULL;
    b->next = blocks;
    if (blocks)
        blocks->prev = b;
    blocks = b;
    live++;
    return b;
}

static void block_free(guarded *b)
{
    broken = broken || !whole(b);
    if (b->prev)
        b->prev->next = b->next;
    else
        blocks = b->next;
    if (b->next)
        b->next->prev = b->prev;
    live--;
    free(b);
}

static void *resize(void *user, void *p, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    pthread_mutex_lock(&lock);
    guarded *b = new_bytes ? block_new(new_bytes) : NULL;
    if (b && p)
        memcpy(contents(b), p, old_bytes < new_bytes ? old_bytes : new_bytes);
    if (p && (b || !new_bytes))
        block_free((guarded *)p - 1);
    pthread_mutex_unlock(&lock);
    return b ? contents(b) : NULL;
}

void igi_canary_install(void)
{
    static const ig_allocator canary = {resize, NULL};
    ig_allocator_set(&canary);
}

void igi_canary_fill(unsigned char byte)
{
    pthread_mutex_lock(&lock);
    fill = byte;
    pthread_mutex_unlock(&lock);
}

bool igi_canary_check(void)
{
    pthread_mutex_lock(&lock);
    for (guarded *b = blocks; b; b = b->next)
        broken = broken || !whole(b);
    bool ok = !broken;
    broken = false;
    pthread_mutex_unlock(&lock);
    return ok;
}

size_t igi_canary_live(void)
{
    pthread_mutex_lock(&lock);
    size_t n = live;
    pthread_mutex_unlock(&lock);
    return n;
}
