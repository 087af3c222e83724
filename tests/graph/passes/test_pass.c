#include "tests/graph/passes/fixture.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/log.h"
#include "graph/runtime/invoke.h"
#include "tests/support/failing_alloc.h"

/* A bit of everything: shapes, a convolution with its norm, a head with Gelu. */
static void build(ig_graph *to)
{
    int64_t dims[4] = {0, 3, 8, 8};
    assert_int_equal(ig_graph_dim(to, "N", &dims[0]), IG_OK);
    ig_value_id v = t_op1(to, "Identity", NULL, t_input(to, "x", 4, dims));
    v = t_op2(to, "Conv", "pads=1,1,1,1", v, t_random(to, DIMS(4, 3, 3, 3)));
    ig_value_id in[5] = {v, t_random(to, DIMS(4)), t_random(to, DIMS(4)),
                         t_random(to, DIMS(4)), t_positive(to, DIMS(4))};
    t_node(to, "BatchNormalization", NULL, in, 5, &v, 1);
    v = t_op1(to, "GlobalAveragePool", NULL, t_op1(to, "Relu", NULL, v));
    ig_value_id rows =
        t_op2(to, "Gather", NULL, t_op1(to, "Shape", NULL, v), t_ints(to, DIMS(0)));
    rows = t_op2(to, "Concat", "axis=0", rows, t_ints(to, DIMS(-1)));
    v = t_op2(to, "Reshape", NULL, v, rows);
    v = t_op2(to, "MatMul", NULL, v, t_random(to, DIMS(4, 6)));
    v = t_op2(to, "Add", NULL, v, t_random(to, DIMS(6)));
    ig_value_id e =
        t_op1(to, "Erf", NULL, t_op2(to, "Div", NULL, v, t_number(to, 1.4142135)));
    e = t_op2(to, "Add", NULL, e, t_number(to, 1));
    e = t_op2(to, "Mul", NULL, t_op2(to, "Mul", NULL, v, e), t_number(to, 0.5));
    t_output(to, "y", e);
}

static void level_zero_leaves_a_graph_as_written(void **state)
{
    (void)state;
    build(g);
    int nodes = t_nodes(g);
    uint64_t generation = g->generation;
    t_optimise(g, 0);
    assert_int_equal(t_nodes(g), nodes);
    assert_true(g->generation == generation);
}

static void level_one_is_exact(void **state)
{
    (void)state;
    build(g);
    fast = t_compare(g, 1);
    assert_int_equal(t_count(fast, "Identity"), 0);
    assert_int_equal(t_count(fast, "BatchNormalization"), 1);
}

static void level_two_fuses_all_of_it(void **state)
{
    (void)state;
    build(g);
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::Conv"), 1);
    assert_int_equal(t_count(fast, "ingot::Linear"), 1);
    assert_int_equal(t_count(fast, "Transpose"), 1);
    assert_int_equal(
        t_count(fast, "Erf") + t_count(fast, "Gelu") + t_count(fast, "Relu"), 0);
}

static void names_of_inputs_and_outputs_survive(void **state)
{
    (void)state;
    build(g);
    t_optimise(g, 2);
    assert_string_equal(igi_value_at(g, g->inputs.p[0])->name, "x");
    assert_string_equal(g->output_names.p[0], "y");
    assert_string_equal(t_only(g, "ingot::Conv")->origin,
                        "Conv_2+BatchNormalization_3+Relu_4");
}

/* Passes add nodes at the end of the order; those that read a weight must still come
 * before the step that overwrites it. */
static void a_training_step_reads_weights_before_it_writes_them(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(3, 4)), w = t_input(g, "w", DIMS(4));
    ig_value_id dw = t_input(g, "dw", DIMS(4)),
                y = t_op2(g, "Sum", NULL, x, w); /* remade */
    ig_value_id in[4] = {w, dw, {0}, t_number(g, 0.1)}, out[1];
    t_node(g, "ingot::SgdStep", NULL, in, 4, out, 1);
    t_output(g, "new", out[0]);
    t_output(g, "y", y);
    t_optimise(g, 2); /* verifies */
    assert_int_equal(t_count(g, "Add"), 1);
    assert_string_equal(igi_node_at(g, g->order.p[g->order.n - 1])->op->def->name,
                        "SgdStep");
}

/* ---- the log ---- */

static char last_line[256];

static void keep_line(const char *channel, const char *text, void *user)
{
    (void)user;
    if (!strcmp(channel, "pass") && strstr(text, "layout"))
        snprintf(last_line, sizeof(last_line), "%s", text);
}

static void each_pass_writes_a_line(void **state)
{
    (void)state;
    build(g);
    ig_log_set(keep_line, NULL);
    t_optimise(g, 2);
    ig_log_set(NULL, NULL);
    assert_non_null(strstr(last_line, "test: layout: "));
}

/* ---- out of memory ---- */

static ig_status clone_and_optimise(void *from)
{
    ig_graph *copy = NULL;
    igi_invoker v;
    ig_status rc = ig_graph_clone(&copy, from);
    if (rc != IG_OK)
        return rc;
    igi_invoker_init(&v, copy->reg, NULL, 1);
    igi_pass_opts o = {.struct_size = sizeof(o),
                       .level = 2,
                       .fold = (ig_status(*)(void *, const igi_op *, const ig_call *,
                                             ig_value *const *, ig_value **))igi_invoke,
                       .fold_self = &v};
    rc = igi_passes_run(copy, &o);
    igi_invoker_fini(&v);
    igi_graph_unref(copy);
    return rc;
}

static void a_failed_allocation_leaks_nothing(void **state)
{
    (void)state;
    t_registry();
    igi_failing_install();
    ig_graph *small = t_graph();
    build(small);
    long live = igi_failing_live();
    int failures = 0;
    for (long n = 0;; n++) {
        igi_failing_at(n, n % 2);
        ig_status rc = clone_and_optimise(small);
        bool hit = igi_failing_hit();
        igi_failing_at(-1, false);
        assert_int_equal(igi_failing_live(), live);
        if (rc != IG_OK)
            assert_int_equal(rc, IG_OUT_OF_MEMORY);
        failures += rc != IG_OK;
        if (!hit)
            break;
    }
    assert_true(failures > 100);
    t_free(small);
    igi_failing_uninstall();
}

IG_TESTS(T(level_zero_leaves_a_graph_as_written),
         T(level_one_is_exact),
         T(level_two_fuses_all_of_it),
         T(names_of_inputs_and_outputs_survive),
         T(a_training_step_reads_weights_before_it_writes_them),
         T(each_pass_writes_a_line),
         cmocka_unit_test(a_failed_allocation_leaks_nothing))
