#include "tests/operators/op_graph.h"

#include <string.h>

#include "operators/common_move.h"

/* ---- symbolic shapes ---- */

static void a_traced_shape_chain_keeps_its_symbols(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(N, 3, W));
    ig_value_id shape = NODE("Shape", NULL, x);
    ig_value_id n = NODE("Gather", NULL, shape, graph_int(0));
    ig_value_id batch = NODE("Unsqueeze", NULL, n, graph_ints(DIMS(0)));
    const igi_axis_attrs first = {sizeof(first), 0};
    ig_value_id want = NODE("Concat", &first, batch, graph_ints(DIMS(-1)));
    assert_type(NODE("Reshape", NULL, x, want), "float32[N,3*W]");
    assert_type(NODE("Expand", NULL, graph_input(0, NULL), shape), "float32[N,3,W]");
    assert_type(NODE("ConstantOfShape", NULL, shape), "float32[N,3,W]");
}

static void reshape_cancels_copied_dims_before_it_divides(void **state)
{
    (void)state;
    assert_type(
        NODE("Reshape", NULL, graph_input(DIMS(N, 3, W)), graph_ints(DIMS(0, -1))),
        "float32[N,3*W]");
    assert_type(
        NODE("Reshape", NULL, graph_input(DIMS(0, 3, 4)), graph_ints(DIMS(0, -1))),
        "float32[0,12]");
}

static void slices_of_a_symbolic_dim_stay_symbolic(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(N)), zero = graph_ints(DIMS(0));
    ig_value_id all = graph_ints(DIMS(INT64_MAX)), none = {0};
    assert_type(NODE("Slice", NULL, x, zero, all), "float32[N]");
    assert_type(NODE("Slice", NULL, x, graph_ints(DIMS(-1)),
                     graph_ints(DIMS(INT64_MIN)), none, graph_ints(DIMS(-1))),
                "float32[N]");
    assert_type(NODE("Slice", NULL, x, zero, NODE("Shape", NULL, x)), "float32[N]");
    ig_value_id tail = NODE("Slice", NULL, x, graph_ints(DIMS(2)), all);
    ig_value_id again = NODE("Slice", NULL, x, graph_ints(DIMS(2)), all);
    assert_true(ig_type_dims(ig_graph_value_type(g, tail))[0] ==
                ig_type_dims(ig_graph_value_type(g, again))[0]);
    assert_true(ig_dim_is_symbol(ig_type_dims(ig_graph_value_type(g, tail))[0]));
}

static void joined_and_split_symbolic_dims_add_up(void **state)
{
    (void)state;
    const igi_axis_attrs last = {sizeof(last), -1};
    ig_value_id x = graph_input(DIMS(2, N)), y = graph_input(DIMS(2, N));
    ig_value_id both = NODE("Concat", &last, x, y), half[2];
    assert_type(both, "float32[2,2*N]");
    const struct {
        uint32_t struct_size;
        int64_t axis, num_outputs;
    } halves = {sizeof(halves), 1, 2};
    assert_int_equal(ig_graph_make_named(g, "Split", &halves, &both, 1, half, 2),
                     IG_OK);
    assert_type(half[0], "float32[2,N]");
    assert_type(half[1], "float32[2,N]");
}

static void range_up_to_a_symbolic_size_has_that_size(void **state)
{
    (void)state;
    ig_value_id size = NODE("Size", NULL, graph_input(DIMS(N)));
    assert_type(NODE("Range", NULL, graph_int(0), size, graph_int(1)), "int64[N]");
}

static void squeezing_all_axes_needs_known_sizes(void **state)
{
    (void)state;
    ig_value_id v = NODE("Squeeze", NULL, graph_input(DIMS(1, N)));
    assert_int_equal(ig_graph_value_type(g, v)->rank, -1);
    assert_type(NODE("Squeeze", NULL, graph_input(DIMS(1, N)), graph_ints(DIMS(0))),
                "float32[N]");
}

/* A literal INT64_MIN is no symbol, also after it passed through a list of values. */
static void huge_negative_literals_do_not_become_symbols(void **state)
{
    (void)state;
    const igi_axis_attrs first = {sizeof(first), 0};
    ig_value_id list = NODE("Concat", &first, graph_ints(DIMS(INT64_MIN)));
    ig_value_id shape = NODE("Concat", &first, graph_ints(DIMS(2)), list);
    ig_value_id v = NODE("Expand", NULL, graph_input(0, NULL), shape);
    assert_int_equal(ig_type_dims(ig_graph_value_type(g, v))[0], 2);
    REFUSED("Reshape", NULL, "shape[0] is", graph_input(DIMS(2)),
            graph_ints(DIMS(INT64_MIN)));
}

/* ---- refusals ---- */

static void wrong_shapes_are_refused_by_name(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(2, 3)), none = {0};
    REFUSED("Reshape", NULL, "6 elements do not fit", x, graph_ints(DIMS(4, 2)));
    REFUSED("Reshape", NULL, "two -1", x, graph_ints(DIMS(-1, -1)));
    REFUSED("Reshape", NULL, "no dim 2", x, graph_ints(DIMS(1, 6, 0)));
    REFUSED("Squeeze", NULL, "axis 0 is not of size 1", x, graph_ints(DIMS(0)));
    REFUSED("Unsqueeze", NULL, "twice", x, graph_ints(DIMS(1, -3)));
    REFUSED("Slice", NULL, "steps[0] is 0", x, graph_ints(DIMS(0)), graph_ints(DIMS(1)),
            none, graph_ints(DIMS(0)));
    REFUSED("Slice", NULL, "has 2 elements, starts has 1", x, graph_ints(DIMS(0)),
            graph_ints(DIMS(1, 1)));
    REFUSED("Pad", NULL, "has 3 elements", x, graph_ints(DIMS(1, 1, 1)));
    REFUSED("Pad", NULL, "do not give a size", x, graph_ints(DIMS(-2, 0, -1, 0)));
    REFUSED("Expand", NULL, "does not broadcast", x, graph_ints(DIMS(4)));
    REFUSED("ConstantOfShape", NULL, "is -1", graph_ints(DIMS(2, -1)));
    REFUSED("Range", NULL, "delta is 0", graph_int(0), graph_int(5), graph_int(0));
    REFUSED("Range", NULL, "exceeds", graph_int(INT64_MIN), graph_int(INT64_MAX),
            graph_int(1));
    REFUSED("ingot::SumTo", NULL, "cannot come from", x, graph_ints(DIMS(2)));
}

/* Index 3 of an axis of size 3, after two good ones; `updates`: the scattered ones. */
static void check_bad_index(const char *op, bool tuples, bool updates)
{
    const float data[3] = {1, 2, 3};
    const int64_t index[3] = {0, -3, 3};
    const int64_t three = 3, column[2] = {3, 1};
    ig_tensor *in[3] = {0}, *out = NULL;
    assert_int_equal(ig_tensor_new_copy(&in[0], IG_FLOAT32, 1, &three, data, 12),
                     IG_OK);
    assert_int_equal(ig_tensor_new_copy(&in[1], IG_INT64, tuples ? 2 : 1,
                                        tuples ? column : &three, index, 24),
                     IG_OK);
    assert_int_equal(ig_tensor_new_copy(&in[2], IG_FLOAT32, 1, &three, data, 12),
                     IG_OK);
    assert_int_equal(ig_tensor_new(&out, IG_FLOAT32, 1, &three), IG_OK);
    ig_status rc = run_reference(op, NULL, in, updates ? 3 : 2, out);
    const char *text = ig_error_message();
    bool named = strstr(text, "index 3 at position 2 is outside [-3, 2]") != NULL;
    float first = ig_tensor_data_f32(out)[0];
    for (int i = 0; i < 3; i++)
        ig_tensor_unref(in[i]);
    ig_tensor_unref(out);
    assert_int_equal(rc, IG_INVALID_ARGUMENT);
    assert_true(named);
    assert_float_equal(first, 0, 0); /* nothing was written */
}

static void a_bad_index_is_named_with_position_and_bound(void **state)
{
    (void)state;
    check_bad_index("Gather", false, false);
    check_bad_index("GatherElements", false, false);
    check_bad_index("GatherND", true, false);
    check_bad_index("ScatterElements", false, true);
    check_bad_index("ScatterND", true, true);
}

static void spans_clamp_at_the_ends_of_int64(void **state)
{
    (void)state;
    const struct {
        int64_t dim, start, end, step, want_start, want_count;
    } rows[] = {
        {5, INT64_MIN, INT64_MAX, 1, 0, 5},
        {5, INT64_MAX, INT64_MIN, -1, 4, 5},
        {5, -1, INT64_MIN, INT64_MIN, 4, 1},
        {5, 0, INT64_MAX, INT64_MAX, 0, 1},
        {5, -100, 100, 2, 0, 3},
        {5, 3, 3, 1, 0, 0},
        {0, INT64_MIN, INT64_MAX, 1, 0, 0},
        {0, INT64_MAX, INT64_MIN, -1, 0, 0},
        {5, 1, -1, 3, 1, 1},
        {INT64_MAX, 0, INT64_MAX, 1, 0, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        igi_span s =
            igi_slice_span(rows[i].dim, rows[i].start, rows[i].end, rows[i].step);
        assert_true(s.start == rows[i].want_start && s.count == rows[i].want_count);
    }
}

#define TEST(name_)                                                                    \
    cmocka_unit_test_setup_teardown(name_, op_graph_setup, op_graph_teardown)
IG_TESTS(TEST(a_traced_shape_chain_keeps_its_symbols),
         TEST(reshape_cancels_copied_dims_before_it_divides),
         TEST(slices_of_a_symbolic_dim_stay_symbolic),
         TEST(joined_and_split_symbolic_dims_add_up),
         TEST(range_up_to_a_symbolic_size_has_that_size),
         TEST(squeezing_all_axes_needs_known_sizes),
         TEST(huge_negative_literals_do_not_become_symbols),
         TEST(wrong_shapes_are_refused_by_name),
         TEST(a_bad_index_is_named_with_position_and_bound),
         cmocka_unit_test(spans_clamp_at_the_ends_of_int64))
