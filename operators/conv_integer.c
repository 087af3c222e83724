/* ConvInteger: the convolution of 8-bit integers less their zero points, in int32,
 * which wraps around. Padding is the zero point of x. Integers have no derivative. */
#include "operators/common_quant.h"

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Input [N, C, D1, ..., Dk], k >= 1."),
    IG_PORT("w", 'U', "Weights [M, C / group, K1, ..., Kk]."),
    IG_PORT("x_zero_point", 'T', "A number; absent: 0.", .flags = IG_OPTIONAL),
    IG_PORT("w_zero_point", 'U', "A number or [M]; absent: 0.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'Y', "Output [N, M, O1, ..., Ok]."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IGI_QUANT_BYTES},
    {'U', IGI_QUANT_BYTES},
    {'Y', IG_T(INT32)},
    {0},
};
static const ig_attr_def attrs[] = {IGI_CONV_ATTRS, {0}};

static ig_status conv_integer_infer(ig_infer *x)
{
    static const int numbers[] = {2, 3, -1};
    return igi_quant_conv_infer(x, 0, 1, numbers, IG_BIT(3));
}

static void store_row(
    const igi_quant_conv *c, void *user, int64_t at, int64_t n, const int32_t *acc)
{
    (void)c;
    memcpy((int32_t *)user + at, acc, (size_t)n * sizeof(*acc));
}

static ig_status conv_integer_reference(ig_kernel_ctx *k)
{
    igi_quant_conv c;
    igi_quant_conv_set(&c, k, 0, 2, 1, 3);
    return igi_quant_conv_run(k, &c, store_row, ig_data(ig_out(k, 0)));
}

#define ATTRS .struct_size = sizeof(igi_conv_attrs)
static const igi_conv_attrs plain = {ATTRS, .group = 1};
static const igi_conv_attrs uneven = {ATTRS, .group = 1, .pads = IGI_INTS(1, 0, 2, 1),
                                      .strides = IGI_INTS(2, 1),
                                      .dilations = IGI_INTS(1, 2)};
static const igi_conv_attrs same = {ATTRS, .group = 1, .auto_pad = IGI_PAD_SAME_UPPER};
static const igi_conv_attrs groups = {ATTRS, .group = 2, .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_conv_attrs deep = {ATTRS, .group = 35, .pads = IGI_INTS(1, 1, 1, 1)};
#define W_(type_, ...)                                                                 \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .dtype = type_                                       \
    }
static const ig_sample samples[] = {
    {.name = "int8_weights",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(2, 3, 5, 4), W_(IG_INT8, 2, 3, 3, 2))},
    {.name = "uint8_weights",
     .attrs = &uneven,
     IGI_INPUTS(IGI_IN(1, 2, 5, 6),
                W_(IG_UINT8, 3, 2, 3, 2),
                IGI_IN_SCALAR,
                {.rank = 0, IGI_DATA(IG_UINT8, 5)})},
    {.name = "per_channel",
     .attrs = &groups,
     IGI_INPUTS(
         IGI_IN(1, 4, 3, 4), W_(IG_INT8, 6, 2, 3, 3), IGI_IN_SCALAR, W_(IG_INT8, 6))},
    {.name = "one_axis",
     .attrs = &same,
     IGI_INPUTS(IGI_IN(2, 2, 7), W_(IG_INT8, 3, 2, 4), IGI_IN_SCALAR)},
    {.name = "zero_points_in_parts",
     .attrs = &uneven,
     IGI_INPUTS(IGI_IN(2, 5, 9, 11),
                W_(IG_UINT8, 37, 5, 3, 2),
                IGI_IN_SCALAR,
                W_(IG_UINT8, 37))},
    {.name = "wide",
     .attrs = &same,
     IGI_INPUTS(IGI_IN(1, 3, 2, 150), W_(IG_INT8, 5, 3, 1, 3), IGI_IN_SCALAR)},
    {.name = "depthwise",
     .attrs = &deep,
     IGI_INPUTS(IGI_IN(2, 35, 5, 20),
                W_(IG_UINT8, 35, 1, 3, 3),
                IGI_IN_SCALAR,
                {.rank = 0, IGI_DATA(IG_UINT8, 100)})},
    {.name = "three_axes",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(1, 2, 3, 4, 3), W_(IG_INT8, 2, 2, 2, 3, 2))},
    {.name = "empty_batch",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(0, 2, 3, 3), W_(IG_INT8, 2, 2, 2, 2))},
    {.name = "size_one",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(1, 1, 1, 1), W_(IG_INT8, 1, 1, 1, 1), IGI_IN(1))},
    {0},
};

IG_OPERATOR(ConvInteger) = {
    IG_OP_HEAD,
    .name = "ConvInteger",
    .since = 10,
    .doc =
        "Convolution of 8-bit integers less their zero points, exact in int32 (which "
        "wraps around). Padding stands for the zero point of x.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_conv_attrs),
    .infer = conv_integer_infer,
    .gradient = ig_gradient_none,
    .reference = conv_integer_reference,
    .samples = samples,
};
