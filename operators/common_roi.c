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

// Neighbours of p on an axis of n elements and the weight of the second.
static double neighbours(double p, int64_t n, int64_t *low, int64_t *high)
{
    p = p < 0 ? 0 : p;
    *low = (int64_t)p;
    if (*low >= n - 1) {
        *low = *high = n - 1;
        return 0;
    }
    *high = *low + 1;
    return p - (double)*low;
}

bool igi_roi_sample(const igi_roi *roi,
                    int64_t h,
                    int64_t w,
                    int64_t i,
                    int64_t at[4],
                    double weight[4])
{
    int64_t low[2], high[2];
    int64_t row = i / roi->grid_w, column = i % roi->grid_w;
    double fine_h = ((double)row + 0.5) / (double)roi->grid_h;
    double fine_w = ((double)column + 0.5) / (double)roi->grid_w;
    double y = roi->y + ((double)h + fine_h) * roi->cell_h;
    double x = roi->x + ((double)w + fine_w) * roi->cell_w;
    if (!(y >= -1 && y <= (double)roi->height && x >= -1 && x <= (double)roi->width) ||
        roi->height < 1 || roi->width < 1)
        return false;
    double fy = neighbours(y, roi->height, &low[0], &high[0]);
    double fx = neighbours(x, roi->width, &low[1], &high[1]);
    for (int c = 0; c < 4; c++) {
        at[c] = (c & 2 ? high[0] : low[0]) * roi->width + (c & 1 ? high[1] : low[1]);
        weight[c] = (c & 2 ? fy : 1 - fy) * (c & 1 ? fx : 1 - fx);
    }
    return true;
}
