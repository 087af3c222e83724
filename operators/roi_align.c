// RoiAlign: a grid of cells over regions of interest, each sampled by bilinear
// interpolation (He et al. 2017).
//
// `max` takes the largest of all weighted elements, as ONNX's own case has it. Its
// place and weight are further outputs, which ONNX does not have: the gradient is
// linear in them. That of `avg` is RoiAlignGrad. Regions get no gradient.

#include <inttypes.h>

#include "operators/common_grad.h"
#include "operators/common_roi.h"

IG_USES_OP(MaxPoolGrad);
IG_USES_OP(RoiAlignGrad);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "[N, C, H, W]."),
    IG_PORT("rois", 'T', "[regions, 4]: x and y of both corners.", .flags = IG_NODIFF),
    IG_PORT("batch_indices", 'I', "The image of each region."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "[regions, C, output_height, output_width]."),
    IG_PORT("Indices",
            'I',
            "Mode max: place of the element in X, flattened; -1: none.",
            .flags = IG_OPTIONAL),
    IG_PORT("Weights",
            'T',
            "Mode max: the element's weight.",
            .flags = IG_OPTIONAL | IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};

static ig_status roi_align_infer(ig_infer *x)
{
    const igi_roi_attrs *o = x->attrs;
    int64_t same, n;
    if (x->in[0]->rank != 4 || x->in[1]->rank != 2 || x->in[2]->rank != 1)
        return ig_infer_fail(x, "X, rois and batch_indices must have ranks 4, 2 and 1");
    IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[1])[1], 4, "the numbers of a region",
                          &same));
    IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[1])[0], ig_type_dims(x->in[2])[0],
                          "the number of regions", &n));
    const int64_t dims[4] = {n, ig_type_dims(x->in[0])[1], o->output_height,
                             o->output_width};
    for (int i = 0; i < x->n_out; i++)
        if (x->out[i])
            IG_TRY(ig_infer_set(x, i, 4, dims));
    return IG_OK;
}

static ig_status roi_align_gradient(ig_grad *g)
{
    const igi_roi_attrs *o = ig_grad_attrs(g);
    ig_var dy = ig_grad_dy(g, 0), shape = ig_grad_in_shape(g, 0), dx = {0};
    if (!dy.h)
        return IG_OK;
    if (o->mode == IGI_ROI_MAX) {
        dx = ig_emit3(g, IG_OP(MaxPoolGrad), NULL,
                      igi_emit_mul(g, dy, ig_grad_out(g, 2)), ig_grad_out(g, 1), shape);
    } else {
        const ig_var in[4] = {dy, ig_grad_in(g, 1), ig_grad_in(g, 2), shape};
        (void)ig_emit_n(g, IG_OP(RoiAlignGrad), o, in, 4, &dx, 1);
    }
    ig_grad_set(g, 0, dx);
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(2, IG_BIT(0)),
    IG_SAVE_OUT(1, IG_BIT(0)),
    IG_SAVE_OUT(2, IG_BIT(0)),
    {0},
};

typedef struct best {
    double value, weight;
    int64_t at;
    bool any;
} best;

// Cell i of region r.
IGI_INLINE ig_status cell(ig_dtype T,
                          ig_kernel_ctx *k,
                          igi_pace *pace,
                          const igi_roi *roi,
                          int64_t to,
                          int64_t i)
{
    const igi_roi_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *indices = ig_out(k, 1), *weights = ig_out(k, 2);
    int64_t cells = o->output_height * o->output_width, n = roi->grid_h * roi->grid_w;
    int64_t plane = (roi->image * ig_dims(x)[1] + i / cells) * roi->height * roi->width;
    int64_t h = i % cells / o->output_width, w = i % o->output_width, at[4];
    double sum = 0, weight[4];
    best most = {0, 0, -1, false};
    for (int64_t s = 0; s < n; s++) {
        IG_TRY(igi_pace_go(pace, 8));
        if (!igi_roi_sample(roi, h, w, s, at, weight)) {
            if (!most.any || most.value < 0) // a sample outside is 0
                most = (best){0, 0, -1, true};
            continue;
        }
        for (int c = 0; c < 4; c++) {
            double v = weight[c] * igi_load(T, ig_data(x), plane + at[c]);
            sum += v;
            if (!most.any || v > most.value || (v != v && most.value == most.value))
                most = (best){v, weight[c], plane + at[c], true};
        }
    }
    bool max = o->mode == IGI_ROI_MAX;
    igi_store(T, ig_data(ig_out(k, 0)), to,
              max ? most.value : sum / (double)(n ? n : 1));
    if (indices)
        ((int64_t *)ig_data(indices))[to] = max ? most.at : -1;
    if (weights)
        igi_store(T, ig_data(weights), to, max ? most.weight : 0);
    return IG_OK;
}

static ig_status roi_align_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *rois = ig_in(k, 1), *y = ig_out(k, 0);
    int64_t regions = ig_dims(y)[0], size = regions ? ig_numel(y) / regions : 0;
    if (ig_dims(rois)[0] != regions || ig_numel(ig_in(k, 2)) != regions)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "rois and batch_indices must have one length");
    igi_pace pace = igi_pace_of(k);
    for (int64_t r = 0; r < regions; r++) {
        igi_roi roi;
        IG_TRY(igi_roi_read(k, rois, ig_in(k, 2), ig_dims(x), r, &roi));
        IG_TRY(igi_pace_go(&pace, 1));
        IGI_EACH_FLOAT(k, ig_dtype_of(x), {
            for (int64_t i = 0; i < size; i++)
                IG_TRY(cell(T, k, &pace, &roi, r * size + i, i));
        })
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_roi_attrs)
static const igi_roi_attrs adaptive = {HEAD, .output_height = 2, .output_width = 3,
                                       .spatial_scale = 0.5f};
static const igi_roi_attrs fixed = {HEAD,
                                    .coordinate_transformation_mode =
                                        IGI_ROI_OUTPUT_PIXEL,
                                    .output_height = 2,
                                    .output_width = 2,
                                    .sampling_ratio = 2,
                                    .spatial_scale = 1};
static const igi_roi_attrs largest = {HEAD,
                                      .mode = IGI_ROI_MAX,
                                      .output_height = 2,
                                      .output_width = 1,
                                      .sampling_ratio = 2,
                                      .spatial_scale = 1};
#define ROIS(n_, ...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(n_, 4), .data = (const double[])                                   \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
#define POSITIVE(...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_POSITIVE                             \
    }
static const ig_sample samples[] = {
    {.name = "adaptive",
     .attrs = &adaptive,
     IGI_INPUTS(IGI_IN(2, 2, 4, 5),
                ROIS(3, 0.5, 1, 7, 6, 2, 2, 9, 7.5, 0, 0, 3, 3),
                IGI_IN_INTS(0, 1, 1))},
    {.name = "fixed",
     .attrs = &fixed,
     IGI_INPUTS(
         IGI_IN(1, 2, 4, 4), ROIS(2, 0, 0, 3, 2, 2, 2, 2.25, 9), IGI_IN_INTS(0, 0))},
    {.name = "max",
     .attrs = &largest,
     .n_out = 3,
     IGI_INPUTS(POSITIVE(1, 2, 4, 4),
                ROIS(2, 0.3, 0.4, 3, 2.9, 1, 1, 2.25, 9),
                IGI_IN_INTS(0, 0))},
    {.name = "size_one",
     .attrs = &fixed,
     IGI_INPUTS(IGI_IN(1, 1, 1, 1), ROIS(1, 0, 0, 1, 1), IGI_IN_INTS(0))},
    {.name = "no_regions",
     .attrs = &fixed,
     IGI_INPUTS(IGI_IN(1, 2, 3, 3), {IG_SHAPE_IN(0, 4)}, IGI_IN_NO_INTS)},
    {0},
};

IG_OPERATOR(RoiAlign) = {
    IG_OP_HEAD,
    .name = "RoiAlign",
    .since = 22,
    .doc =
        "A grid of cells over regions of interest, each the mean, or the largest, of "
        "samples by bilinear interpolation. Regions get no gradient.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_roi_options,
    .attrs_size = sizeof(igi_roi_attrs),
    .infer = roi_align_infer,
    .gradient = roi_align_gradient,
    .saves = saves,
    .reference = roi_align_reference,
    .samples = samples,
};
