/* GlobalMaxPool and GlobalLpPool: all of a channel becomes one element. */
#ifndef OPERATORS_COMMON_GLOBAL_H
#define OPERATORS_COMMON_GLOBAL_H

#include "operators/common_reduce.h"
#include "operators/common_unary.h"

/* [N, C, ...] to [N, C, 1, ...]. */
ig_status igi_global_infer(ig_infer *x);
/* Channels as outputs, their elements as rows. */
void igi_global_space(const ig_kernel_ctx *k, igi_reduce *r);
extern const ig_save igi_save_x_y[]; /* both for the gradient of input 0 */

#endif
