/* Gradients of shape operators over symbolic dims: no dim may become a number. */
#include <string.h>

#include "operators/common_move.h"
#include "operators/common_reduce.h"
#include "tests/operators/op_gradient.h"

static void concat_along_a_symbolic_axis_splits_its_gradient(void **state)
{
    (void)state;
    const igi_axis_attrs first = {sizeof(first), 0};
    ig_value_id a = graph_input(DIMS(N, 3)), b = graph_input(DIMS(W, 3));
    ig_value_id y = NODE("Concat", &first, a, b);
    assert_type(gradient_of(y, a), "float32[N,3]");
    assert_int_equal(count_nodes("Split"), 1);
}

static void mean_over_a_symbolic_axis_divides_at_run_time(void **state)
{
    (void)state;
    const igi_reduce_attrs drop = {sizeof(drop), 0, 0};
    ig_value_id x = graph_input(DIMS(N, 3));
    ig_value_id y = NODE("ReduceMean", &drop, x, graph_ints(DIMS(0)));
    assert_type(gradient_of(y, x), "float32[N,3]");
    assert_int_equal(count_nodes("DivByDims"), 1);
}

static void mean_over_a_known_axis_multiplies_by_a_number(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(N, 3));
    ig_value_id y = NODE("ReduceMean", NULL, x, graph_ints(DIMS(-1)));
    assert_type(gradient_of(y, x), "float32[N,3]");
    assert_int_equal(count_nodes("DivByDims"), 0);
}

static void gradients_have_the_symbolic_shape_of_their_input(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(N, 3, W)), two = graph_ints(DIMS(2));
    const igi_reduce_attrs drop = {sizeof(drop), 0, 0};
    ig_value_id y[] = {
        NODE("Reshape", NULL, x, graph_ints(DIMS(-1))),
        NODE("Transpose", NULL, x),
        NODE("Flatten", NULL, x),
        NODE("Unsqueeze", NULL, x, two),
        NODE("Slice", NULL, x, graph_ints(DIMS(1)), two, two),
        NODE("Gather", NULL, x, graph_ints(DIMS(0, -1, 0))),
        NODE("Expand", NULL, x, graph_ints(DIMS(4, 1, 1, 1))),
        NODE("Pad", NULL, x, graph_ints(DIMS(1, -1, 0, 2, 0, 3))),
        NODE("ReduceSum", &drop, x, graph_ints(DIMS(2, 0))),
        NODE("ReduceMax", &drop, x, two),
    };
    for (size_t i = 0; i < sizeof(y) / sizeof(y[0]); i++)
        assert_type(gradient_of(y[i], x), "float32[N,3,W]");
}

/* Only the second piece is made at all; or both are, and one is used. */
static void pieces_that_are_not_used_have_zeros(void **state)
{
    (void)state;
    const igi_split_attrs halves = {sizeof(halves), 0, 2};
    const igi_op *split = igi_registry_find_full(g->reg, "Split");
    ig_value_id x = graph_input(DIMS(N, 3)), y[2] = {{0}};
    ig_call call = {
        .op = split->def, .attrs = &halves, .wanted = 2, .n_in = 1, .n_out = 2};
    assert_int_equal(ig_graph_make(g, &call, &x, y), IG_OK);
    assert_type(gradient_of(y[1], x), "float32[N,3]");
    const ig_value_id in[2] = {x, graph_ints(DIMS(1, 2))};
    assert_int_equal(ig_graph_make_named(g, "Split", NULL, in, 2, y, 2), IG_OK);
    assert_type(gradient_of(y[1], x), "float32[N,3]");
}

static void padding_gives_a_gradient_to_its_value(void **state)
{
    (void)state;
    ig_value_id value = graph_input(0, NULL);
    ig_value_id y =
        NODE("Pad", NULL, graph_input(DIMS(N)), graph_ints(DIMS(1, 2)), value);
    assert_type(gradient_of(y, value), "float32[]");
}

#define TEST(name_)                                                                    \
    cmocka_unit_test_setup_teardown(name_, op_graph_setup, op_graph_teardown)
IG_TESTS(TEST(concat_along_a_symbolic_axis_splits_its_gradient),
         TEST(mean_over_a_symbolic_axis_divides_at_run_time),
         TEST(mean_over_a_known_axis_multiplies_by_a_number),
         TEST(gradients_have_the_symbolic_shape_of_their_input),
         TEST(pieces_that_are_not_used_have_zeros),
         TEST(padding_gives_a_gradient_to_its_value))
