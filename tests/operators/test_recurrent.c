/* RNN, LSTM and GRU: values computed elsewhere (onnxruntime 1.32, float32), the text's
 * clip and short sequences, refusals. */
#include <math.h>

#include "operators/common_recurrent.h"
#include "tests/operators/op_graph.h"

enum { STEPS = 3, BATCH = 2, INPUT = 2, HIDDEN = 2, DIRS = 2 };

static ig_tensor *made[40];
static int n_made;

static int teardown(void **state)
{
    while (n_made > 0)
        ig_tensor_unref(made[--n_made]);
    return op_graph_teardown(state);
}

static ig_tensor *keep(ig_tensor *t)
{
    assert_true(n_made < 40);
    made[n_made++] = t;
    return t;
}

/* 0.8 sin(seed + 1.3 i) */
static ig_tensor *wave(int seed, int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_new(&t, IG_FLOAT64, rank, dims), IG_OK);
    double *p = ig_tensor_data(t);
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        p[i] = 0.8 * sin(seed + 1.3 * (double)i);
    return keep(t);
}

/* Runs one bidirectional layer; Y is returned. */
static const double *layer(const char *op, const void *attrs, int gates, int32_t second)
{
    const int32_t lens[BATCH] = {STEPS, second};
    const int64_t batch = BATCH;
    ig_tensor *in[8] = {
        wave(1, DIMS(STEPS, BATCH, INPUT)),
        wave(2, DIMS(DIRS, gates * HIDDEN, INPUT)),
        wave(3, DIMS(DIRS, gates * HIDDEN, HIDDEN)),
        wave(4, DIMS(DIRS, 2 * gates * HIDDEN)),
        NULL,
        wave(5, DIMS(DIRS, BATCH, HIDDEN)),
        wave(6, DIMS(DIRS, BATCH, HIDDEN)),
        wave(7, DIMS(DIRS, 3 * HIDDEN)),
    };
    ig_tensor *y = wave(0, DIMS(STEPS, DIRS, BATCH, HIDDEN));
    assert_int_equal(
        ig_tensor_new_copy(&in[4], IG_INT32, 1, &batch, lens, sizeof(lens)), IG_OK);
    keep(in[4]);
    if (run_reference(op, attrs, in, gates == 4 ? 8 : 6, y) != IG_OK)
        fail_msg("%s", ig_error_message());
    return ig_tensor_data_f64(y);
}

/* Step 1 of Y, [DIRS, BATCH, HIDDEN]. */
static void expect(const char *op, const void *attrs, int gates, const double want[8])
{
    const double *y = layer(op, attrs, gates, 2) + DIRS * BATCH * HIDDEN;
    for (int i = 0; i < 8; i++)
        if (!(fabs(y[i] - want[i]) < 2e-5))
            fail_msg("%s: element %d is %g, not %g", op, i, y[i], want[i]);
}

#define HEAD(T_) .struct_size = sizeof(T_), .direction = 2
static const igi_rnn_attrs rnn = {HEAD(igi_rnn_attrs)};
static const igi_lstm_attrs lstm = {HEAD(igi_lstm_attrs)};
static const igi_gru_attrs gru = {HEAD(igi_gru_attrs)};
static const igi_gru_attrs linear = {HEAD(igi_gru_attrs), .linear_before_reset = 1};

static void layers_compute_what_onnxruntime_does(void **state)
{
    (void)state;
    expect("RNN", &rnn, 1,
           (double[]){-0.35257, -0.10393, -0.31689, 0.39339, -0.52623, -0.38401,
                      -0.29817, -0.43745});
    expect("LSTM", &lstm, 4,
           (double[]){-0.26139, 0.01848, -0.17783, -0.15455, -0.02413, 0.17554, 0.22259,
                      0.25629});
    expect("GRU", &gru, 3,
           (double[]){-0.51025, -0.66367, -0.66137, -0.34947, -0.29687, 0.48341,
                      0.27582, 0.76642});
    expect("GRU", &linear, 3,
           (double[]){-0.33720, -0.63256, -0.53645, -0.31695, -0.42359, 0.41710,
                      0.18777, 0.68550});
}

static void steps_beyond_a_sequence_are_zero(void **state)
{
    (void)state;
    const double *y = layer("GRU", &gru, 3, 1);
    for (int step = 1; step < STEPS; step++)
        for (int d = 0; d < DIRS; d++)
            for (int j = 0; j < HIDDEN; j++)
                assert_true(y[((step * DIRS + d) * BATCH + 1) * HIDDEN + j] == 0);
    assert_true(y[1 * HIDDEN] != 0);
}

/* "applied to the input of activations", of which h(C) is one. */
static void clip_bounds_the_cell_too(void **state)
{
    (void)state;
    const igi_lstm_attrs clipped = {
        HEAD(igi_lstm_attrs), .clip = 0.1f,
        .activations =
            IGI_STRINGS("Sigmoid", "Tanh", "Affine", "Sigmoid", "Tanh", "Affine")};
    const double *y = layer("LSTM", &clipped, 4, 2);
    double most = 1 / (1 + exp(-0.1)) * 0.1 + 1e-7; /* o <= sigmoid(clip), h <= clip */
    for (int i = 0; i < STEPS * DIRS * BATCH * HIDDEN; i++)
        assert_true(fabs(y[i]) <= most);
}

static void lengths_outside_the_sequences_are_refused(void **state)
{
    (void)state;
    const int64_t one = 1;
    const int32_t four = 4;
    ig_tensor *in[5] = {wave(1, DIMS(3, 1, 1)), wave(2, DIMS(1, 1, 1)),
                        wave(3, DIMS(1, 1, 1))};
    assert_int_equal(ig_tensor_new_copy(&in[4], IG_INT32, 1, &one, &four, sizeof(four)),
                     IG_OK);
    keep(in[4]);
    assert_int_equal(run_reference("RNN", NULL, in, 5, wave(0, DIMS(3, 1, 1, 1))),
                     IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "sequence_lens[0] is 4, not in 0..3"));
}

static void sizes_that_disagree_are_refused(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(N, 2, 3)), w = graph_input(DIMS(1, 8, 3));
    ig_value_id r = graph_input(DIMS(1, 8, 2)), wide = graph_input(DIMS(1, 8, 4));
    assert_type(NODE("LSTM", NULL, x, w, r), "float32[N,1,2,2]");
    REFUSED("LSTM", NULL, "W differ: 4 and 3", x, wide, r);
    REFUSED("LSTM", &lstm, "W differ: 1 and 2", x, w, r);
    REFUSED("GRU", NULL, "W differ: 8 and 6", x, w, r);
    const igi_rnn_attrs unknown = {.struct_size = sizeof(unknown),
                                   .activations = IGI_STRINGS("Swish")};
    REFUSED("RNN", &unknown, "'Swish', which is no function", x,
            graph_input(DIMS(1, 2, 3)), graph_input(DIMS(1, 2, 2)));
    const igi_rnn_attrs few = {
        .struct_size = sizeof(few), .direction = 2, .activations = IGI_STRINGS("Tanh")};
    REFUSED("RNN", &few, "activations has 1 names, expected 1 for each of 2", x,
            graph_input(DIMS(2, 2, 3)), graph_input(DIMS(2, 2, 2)));
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, op_graph_setup, teardown)
IG_TESTS(TEST(layers_compute_what_onnxruntime_does),
         TEST(steps_beyond_a_sequence_are_zero),
         TEST(clip_bounds_the_cell_too),
         TEST(lengths_outside_the_sequences_are_refused),
         TEST(sizes_that_disagree_are_refused))
