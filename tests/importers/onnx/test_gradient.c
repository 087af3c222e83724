/* Gradient: what is differentiated, and what is missing. */
#include "tests/importers/onnx/fixture.h"

#include <stdio.h>
#include <string.h>

#define TRAINING "ai.onnx.preview.training"

/* x, y -> w = x y; z = Gradient(inputs; xs, zs, `y`). */
static pb_node *gradient(const char *in, const char *xs, const char *zs, const char *y)
{
    igt_opset(&m, TRAINING, 1);
    igt_frame();
    pb_node *n = igt_node(&m, TRAINING "::Gradient", in, "z");
    igt_node(&m, "Mul", "x y", "w"); /* behind its reader: the file's order is free */
    igt_strings(&m, n, "xs", xs);
    if (*zs)
        igt_strings(&m, n, "zs", zs);
    igt_string(&m, n, "y", y);
    return n;
}

static void the_named_slice_is_differentiated(void **state)
{
    (void)state;
    gradient("x y", "x", "y", "w");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(ig_graph_verify(g), IG_OK);
    assert_string_equal(ig_graph_output_name(g, 0), "z");
    assert_non_null(strstr(igt_ops(g), "Mul(x,y)"));
    const ig_type *t = ig_graph_value_type(g, ig_graph_output_at(g, 0));
    assert_int_equal(t->rank, 2);
    assert_int_equal(ig_type_dims(t)[1], 3);
}

static void an_input_that_nothing_depends_on_has_zeros(void **state)
{
    (void)state;
    gradient("y", "y", "", "x");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_non_null(strstr(igt_ops(g), "Expand"));
}

static void names_that_are_nowhere_are_said(void **state)
{
    (void)state;
    gradient("x y", "x", "why", "w");
    igt_refused(IG_INVALID_GRAPH, "zs names 'why', which is defined nowhere");
}

static void the_target_must_exist(void **state)
{
    (void)state;
    gradient("x", "x", "", "loss");
    igt_refused(IG_INVALID_GRAPH, "y names 'loss', which is defined nowhere");
}

static void the_target_must_be_named(void **state)
{
    (void)state;
    pb_node *n = gradient("x", "x", "", "w");
    n->n_attribute--;
    igt_refused(IG_INVALID_GRAPH, "attribute y is required");
}

static void one_input_for_each_name(void **state)
{
    (void)state;
    gradient("x", "x", "y", "w");
    igt_refused(IG_INVALID_GRAPH, "1 inputs, but xs and zs name 2 values");
}

static void a_name_stands_once(void **state)
{
    (void)state;
    gradient("x x", "x", "x", "w");
    igt_refused(IG_INVALID_GRAPH, "'x' is named twice");
}

static void integers_have_no_gradient(void **state)
{
    (void)state;
    pb_node *n = gradient("i", "i", "", "w");
    igt_input(&m, "i", IG_INT64, 1, (int64_t[]){2});
    (void)n;
    igt_refused(IG_INVALID_GRAPH, "'i' is no tensor of floats");
}

static void inputs_have_the_type_of_what_they_stand_for(void **state)
{
    (void)state;
    gradient("i", "x", "", "w");
    igt_input(&m, "i", IG_INT64, 1, (int64_t[]){2});
    igt_refused(IG_INVALID_GRAPH, "another type than 'x'");
}

static void operators_without_a_gradient_are_named(void **state)
{
    (void)state;
    gradient("x", "x", "", "u");
    igt_init_floats(&m, "scale", 1, (float[]){1});
    igt_node(&m, "DynamicQuantizeLinear", "w", "q s p");
    igt_node(&m, "DequantizeLinear", "q s p", "u");
    igt_refused(IG_UNSUPPORTED, "DequantizeLinear");
}

static void a_target_that_needs_the_derivative_is_a_cycle(void **state)
{
    (void)state;
    gradient("x", "x", "", "v");
    igt_node(&m, "Add", "w z", "v");
    igt_refused(IG_INVALID_GRAPH, "part of a cycle");
}

static void its_domain_must_be_imported(void **state)
{
    (void)state;
    gradient("x", "x", "", "w");
    m.model.n_opset_import--;
    igt_refused(IG_UNSUPPORTED, "Gradient (its domain is not imported)");
}

static void other_attributes_are_refused(void **state)
{
    (void)state;
    igt_int(&m, gradient("x", "x", "", "w"), "order", 2);
    igt_refused(IG_INVALID_GRAPH, "there is no attribute order");
}

static void gradients_of_gradients_meet_the_limit_of_nodes(void **state)
{
    (void)state;
    char y[8] = "w", out[8] = "d0";
    igt_opset(&m, TRAINING, 1);
    igt_frame();
    igt_node(&m, "Sigmoid", "x", "w");
    for (int i = 0; i < 9; i++) {
        out[1] = (char)('0' + i);
        pb_node *n = igt_node(&m, TRAINING "::Gradient", "x", i == 8 ? "z" : out);
        igt_strings(&m, n, "xs", "x");
        igt_string(&m, n, "y", y);
        memcpy(y, out, sizeof(y));
    }
    ig_limits l = {.nodes = 500};
    assert_status(igt_read_limits(&m, &l, &g), IG_LIMIT);
    assert_message("500 nodes with those of gradients");
}

/* ---- training_info: what is wrong with it ---- */

static void read_part(ig_read_part part, int training, ig_status rc, const char *says)
{
    ig_read_opts o = {.registry = igt_registry(), .part = part, .training = training};
    igt_pack(&m);
    igi_source src = {.bytes = m.bytes, .size = m.size};
    ig_graph_free(g);
    assert_status(igi_onnx_read(&g, &src, &o), rc);
    if (rc != IG_OK)
        assert_message(says);
}

/* z = x y with y an initialiser; the algorithm is z -> w. */
static void training(const char *binding)
{
    igt_node(&m, "Neg", "y", "w");
    igt_output(&m, "w", IG_FLOAT32);
    pb_graph *algorithm = igt_take_graph(&m);
    igt_input(&m, "x", IG_FLOAT32, 1, (int64_t[]){2});
    igt_output(&m, "z", IG_FLOAT32);
    igt_init_floats(&m, "y", 2, (float[]){1, 2});
    igt_node(&m, "Mul", "x y", "z");
    igt_training(&m, NULL, "", algorithm, binding);
}

/* Each walks over all of the graph, which has grown by those before. */
static void many_gradients_meet_a_limit(void **state)
{
    (void)state;
    gradient("y", "y", "", "x");
    for (int i = 0; i < 1000; i++) {
        char out[16];
        snprintf(out, sizeof(out), "d%d", i);
        pb_node *n = igt_node(&m, TRAINING "::Gradient", "y", out);
        igt_strings(&m, n, "xs", "y");
        igt_string(&m, n, "y", "x");
    }
    const ig_limits few = {.nodes = 20000};
    assert_int_equal(igt_read_limits(&m, &few, &g), IG_LIMIT);
    assert_message("look at more than 1000000");
}

static void bindings_name_initialisers_and_values(void **state)
{
    (void)state;
    training("x=w");
    read_part(IG_READ_STEP, 0, IG_INVALID_GRAPH,
              "training_info 0: update_binding: 'x' is no initialiser");
    m.model.training_info[0]->update_binding[0]->key = (char *)"y";
    read_part(IG_READ_STEP, 1, IG_NOT_FOUND, "no training_info 1, the model has 1");
    read_part((ig_read_part)7, 0, IG_INVALID_ARGUMENT, "opts->part is 7");
    read_part(IG_READ_STEP, 0, IG_OK, NULL);
    assert_string_equal(igt_ops(g), "Mul(x,y) Neg(y)");
    assert_string_equal(ig_graph_output_name(g, 1), "y.next");
    assert_int_equal(ig_graph_n_outputs(g), 2);
    m.model.training_info[0]->update_binding[0]->value = (char *)"v";
    read_part(IG_READ_STEP, 0, IG_INVALID_GRAPH, "'v' is defined nowhere");
}

static void a_state_is_bound_once_and_keeps_its_type(void **state)
{
    (void)state;
    training("y=w y=w");
    read_part(IG_READ_STEP, 0, IG_INVALID_GRAPH, "'y' is bound twice");
    m.model.training_info[0]->n_update_binding = 1;
    m.model.training_info[0]->algorithm->node[0]->op_type = (char *)"Shape";
    read_part(IG_READ_STEP, 0, IG_INVALID_GRAPH, "another type than the state");
}

static void without_bindings_there_is_nothing_to_train(void **state)
{
    (void)state;
    training("");
    read_part(IG_READ_START, 0, IG_INVALID_GRAPH, "updates and initialises nothing");
}

IG_TESTS(IGT_TEST(the_named_slice_is_differentiated),
         IGT_TEST(an_input_that_nothing_depends_on_has_zeros),
         IGT_TEST(names_that_are_nowhere_are_said),
         IGT_TEST(the_target_must_exist),
         IGT_TEST(the_target_must_be_named),
         IGT_TEST(one_input_for_each_name),
         IGT_TEST(a_name_stands_once),
         IGT_TEST(integers_have_no_gradient),
         IGT_TEST(inputs_have_the_type_of_what_they_stand_for),
         IGT_TEST(operators_without_a_gradient_are_named),
         IGT_TEST(a_target_that_needs_the_derivative_is_a_cycle),
         IGT_TEST(its_domain_must_be_imported),
         IGT_TEST(other_attributes_are_refused),
         IGT_TEST(gradients_of_gradients_meet_the_limit_of_nodes),
         IGT_TEST(many_gradients_meet_a_limit),
         IGT_TEST(bindings_name_initialisers_and_values),
         IGT_TEST(a_state_is_bound_once_and_keeps_its_type),
         IGT_TEST(without_bindings_there_is_nothing_to_train))
