#include "tests/graph/passes/fixture.h"

/* Rewrites of weights run alone here: the layout pass would hide the Conv nodes. */
static void affine(void)
{
    int changes = 0;
    igi_pass_opts o = {.struct_size = sizeof(o), .level = 2};
    igi_pass_state s = {.o = &o};
    assert_int_equal(igi_pass_fold_affine(g, &s, &changes), IG_OK);
    assert_int_equal(ig_graph_verify(g), IG_OK);
}

static ig_value_id conv(int64_t m, const char *attrs, ig_value_id b)
{
    ig_value_id x = t_input(g, "x", DIMS(2, 3, 5, 4));
    return t_op3(g, "Conv", attrs, x, t_random(g, DIMS(m, 3, 3, 3)), b);
}

static ig_value_id batch_norm(ig_value_id x, int64_t c)
{
    ig_value_id in[5] = {x, t_random(g, DIMS(c)), t_random(g, DIMS(c)),
                         t_random(g, DIMS(c)), t_positive(g, DIMS(c))};
    ig_value_id y;
    t_node(g, "BatchNormalization", "epsilon=0.01", in, 5, &y, 1);
    return y;
}

static void batch_normalization_goes_into_the_weights(void **state)
{
    (void)state;
    ig_value_id y = batch_norm(conv(4, "pads=1,1,1,1", t_random(g, DIMS(4))), 4);
    t_output(g, "y", batch_norm(y, 4)); /* twice */
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "BatchNormalization"), 0);
    affine();
    assert_int_equal(t_nodes(g), 1);
    assert_string_equal(t_only(g, "Conv")->origin,
                        "Conv_1+BatchNormalization_2+BatchNormalization_3");
}

static void a_bias_appears_where_there_was_none(void **state)
{
    (void)state;
    t_output(g, "y", batch_norm(conv(4, NULL, T_NONE), 4));
    fast = t_compare(g, 2);
    affine();
    assert_int_equal(t_nodes(g), 1);
    assert_int_equal(t_only(g, "Conv")->n_in, 3);
}

static void arithmetic_with_channels_goes_into_the_weights(void **state)
{
    (void)state;
    ig_value_id y = conv(4, NULL, T_NONE);
    y = t_op2(g, "Mul", NULL, t_random(g, DIMS(4, 1, 1)), y);
    y = t_op2(g, "Add", NULL, y, t_random(g, DIMS(1, 4, 1, 1)));
    y = t_op2(g, "Sub", NULL, y, t_number(g, 0.25));
    y = t_op2(g, "Div", NULL, y, t_number(g, 3));
    t_output(g, "y", y);
    fast = t_compare(g, 2);
    affine();
    assert_int_equal(t_nodes(g), 1);
}

static void a_normalisation_takes_what_follows_it(void **state)
{
    (void)state;
    ig_value_id y = batch_norm(t_input(g, "x", DIMS(2, 3, 5, 4)), 3);
    y = t_op2(g, "Mul", NULL, y, t_random(g, DIMS(3, 1, 1)));
    y = t_op2(g, "Add", NULL, t_random(g, DIMS(3, 1, 1)), y);
    t_output(g, "y", t_op1(g, "Relu", NULL, y));
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), 2);
}

static void what_is_not_per_channel_stays(void **state)
{
    (void)state;
    ig_value_id y = conv(4, "pads=1,1,1,1", T_NONE);
    y = t_op2(g, "Mul", NULL, y, t_random(g, DIMS(4))); /* the last axis is 4 too */
    t_output(g, "y", t_op2(g, "Div", NULL, t_number(g, 1), y));
    fast = t_compare(g, 2);
    affine();
    assert_int_equal(t_nodes(g), 3);
}

static void a_result_that_others_read_keeps_its_convolution(void **state)
{
    (void)state;
    ig_value_id y = conv(4, NULL, T_NONE);
    t_output(g, "z", batch_norm(y, 4));
    t_output(g, "raw", t_op1(g, "Relu", NULL, y));
    fast = t_compare(g, 2);
    affine();
    assert_int_equal(t_count(g, "BatchNormalization"), 1);
}

static void an_output_of_the_graph_keeps_its_convolution(void **state)
{
    (void)state;
    ig_value_id y = conv(4, NULL, T_NONE);
    t_output(g, "z", batch_norm(y, 4));
    t_output(g, "y", y);
    fast = t_compare(g, 2);
    affine();
    assert_int_equal(t_count(g, "BatchNormalization"), 1);
}

static void weights_that_are_not_constant_stay(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(2, 3, 5, 4)),
                w = t_input(g, "w", DIMS(4, 3, 3, 3));
    t_output(g, "z", batch_norm(t_op2(g, "Conv", NULL, x, w), 4));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "BatchNormalization"), 1);
}

static void padding_goes_into_convolution_and_pooling(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(1, 3, 5, 4));
    ig_value_id pads = t_ints(g, DIMS(0, 0, 1, 2, 0, 0, 0, 1));
    ig_value_id y = t_op2(g, "Conv", "pads=1,0,0,1", t_op2(g, "Pad", NULL, x, pads),
                          t_random(g, DIMS(2, 3, 3, 3)));
    ig_value_id in[4] = {y, t_ints(g, DIMS(1, 1, 1, 1)), {0}, t_ints(g, DIMS(2, -1))},
                z;
    t_node(g, "Pad", NULL, in, 4, &z, 1);
    t_output(g, "average", t_op1(g, "AveragePool", "kernel_shape=2,2", z));
    ig_value_id low =
        t_op3(g, "Pad", NULL, t_op1(g, "Exp", NULL, y),
              t_ints(g, DIMS(0, 0, 1, 1, 0, 0, 1, 1)), t_number(g, -1.0 / 0.0));
    t_output(g, "max", t_op1(g, "MaxPool", "kernel_shape=3,3", low));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Pad"), 0);
}

static void padding_that_pooling_does_not_do_stays(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(1, 3, 5, 4));
    ig_value_id pads = t_ints(g, DIMS(0, 0, 1, 1, 0, 0, 1, 1));
    ig_value_id w = t_random(g, DIMS(2, 3, 3, 3));
    ig_value_id a = t_op2(g, "Pad", NULL, x, pads);
    t_output(g, "zero_is_no_neutral_element",
             t_op1(g, "MaxPool", "kernel_shape=3,3", a));
    ig_value_id b = t_op2(g, "Pad", "mode:edge", x, pads);
    t_output(g, "edge", t_op2(g, "Conv", NULL, b, w));
    ig_value_id c = t_op3(g, "Pad", NULL, x, pads, t_number(g, 2));
    t_output(g, "two", t_op2(g, "Conv", NULL, c, w));
    ig_value_id d = t_op2(g, "Pad", NULL, x, t_ints(g, DIMS(0, 0, 2, 1, 0, 0, 1, 1)));
    t_output(g, "own_pads",
             t_op1(g, "AveragePool", "kernel_shape=3,3 pads=1,1,1,1", d));
    ig_value_id e = t_op2(g, "Pad", NULL, x, t_ints(g, DIMS(0, 1, 1, 1, 0, 0, 1, 1)));
    t_output(g, "channels", t_op2(g, "Conv", NULL, e, t_random(g, DIMS(2, 4, 3, 3))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Pad"), 5);
}

/* The last window lies in the right padding, where none may begin. */
static void padding_before_a_pooling_that_rounds_up_stays(void **state)
{
    (void)state;
    ig_value_id x = t_op1(g, "Exp", NULL, t_input(g, "x", DIMS(1, 1, 6, 6)));
    ig_value_id v = t_op3(g, "Pad", NULL, x, t_ints(g, DIMS(0, 0, 0, 0, 0, 0, 1, 1)),
                          t_number(g, -1.0 / 0.0));
    v = t_op1(g, "MaxPool", "kernel_shape=2,2 strides=3,3 ceil_mode=1", v);
    t_output(g, "y", t_op1(g, "Exp", NULL, v));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Pad"), 1);
}

IG_TESTS(T(batch_normalization_goes_into_the_weights),
         T(padding_before_a_pooling_that_rounds_up_stays),
         T(a_bias_appears_where_there_was_none),
         T(arithmetic_with_channels_goes_into_the_weights),
         T(a_normalisation_takes_what_follows_it),
         T(what_is_not_per_channel_stays),
         T(a_result_that_others_read_keeps_its_convolution),
         T(an_output_of_the_graph_keeps_its_convolution),
         T(weights_that_are_not_constant_stay),
         T(padding_goes_into_convolution_and_pooling),
         T(padding_that_pooling_does_not_do_stays))
