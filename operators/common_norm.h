/* What LayerNormalization and RMSNormalization share: factors and addends that
 * broadcast to the normalised tensor. */
#ifndef OPERATORS_COMMON_NORM_H
#define OPERATORS_COMMON_NORM_H

#include "operators/common_float.h"

/* Attributes of both. */
typedef struct igi_norm_attrs {
    uint32_t struct_size;
    int64_t axis;
    float epsilon;
    int64_t stash_type;
} igi_norm_attrs;

/* Input `port`, if there, must broadcast to the shape of input 0. */
ig_status igi_norm_check(ig_infer *x, int port);

/* Rows of x[rows][n]: the axes from `axis` on are a row. */
typedef struct igi_norm_rows {
    const int64_t *dims;
    int rank, axis;
    int64_t rows, n;
} igi_norm_rows;
igi_norm_rows igi_norm_rows_of(const ig_tensor *x, int64_t axis);

/* A tensor broadcast to x: element j of row `row` lies at igi_affine_row(row) +
 * inner(j). */
typedef struct igi_affine {
    const void *data; /* NULL: absent */
    int64_t stride[IG_RANK_MAX];
    int64_t step; /* of inner(j) when even: 0 or 1; -1: not even */
} igi_affine;
igi_affine igi_affine_of(const ig_tensor *t, const igi_norm_rows *r);
int64_t igi_affine_row(const igi_affine *a, const igi_norm_rows *r, int64_t row);
/* inner(j) */
int64_t igi_affine_in_row(const igi_affine *a, const igi_norm_rows *r, int64_t j);

IGI_INLINE double igi_affine_load(
    ig_dtype T, const igi_affine *a, const igi_norm_rows *r, int64_t base, int64_t j)
{
    return igi_load(T, a->data,
                    base + (a->step >= 0 ? j * a->step : igi_affine_in_row(a, r, j)));
}

#endif
