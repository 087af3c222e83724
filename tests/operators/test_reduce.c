#include <math.h>

#include "operators/common_reduce.h"
#include "tests/operators/op_graph.h"

static ig_tensor *x, *y;

static int teardown(void **state)
{
    ig_tensor_unref(x);
    ig_tensor_unref(y);
    x = y = NULL;
    return op_graph_teardown(state);
}

/* Reduces all elements of a vector into y. */
static void reduce_all(const char *op, ig_dtype dtype, int64_t n, const void *data)
{
    const igi_reduce_attrs drop = {sizeof(drop), 0, 0};
    size_t bytes = (size_t)(n * ig_dtype_bits(dtype) / 8);
    assert_int_equal(ig_tensor_new_copy(&x, dtype, 1, &n, data, bytes), IG_OK);
    assert_int_equal(ig_tensor_new(&y, dtype, 0, NULL), IG_OK);
    assert_int_equal(run_reference(op, &drop, &x, 1, y), IG_OK);
}

static void the_maximum_of_nothing_is_the_least_value(void **state)
{
    (void)state;
    reduce_all("ReduceMax", IG_FLOAT32, 0, "");
    assert_true(ig_tensor_data_f32(y)[0] == -INFINITY);
    ig_tensor_unref(x);
    ig_tensor_unref(y);
    reduce_all("ReduceMax", IG_INT32, 0, "");
    assert_true(ig_tensor_data_i32(y)[0] == INT32_MIN);
}

static void nan_wins_over_every_number(void **state)
{
    (void)state;
    const float data[4] = {1, NAN, INFINITY, 2};
    reduce_all("ReduceMax", IG_FLOAT32, 4, data);
    assert_true(isnan(ig_tensor_data_f32(y)[0]));
}

static void integer_means_truncate_and_sums_wrap(void **state)
{
    (void)state;
    const int32_t low[2] = {-4, -3};
    const int64_t high[2] = {INT64_MAX, 1};
    reduce_all("ReduceMean", IG_INT32, 2, low);
    assert_int_equal(ig_tensor_data_i32(y)[0], -3);
    ig_tensor_unref(x);
    ig_tensor_unref(y);
    reduce_all("ReduceSum", IG_INT64, 2, high);
    assert_true(ig_tensor_data_i64(y)[0] == INT64_MIN);
}

static void the_mean_of_no_integers_is_zero(void **state)
{
    (void)state;
    reduce_all("ReduceMean", IG_INT64, 0, "");
    assert_true(ig_tensor_data_i64(y)[0] == 0);
}

static void float_sums_do_not_lose_small_terms(void **state)
{
    (void)state;
    const float data[4] = {1e8f, 1, 1, -1e8f};
    reduce_all("ReduceSum", IG_FLOAT32, 4, data);
    assert_true(ig_tensor_data_f32(y)[0] == 2);
}

static void symbolic_axes_keep_the_others(void **state)
{
    (void)state;
    const igi_reduce_attrs drop = {sizeof(drop), 0, 0}, noop = {sizeof(noop), 0, 1};
    ig_value_id in = graph_input(DIMS(N, 3, W)), axes = graph_ints(DIMS(-1, 1));
    assert_type(NODE("ReduceSum", NULL, in, axes), "float32[N,1,1]");
    assert_type(NODE("ReduceMax", &drop, in, axes), "float32[N]");
    assert_type(NODE("ReduceMean", &drop, in), "float32[]");
    assert_type(NODE("ReduceMean", &noop, in), "float32[N,3,W]");
    REFUSED("ReduceSum", NULL, "axis 3", in, graph_ints(DIMS(3)));
    REFUSED("ReduceSum", NULL, "twice", in, graph_ints(DIMS(0, -3)));
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, op_graph_setup, teardown)
IG_TESTS(TEST(the_maximum_of_nothing_is_the_least_value),
         TEST(nan_wins_over_every_number),
         TEST(integer_means_truncate_and_sums_wrap),
         TEST(the_mean_of_no_integers_is_zero),
         TEST(float_sums_do_not_lose_small_terms),
         TEST(symbolic_axes_keep_the_others))
