/* Col2Im and Im2Col: blocks of an image as columns.
 *
 * The image is [N, C, d...], the columns [N, C * prod(block), L]: row (c, k) and column
 * l hold the element at place k of block l in channel c. Block l begins at l * stride -
 * pad and its places are `dilation` apart. */
#ifndef OPERATORS_COMMON_COL_H
#define OPERATORS_COMMON_COL_H

#include "operators/common_move.h"

typedef struct igi_col_attrs {
    uint32_t struct_size;
    ig_ints dilations, pads, strides;
} igi_col_attrs;
extern const ig_attr_def igi_col_options[];

/* Geometry; dims of blocks and image are numbers. */
typedef struct igi_cols {
    int n; /* spatial axes */
    int64_t image[IG_RANK_MAX], block[IG_RANK_MAX], count[IG_RANK_MAX];
    int64_t stride[IG_RANK_MAX], dilation[IG_RANK_MAX], pad[IG_RANK_MAX];
    int64_t places, columns; /* products of block and of count */
} igi_cols;

/* Checks attributes and sizes; NULL, or what is wrong. */
const char *igi_cols_make(const igi_col_attrs *o,
                          int n,
                          const int64_t *image,
                          const int64_t *block,
                          igi_cols *c);
/* Those of a call of Col2Im, from its inputs; checks that input and output fit. */
ig_status igi_cols_read(const ig_kernel_ctx *k, igi_cols *c);
/* Where place k of block l lies in the plane of a channel; -1: in the padding. */
int64_t igi_cols_at(const igi_cols *c, int64_t k, int64_t l);

#endif
