#include "tests/graph/passes/fixture.h"

#include <stdio.h>

#include "graph/runtime/invoke.h"

static void a_chain_of_constants_becomes_one(void **state)
{
    (void)state;
    ig_value_id c = t_op2(g, "Add", NULL, t_random(g, DIMS(3)), t_random(g, DIMS(3)));
    c = t_op1(g, "Neg", NULL, t_op1(g, "Exp", NULL, c));
    t_output(g, "y", t_op2(g, "Add", NULL, t_input(g, "x", DIMS(2, 3)), c));
    fast = t_compare(g, 1);
    assert_int_equal(t_nodes(fast), 1);
    assert_int_equal(t_count(fast, "Add"), 1);
}

static void constant_nodes_share_their_tensor(void **state)
{
    (void)state;
    ig_tensor *t = NULL;
    float v[2] = {1, 2};
    assert_int_equal(ig_tensor_new_copy(&t, IG_FLOAT32, 1, &(int64_t){2}, v, sizeof(v)),
                     IG_OK);
    const igi_op *op = igi_registry_find_full(g->reg, "Constant");
    void *attrs = igi_new_attrs(g, op);
    assert_int_equal(igi_attrs_set_tensor(op->def, attrs, "value", t), IG_OK);
    ig_call call = {.op = op->def, .attrs = attrs, .n_out = 1};
    ig_value_id c;
    assert_int_equal(ig_graph_make(g, &call, NULL, &c), IG_OK);
    t_output(g, "y", c);
    t_optimise(g, 1);
    assert_int_equal(t_nodes(g), 0);
    assert_ptr_equal(igi_value_at(g, g->outputs.p[0])->constant->data, t->data);
    igi_attrs_release(op->def, attrs);
    ig_tensor_unref(t);
}

static void shapes_of_known_dims_are_constants_without_evaluation(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(2, 3));
    ig_value_id s = t_op1(g, "Shape", NULL, x);
    s = t_op2(g, "Mul", NULL, s, t_ints(g, DIMS(2, 1)));
    t_output(g, "s", s);
    t_output(g, "n", t_op1(g, "Size", NULL, x));
    igi_pass_opts o = {.struct_size = sizeof(o), .level = 1}; /* no `fold` */
    assert_int_equal(igi_passes_run(g, &o), IG_OK);
    assert_int_equal(t_nodes(g), 0);
    const int64_t *v =
        (const int64_t *)(void *)igi_value_at(g, g->outputs.p[0])->constant->data;
    assert_int_equal(v[0], 4);
    assert_int_equal(v[1], 3);
}

static void a_shape_with_a_symbol_stays(void **state)
{
    (void)state;
    int64_t dims[2] = {0, 3};
    assert_int_equal(ig_graph_dim(g, "N", &dims[0]), IG_OK);
    t_output(g, "s", t_op1(g, "Shape", NULL, t_input(g, "x", 2, dims)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Shape"), 1);
}

/* The size is checked before anything is evaluated. */
static void a_result_over_the_budget_is_not_made(void **state)
{
    (void)state;
    ig_value_id big =
        t_op1(g, "ConstantOfShape", NULL, t_ints(g, DIMS(1000, 1000, 1000)));
    t_output(g, "n", t_op2(g, "ReduceSum", NULL, big, t_ints(g, DIMS(0, 1, 2))));
    t_output(g, "small", t_op1(g, "ConstantOfShape", NULL, t_ints(g, DIMS(2, 2))));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "ConstantOfShape"), 1);
    assert_int_equal(t_count(g, "ReduceSum"), 1);
}

static ig_status must_not_run(void *self,
                              const igi_op *op,
                              const ig_call *call,
                              ig_value *const *in,
                              ig_value **out)
{
    (void)self, (void)op, (void)call, (void)in, (void)out;
    fail_msg("%s was evaluated", op->def->name);
    return IG_OK;
}

static void the_callers_budget_is_kept(void **state)
{
    (void)state;
    t_output(g, "y", t_op1(g, "Exp", NULL, t_random(g, DIMS(100))));
    igi_pass_opts o = {
        .struct_size = sizeof(o), .level = 2, .fold_bytes = 399, .fold = must_not_run};
    assert_int_equal(igi_passes_run(g, &o), IG_OK);
    assert_int_equal(t_count(g, "Exp"), 1);
}

static void all_results_together_have_a_budget(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "y%d", i);
        t_output(g, name, t_op1(g, "ConstantOfShape", NULL, t_ints(g, DIMS(100 + i))));
    }
    igi_invoker v;
    igi_invoker_init(&v, g->reg, NULL, 1);
    igi_pass_opts o = {.struct_size = sizeof(o),
                       .level = 1,
                       .fold_bytes = 480,
                       .fold = (ig_status(*)(void *, const igi_op *, const ig_call *,
                                             ig_value *const *, ig_value **))igi_invoke,
                       .fold_self = &v};
    assert_int_equal(igi_passes_run(g, &o), IG_OK);
    igi_invoker_fini(&v);
    int left = t_count(g, "ConstantOfShape");
    assert_true(left > 8 && left < 20);
}

static void random_nodes_are_never_folded(void **state)
{
    (void)state;
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_new_copy(&t, IG_BOOL, 0, NULL, &(bool){true}, 1), IG_OK);
    ig_value_id yes;
    assert_int_equal(ig_graph_constant(g, NULL, t, &yes), IG_OK);
    ig_tensor_unref(t);
    t_output(g, "y",
             t_op3(g, "Dropout", NULL, t_random(g, DIMS(8)), t_number(g, 0.5), yes));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "Dropout"), 1);
}

static void an_error_in_constants_is_left_for_the_run(void **state)
{
    (void)state;
    t_output(g, "y",
             t_op2(g, "Gather", "axis=0", t_random(g, DIMS(3)), t_ints(g, DIMS(7))));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "Gather"), 1);
}

/* A Reshape whose shape only evaluation knows gets its type after folding. */
static void types_are_inferred_again_when_values_became_known(void **state)
{
    (void)state;
    ig_value_id f = t_filled(g, 3, DIMS(2)), x = t_input(g, "x", DIMS(9));
    ig_value_id shape = t_op1(g, "Cast", "to=7", f);
    t_output(g, "y", t_op1(g, "Relu", NULL, t_op2(g, "Reshape", NULL, x, shape)));
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Cast"), 0);
    const ig_type *t = igi_type_of(fast, fast->outputs.p[0]);
    assert_int_equal(t->rank, 2);
    assert_int_equal(ig_type_dims(t)[1], 3);
}

IG_TESTS(T(a_chain_of_constants_becomes_one),
         T(constant_nodes_share_their_tensor),
         T(shapes_of_known_dims_are_constants_without_evaluation),
         T(a_shape_with_a_symbol_stays),
         T(a_result_over_the_budget_is_not_made),
         T(the_callers_budget_is_kept),
         T(all_results_together_have_a_budget),
         T(random_nodes_are_never_folded),
         T(an_error_in_constants_is_left_for_the_run),
         T(types_are_inferred_again_when_values_became_known))
