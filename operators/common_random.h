/* MT19937 (Matsumoto, Nishimura 1998), the generator behind ONNX's recorded random
 * cases.
 *
 * Used only where a node carries its own seed; otherwise elements hash (seed, draw,
 * index), see igi_random_bits. Seeding and the conversion to double are NumPy's legacy
 * ones. */
#ifndef OPERATORS_COMMON_RANDOM_H
#define OPERATORS_COMMON_RANDOM_H

#include <stdint.h>

typedef struct igi_mt19937 {
    uint32_t word[624];
    int at;
} igi_mt19937;

void igi_mt19937_seed(igi_mt19937 *r, uint32_t seed);
uint32_t igi_mt19937_u32(igi_mt19937 *r);
double igi_mt19937_unit(igi_mt19937 *r); /* [0, 1), 53 bits */

#endif
