/* RoiAlign and its gradient: where the cells of a grid over a region look. */
#ifndef OPERATORS_COMMON_ROI_H
#define OPERATORS_COMMON_ROI_H

#include "operators/common_float.h"

typedef struct igi_roi_attrs {
    uint32_t struct_size;
    int64_t coordinate_transformation_mode, mode, output_height, output_width;
    int64_t sampling_ratio;
    float spatial_scale;
} igi_roi_attrs;
enum { IGI_ROI_AVG, IGI_ROI_MAX };                 /* ORDER: mode */
enum { IGI_ROI_HALF_PIXEL, IGI_ROI_OUTPUT_PIXEL }; /* ORDER: transformation */
extern const ig_attr_def igi_roi_options[];

/* One region, scaled. */
typedef struct igi_roi {
    int64_t image, height, width; /* of the image */
    double y, x, cell_h, cell_w;
    int64_t grid_h, grid_w; /* samples of a cell */
} igi_roi;
/* Region r of rois [R, 4] and batch_indices [R], over x of these dims. Errors: an image
 * that does not exist; coordinates that are no numbers or ask for too many samples. */
ig_status igi_roi_read(const ig_kernel_ctx *k,
                       const ig_tensor *rois,
                       const ig_tensor *images,
                       const int64_t *x_dims,
                       int64_t r,
                       igi_roi *roi);
/* Where sample i of cell `cell` lies on one axis of n elements: its two neighbours and
 * the weight of the second; false: outside. The elements of a sample and their weights
 * are the products of its axes. */
typedef struct igi_roi_axis {
    double origin, cell;
    int64_t grid, n;
} igi_roi_axis;
static inline igi_roi_axis igi_roi_rows(const igi_roi *r)
{
    return (igi_roi_axis){r->y, r->cell_h, r->grid_h, r->height};
}
static inline igi_roi_axis igi_roi_columns(const igi_roi *r)
{
    return (igi_roi_axis){r->x, r->cell_w, r->grid_w, r->width};
}
bool igi_roi_neighbours(
    const igi_roi_axis *a, int64_t cell, int64_t i, int64_t at[2], double *second);
/* The four elements of a plane that sample i of cell (h, w) reads, and their weights;
 * false: it lies outside. */
bool igi_roi_sample(const igi_roi *roi,
                    int64_t h,
                    int64_t w,
                    int64_t i,
                    int64_t at[4],
                    double weight[4]);

#endif
