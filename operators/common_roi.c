// Samples of regions of interest, as in Mask R-CNN (He et al. 2017): a cell of the grid
// is sampled at evenly spaced places by bilinear interpolation.

#include "operators/common_roi.h"

#include <inttypes.h>

static const char *const modes[] = {"avg", "max", NULL};
static const char *const transformations[] = {"half_pixel", "output_half_pixel", NULL};
#define SIZE(m_, ...)                                                                  \
    IG_ATTR_INT(igi_roi_attrs, m_, 1, __VA_ARGS__, .min = 1, .max = INT32_MAX)
const ig_attr_def igi_roi_options[] = {
    IG_ATTR_ENUM(
        igi_roi_attrs,
        coordinate_transformation_mode,
        IGI_ROI_HALF_PIXEL,
        transformations,
        "half_pixel: coordinates are those of corners of elements; "
        "output_half_pixel: of their centers, and regions are at least 1 wide."),
    IG_ATTR_ENUM(igi_roi_attrs,
                 mode,
                 IGI_ROI_AVG,
                 modes,
                 "avg: the mean of the samples; max: the largest weighted element."),
    SIZE(output_height, "Cells of a region, downwards."),
    SIZE(output_width, "Cells of a region, to the right."),
    IG_ATTR_INT(igi_roi_attrs,
                sampling_ratio,
                0,
                "Samples of a cell along each axis; 0: its size, rounded up.",
                .min = 0,
                .max = 4096),
    IG_ATTR_FLOAT(
        igi_roi_attrs, spatial_scale, 1, "From coordinates of regions to those of X."),
    {0},
};

// Samples of a cell of this size; -1: too many.
static int64_t samples(int64_t asked, double cell)
{
    double n = asked > 0 ? (double)asked : ceil(cell);
    return n <= 0 ? 0 : n < 65536 ? (int64_t)n : -1;
}

ig_status igi_roi_read(const ig_kernel_ctx *k,
                       const ig_tensor *rois,
                       const ig_tensor *images,
                       const int64_t *x_dims,
                       int64_t r,
                       igi_roi *roi)
{
    const igi_roi_attrs *o = k->attrs;
    bool half = o->coordinate_transformation_mode == IGI_ROI_HALF_PIXEL;
    double v[4], shift = half ? 0.5 : 0;
    *roi = (igi_roi){.image = ((const int64_t *)ig_data(images))[r],
                     .height = x_dims[2],
                     .width = x_dims[3]};
    if (roi->image < 0 || roi->image >= x_dims[0])
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "batch_indices[%" PRId64 "] is %" PRId64
                              ", outside [0, %" PRId64 "]",
                              r, roi->image, x_dims[0] - 1);
    for (int i = 0; i < 4; i++)
        v[i] = igi_get_f64(ig_dtype_of(rois), ig_data(rois), 4 * r + i) *
                   (double)o->spatial_scale -
               shift;
    double w = v[2] - v[0], h = v[3] - v[1];
    roi->x = v[0];
    roi->y = v[1];
    roi->cell_w = (half || w >= 1 ? w : 1) / (double)o->output_width;
    roi->cell_h = (half || h >= 1 ? h : 1) / (double)o->output_height;
    roi->grid_w = samples(o->sampling_ratio, roi->cell_w);
    roi->grid_h = samples(o->sampling_ratio, roi->cell_h);
    if (!(w == w) || !(h == h) || roi->grid_w < 0 || roi->grid_h < 0)
        return ig_kernel_fail(
            k, IG_INVALID_ARGUMENT,
            "region %" PRId64 " is no number, or asks for more than 65535 samples", r);
    return IG_OK;
}

bool igi_roi_neighbours(
    const igi_roi_axis *a, int64_t cell, int64_t i, int64_t at[2], double *second)
{
    double fine = ((double)i + 0.5) / (double)a->grid;
    double p = a->origin + ((double)cell + fine) * a->cell;
    if (!(p >= -1 && p <= (double)a->n) || a->n < 1)
        return false;
    p = p < 0 ? 0 : p;
    at[0] = (int64_t)p;
    if (at[0] >= a->n - 1) {
        at[0] = at[1] = a->n - 1;
        *second = 0;
    } else {
        at[1] = at[0] + 1;
        *second = p - (double)at[0];
    }
    return true;
}

bool igi_roi_sample(const igi_roi *roi,
                    int64_t h,
                    int64_t w,
                    int64_t i,
                    int64_t at[4],
                    double weight[4])
{
    const igi_roi_axis rows = igi_roi_rows(roi), columns = igi_roi_columns(roi);
    int64_t y[2], x[2];
    double fy, fx;
    if (!igi_roi_neighbours(&rows, h, i / roi->grid_w, y, &fy) ||
        !igi_roi_neighbours(&columns, w, i % roi->grid_w, x, &fx))
        return false;
    for (int c = 0; c < 4; c++) {
        at[c] = y[c >> 1] * roi->width + x[c & 1];
        weight[c] = (c & 2 ? fy : 1 - fy) * (c & 1 ? fx : 1 - fx);
    }
    return true;
}
