/* What ingot::Linear and ingot::LinearNBits share: shapes, and the end of a row. */
#ifndef OPERATORS_COMMON_LINEAR_H
#define OPERATORS_COMMON_LINEAR_H

#include "operators/common_fused.h"
#include "operators/common_gemm.h"

/* Inputs x[..., K], w[K, N] (trans_w: [N, K]), b[N]?, residual[..., N]? -> y[..., N].
 */
ig_status igi_linear_infer(ig_infer *x, bool trans_w);

/* One call over rows: y = act(x w + b + residual). */
typedef struct igi_linear {
    int64_t m, n, depth;
    const void *b, *residual;
    void *y;
    int64_t activation;
    double act_a, act_b;
    bool residual_after;
} igi_linear;

/* Sizes and addresses; the activation is left to the caller. */
void igi_linear_set(igi_linear *l, const ig_kernel_ctx *k);

/* y[row][col + j] from acc[j], the product, j < n. */
IGI_INLINE void igi_linear_store(ig_dtype T,
                                 const igi_linear *l,
                                 int64_t row,
                                 int64_t col,
                                 int64_t n,
                                 const double *acc)
{
    for (int64_t j = 0; j < n; j++) {
        int64_t at = row * l->n + col + j;
        double b = l->b ? igi_load(T, l->b, col + j) : 0;
        double r = l->residual ? igi_load(T, l->residual, at) : 0;
        igi_store(T, l->y, at,
                  igi_act_finish(l->activation, l->act_a, l->act_b, l->residual_after,
                                 acc[j] + b, r));
    }
}

#endif
