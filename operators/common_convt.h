/* ConvTranspose: attributes and geometry, for the operator and its kernel. It is the
 * transpose of a convolution from y[N, M, out...] to x[N, C, in...] with the same
 * weights, so its geometry is that convolution's with x and y exchanged. */
#ifndef OPERATORS_COMMON_CONVT_H
#define OPERATORS_COMMON_CONVT_H

#include "operators/common_conv.h"

typedef struct igi_convt_attrs {
    uint32_t struct_size;
    int64_t auto_pad;
    ig_ints dilations;
    int64_t group;
    ig_ints kernel_shape, output_padding, output_shape, pads, strides;
} igi_convt_attrs;

/* Item i of a list, or what stands for an absent list. */
static inline int64_t igi_convt_item(const ig_ints *list, int i, int64_t absent)
{
    return list->n > 0 ? list->v[i] : absent;
}
/* Positions that the taps of axis i span. */
static inline int64_t igi_convt_span(const igi_convt_attrs *a, int i, int64_t kernel)
{
    return (kernel - 1) * igi_convt_item(&a->dilations, i, 1) + 1;
}

/* Attributes of that convolution: explicit pads, kept in `pads`. `x`, `w`: dims of the
 * operands; those of x matter only with output_shape. */
void igi_convt_plain(igi_conv_attrs *plain,
                     int64_t *pads,
                     const igi_convt_attrs *a,
                     int rank,
                     const int64_t *xd,
                     const int64_t *wd);

#endif
