/* Matrix products as the kernels of linear.c see them: every operator's call is a batch
 * of y[m][n] = epilogue(alpha * a[m][k] * b[k][n]) with strides. */
#ifndef OPERATORS_CPU_PRODUCT_H
#define OPERATORS_CPU_PRODUCT_H

#include "operators/cpu/kernel.h"

/* One call as a batch of products y[m][n] = epilogue(alpha * a[m][k] * b[k][n]). */
typedef struct igi_cpu_product {
    igi_matmul g; /* pointers of the first product */
    int rank;     /* batch axes */
    int64_t batch;
    int64_t dims[IG_RANK_MAX], a_step[IG_RANK_MAX], b_step[IG_RANK_MAX];
    float beta;         /* of c */
    const ig_tensor *c; /* Gemm: what the epilogue cannot add, added afterwards */
} igi_cpu_product;

typedef ig_status (*igi_cpu_reader)(const ig_kernel_ctx *k, igi_cpu_product *p);
/* Readers of the three operators; a call that is no such product is rejected. For
 * float64 the pointers are those of doubles, and the epilogue is empty. */
ig_status igi_cpu_read_matmul(const ig_kernel_ctx *k, igi_cpu_product *p);
ig_status igi_cpu_read_gemm(const ig_kernel_ctx *k, igi_cpu_product *p);
ig_status igi_cpu_read_linear(const ig_kernel_ctx *k, igi_cpu_product *p);

/* Steps of C (rank <= 2) along rows and columns of the result, 0 where it repeats. */
void igi_cpu_steps_of_c(const ig_tensor *c, int64_t *rows, int64_t *cols);

#endif
