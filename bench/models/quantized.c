/* Two kinds of quantized models.
 *
 * ResNet-50 as a quantizer writes it: every tensor goes through QuantizeLinear and
 * DequantizeLinear, activations as uint8 with one scale, weights as int8 with a scale
 * per output channel, biases as int32. Scales suit activations of size 1.
 *
 * The products of a language model for one token: weights of 4 bits, the rest floats.
 */
#include <math.h>

#include "bench/models/builder.h"

enum { PIXELS = 224, TINY_PIXELS = 64 };

/* A tensor after QuantizeLinear and DequantizeLinear, and its scale. */
typedef struct quantized {
    value v;
    double scale;
} quantized;

static quantized quantize(builder *b, value x, double scale, int64_t zero)
{
    ig_dequantize_linear_opts o = IG_DEQUANTIZE_LINEAR_OPTS_INIT;
    value in[3] = {x, b_number(b, scale),
                   b_bytes(b, IG_UINT8, 0, NULL, (double)zero, 0)};
    in[0] = b_call(b, "QuantizeLinear", NULL, in, 3);
    return (quantized){b_call(b, "DequantizeLinear", &o, in, 3), scale};
}

/* What a Relu left: nothing below 0. */
static quantized rectified(builder *b, value x)
{
    return quantize(b, b_relu(b, x), 6.0 / 255, 0);
}

static quantized centred(builder *b, value x)
{
    return quantize(b, x, 8.0 / 255, 128);
}

/* Weights [out, rest...] and the bias of a convolution or Gemm. */
static void parameters(builder *b,
                       int rank,
                       const int64_t *dims,
                       double deviation,
                       double x_scale,
                       value *out)
{
    ig_dequantize_linear_opts first = IG_DEQUANTIZE_LINEAR_OPTS_INIT;
    first.axis = 0;
    double unit = deviation / 36;
    value scale = b_filled(b, dims[0], unit, 0.1 * unit);
    value w[3] = {b_bytes(b, IG_INT8, rank, dims, 0, 36), scale,
                  b_bytes(b, IG_INT8, 1, dims, 0, 0)};
    value s = b_op2(b, "Mul", scale, b_number(b, x_scale));
    value bias[2] = {b_bytes(b, IG_INT32, 1, dims, 0, 0.1 / unit / x_scale), s};
    out[0] = b_call(b, "DequantizeLinear", &first, w, 3);
    out[1] = b_call(b, "DequantizeLinear", &first, bias, 2);
}

static value conv_of(builder *b, quantized x, conv c)
{
    ig_conv_opts o = IG_CONV_OPTS_INIT;
    const int64_t strides[2] = {c.stride, c.stride},
                  pads[4] = {c.pad, c.pad, c.pad, c.pad},
                  dims[4] = {c.out, c.in, c.kernel, c.kernel};
    double fan = (double)(c.in * c.kernel * c.kernel), gain = c.gain > 0 ? c.gain : 1;
    value in[3] = {x.v};
    parameters(b, 4, dims, gain * sqrt(2 / fan), x.scale, in + 1);
    o.strides = (ig_ints){2, strides};
    o.pads = (ig_ints){4, pads};
    return b_call(b, "Conv", &o, in, 3);
}

static quantized
bottleneck(builder *b, quantized x, int64_t in, int64_t out, int64_t stride)
{
    int64_t mid = out / 4;
    quantized y = rectified(b, conv_of(b, x, (conv){in, mid, 1, 1, 0, 1, true, 0}));
    y = rectified(b, conv_of(b, y, (conv){mid, mid, 3, stride, 1, 1, true, 0}));
    y = centred(b, conv_of(b, y, (conv){mid, out, 1, 1, 0, 1, true, 0.2}));
    if (in != out || stride > 1)
        x = centred(b, conv_of(b, x, (conv){in, out, 1, stride, 0, 1, true, 0}));
    return rectified(b, b_op2(b, "Add", y.v, x.v));
}

void m_resnet50_qdq(builder *b)
{
    static const int whole[4] = {3, 4, 6, 3}, few[4] = {1, 1, 1, 1};
    const int *depths = b->tiny ? few : whole;
    const int64_t side = b->tiny ? TINY_PIXELS : PIXELS, unit = b->tiny ? 16 : 64,
                  classes = b->tiny ? 100 : 1000;
    quantized x = centred(b, B_INPUT(b, "image", IG_FLOAT32, 1, 3, side, side));
    int64_t in = unit;
    x = rectified(b, conv_of(b, x, (conv){3, in, 7, 2, 3, 1, true, 0}));
    x = quantize(b, b_max_pool(b, x.v, 3, 2, 1), x.scale, 0);
    for (int stage = 0; stage < 4; stage++) {
        int64_t out = (4 * unit) << stage;
        for (int i = 0; i < depths[stage]; i++) {
            x = bottleneck(b, x, in, out, i == 0 && stage > 0 ? 2 : 1);
            in = out;
        }
    }
    x = quantize(b, b_global_pool(b, x.v), x.scale, 0);
    x = quantize(b, b_flatten(b, x.v), x.scale, 0);
    value last[3] = {x.v};
    ig_gemm_opts o = IG_GEMM_OPTS_INIT;
    o.transB = 1;
    parameters(b, 2, (int64_t[]){classes, in}, sqrt(2 / (double)in), x.scale, last + 1);
    b_output(b, "logits", centred(b, b_call(b, "Gemm", &o, last, 3)).v);
}

void m_nbits(builder *b)
{
    const int64_t width = b->tiny ? 256 : 2048;
    value x = B_INPUT(b, "x", IG_FLOAT32, 1, width);
    for (int i = 0; i < 4; i++) {
        value y = b_silu(b, b_dense_nbits(b, x, width, width));
        x = b_op2(b, "Add", x, b_dense_nbits(b, y, width, width));
    }
    b_output(b, "y", x);
}
