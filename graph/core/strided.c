/* Where the elements of a strided view lie. */
#include "graph/core/checked.h"
#include "graph/core/tensor.h"

bool igi_strided_range(int rank,
                       const int64_t *dims,
                       const int64_t *strides,
                       int64_t offset,
                       int64_t *lo,
                       int64_t *hi)
{
    int64_t span;
    *lo = *hi = offset;
    for (int i = 0; i < rank; i++)
        if (dims[i] == 0 || !igi_mul_i64(dims[i] - 1, strides[i], &span) ||
            !igi_add_i64(span < 0 ? *lo : *hi, span, span < 0 ? lo : hi))
            return false;
    return true;
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

/* Axes from the smallest step on: a step that is longer than all before it can reach
 * never meets them. */
bool igi_strided_overlap(int rank, const int64_t *dims, const int64_t *strides)
{
    uint64_t done = 0;
    int64_t reach = 0, span;
    for (int n = 0; n < rank; n++) {
        int next = -1;
        for (int i = 0; i < rank; i++)
            if (!(done >> i & 1) &&
                (next < 0 || magnitude(strides[i]) < magnitude(strides[next])))
                next = i;
        done |= 1ull << next;
        if (dims[next] == 0)
            return false;
        if (dims[next] == 1)
            continue;
        int64_t step =
            (int64_t)magnitude(strides[next]); /* negative: beyond any memory */
        if (step <= reach || !igi_mul_i64(dims[next] - 1, step, &span) ||
            !igi_add_i64(reach, span, &reach))
            return true;
    }
    return false;
}
