/* XXH64 after its specification: four lanes of 8 bytes, a mixed tail, an avalanche. */
#include <string.h>

#include "importers/native/format.h"

#define P1 0x9E3779B185EBCA87ull
#define P2 0xC2B2AE3D27D4EB4Full
#define P3 0x165667B19E3779F9ull
#define P4 0x85EBCA77C2B2AE63ull
#define P5 0x27D4EB2F165667C5ull

static uint64_t rotl(uint64_t x, int r)
{
    return (x << r) | (x >> (64 - r));
}

static uint64_t load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static uint64_t lane(uint64_t acc, uint64_t in)
{
    return rotl(acc + in * P2, 31) * P1;
}

static uint64_t merge(uint64_t h, uint64_t acc)
{
    return (h ^ lane(0, acc)) * P1 + P4;
}

static uint64_t stripes(const unsigned char **p, const unsigned char *end)
{
    uint64_t a = P1 + P2, b = P2, c = 0, d = 0 - P1;
    for (; end - *p >= 32; *p += 32) {
        a = lane(a, load64(*p));
        b = lane(b, load64(*p + 8));
        c = lane(c, load64(*p + 16));
        d = lane(d, load64(*p + 24));
    }
    uint64_t h = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
    return merge(merge(merge(merge(h, a), b), c), d);
}

uint64_t igi_xxh64(const void *data, size_t n)
{
    const unsigned char *p = n ? data : (const void *)"", *end = p + n;
    uint64_t h = n >= 32 ? stripes(&p, end) : P5;
    h += (uint64_t)n;
    for (; end - p >= 8; p += 8)
        h = rotl(h ^ lane(0, load64(p)), 27) * P1 + P4;
    if (end - p >= 4) {
        uint32_t v;
        memcpy(&v, p, sizeof(v));
        h = rotl(h ^ v * P1, 23) * P2 + P3;
        p += 4;
    }
    for (; p < end; p++)
        h = rotl(h ^ *p * P5, 11) * P1;
    h = (h ^ (h >> 33)) * P2;
    h = (h ^ (h >> 29)) * P3;
    return h ^ (h >> 32);
}
