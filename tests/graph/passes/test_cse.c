#include "tests/graph/passes/fixture.h"

static void equal_chains_merge(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(2, 3)), y[2];
    for (int i = 0; i < 2; i++) {
        y[i] = t_op2(g, "Mul", NULL, x, t_number(g, 0.5)); /* a constant of its own */
        y[i] = t_op1(g, "LeakyRelu", "alpha=0.2", t_op1(g, "Exp", NULL, y[i]));
    }
    t_output(g, "sum", t_op2(g, "Add", NULL, y[0], y[1]));
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 4);
}

static void operands_of_commutative_operators_may_be_swapped(void **state)
{
    (void)state;
    ig_value_id a = t_input(g, "a", DIMS(3)), b = t_input(g, "b", DIMS(3));
    t_output(g, "add", t_op2(g, "Add", NULL, a, b));
    t_output(g, "add2", t_op2(g, "Add", NULL, b, a));
    t_output(g, "sub", t_op2(g, "Sub", NULL, a, b));
    t_output(g, "sub2", t_op2(g, "Sub", NULL, b, a));
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Add"), 1);
    assert_int_equal(t_count(fast, "Sub"), 2);
}

static void other_attributes_are_another_node(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(3, 3));
    t_output(g, "a", t_op1(g, "LeakyRelu", "alpha=0.2", x));
    t_output(g, "b", t_op1(g, "LeakyRelu", "alpha=0.3", x));
    t_output(g, "c", t_op1(g, "Softmax", "axis=0", x));
    t_output(g, "d", t_op1(g, "Softmax", "axis=1", x));
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 4);
}

static void constants_of_another_type_or_shape_stay_apart(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(1));
    t_output(g, "a", t_op2(g, "Add", NULL, x, t_filled(g, 2, DIMS(1))));
    t_output(g, "b", t_op2(g, "Add", NULL, x, t_filled(g, 2, DIMS(1, 1))));
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 2);
}

static void random_nodes_are_never_merged(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(8)),
                on = t_input_of(g, "on", IG_BOOL, 0, NULL);
    ig_value_id p = t_number(g, 0.5);
    t_output(g, "a", t_op3(g, "Dropout", NULL, x, p, on));
    t_output(g, "b", t_op3(g, "Dropout", NULL, x, p, on));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "Dropout"), 2);
}

static void the_survivor_names_both(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(8));
    t_output(g, "a", t_op1(g, "Exp", NULL, x));
    t_output(g, "b", t_op1(g, "Exp", NULL, x));
    t_optimise(g, 1);
    assert_string_equal(t_only(g, "Exp")->origin, "Exp_1+Exp_2");
}

/* Ten thousand nodes: a scan per node would take minutes. */
static void large_graphs_take_linear_time(void **state)
{
    (void)state;
    enum { N = 10000 };
    ig_value_id x = t_input(g, "x", DIMS(4)), v = x;
    for (int i = 0; i < N; i++)
        v = t_op2(g, i % 2 ? "Add" : "Mul", NULL, v, x);
    t_output(g, "y", v);
    igi_pass_opts o = {.struct_size = sizeof(o), .level = 2};
    assert_int_equal(igi_passes_run(g, &o), IG_OK);
    assert_int_equal(t_nodes(g), N);
}

IG_TESTS(T(equal_chains_merge),
         T(operands_of_commutative_operators_may_be_swapped),
         T(other_attributes_are_another_node),
         T(constants_of_another_type_or_shape_stay_apart),
         T(random_nodes_are_never_merged),
         T(the_survivor_names_both),
         T(large_graphs_take_linear_time))
