/* What the files of tiny operators share. */
#ifndef TESTS_SUPPORT_TINY_OPS_COMMON_H
#define TESTS_SUPPORT_TINY_OPS_COMMON_H

#include "tests/support/tiny_ops.h"

extern const ig_type_rule tiny_types[];
extern const ig_port tiny_one_in[], tiny_out[], tiny_out_alias[];
/* Kernels of TMatVec. */
extern const ig_kernel_def tiny_matvec_kernel[];

static inline const float *in_f32(const ig_kernel_ctx *k, int i)
{
    return ig_data(ig_in(k, i));
}
static inline float *out_f32(const ig_kernel_ctx *k, int i)
{
    return ig_data(ig_out(k, i));
}

#endif
