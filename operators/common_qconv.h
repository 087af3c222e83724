/* Attributes of ingot::QConv and ingot::QAdd, for the operators and their kernels. */
#ifndef OPERATORS_COMMON_QCONV_H
#define OPERATORS_COMMON_QCONV_H

#include "operators/common_quant.h"

typedef struct igi_qconv_attrs {
    uint32_t struct_size;
    int64_t auto_pad;
    ig_ints dilations;
    int64_t group, high, low;
    ig_ints pads;
    float residual_factor;
    int64_t residual_zero;
    ig_ints strides;
    float sum_high, sum_low;
    int64_t to, w_zero, x_zero, y_zero;
} igi_qconv_attrs;

enum { IGI_QCONV_X, IGI_QCONV_W, IGI_QCONV_FACTOR, IGI_QCONV_BIAS, IGI_QCONV_RESIDUAL };

typedef struct igi_qadd_attrs {
    uint32_t struct_size;
    float a_scale;
    int64_t a_zero;
    float b_scale;
    int64_t b_zero, high, low;
    float scale;
    int64_t to, zero;
} igi_qadd_attrs;

static inline igi_conv_attrs igi_qconv_plain(const igi_qconv_attrs *a)
{
    return (igi_conv_attrs){.struct_size = sizeof(igi_conv_attrs),
                            .auto_pad = a->auto_pad,
                            .dilations = a->dilations,
                            .group = a->group,
                            .pads = a->pads,
                            .strides = a->strides};
}

#endif
