/* A small vocabulary for building benchmark models through the public graph API.
 *
 * The first error sticks in the builder; later calls return {0}. Weights come from a
 * hash of (seed, number of the weight, element), scaled so that activations keep their
 * size. */
#ifndef BENCH_MODELS_BUILDER_H
#define BENCH_MODELS_BUILDER_H

#include <ingot/train.h>

typedef ig_value_id value;

typedef struct builder {
    ig_graph *g;
    uint64_t seed, weights; /* number of weights so far */
    bool tiny;              /* reduced sizes, for tests */
    ig_status rc;
} builder;

/* An input of float32 (or int64) dims. */
value b_input(
    builder *b, const char *name, ig_dtype dtype, int rank, const int64_t *dims);
#define B_INPUT(b_, name_, dtype_, ...)                                                \
    b_input(b_, name_, dtype_, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8),            \
            (int64_t[]){__VA_ARGS__})
/* Random weights with that standard deviation; constants. */
value b_weight(builder *b, int rank, const int64_t *dims, double deviation);
#define B_WEIGHT(b_, deviation_, ...)                                                  \
    b_weight(b_, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8),                          \
             (int64_t[]){__VA_ARGS__}, deviation_)
/* An undefined float32 constant, to be filled at once; NULL after an error. */
float *b_tensor(builder *b, int rank, const int64_t *dims, value *out);
value b_ints(builder *b, int n, const int64_t *v);
#define B_INTS(b_, ...)                                                                \
    b_ints(b_, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__})
value b_int(builder *b, int64_t v);
value b_number(builder *b, double v);
value b_filled(builder *b,
               int64_t n,
               double base,
               double deviation); /* [n], base + noise */
/* Integers of any small type: rounded base + noise, within the type. */
value b_bytes(builder *b,
              ig_dtype dtype,
              int rank,
              const int64_t *dims,
              double base,
              double deviation);
value b_call(builder *b, const char *op, const void *opts, const value *in, int n);
value b_op1(builder *b, const char *op, value x);
value b_op2(builder *b, const char *op, value x, value y);

typedef struct conv {
    int64_t in, out, kernel, stride, pad, group; /* 0: 1 for stride and group */
    bool bias;
    double gain; /* of the batch norm; 0: 1. Less at the end of residual branches, so
                  * that their sum keeps its size. */
} conv;
value b_conv(builder *b, value x, conv c);
value b_batch_norm(builder *b, value x, int64_t channels, double gain);
/* Convolution without bias, batch norm. */
value b_conv_bn(builder *b, value x, conv c);
value b_relu(builder *b, value x);
value b_clip(builder *b, value x, double lo, double hi);
value b_silu(builder *b, value x); /* Mul(x, Sigmoid(x)) */
value b_max_pool(builder *b, value x, int64_t kernel, int64_t stride, int64_t pad);
value b_global_pool(builder *b, value x);
value b_flatten(builder *b, value x);
value b_gemm(builder *b, value x, int64_t in, int64_t out);  /* Gemm transB, bias */
value b_dense(builder *b, value x, int64_t in, int64_t out); /* MatMul, Add */
/* MatMul with weights of 4 bits, a scale and zero point for 32 inputs. */
value b_dense_nbits(builder *b, value x, int64_t in, int64_t out);
value b_concat(builder *b, const value *xs, int n, int64_t axis);
void b_split(
    builder *b, value x, int64_t axis, int n, const int64_t *sizes, value *out);
value b_reshape(builder *b, value x, int n, const int64_t *dims);
#define B_RESHAPE(b_, x_, ...)                                                         \
    b_reshape(b_, x_, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8),                     \
              (int64_t[]){__VA_ARGS__})
value b_transpose(builder *b, value x, int n, const int64_t *perm);
#define B_TRANSPOSE(b_, x_, ...)                                                       \
    b_transpose(b_, x_, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8),                   \
                (int64_t[]){__VA_ARGS__})
value b_softmax(builder *b, value x);
/* As exporters decompose them. */
value b_layer_norm(builder *b, value x, int64_t size);
value b_gelu(builder *b, value x);
void b_output(builder *b, const char *name, value x);

/* The i-th model's name; NULL after the last. */
const char *b_model_name(size_t i);
/* How far outputs of two right engines may be apart beside rounding: some steps of a
 * quantized output; 0 for float32 models. */
double b_model_step(const char *name);
/* The caller owns *out (ig_graph_free). NOT_FOUND: no model of that name. */
ig_status b_model(ig_graph **out, const char *name, bool tiny);

/* One model each. */
void m_resnet18(builder *b);
void m_resnet50(builder *b);
void m_mobilenet_v2(builder *b);
void m_efficientnet_b0(builder *b);
void m_squeezenet(builder *b);
void m_bert_base(builder *b);
void m_vit_b16(builder *b);
void m_gpt2(builder *b);
void m_yolov8n(builder *b);
void m_lstm(builder *b);
void m_mlp(builder *b);
void m_chain_add(builder *b);
void m_chain_tanh(builder *b);
void m_big(builder *b); /* 256 MB of weights */
void m_resnet50_qdq(builder *b);
void m_nbits(builder *b);

#endif
