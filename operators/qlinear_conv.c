/* QLinearConv: the convolution of quantized tensors, quantized again.
 *
 * y = saturate(round((sum of (x - zx)(w - zw) + B) * (sx * sw / sy)) + zy): the sum is
 * int32, which wraps around, the factor and the product with it are float32. Padding is
 * the zero point of x. Asking for a gradient is an error, as in QuantizeLinear. */
#include "operators/common_quant.h"

enum { X, X_SCALE, X_ZERO, W, W_SCALE, W_ZERO, Y_SCALE, Y_ZERO, BIAS };

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Input [N, C, D1, ..., Dk], k >= 1."),
    IG_PORT("x_scale", 'S', "A number."),
    IG_PORT("x_zero_point", 'T', "A number."),
    IG_PORT("w", 'U', "Weights [M, C / group, K1, ..., Kk]."),
    IG_PORT("w_scale", 'S', "A number or [M]."),
    IG_PORT("w_zero_point", 'U', "A number or [M]."),
    IG_PORT("y_scale", 'S', "A number."),
    IG_PORT("y_zero_point", 'Y', "A number; its type is that of y."),
    IG_PORT("B", 'B', "Bias [M] in units of x_scale * w_scale.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'Y', "Output [N, M, O1, ..., Ok]."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IGI_QUANT_BYTES}, {'S', IG_T(FLOAT32)}, {'U', IGI_QUANT_BYTES},
    {'Y', IGI_QUANT_BYTES}, {'B', IG_T(INT32)},   {0},
};
static const ig_attr_def attrs[] = {IGI_CONV_ATTRS, {0}};

static ig_status qlinear_conv_infer(ig_infer *x)
{
    static const int numbers[] = {X_SCALE, X_ZERO, W_SCALE, W_ZERO,
                                  Y_SCALE, Y_ZERO, -1};
    IG_TRY(igi_quant_conv_infer(x, X, W, numbers, IG_BIT(W_SCALE) | IG_BIT(W_ZERO)));
    const ig_type *b = x->n_in > BIAS ? x->in[BIAS] : NULL;
    if (b && b->rank != 1)
        return ig_infer_fail(x, "B must have rank 1");
    return b ? ig_infer_equal(x, ig_type_dims(b)[0], ig_type_dims(x->in[W])[0],
                              "dims of B and W", NULL)
             : IG_OK;
}

static void store_row(
    const igi_quant_conv *c, void *user, int64_t at, int64_t n, const int32_t *acc)
{
    const ig_kernel_ctx *k = user;
    const ig_tensor *b = ig_in(k, BIAS), *ws = ig_in(k, W_SCALE);
    ig_tensor *y = ig_out(k, 0);
    int64_t m = c->v.m;
    float factor = (float)igi_scalar_f64(ig_in(k, X_SCALE), 1) *
                   ((const float *)ig_data(ws))[ig_numel(ws) > 1 ? m : 0] /
                   (float)igi_scalar_f64(ig_in(k, Y_SCALE), 1);
    int32_t bias = b ? ((const int32_t *)ig_data(b))[m] : 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t sum = (int32_t)((uint32_t)acc[i] + (uint32_t)bias);
        igi_quant_store(y, at + i, (double)((float)sum * factor),
                        igi_scalar_f64(ig_in(k, Y_ZERO), 0), true);
    }
}

static ig_status qlinear_conv_reference(ig_kernel_ctx *k)
{
    igi_quant_conv c;
    igi_quant_conv_set(&c, k, X, X_ZERO, W, W_ZERO);
    return igi_quant_conv_run(k, &c, store_row, k);
}

#define ATTRS .struct_size = sizeof(igi_conv_attrs)
static const igi_conv_attrs plain = {ATTRS, .group = 1};
static const igi_conv_attrs uneven = {ATTRS, .group = 1, .pads = IGI_INTS(1, 0, 2, 1),
                                      .strides = IGI_INTS(2, 1),
                                      .dilations = IGI_INTS(1, 2)};
static const igi_conv_attrs groups = {ATTRS, .group = 2, .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_conv_attrs depthwise = {ATTRS, .group = 20,
                                         .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_conv_attrs valid = {ATTRS, .group = 1, .auto_pad = IGI_PAD_VALID};
#define ONE_(type_, v_)                                                                \
    {                                                                                  \
        .rank = 0, IGI_DATA(type_, v_)                                                 \
    }
#define W_(type_, ...)                                                                 \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .dtype = type_                                       \
    }
#define X_               ONE_(IG_FLOAT32, 0.25), IGI_IN_SCALAR
#define Y_(type_, zero_) ONE_(IG_FLOAT32, 0.7), ONE_(type_, zero_)
#define S_               ONE_(IG_FLOAT32, 0.1)
static const ig_sample samples[] = {
    {.name = "bias",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(2, 3, 5, 4),
                X_,
                W_(IG_INT8, 2, 3, 3, 2),
                S_,
                ONE_(IG_INT8, 0),
                Y_(IG_UINT8, 128),
                W_(IG_INT32, 2))},
    {.name = "uint8_weights",
     .attrs = &uneven,
     IGI_INPUTS(IGI_IN(1, 2, 5, 6),
                X_,
                W_(IG_UINT8, 3, 2, 3, 2),
                S_,
                ONE_(IG_UINT8, 5),
                Y_(IG_INT8, 3))},
    {.name = "per_channel",
     .attrs = &groups,
     IGI_INPUTS(IGI_IN(1, 4, 3, 4),
                X_,
                W_(IG_INT8, 6, 2, 3, 3),
                {IG_SHAPE_IN(6), .fill = IG_FILL_POSITIVE},
                W_(IG_INT8, 6),
                Y_(IG_UINT8, 100),
                W_(IG_INT32, 6))},
    {.name = "depthwise",
     .attrs = &depthwise,
     IGI_INPUTS(IGI_IN(1, 20, 5, 6),
                X_,
                W_(IG_INT8, 20, 1, 3, 3),
                {IG_SHAPE_IN(20), .fill = IG_FILL_POSITIVE},
                ONE_(IG_INT8, 0),
                Y_(IG_UINT8, 100),
                W_(IG_INT32, 20))},
    {.name = "many_channels",
     .attrs = &valid,
     IGI_INPUTS(IGI_IN(1, 36, 6, 5),
                X_,
                W_(IG_INT8, 67, 36, 3, 3),
                S_,
                ONE_(IG_INT8, 0),
                Y_(IG_UINT8, 100))},
    {.name = "one_axis",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(2, 2, 7),
                X_,
                W_(IG_INT8, 3, 2, 4),
                S_,
                ONE_(IG_INT8, 0),
                Y_(IG_UINT8, 100))},
    {.name = "three_axes",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(1, 2, 3, 4, 3),
                X_,
                W_(IG_INT8, 2, 2, 2, 3, 2),
                S_,
                ONE_(IG_INT8, 0),
                Y_(IG_UINT8, 100))},
    {.name = "empty_batch",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(0, 2, 3, 3),
                X_,
                W_(IG_INT8, 2, 2, 2, 2),
                S_,
                ONE_(IG_INT8, 0),
                Y_(IG_UINT8, 100))},
    {.name = "size_one",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(1, 1, 1, 1),
                X_,
                W_(IG_INT8, 1, 1, 1, 1),
                S_,
                ONE_(IG_INT8, 0),
                Y_(IG_UINT8, 100))},
    {0},
};

IG_OPERATOR(QLinearConv) = {
    IG_OP_HEAD,
    .name = "QLinearConv",
    .since = 10,
    .doc = "Convolution of quantized tensors, quantized again: y = saturate(round((sum "
           "of (x - x_zero_point)(w - w_zero_point) + B) * (x_scale * w_scale / "
           "y_scale)) + y_zero_point). No gradient: rounding has none.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_conv_attrs),
    .infer = qlinear_conv_infer,
    .gradient = ig_gradient_forbidden,
    .reference = qlinear_conv_reference,
    .samples = samples,
};
