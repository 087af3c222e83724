/* Square matrices in the last two dims, one at a time, in double: Det and Inverse. */
#ifndef OPERATORS_COMMON_MATRIX_H
#define OPERATORS_COMMON_MATRIX_H

#include "operators/common_float.h"

/* Input 0 must be [..., n, n]. */
ig_status igi_infer_square(ig_infer *x);

/* A walk over the matrices of input 0: `a` has room for an n by `width` matrix, width
 * >= n, whose first n columns igi_matrix_load fills. */
typedef struct igi_matrices {
    int64_t n, width, count;
    double *a;
    igi_pace pace;
} igi_matrices;
/* Errors: OUT_OF_MEMORY. The caller frees m->a. */
ig_status igi_matrices_begin(ig_kernel_ctx *k, int64_t columns, igi_matrices *m);
ig_status igi_matrix_load(const ig_kernel_ctx *k, const igi_matrices *m, int64_t i);

/* Brings the largest element of column c, from row c on, to the diagonal. Returns 0
 * when all are 0, else 1, or -1 when rows were swapped. */
int igi_matrix_pivot(const igi_matrices *m, int64_t c);
/* Row r -= factor * row c, from column `from` on. Polls. */
ig_status
igi_matrix_subtract(igi_matrices *m, int64_t r, int64_t c, double factor, int64_t from);

#endif
