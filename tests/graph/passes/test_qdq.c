/* Quantized graphs on bytes: what is recognised, and that results are those of the
 * file, or one step beside them where a sum takes a convolution before its rounding. */
#include "tests/graph/passes/support.h"

#include <math.h>
#include <stdio.h>

#include "graph/core/dtype.h"

static ig_graph *g, *fast;

static int setup(void **state)
{
    (void)state;
    g = t_graph();
    fast = NULL;
    t_strict_qdq = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    t_free(g);
    t_free(fast);
    return 0;
}
#define T(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

static ig_value_id whole(double v, const char *type)
{
    return t_op1(g, "Cast", type, t_number(g, v));
}
#define U8(v_) whole(v_, "to=2")
#define S8(v_) whole(v_, "to=3")

/* QuantizeLinear, DequantizeLinear with one scale. */
static ig_value_id qdq(ig_value_id v, double scale, ig_value_id zero)
{
    ig_value_id s = t_number(g, scale);
    return t_op3(g, "DequantizeLinear", NULL,
                 t_op3(g, "QuantizeLinear", NULL, v, s, zero), s, zero);
}

/* int8 weights with a scale per index of axis `axis`, which has n. */
static ig_value_id weights(int rank, const int64_t *dims, int axis)
{
    char attrs[32];
    const int64_t n = dims[axis];
    ig_value_id s = t_op2(g, "Mul", NULL, t_positive(g, 1, &n), t_number(g, 0.01));
    ig_value_id z = t_op1(g, "Cast", "to=3", t_filled(g, 0, 1, &n));
    snprintf(attrs, sizeof(attrs), "axis=%d", axis);
    ig_value_id q = t_op3(g, "QuantizeLinear", attrs, t_random(g, rank, dims), s, z);
    return t_op3(g, "DequantizeLinear", attrs, q, s, z);
}

static ig_value_id conv(ig_value_id x, int64_t c, int64_t m, const char *attrs)
{
    ig_value_id w = weights(DIMS(m, c, 3, 3), 0);
    ig_value_id unit = igi_producer(g, w)->in[1]; /* times the scale of x */
    ig_value_id b =
        t_op1(g, "Cast", "to=6",
              t_op2(g, "Mul", NULL, t_random(g, DIMS(m)), t_number(g, 9e3)));
    b = t_op2(g, "DequantizeLinear", "axis=0", b,
              t_op2(g, "Mul", NULL, unit, t_number(g, 0.01)));
    return t_op3(g, "Conv", attrs, x, w, b);
}

static ig_value_id image_of(ig_value_id x)
{
    return qdq(x, 0.01, U8(128));
}

static ig_value_id image(void)
{
    return image_of(t_input(g, "x", DIMS(2, 3, 8, 7)));
}

static void a_quantized_net_runs_on_bytes_in_one_layout(void **state)
{
    (void)state;
    ig_value_id v = conv(image(), 3, 4, "pads=1,1,1,1");
    v = qdq(t_op1(g, "Relu", NULL, v), 0.02, U8(0));
    v = qdq(t_op1(g, "MaxPool", "kernel_shape=2,2", v), 0.02, U8(0));
    v = qdq(conv(v, 4, 5, "strides=2,2"), 0.03, U8(110));
    v = qdq(t_op1(g, "GlobalAveragePool", NULL, v), 0.02, U8(100));
    v = qdq(t_op1(g, "Flatten", NULL, v), 0.02, U8(100));
    v = t_op3(g, "Gemm", "transB=1", v, weights(DIMS(6, 5), 0), t_random(g, DIMS(6)));
    t_output(g, "y", qdq(v, 0.02, U8(120)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::QConv"), 3);
    assert_int_equal(t_count(fast, "ingot::MaxPool"), 1);
    assert_int_equal(t_count(fast, "Conv") + t_count(fast, "Gemm"), 0);
    assert_int_equal(t_count(fast, "Relu") + t_count(fast, "Clip"), 0);
    assert_int_equal(t_count(fast, "Transpose"), 1);
    assert_int_equal(t_count(fast, "QuantizeLinear"), 2); /* the image and the mean */
}

/* Scales of 1 and 1 beside steps of 0.05: a bias of 0.3 was rounded away. */
static void a_bias_finer_than_its_units_stays_a_float(void **state)
{
    (void)state;
    const int64_t four = 4;
    ig_value_id one = t_filled(g, 1, 1, &four), zero;
    zero = t_op1(g, "Cast", "to=3", t_filled(g, 0, 1, &four));
    ig_value_id w =
        t_op3(g, "QuantizeLinear", "axis=0",
              t_op2(g, "Mul", NULL, t_random(g, DIMS(4, 3, 3, 3)), t_number(g, 9)), one,
              zero);
    w = t_op3(g, "DequantizeLinear", "axis=0", w, one, zero);
    ig_value_id x = qdq(t_input(g, "x", DIMS(1, 3, 5, 5)), 1, U8(128));
    ig_value_id y =
        t_op3(g, "Conv", NULL, x, w,
              t_op2(g, "Mul", NULL, t_random(g, DIMS(4)), t_number(g, 0.4)));
    t_output(g, "y", qdq(y, 0.05, U8(128)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::QConv"), 0);
}

static void level_1_leaves_quantized_graphs_to_float32(void **state)
{
    (void)state;
    t_output(g, "y", qdq(conv(image(), 3, 4, NULL), 0.02, U8(128)));
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Conv"), 1);
}

static ig_value_id block(void)
{
    ig_value_id x = image();
    ig_value_id a = qdq(conv(x, 3, 4, "pads=1,1,1,1"), 0.02, U8(128)),
                b = qdq(conv(x, 3, 4, "pads=1,1,1,1"), 0.03, U8(120));
    return qdq(t_op1(g, "Relu", NULL, t_op2(g, "Add", NULL, a, b)), 0.025, U8(3));
}

static void a_sum_takes_the_convolution_before_its_rounding(void **state)
{
    (void)state;
    ig_tensor *want[1], *got[1], *a = NULL, *b = NULL;
    t_output(g, "y", block());
    assert_int_equal(ig_graph_clone(&fast, g), IG_OK);
    t_optimise(fast, 2);
    assert_int_equal(t_count(fast, "ingot::QConv"), 2);
    assert_int_equal(t_count(fast, "ingot::QAdd"), 0);
    t_run(g, want);
    t_run(fast, got);
    assert_int_equal(igi_tensor_contiguous_copy(&a, NULL, got[0]), IG_OK);
    assert_int_equal(igi_tensor_contiguous_copy(&b, NULL, want[0]), IG_OK);
    for (int64_t i = 0; i < ig_tensor_numel(a); i++) {
        float x = ig_tensor_data_f32(a)[i], y = ig_tensor_data_f32(b)[i];
        if (!(fabsf(x - y) <= 1.01f * 0.025f))
            fail_msg("element %d is %g, the file says %g", (int)i, (double)x,
                     (double)y);
    }
    ig_tensor_unref(a);
    ig_tensor_unref(b);
    ig_tensor_unref(want[0]);
    ig_tensor_unref(got[0]);
}

static void strict_qdq_keeps_every_rounding(void **state)
{
    (void)state;
    t_strict_qdq = true;
    t_output(g, "y", block());
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::QConv"), 2);
    const igi_node *sum = t_only(fast, "ingot::QAdd");
    assert_int_equal(igi_attr_int(sum, "low", -1), 3); /* the Relu */
    assert_int_equal(igi_attr_int(sum, "high", -1), 255);
}

static void bounds_of_activations_become_bounds_of_bytes(void **state)
{
    (void)state;
    ig_value_id v = conv(image(), 3, 4, NULL);
    v = t_op3(g, "Clip", NULL, v, t_number(g, -0.5), t_number(g, 1));
    t_output(g, "y", qdq(v, 0.02, S8(-10)));
    fast = t_compare(g, 2);
    const igi_node *n = t_only(fast, "ingot::QConv");
    assert_int_equal(igi_attr_int(n, "low", 0), -35);
    assert_int_equal(igi_attr_int(n, "high", 0), 40);
}

static void products_run_on_bytes(void **state)
{
    (void)state;
    ig_value_id x = qdq(t_input(g, "x", DIMS(2, 3, 8)), 0.01, S8(0));
    ig_value_id v =
        qdq(t_op2(g, "MatMul", NULL, x, weights(DIMS(8, 5), 1)), 0.02, S8(0));
    v = t_op2(g, "MatMul", NULL, v, t_op1(g, "Transpose", "perm=0,2,1", v));
    t_output(g, "y", qdq(v, 0.02, S8(3)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "QLinearMatMul"), 2);
    assert_int_equal(t_count(fast, "MatMul"), 0);
}

static void movement_between_other_scales_is_quantized_again(void **state)
{
    (void)state;
    ig_value_id v = qdq(t_op1(g, "MaxPool", "kernel_shape=2,2", image()), 0.02, U8(7));
    t_output(
        g, "y",
        qdq(t_op2(g, "Reshape", NULL, v, t_ints(g, 1, (int64_t[]){-1})), 0.02, U8(7)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "QuantizeLinear"), 2);
}

static void what_bytes_cannot_say_stays_in_float32(void **state)
{
    (void)state;
    ig_value_id s = t_input(g, "scale", DIMS(1)), x = t_input(g, "x", DIMS(1, 3, 5, 5));
    ig_value_id v = conv(image_of(x), 3, 4, NULL);
    t_output(g, "float", v); /* no QuantizeLinear behind it */
    v = qdq(t_op1(g, "Relu", NULL, conv(image_of(x), 3, 4, NULL)), 0.02, U8(0));
    v = t_op2(g, "Add", NULL, v, qdq(t_random(g, DIMS(4, 1, 1)), 0.01, U8(128)));
    t_output(g, "broadcast", qdq(v, 0.02, U8(0)));
    v = t_op1(g, "Abs", NULL, s);
    ig_value_id q = t_op2(g, "QuantizeLinear", NULL, x, t_op1(g, "Exp", NULL, v));
    t_output(g, "dynamic", t_op2(g, "DequantizeLinear", NULL, q, t_number(g, 0.1)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::QConv"), 1);
    assert_int_equal(t_count(fast, "ingot::QAdd"), 0);
}

/* As many rows as columns: a bias for each row is none for each column. */
static void a_column_is_no_bias(void **state)
{
    (void)state;
    ig_value_id x = qdq(t_input(g, "x", DIMS(4, 4)), 0.01, U8(128));
    ig_value_id v =
        t_op3(g, "Gemm", NULL, x, weights(DIMS(4, 4), 1), t_random(g, DIMS(4, 1)));
    t_output(g, "y", qdq(v, 0.02, U8(128)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "QLinearConv"), 0);
}

static void a_sum_of_unknown_dims_may_broadcast(void **state)
{
    (void)state;
    ig_value_id a = qdq(t_input(g, "a", DIMS(-1)), 0.01, U8(128));
    ig_value_id b = qdq(t_input(g, "b", DIMS(-1)), 0.02, U8(128));
    t_output(g, "y", qdq(t_op2(g, "Add", NULL, a, b), 0.03, U8(128)));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "ingot::QAdd"), 0);
}

/* 70,000 products of 255 and 127 are more than 2^31. */
static void sums_that_an_int32_cannot_hold_stay_float(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(1, 70000));
    x = qdq(t_op2(g, "Add", NULL, x, t_number(g, 100)), 0.01, U8(0));
    ig_value_id w = t_op1(g, "Cast", "to=3", t_filled(g, 127, DIMS(70000, 2)));
    w = t_op3(g, "DequantizeLinear", NULL, w, t_number(g, 0.01), S8(0));
    t_output(g, "y", qdq(t_op2(g, "Gemm", NULL, x, w), 1e4, U8(0)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Gemm") + t_count(fast, "ingot::Linear"), 1);
}

IG_TESTS(T(sums_that_an_int32_cannot_hold_stay_float),
         T(a_quantized_net_runs_on_bytes_in_one_layout),
         T(level_1_leaves_quantized_graphs_to_float32),
         T(a_sum_takes_the_convolution_before_its_rounding),
         T(strict_qdq_keeps_every_rounding),
         T(bounds_of_activations_become_bounds_of_bytes),
         T(products_run_on_bytes),
         T(movement_between_other_scales_is_quantized_again),
         T(what_bytes_cannot_say_stays_in_float32),
         T(a_column_is_no_bias),
         T(a_bias_finer_than_its_units_stays_a_float),
         T(a_sum_of_unknown_dims_may_broadcast))
