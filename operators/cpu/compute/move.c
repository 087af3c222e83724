/* Movement of elements of any size as bytes.
 *
 * igi_cpu_copy_nd drops axes of size 1, orders the others by the stride of the
 * destination, merges neighbours that are one run on both sides, and then treats the
 * innermost one or two axes as a unit: a run of bytes, a 2-D transpose, or a strided
 * line. An odometer walks the rest. Sizes of 1, 2, 4, 8 and 16 bytes go through memcpy
 * of constant size, which compiles to one move and is free of aliasing rules. */
#include "operators/cpu/compute.h"

#include <ingot/base.h>
#include <string.h>

/* Runs STATEMENT_(SIZE) with the element's size as a constant where it is a usual one.
 */
#define ELEMENT_SWITCH(size_, statement_)                                              \
    switch (size_) {                                                                   \
    case 1:                                                                            \
        statement_((size_t)1);                                                         \
        break;                                                                         \
    case 2:                                                                            \
        statement_((size_t)2);                                                         \
        break;                                                                         \
    case 4:                                                                            \
        statement_((size_t)4);                                                         \
        break;                                                                         \
    case 8:                                                                            \
        statement_((size_t)8);                                                         \
        break;                                                                         \
    case 16:                                                                           \
        statement_((size_t)16);                                                        \
        break;                                                                         \
    default:                                                                           \
        statement_(size_);                                                             \
        break;                                                                         \
    }

static inline __attribute__((always_inline)) void copy_line(const size_t size,
                                                            char *dst,
                                                            int64_t dst_step,
                                                            const char *src,
                                                            int64_t src_step,
                                                            int64_t n)
{
    const int64_t bytes = (int64_t)size;
    for (int64_t i = 0; i < n; i++)
        memcpy(dst + i * dst_step * bytes, src + i * src_step * bytes, size);
}

void igi_copy_strided(size_t element,
                      void *dst,
                      int64_t dst_step,
                      const void *src,
                      int64_t src_step,
                      int64_t n)
{
    if (n > 0 && dst_step == 1 && src_step == 1) {
        memcpy(dst, src, (size_t)n * element);
        return;
    }
#define LINE(size_) copy_line(size_, dst, dst_step, src, src_step, n)
    ELEMENT_SWITCH(element, LINE)
#undef LINE
}

typedef struct matrix_copy {
    char *dst;
    int64_t ld_dst;
    const char *src;
    int64_t ld_src;
    int64_t rows, cols;
} matrix_copy;

/* Blocks of 16 x 16: whole lines of both sides stay in L1. */
static inline __attribute__((always_inline)) void transpose_blocks(const size_t size,
                                                                   const matrix_copy *m)
{
    enum { BLOCK = 16 };
    const int64_t bytes = (int64_t)size;
    for (int64_t r = 0; r < m->rows; r += BLOCK) {
        const int64_t nr = m->rows - r < BLOCK ? m->rows - r : BLOCK;
        for (int64_t c = 0; c < m->cols; c += BLOCK) {
            const int64_t nc = m->cols - c < BLOCK ? m->cols - c : BLOCK;
            for (int64_t j = c; j < c + nc; j++) {
                char *d = m->dst + (j * m->ld_dst + r) * bytes;
                const char *s = m->src + (r * m->ld_src + j) * bytes;
                for (int64_t i = 0; i < nr; i++)
                    memcpy(d + i * bytes, s + i * m->ld_src * bytes, size);
            }
        }
    }
}

void igi_transpose_2d(const igi_cpu_isa *isa,
                      size_t element,
                      void *dst,
                      int64_t ld_dst,
                      const void *src,
                      int64_t ld_src,
                      int64_t rows,
                      int64_t cols)
{
    /* The register tiles read and write floats: only where their alignment allows. */
    const bool aligned = ((uintptr_t)dst | (uintptr_t)src) % sizeof(float) == 0;
    if (element == sizeof(float) && aligned) {
        isa->transpose_32(dst, ld_dst, src, ld_src, rows, cols);
        return;
    }
    const matrix_copy m = {.dst = dst,
                           .ld_dst = ld_dst,
                           .src = src,
                           .ld_src = ld_src,
                           .rows = rows,
                           .cols = cols};
#define BLOCKS(size_) transpose_blocks(size_, &m)
    ELEMENT_SWITCH(element, BLOCKS)
#undef BLOCKS
}

typedef struct axis {
    int64_t n, d, s; /* size, strides of destination and source in elements */
} axis;

static int64_t magnitude(int64_t x)
{
    return x < 0 ? -x : x;
}

/* Axes of size > 1 by falling stride of the destination, merged. Returns their number,
 * or -1 when there is nothing to copy. */
static int simplify(const igi_copy *c, axis *out)
{
    int n = 0;
    for (int i = 0; i < c->rank; i++) {
        if (c->dims[i] <= 0)
            return -1;
        if (c->dims[i] == 1)
            continue;
        const axis a = {c->dims[i], c->dst_strides[i], c->src_strides[i]};
        int at = n++;
        for (; at > 0 && magnitude(out[at - 1].d) < magnitude(a.d); at--)
            out[at] = out[at - 1];
        out[at] = a;
    }
    int kept = 0;
    for (int i = 0; i < n; i++) {
        axis *p = kept > 0 ? &out[kept - 1] : NULL;
        if (p && p->d == out[i].n * out[i].d && p->s == out[i].n * out[i].s)
            *p = (axis){p->n * out[i].n, out[i].d, out[i].s};
        else
            out[kept++] = out[i];
    }
    return kept;
}

/* Takes the axis along which the source is adjacent out of the outer ones, so that it
 * forms a transpose with the last axis. Returns whether there was one. */
static bool take_transposed(axis *axes, int *count, axis *out)
{
    const axis *inner = &axes[*count - 1];
    if (inner->d != 1 || inner->s <= 1)
        return false;
    for (int i = *count - 2; i >= 0; i--) {
        if (axes[i].s != 1 || axes[i].d <= 0)
            continue;
        *out = axes[i];
        for (int j = i; j + 1 < *count; j++)
            axes[j] = axes[j + 1];
        --*count;
        return true;
    }
    return false;
}

/* Advances the odometer over axes[0..count); false when it has been all around. */
static bool next_index(const axis *axes,
                       int count,
                       int64_t *index,
                       size_t element,
                       char **dst,
                       const char **src)
{
    const int64_t bytes = (int64_t)element;
    for (int i = count - 1; i >= 0; i--) {
        *dst += axes[i].d * bytes;
        *src += axes[i].s * bytes;
        if (++index[i] < axes[i].n)
            return true;
        *dst -= axes[i].n * axes[i].d * bytes;
        *src -= axes[i].n * axes[i].s * bytes;
        index[i] = 0;
    }
    return false;
}

void igi_cpu_copy_nd(const igi_cpu_isa *isa, const igi_copy *copy)
{
    axis axes[IG_RANK_MAX];
    int count = simplify(copy, axes);
    if (count < 0)
        return;
    if (count == 0) {
        memcpy(copy->dst, copy->src, copy->element);
        return;
    }
    axis cross = {1, 0, 0};
    const bool transposed = take_transposed(axes, &count, &cross);
    const axis line = axes[--count];
    int64_t index[IG_RANK_MAX] = {0};
    char *dst = copy->dst;
    const char *src = copy->src;
    do {
        if (transposed)
            igi_transpose_2d(isa, copy->element, dst, cross.d, src, line.s, line.n,
                             cross.n);
        else
            igi_copy_strided(copy->element, dst, line.d, src, line.s, line.n);
    } while (next_index(axes, count, index, copy->element, &dst, &src));
}
