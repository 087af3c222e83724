/* Transformers as exporters write them: decomposed LayerNorm and GELU, attention by
 * MatMul, Softmax, Reshape, Transpose. Tiny ones have two layers of width 64. */
#include "bench/models/builder.h"

#include <math.h>

typedef struct shape {
    int64_t tokens, width, heads, layers;
} shape;

static value heads_of(builder *b, value x, const shape *s, bool keys)
{
    x = B_RESHAPE(b, x, 1, s->tokens, s->heads, s->width / s->heads);
    return keys ? B_TRANSPOSE(b, x, 0, 2, 3, 1) : B_TRANSPOSE(b, x, 0, 2, 1, 3);
}

static value attention(builder *b, value x, const shape *s)
{
    value q = heads_of(b, b_dense(b, x, s->width, s->width), s, false);
    value k = heads_of(b, b_dense(b, x, s->width, s->width), s, true);
    value v = heads_of(b, b_dense(b, x, s->width, s->width), s, false);
    value scores = b_op2(b, "Div", b_op2(b, "MatMul", q, k),
                         b_number(b, sqrt((double)(s->width / s->heads))));
    value y = b_op2(b, "MatMul", b_softmax(b, scores), v);
    y = B_RESHAPE(b, B_TRANSPOSE(b, y, 0, 2, 1, 3), 1, s->tokens, s->width);
    return b_dense(b, y, s->width, s->width);
}

static value feed_forward(builder *b, value x, const shape *s)
{
    return b_dense(b, b_gelu(b, b_dense(b, x, s->width, 4 * s->width)), 4 * s->width,
                   s->width);
}

/* BERT (Devlin et al. 2018): norms after the sums. */
void m_bert_base(builder *b)
{
    shape s = b->tiny ? (shape){16, 64, 4, 2} : (shape){128, 768, 12, 12};
    value ids = B_INPUT(b, "ids", IG_INT64, 1, s.tokens);
    value words[2] = {B_WEIGHT(b, 1, b->tiny ? 200 : 30522, s.width), ids};
    value x = b_op2(b, "Add", b_call(b, "Gather", NULL, words, 2),
                    B_WEIGHT(b, 0.3, 1, s.tokens, s.width));
    x = b_layer_norm(b, x, s.width);
    for (int i = 0; i < s.layers; i++) {
        x = b_layer_norm(b, b_op2(b, "Add", x, attention(b, x, &s)), s.width);
        x = b_layer_norm(b, b_op2(b, "Add", x, feed_forward(b, x, &s)), s.width);
    }
    b_output(b, "hidden", x);
}

/* ViT (Dosovitskiy et al. 2020): patches by convolution, a class token, norms before.
 */
void m_vit_b16(builder *b)
{
    int64_t side = b->tiny ? 32 : 224, patch = b->tiny ? 8 : 16, grid = side / patch;
    shape s = b->tiny ? (shape){grid * grid + 1, 64, 4, 2}
                      : (shape){grid * grid + 1, 768, 12, 12};
    value x = B_INPUT(b, "image", IG_FLOAT32, 1, 3, side, side);
    x = b_conv(b, x, (conv){3, s.width, patch, patch, 0, 1, true, 0});
    x = B_TRANSPOSE(b, B_RESHAPE(b, x, 1, s.width, grid * grid), 0, 2, 1);
    value parts[2] = {B_WEIGHT(b, 0.5, 1, 1, s.width), x};
    x = b_op2(b, "Add", b_concat(b, parts, 2, 1),
              B_WEIGHT(b, 0.3, 1, s.tokens, s.width));
    for (int i = 0; i < s.layers; i++) {
        x = b_op2(b, "Add", x, attention(b, b_layer_norm(b, x, s.width), &s));
        x = b_op2(b, "Add", x, feed_forward(b, b_layer_norm(b, x, s.width), &s));
    }
    ig_gather_opts first = IG_GATHER_OPTS_INIT;
    first.axis = 1;
    value in[2] = {b_layer_norm(b, x, s.width), B_INTS(b, 0)};
    x = B_RESHAPE(b, b_call(b, "Gather", &first, in, 2), 1, s.width);
    b_output(b, "logits", b_gemm(b, x, s.width, b->tiny ? 100 : 1000));
}

/* ---- GPT-2 (Radford et al. 2019), the first pass over a prompt ---- */

/* 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
static value gelu_tanh(builder *b, value x)
{
    value y =
        b_op2(b, "Mul", b_op2(b, "Pow", x, b_number(b, 3)), b_number(b, 0.044715));
    y = b_op2(b, "Mul", b_op2(b, "Add", x, y), b_number(b, 0.7978845608028654));
    y = b_op2(b, "Add", b_op1(b, "Tanh", y), b_number(b, 1));
    return b_op2(b, "Mul", b_op2(b, "Mul", x, b_number(b, 0.5)), y);
}

/* [tokens, tokens], true where a token must not look: made of the input's shape, as
 * exporters of models with symbolic lengths do. */
static value future(builder *b, value ids)
{
    value n = b_op2(b, "Gather", b_op1(b, "Shape", ids), b_int(b, 1));
    value at = b_call(b, "Range", NULL, (value[]){b_int(b, 0), n, b_int(b, 1)}, 3);
    return b_op2(b, "Less", b_op2(b, "Unsqueeze", at, B_INTS(b, 1)),
                 b_op2(b, "Unsqueeze", at, B_INTS(b, 0)));
}

static value causal_attention(builder *b, value x, const shape *s, value hidden)
{
    int64_t w = s->width, sizes[3] = {w, w, w};
    value qkv[3];
    b_split(b, b_dense(b, x, w, 3 * w), 2, 3, sizes, qkv);
    value q = heads_of(b, qkv[0], s, false), k = heads_of(b, qkv[1], s, true);
    value scores = b_op2(b, "Div", b_op2(b, "MatMul", q, k),
                         b_number(b, sqrt((double)(w / s->heads))));
    value in[3] = {hidden, b_number(b, -3.4028234663852886e38), scores};
    value p = b_softmax(b, b_call(b, "Where", NULL, in, 3));
    value y = b_op2(b, "MatMul", p, heads_of(b, qkv[2], s, false));
    y = B_RESHAPE(b, B_TRANSPOSE(b, y, 0, 2, 1, 3), 1, s->tokens, w);
    return b_dense(b, y, w, w);
}

void m_gpt2(builder *b)
{
    shape s = b->tiny ? (shape){16, 64, 4, 2} : (shape){128, 768, 12, 12};
    int64_t w = s.width, words = b->tiny ? 200 : 50257;
    value ids = B_INPUT(b, "ids", IG_INT64, 1, s.tokens), hidden = future(b, ids);
    value x = b_op2(b, "Gather", B_WEIGHT(b, 1, words, w), ids);
    x = b_op2(b, "Add", x, B_WEIGHT(b, 0.3, 1, s.tokens, w));
    for (int i = 0; i < s.layers; i++) {
        value y = b_layer_norm(b, x, w);
        x = b_op2(b, "Add", x, causal_attention(b, y, &s, hidden));
        y = gelu_tanh(b, b_dense(b, b_layer_norm(b, x, w), w, 4 * w));
        x = b_op2(b, "Add", x, b_dense(b, y, 4 * w, w));
    }
    value head = B_WEIGHT(b, sqrt(1.0 / (double)w), w, words);
    b_output(b, "logits", b_op2(b, "MatMul", b_layer_norm(b, x, w), head));
}
