// RoiAlignGrad: the transpose of RoiAlign in mode avg: cells of dy spread over the
// elements that they are means of. Its own gradient is RoiAlign again.

#include "operators/common_move.h"
#include "operators/common_roi.h"

IG_USES_OP(RoiAlign);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Of RoiAlign's result."),
    IG_PORT("rois", 'T', "As given to RoiAlign.", .flags = IG_NODIFF),
    IG_PORT("batch_indices", 'I', "As given to RoiAlign."),
    IG_PORT("shape", 'I', "Dims of X.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {IG_PORT("dx", 'T', "Of dims `shape`."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};

static ig_status roi_align_grad_infer(ig_infer *x)
{
    return igi_infer_listed(x, 3);
}

static ig_status roi_align_grad_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(RoiAlign), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1), ig_grad_in(g, 2)));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(2, IG_BIT(0)),
    {0},
};

static ig_status
spread(ig_kernel_ctx *k, igi_pace *pace, const igi_roi *roi, int64_t r, double *sum)
{
    const ig_tensor *dy = ig_in(k, 0);
    int64_t channels = ig_dims(dy)[1], rows = ig_dims(dy)[2], columns = ig_dims(dy)[3];
    int64_t n = roi->grid_h * roi->grid_w, plane = roi->height * roi->width, at[4];
    double weight[4];
    for (int64_t cell = 0; cell < rows * columns; cell++)
        for (int64_t s = 0; s < n; s++) {
            IG_TRY(igi_pace_go(pace, 4 * (channels + 1)));
            if (!igi_roi_sample(roi, cell / columns, cell % columns, s, at, weight))
                continue;
            for (int64_t c = 0; c < channels; c++) {
                double v = igi_get_f64(ig_dtype_of(dy), ig_data(dy),
                                       (r * channels + c) * rows * columns + cell);
                for (int i = 0; i < 4; i++)
                    sum[(roi->image * channels + c) * plane + at[i]] +=
                        v * weight[i] / (double)n;
            }
        }
    return IG_OK;
}

static ig_status roi_align_grad_reference(ig_kernel_ctx *k)
{
    const igi_roi_attrs *o = k->attrs;
    const ig_tensor *dy = ig_in(k, 0), *rois = ig_in(k, 1), *dx = ig_out(k, 0);
    int64_t n = ig_rank(dx) == 4 ? ig_numel(dx) : -1;
    if (n < 0 || ig_rank(dy) != 4 || ig_dims(dy)[1] != ig_dims(dx)[1] ||
        ig_dims(dy)[2] != o->output_height || ig_dims(dy)[3] != o->output_width ||
        ig_numel(rois) != 4 * ig_dims(dy)[0] || ig_numel(ig_in(k, 2)) != ig_dims(dy)[0])
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "dy, rois, batch_indices and shape do not fit");
    double *sum = igi_calloc((size_t)n + 1, sizeof(*sum));
    ig_status rc = sum ? IG_OK : IG_OUT_OF_MEMORY;
    igi_pace pace = igi_pace_of(k);
    for (int64_t r = 0; r < ig_dims(dy)[0] && rc == IG_OK; r++) {
        igi_roi roi;
        rc = igi_roi_read(k, rois, ig_in(k, 2), ig_dims(dx), r, &roi);
        if (rc == IG_OK && n > 0) /* the samples of nothing may be many */
            rc = spread(k, &pace, &roi, r, sum);
    }
    for (int64_t i = 0; i < n && rc == IG_OK; i++)
        igi_put_f64(ig_dtype_of(dx), ig_data(dx), i, sum[i]);
    igi_free(sum);
    return rc;
}

#define HEAD .struct_size = sizeof(igi_roi_attrs)
static const igi_roi_attrs fixed = {HEAD, .output_height = 2, .output_width = 2,
                                    .sampling_ratio = 2, .spatial_scale = 1};
static const igi_roi_attrs many_samples = {HEAD, .output_height = 2, .output_width = 2,
                                           .sampling_ratio = 4096, .spatial_scale = 1};
#define ROIS(n_, ...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(n_, 4), .data = (const double[])                                   \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "fixed",
     .attrs = &fixed,
     IGI_INPUTS(IGI_IN(2, 2, 2, 2),
                ROIS(2, 0.5, 0, 3, 2, 2, 2, 2.25, 9),
                IGI_IN_INTS(0, 1),
                IGI_IN_INTS(2, 2, 4, 4))},
    {.name = "size_one",
     .attrs = &fixed,
     IGI_INPUTS(IGI_IN(1, 1, 2, 2),
                ROIS(1, 0, 0, 1, 1),
                IGI_IN_INTS(0),
                IGI_IN_INTS(1, 1, 1, 1))},
    {.name = "no_channels", /* ends at once */
     .attrs = &many_samples,
     IGI_INPUTS(IGI_IN(1, 0, 2, 2),
                ROIS(1, 0, 0, 3, 2),
                IGI_IN_INTS(0),
                IGI_IN_INTS(1, 0, 4, 4))},
    {.name = "no_regions",
     .attrs = &fixed,
     IGI_INPUTS(IGI_IN(0, 1, 2, 2),
                {IG_SHAPE_IN(0, 4)},
                IGI_IN_NO_INTS,
                IGI_IN_INTS(1, 1, 2, 2))},
    {0},
};

IG_OPERATOR(RoiAlignGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "RoiAlignGrad",
    .since = 1,
    .doc = "Cells of dy spread over the elements that RoiAlign reads, in mode avg.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_roi_options,
    .attrs_size = sizeof(igi_roi_attrs),
    .infer = roi_align_grad_infer,
    .gradient = roi_align_grad_gradient,
    .saves = saves,
    .reference = roi_align_grad_reference,
    .samples = samples,
};
