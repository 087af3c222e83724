/* Hash map with open addressing and linear probing; removal shifts later entries back,
 * so there are no tombstones. The hash is SipHash-1-3 (Aumasson, Bernstein 2012, with
 * fewer rounds) under a key drawn once per process: names come from files that may be
 * hostile. */
#include "graph/core/map.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct igi_map_slot {
    const char *key; /* NULL: free */
    uint64_t hash;
    uint32_t value;
};

static uint64_t rotate(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

uint64_t igi_hash_bytes(const void *p, size_t n, uint64_t seed)
{
    const unsigned char *b = p;
    uint64_t k1 = rotate(seed, 32) ^ 0x9e3779b97f4a7c15u;
    uint64_t v[4] = {
        seed ^ 0x736f6d6570736575u,
        k1 ^ 0x646f72616e646f6du,
        seed ^ 0x6c7967656e657261u,
        k1 ^ 0x7465646279746573u,
    };
    for (size_t i = 0; i < n / 8; i++) {
        uint64_t m;
        memcpy(&m, b + 8 * i, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)n << 56;
    for (size_t i = n & ~(size_t)7; i < n; i++)
        last |= (uint64_t)b[i] << (8 * (i & 7));
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t igi_hash_seed(void)
{
    /* Drawn by whoever comes first; 0 means not drawn. */
    static _Atomic uint64_t seed;
    uint64_t have = atomic_load_explicit(&seed, memory_order_relaxed);
    if (have)
        return have;
    uint64_t made = 0;
    if (getrandom(&made, sizeof(made), GRND_NONBLOCK) != (ssize_t)sizeof(made)) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t parts[3] = {(uint64_t)now.tv_nsec, (uint64_t)now.tv_sec,
                             (uint64_t)(uintptr_t)&made};
        made = igi_hash_bytes(parts, sizeof(parts), 0);
    }
    made |= 1;
    return atomic_compare_exchange_strong(&seed, &have, made) ? made : have;
}

static struct igi_map_slot *find(const igi_map *m, const char *key, uint64_t hash)
{
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct igi_map_slot *s = &m->slots[i];
        if (!s->key || (s->hash == hash && strcmp(s->key, key) == 0))
            return s;
    }
}

uint32_t igi_map_get(const igi_map *m, const char *key)
{
    if (m->n == 0)
        return 0;
    struct igi_map_slot *s =
        find(m, key, igi_hash_bytes(key, strlen(key), igi_hash_seed()));
    return s->key ? s->value : 0;
}

static ig_status grow(igi_map *m)
{
    igi_map wide = {.cap = m->cap ? m->cap + m->cap : 16};
    wide.slots = igi_calloc(wide.cap, sizeof(*wide.slots));
    if (!wide.slots)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].key)
            *find(&wide, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    }
    wide.n = m->n;
    igi_free(m->slots);
    *m = wide;
    return IG_OK;
}

ig_status igi_map_put(igi_map *m, const char *key, uint32_t value)
{
    if (m->n >= m->cap - m->cap / 4)
        IG_TRY(grow(m));
    uint64_t hash = igi_hash_bytes(key, strlen(key), igi_hash_seed());
    struct igi_map_slot *s = find(m, key, hash);
    if (!s->key) {
        s->key = key;
        s->hash = hash;
        m->n++;
    }
    s->value = value;
    return IG_OK;
}

void igi_map_remove(igi_map *m, const char *key)
{
    if (m->n == 0)
        return;
    struct igi_map_slot *s =
        find(m, key, igi_hash_bytes(key, strlen(key), igi_hash_seed()));
    if (!s->key)
        return;
    size_t mask = m->cap - 1, hole = (size_t)(s - m->slots);
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        /* An entry may fill the hole unless its home lies between the hole and itself.
         */
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct igi_map_slot){0};
    m->n--;
}

void igi_map_fini(igi_map *m)
{
    igi_free(m->slots);
    *m = (igi_map){0};
}
