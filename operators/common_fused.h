/* Attributes of the fused operators that the optimiser makes, for passes and kernels.
 */
#ifndef OPERATORS_COMMON_FUSED_H
#define OPERATORS_COMMON_FUSED_H

#include "operators/common_act.h"
#include "operators/common_conv.h"
#include "operators/common_pool.h"

/* ingot::Conv: x[N, in..., C], w as Conv's, b?, residual? -> y[N, out..., M]. */
typedef struct igi_nhwc_conv_attrs {
    uint32_t struct_size;
    int64_t auto_pad;
    ig_ints dilations;
    int64_t group;
    ig_ints pads, strides;
    int64_t activation;
    float act_a, act_b;
    int64_t residual_after;
} igi_nhwc_conv_attrs;

/* Those attributes that Conv has too. */
static inline igi_conv_attrs igi_nhwc_conv_plain(const igi_nhwc_conv_attrs *a)
{
    return (igi_conv_attrs){.struct_size = sizeof(igi_conv_attrs),
                            .auto_pad = a->auto_pad,
                            .dilations = a->dilations,
                            .group = a->group,
                            .pads = a->pads,
                            .strides = a->strides};
}

/* ingot::Linear: x[..., K], w[K, N] or, with trans_w, [N, K], b?, residual? -> y[...,
 * N]. */
typedef struct igi_linear_attrs {
    uint32_t struct_size;
    int64_t trans_w;
    float alpha;
    int64_t activation;
    float act_a, act_b;
    int64_t residual_after;
} igi_linear_attrs;

/* ingot::LinearNBits: the same with w of integers in blocks, scale and zero points
 * behind them. */
typedef struct igi_linear_nbits_attrs {
    uint32_t struct_size;
    int64_t trans_w, block_size;
    int64_t activation;
    float act_a, act_b;
    int64_t residual_after;
} igi_linear_nbits_attrs;
enum { /* ports of it */
       IGI_NBITS_X,
       IGI_NBITS_W,
       IGI_NBITS_B,
       IGI_NBITS_RESIDUAL,
       IGI_NBITS_SCALE,
       IGI_NBITS_ZERO
};

/* ingot::GatherNBits: rows of such a table. */
typedef struct igi_gather_nbits_attrs {
    uint32_t struct_size;
    int64_t block_size;
} igi_gather_nbits_attrs;

/* Dims with the channels moved: [N, in..., C] -> [N, C, in...] and back. */
static inline void igi_dims_to_nchw(int rank, const int64_t *nhwc, int64_t *nchw)
{
    nchw[0] = nhwc[0];
    nchw[1] = nhwc[rank - 1];
    for (int i = 2; i < rank; i++)
        nchw[i] = nhwc[i - 1];
}
static inline void igi_dims_to_nhwc(int rank, const int64_t *nchw, int64_t *nhwc)
{
    nhwc[0] = nchw[0];
    nhwc[rank - 1] = nchw[1];
    for (int i = 2; i < rank; i++)
        nhwc[i - 1] = nchw[i];
}

#endif
