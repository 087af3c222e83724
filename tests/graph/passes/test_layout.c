#include "tests/graph/passes/fixture.h"

static ig_value_id conv(ig_value_id x, int64_t c, int64_t m, const char *attrs)
{
    return t_op2(g, "Conv", attrs, x, t_random(g, DIMS(m, c, 3, 3)));
}

static ig_value_id image(void)
{
    return t_input(g, "x", DIMS(2, 3, 8, 7));
}

static void a_convolution_net_has_one_transpose(void **state)
{
    (void)state;
    int64_t dims[4] = {0, 3, 8, 8};
    assert_int_equal(ig_graph_dim(g, "N", &dims[0]), IG_OK);
    ig_value_id v = conv(t_input(g, "x", 4, dims), 3, 4, "pads=1,1,1,1 strides=2,2");
    v = t_op1(g, "MaxPool", "kernel_shape=2,2", t_op1(g, "Relu", NULL, v));
    ig_value_id a = conv(v, 4, 5, "pads=1,1,1,1"), b = conv(v, 4, 3, "pads=1,1,1,1");
    v = t_op1(g, "LeakyRelu", NULL, t_op2(g, "Concat", "axis=1", a, b));
    ig_value_id s = t_op1(g, "GlobalAveragePool", NULL, v);
    s = t_op1(g, "Sigmoid", NULL,
              t_op2(g, "Conv", NULL, s, t_random(g, DIMS(8, 8, 1, 1))));
    v = t_op2(g, "Mul", NULL, v, s); /* squeeze and excite */
    v = t_op1(g, "GlobalAveragePool", NULL, v);
    v = t_op1(g, "Flatten", "axis=1", v);
    t_output(
        g, "y",
        t_op3(g, "Gemm", NULL, v, t_random(g, DIMS(8, 10)), t_random(g, DIMS(10))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Transpose"), 1);
    assert_int_equal(t_count(fast, "ingot::Conv"), 4);
    assert_int_equal(t_count(fast, "ingot::MaxPool"), 1);
    assert_int_equal(t_count(fast, "ingot::GlobalAveragePool"), 2);
    assert_int_equal(t_count(fast, "Relu"), 0); /* in epilogues */
    assert_int_equal(t_count(fast, "Reshape"), 1);
}

static void a_resize_between_convolutions_stays_in_the_layout(void **state)
{
    (void)state;
    ig_value_id v = conv(image(), 3, 4, "pads=1,1,1,1"),
                scales = t_filled(g, 2, 1, &(int64_t){2});
    ig_value_id all =
        t_op2(g, "Concat", "axis=0", t_filled(g, 1, 1, &(int64_t){2}), scales);
    v = t_op3(g, "Resize", "mode:linear", v, T_NONE, all);
    v = t_op3(g, "Resize", "axes=-1,2", v, T_NONE, scales);
    t_output(g, "y", conv(v, 4, 2, NULL));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Transpose"), 2); /* at the ends */
    assert_int_equal(t_count(fast, "Resize"), 2);
}

static void a_residual_block_is_three_convolutions(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(1, 4, 6, 6));
    ig_value_id a = t_op1(g, "Relu", NULL, conv(x, 4, 4, "pads=1,1,1,1"));
    ig_value_id b = conv(a, 4, 4, "pads=1,1,1,1");
    ig_value_id s = t_op2(g, "Conv", NULL, x, t_random(g, DIMS(4, 4, 1, 1)));
    t_output(g, "y", t_op1(g, "Relu", NULL, t_op2(g, "Sum", NULL, b, s)));
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), 5);
    assert_int_equal(t_count(fast, "Transpose"), 2);
}

/* Every operator that the table names, each as the reader of a convolution. */
static void operators_on_moved_axes_compute_the_same(void **state)
{
    (void)state;
    ig_value_id y = conv(image(), 3, 6, NULL), out[2]; /* [2,6,6,5] */
    t_output(g, "softmax", t_op1(g, "Softmax", "axis=1", y));
    t_output(g, "log_softmax", t_op1(g, "LogSoftmax", "axis=-1", y));
    ig_value_id split[2] = {y, t_ints(g, DIMS(2, 4))};
    t_node(g, "Split", "axis=1", split, 2, out, 2);
    t_output(g, "split", t_op1(g, "Relu", NULL, out[1]));
    t_output(g, "max", t_op2(g, "ReduceMax", "keepdims=1", y, t_ints(g, DIMS(1, 2))));
    t_output(g, "mean",
             t_op2(g, "ReduceMean", "keepdims=0", y, t_ints(g, DIMS(-1, 2))));
    t_output(g, "sum", t_op2(g, "ReduceSum", "keepdims=0", y, t_ints(g, DIMS(1))));
    ig_value_id slice[4] = {y, t_ints(g, DIMS(1, 0)), t_ints(g, DIMS(5, 3)),
                            t_ints(g, DIMS(1, 3))};
    t_node(g, "Slice", NULL, slice, 4, out, 1);
    t_output(g, "slice", out[0]);
    t_output(g, "pad",
             t_op3(g, "Pad", NULL, y, t_ints(g, DIMS(0, 1, 0, 2, 0, 0, 1, 0)),
                   t_number(g, 3)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::Conv"), 1);
    t_free(fast);
    t_free(g);
    g = t_graph();
    y = conv(image(), 3, 6, NULL);
    t_output(g, "average",
             t_op1(g, "AveragePool",
                   "kernel_shape=2,3 pads=1,1,0,1 ceil_mode=1 strides=2,1", y));
    t_output(g, "clip", t_op3(g, "Clip", NULL, y, t_number(g, -0.1), t_number(g, 0.2)));
    t_output(g, "where",
             t_op3(g, "Where", NULL, t_op2(g, "Less", NULL, y, t_number(g, 0)), y,
                   t_random(g, DIMS(6, 1, 1))));
    t_output(g, "cast", t_op1(g, "Cast", "to=11", y));
    t_output(g, "pow", t_op2(g, "Pow", NULL, y, t_filled(g, 2, DIMS(6, 1, 1))));
    t_output(g, "row", t_op2(g, "Mul", NULL, y, t_random(g, DIMS(5))));
    t_output(g, "map", t_op2(g, "Sub", NULL, y, t_random(g, DIMS(6, 6, 5))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::AveragePool"), 1);
}

static void operands_that_only_the_run_knows_compute_the_same(void **state)
{
    (void)state;
    ig_value_id y = conv(image(), 3, 6, NULL);
    t_output(g, "whole", t_op2(g, "Mul", NULL, y, t_input(g, "a", DIMS(2, 6, 1, 1))));
    t_output(g, "low", t_op2(g, "Mul", NULL, y, t_input(g, "b", DIMS(6, 1, 1))));
    t_output(g, "one", t_op2(g, "Mul", NULL, y, t_input(g, "c1", DIMS(1))));
    t_output(g, "five", t_op2(g, "Add", NULL, y, t_input(g, "d", DIMS(2, 1, 6, 1, 1))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::Conv"), 1);
}

static ig_value_id batch_norm(ig_value_id x, int64_t c)
{
    ig_value_id in[5] = {x, t_random(g, DIMS(c)), t_random(g, DIMS(c)),
                         t_random(g, DIMS(c)), t_positive(g, DIMS(c))};
    ig_value_id y;
    t_node(g, "BatchNormalization", NULL, in, 5, &y, 1);
    return y;
}

static void batch_normalization_before_a_convolution_joins_the_region(void **state)
{
    (void)state;
    ig_value_id x = conv(image(), 3, 4, "pads=1,1,1,1");
    ig_value_id v = t_op1(g, "Relu", NULL, batch_norm(x, 4));
    v = conv(v, 4, 4, "pads=1,1,1,1");
    t_output(g, "y", t_op2(g, "Concat", "axis=1", x, v));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Transpose"), 2);
    assert_int_equal(t_count(fast, "BatchNormalization"), 0);
}

static void a_channel_shuffle_stays_in_the_region(void **state)
{
    (void)state;
    int64_t dims[4] = {0, 3, 8, 8};
    assert_int_equal(ig_graph_dim(g, "N", &dims[0]), IG_OK);
    ig_value_id v = conv(t_input(g, "x", 4, dims), 3, 6, "pads=1,1,1,1");
    v = t_op2(g, "Reshape", NULL, v, t_ints(g, DIMS(0, 2, 3, 8, 8)));
    v = t_op1(g, "Transpose", "perm=0,2,1,3,4", v);
    v = t_op2(g, "Reshape", NULL, v, t_ints(g, DIMS(0, 6, 8, 8)));
    t_output(g, "y", conv(v, 6, 2, NULL));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Transpose"), 3); /* edges, and the shuffle itself */
}

static void what_needs_nchw_gets_it_back_once(void **state)
{
    (void)state;
    ig_value_id y = conv(image(), 3, 4, NULL);
    t_output(g, "raw", y);
    t_output(g, "lrn", t_op1(g, "LRN", "size=3", y));
    t_output(g, "flat", t_op1(g, "Flatten", "axis=1", y));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Transpose"), 2);
}

static void pooling_alone_stays(void **state)
{
    (void)state;
    t_output(g, "y", t_op1(g, "MaxPool", "kernel_shape=2,2", image()));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "MaxPool"), 1);
    assert_int_equal(t_count(fast, "Transpose"), 0);
}

static void a_pooling_with_indices_stays(void **state)
{
    (void)state;
    ig_value_id y = conv(image(), 3, 4, NULL), out[2];
    t_node(g, "MaxPool", "kernel_shape=2,2", &y, 1, out, 2);
    t_output(g, "y", out[0]);
    t_output(g, "i", out[1]);
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "MaxPool"), 1);
}

static void other_ranks_types_and_weights_stay(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(1, 2, 9));
    t_output(g, "rank3", t_op2(g, "Conv", NULL, x, t_random(g, DIMS(3, 2, 3))));
    ig_value_id d = t_input_of(g, "d", IG_FLOAT64, DIMS(1, 2, 5, 5));
    ig_value_id w = t_op1(g, "Cast", "to=11", t_random(g, DIMS(3, 2, 3, 3)));
    t_output(g, "double", t_op2(g, "Conv", NULL, d, w));
    ig_value_id f = t_input(g, "f", DIMS(1, 2, 5, 5)),
                fw = t_input(g, "fw", DIMS(3, 2, 3, 3));
    t_output(g, "free", t_op2(g, "Conv", NULL, f, fw));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Conv"), 3);
}

static void level_one_keeps_the_layout(void **state)
{
    (void)state;
    t_output(g, "y", t_op1(g, "Relu", NULL, conv(image(), 3, 4, NULL)));
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Conv"), 1);
    assert_int_equal(t_count(fast, "Relu"), 1);
}

IG_TESTS(T(a_convolution_net_has_one_transpose),
         T(a_resize_between_convolutions_stays_in_the_layout),
         T(a_residual_block_is_three_convolutions),
         T(operators_on_moved_axes_compute_the_same),
         T(operands_that_only_the_run_knows_compute_the_same),
         T(batch_normalization_before_a_convolution_joins_the_region),
         T(a_channel_shuffle_stays_in_the_region),
         T(what_needs_nchw_gets_it_back_once),
         T(pooling_alone_stays),
         T(a_pooling_with_indices_stays),
         T(other_ranks_types_and_weights_stay),
         T(level_one_keeps_the_layout))
