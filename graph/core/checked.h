/* Checked arithmetic: every size that comes from outside is computed here (V2).
 * All functions return false on overflow and leave *out unspecified. */
#ifndef GRAPH_CORE_CHECKED_H
#define GRAPH_CORE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool igi_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool igi_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}
static inline bool igi_mul_i64(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool igi_add_i64(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}
static inline bool igi_sub_i64(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_sub_overflow(a, b, out);
}
/* n rounded up to a multiple of `align`, a power of two. */
static inline bool igi_round_up(size_t n, size_t align, size_t *out)
{
    size_t sum;
    if (!igi_add_size(n, align - 1, &sum))
        return false;
    *out = sum & ~(align - 1);
    return true;
}
/* The one index check (V16): accepts -size..size-1 and returns 0..size-1, else -1. */
static inline int64_t igi_index(int64_t i, int64_t size)
{
    int64_t j = i < 0 ? i + size : i;
    return (uint64_t)j < (uint64_t)size ? j : -1;
}

#endif
