/* The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection of 64 bits
 * in which every input bit moves every output bit. Random streams hash counters with
 * it. */
#ifndef GRAPH_CORE_RNG_H
#define GRAPH_CORE_RNG_H

#include <stdint.h>

#define IGI_RNG_STEP 0x9E3779B97F4A7C15ull /* between counters of one stream */

static inline uint64_t igi_mix64(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

#endif
