/* TopK of numbers with a heap: one pass over a line, and work per element only when it
 * beats the worst of the best so far.
 *
 * Elements of every type become integers that order as they do (inverted for the
 * smallest), so that there is one heap. A line is read from its beginning, so an
 * element only gets in when it is better than the worst: of equal ones the first is
 * there already. */
#include <ingot/ops.h>

#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "operators/cpu/kernel.h"

enum {
    POLL = 1 << 15, /* elements of a line between two polls */
    SMALL = 2048    /* candidates of a heap that is not deep */
};

/* ---- keys ---- */

typedef struct line {
    const void *x;
    int64_t step;
    igi_key type;
    int64_t flip; /* -1 inverts the order, 0 does not */
} line;

#define KEY_OF(name_, T_, key_)                                                        \
    static int64_t key_##name_(const void *x, int64_t i)                               \
    {                                                                                  \
        return key_(T_, ((const T_ *)x)[i]);                                           \
    }
IGI_KEY_ROWS(KEY_OF)
#define KEY_ROW(name_, T_, key_) key_##name_,
static int64_t (*const key_of[IGI_KEY_COUNT])(const void *x,
                                              int64_t i) = {IGI_KEY_ROWS(KEY_ROW)};

static igi_key key_type(int dtype)
{
    static const uint8_t type[] = {
        [IG_INT8] = IGI_KEY_I8,       [IG_INT16] = IGI_KEY_I16,
        [IG_INT32] = IGI_KEY_I32,     [IG_INT64] = IGI_KEY_I64,
        [IG_UINT8] = IGI_KEY_U8,      [IG_UINT16] = IGI_KEY_U16,
        [IG_UINT32] = IGI_KEY_U32,    [IG_UINT64] = IGI_KEY_U64,
        [IG_FLOAT16] = IGI_KEY_F16,   [IG_FLOAT32] = IGI_KEY_F32,
        [IG_BFLOAT16] = IGI_KEY_BF16, [IG_FLOAT64] = IGI_KEY_F64,
    };
    return (igi_key)type[dtype];
}

static int64_t key_at(const line *l, int64_t i)
{
    return key_of[l->type](l->x, i * l->step) ^ l->flip;
}

/* The first of [i, n) whose key is above `than`, or n. */
static int64_t next_above(const line *l, int64_t i, int64_t n, int64_t than)
{
    if (l->step == 1)
        return igi_cpu_isa_best()->key_above[l->type](l->x, i, n, l->flip, than);
    while (i < n && key_at(l, i) <= than)
        i++;
    return i;
}

/* ---- the heap ---- */

typedef struct candidate {
    int64_t key, at;
} candidate;

static inline bool worse(const candidate *a, const candidate *b)
{
    return (a->key < b->key) | ((a->key == b->key) & (a->at > b->at));
}

/* Puts v where heap[at] was, whose children are heaps. */
static void put_small(candidate *heap, int64_t n, int64_t at, candidate v)
{
    int64_t child;
    while ((child = 2 * at + 1) < n) {
        if (child + 1 < n && worse(&heap[child + 1], &heap[child]))
            child++;
        if (!worse(&heap[child], &v))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = v;
}

/* The same for deep heaps, whose branches nobody could predict: the hole goes down to a
 * leaf by one choice a level, and v, which mostly belongs near there, up again. */
static void put_large(candidate *heap, int64_t n, int64_t at, candidate v)
{
    const int64_t top = at;
    int64_t child;
    while ((child = 2 * at + 2) < n) {
        child -= worse(&heap[child - 1], &heap[child]);
        heap[at] = heap[child];
        at = child;
    }
    if (child == n) {
        heap[at] = heap[n - 1];
        at = n - 1;
    }
    for (int64_t up; at > top && worse(&v, &heap[up = (at - 1) / 2]); at = up)
        heap[at] = heap[up];
    heap[at] = v;
}

static inline void put(candidate *heap, int64_t n, int64_t at, candidate v)
{
    (n <= SMALL ? put_small : put_large)(heap, n, at, v);
}

/* The k best of n, best first. heap[0] is the worst of the best so far. */
static ig_status
best_of(ig_kernel_ctx *ctx, const line *l, int64_t n, int64_t k, candidate *heap)
{
    int64_t left = POLL;
    for (int64_t i = 0; i < k; i++)
        heap[i] = (candidate){key_at(l, i), i};
    for (int64_t i = k / 2 - 1; i >= 0; i--) {
        IG_TRY(igi_kpace(ctx, &left, 16));
        put(heap, k, i, heap[i]);
    }
    for (int64_t i = k; i < n;) {
        const int64_t end = n - i < POLL ? n : i + POLL;
        IG_TRY(ig_poll(ctx));
        while ((i = next_above(l, i, end, heap[0].key)) < end) {
            put(heap, k, 0, (candidate){key_at(l, i), i});
            i++;
        }
    }
    for (int64_t last = k - 1; last > 0; last--) { /* the worst goes to the end */
        IG_TRY(igi_kpace(ctx, &left, 16));
        const candidate worst = heap[0], v = heap[last];
        put(heap, last, 0, v);
        heap[last] = worst;
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
    return g.k >= 1 && g.k <= g.n ? IG_OK : ig_reject("nothing is wanted");
}

static ig_status prepare(ig_kernel_ctx *k)
{
    k->scratch_bytes = (size_t)read_call(k).k * sizeof(candidate);
    return IG_OK;
}

/* dst[to + i * step] = src[heap[i].at * step] */
#define PUT(T_)                                                                        \
    for (int64_t i = 0; i < k; i++)                                                    \
        ((T_ *)dst)[to + i * step] = ((const T_ *)src)[heap[i].at * step];             \
    break;

static void put_values(size_t element,
                       void *dst,
                       int64_t to,
                       const void *src,
                       int64_t step,
                       const candidate *heap,
                       int64_t k)
{
    switch (element) {
    case 1:
        PUT(uint8_t)
    case 2:
        PUT(uint16_t)
    case 4:
        PUT(uint32_t)
    default:
        PUT(uint64_t)
    }
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *values = igi_kout(k, 0);
    int64_t *indices = igi_kout(k, 1) ? (int64_t *)(void *)igi_kout(k, 1)->data : NULL;
    const size_t element = (size_t)ig_dtype_bits((ig_dtype)x->v.type.dtype) / 8;
    candidate *heap = ig_scratch(k, tid);
    int64_t lo, hi;
    geometry g = read_call(k);
    line l = {.step = g.inner,
              .type = key_type(x->v.type.dtype),
              .flip = ((const ig_top_k_opts *)k->attrs)->largest ? 0 : -1};
    ig_split(g.lines, IGI_GRAIN / (g.n + 1) + 1, tid, nth, &lo, &hi);
    for (int64_t j = lo; j < hi; j++) {
        const int64_t from = j / g.inner * g.n * g.inner + j % g.inner;
        const int64_t to = j / g.inner * g.k * g.inner + j % g.inner;
        l.x = (const char *)x->data + (size_t)from * element;
        IG_TRY(best_of(k, &l, g.n, g.k, heap));
        if (values)
            put_values(element, values->data, to, l.x, g.inner, heap, g.k);
        for (int64_t i = 0; indices && i < g.k; i++)
            indices[to + i * g.inner] = heap[i].at;
    }
    return IG_OK;
}

IG_KERNELS(top_k) = {
    {IG_KERNEL_HEAD, .op = "TopK", .name = "heap", .types = IG_NUMERIC,
     .needs = IG_NEED_NONEMPTY, .supports = supports, .prepare = prepare,
     .run_team = run},
    {0},
};
