/* Kernels of recurrent layers against their references, large enough for blocks, tiles
 * of rows and teams. */
#include <string.h>

#include "tests/operators/cpu/kernel_support.h"

/* Small enough that rounding does not grow over the steps. */
static ig_tensor *weights(int rank, const int64_t *dims)
{
    ig_tensor *t = floats(rank, dims);
    float *p = ig_tensor_data(t);
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        p[i] *= 0.1f;
    return t;
}

static ig_tensor *lengths(int n, const int32_t *v)
{
    ig_tensor *t;
    assert_int_equal(
        ig_tensor_new_copy(&t, IG_INT32, 1, (int64_t[]){n}, v, (size_t)n * sizeof(*v)),
        IG_OK);
    return t;
}

/* Both directions, hidden units beyond a block, rows beyond a tile, several chunks. */
static void recurrent_layers_agree_with_their_references(void **state)
{
    (void)state;
    enum { STEPS = 9, INPUT = 21, HIDDEN = 37 };
    const struct {
        const char *op;
        int gates, n_in, n_out;
    } cells[] = {
        {"RNN", 1, 6, 2}, {"LSTM", 4, 8, 3}, {"GRU", 3, 6, 2}, {"GRU", 3, 6, 2}};
    for (int i = 0; i < 8; i++) {
        const int kind = i / 2, rows = cells[kind].gates * HIDDEN;
        const int batch = i % 2 ? 7 : 1;
        union {
            ig_rnn_opts rnn;
            ig_lstm_opts lstm;
            ig_gru_opts gru;
        } o = {.rnn = IG_RNN_OPTS_INIT};
        if (kind == 1)
            o.lstm = (ig_lstm_opts)IG_LSTM_OPTS_INIT;
        else if (kind > 1)
            o.gru = (ig_gru_opts)IG_GRU_OPTS_INIT;
        if (kind == 3)
            o.gru.linear_before_reset = 1;
        o.rnn.direction = 2; /* bidirectional */
        o.rnn.layout = i % 2;
        int first = i % 2 ? batch : STEPS, second = i % 2 ? STEPS : batch;
        int state0 = i % 2 ? batch : 2, state1 = i % 2 ? 2 : batch;
        compare(
            (call){cells[kind].op,
                   "steps",
                   &o,
                   cells[kind].n_in,
                   cells[kind].n_out,
                   {floats(DIMS(first, second, INPUT)), weights(DIMS(2, rows, INPUT)),
                    weights(DIMS(2, rows, HIDDEN)), floats(DIMS(2, 2 * rows)),
                    i % 2 ? lengths(7, (int32_t[]){9, 3, 0, 1, 9, 8, 5}) : NULL,
                    floats(DIMS(state0, state1, HIDDEN)),
                    kind == 1 ? floats(DIMS(state0, state1, HIDDEN)) : NULL,
                    kind == 1 ? weights(DIMS(2, 3 * HIDDEN)) : NULL},
                   1e-5});
    }
}

static void gradients_of_recurrent_layers_agree_with_their_reference(void **state)
{
    (void)state;
    enum { STEPS = 9, INPUT = 21, HIDDEN = 37 };
    const struct {
        int cell, option, gates, n_out;
    } cells[] = {{0, 0, 1, 5}, {1, 0, 4, 7}, {2, 0, 3, 5}, {2, 1, 3, 5}};
    for (int i = 0; i < 8; i++) {
        const int rows = cells[i / 2].gates * HIDDEN, batch = i % 2 ? 7 : 1;
        const bool lstm = cells[i / 2].cell == 1;
        ig_ingot_recurrent_grad_opts o = IG_INGOT_RECURRENT_GRAD_OPTS_INIT;
        o.cell = cells[i / 2].cell, o.option = cells[i / 2].option;
        o.layout = i % 2;
        o.direction = 2;
        int first = i % 2 ? batch : STEPS, second = i % 2 ? STEPS : batch;
        int state0 = i % 2 ? batch : 2, state1 = i % 2 ? 2 : batch;
        ig_tensor *dy = i % 2 ? floats(DIMS(batch, STEPS, 2, HIDDEN))
                              : floats(DIMS(STEPS, 2, batch, HIDDEN));
        compare(
            (call){"ingot::RecurrentGrad",
                   "products",
                   &o,
                   lstm ? 11 : 10,
                   cells[i / 2].n_out,
                   {floats(DIMS(first, second, INPUT)), weights(DIMS(2, rows, INPUT)),
                    weights(DIMS(2, rows, HIDDEN)), floats(DIMS(2, 2 * rows)),
                    i % 2 ? lengths(7, (int32_t[]){9, 3, 0, 1, 9, 8, 5}) : NULL,
                    floats(DIMS(state0, state1, HIDDEN)),
                    lstm ? floats(DIMS(state0, state1, HIDDEN)) : NULL,
                    lstm ? weights(DIMS(2, 3 * HIDDEN)) : NULL, dy,
                    floats(DIMS(state0, state1, HIDDEN)),
                    lstm ? floats(DIMS(state0, state1, HIDDEN)) : NULL},
                   2e-5});
    }
}

IG_TESTS(cmocka_unit_test(gradients_of_recurrent_layers_agree_with_their_reference),
         cmocka_unit_test(recurrent_layers_agree_with_their_references))
