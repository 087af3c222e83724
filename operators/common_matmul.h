/* Shapes of matrix products with NumPy's rules, of any element type: leading dims are
 * batches and broadcast, an operand of rank 1 is a row (left) or a column (right) whose
 * dim is dropped from the result. */
#ifndef OPERATORS_COMMON_MATMUL_H
#define OPERATORS_COMMON_MATMUL_H

#include "operators/common.h"

/* Sets output 0 to the shape of the product of ports a and b. */
ig_status igi_mat_mul_infer(ig_infer *x, int a, int b);

/* Numbers of a call. */
typedef struct igi_mat_mul_shape {
    int64_t m, n, depth;
    int batch; /* batch dims: the first ones of the result */
    int64_t items;
} igi_mat_mul_shape;
void igi_mat_mul_set(igi_mat_mul_shape *s,
                     const ig_tensor *a,
                     const ig_tensor *b,
                     const ig_tensor *y);

/* First element of batch item `item` in an operand whose matrices have `matrix`
 * elements, broadcast to `batch` dims `dims`. */
int64_t igi_batch_offset(
    const ig_tensor *t, int64_t matrix, const int64_t *dims, int batch, int64_t item);

#endif
