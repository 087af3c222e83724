/* Matrices of integers of 2, 4 or 8 bits in blocks: w' = (w - zero) * scale, with one
 * scale and zero point for `block` neighbours along an axis. What ingot::LinearNBits
 * and ingot::GatherNBits share. */
#ifndef OPERATORS_COMMON_NBITS_H
#define OPERATORS_COMMON_NBITS_H

#include "operators/common_float.h"

#define IGI_NBITS_TYPES                                                                \
    (IG_T(UINT2) | IG_T(INT2) | IG_T(UINT4) | IG_T(INT4) | IG_T(UINT8) | IG_T(INT8))

/* Whether scale (port `scale`) and zero points (port `zero`, optional) fit matrix `w`
 * whose blocks lie along axis `along`. */
ig_status
igi_nbits_infer(ig_infer *x, int w, int scale, int zero, int along, int64_t block);

typedef struct igi_nbits_table {
    const ig_tensor *w, *scale, *zero; /* zero NULL: 0 */
    int along;
    int64_t block;
} igi_nbits_table;

/* w'[i][j]: the difference is exact, the product rounded to float32, as
 * DequantizeLinear has it. */
static inline double igi_nbits_at(const igi_nbits_table *t, int64_t i, int64_t j)
{
    const int64_t columns = ig_dims(t->w)[1], blocks = ig_dims(t->scale)[1];
    const int64_t at = t->along ? i * blocks + j / t->block : i / t->block * blocks + j;
    double q = igi_get_f64(ig_dtype_of(t->w), ig_data(t->w), i * columns + j);
    if (t->zero)
        q -= igi_get_f64(ig_dtype_of(t->zero), ig_data(t->zero), at);
    double s = igi_get_f64(ig_dtype_of(t->scale), ig_data(t->scale), at);
    return (double)((float)q * (float)s);
}

#endif
