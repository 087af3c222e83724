/* Products of 8-bit integers, exact in int32 (which wraps around), and the vector loops
 * of quantization: what the kernels of quantized operators call.
 *
 * A is unsigned, B signed (an operand of the other kind is shifted by 128 on its way,
 * zero points with it). One step of a product multiplies 4 bytes of a row of A: four
 * uint8 by vpdpbusd, or two 16-bit numbers by pmaddwd where that is missing, for
 * vpmaddubsw saturates and is never used. So every instruction set gives the same bits.
 * Contracts as in compute.h. */
#ifndef OPERATORS_CPU_COMPUTE_INT8_H
#define OPERATORS_CPU_COMPUTE_INT8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One tile: c[m][panel] = rows of A times one panel of B. The k's of a row are
 * `segments` runs of `steps` steps (4 bytes each) at offsets segment[] (NULL: one, at
 * 0); the panel has them one after the other. */
typedef struct igi_int8_tile {
    int64_t m; /* 1 .. isa->rows */
    const void *a;
    int64_t lda; /* bytes between rows */
    int64_t segments;
    const int64_t *segment;
    int64_t steps;
    const void *b;
    int32_t *c;
} igi_int8_tile;

/* What becomes of sums: arrays have one element a column, padded to whole panels.
 *   s = acc + bias - b_zero * row_sum
 *   y = s                                               without factor (int32), else
 *   y = clamp(round(s * factor) + zero, low, high)       bytes; with a residual
 *   y = clamp(round(clamp(s * factor, sum_low, sum_high) +
 *                   (residual - residual_zero) * residual_factor) + zero, low, high).
 */
typedef struct igi_int8_finish {
    const int32_t *bias, *b_zero; /* b_zero may be NULL */
    const float *factor;
    float zero, low, high;
    float residual_zero, residual_factor;
    float sum_low, sum_high; /* of s * factor, when there is a residual */
    bool residual_signed;
} igi_int8_finish;

/* The sums acc[m][panel] of a tile, of columns [col, col + n), n <= panel, and where
 * they go: rows of y and residual at strides in bytes; residual and row_sums may be
 * NULL. */
typedef struct igi_int8_rows {
    const int32_t *acc;
    int64_t m, n, col;
    void *y;
    int64_t ld_y;
    const void *residual;
    int64_t ld_residual;
    const int32_t *row_sums;
} igi_int8_rows;

/* Of `add` below. */
typedef struct igi_int8_add {
    bool a_signed, b_signed;
    float a_zero, a_scale, b_zero, b_scale, scale, zero, low, high;
} igi_int8_add;

typedef enum igi_int8_level {
    IGI_INT8_PORTABLE = 0,
    IGI_INT8_AVX2,
    IGI_INT8_AVX512, /* BW, without VNNI */
    IGI_INT8_VNNI,
    IGI_INT8_LEVELS
} igi_int8_level;

typedef struct igi_int8_isa {
    const char *name;
    int panel;   /* columns of a panel of B */
    int rows;    /* of the tallest tile */
    int element; /* bytes of an element of A and packed B: a step has 4 / element */
    void (*tile)(const igi_int8_tile *t);
    void (*finish)(const igi_int8_finish *f, const igi_int8_rows *r);
    /* acc[c] = sum over taps of x[tap][c] * w[tap][c], exact. */
    void (*depthwise)(int32_t *acc,
                      const uint8_t *const *x,
                      const int8_t *w,
                      int64_t taps,
                      int64_t channels);
    /* y[c] = the largest of x[tap][c], at least one tap; bytes. */
    void (*max)(void *y,
                const uint8_t *const *x,
                bool is_signed,
                int64_t taps,
                int64_t channels);
    /* y = clamp(round(x / scale) + zero, low, high) as bytes; NaN gives low. */
    void (*quantize)(void *y,
                     const float *x,
                     int64_t n,
                     float scale,
                     float zero,
                     float low,
                     float high);
    /* y = (x - zero) * scale */
    void (*dequantize)(
        float *y, const void *x, bool is_signed, int64_t n, float zero, float scale);
    /* y = clamp(round(((a - a_zero) * a_scale + (b - b_zero) * b_scale) / scale) +
     * zero, low, high), each operation rounded: that is DequantizeLinear, Add,
     * QuantizeLinear. */
    void (*add)(
        void *y, const void *a, const void *b, int64_t n, const igi_int8_add *p);
    /* Smallest and largest of 0 and x[i]; NaN takes no part. */
    void (*range)(const float *x, int64_t n, float *low, float *high);
} igi_int8_isa;

/* The best table this CPU runs; and that of one level, NULL when the CPU or the build
 * lacks it. */
const igi_int8_isa *igi_int8_best(void);
const igi_int8_isa *igi_int8_get(igi_int8_level level);

/* ---- packing ---- */

/* B: column n at n * step_n; its k's run over count[0] (segments), count[1] and
 * count[2] (the elements of a segment) at steps step[]. */
typedef struct igi_int8_source {
    const void *b;
    bool is_signed;
    int64_t n, step_n;
    int64_t count[3], step[3];
} igi_int8_source;

static inline int64_t igi_int8_panels(const igi_int8_isa *isa, int64_t n)
{
    return (n + isa->panel - 1) / isa->panel;
}
/* Elements of a segment of `len` k's, rounded up to whole steps. */
static inline int64_t igi_int8_padded(const igi_int8_isa *isa, int64_t len)
{
    int64_t unit = 4 / isa->element;
    return (len + unit - 1) / unit * unit;
}
/* Bytes of the packed form: panels, then the sum of each column (int32, whole panels).
 * false: too large. */
bool igi_int8_packed_bytes(const igi_int8_isa *isa,
                           const igi_int8_source *s,
                           size_t *bytes);
/* Packs panels [lo, hi) and their sums. An unsigned B is shifted by -128. */
void igi_int8_pack(const igi_int8_isa *isa,
                   void *dst,
                   const igi_int8_source *s,
                   int64_t lo,
                   int64_t hi);
/* First byte of a panel, and the sums of all columns. */
const void *igi_int8_panel(const igi_int8_isa *isa,
                           const void *packed,
                           const igi_int8_source *s,
                           int64_t p);
const int32_t *
igi_int8_sums(const igi_int8_isa *isa, const void *packed, const igi_int8_source *s);

/* Weights w[channel][tap] of `depthwise`, an unsigned one shifted by -128: as
 * [tap][channel], and behind them the sums over taps of each channel. */
size_t igi_int8_depthwise_bytes(int64_t channels, int64_t taps);
void igi_int8_pack_depthwise(
    void *dst, const uint8_t *w, bool is_signed, int64_t channels, int64_t taps);
const int32_t *
igi_int8_depthwise_sums(const void *packed, int64_t channels, int64_t taps);

/* n bytes of A as elements, shifted by 128 when signed. */
void igi_int8_copy(
    const igi_int8_isa *isa, void *dst, const void *src, int64_t n, bool is_signed);
/* The same for a row, with zeros up to a whole step. Returns the sum of the n (shifted)
 * elements. */
int32_t igi_int8_copy_row(
    const igi_int8_isa *isa, void *dst, const void *src, int64_t n, bool is_signed);
int32_t igi_int8_row_sum(const void *a, int64_t n);

#endif
