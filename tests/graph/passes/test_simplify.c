#include "tests/graph/passes/fixture.h"

static ig_value_id x23(void)
{
    return t_input(g, "x", DIMS(2, 3));
}

static void nodes_that_do_nothing_go(void **state)
{
    (void)state;
    ig_value_id v = t_op1(g, "Identity", NULL, x23());
    v = t_op2(g, "Dropout", NULL, v, t_number(g, 0.3));
    v = t_op1(g, "Cast", "to=1", v);
    v = t_op1(g, "Concat", "axis=0", v);
    v = t_op1(g, "Sum", NULL, v);
    v = t_op1(g, "Transpose", "perm=0,1", v);
    v = t_op2(g, "Pad", NULL, v, t_ints(g, DIMS(0, 0, 0, 0)));
    v = t_op2(g, "Expand", NULL, v, t_ints(g, DIMS(2, 1)));
    v = t_op3(g, "Slice", NULL, v, t_ints(g, DIMS(0)), t_ints(g, DIMS(99)));
    v = t_op2(g, "Reshape", NULL, v, t_ints(g, DIMS(2, 3)));
    t_output(g, "y", t_op1(g, "Relu", NULL, v));
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 1);
    assert_int_equal(t_count(fast, "Relu"), 1);
}

static void a_slice_backwards_stays(void **state)
{
    (void)state;
    ig_value_id in[5] = {x23(), t_ints(g, DIMS(-1)), t_ints(g, DIMS(-99)),
                         t_ints(g, DIMS(0)), t_ints(g, DIMS(-1))};
    ig_value_id y;
    t_node(g, "Slice", NULL, in, 5, &y, 1);
    t_output(g, "y", y);
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Slice"), 1);
}

static void a_pad_that_shifts_stays(void **state)
{
    (void)state;
    t_output(g, "y", t_op2(g, "Pad", NULL, x23(), t_ints(g, DIMS(1, 0, -1, 0))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Pad"), 1);
}

static void a_dropout_whose_mask_is_read_stays(void **state)
{
    (void)state;
    ig_value_id x = x23(), out[2];
    t_node(g, "Dropout", NULL, &x, 1, out, 2);
    t_output(g, "y", out[0]);
    t_output(g, "mask", out[1]);
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Dropout"), 1);
}

static void a_dropout_that_trains_stays(void **state)
{
    (void)state;
    ig_value_id training = t_input_of(g, "training", IG_BOOL, 0, NULL);
    t_output(g, "y", t_op3(g, "Dropout", NULL, x23(), t_number(g, 0.3), training));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "Dropout"), 1);
}

/* The run must refuse a value of several numbers. */
static void a_pad_whose_value_may_be_wrong_stays(void **state)
{
    (void)state;
    ig_value_id value = t_input(g, "value", DIMS(-1));
    t_output(g, "y", t_op3(g, "Pad", NULL, x23(), t_ints(g, DIMS(0, 0, 0, 0)), value));
    t_optimise(g, 1);
    assert_int_equal(t_count(g, "Pad"), 1);
}

/* The run must refuse a ratio of several numbers. */
static void a_dropout_whose_ratio_may_be_wrong_stays(void **state)
{
    (void)state;
    ig_value_id ratio = t_input(g, "ratio", DIMS(-1));
    t_output(g, "y", t_op2(g, "Dropout", NULL, x23(), ratio));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "Dropout"), 1);
}

/* Whether it fits is known in the run; with another after it, too. */
static void a_reshape_to_a_shape_of_the_run_stays(void **state)
{
    (void)state;
    ig_value_id shape = t_input_of(g, "shape", IG_INT64, DIMS(1));
    ig_value_id y = t_op2(g, "Reshape", NULL, x23(), shape);
    t_output(g, "y", t_op2(g, "Reshape", NULL, y, t_ints(g, DIMS(-1, 1))));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "Reshape"), 2);
}

/* One Reshape would take what one of the two refuses: N rows that are not one, M
 * columns that are not four, elements that four does not divide. */
static void reshapes_that_may_fail_stay(void **state)
{
    (void)state;
    int64_t dims[3] = {0, 0, 2};
    assert_int_equal(ig_graph_dim(g, "N", &dims[0]), IG_OK);
    assert_int_equal(ig_graph_dim(g, "M", &dims[1]), IG_OK);
    ig_value_id x = t_input(g, "x", 2, dims), z = t_input(g, "z", 3, dims);
    ig_value_id pairs = t_ints(g, DIMS(-1, 2)), first = t_ints(g, DIMS(0));
    ig_value_id v = t_op2(g, "Squeeze", NULL, x, first);
    t_output(g, "one_row", t_op2(g, "Reshape", NULL, v, pairs));
    v = t_op2(g, "Reshape", NULL, x, t_ints(g, DIMS(0, 4)));
    t_output(g, "four_columns", t_op2(g, "Reshape", NULL, v, pairs));
    v = t_op2(g, "Reshape", NULL, x, t_ints(g, DIMS(-1, 4)));
    t_output(g, "fours", t_op2(g, "Reshape", NULL, v, pairs));
    v = t_op1(g, "Flatten", NULL, z);
    t_output(g, "flat", t_op2(g, "Squeeze", NULL, v, first));
    v = t_op2(g, "Unsqueeze", NULL, x, first);
    t_output(g, "kept", t_op2(g, "Reshape", NULL, v, t_ints(g, DIMS(0, 0, 4))));
    t_optimise(g, 2);
    assert_int_equal(t_nodes(g), 10);
}

/* A last Reshape with -1 fails over the first value when it fails over the second. */
static void a_last_reshape_that_may_fail_takes_others(void **state)
{
    (void)state;
    int64_t dims[2] = {0, 6};
    assert_int_equal(ig_graph_dim(g, "N", &dims[0]), IG_OK);
    ig_value_id v =
        t_op2(g, "Unsqueeze", NULL, t_input(g, "x", 2, dims), t_ints(g, DIMS(1)));
    t_output(g, "y", t_op2(g, "Reshape", NULL, v, t_ints(g, DIMS(-1, 4))));
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 1);
}

/* The run may have to say that there is no such axis. */
static void checks_of_an_unknown_rank_stay(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", -1, NULL);
    t_output(g, "concat", t_op1(g, "Concat", "axis=5", x));
    t_output(g, "pad", t_op2(g, "Pad", NULL, x, t_ints(g, DIMS(0, 0))));
    t_optimise(g, 2);
    assert_int_equal(t_nodes(g), 2);
}

static void pairs_of_transposes_merge(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(2, 3, 4));
    ig_value_id a = t_op1(g, "Transpose", "perm=1,2,0", x);
    ig_value_id b = t_op1(g, "Transpose", "perm=1,2,0", a);
    t_output(g, "back", t_op1(g, "Relu", NULL, t_op1(g, "Transpose", "perm=1,2,0", b)));
    t_output(g, "two", t_op1(g, "Relu", NULL, b));
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Transpose"), 1);
}

static void a_transpose_of_ones_is_a_reshape(void **state)
{
    (void)state;
    int64_t dims[4] = {0, 5, 1, 1};
    assert_int_equal(ig_graph_dim(g, "N", &dims[0]), IG_OK);
    ig_value_id x = t_input(g, "x", 4, dims);
    t_output(g, "y", t_op1(g, "Transpose", "perm=0,2,3,1", x));
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Transpose"), 0);
    assert_int_equal(t_count(fast, "Reshape"), 1);
}

static void chains_of_reshapes_are_one(void **state)
{
    (void)state;
    int64_t dims[4] = {0, 2, 3, 4};
    assert_int_equal(ig_graph_dim(g, "N", &dims[0]), IG_OK);
    ig_value_id x = t_input(g, "x", 4, dims);
    ig_value_id v = t_op1(g, "Flatten", "axis=1", x);
    v = t_op2(g, "Unsqueeze", NULL, v, t_ints(g, DIMS(1)));
    v = t_op2(g, "Squeeze", NULL, v, t_ints(g, DIMS(1)));
    v = t_op2(g, "Reshape", NULL, v, t_ints(g, DIMS(0, 6, 4)));
    t_output(g, "y", v);
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 1);
}

static void a_shape_that_only_repeats_dims_is_not_computed(void **state)
{
    (void)state;
    int64_t dims[3] = {0, 0, 6};
    assert_int_equal(ig_graph_dim(g, "N", &dims[0]), IG_OK);
    assert_int_equal(ig_graph_dim(g, "S", &dims[1]), IG_OK);
    ig_value_id x = t_input(g, "x", 3, dims), s = t_op1(g, "Shape", NULL, x);
    ig_value_id head = t_op2(g, "Gather", NULL, s, t_ints(g, DIMS(0, 1)));
    ig_value_id shape = t_op2(g, "Concat", "axis=0", head, t_ints(g, DIMS(2, 3)));
    t_output(g, "y", t_op2(g, "Reshape", NULL, x, shape));
    ig_value_id one = t_op2(g, "Gather", NULL, s, t_ints(g, DIMS(1)));
    ig_value_id swapped = t_op2(g, "Concat", "axis=0", one, t_ints(g, DIMS(6, -1)));
    t_output(g, "z",
             t_op2(g, "Reshape", NULL, x, swapped)); /* no dim keeps its place */
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Concat"), 1);
}

static void neutral_operands_go(void **state)
{
    (void)state;
    ig_value_id v = t_op2(g, "Mul", NULL, x23(), t_number(g, 1));
    v = t_op2(g, "Mul", NULL, t_filled(g, 1, DIMS(1, 3)), v);
    v = t_op2(g, "Div", NULL, v, t_number(g, 1));
    v = t_op2(g, "Sub", NULL, v, t_number(g, 0));
    v = t_op2(g, "Add", NULL, v, t_number(g, -0.0));
    v = t_op2(g, "Pow", NULL, v, t_number(g, 1));
    t_output(g, "y", t_op1(g, "Relu", NULL, v));
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 1);
}

static void adding_zero_is_not_exact_for_minus_zero(void **state)
{
    (void)state;
    t_output(g, "y", t_op2(g, "Add", NULL, x23(), t_number(g, 0)));
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Add"), 1);
    t_free(fast);
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Add"), 0);
}

static void neutral_operands_that_broadcast_stay(void **state)
{
    (void)state;
    t_output(g, "y", t_op2(g, "Mul", NULL, x23(), t_filled(g, 1, DIMS(4, 1, 1))));
    t_output(g, "z", t_op2(g, "Div", NULL, t_number(g, 1), t_input(g, "d", DIMS(2))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Mul"), 1);
    assert_int_equal(t_count(fast, "Div"), 1);
}

static void repeated_functions_go(void **state)
{
    (void)state;
    ig_value_id v = t_op1(g, "Relu", NULL, t_op1(g, "Relu", NULL, x23()));
    v = t_op1(g, "Neg", NULL, t_op1(g, "Neg", NULL, v));
    t_output(g, "y", t_op1(g, "Abs", NULL, t_op1(g, "Abs", NULL, v)));
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 2);
}

static void a_name_of_an_output_survives(void **state)
{
    (void)state;
    ig_value_id x = x23();
    t_output(g, "same", t_op1(g, "Identity", NULL, x));
    t_output(g, "again", t_op1(g, "Identity", NULL, x));
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 0);
    assert_string_equal(fast->output_names.p[1], "again");
    assert_string_equal(igi_value_at(fast, fast->inputs.p[0])->name, "x");
}

static void a_value_that_is_overwritten_is_not_forwarded(void **state)
{
    (void)state;
    ig_value_id w = t_input(g, "w", DIMS(4)), dw = t_input(g, "dw", DIMS(4));
    t_output(g, "old", t_op1(g, "Identity", NULL, w));
    ig_value_id in[4] = {w, dw, {0}, t_number(g, 0.1)}, out[1];
    t_node(g, "ingot::SgdStep", NULL, in, 4, out, 1);
    t_output(g, "new", out[0]);
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "Identity"), 1);
}

IG_TESTS(T(nodes_that_do_nothing_go),
         T(a_slice_backwards_stays),
         T(a_pad_that_shifts_stays),
         T(a_pad_whose_value_may_be_wrong_stays),
         T(a_dropout_whose_mask_is_read_stays),
         T(a_dropout_that_trains_stays),
         T(a_dropout_whose_ratio_may_be_wrong_stays),
         T(a_reshape_to_a_shape_of_the_run_stays),
         T(reshapes_that_may_fail_stay),
         T(a_last_reshape_that_may_fail_takes_others),
         T(checks_of_an_unknown_rank_stay),
         T(pairs_of_transposes_merge),
         T(a_transpose_of_ones_is_a_reshape),
         T(chains_of_reshapes_are_one),
         T(a_shape_that_only_repeats_dims_is_not_computed),
         T(neutral_operands_go),
         T(adding_zero_is_not_exact_for_minus_zero),
         T(neutral_operands_that_broadcast_stay),
         T(repeated_functions_go),
         T(a_name_of_an_output_survives),
         T(a_value_that_is_overwritten_is_not_forwarded))
