/* Traces: fixed ones, escapes, errors, what is kept. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/frontend_c/trace_support.h"

/* ---- fixed ---- */

static ig_tensor *plain(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_softmax(k, ig_mul_scalar(k, ig_transpose(k, in[0], 0, 1), 2), -1);
}

static void a_fixed_trace_computes_what_the_function_does(void **state)
{
    (void)state;
    ig_tensor *x = RANDOM(3, 4);
    trace_of(plain, NULL, x, NULL);
    FINE();
    assert_type(ig_graph_input_at(g, 0), "float64[3,4]");
    assert_type(ig_graph_output_at(g, 0), "float64[4,3]");
    assert_string_equal(ig_graph_output_name(g, 0), "y");
    check_at(plain, NULL, RANDOM(3, 4));
    assert_int_equal(ig_graph_verify(g), IG_OK);
}

static ig_status pair(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    out[0] = ig_add(k, in[0], in[1]);
    out[1] = ig_mul(k, in[0], in[1]);
    return IG_OK;
}

static void several_inputs_and_outputs_keep_their_names(void **state)
{
    (void)state;
    ig_trace_opts o = {.inputs = {{"a", RANDOM(2)}, {"b", RANDOM(2)}},
                       .outputs = {"sum", "product"},
                       .name = "pair"};
    g = ig_trace_n(c, pair, NULL, 2, &o);
    FINE();
    assert_string_equal(ig_graph_name(g), "pair");
    assert_true(ig_graph_find(g, "b").i == ig_graph_input_at(g, 1).i);
    assert_string_equal(ig_graph_output_name(g, 1), "product");
}

static void a_traced_node_knows_its_line(void **state)
{
    (void)state;
    trace_of(plain, NULL, RANDOM(3, 4), NULL);
    FINE();
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    int nodes = 0;
    for (; ig_node_next(&it, &n); nodes++)
        assert_non_null(strstr(igi_node_at(g, n)->where, "test_trace.c:"));
    assert_int_equal(nodes, 3);
}

static ig_tensor *in_place(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *h = ig_mul_scalar(k, in[0], 2), *before = ig_neg(k, h);
    ig_add_(k, h, in[0]);
    return ig_mul(k, h, before);
}

static void in_place_calls_become_functional(void **state)
{
    (void)state;
    ig_tensor *x = RANDOM(2, 3);
    trace_of(in_place, NULL, x, NULL);
    FINE();
    check_at(in_place, NULL, RANDOM(2, 3));
}

static ig_tensor *written_under_a_view(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *h = ig_mul_scalar(k, in[0], 2), *v = ig_reshape(k, h, IG_SHAPE(-1));
    ig_add_(k, h, in[0]);
    return ig_neg(k, v);
}

static void a_view_shows_what_was_written_to_its_base(void **state)
{
    (void)state;
    trace_of(written_under_a_view, NULL, RANDOM(2, 3), NULL);
    FINE();
    check_at(written_under_a_view, NULL, RANDOM(2, 3));
}

static ig_tensor *recorded(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *y = NULL, *dx = NULL, *x = in[0];
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    (void)ig_requires_grad(k, x, true);
    y = ig_sum(k, ig_mul(k, ig_tanh(k, x), x), IG_ALL, false);
    (void)ig_grad(k, &y, 1, &x, 1, &dx, NULL);
    ig_grad_mode_restore(&mode);
    return dx;
}

static void a_backward_inside_a_trace_keeps_its_activations(void **state)
{
    (void)state;
    trace_of(recorded, NULL, RANDOM(2, 3), NULL);
    FINE();
    check_at(recorded, NULL, RANDOM(2, 3));
    check_at(recorded, NULL, RANDOM(2, 3));
}

/* ---- escapes ---- */

static ig_tensor *reads_item(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    double v =
        ig_item(k, ig_sum(k, in[0], IG_ALL, false)); /* line of the first escape */
    double w = ig_item(k, ig_mean(k, in[0], IG_ALL, false));
    return ig_mul_scalar(k, in[0], v + w);
}

static void values_that_escape_are_listed_with_their_lines(void **state)
{
    (void)state;
    trace_of(reads_item, NULL, RANDOM(3), NULL);
    assert_null(g);
    const char *first = strstr(ig_ctx_message(c), "test_trace.c:"),
               *text = ig_ctx_message(c);
    assert_non_null(first);
    assert_non_null(strstr(text, "2 value(s)"));
    int lines = 0;
    for (const char *p = text; (p = strstr(p, ": the value of a tensor")); p++)
        lines++;
    assert_int_equal(lines, 2);
    FAILED("ig_item_constant");
}

static ig_tensor *draws(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_add(k, in[0], ig_randn(k, IG_FLOAT64, IG_SHAPE(3)));
}

static void a_random_draw_outside_an_operator_escapes(void **state)
{
    (void)state;
    trace_of(draws, NULL, RANDOM(3), NULL);
    assert_null(g);
    FAILED("test_trace.c", "a random draw");
}

static ig_tensor *points(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    const double *p = ig_tensor_data(ig_neg(k, in[0]));
    return ig_mul_scalar(k, in[0], p[0]);
}

static void a_data_pointer_escapes(void **state)
{
    (void)state;
    trace_of(points, NULL, RANDOM(3), NULL);
    assert_null(g);
    FAILED("ig_tensor_data", "float64[3]");
}

static ig_tensor *changes_outside(ig_ctx *k, ig_tensor *const *in, void *user)
{
    return ig_mul(k, in[0], ig_add_(k, user, in[0]));
}

static void a_tensor_from_outside_must_not_be_changed_in_place(void **state)
{
    (void)state;
    trace_of(changes_outside, vec(3, D(1, 2, 3)), RANDOM(3), NULL);
    assert_null(g);
    FAILED("Add", "outside the trace", "test_trace.c");
}

static ig_tensor *typed_pointer(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_mul_scalar(k, in[0], ig_tensor_data_f64(in[0])[0]);
}

static void a_typed_data_pointer_escapes(void **state)
{
    (void)state;
    trace_of(typed_pointer, NULL, RANDOM(3), NULL);
    assert_null(g);
    FAILED("a pointer into", "float64[3]");
}

static ig_tensor *constant_item(ig_ctx *k, ig_tensor *const *in, void *user)
{
    return ig_mul_scalar(k, in[0], ig_item_constant(k, user));
}

static void an_accepted_constant_and_a_value_from_outside_do_not_escape(void **state)
{
    (void)state;
    trace_of(constant_item, vec(1, D(3)), RANDOM(3), NULL);
    FINE();
    assert_non_null(g);
}

static ig_tensor *literal_item(ig_ctx *k, ig_tensor *const *in, void *user)
{
    return ig_mul_scalar(k, in[0], ig_item(k, user));
}

static void the_value_of_a_tensor_from_outside_is_a_constant_anyway(void **state)
{
    (void)state;
    trace_of(literal_item, vec(1, D(3)), RANDOM(3), NULL);
    FINE();
}

/* ---- errors ---- */

static ig_tensor *fails_inside(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_matmul(k, in[0], in[0]);
}

static void an_error_inside_is_the_traces_error(void **state)
{
    (void)state;
    trace_of(fails_inside, NULL, RANDOM(3, 2), NULL);
    assert_null(g);
    FAILED("MatMul", "test_trace.c");
    assert_null(c->trace);
    assert_non_null(ig_neg(c, RANDOM(2)));
}

static ig_tensor *gives_nothing(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)k;
    (void)in;
    (void)user;
    return NULL;
}

static void a_missing_result_is_named(void **state)
{
    (void)state;
    trace_of(gives_nothing, NULL, RANDOM(3), NULL);
    assert_null(g);
    FAILED("result number 0");
}

static void bad_texts_of_dynamic_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "z: N",    "x N",        "x: ",      "x: N,6,7", "x: N",
        "x: 5, 6", "x: N,6; x:", "x: N,6 y", ";"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        trace_of(plain, NULL, RANDOM(4, 6), bad[i]);
        assert_null(g);
        FAILED("dynamic");
    }
}

/* ---- what is kept ---- */

static void self_test_vectors_hold_the_example(void **state)
{
    (void)state;
    ig_tensor *x = RANDOM(4, 6), *w[3] = {RANDOM(5, 6), RANDOM(5), RANDOM(2, 5)};
    trace_of(mlp, w, x, "x: N,6");
    FINE();
    assert_int_equal(g->self_test.n, 2);
    assert_memory_equal(((ig_tensor *)g->self_test.p[0])->data, x->data,
                        24 * sizeof(double));
    ig_tensor *want = mlp(c, &x, w);
    assert_memory_equal(((ig_tensor *)g->self_test.p[1])->data, want->data,
                        8 * sizeof(double));
    ig_graph_free(g);
    ig_trace_opts o = options(x, NULL);
    o.no_self_test = true;
    g = ig_trace(c, mlp, w, &o);
    assert_int_equal(g->self_test.n, 0);
}

static ig_tensor *module_forward(ig_ctx *k, ig_tensor *const *in, void *user)
{
    return ig_nn_linear_apply(k, user, in[0]);
}

static void parameters_are_constants_under_their_modules_names(void **state)
{
    (void)state;
    ig_module *m = ig_module_new(c, "net");
    ig_nn_linear *fc = ig_nn_linear_new(ig_module_child(m, "head"), "fc", 6, 2,
                                        &(ig_nn_linear_opts){.dtype = IG_FLOAT64});
    trace_of(module_forward, fc, RANDOM(4, 6), "x: N,6");
    FINE();
    ig_tensor *w = ig_graph_value_constant(g, ig_graph_find(g, "head.fc.weight"));
    ig_tensor *b = ig_graph_value_constant(g, ig_graph_find(g, "head.fc.bias"));
    assert_non_null(w);
    assert_non_null(b);
    assert_memory_equal(w->data, fc->weight->data, 12 * sizeof(double));
    assert_ptr_not_equal(w->data, fc->weight->data); /* a copy: training may go on */
    ig_module_free(m);
}

static ig_tensor *a_view_from_before(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *t = ig_mul_scalar(k, in[0], 1), *v = ig_slice(k, t, 0, 0, 1, 1);
    (void)user;
    (void)ig_mul_(k, t, ig_scalar(k, IG_FLOAT64, 3));
    return v;
}

static ig_tensor *detached_after_a_write(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *t = ig_mul_scalar(k, in[0], 2), *v = ig_detach(k, t);
    (void)user;
    (void)ig_fill_(k, t, 7);
    return ig_detach(k, v);
}

static ig_tensor *a_detached_literal(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *one = ig_full(k, IG_FLOAT64, IG_SHAPE(3), 1), *d = ig_detach(k, one);
    (void)user;
    (void)ig_add_(k, d, d);
    return ig_mul(k, in[0], ig_add(k, one, d));
}

static void a_result_that_is_a_view_shows_what_was_written(void **state)
{
    (void)state;
    trace_of(a_view_from_before, NULL, RANDOM(2, 3), NULL);
    FINE();
    check_at(a_view_from_before, NULL, RANDOM(2, 3));
    ig_graph_free(g);
    trace_of(detached_after_a_write, NULL, RANDOM(2, 3), NULL);
    FINE();
    check_at(detached_after_a_write, NULL, RANDOM(2, 3));
}

static void a_write_through_a_detached_literal_counts_once(void **state)
{
    (void)state;
    trace_of(a_detached_literal, NULL, RANDOM(2, 3), NULL);
    FINE();
    check_at(a_detached_literal, NULL, RANDOM(2, 3));
}

IG_TESTS(TRACE_TEST(a_fixed_trace_computes_what_the_function_does),
         TRACE_TEST(several_inputs_and_outputs_keep_their_names),
         TRACE_TEST(a_traced_node_knows_its_line),
         TRACE_TEST(in_place_calls_become_functional),
         TRACE_TEST(a_view_shows_what_was_written_to_its_base),
         TRACE_TEST(a_result_that_is_a_view_shows_what_was_written),
         TRACE_TEST(a_write_through_a_detached_literal_counts_once),
         TRACE_TEST(a_backward_inside_a_trace_keeps_its_activations),
         TRACE_TEST(values_that_escape_are_listed_with_their_lines),
         TRACE_TEST(a_random_draw_outside_an_operator_escapes),
         TRACE_TEST(a_data_pointer_escapes),
         TRACE_TEST(a_typed_data_pointer_escapes),
         TRACE_TEST(a_tensor_from_outside_must_not_be_changed_in_place),
         TRACE_TEST(an_accepted_constant_and_a_value_from_outside_do_not_escape),
         TRACE_TEST(the_value_of_a_tensor_from_outside_is_a_constant_anyway),
         TRACE_TEST(an_error_inside_is_the_traces_error),
         TRACE_TEST(a_missing_result_is_named),
         TRACE_TEST(bad_texts_of_dynamic_are_refused),
         TRACE_TEST(self_test_vectors_hold_the_example),
         TRACE_TEST(parameters_are_constants_under_their_modules_names))
