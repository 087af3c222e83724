/* ingot::Conv: Conv over x[N, in..., C] with what follows it: bias, residual,
 * activation. Made by the optimiser from Conv, BatchNormalization, Add and activations;
 * never differentiated (gradients are taken before fusion).
 */
#include "operators/common_fused.h"

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Input [N, in..., C]."),
    IG_PORT("w", 'T', "Weights [M, C / group, kernel...], as Conv's."),
    IG_PORT("b", 'T', "Bias [M].", .flags = IG_OPTIONAL),
    IG_PORT("residual", 'T', "Added to the result; shape of y.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "Output [N, out..., M].", .alias = IG_MAY_ALIAS(3)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(igi_nhwc_conv_attrs,
                 auto_pad,
                 IGI_PAD_NOTSET,
                 igi_auto_pad_names,
                 "As Conv's: NOTSET, SAME_UPPER, SAME_LOWER or VALID."),
    IG_ATTR_INTS(igi_nhwc_conv_attrs,
                 dilations,
                 "Distance of taps per spatial axis; absent: 1.",
                 .min = 1,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_INT(igi_nhwc_conv_attrs,
                group,
                1,
                "Groups of channels.",
                .min = 1,
                .max = IGI_WINDOW_MAX),
    IG_ATTR_INTS(igi_nhwc_conv_attrs,
                 pads,
                 "Begins of all spatial axes, then ends; absent: 0.",
                 .min = 0,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_INTS(igi_nhwc_conv_attrs,
                 strides,
                 "Step per spatial axis; absent: 1.",
                 .min = 1,
                 .max = IGI_WINDOW_MAX),
    IGI_ACT_ATTRS(igi_nhwc_conv_attrs),
    {0},
};

static ig_status nhwc_conv_infer(ig_infer *x)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX], out[IG_RANK_MAX];
    igi_conv_attrs a = igi_nhwc_conv_plain(x->attrs);
    int rank = x->in[0]->rank;
    if (x->in[1]->rank != rank || rank < 3)
        return ig_infer_fail(x, "x and w must have the same rank, at least 3");
    const int64_t *wd = ig_type_dims(x->in[1]);
    igi_dims_to_nchw(rank, ig_type_dims(x->in[0]), xd);
    IG_TRY(igi_conv_infer(x, &a, rank, xd, wd, yd));
    igi_dims_to_nhwc(rank, yd, out);
    if (x->n_in > 2 && x->in[2]) {
        if (x->in[2]->rank != 1)
            return ig_infer_fail(x, "b must have rank 1");
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[2])[0], wd[0], "dims of b and w",
                              NULL));
    }
    const ig_type *r = x->n_in > 3 ? x->in[3] : NULL;
    if (r && r->rank != rank)
        return ig_infer_fail(x, "residual must have the shape of the result");
    for (int i = 0; r && i < rank; i++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(r)[i], out[i],
                              "dims of residual and of the result", &out[i]));
    return ig_infer_set(x, 0, rank, out);
}

typedef struct {
    igi_conv_call v;
    const igi_nhwc_conv_attrs *a;
    const void *b, *residual;
    void *y;
} nhwc_conv_call;

/* Channel v.m of item v.n. */
IGI_INLINE ig_status nhwc_conv_plane(ig_dtype T, nhwc_conv_call *f)
{
    const igi_conv *c = &f->v.c;
    const igi_nhwc_conv_attrs *e = f->a;
    double acc[IGI_CHUNK], bias = f->b ? igi_load(T, f->b, f->v.m) : 0;
    int64_t width = igi_conv_row_axis(c)->out, channels = c->group * c->m;
    for (int64_t row = 0; row < c->w.out_outer; row++) {
        for (int64_t lo = 0; lo < width; lo += IGI_CHUNK) {
            int64_t hi = igi_chunk_end(lo, width);
            for (int64_t o = lo; o < hi; o++)
                acc[o - lo] = bias;
            IG_TRY(igi_conv_row(T, &f->v, row, lo, hi, acc));
            for (int64_t o = lo; o < hi; o++) {
                int64_t pixel = f->v.n * c->out_plane + row * width + o;
                int64_t at = pixel * channels + f->v.m;
                double r = f->residual ? igi_load(T, f->residual, at) : 0;
                double y =
                    igi_act_finish(e->activation, (double)e->act_a, (double)e->act_b,
                                   e->residual_after != 0, acc[o - lo], r);
                igi_store(T, f->y, at, y);
            }
        }
    }
    return IG_OK;
}

static ig_status nhwc_conv_reference(ig_kernel_ctx *k)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX];
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *b = ig_in(k, 2),
                    *r = ig_in(k, 3);
    ig_tensor *y = ig_out(k, 0);
    igi_conv_attrs a = igi_nhwc_conv_plain(k->attrs);
    nhwc_conv_call f = {
        .v = {.x = ig_data(x), .w = ig_data(w), .channel = 1, .pace = igi_pace_of(k)},
        .a = k->attrs,
        .b = b ? ig_data(b) : NULL,
        .residual = r ? ig_data(r) : NULL,
        .y = ig_data(y)};
    igi_dims_to_nchw(ig_rank(x), ig_dims(x), xd);
    igi_dims_to_nchw(ig_rank(y), ig_dims(y), yd);
    igi_conv *c = &f.v.c;
    igi_conv_set(c, &a, ig_rank(x), xd, ig_dims(w), yd);
    f.v.pixel = c->group * c->c;
    f.v.item = c->in_plane * f.v.pixel;
    for (f.v.n = 0; f.v.n < c->batch; f.v.n++) {
        for (f.v.m = 0; f.v.m < c->group * c->m; f.v.m++) {
            IG_TRY(igi_pace_go(&f.v.pace, 1));
            IGI_EACH_FLOAT(k, ig_dtype_of(x), IG_TRY(nhwc_conv_plane(T, &f)));
        }
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_nhwc_conv_attrs)
static const igi_nhwc_conv_attrs plain = {HEAD, .group = 1};
static const igi_nhwc_conv_attrs relu = {HEAD, .group = 1, .activation = IGI_ACT_RELU,
                                         .pads = IGI_INTS(1, 0, 2, 1),
                                         .strides = IGI_INTS(2, 1)};
static const igi_nhwc_conv_attrs silu = {HEAD,
                                         .group = 2,
                                         .activation = IGI_ACT_SILU,
                                         .dilations = IGI_INTS(2, 1),
                                         .pads = IGI_INTS(1, 1, 1, 1),
                                         .residual_after = 1};
static const igi_nhwc_conv_attrs relu6 = {HEAD,
                                          .group = 3,
                                          .activation = IGI_ACT_CLIP,
                                          .act_b = 6,
                                          .auto_pad = IGI_PAD_SAME_UPPER,
                                          .strides = IGI_INTS(2, 2)};
static const igi_nhwc_conv_attrs leaky = {
    HEAD, .group = 1, .activation = IGI_ACT_LEAKY_RELU, .act_a = 0.1f};

/* Shapes for kernels that want 16 channels: images of many small tiles and of few. */
static const igi_nhwc_conv_attrs same = {HEAD, .group = 1, .activation = IGI_ACT_RELU,
                                         .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_nhwc_conv_attrs uneven = {HEAD, .group = 1, .activation = IGI_ACT_SILU,
                                           .pads = IGI_INTS(2, 0, 1, 3),
                                           .residual_after = 1};

static const ig_sample samples[] = {
    {.name = "bias",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(2, 5, 4, 3), IGI_IN(2, 3, 3, 2), IGI_IN(2)),
     .no_gradient = true},
    {.name = "residual_relu",
     .attrs = &relu,
     IGI_INPUTS(IGI_IN(1, 5, 4, 2), IGI_IN(3, 2, 3, 2), IGI_IN(3), IGI_IN(1, 3, 4, 3)),
     .no_gradient = true},
    {.name = "groups_silu_residual",
     .attrs = &silu,
     IGI_INPUTS(
         IGI_IN(1, 4, 4, 4), IGI_IN(2, 2, 2, 2), {.rank = -1}, IGI_IN(1, 4, 5, 2)),
     .no_gradient = true},
    {.name = "depthwise_relu6",
     .attrs = &relu6,
     IGI_INPUTS(IGI_IN(2, 5, 5, 3), IGI_IN(3, 1, 3, 3), IGI_IN(3)),
     .no_gradient = true},
    {.name = "one_axis",
     .attrs = &leaky,
     IGI_INPUTS(IGI_IN(2, 6, 2), IGI_IN(3, 2, 3)),
     .no_gradient = true},
    {.name = "large_3x3",
     .attrs = &same,
     IGI_INPUTS(IGI_IN(1, 18, 17, 16),
                IGI_IN(16, 16, 3, 3),
                IGI_IN(16),
                IGI_IN(1, 18, 17, 16)),
     .no_gradient = true},
    {.name = "small_3x3_batch",
     .attrs = &uneven,
     IGI_INPUTS(
         IGI_IN(2, 6, 5, 16), IGI_IN(32, 16, 3, 3), {.rank = -1}, IGI_IN(2, 7, 6, 32)),
     .no_gradient = true},
    {.name = "empty_batch",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(0, 3, 3, 2), IGI_IN(2, 2, 2, 2)),
     .no_gradient = true},
    {0},
};

IG_OPERATOR(NhwcConv) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "Conv",
    .since = 1,
    .doc = "Convolution over x[N, in..., C], then bias, residual and activation. "
           "Internal: the optimiser makes it after gradients are taken.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_nhwc_conv_attrs),
    .infer = nhwc_conv_infer,
    .gradient = ig_gradient_forbidden,
    .reference = nhwc_conv_reference,
    .samples = samples,
};
