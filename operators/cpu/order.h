/* Floats with their positions as integers that order as the pairs do, and a heap of
 * them. */
#ifndef OPERATORS_CPU_ORDER_H
#define OPERATORS_CPU_ORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The element as a number that orders as floats do (NaN above all, -0 as 0; inverted
 * for the smallest), and below it the inverted position, so that of equal elements the
 * first is larger. */
static inline int64_t igi_candidate(float v, int64_t at, bool largest)
{
    int32_t bits;
    float plain = v + 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &plain, sizeof(bits));
    int32_t order = v != v ? INT32_MAX : bits ^ ((bits >> 31) & INT32_MAX);
    int64_t high = largest ? order : ~order;
    return (int64_t)((uint64_t)high << 32) | (int64_t)(uint32_t) ~(uint32_t)at;
}

static inline int64_t igi_candidate_position(int64_t c)
{
    return (int64_t)(uint32_t) ~(uint32_t)(uint64_t)c;
}

/* heap[at] is the least of its part once v has its place there. */
static inline void igi_heap_put(int64_t *heap, int64_t n, int64_t at, int64_t v)
{
    int64_t child;
    while ((child = 2 * at + 1) < n) {
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (v <= heap[child])
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = v;
}

#endif
