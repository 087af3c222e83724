/* DeformConv and the three maps that its gradients are made of.
 *
 * Place k of the window of output o looks at position
 *   p[a] = o[a] * stride - pad + k[a] * dilation + offset[n, (g, k, a), o]
 * and reads x there by linear interpolation, S(x)[n, (c, k), o]; outside there are
 * zeros. `slopes` is a set of axes along which the derivative by the position is taken
 * instead: the weights 1 - f and f become -1 and 1. With m(ask), all of shapes as in
 * DeformConv:
 *
 *   Columns:     m[n, (g, k), o] S(x)[n, (c, k), o]           for c in group g
 *   ColumnsGrad: the transpose of Columns in x
 *   Sum:         sum over c in g of d[n, (c, k), o] S(x)[n, (c, k), o]
 *
 * Each is linear in all but the offsets, and its derivative by an offset is Sum with
 * one slope more; so the three are closed under differentiation. */
#ifndef OPERATORS_COMMON_DEFORM_H
#define OPERATORS_COMMON_DEFORM_H

#include "operators/common_float.h"
#include "operators/common_grad.h"
#include "operators/common_move.h"

typedef struct igi_deform_attrs {
    uint32_t struct_size;
    ig_ints dilations, kernel_shape;
    int64_t offset_group;
    ig_ints pads;
    int64_t slopes;
    ig_ints strides;
} igi_deform_attrs;
extern const ig_attr_def igi_deform_options[];
/* Of samples: two axes with groups, pads and steps; one axis, its slope. */
extern const igi_deform_attrs igi_deform_flat, igi_deform_line;
enum { IGI_DEFORM_AXES = 8 }; /* spatial axes at the most: 2^8 corners */

typedef struct igi_deform {
    int n; /* spatial axes */
    int64_t batch, c, groups, places, in_plane, out_plane;
    int64_t in[IGI_DEFORM_AXES], out[IGI_DEFORM_AXES], kernel[IGI_DEFORM_AXES];
    int64_t stride[IGI_DEFORM_AXES], dilation[IGI_DEFORM_AXES], pad[IGI_DEFORM_AXES];
    int64_t slopes;
    ig_dtype type;
    const void *offset, *mask; /* mask NULL: ones */
} igi_deform;

/* Output sizes of n spatial axes; an error of infer when lists do not fit. */
ig_status igi_deform_sizes(
    ig_infer *x, const igi_deform_attrs *o, int n, const int64_t *in, int64_t *out);

/* Of x (or its dims), offset and mask; checks all sizes. */
ig_status igi_deform_make(const ig_kernel_ctx *k,
                          const igi_deform_attrs *o,
                          int rank,
                          const int64_t *x_dims,
                          const ig_tensor *offset,
                          const ig_tensor *mask,
                          igi_deform *d);

typedef struct igi_deform_conv_attrs {
    uint32_t struct_size;
    ig_ints dilations;
    int64_t group;
    ig_ints kernel_shape;
    int64_t offset_group;
    ig_ints pads, strides;
} igi_deform_conv_attrs;

/* The attributes of DeformConv's columns; `kernel` are the spatial dims of W. */
igi_deform_attrs
igi_deform_columns_of(const igi_deform_conv_attrs *o, int n, const int64_t *kernel);
/* The columns of a call of DeformConv; checks all sizes. */
ig_status igi_deform_conv_make(const ig_kernel_ctx *k, igi_deform *d);

/* The corners that (image, group, place, output) reads: their positions in a plane and
 * weights, the mask's factor included. Returns their number. */
typedef struct igi_corner {
    int64_t at;
    double weight;
} igi_corner;
int igi_deform_corners(const igi_deform *d,
                       int64_t image,
                       int64_t group,
                       int64_t place,
                       int64_t out,
                       igi_corner *corner);

/* doffset for d (of the columns' shape) and x: see above; mask may be absent. */
ig_var igi_emit_deform_offset(ig_grad *g,
                              const igi_deform_attrs *o,
                              ig_var d,
                              ig_var x,
                              ig_var offset,
                              ig_var mask);
/* The operators with these attributes and a set of slopes. */
ig_var igi_emit_deform_columns(
    ig_grad *g, const igi_deform_attrs *o, ig_var x, ig_var offset, ig_var mask);
ig_var igi_emit_deform_back(ig_grad *g,
                            const igi_deform_attrs *o,
                            ig_var d,
                            ig_var offset,
                            ig_var mask,
                            ig_var shape);
ig_var igi_emit_deform_sum(
    ig_grad *g, const igi_deform_attrs *o, ig_var d, ig_var x, ig_var offset);

#endif
