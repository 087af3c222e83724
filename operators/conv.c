/* Conv: y = w * x + b, a cross-correlation over any number of spatial axes.
 *
 * Conv and the two linear maps that are its gradients (conv_grad_input.c,
 * conv_grad_weight.c) are closed under differentiation: each one's gradient is made of
 * the other two. The reference walks rows of y: for every tap, the part of the input
 * row that it meets is added with one weight. */
#include "operators/common_conv.h"

IG_USES_OP(ConvGradInput);
IG_USES_OP(ConvGradWeight);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dk], k >= 1."),
    IG_PORT("W", 'T', "Weights [M, C / group, K1, ..., Kk]."),
    IG_PORT("B", 'T', "Bias [M].", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Output [N, M, O1, ..., Ok]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {IGI_CONV_ATTRS, {0}};

static ig_status conv_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[0]->rank;
    if (x->in[1]->rank != rank || rank < 3)
        return ig_infer_fail(x, "X and W must have the same rank, at least 3");
    const int64_t *xd = ig_type_dims(x->in[0]), *wd = ig_type_dims(x->in[1]);
    IG_TRY(igi_conv_infer(x, x->attrs, rank, xd, wd, dims));
    if (x->n_in > 2 && x->in[2]) {
        if (x->in[2]->rank != 1)
            return ig_infer_fail(x, "B must have rank 1");
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[2])[0], wd[0], "dims of B and W",
                              &dims[1]));
    }
    return ig_infer_set(x, 0, rank, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(0, IG_BIT(1)),
    {0},
};

static ig_status conv_gradient(ig_grad *g)
{
    ig_var dy = ig_grad_dy(g, 0);
    const void *a = ig_grad_attrs(g); /* the helpers have the same attributes */
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0,
                    ig_emit3(g, IG_OP(ConvGradInput), a, dy, ig_grad_in(g, 1),
                             ig_grad_in_shape(g, 0)));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1,
                    ig_emit3(g, IG_OP(ConvGradWeight), a, dy, ig_grad_in(g, 0),
                             ig_grad_in_shape(g, 1)));
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, ig_emit_sum_except(g, dy, 1));
    return IG_OK;
}

IGI_INLINE ig_status conv_plane(ig_dtype T, igi_conv_call *v, const void *b, void *y)
{
    const igi_conv *c = &v->c;
    double acc[IGI_CHUNK], bias = b ? igi_load(T, b, v->m) : 0;
    int64_t width = igi_conv_row_axis(c)->out;
    int64_t at = (v->n * c->group * c->m + v->m) * c->out_plane;
    for (int64_t row = 0; row < c->w.out_outer; row++) {
        for (int64_t lo = 0; lo < width; lo += IGI_CHUNK) {
            int64_t hi = igi_chunk_end(lo, width);
            for (int64_t o = lo; o < hi; o++)
                acc[o - lo] = bias;
            IG_TRY(igi_conv_row(T, v, row, lo, hi, acc));
            for (int64_t o = lo; o < hi; o++)
                igi_store(T, y, at + row * width + o, acc[o - lo]);
        }
    }
    return IG_OK;
}

static ig_status conv_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *b = ig_in(k, 2);
    ig_tensor *y = ig_out(k, 0);
    igi_conv_call v = {
        .x = ig_data(x), .w = ig_data(w), .pixel = 1, .pace = igi_pace_of(k)};
    igi_conv_set(&v.c, k->attrs, ig_rank(x), ig_dims(x), ig_dims(w), ig_dims(y));
    v.channel = v.c.in_plane;
    v.item = v.c.group * v.c.c * v.channel;
    for (v.n = 0; v.n < v.c.batch; v.n++) {
        for (v.m = 0; v.m < v.c.group * v.c.m; v.m++) {
            IG_TRY(igi_pace_go(&v.pace, 1));
            IGI_EACH_FLOAT(
                k, ig_dtype_of(x),
                IG_TRY(conv_plane(T, &v, b ? ig_data(b) : NULL, ig_data(y))));
        }
    }
    return IG_OK;
}

#define ATTRS .struct_size = sizeof(igi_conv_attrs), .group = 1
static const igi_conv_attrs plain = {ATTRS};
static const igi_conv_attrs uneven = {ATTRS, .pads = IGI_INTS(1, 0, 2, 1),
                                      .strides = IGI_INTS(2, 1)};
static const igi_conv_attrs dilated = {ATTRS, .dilations = IGI_INTS(2, 3),
                                       .kernel_shape = IGI_INTS(2, 3)};
static const igi_conv_attrs same_lower = {ATTRS, .auto_pad = IGI_PAD_SAME_LOWER,
                                          .strides = IGI_INTS(2, 2)};
static const igi_conv_attrs same_upper = {ATTRS, .auto_pad = IGI_PAD_SAME_UPPER,
                                          .strides = IGI_INTS(2)};
/* oneDNN 2.6 ends the process over it. */
static const igi_conv_attrs far = {ATTRS, .auto_pad = IGI_PAD_SAME_LOWER,
                                   .dilations = IGI_INTS(INT32_MAX, 1),
                                   .strides = IGI_INTS(2, 2)};
static const igi_conv_attrs valid = {ATTRS, .auto_pad = IGI_PAD_VALID};
static const igi_conv_attrs groups = {
    .struct_size = sizeof(igi_conv_attrs), .group = 2, .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_conv_attrs depthwise = {
    .struct_size = sizeof(igi_conv_attrs), .group = 3, .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_conv_attrs cube = {ATTRS, .pads = IGI_INTS(0, 1, 0, 1, 0, 1),
                                    .strides = IGI_INTS(1, 2, 1)};

static const igi_conv_attrs line = {.struct_size = sizeof(igi_conv_attrs),
                                    .group = 19,
                                    .pads = IGI_INTS(5, 2),
                                    .strides = IGI_INTS(2),
                                    .dilations = IGI_INTS(2)};
static const igi_conv_attrs longer = {
    .struct_size = sizeof(igi_conv_attrs), .group = 3, .pads = IGI_INTS(2, 2)};
static const ig_sample samples[] = {
    {.name = "bias",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(2, 3, 5, 4), IGI_IN(2, 3, 3, 2), IGI_IN(2))},
    {.name = "uneven_pads",
     .attrs = &uneven,
     IGI_INPUTS(IGI_IN(1, 2, 5, 4), IGI_IN(3, 2, 3, 2))},
    {.name = "dilated",
     .attrs = &dilated,
     IGI_INPUTS(IGI_IN(1, 2, 4, 8), IGI_IN(2, 2, 2, 3))},
    {.name = "same_lower",
     .attrs = &same_lower,
     IGI_INPUTS(IGI_IN(1, 1, 5, 4), IGI_IN(1, 1, 2, 3))},
    {.name = "far_taps",
     .attrs = &far,
     .no_gradient = true, /* of its second, a value of 80 GB */
     IGI_INPUTS(IGI_IN(1, 1, 15, 4), IGI_IN(1, 1, 2, 3))},
    {.name = "one_axis",
     .attrs = &same_upper,
     IGI_INPUTS(IGI_IN(2, 2, 7), IGI_IN(3, 2, 4), IGI_IN(3))},
    {.name = "valid",
     .attrs = &valid,
     IGI_INPUTS(IGI_IN(1, 1, 3, 3), IGI_IN(1, 1, 3, 3))},
    {.name = "groups",
     .attrs = &groups,
     IGI_INPUTS(IGI_IN(1, 4, 3, 4), IGI_IN(6, 2, 3, 3), IGI_IN(6))},
    {.name = "depthwise",
     .attrs = &depthwise,
     IGI_INPUTS(IGI_IN(2, 3, 3, 3), IGI_IN(3, 1, 3, 3))},
    {.name = "depthwise_one_axis",
     .attrs = &line,
     IGI_INPUTS(IGI_IN(2, 19, 11), IGI_IN(19, 1, 4), IGI_IN(19))},
    {.name = "depthwise_in_pieces",
     .attrs = &longer,
     .no_gradient = true, /* long */
     IGI_INPUTS(IGI_IN(1, 3, 4500), IGI_IN(3, 1, 5))},
    {.name = "three_axes",
     .attrs = &cube,
     IGI_INPUTS(IGI_IN(1, 2, 3, 4, 3), IGI_IN(2, 2, 2, 3, 2))},
    {.name = "empty_batch",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(0, 2, 3, 3), IGI_IN(2, 2, 2, 2))},
    {.name = "no_channels",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(1, 0, 3, 3), IGI_IN(2, 0, 2, 2))},
    {.name = "size_one",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(1, 1, 1, 1), IGI_IN(1, 1, 1, 1), IGI_IN(1))},
    {0},
};

IG_OPERATOR(Conv) = {
    IG_OP_HEAD,
    .name = "Conv",
    .since = 22,
    .doc = "Convolution (cross-correlation) over k >= 1 spatial axes with padding, "
           "strides, dilations and groups of channels:\n"
           "Y[n, m, o] = B[m] + sum over c, t of W[m, c, t] * "
           "X[n, c, o * stride + t * dilation - pad].",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_conv_attrs),
    .infer = conv_infer,
    .gradient = conv_gradient,
    .saves = saves,
    .reference = conv_reference,
    .samples = samples,
};
