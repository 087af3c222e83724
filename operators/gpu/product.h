/* Matrix products in the terms of cuBLASLt: what is stored how, which batches one call
 * takes, what the call's epilogue does. The first half is pure arithmetic. */
#ifndef OPERATORS_GPU_PRODUCT_H
#define OPERATORS_GPU_PRODUCT_H

#include "operators/gpu/epilogue.h"
#include "operators/gpu/library.h"

IG_EXTERN_C_BEGIN

/* Rows (or, transposed, columns) of adjacent elements, `ld` elements apart. */
typedef struct gpu_matrix {
    bool transposed;
    int64_t ld;
} gpu_matrix;

enum { GPU_BATCH_AXES = 12 };

typedef struct gpu_product { /* y[m][n] = alpha a[m][depth] b[depth][n] + beta c + ...
                              */
    int64_t m, n, depth;
    gpu_matrix a, b;
    int64_t ld_y;                          /* of y and c, which are stored by rows */
    int64_t batch, step_a, step_b, step_y; /* products of one call */
    int outer;                             /* axes of calls */
    int64_t outer_dim[GPU_BATCH_AXES], outer_a[GPU_BATCH_AXES], outer_b[GPU_BATCH_AXES],
        outer_y[GPU_BATCH_AXES];
    ig_dtype type, type_y; /* y may be float32 over halves */
    float alpha, beta;
    bool bias; /* of n elements, added to each row */
    gpu_act act;
} gpu_product;

/* Whether a matrix of those strides is one for cuBLASLt. */
bool gpu_matrix_set(
    gpu_matrix *m, int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride);
/* Sizes, storage and batches of MatMul's call; the operands may have any strides.
 * Refusals: strides that no call takes, sizes beyond 32 bits. */
ig_status gpu_product_of_matmul(gpu_product *p,
                                const ig_tensor *a,
                                const ig_tensor *b,
                                const ig_tensor *y);
/* Strides of the first `own` axes of t over `rank` axes that they broadcast to. */
void gpu_spread(const ig_tensor *t, int own, int rank, int64_t *out);
/* Batches over `rank` axes with strides of a, b and y: as few calls as possible. */
ig_status gpu_product_batches(gpu_product *p,
                              int rank,
                              const int64_t *dims,
                              const int64_t *a,
                              const int64_t *b,
                              const int64_t *y);
/* Sizes within what the library counts with (V14). */
ig_status gpu_product_check(const gpu_product *p);
/* The epilogue that does bias and activation, or -1: not one of cuBLASLt's. Its gelu is
 * the one by tanh. */
int gpu_product_epilogue(bool bias, int64_t activation);

/* ---- cuBLASLt ---- */

typedef struct gpu_lt gpu_lt;

/* Asks the heuristics; `epilogue` is one of gpu_product_epilogue. UNSUPPORTED when
 * there is no algorithm. */
ig_status
gpu_lt_new(gpu_lt **out, const ig_kernel_ctx *k, const gpu_product *p, int epilogue);
void gpu_lt_free(gpu_lt *l);
size_t gpu_lt_workspace(const gpu_lt *l);

typedef struct gpu_lt_data { /* of the device */
    const void *a, *b, *c, *bias;
    void *y, *workspace;
} gpu_lt_data;
ig_status gpu_lt_run(const ig_kernel_ctx *k, gpu_lt *l, const gpu_lt_data *d);

IG_EXTERN_C_END

#endif
