/* Linear quantization: what QuantizeLinear, DequantizeLinear and the integer products
 * share.
 *
 * real = (q - zero) * scale. A scale (with its zero point) belongs to the whole tensor
 * (one number), to an index along `axis` (rank 1), or to a block of `block` neighbours
 * along `axis` (a tensor of x's rank). Quotients round to nearest even. */
#ifndef OPERATORS_COMMON_QUANT_H
#define OPERATORS_COMMON_QUANT_H

#include "operators/common_conv.h"

#define IGI_QUANT_BYTES (IG_T(UINT8) | IG_T(INT8))
#define IGI_QUANT_TYPES                                                                \
    (IGI_QUANT_BYTES | IG_T(UINT16) | IG_T(INT16) | IG_FLOAT8S | IG_PACKED)
/* Types that the arithmetic of scales may be done in. */
#define IGI_QUANT_REALS (IG_T(FLOAT32) | IG_F16S)

/* Checks scale (port 1) and zero point (port 2) against x (port 0); the output has the
 * shape of x. */
ig_status igi_quant_infer(ig_infer *x, int64_t axis, int64_t block);

/* Which scale an element of x has: x seen as [outer][axis][inner]. */
typedef struct igi_quant_map {
    int64_t axis, inner; /* axis 1, inner numel: one scale for all */
    int64_t block;       /* 0: not blocked */
    int64_t blocks;      /* along the axis */
} igi_quant_map;
void igi_quant_map_set(igi_quant_map *m,
                       const ig_tensor *x,
                       const ig_tensor *scale,
                       int64_t axis,
                       int64_t block);
static inline int64_t igi_quant_at(const igi_quant_map *m, int64_t i)
{
    int64_t a = i / m->inner % m->axis;
    if (!m->block)
        return a;
    int64_t outer = i / (m->inner * m->axis);
    return (outer * m->blocks + a / m->block) * m->inner + i % m->inner;
}

/* Element i of a zero point that may be absent (NULL: 0), as a number. */
static inline double igi_quant_zero(const ig_tensor *zero, int64_t i)
{
    return zero ? igi_get_f64(ig_dtype_of(zero), ig_data(zero), i) : 0;
}
/* y[i] := saturate(round(q) + zero); float8 and float4 round the sum instead. NaN
 * becomes the smallest integer. `saturate`: of float8, as in Cast. */
void igi_quant_store(ig_tensor *y, int64_t i, double q, double zero, bool saturate);

/* clamp(round(v) + zero, low, high) in float32, so that every kernel gives the same
 * bits; NaN gives low. */
static inline int64_t igi_clamp_round(float v, float zero, float low, float high)
{
    float r = rintf(v) + zero;
    r = r > low ? r : low;
    return (int64_t)(r < high ? r : high);
}
/* Smallest and largest value of an integer type of at most 16 bits. */
void igi_quant_range(ig_dtype type, int32_t *low, int32_t *high);

/* The low 32 bits of a whole number. */
static inline int32_t igi_wrap_i32(double v)
{
    return (int32_t)(uint32_t)(int64_t)v;
}
/* Scale and zero point of DynamicQuantizeLinear for data within [low, high], which
 * holds 0. */
void igi_quant_dynamic(float low, float high, float *scale, float *zero);

/* Element i of an 8-bit tensor. */
static inline int32_t igi_load_byte(bool is_signed, const void *p, int64_t i)
{
    return is_signed ? ((const int8_t *)p)[i] : ((const uint8_t *)p)[i];
}

/* That low <= high, and both lie in the bytes of `type`. */
ig_status igi_quant_bytes_check(ig_infer *x, int64_t type, int64_t low, int64_t high);
/* That a zero point lies in the bytes of input `port`, where present. */
ig_status igi_quant_zero_check(ig_infer *x, int port, int64_t zero);

/* ---- matrices ---- */

/* A scale or zero point of a matrix operand is a number, a vector over its rows (of a
 * left operand) or columns (right), or a tensor of the operand's rank with 1 in the
 * other matrix axis. Checks that port `port`, where present, is one for operand `of`.
 */
ig_status igi_quant_matrix_infer(ig_infer *x, int port, int of);

/* Such numbers for one matrix of the batch: element at + i * step for row or column i;
 * t NULL: absent. */
typedef struct igi_quant_line {
    const ig_tensor *t;
    int64_t at, step;
} igi_quant_line;
static inline double igi_quant_line_get(const igi_quant_line *l, int64_t i, double none)
{
    return l->t ? igi_get_f64(ig_dtype_of(l->t), ig_data(l->t), l->at + i * l->step)
                : none;
}

/* One matrix product of the batch, for references: ports of a and b with their zero
 * points. */
typedef struct igi_quant_product {
    const ig_tensor *a, *b;
    igi_quant_line a_zero, b_zero;
    int64_t m, n, depth, a_at, b_at, y_at;
    int batch;    /* batch dims of y */
    int64_t item; /* which matrix of them */
    igi_pace pace;
} igi_quant_product;
/* Calls f for every matrix of the batch. */
typedef ig_status (*igi_quant_product_fn)(ig_kernel_ctx *k, igi_quant_product *p);
typedef struct igi_quant_ports {
    int a, a_zero, b, b_zero;
} igi_quant_ports;
ig_status igi_quant_each_product(ig_kernel_ctx *k,
                                 const igi_quant_ports *ports,
                                 igi_quant_product_fn f);
/* The line of port `port` for matrix `item` of y, of which the first `batch` dims are
 * those of the batch. */
igi_quant_line
igi_quant_line_of(const ig_kernel_ctx *k, int port, int batch, int64_t item);
/* Sum over k of (a[row][k] - zero) * (b[k][col] - zero); exact for integers. */
double igi_quant_dot(const igi_quant_product *p, int64_t row, int64_t col);

/* ---- convolutions ---- */

/* Sums over channels and taps of (x - x_zero) * (w - w_zero); padding is x_zero. */
typedef struct igi_quant_conv {
    igi_conv_call v;
    bool x_signed, w_signed;
    int32_t x_zero;
    const ig_tensor *w_zero; /* a number or one per output channel; NULL: w_number */
    int32_t w_number;
    int64_t y_channel, y_pixel; /* strides of y */
} igi_quant_conv;
/* From ports x, w and their zero points, which may be absent. */
void igi_quant_conv_set(
    igi_quant_conv *c, const ig_kernel_ctx *k, int x, int x_zero, int w, int w_zero);
/* Calls f with n neighbouring sums, whose places in y are at + i * c->y_pixel; c->v.m
 * is their output channel. */
typedef void (*igi_quant_conv_fn)(
    const igi_quant_conv *c, void *user, int64_t at, int64_t n, const int32_t *acc);
ig_status igi_quant_conv_run(ig_kernel_ctx *k,
                             igi_quant_conv *c,
                             igi_quant_conv_fn f,
                             void *user);
/* Shapes of y from ports x and w; scales and zero points listed in `ports` (ended by
 * -1) are numbers, or also per output channel when `channels` has their bit. */
ig_status
igi_quant_conv_infer(ig_infer *x, int xp, int wp, const int *ports, uint32_t channels);

#endif
