/* ingot::QConv: QLinearConv over x[N, in..., C], with a residual and bounds:
 *   s = (sum of (x - x_zero)(w - w_zero) + bias) * factor, and with a residual
 *   s = clamp(s, sum_low, sum_high) + (residual - residual_zero) * residual_factor,
 *   y = clamp(round(s) + y_zero, low, high).
 * The sum is int32 and wraps around, the rest is float32, every operation
 * rounded. Made by the optimiser, with factor = x_scale * w_scale / y_scale per output
 * channel; never written to ONNX and never differentiated. */
#include <float.h>

#include "operators/common_fused.h"
#include "operators/common_qconv.h"

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Input [N, in..., C]."),
    IG_PORT("w", 'U', "Weights [M, C / group, kernel...], as Conv's."),
    IG_PORT("factor", 'F', "What sums are multiplied with [M]."),
    IG_PORT("bias", 'B', "Added to the sums [M].", .flags = IG_OPTIONAL),
    IG_PORT("residual", 'R', "Added to the result; shape of y.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'Y', "Output [N, out..., M].", .alias = IG_MAY_ALIAS(4)),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IGI_QUANT_BYTES},
    {'U', IGI_QUANT_BYTES},
    {'F', IG_T(FLOAT32)},
    {'B', IG_T(INT32)},
    {'R', IGI_QUANT_BYTES},
    {'Y', IGI_QUANT_BYTES},
    {0},
};
#define BYTE_(name_, default_, ...)                                                    \
    IG_ATTR_INT(igi_qconv_attrs, name_, default_, __VA_ARGS__, .min = -128, .max = 255)
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(igi_qconv_attrs,
                 auto_pad,
                 IGI_PAD_NOTSET,
                 igi_auto_pad_names,
                 "As Conv's: NOTSET, SAME_UPPER, SAME_LOWER or VALID."),
    IG_ATTR_INTS(igi_qconv_attrs,
                 dilations,
                 "Distance of taps per spatial axis; absent: 1.",
                 .min = 1,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_INT(igi_qconv_attrs,
                group,
                1,
                "Groups of channels.",
                .min = 1,
                .max = IGI_WINDOW_MAX),
    BYTE_(high, 255, "Largest result."),
    BYTE_(low, 0, "Smallest result."),
    IG_ATTR_INTS(igi_qconv_attrs,
                 pads,
                 "Begins of all spatial axes, then ends; absent: 0.",
                 .min = 0,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_FLOAT(
        igi_qconv_attrs, residual_factor, 1, "What the residual is multiplied with."),
    BYTE_(residual_zero, 0, "Zero point of the residual."),
    IG_ATTR_INTS(igi_qconv_attrs,
                 strides,
                 "Step per spatial axis; absent: 1.",
                 .min = 1,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_FLOAT(igi_qconv_attrs,
                  sum_high,
                  FLT_MAX,
                  "Largest product before a residual is added."),
    IG_ATTR_FLOAT(igi_qconv_attrs,
                  sum_low,
                  -FLT_MAX,
                  "Smallest product before a residual is added."),
    IG_ATTR_DTYPE(igi_qconv_attrs, to, IG_UINT8, "Element type of y: uint8 or int8."),
    BYTE_(w_zero, 0, "Zero point of w."),
    BYTE_(x_zero, 0, "Zero point of x; padding has this value."),
    BYTE_(y_zero, 0, "Zero point of y."),
    {0},
};

static ig_status check_vector(ig_infer *x, int port, int64_t m)
{
    const ig_type *t = x->n_in > port ? x->in[port] : NULL;
    if (!t)
        return IG_OK;
    if (t->rank != 1)
        return ig_infer_fail(x, "%s must have rank 1", inputs[port].name);
    return ig_infer_equal(x, ig_type_dims(t)[0], m, "dims of a vector and of w", NULL);
}

static ig_status qconv_infer(ig_infer *x)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX], out[IG_RANK_MAX];
    const igi_qconv_attrs *a = x->attrs;
    const igi_conv_attrs plain = igi_qconv_plain(a);
    int rank = x->in[0]->rank;
    if (x->in[1]->rank != rank || rank < 3)
        return ig_infer_fail(x, "x and w must have the same rank, at least 3");
    const int64_t *wd = ig_type_dims(x->in[1]);
    igi_dims_to_nchw(rank, ig_type_dims(x->in[0]), xd);
    IG_TRY(igi_conv_infer(x, &plain, rank, xd, wd, yd));
    igi_dims_to_nhwc(rank, yd, out);
    IG_TRY(check_vector(x, IGI_QCONV_FACTOR, wd[0]));
    IG_TRY(check_vector(x, IGI_QCONV_BIAS, wd[0]));
    const ig_type *r = x->n_in > IGI_QCONV_RESIDUAL ? x->in[IGI_QCONV_RESIDUAL] : NULL;
    if (r && r->rank != rank)
        return ig_infer_fail(x, "residual must have the shape of the result");
    for (int i = 0; r && i < rank; i++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(r)[i], out[i],
                              "dims of residual and of the result", &out[i]));
    IG_TRY(igi_quant_bytes_check(x, a->to, a->low, a->high));
    IG_TRY(igi_quant_zero_check(x, IGI_QCONV_X, a->x_zero));
    IG_TRY(igi_quant_zero_check(x, IGI_QCONV_W, a->w_zero));
    IG_TRY(igi_quant_zero_check(x, IGI_QCONV_RESIDUAL, a->residual_zero));
    IG_TRY(ig_infer_dtype(x, 0, a->to));
    return ig_infer_set(x, 0, rank, out);
}

static void store_row(
    const igi_quant_conv *c, void *user, int64_t at, int64_t n, const int32_t *acc)
{
    const ig_kernel_ctx *k = user;
    const igi_qconv_attrs *a = k->attrs;
    const ig_tensor *b = ig_in(k, IGI_QCONV_BIAS), *r = ig_in(k, IGI_QCONV_RESIDUAL);
    ig_tensor *y = ig_out(k, 0);
    float factor = ((const float *)ig_data(ig_in(k, IGI_QCONV_FACTOR)))[c->v.m];
    uint32_t bias = b ? ((const uint32_t *)ig_data(b))[c->v.m] : 0;
    for (int64_t i = 0; i < n; i++, at += c->y_pixel) {
        float v = (float)(int32_t)((uint32_t)acc[i] + bias) * factor;
        if (r) {
            float old = (float)igi_get_i64(ig_dtype_of(r), ig_data(r), at);
            v = v > a->sum_low ? v : a->sum_low;
            v = v < a->sum_high ? v : a->sum_high;
            v = v + (old - (float)a->residual_zero) * a->residual_factor;
        }
        igi_put_i64(
            ig_dtype_of(y), ig_data(y), at,
            igi_clamp_round(v, (float)a->y_zero, (float)a->low, (float)a->high));
    }
}

static ig_status qconv_reference(ig_kernel_ctx *k)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX];
    const igi_qconv_attrs *a = k->attrs;
    const igi_conv_attrs plain = igi_qconv_plain(a);
    const ig_tensor *x = ig_in(k, IGI_QCONV_X), *w = ig_in(k, IGI_QCONV_W),
                    *y = ig_out(k, 0);
    igi_quant_conv c = {.v = {.x = ig_data(x), .w = ig_data(w), .channel = 1},
                        .x_signed = ig_dtype_of(x) == IG_INT8,
                        .w_signed = ig_dtype_of(w) == IG_INT8,
                        .x_zero = (int32_t)a->x_zero,
                        .w_number = (int32_t)a->w_zero,
                        .y_channel = 1};
    igi_dims_to_nchw(ig_rank(x), ig_dims(x), xd);
    igi_dims_to_nchw(ig_rank(y), ig_dims(y), yd);
    igi_conv_set(&c.v.c, &plain, ig_rank(x), xd, ig_dims(w), yd);
    c.v.pixel = c.v.c.group * c.v.c.c;
    c.v.item = c.v.c.in_plane * c.v.pixel;
    c.y_pixel = c.v.c.group * c.v.c.m;
    return igi_quant_conv_run(k, &c, store_row, k);
}

#define HEAD                                                                           \
    .struct_size = sizeof(igi_qconv_attrs), .to = IG_UINT8, .high = 255,               \
    .sum_low = -40, .sum_high = 35
static const igi_qconv_attrs plain_1x1 = {HEAD, .group = 1, .x_zero = 3, .y_zero = 100};
static const igi_qconv_attrs padded = {HEAD,
                                       .group = 1,
                                       .x_zero = 5,
                                       .y_zero = 128,
                                       .pads = IGI_INTS(1, 0, 2, 1),
                                       .strides = IGI_INTS(2, 1),
                                       .dilations = IGI_INTS(1, 2)};
static const igi_qconv_attrs residual = {HEAD,
                                         .group = 1,
                                         .low = 40,
                                         .y_zero = 40,
                                         .residual_factor = 0.8f,
                                         .residual_zero = 2,
                                         .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_qconv_attrs grouped = {HEAD, .group = 2, .y_zero = 100,
                                        .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_qconv_attrs depthwise = {HEAD, .group = 20, .y_zero = 100, .x_zero = 2,
                                          .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_qconv_attrs signed_out = {.struct_size = sizeof(igi_qconv_attrs),
                                           .to = IG_INT8,
                                           .low = -128,
                                           .high = 127,
                                           .group = 1,
                                           .w_zero = 128,
                                           .auto_pad = IGI_PAD_SAME_UPPER};
static const igi_qconv_attrs far = {HEAD,
                                    .group = 1,
                                    .x_zero = 3,
                                    .auto_pad = IGI_PAD_SAME_LOWER,
                                    .dilations = IGI_INTS(INT32_MAX, INT32_MAX),
                                    .strides = IGI_INTS(2, 2)};
#define W_(...)                                                                        \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .dtype = IG_INT8                                     \
    }
#define FACTOR_(m_)                                                                    \
    {                                                                                  \
        IG_SHAPE_IN(m_), .fill = IG_FILL_POSITIVE                                      \
    }
#define BIAS_(m_)                                                                      \
    {                                                                                  \
        IG_SHAPE_IN(m_), .dtype = IG_INT32                                             \
    }
static const ig_sample samples[] = {
    {.name = "one_tap",
     .attrs = &plain_1x1,
     IGI_INPUTS(IGI_IN(2, 5, 4, 36), W_(67, 36, 1, 1), FACTOR_(67), BIAS_(67))},
    {.name = "odd_channels",
     .attrs = &plain_1x1,
     IGI_INPUTS(IGI_IN(1, 5, 7, 3), W_(5, 3, 2, 3), FACTOR_(5))},
    {.name = "padded",
     .attrs = &padded,
     IGI_INPUTS(IGI_IN(2, 5, 6, 8), W_(33, 8, 3, 2), FACTOR_(33), BIAS_(33))},
    {.name = "residual",
     .attrs = &residual,
     IGI_INPUTS(IGI_IN(1, 5, 17, 4),
                W_(34, 4, 3, 3),
                FACTOR_(34),
                IGI_IN_ABSENT,
                IGI_IN(1, 5, 17, 34))},
    {.name = "groups",
     .attrs = &grouped,
     IGI_INPUTS(IGI_IN(1, 4, 3, 6), W_(8, 3, 3, 3), FACTOR_(8))},
    {.name = "depthwise",
     .attrs = &depthwise,
     IGI_INPUTS(IGI_IN(1, 5, 6, 20), W_(20, 1, 3, 3), FACTOR_(20), BIAS_(20))},
    {.name = "unsigned_weights",
     .attrs = &signed_out,
     IGI_INPUTS(
         IGI_IN(1, 4, 5, 4), {IG_SHAPE_IN(3, 4, 2, 2), .dtype = IG_UINT8}, FACTOR_(3))},
    {.name = "far_taps",
     .attrs = &far,
     IGI_INPUTS(IGI_IN(1, 15, 4, 2), W_(3, 2, 2, 3), FACTOR_(3))},
    {.name = "one_axis",
     .attrs = &plain_1x1,
     IGI_INPUTS(IGI_IN(2, 6, 2), W_(3, 2, 3), FACTOR_(3))},
    {.name = "empty_batch",
     .attrs = &plain_1x1,
     IGI_INPUTS(IGI_IN(0, 3, 3, 2), W_(2, 2, 2, 2), FACTOR_(2))},
    {.name = "size_one",
     .attrs = &plain_1x1,
     IGI_INPUTS(IGI_IN(1, 1, 1, 1), W_(1, 1, 1, 1), FACTOR_(1))},
    {0},
};

IG_OPERATOR(NhwcQConv) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "QConv",
    .since = 1,
    .doc = "QLinearConv over x[N, in..., C] with a residual and bounds. Internal: the "
           "optimiser makes it.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_qconv_attrs),
    .infer = qconv_infer,
    .gradient = ig_gradient_forbidden,
    .reference = qconv_reference,
    .samples = samples,
};
