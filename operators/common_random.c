// MT19937: a twisted generalised feedback shift register of 624 words with tempering.

#include "operators/common_random.h"

enum { WORDS = 624, SHIFT = 397 };

void igi_mt19937_seed(igi_mt19937 *r, uint32_t seed)
{
    r->word[0] = seed;
    for (uint32_t i = 1; i < WORDS; i++)
        r->word[i] = 1812433253u * (r->word[i - 1] ^ (r->word[i - 1] >> 30)) + i;
    r->at = WORDS;
}

static void twist(igi_mt19937 *r)
{
    for (int i = 0; i < WORDS; i++) {
        uint32_t y =
            (r->word[i] & 0x80000000u) | (r->word[(i + 1) % WORDS] & 0x7fffffffu);
        r->word[i] =
            r->word[(i + SHIFT) % WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    r->at = 0;
}

uint32_t igi_mt19937_u32(igi_mt19937 *r)
{
    if (r->at == WORDS)
        twist(r);
    uint32_t y = r->word[r->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

double igi_mt19937_unit(igi_mt19937 *r)
{
    uint32_t high = igi_mt19937_u32(r) >> 5, low = igi_mt19937_u32(r) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}
