/* Growth of arrays: capacity doubles, so that pushes cost constant time on average.
 *
 * The pointer is a T * of the caller; it is read and written as bytes, which is the one
 * way that the aliasing rules allow for all T. */
#include "graph/core/vec.h"

#include <string.h>

#include "graph/core/checked.h"

bool igi_vec_grow(void **p, size_t *cap, size_t need, size_t size)
{
    size_t want = *cap < 8 ? 8 : *cap, bytes;
    if (need <= *cap)
        return true;
    if (!igi_add_size(want, *cap, &want) || want < need)
        want = need;
    if (!igi_mul_size(want, size, &bytes)) {
        ig_fail(IG_OUT_OF_MEMORY, "out of memory: %zu items of %zu bytes", want, size);
        return false;
    }
    void *q;
    memcpy(&q, p, sizeof(q));
    q = igi_realloc(q, bytes);
    if (!q)
        return false;
    memcpy(p, &q, sizeof(q));
    *cap = want;
    return true;
}
