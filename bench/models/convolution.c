/* Convolution nets: shapes after their papers, weights random. Tiny ones have an input
 * of 64 pixels and a quarter of the channels. */
#include "bench/models/builder.h"

static int64_t side(const builder *b)
{
    return b->tiny ? 64 : 224;
}

static int64_t width(const builder *b, int64_t channels)
{
    return b->tiny ? (channels + 7) / 8 * 2 : channels;
}

static value image(builder *b)
{
    return B_INPUT(b, "image", IG_FLOAT32, 1, 3, side(b), side(b));
}

static void classify(builder *b, value x, int64_t channels)
{
    b_output(
        b, "logits",
        b_gemm(b, b_flatten(b, b_global_pool(b, x)), channels, b->tiny ? 100 : 1000));
}

/* ---- ResNet (He et al. 2015) ---- */

static value shortcut(builder *b, value x, int64_t in, int64_t out, int64_t stride)
{
    return in == out && stride == 1
               ? x
               : b_conv_bn(b, x, (conv){in, out, 1, stride, 0, 1, false, 0});
}

static value basic(builder *b, value x, int64_t in, int64_t out, int64_t stride)
{
    value y = b_relu(b, b_conv_bn(b, x, (conv){in, out, 3, stride, 1, 1, false, 0}));
    y = b_conv_bn(b, y, (conv){out, out, 3, 1, 1, 1, false, 0.3});
    return b_relu(b, b_op2(b, "Add", y, shortcut(b, x, in, out, stride)));
}

static value bottleneck(builder *b, value x, int64_t in, int64_t out, int64_t stride)
{
    int64_t mid = out / 4;
    value y = b_relu(b, b_conv_bn(b, x, (conv){in, mid, 1, 1, 0, 1, false, 0}));
    y = b_relu(b, b_conv_bn(b, y, (conv){mid, mid, 3, stride, 1, 1, false, 0}));
    y = b_conv_bn(b, y, (conv){mid, out, 1, 1, 0, 1, false, 0.3});
    return b_relu(b, b_op2(b, "Add", y, shortcut(b, x, in, out, stride)));
}

typedef value (*block)(builder *, value, int64_t, int64_t, int64_t);

static void resnet(builder *b, block f, const int *depths, int64_t grow)
{
    int64_t in = width(b, 64);
    value x = b_relu(b, b_conv_bn(b, image(b), (conv){3, in, 7, 2, 3, 1, false, 0}));
    x = b_max_pool(b, x, 3, 2, 1);
    for (int stage = 0; stage < 4; stage++) {
        int64_t out = width(b, (64 * grow) << stage);
        for (int i = 0; i < depths[stage]; i++) {
            x = f(b, x, in, out, i == 0 && stage > 0 ? 2 : 1);
            in = out;
        }
    }
    classify(b, x, in);
}

void m_resnet18(builder *b)
{
    resnet(b, basic, (int[]){2, 2, 2, 2}, 1);
}

void m_resnet50(builder *b)
{
    resnet(b, bottleneck, b->tiny ? (int[]){1, 1, 1, 1} : (int[]){3, 4, 6, 3}, 4);
}

/* ---- MobileNetV2 (Sandler et al. 2018) ---- */

static value relu6(builder *b, value x)
{
    return b_clip(b, x, 0, 6);
}

static value
inverted(builder *b, value x, int64_t in, int64_t out, int64_t stride, int64_t expand)
{
    int64_t mid = in * expand;
    value y = x;
    if (expand > 1)
        y = relu6(b, b_conv_bn(b, y, (conv){in, mid, 1, 1, 0, 1, false, 0}));
    y = relu6(b, b_conv_bn(b, y, (conv){mid, mid, 3, stride, 1, mid, false, 0}));
    y = b_conv_bn(b, y, (conv){mid, out, 1, 1, 0, 1, false, 0});
    return in == out && stride == 1 ? b_op2(b, "Add", x, y) : y;
}

void m_mobilenet_v2(builder *b)
{
    static const int rows[7][4] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2},
                                   {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2},
                                   {6, 320, 1, 1}};
    int64_t in = width(b, 32), last = width(b, 1280);
    value x = relu6(b, b_conv_bn(b, image(b), (conv){3, in, 3, 2, 1, 1, false, 0}));
    for (int r = 0; r < 7; r++) {
        int64_t out = width(b, rows[r][1]);
        for (int i = 0; i < (b->tiny ? 1 : rows[r][2]); i++) {
            x = inverted(b, x, in, out, i ? 1 : rows[r][3], rows[r][0]);
            in = out;
        }
    }
    classify(b, relu6(b, b_conv_bn(b, x, (conv){in, last, 1, 1, 0, 1, false, 0})),
             last);
}

/* ---- EfficientNet-B0 (Tan and Le 2019) ---- */

static value squeeze_excite(builder *b, value x, int64_t channels, int64_t inner)
{
    value s = b_global_pool(b, x);
    s = b_silu(b, b_conv(b, s, (conv){channels, inner, 1, 1, 0, 1, true, 0}));
    s = b_op1(b, "Sigmoid", b_conv(b, s, (conv){inner, channels, 1, 1, 0, 1, true, 0}));
    return b_op2(b, "Mul", x, s);
}

static value mbconv(builder *b,
                    value x,
                    int64_t in,
                    int64_t out,
                    int64_t stride,
                    int64_t expand,
                    int64_t kernel)
{
    int64_t mid = in * expand, inner = in / 4 > 0 ? in / 4 : 1;
    value y = x;
    if (expand > 1)
        y = b_silu(b, b_conv_bn(b, y, (conv){in, mid, 1, 1, 0, 1, false, 0}));
    y = b_silu(
        b,
        b_conv_bn(b, y, (conv){mid, mid, kernel, stride, kernel / 2, mid, false, 0}));
    y = squeeze_excite(b, y, mid, inner);
    y = b_conv_bn(b, y, (conv){mid, out, 1, 1, 0, 1, false, 0});
    return in == out && stride == 1 ? b_op2(b, "Add", y, x) : y;
}

void m_efficientnet_b0(builder *b)
{
    static const int rows[7][5] = {
        {1, 16, 1, 1, 3},  {6, 24, 2, 2, 3},  {6, 40, 2, 2, 5}, {6, 80, 3, 2, 3},
        {6, 112, 3, 1, 5}, {6, 192, 4, 2, 5}, {6, 320, 1, 1, 3}};
    int64_t in = width(b, 32), last = width(b, 1280);
    value x = b_silu(b, b_conv_bn(b, image(b), (conv){3, in, 3, 2, 1, 1, false, 0}));
    for (int r = 0; r < 7; r++) {
        int64_t out = width(b, rows[r][1]);
        for (int i = 0; i < (b->tiny ? 1 : rows[r][2]); i++) {
            x = mbconv(b, x, in, out, i ? 1 : rows[r][3], rows[r][0], rows[r][4]);
            in = out;
        }
    }
    classify(b, b_silu(b, b_conv_bn(b, x, (conv){in, last, 1, 1, 0, 1, false, 0})),
             last);
}

/* ---- SqueezeNet 1.1 (Iandola et al. 2016) ---- */

static value fire(builder *b, value x, int64_t in, int64_t squeeze, int64_t expand)
{
    value s = b_relu(b, b_conv(b, x, (conv){in, squeeze, 1, 1, 0, 1, true, 0}));
    value both[2] = {
        b_relu(b, b_conv(b, s, (conv){squeeze, expand, 1, 1, 0, 1, true, 0})),
        b_relu(b, b_conv(b, s, (conv){squeeze, expand, 3, 1, 1, 1, true, 0}))};
    return b_concat(b, both, 2, 1);
}

void m_squeezenet(builder *b)
{
    static const int rows[8][2] = {{16, 64},  {16, 64},  {32, 128}, {32, 128},
                                   {48, 192}, {48, 192}, {64, 256}, {64, 256}};
    int64_t in = width(b, 64), classes = b->tiny ? 100 : 1000;
    value x = b_relu(b, b_conv(b, image(b), (conv){3, in, 3, 2, 0, 1, true, 0}));
    for (int r = 0; r < 8; r++) {
        int64_t squeeze = width(b, rows[r][0]), expand = width(b, rows[r][1]);
        if (r == 0 || r == 2 || r == 4)
            x = b_max_pool(b, x, 3, 2, 0);
        x = fire(b, x, in, squeeze, expand);
        in = 2 * expand;
    }
    x = b_relu(b, b_conv(b, x, (conv){in, classes, 1, 1, 0, 1, true, 0}));
    b_output(b, "logits", b_flatten(b, b_global_pool(b, x)));
}
