/* Strided copies of any element type.
 *
 * Axes of size 1 are dropped, the others ordered so that writes run through memory, and
 * neighbours that continue each other are merged. Then an odometer walks all axes but
 * the last two; a plane of two axes is copied row by row, or in tiles when reading runs
 * across rows (transposes), because each cache line read must serve several rows. */
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/tensor.h"

typedef struct axis {
    int64_t n, dst, src; /* size and strides in elements */
} axis;

typedef struct plan {
    int rank;
    axis ax[IG_RANK_MAX]; /* outermost first */
} plan;

static int64_t magnitude(int64_t v)
{
    return v < 0 ? -v : v;
}

/* Is axis a to be outside of axis b? */
static bool outside(const axis *a, const axis *b)
{
    int64_t da = magnitude(a->dst), db = magnitude(b->dst);
    return da != db ? da > db : magnitude(a->src) > magnitude(b->src);
}

/* False when there is nothing to copy. */
static bool make_plan(
    plan *p, int rank, const int64_t *dims, const int64_t *dst, const int64_t *src)
{
    p->rank = 0;
    for (int i = 0; i < rank; i++) {
        if (dims[i] <= 0)
            return false;
        if (dims[i] == 1)
            continue;
        axis a = {dims[i], dst[i], src[i]};
        int at = p->rank++;
        for (; at > 0 && outside(&a, &p->ax[at - 1]); at--)
            p->ax[at] = p->ax[at - 1];
        p->ax[at] = a;
    }
    int n = 0;
    for (int i = 0; i < p->rank; i++) {
        axis *last = n > 0 ? &p->ax[n - 1] : NULL, a = p->ax[i];
        if (last && last->dst == a.n * a.dst && last->src == a.n * a.src)
            *last = (axis){last->n * a.n, a.dst, a.src};
        else
            p->ax[n++] = a;
    }
    p->rank = n;
    while (p->rank < 2) { /* planes have two axes */
        memmove(p->ax + 1, p->ax, (size_t)p->rank * sizeof(axis));
        p->ax[0] = (axis){1, 0, 0};
        p->rank++;
    }
    return true;
}

typedef void (*row_fn)(void *dst,
                       int64_t d,
                       int64_t dn,
                       const void *src,
                       int64_t s,
                       int64_t sn,
                       int64_t n);

#define ROW(name_, T_)                                                                 \
    static void name_(void *dst, int64_t d, int64_t dn, const void *src, int64_t s,    \
                      int64_t sn, int64_t n)                                           \
    {                                                                                  \
        T_ *to = (T_ *)dst + d;                                                        \
        const T_ *from = (const T_ *)src + s;                                          \
        const T_ first = *from;                                                        \
        for (int64_t i = 0; sn == 0 && dn == 1 && i < n; i++) /* an expansion */       \
            to[i] = first;                                                             \
        for (int64_t i = 0; (sn != 0 || dn != 1) && i < n; i++)                        \
            to[i * dn] = from[i * sn];                                                 \
    }
typedef struct bytes16 {
    uint64_t v[2];
} bytes16;
ROW(row8, uint8_t)
ROW(row16, uint16_t)
ROW(row32, uint32_t)
ROW(row64, uint64_t)
ROW(row128, bytes16)

static void row_string(
    void *dst, int64_t d, int64_t dn, const void *src, int64_t s, int64_t sn, int64_t n)
{
    igi_str **to = (igi_str **)dst + d;
    igi_str *const *from = (igi_str *const *)src + s;
    for (int64_t i = 0; i < n; i++) {
        igi_str *old = to[i * dn];
        to[i * dn] = igi_str_ref(from[i * sn]);
        igi_str_unref(old);
    }
}

#define ROW_PACKED(name_, bits_)                                                       \
    static void name_(void *dst, int64_t d, int64_t dn, const void *src, int64_t s,    \
                      int64_t sn, int64_t n)                                           \
    {                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                \
            igi_packed_set(dst, d + i * dn, bits_,                                     \
                           igi_packed_get(src, s + i * sn, bits_));                    \
    }
ROW_PACKED(row4, 4)
ROW_PACKED(row2, 2)

static row_fn row_of(ig_dtype dtype)
{
    if (dtype == IG_STRING)
        return row_string;
    switch (ig_dtype_bits(dtype)) {
    case 2:
        return row2;
    case 4:
        return row4;
    case 8:
        return row8;
    case 16:
        return row16;
    case 32:
        return row32;
    case 64:
        return row64;
    case 128:
        return row128;
    default:
        return NULL;
    }
}

typedef struct mover {
    row_fn row;
    size_t bytes; /* of an element that memcpy may move; 0: packed or counted */
    void *dst;
    const void *src;
} mover;

static void copy_row(const mover *m, const axis *a, int64_t d, int64_t s)
{
    if (a->dst == 1 && a->src == 1 && m->bytes)
        memcpy((char *)m->dst + (size_t)d * m->bytes,
               (const char *)m->src + (size_t)s * m->bytes, (size_t)a->n * m->bytes);
    else
        m->row(m->dst, d, a->dst, m->src, s, a->src, a->n);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#define TILE 32

static void
copy_plane(const mover *m, const axis *rows, const axis *cols, int64_t d, int64_t s)
{
    bool across =
        magnitude(cols->src) > magnitude(rows->src) && rows->n > 4 && rows->src;
    if (!across) {
        for (int64_t i = 0; i < rows->n; i++)
            copy_row(m, cols, d + i * rows->dst, s + i * rows->src);
        return;
    }
    for (int64_t c = 0; c < cols->n; c += TILE) {
        axis part = {smaller(TILE, cols->n - c), cols->dst, cols->src};
        for (int64_t i = 0; i < rows->n; i++)
            copy_row(m, &part, d + c * cols->dst + i * rows->dst,
                     s + c * cols->src + i * rows->src);
    }
}

void igi_copy_nd(ig_dtype dtype,
                 int rank,
                 const int64_t *dims,
                 void *dst,
                 int64_t dst_off,
                 const int64_t *dst_stride,
                 const void *src,
                 int64_t src_off,
                 const int64_t *src_stride)
{
    plan p;
    int bits = ig_dtype_bits(dtype);
    mover m = {row_of(dtype), dtype == IG_STRING ? 0 : (size_t)bits / 8, dst, src};
    if (!m.row || !make_plan(&p, rank, dims, dst_stride, src_stride))
        return;
    int64_t index[IG_RANK_MAX] = {0}, d = dst_off, s = src_off;
    const axis *rows = &p.ax[p.rank - 2], *cols = &p.ax[p.rank - 1];
    for (;;) {
        copy_plane(&m, rows, cols, d, s);
        int i = p.rank - 3;
        for (; i >= 0; i--) { /* the odometer of the outer axes */
            d += p.ax[i].dst;
            s += p.ax[i].src;
            if (++index[i] < p.ax[i].n)
                break;
            d -= p.ax[i].n * p.ax[i].dst;
            s -= p.ax[i].n * p.ax[i].src;
            index[i] = 0;
        }
        if (i < 0)
            return;
    }
}
