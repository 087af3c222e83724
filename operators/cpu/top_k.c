/* Float32 TopK with a heap: one pass over a line, and work per element only when it
 * beats the worst of the best so far.
 *
 * A candidate is one integer, so that comparing two is one comparison: the element as a
 * number that orders as floats do (NaN above all, -0 as 0; inverted for the smallest),
 * and below it the inverted position, so that of equal elements the first is larger. */
#include <string.h>

#include <ingot/ops.h>

#include "graph/core/checked.h"
#include "operators/cpu/kernel.h"

enum { POLL = 1 << 15 }; /* elements of a line between two polls */

static int64_t candidate(float v, int64_t at, bool largest)
{
    int32_t bits;
    float plain = v + 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &plain, sizeof(bits));
    int32_t order = v != v ? INT32_MAX : bits ^ ((bits >> 31) & INT32_MAX);
    int64_t high = largest ? order : ~order;
    return (int64_t)((uint64_t)high << 32) | (int64_t)(uint32_t) ~(uint32_t)at;
}

static int64_t position(int64_t c)
{
    return (int64_t)(uint32_t) ~(uint32_t)(uint64_t)c;
}

/* heap[0] is the least of n; puts v in its place. */
static void replace_least(int64_t *heap, int64_t n, int64_t v)
{
    int64_t at = 0, child;
    while ((child = 2 * at + 1) < n) {
        if (child + 1 < n && heap[child + 1] < heap[child])
            child++;
        if (v <= heap[child])
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = v;
}

/* The k best of n, `step` apart; best first. */
static ig_status best_of(ig_kernel_ctx *ctx,
                         const float *x,
                         int64_t n,
                         int64_t step,
                         int64_t k,
                         bool largest,
                         int64_t *heap)
{
    for (int64_t i = 0; i < k; i++) /* all equal to the least possible one */
        heap[i] = INT64_MIN;
    for (int64_t i = 0; i < n; i++) {
        if (i % POLL == 0)
            IG_TRY(ig_poll(ctx));
        int64_t c = candidate(x[i * step], i, largest);
        if (c > heap[0])
            replace_least(heap, k, c);
    }
    for (int64_t left = k - 1; left > 0; left--) { /* the least goes to the end */
        if (left % POLL == 0)
            IG_TRY(ig_poll(ctx));
        int64_t least = heap[0], last = heap[left];
        replace_least(heap, left, last);
        heap[left] = least;
    }
    return IG_OK;
}

typedef struct geometry {
    int64_t n, k, inner, lines;
} geometry;

static const ig_tensor *some_output(const ig_kernel_ctx *k)
{
    return igi_kout(k, 0) ? igi_kout(k, 0) : igi_kout(k, 1);
}

static geometry read_call(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0);
    int rank = igi_krank(x);
    int axis = (int)igi_index(((const ig_top_k_opts *)k->attrs)->axis, rank);
    geometry g = {igi_kdims(x)[axis], igi_kdims(some_output(k))[axis],
                  igi_kcount(x, axis + 1, rank), 0};
    g.lines = igi_kcount(x, 0, axis) * g.inner;
    return g;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    if (!some_output(k))
        return ig_reject("no output");
    geometry g = read_call(k);
    return g.n <= INT32_MAX && g.k >= 1 && g.k <= g.n
               ? IG_OK
               : ig_reject("nothing, or too long");
}

static ig_status prepare(ig_kernel_ctx *k)
{
    k->scratch_bytes = (size_t)read_call(k).k * sizeof(int64_t);
    return IG_OK;
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    bool largest = ((const ig_top_k_opts *)k->attrs)->largest;
    const float *x = igi_kf32(igi_kin(k, 0));
    float *values = igi_kf32(igi_kout(k, 0));
    int64_t *indices = igi_kout(k, 1) ? (int64_t *)(void *)igi_kout(k, 1)->data : NULL;
    int64_t *heap = ig_scratch(k, tid), lo, hi;
    geometry g = read_call(k);
    ig_split(g.lines, IGI_GRAIN / (g.n + 1) + 1, tid, nth, &lo, &hi);
    for (int64_t j = lo; j < hi; j++) {
        const float *from = x + j / g.inner * g.n * g.inner + j % g.inner;
        int64_t to = j / g.inner * g.k * g.inner + j % g.inner;
        IG_TRY(best_of(k, from, g.n, g.inner, g.k, largest, heap));
        for (int64_t i = 0; i < g.k; i++) {
            int64_t at = position(heap[i]);
            if (values)
                values[to + i * g.inner] = from[at * g.inner];
            if (indices)
                indices[to + i * g.inner] = at;
        }
    }
    return IG_OK;
}

IG_KERNELS(top_k) = {
    {IG_KERNEL_HEAD, .op = "TopK", .name = "heap", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = supports, .prepare = prepare,
     .run_team = run},
    {0},
};
