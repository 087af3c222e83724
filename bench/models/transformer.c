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
    x = b_conv(b, x, (conv){3, s.width, patch, patch, 0, 1, true});
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
