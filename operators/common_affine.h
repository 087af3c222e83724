/* AffineGrid and its gradient: positions of an image as (x, y, 1) or (x, y, z, 1). */
#ifndef OPERATORS_COMMON_AFFINE_H
#define OPERATORS_COMMON_AFFINE_H

#include "operators/common_float.h"
#include "operators/common_move.h"

typedef struct igi_affine_attrs {
    uint32_t struct_size;
    int64_t align_corners;
} igi_affine_attrs;
extern const ig_attr_def igi_affine_options[];

/* Place j (row-major) of the image of `grid` [N, dims..., n], the last axis first. */
void igi_affine_place(const ig_tensor *grid, bool corners, int64_t j, double at[4]);

#endif
