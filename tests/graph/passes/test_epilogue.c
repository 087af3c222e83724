#include <math.h>

#include "tests/graph/passes/fixture.h"

static const char *act_name(const igi_node *n)
{
    const ig_attr_def *row = igi_attr_find(n->op->def, "activation");
    return row->names[igi_attr_int(n, "activation", 0)];
}

static ig_value_id linear_input(void)
{
    return t_input(g, "x", DIMS(2, 3, 5));
}

static ig_value_id product(ig_value_id x)
{
    return t_op2(g, "MatMul", NULL, x, t_random(g, DIMS(5, 4)));
}

static void matmul_bias_activation_residual_are_one(void **state)
{
    (void)state;
    ig_value_id r = t_input(g, "r", DIMS(2, 3, 4));
    ig_value_id y =
        t_op2(g, "Add", NULL, t_random(g, DIMS(4)), product(linear_input()));
    y = t_op2(g, "Add", NULL, y, t_random(g, DIMS(1, 1, 4))); /* a second bias */
    y = t_op2(g, "Add", NULL, r, y);
    t_output(g, "y", t_op1(g, "Gelu", "approximate:tanh", y));
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), 1);
    const igi_node *n = t_only(fast, "ingot::Linear");
    assert_string_equal(act_name(n), "gelu_tanh");
    assert_int_equal(igi_attr_int(n, "residual_after", -1), 0);
    assert_string_equal(n->origin, "MatMul_1+Add_2+Add_3+Add_4+Gelu_5");
}

static void a_residual_after_the_activation_is_told_apart(void **state)
{
    (void)state;
    ig_value_id y = t_op1(g, "LeakyRelu", "alpha=0.3", product(linear_input()));
    y = t_op2(g, "Add", NULL, y, t_input(g, "r", DIMS(2, 3, 4)));
    t_output(g, "y", t_op1(g, "Relu", NULL, y)); /* a second activation stays outside */
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), 2);
    assert_int_equal(igi_attr_int(t_only(fast, "ingot::Linear"), "residual_after", -1),
                     1);
}

static void gemm_becomes_linear(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(3, 5));
    ig_value_id w = t_random(g, DIMS(4, 5)), c = t_random(g, DIMS(1, 4));
    t_output(g, "a", t_op3(g, "Gemm", "transB=1 alpha=0.5 beta=2", x, w, c));
    t_output(g, "b",
             t_op3(g, "Gemm", NULL, x, t_random(g, DIMS(5, 4)),
                   t_input(g, "whole", DIMS(3, 4))));
    t_output(g, "c",
             t_op3(g, "Gemm", NULL, x, t_random(g, DIMS(5, 4)), t_number(g, 0.5)));
    t_output(g, "d", t_op2(g, "Gemm", NULL, x, t_random(g, DIMS(5, 4))));
    t_output(
        g, "e",
        t_op3(g, "Gemm", NULL, x, t_random(g, DIMS(5, 4)), t_input(g, "v", DIMS(4))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::Linear"), 5);
}

/* 0 * NaN is NaN: C and the bound of a Clip are not read as numbers. */
static void nan_that_is_not_read_or_kills_all_keeps_its_meaning(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(3, 5)), w = t_random(g, DIMS(5, 4));
    ig_value_id nan = t_number(g, (double)NAN);
    t_output(g, "gemm", t_op3(g, "Gemm", "beta=0", x, w, nan));
    ig_value_id y = t_op2(g, "MatMul", NULL, x, t_random(g, DIMS(5, 4)));
    t_output(g, "clip", t_op3(g, "Clip", NULL, y, nan, T_NONE));
    fast = t_compare(g, 2);
}

/* A bias of one number was written out for a symbol's columns. */
static void gemm_of_symbolic_columns_stays(void **state)
{
    (void)state;
    int64_t n = 0;
    assert_int_equal(ig_graph_dim(g, "N", &n), IG_OK);
    t_output(g, "y",
             t_op3(g, "Gemm", NULL, t_input(g, "x", DIMS(3, 5)),
                   t_input(g, "w", DIMS(5, n)), t_number(g, 0.5)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Gemm"), 1);
}

/* C may be one number, which Gemm broadcasts. */
static void gemm_of_unknown_columns_stays(void **state)
{
    (void)state;
    t_output(g, "y",
             t_op3(g, "Gemm", NULL, t_input(g, "x", DIMS(3, 5)),
                   t_input(g, "w", DIMS(5, -1)), t_input(g, "c", DIMS(-1))));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "Gemm"), 1);
}

static void gemm_that_linear_cannot_do_stays(void **state)
{
    (void)state;
    ig_value_id w = t_random(g, DIMS(5, 4));
    t_output(g, "a", t_op2(g, "Gemm", "transA=1", t_input(g, "x", DIMS(5, 3)), w));
    ig_value_id x = t_input(g, "z", DIMS(3, 5));
    t_output(g, "b", t_op3(g, "Gemm", NULL, x, w, t_input(g, "column", DIMS(3, 1))));
    t_output(g, "c", t_op2(g, "MatMul", NULL, x, t_input(g, "w", DIMS(5, 2))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::Linear"), 0);
}

static void other_types_stay(void **state)
{
    (void)state;
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_new(&t, IG_FLOAT64, DIMS(5, 4)), IG_OK);
    for (int i = 0; i < 20; i++)
        ((double *)ig_tensor_data(t))[i] = i;
    ig_value_id w;
    assert_int_equal(ig_graph_constant(g, NULL, t, &w), IG_OK);
    ig_tensor_unref(t);
    t_output(g, "y",
             t_op2(g, "MatMul", NULL, t_input_of(g, "x", IG_FLOAT64, DIMS(3, 5)), w));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "MatMul"), 1);
}

static void what_others_read_stays_outside(void **state)
{
    (void)state;
    ig_value_id y = product(linear_input()), z = t_op1(g, "Relu", NULL, y);
    t_output(g, "relu", z);
    t_output(g, "raw", y);
    ig_value_id v = t_op2(g, "MatMul", NULL, z, t_random(g, DIMS(4, 4)));
    t_output(g, "r", t_op1(g, "Relu", NULL, v));
    t_output(g, "e", t_op1(g, "Exp", NULL, v));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Relu"), 2);
}

static void a_residual_that_broadcasts_stays_outside(void **state)
{
    (void)state;
    ig_value_id y = product(linear_input());
    t_output(g, "y", t_op2(g, "Add", NULL, y, t_input(g, "r", DIMS(3, 4))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Add"), 1);
}

static void a_sum_of_two_products_goes_to_the_later(void **state)
{
    (void)state;
    ig_value_id x = linear_input();
    ig_value_id a = product(x), b = product(t_op1(g, "Exp", NULL, x));
    t_output(g, "y", t_op1(g, "Relu", NULL, t_op2(g, "Add", NULL, a, b)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::Linear"), 2);
    assert_int_equal(t_nodes(fast), 3);
}

static void doubling_a_product_is_no_residual(void **state)
{
    (void)state;
    ig_value_id y = product(linear_input());
    t_output(g, "y", t_op2(g, "Add", NULL, y, y));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Add"), 1);
}

static void gates_fuse(void **state)
{
    (void)state;
    ig_value_id x = linear_input(), y = product(x);
    t_output(g, "silu", t_op2(g, "Mul", NULL, t_op1(g, "Sigmoid", NULL, y), y));
    y = product(x);
    ig_value_id c = t_op2(g, "Add", NULL, t_number(g, 3), y);
    c = t_op3(g, "Clip", NULL, c, t_number(g, 0), t_number(g, 6));
    c = t_op2(g, "Div", NULL, t_op2(g, "Mul", NULL, y, c), t_number(g, 6));
    t_output(g, "hard_swish", c);
    y = product(x);
    t_output(g, "clip", t_op3(g, "Clip", NULL, y, t_number(g, -0.1), T_NONE));
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), 3);
}

static void a_gate_that_others_read_stays(void **state)
{
    (void)state;
    ig_value_id x = linear_input(), y = product(x), s = t_op1(g, "Sigmoid", NULL, y);
    t_output(g, "silu", t_op2(g, "Mul", NULL, s, y));
    t_output(g, "gate", s);
    y = product(x);
    t_output(g, "no_gate", t_op2(g, "Mul", NULL, t_op1(g, "Sigmoid", NULL, x), x));
    ig_value_id c = t_op2(g, "Add", NULL, t_number(g, 3), y);
    c = t_op3(g, "Clip", NULL, c, t_number(g, 0), t_number(g, 5));
    t_output(g, "five",
             t_op2(g, "Div", NULL, t_op2(g, "Mul", NULL, y, c), t_number(g, 6)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Sigmoid"), 2);
    assert_int_equal(t_count(fast, "Clip"), 1);
}

IG_TESTS(T(matmul_bias_activation_residual_are_one),
         T(a_residual_after_the_activation_is_told_apart),
         T(gemm_becomes_linear),
         T(nan_that_is_not_read_or_kills_all_keeps_its_meaning),
         T(gemm_of_symbolic_columns_stays),
         T(gemm_of_unknown_columns_stays),
         T(gemm_that_linear_cannot_do_stays),
         T(other_types_stay),
         T(what_others_read_stays_outside),
         T(a_residual_that_broadcasts_stays_outside),
         T(a_sum_of_two_products_goes_to_the_later),
         T(doubling_a_product_is_no_residual),
         T(gates_fuse),
         T(a_gate_that_others_read_stays))
