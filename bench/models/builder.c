/* The vocabulary of builder.h. */
#include "bench/models/builder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static value none(void)
{
    return (value){0};
}

static uint64_t mix(uint64_t z) /* SplitMix64 */
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

/* Sum of four uniforms, scaled to deviation 1: no logarithm, so the same bits
 * everywhere. */
static double normal(uint64_t key, uint64_t i)
{
    uint64_t z = mix(key + 0x9E3779B97F4A7C15ull * (i + 1));
    double sum = 0;
    for (int k = 0; k < 4; k++)
        sum += (double)(z >> (16 * k) & 0xffff) / 65536.0 - 0.5;
    return sum * 1.7320508;
}

value b_input(
    builder *b, const char *name, ig_dtype dtype, int rank, const int64_t *dims)
{
    value v = {0};
    if (!b->rc)
        b->rc = ig_graph_input(b->g, name, dtype, rank, dims, &v);
    return v;
}

static value constant(builder *b, ig_status rc, ig_tensor *t)
{
    value v = {0};
    char name[32];
    snprintf(name, sizeof(name), "w%llu", (unsigned long long)b->weights++);
    if (!rc)
        rc = ig_graph_constant(b->g, name, t, &v);
    ig_tensor_unref(t);
    if (!b->rc)
        b->rc = rc;
    return v;
}

static value
noise(builder *b, int rank, const int64_t *dims, double base, double deviation)
{
    ig_tensor *t = NULL;
    if (b->rc)
        return none();
    ig_status rc = ig_tensor_new(&t, IG_FLOAT32, rank, dims);
    int64_t n = rc ? 0 : ig_tensor_numel(t);
    float *p = n ? ig_tensor_data(t) : NULL;
    uint64_t key = mix(b->seed * 1000003 + b->weights);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(base + deviation * normal(key, (uint64_t)i));
    return constant(b, rc, t);
}

float *b_tensor(builder *b, int rank, const int64_t *dims, value *out)
{
    ig_tensor *t = NULL;
    *out = none();
    if (b->rc)
        return NULL;
    ig_status rc = ig_tensor_new(&t, IG_FLOAT32, rank, dims);
    float *p = rc ? NULL : ig_tensor_data(t);
    *out = constant(b, rc, t);
    return p; /* the graph holds the tensor */
}

value b_weight(builder *b, int rank, const int64_t *dims, double deviation)
{
    return noise(b, rank, dims, 0, deviation);
}

value b_filled(builder *b, int64_t n, double base, double deviation)
{
    return noise(b, 1, &n, base, deviation);
}

value b_ints(builder *b, int n, const int64_t *v)
{
    ig_tensor *t = NULL;
    int64_t dims[1] = {n};
    if (b->rc)
        return none();
    ig_status rc = ig_tensor_new_copy(&t, IG_INT64, 1, dims, v, (size_t)n * sizeof(*v));
    return constant(b, rc, t);
}

value b_int(builder *b, int64_t v)
{
    ig_tensor *t = NULL;
    if (b->rc)
        return none();
    ig_status rc = ig_tensor_new_copy(&t, IG_INT64, 0, NULL, &v, sizeof(v));
    return constant(b, rc, t);
}

value b_number(builder *b, double v)
{
    return noise(b, 0, NULL, v, 0);
}

value b_bytes(builder *b,
              ig_dtype dtype,
              int rank,
              const int64_t *dims,
              double base,
              double deviation)
{
    ig_tensor *t = NULL;
    if (b->rc)
        return none();
    ig_status rc = ig_tensor_new(&t, dtype, rank, dims);
    int64_t n = rc ? 0 : ig_tensor_numel(t);
    void *p = n ? ig_tensor_data(t) : NULL;
    uint64_t key = mix(b->seed * 1000003 + b->weights);
    for (int64_t i = 0; i < n; i++) {
        double v = rint(base + deviation * normal(key, (uint64_t)i));
        if (dtype == IG_INT32)
            ((int32_t *)p)[i] = (int32_t)v;
        else if (dtype == IG_INT8)
            ((int8_t *)p)[i] = (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v);
        else if (dtype == IG_UINT4) /* low bits first */
            ((uint8_t *)p)[i / 2] =
                (uint8_t)((i % 2 ? ((uint8_t *)p)[i / 2] : 0) | (unsigned)(v > 15  ? 15
                                                                           : v < 0 ? 0
                                                                                   : v)
                                                                    << (i % 2 * 4));
        else
            ((uint8_t *)p)[i] = (uint8_t)(v > 255 ? 255 : v < 0 ? 0 : v);
    }
    return constant(b, rc, t);
}

value b_dense_nbits(builder *b, value x, int64_t in, int64_t out)
{
    enum { BLOCK = 32 };
    const double deviation = 3; /* of the codes */
    ig_dequantize_linear_opts o = IG_DEQUANTIZE_LINEAR_OPTS_INIT;
    o.axis = 0;
    o.block_size = BLOCK;
    const int64_t dims[2] = {in, out}, blocks[2] = {in / BLOCK, out};
    value w[3] = {b_bytes(b, IG_UINT4, 2, dims, 8, deviation)};
    float *scale = b_tensor(b, 2, blocks, &w[1]);
    for (int64_t i = 0; scale && i < blocks[0] * blocks[1]; i++)
        scale[i] = (float)((1 + (double)(i % 7) / 10) / deviation / sqrt((double)in));
    w[2] = b_bytes(b, IG_UINT4, 2, blocks, 8, 1);
    return b_op2(b, "MatMul", x, b_call(b, "DequantizeLinear", &o, w, 3));
}

value b_call(builder *b, const char *op, const void *opts, const value *in, int n)
{
    value out = {0};
    if (!b->rc)
        b->rc = ig_graph_make_named(b->g, op, opts, in, n, &out, 1);
    return out;
}

value b_op1(builder *b, const char *op, value x)
{
    return b_call(b, op, NULL, &x, 1);
}

value b_op2(builder *b, const char *op, value x, value y)
{
    value in[2] = {x, y};
    return b_call(b, op, NULL, in, 2);
}

/* ---- layers ---- */

value b_conv(builder *b, value x, conv c)
{
    ig_conv_opts o = IG_CONV_OPTS_INIT;
    int64_t s = c.stride ? c.stride : 1, g = c.group ? c.group : 1, p = c.pad;
    int64_t strides[2] = {s, s}, pads[4] = {p, p, p, p};
    double fan = (double)(c.in / g * c.kernel * c.kernel);
    value in[3] = {x, B_WEIGHT(b, sqrt(2 / fan), c.out, c.in / g, c.kernel, c.kernel)};
    if (c.bias)
        in[2] = b_filled(b, c.out, 0, 0.1);
    o.strides = (ig_ints){2, strides};
    o.pads = (ig_ints){4, pads};
    o.group = g;
    return b_call(b, "Conv", &o, in, c.bias ? 3 : 2);
}

value b_batch_norm(builder *b, value x, int64_t n, double gain)
{
    value in[5] = {x, b_filled(b, n, gain, 0.1 * gain), b_filled(b, n, 0, 0.1),
                   b_filled(b, n, 0, 0.1), b_filled(b, n, 1, 0.1)};
    return b_call(b, "BatchNormalization", NULL, in, 5);
}

value b_conv_bn(builder *b, value x, conv c)
{
    return b_batch_norm(b, b_conv(b, x, c), c.out, c.gain > 0 ? c.gain : 1);
}

value b_relu(builder *b, value x)
{
    return b_op1(b, "Relu", x);
}

value b_clip(builder *b, value x, double lo, double hi)
{
    value in[3] = {x, b_number(b, lo), b_number(b, hi)};
    return b_call(b, "Clip", NULL, in, 3);
}

value b_silu(builder *b, value x)
{
    return b_op2(b, "Mul", x, b_op1(b, "Sigmoid", x));
}

value b_max_pool(builder *b, value x, int64_t kernel, int64_t stride, int64_t pad)
{
    ig_max_pool_opts o = IG_MAX_POOL_OPTS_INIT;
    int64_t k[2] = {kernel, kernel}, s[2] = {stride, stride},
            p[4] = {pad, pad, pad, pad};
    o.kernel_shape = (ig_ints){2, k};
    o.strides = (ig_ints){2, s};
    o.pads = (ig_ints){4, p};
    return b_call(b, "MaxPool", &o, &x, 1);
}

value b_global_pool(builder *b, value x)
{
    return b_op1(b, "GlobalAveragePool", x);
}

value b_flatten(builder *b, value x)
{
    return b_op1(b, "Flatten", x);
}

value b_gemm(builder *b, value x, int64_t in, int64_t out)
{
    ig_gemm_opts o = IG_GEMM_OPTS_INIT;
    value v[3] = {x, B_WEIGHT(b, sqrt(1.0 / (double)in), out, in),
                  b_filled(b, out, 0, 0.1)};
    o.transB = 1;
    return b_call(b, "Gemm", &o, v, 3);
}

value b_dense(builder *b, value x, int64_t in, int64_t out)
{
    value y = b_op2(b, "MatMul", x, B_WEIGHT(b, sqrt(1.0 / (double)in), in, out));
    return b_op2(b, "Add", y, b_filled(b, out, 0, 0.1));
}

value b_concat(builder *b, const value *xs, int n, int64_t axis)
{
    ig_concat_opts o = IG_CONCAT_OPTS_INIT;
    o.axis = axis;
    return b_call(b, "Concat", &o, xs, n);
}

void b_split(builder *b, value x, int64_t axis, int n, const int64_t *sizes, value *out)
{
    ig_split_opts o = IG_SPLIT_OPTS_INIT;
    o.axis = axis;
    value in[2] = {x, b_ints(b, n, sizes)};
    memset(out, 0, (size_t)n * sizeof(*out));
    if (!b->rc)
        b->rc = ig_graph_make_named(b->g, "Split", &o, in, 2, out, n);
}

value b_reshape(builder *b, value x, int n, const int64_t *dims)
{
    return b_op2(b, "Reshape", x, b_ints(b, n, dims));
}

value b_transpose(builder *b, value x, int n, const int64_t *perm)
{
    ig_transpose_opts o = IG_TRANSPOSE_OPTS_INIT;
    o.perm = (ig_ints){n, perm};
    return b_call(b, "Transpose", &o, &x, 1);
}

value b_softmax(builder *b, value x)
{
    return b_op1(b, "Softmax", x);
}

static value mean_last(builder *b, value x)
{
    value in[2] = {x, B_INTS(b, -1)};
    return b_call(b, "ReduceMean", NULL, in, 2);
}

value b_layer_norm(builder *b, value x, int64_t size)
{
    value d = b_op2(b, "Sub", x, mean_last(b, x));
    value var = mean_last(b, b_op2(b, "Pow", d, b_number(b, 2)));
    value std = b_op1(b, "Sqrt", b_op2(b, "Add", var, b_number(b, 1e-5)));
    value y = b_op2(b, "Mul", b_op2(b, "Div", d, std), b_filled(b, size, 1, 0.1));
    return b_op2(b, "Add", y, b_filled(b, size, 0, 0.1));
}

value b_gelu(builder *b, value x)
{
    value e = b_op1(b, "Erf", b_op2(b, "Div", x, b_number(b, 1.4142135623730951)));
    value y = b_op2(b, "Mul", x, b_op2(b, "Add", e, b_number(b, 1)));
    return b_op2(b, "Mul", y, b_number(b, 0.5));
}

void b_output(builder *b, const char *name, value x)
{
    if (!b->rc)
        b->rc = ig_graph_output(b->g, name, x);
}
