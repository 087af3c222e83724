// MaxRoiPool: the largest element of each cell of a grid laid over regions of interest
// (Girshick 2015).
//
// Corners are scaled and rounded to elements, both ends included, so that a region has
// at least one; a cell reaches from floor(i h / H) to ceil((i + 1) h / H), cut to the
// image, and one without elements gives 0. The second output, which ONNX does not have,
// says where the maxima are: the gradient goes there.

#include <inttypes.h>

#include "operators/common_float.h"

IG_USES_OP(MaxPoolGrad);

typedef struct max_roi_attrs {
    uint32_t struct_size;
    ig_ints pooled_shape;
    float spatial_scale;
} max_roi_attrs;

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "[N, C, H, W]."),
    IG_PORT("rois",
            'T',
            "[regions, 5]: batch, x and y of the first, x and y of the last corner.",
            .flags = IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "[regions, C, pooled_shape...]."),
    IG_PORT("Indices",
            'I',
            "Place of each maximum in X, flattened; -1: none.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(max_roi_attrs,
                 pooled_shape,
                 "Height and width of the grid.",
                 .flags = IG_REQUIRED,
                 .min = 1,
                 .max = INT32_MAX),
    IG_ATTR_FLOAT(
        max_roi_attrs, spatial_scale, 1, "From coordinates of regions to those of X."),
    {0},
};

static ig_status max_roi_infer(ig_infer *x)
{
    const max_roi_attrs *o = x->attrs;
    int64_t same;
    if (x->in[0]->rank != 4 || x->in[1]->rank != 2 || o->pooled_shape.n != 2)
        return ig_infer_fail(x, "X must have rank 4, rois 2, pooled_shape 2 numbers");
    if (!isfinite(o->spatial_scale)) // 0 times infinity would be a coordinate
        return ig_infer_fail(x, "spatial_scale is %g: it must be finite",
                             (double)o->spatial_scale);
    IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[1])[1], 5, "the numbers of a region",
                          &same));
    const int64_t dims[4] = {ig_type_dims(x->in[1])[0], ig_type_dims(x->in[0])[1],
                             o->pooled_shape.v[0], o->pooled_shape.v[1]};
    IG_TRY(ig_infer_set(x, 0, 4, dims));
    return x->n_out > 1 && x->out[1] ? ig_infer_set(x, 1, 4, dims) : IG_OK;
}

static ig_status max_roi_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(MaxPoolGrad), NULL, ig_grad_dy(g, 0),
                         ig_grad_out(g, 1), ig_grad_in_shape(g, 0)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_OUT(1, IG_BIT(0)), {0}};

// Elements [lo, hi) of one axis that cell i of n covers, from a region [first, last].
static void cell(int64_t i,
                 int64_t n,
                 double first,
                 double last,
                 int64_t size,
                 int64_t *lo,
                 int64_t *hi)
{
    double length = last - first + 1 > 1 ? last - first + 1 : 1,
           step = length / (double)n;
    double from = floor((double)i * step) + first,
           to = ceil((double)(i + 1) * step) + first;
    *lo = from < 0 ? 0 : from > (double)size ? size : (int64_t)from;
    *hi = to < 0 ? 0 : to > (double)size ? size : (int64_t)to;
}

IGI_INLINE ig_status pool_region(ig_dtype T,
                                 ig_kernel_ctx *k,
                                 igi_pace *pace,
                                 int64_t r,
                                 int64_t batch,
                                 const double *corner)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0), *indices = ig_out(k, 1);
    const int64_t *in = ig_dims(x), *out = ig_dims(y);
    for (int64_t i = 0; i < out[1] * out[2] * out[3]; i++) {
        int64_t c = i / (out[2] * out[3]), lo[2], hi[2], at = -1;
        double most = 0;
        cell(i / out[3] % out[2], out[2], corner[1], corner[3], in[2], &lo[0], &hi[0]);
        cell(i % out[3], out[3], corner[0], corner[2], in[3], &lo[1], &hi[1]);
        for (int64_t h = lo[0]; h < hi[0]; h++) {
            IG_TRY(igi_pace_go(pace, hi[1] - lo[1] + 1));
            for (int64_t w = lo[1]; w < hi[1]; w++) {
                int64_t e = ((batch * in[1] + c) * in[2] + h) * in[3] + w;
                double v = igi_load(T, ig_data(x), e);
                if (at < 0 || v > most || (v != v && most == most)) {
                    most = v;
                    at = e;
                }
            }
        }
        int64_t to = r * out[1] * out[2] * out[3] + i;
        igi_store(T, ig_data(y), to, most);
        if (indices)
            ((int64_t *)ig_data(indices))[to] = at;
    }
    return IG_OK;
}

static ig_status max_roi_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *rois = ig_in(k, 1);
    double scale = (double)((const max_roi_attrs *)k->attrs)->spatial_scale;
    igi_pace pace = igi_pace_of(k);
    for (int64_t r = 0; r < ig_dims(rois)[0]; r++) {
        double v[5];
        for (int i = 0; i < 5; i++) {
            v[i] = igi_get_f64(ig_dtype_of(rois), ig_data(rois), 5 * r + i);
            if (!(fabs(v[i]) < 0x1p31))
                return ig_kernel_fail(
                    k, IG_INVALID_ARGUMENT,
                    "region %" PRId64 " has %g, which is no coordinate", r, v[i]);
            v[i] = i ? round(v[i] * scale) : floor(v[i]);
        }
        if (v[0] < 0 || v[0] >= (double)ig_dims(x)[0])
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "region %" PRId64
                                  " is of image %g, there are %" PRId64,
                                  r, v[0], ig_dims(x)[0]);
        IGI_EACH_FLOAT(k, ig_dtype_of(x),
                       IG_TRY(pool_region(T, k, &pace, r, (int64_t)v[0], v + 1)));
    }
    return IG_OK;
}

static const max_roi_attrs two = {sizeof(max_roi_attrs), IGI_INTS(2, 2), 1};
static const max_roi_attrs scaled = {sizeof(max_roi_attrs), IGI_INTS(1, 3), 0.5f};
#define DISTINCT(...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_DISTINCT                             \
    }
#define ROIS(n_, ...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(n_, 5), .data = (const double[])                                   \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "two_images",
     .attrs = &two,
     .n_out = 2,
     IGI_INPUTS(DISTINCT(2, 2, 4, 5),
                ROIS(3, 0, 0, 0, 3, 3, 1, 1, 0, 4, 2, 0, 2, 2, 2, 2))},
    {.name = "scaled",
     .attrs = &scaled,
     IGI_INPUTS(DISTINCT(1, 1, 4, 4), ROIS(2, 0, 1, 1, 7, 5, 0, 12, 12, 20, 20))},
    {.name = "no_regions",
     .attrs = &two,
     IGI_INPUTS(DISTINCT(1, 2, 3, 3), {IG_SHAPE_IN(0, 5)})},
    {0},
};

IG_OPERATOR(MaxRoiPool) = {
    IG_OP_HEAD,
    .name = "MaxRoiPool",
    .since = 22,
    .doc = "The largest element of each cell of a grid over regions of interest, and "
           "where it is; 0 for cells outside the image.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(max_roi_attrs),
    .infer = max_roi_infer,
    .gradient = max_roi_gradient,
    .saves = saves,
    .reference = max_roi_reference,
    .samples = samples,
};
