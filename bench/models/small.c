/* Models whose time is overhead, and one whose time is loading. */
#include "bench/models/builder.h"

void m_mlp(builder *b)
{
    value x = B_INPUT(b, "x", IG_FLOAT32, 1, 32);
    x = b_relu(b, b_gemm(b, x, 32, 64));
    x = b_relu(b, b_gemm(b, x, 64, 64));
    b_output(b, "y", b_gemm(b, x, 64, 8));
}

void m_chain_add(builder *b)
{
    value x = B_INPUT(b, "x", IG_FLOAT32, 8), y = B_INPUT(b, "y", IG_FLOAT32, 8);
    for (int i = 0; i < 101; i++)
        x = b_op2(b, "Add", x, y);
    b_output(b, "z", x);
}

void m_chain_tanh(builder *b)
{
    value x = B_INPUT(b, "x", IG_FLOAT32, 8);
    for (int i = 0; i < 101; i++)
        x = b_op1(b, i % 2 ? "Sigmoid" : "Tanh", x);
    b_output(b, "z", x);
}

void m_big(builder *b)
{
    int64_t n = b->tiny ? 64 : 4096;
    int64_t rows = 1;
    if (!b->rc)
        b->rc = ig_graph_dim(b->g, "N", &rows);
    value x = B_INPUT(b, "x", IG_FLOAT32, rows, n);
    for (int i = 0; i < 4; i++)
        x = b_op1(b, "Tanh", b_dense(b, x, n, n));
    b_output(b, "y", x);
}
