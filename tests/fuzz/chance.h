/* Choices of generators: from the bytes of a fuzzer as long as there are some, then
 * from a sequence that the seed begins. Equal beginnings give equal choices. */
#ifndef TESTS_FUZZ_CHANCE_H
#define TESTS_FUZZ_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct chance {
    const uint8_t *p, *end; /* of a fuzzer; may be NULL */
    uint64_t state;
} chance;

static inline uint64_t chance_next(chance *r)
{
    if (r->p < r->end) {
        uint64_t v = *r->p++;
        return r->p < r->end ? v | (uint64_t)*r->p++ << 8 : v;
    }
    uint64_t z = r->state += 0x9E3779B97F4A7C15ull; /* SplitMix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

/* 0 .. n - 1; 0 when n is less than 1. */
static inline int chance_below(chance *r, int n)
{
    uint64_t v = chance_next(r);
    return n > 1 ? (int)(v % (uint64_t)n) : 0;
}

/* True once in n. */
static inline bool chance_once_in(chance *r, int n)
{
    return chance_below(r, n) == 0;
}

#endif
