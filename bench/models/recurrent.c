/* Two LSTM layers of 512 over 64 steps, as exporters write them: batch first outside,
 * a Squeeze between the layers. */
#include "bench/models/builder.h"

static value lstm_layer(builder *b, value x, int64_t hidden)
{
    value in[] = {x, B_WEIGHT(b, 0.05, 1, 4 * hidden, hidden),
                  B_WEIGHT(b, 0.05, 1, 4 * hidden, hidden),
                  B_WEIGHT(b, 0.05, 1, 8 * hidden)};
    return b_op2(b, "Squeeze", b_call(b, "LSTM", NULL, in, 4), B_INTS(b, 1));
}

void m_lstm(builder *b)
{
    int64_t hidden = b->tiny ? 24 : 512, steps = b->tiny ? 5 : 64;
    value x = B_INPUT(b, "x", IG_FLOAT32, 1, steps, hidden);
    x = B_TRANSPOSE(b, x, 1, 0, 2);
    x = lstm_layer(b, lstm_layer(b, x, hidden), hidden);
    b_output(b, "y", B_TRANSPOSE(b, x, 1, 0, 2));
}
