// DeformConv: a convolution whose windows look where offsets send them, by linear
// interpolation, with an optional factor per place (Dai et al. 2017, Zhu et al. 2018).
//
// It is a Conv of size 1 over ingot::DeformColumns, and its gradient is made of theirs.

#include "operators/common_conv.h"
#include "operators/common_deform.h"

IG_USES_OP(ConvGradInput);
IG_USES_OP(ConvGradWeight);
IG_USES_OP(Reshape);
IG_USES_OP(Shape);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "[N, C, in...]."),
    IG_PORT("W", 'T', "[M, C / group, kernel...]."),
    IG_PORT("offset", 'T', "[N, offset_group * places * axes, out...]."),
    IG_PORT("B", 'T', "Bias, [M].", .flags = IG_OPTIONAL),
    IG_PORT("mask",
            'T',
            "Factors, [N, offset_group * places, out...]; absent: 1.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {IG_PORT("Y", 'T', "[N, M, out...]."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
#define LIST(m_, ...)                                                                  \
    IG_ATTR_INTS(igi_deform_conv_attrs, m_, __VA_ARGS__, .max = IGI_WINDOW_MAX)
#define COUNT(m_, ...)                                                                 \
    IG_ATTR_INT(igi_deform_conv_attrs, m_, 1, __VA_ARGS__, .min = 1,                   \
                .max = IGI_WINDOW_MAX)
static const ig_attr_def attrs[] = {
    LIST(dilations, "Distance of places per spatial axis; absent: 1.", .min = 1),
    COUNT(group, "Groups of channels."),
    LIST(kernel_shape, "Spatial dims of W; absent: read from W.", .min = 1),
    COUNT(offset_group, "Groups of channels with offsets of their own."),
    LIST(pads, "Begins of all spatial axes, then ends; absent: 0.", .min = 0),
    LIST(strides, "Step per spatial axis; absent: 1.", .min = 1),
    {0},
};

static ig_status deform_conv_infer(ig_infer *x)
{
    const igi_deform_conv_attrs *o = x->attrs;
    const int64_t *xd = ig_type_dims(x->in[0]), *wd = ig_type_dims(x->in[1]);
    int64_t dims[IG_RANK_MAX], kernel[IG_RANK_MAX];
    int rank = x->in[0]->rank, n = rank - 2;
    bool known = true;
    if (n < 1 || x->in[1]->rank != rank || x->in[2]->rank != rank)
        return ig_infer_fail(x, "X, W and offset must have one rank of at least 3");
    if (o->kernel_shape.n && o->kernel_shape.n != n)
        return ig_infer_fail(x, "kernel_shape must have a number per spatial axis");
    for (int i = 0; i < n; i++) {
        kernel[i] = wd[2 + i];
        if (o->kernel_shape.n)
            IG_TRY(ig_infer_equal(x, wd[2 + i], o->kernel_shape.v[i], "a dim of W",
                                  &kernel[i]));
        known = known && kernel[i] > 0;
    }
    if (xd[1] >= 0 && (xd[1] % o->group != 0 || xd[1] % o->offset_group != 0 ||
                       (wd[1] >= 0 && wd[1] * o->group != xd[1])))
        return ig_infer_fail(x, "groups, channels of X and of W do not fit");
    if (wd[0] >= 0 && wd[0] % o->group != 0)
        return ig_infer_fail(x, "group must divide the channels of the result");
    dims[0] = xd[0];
    dims[1] = wd[0];
    for (int i = 0; i < n; i++)
        dims[2 + i] = ig_type_dims(x->in[2])[2 + i];
    if (known) {
        int64_t out[IG_RANK_MAX];
        igi_deform_attrs columns = igi_deform_columns_of(o, n, kernel);
        IG_TRY(igi_deform_sizes(x, &columns, n, xd + 2, out));
        for (int i = 0; i < n; i++)
            IG_TRY(ig_infer_equal(x, dims[2 + i], out[i], "a dim of offset",
                                  &dims[2 + i]));
    }
    return ig_infer_set(x, 0, rank, dims);
}

// dX, doffset and dmask from dcols, which is what Conv's gradient gives its input.
static void columns_gradient(ig_grad *g, const igi_deform_attrs *o, ig_var d)
{
    ig_var x = ig_grad_in(g, 0), offset = ig_grad_in(g, 2), mask = ig_grad_in(g, 4);
    if (ig_grad_wants(g, 0))
        ig_grad_set(
            g, 0, igi_emit_deform_back(g, o, d, offset, mask, ig_grad_in_shape(g, 0)));
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, igi_emit_deform_offset(g, o, d, x, offset, mask));
    if (ig_grad_wants(g, 4))
        ig_grad_set(g, 4, igi_emit_deform_sum(g, o, d, x, offset));
}

static ig_status deform_conv_gradient(ig_grad *g)
{
    const igi_deform_conv_attrs *o = ig_grad_attrs(g);
    const ig_type *w = ig_grad_in_type(g, 1);
    const igi_conv_attrs conv = {.struct_size = sizeof(conv), .group = o->group};
    int n = w->rank - 2;
    int64_t flat[IG_RANK_MAX] = {0, -1};
    const int64_t *kernel = o->kernel_shape.n ? o->kernel_shape.v : ig_type_dims(w) + 2;
    for (int i = 0; i < n; i++) {
        flat[2 + i] = 1;
        if (kernel[i] < 1)
            return ig_grad_fail(g, IG_UNSUPPORTED,
                                "kernel_shape must be given when the dims of W are not "
                                "numbers");
    }
    if (n < 1)
        return ig_grad_fail(g, IG_UNSUPPORTED, "the rank is not known");
    const igi_deform_attrs columns = igi_deform_columns_of(o, n, kernel);
    ig_var dy = ig_grad_dy(g, 0);
    ig_var cols = igi_emit_deform_columns(g, &columns, ig_grad_in(g, 0),
                                          ig_grad_in(g, 2), ig_grad_in(g, 4));
    ig_var w1 = ig_emit2(g, IG_OP(Reshape), NULL, ig_grad_in(g, 1),
                         ig_grad_ints(g, flat, n + 2));
    if (ig_grad_wants(g, 0) || ig_grad_wants(g, 2) || ig_grad_wants(g, 4))
        columns_gradient(g, &columns,
                         ig_emit3(g, IG_OP(ConvGradInput), &conv, dy, w1,
                                  ig_emit1(g, IG_OP(Shape), NULL, cols)));
    if (ig_grad_wants(g, 1)) {
        ig_var dw = ig_emit3(g, IG_OP(ConvGradWeight), &conv, dy, cols,
                             ig_emit1(g, IG_OP(Shape), NULL, w1));
        ig_grad_set(g, 1, igi_emit_reshape(g, dw, ig_grad_in_shape(g, 1)));
    }
    if (ig_grad_wants(g, 3))
        ig_grad_set(g, 3, ig_emit_sum_except(g, dy, 1));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_SAVE_ANY),
    IG_SAVE_IN(1, IG_SAVE_ANY),
    IG_SAVE_IN(2, IG_SAVE_ANY),
    IG_SAVE_IN(4, IG_SAVE_ANY),
    {0},
};

// One output position: all that its windows read, [C, places], then a sum per channel.
IGI_INLINE void position(ig_dtype T,
                         const ig_kernel_ctx *k,
                         const igi_deform *d,
                         int64_t image,
                         int64_t out,
                         double *read)
{
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *b = ig_in(k, 3),
                    *y = ig_out(k, 0);
    igi_corner corner[1 << IGI_DEFORM_AXES];
    int64_t group = ((const igi_deform_conv_attrs *)k->attrs)->group,
            per = d->c / d->groups;
    int64_t m = ig_dims(w)[0], size = d->c / group * d->places;
    for (int64_t i = 0; i < d->groups * d->places; i++) {
        int64_t g = i / d->places, place = i % d->places;
        int n = igi_deform_corners(d, image, g, place, out, corner);
        for (int64_t c = g * per; c < (g + 1) * per; c++) {
            double sum = 0;
            for (int j = 0; j < n; j++)
                sum += corner[j].weight *
                       igi_load(T, ig_data(x),
                                (image * d->c + c) * d->in_plane + corner[j].at);
            read[c * d->places + place] = sum;
        }
    }
    for (int64_t j = 0; j < m; j++) {
        double sum = b ? igi_load(T, ig_data(b), j) : 0;
        const double *from = read + j / (m / group) * size;
        for (int64_t i = 0; i < size; i++)
            sum += from[i] * igi_load(T, ig_data(w), j * size + i);
        igi_store(T, ig_data(y), (image * m + j) * d->out_plane + out, sum);
    }
}

static ig_status deform_conv_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1);
    igi_deform d;
    IG_TRY(igi_deform_conv_make(k, &d));
    int64_t row;
    if (!ig_numel(ig_out(k, 0)))
        return IG_OK;
    if (!igi_mul_i64(d.c, d.places, &row))
        return ig_kernel_fail(k, IG_LIMIT, "the windows are too large");
    double *read = igi_calloc((size_t)row + 1, sizeof(*read));
    if (!read)
        return IG_OUT_OF_MEMORY;
    igi_pace pace = igi_pace_of(k);
    ig_status rc = IG_OK;
    for (int64_t i = 0; i < d.batch * d.out_plane && rc == IG_OK; i++) {
        rc = igi_pace_go(&pace, (ig_dims(w)[0] + 8) * row);
        switch (ig_dtype_of(x)) {
        case IG_FLOAT64:
            position(IG_FLOAT64, k, &d, i / d.out_plane, i % d.out_plane, read);
            break;
        case IG_FLOAT16:
            position(IG_FLOAT16, k, &d, i / d.out_plane, i % d.out_plane, read);
            break;
        case IG_BFLOAT16:
            position(IG_BFLOAT16, k, &d, i / d.out_plane, i % d.out_plane, read);
            break;
        default:
            position(IG_FLOAT32, k, &d, i / d.out_plane, i % d.out_plane, read);
            break;
        }
    }
    igi_free(read);
    return rc;
}

#define HEAD .struct_size = sizeof(igi_deform_conv_attrs)
static const igi_deform_conv_attrs plain = {
    HEAD, .group = 1, .kernel_shape = IGI_INTS(2, 2), .offset_group = 1};
static const igi_deform_conv_attrs groups = {HEAD,
                                             .dilations = IGI_INTS(1, 2),
                                             .group = 2,
                                             .kernel_shape = IGI_INTS(2, 2),
                                             .offset_group = 2,
                                             .pads = IGI_INTS(1, 1, 0, 1),
                                             .strides = IGI_INTS(2, 1)};
static const igi_deform_conv_attrs wide = {HEAD, .group = 2, .offset_group = 3,
                                           .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_deform_conv_attrs from_w = {HEAD, .group = 1, .offset_group = 1};
static const igi_deform_conv_attrs line = {
    HEAD, .group = 1, .kernel_shape = IGI_INTS(2), .offset_group = 1};
#define PLACES_ODD                                                                     \
    {                                                                                  \
        IG_SHAPE_IN(1, 2, 3, 3), .data = (const double[])                              \
        {                                                                              \
            NAN, INFINITY, 1e4, -1e4, 0, -0.5, 0.5, -1, 1, 0, 0, 0, 0, 0, NAN, 0.5, 0, \
                -INFINITY                                                              \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "plain",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(1, 2, 3, 3), IGI_IN(3, 2, 2, 2), IGI_IN(1, 8, 2, 2))},
    {.name = "groups_bias_mask",
     .attrs = &groups,
     IGI_INPUTS(IGI_IN(2, 4, 3, 3),
                IGI_IN(2, 2, 2, 2),
                IGI_IN(2, 16, 2, 3),
                IGI_IN(2),
                IGI_IN(2, 8, 2, 3))},
    {.name = "kernel_from_w",
     .attrs = &from_w,
     .no_gradient = true,
     IGI_INPUTS(IGI_IN(1, 1, 3, 3), IGI_IN(1, 1, 3, 2), IGI_IN(1, 12, 1, 2))},
    {.name = "line",
     .attrs = &line,
     IGI_INPUTS(IGI_IN(1, 1, 4), IGI_IN(2, 1, 2), IGI_IN(1, 2, 3), IGI_IN(2))},
    {.name = "wide",
     .attrs = &wide,
     .no_gradient = true,
     IGI_INPUTS(IGI_IN(1, 6, 7, 11),
                IGI_IN(4, 3, 3, 3),
                IGI_IN(1, 54, 7, 11),
                IGI_IN(4),
                IGI_IN(1, 27, 7, 11))},
    {.name = "three_axes",
     .attrs = &from_w,
     .no_gradient = true,
     IGI_INPUTS(IGI_IN(1, 2, 3, 2, 3), IGI_IN(1, 2, 2, 1, 2), IGI_IN(1, 12, 2, 2, 2))},
    {.name = "no_numbers",
     .attrs = &from_w,
     .no_gradient = true,
     IGI_INPUTS(IGI_IN(1, 1, 3, 3), IGI_IN(1, 1, 1, 1), PLACES_ODD)},
    {.name = "empty",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(0, 2, 3, 3), IGI_IN(3, 2, 2, 2), IGI_IN(0, 8, 2, 2))},
    {0},
};

IG_OPERATOR(DeformConv) = {
    IG_OP_HEAD,
    .name = "DeformConv",
    .since = 22,
    .doc = "A convolution whose windows look where offsets send them, by linear "
           "interpolation; zeros outside.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_deform_conv_attrs),
    .infer = deform_conv_infer,
    .gradient = deform_conv_gradient,
    .saves = saves,
    .reference = deform_conv_reference,
    .samples = samples,
};
