/* Models: runs from one and many threads, outputs made and bound, messages. */
#include <pthread.h>

#include "graph/runtime/model.h"
#include "tests/graph/runtime/support.h"

/* y = relu(x + w), and what is made of it. */
static ig_model *add_relu(fixture *f, int level)
{
    ig_model *m = NULL;
    ig_value_id x = input(f->g, "x", 2, TINY_DIMS(dim(f->g, "N"), 4));
    ig_value_id w = constant(f->g, "w", tiny_iota(1, TINY_DIMS(4), -2));
    ig_value_id s = node(f->g, IG_OP(TAdd), "sum", x, w);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TRelu), "act", s, NONE)));
    OK(ig_model_from_graph(&m, f->g, &(ig_model_opts){.threads = 1, .level = level}));
    return m;
}

static void a_model_gives_new_outputs_that_the_caller_owns(void **state)
{
    ig_model *m = add_relu(*state, 0);
    ig_tensor *x = tiny_iota(2, TINY_DIMS(1, 4), 0), *y = NULL, *z = NULL;
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&z), NULL));
    assert_ptr_not_equal(y, z);
    ig_model_free(m); /* outputs outlive the model */
    assert_floats(y, 4, FLOATS(0, 0, 2, 4));
    assert_floats(z, 4, FLOATS(0, 0, 2, 4));
    ig_tensor_unref(x), ig_tensor_unref(y), ig_tensor_unref(z);
}

static void a_model_runs_at_every_level(void **state)
{
    static const int levels[] = {-1, 1, 2};
    for (int i = 0; i < 3; i++) {
        void *s = NULL;
        assert_int_equal(setup(&s), 0);
        ig_model *m = add_relu(s, levels[i]);
        ig_tensor *x = tiny_iota(2, TINY_DIMS(1, 4), 0), *y = NULL;
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
        assert_floats(y, 4, FLOATS(0, 0, 2, 4));
        ig_tensor_unref(x), ig_tensor_unref(y), ig_model_free(m);
        teardown(&s);
    }
    (void)state;
}

static void other_batch_sizes_get_plans_of_their_own(void **state)
{
    ig_model *m = add_relu(*state, 0);
    for (int64_t n = 1; n < 40; n++) { /* more signatures than the cache holds */
        ig_tensor *x = tiny_iota(2, TINY_DIMS(n, 4), 0), *y = NULL;
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
        assert_int_equal(ig_tensor_dim(y, 0), n);
        assert_true(((float *)ig_tensor_data(y))[4 * n - 1] == (float)(4 * n - 1) + 1);
        ig_tensor_unref(x), ig_tensor_unref(y);
    }
    assert_int_equal(m->idle.n, 1);
    assert_int_equal(m->idle.p[0]->n_plans, 8);
    ig_model_free(m);
}

static void a_bound_output_is_written_in_place(void **state)
{
    ig_model *m = add_relu(*state, 0);
    ig_tensor *x = tiny_iota(2, TINY_DIMS(1, 4), 0),
              *y = tiny_iota(2, TINY_DIMS(1, 4), 9);
    ig_tensor *mine = y;
    void *data = ig_tensor_data(y);
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    assert_ptr_equal(y, mine);
    assert_ptr_equal(ig_tensor_data(y), data);
    assert_floats(y, 4, FLOATS(0, 0, 2, 4));
    ig_tensor_unref(x), ig_tensor_unref(y), ig_model_free(m);
}

/* The run wrote where the model goes on to read; the tensor stays the user's to write.
 */
static void an_output_bound_to_a_constant_is_refused_by_name(void **state)
{
    fixture *f = *state;
    ig_model *m = add_relu(f, 0);
    ig_tensor *x = tiny_iota(2, TINY_DIMS(1, 4), 0), *y = NULL,
              *w = ig_graph_value_constant(f->g, ig_graph_find(f->g, "w")),
              *whole = NULL;
    const int64_t dims[] = {1, 4}, strides[] = {4, 1};
    OK(igi_tensor_view(&whole, NULL, w, 2, dims, strides, 0));
    FAILS(IG_INVALID_ARGUMENT, ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&whole), NULL));
    MESSAGE_HAS("output 'y'");
    MESSAGE_HAS("constant 'w'");
    assert_floats(w, 4, FLOATS(-2, -1, 0, 1));
    ((float *)ig_tensor_data(w))[0] = 5;
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    assert_floats(y, 4, FLOATS(5, 0, 2, 4));
    ig_tensor_unref(x), ig_tensor_unref(y), ig_tensor_unref(whole), ig_model_free(m);
}

static void an_output_bound_to_the_input_is_right_too(void **state)
{
    ig_model *m = add_relu(*state, 0);
    ig_tensor *x = tiny_iota(2, TINY_DIMS(1, 4), 0), *y = x;
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    assert_floats(x, 4, FLOATS(0, 0, 2, 4));
    ig_tensor_unref(x), ig_model_free(m);
}

/* Results were copied one by one, from inputs that those before had been copied over.
 */
static void results_that_are_inputs_survive_what_is_bound_to_them(void **state)
{
    fixture *f = *state;
    ig_model *m = NULL;
    ig_value_id a = input(f->g, "a", 1, TINY_DIMS(4)),
                b = input(f->g, "b", 1, TINY_DIMS(4));
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TRelu), "act", a, NONE)));
    OK(ig_graph_output(f->g, "second", b));
    OK(ig_graph_output(f->g, "first", a));
    OK(ig_model_from_graph(&m, f->g, &(ig_model_opts){.threads = 1}));
    ig_tensor *in[] = {tiny_iota(1, TINY_DIMS(4), -2), tiny_iota(1, TINY_DIMS(4), 7)};
    ig_tensor *y = in[0], *kept = NULL, *first = NULL;
    OK(ig_model_run(m, IG_INPUTS(in[0], in[1]), IG_OUTPUTS(&y, &kept, &first), NULL));
    assert_floats(y, 4, FLOATS(0, 0, 0, 1));
    assert_floats(first, 4, FLOATS(-2, -1, 0, 1));
    ig_tensor *left = in[0], *right = in[1], *other = NULL;
    OK(ig_model_run(m, IG_INPUTS(in[0], in[1]), IG_OUTPUTS(&other, &left, &right),
                    NULL));
    assert_floats(in[0], 4, FLOATS(7, 8, 9, 10));
    assert_floats(in[1], 4, FLOATS(0, 0, 0, 1));
    ig_tensor_unref(in[0]), ig_tensor_unref(in[1]), ig_tensor_unref(kept);
    ig_tensor_unref(first), ig_tensor_unref(other), ig_model_free(m);
}

static void a_bound_output_of_another_shape_is_refused_naming_both(void **state)
{
    ig_model *m = add_relu(*state, 0);
    ig_tensor *x = tiny_iota(2, TINY_DIMS(1, 4), 0),
              *y = tiny_iota(2, TINY_DIMS(2, 4), 0);
    FAILS(IG_INVALID_ARGUMENT, ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    MESSAGE_HAS("'y'");
    MESSAGE_HAS("float32[1,4]");
    MESSAGE_HAS("float32[2,4]");
    ig_tensor_unref(x), ig_tensor_unref(y), ig_model_free(m);
}

static void an_input_of_another_shape_or_type_is_refused_naming_both(void **state)
{
    ig_model *m = add_relu(*state, 0);
    ig_tensor *x = tiny_iota(2, TINY_DIMS(1, 5), 0), *y = NULL,
              *i = tiny_ints(1, TINY_DIMS(3));
    FAILS(IG_INVALID_ARGUMENT, ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    MESSAGE_HAS("'x'");
    MESSAGE_HAS("float32[1,5]");
    MESSAGE_HAS("float32[N,4]");
    FAILS(IG_INVALID_ARGUMENT, ig_model_run(m, IG_INPUTS(i), IG_OUTPUTS(&y), NULL));
    MESSAGE_HAS("int64[1]");
    FAILS(IG_INVALID_ARGUMENT, ig_model_run(m, IG_INPUTS(x, x), IG_OUTPUTS(&y), NULL));
    MESSAGE_HAS("takes 1 inputs, 2 given");
    assert_null(y);
    ig_tensor_unref(x), ig_tensor_unref(i), ig_model_free(m);
}

static void symbolic_dims_must_agree_between_inputs(void **state)
{
    fixture *f = *state;
    ig_model *m = NULL;
    int64_t n = dim(f->g, "N");
    ig_value_id a = input(f->g, "a", 1, &n), b = input(f->g, "b", 1, &n);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TAdd), NULL, a, b)));
    OK(ig_model_from_graph(&m, f->g, NULL));
    ig_tensor *p = tiny_iota(1, TINY_DIMS(3), 0), *q = tiny_iota(1, TINY_DIMS(1), 0),
              *y = NULL;
    FAILS(IG_INVALID_ARGUMENT, ig_model_run(m, IG_INPUTS(p, q), IG_OUTPUTS(&y), NULL));
    MESSAGE_HAS("dim 0 of input 'b' is 1");
    MESSAGE_HAS("'a' has set N to 3");
    ig_tensor_unref(p), ig_tensor_unref(q), ig_model_free(m);
}

static void dims_given_as_options_replace_symbols(void **state)
{
    fixture *f = *state;
    ig_model *m = NULL;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(dim(f->g, "N")));
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TRelu), NULL, x, NONE)));
    ig_model_opts o = {.dims = (const char *const[]){"N=4", NULL}};
    OK(ig_model_from_graph(&m, f->g, &o));
    assert_int_equal(ig_type_dims(ig_model_output_type(m, 0))[0], 4);
    ig_model_free(m);
    o.dims = (const char *const[]){"M=4", NULL};
    FAILS(IG_INVALID_ARGUMENT, ig_model_from_graph(&m, f->g, &o));
    MESSAGE_HAS("no symbolic dim 'M'");
    o.dims = (const char *const[]){"N=x", NULL};
    FAILS(IG_INVALID_ARGUMENT, ig_model_from_graph(&m, f->g, &o));
    assert_null(m);
}

static void runs_by_name_take_any_order(void **state)
{
    fixture *f = *state;
    ig_model *m = NULL;
    ig_value_id a = input(f->g, "a", 1, TINY_DIMS(2)),
                b = input(f->g, "b", 1, TINY_DIMS(2));
    OK(ig_graph_output(f->g, "sum", node(f->g, IG_OP(TAdd), NULL, a, b)));
    OK(ig_graph_output(f->g, "twice", node(f->g, IG_OP(TScale), NULL, a, NONE)));
    OK(ig_model_from_graph(&m, f->g, NULL));
    ig_tensor *p = tiny_iota(1, TINY_DIMS(2), 1), *q = tiny_iota(1, TINY_DIMS(2), 10);
    ig_value *in[] = {ig_tensor_value(q), ig_tensor_value(p)}, *out[2] = {0};
    const char *in_names[] = {"b", "a"}, *out_names[] = {"twice", "sum"};
    OK(ig_model_run_values(m, in_names, in, 2, out_names, out, 2, NULL));
    assert_floats(ig_value_tensor(out[0]), 2, FLOATS(2, 4));
    assert_floats(ig_value_tensor(out[1]), 2, FLOATS(11, 13));
    ig_value_unref(out[0]), ig_value_unref(out[1]);
    FAILS(IG_INVALID_ARGUMENT,
          ig_model_run_values(m, in_names, in, 1, out_names, out, 2, NULL));
    MESSAGE_HAS("input 'a' is missing");
    in_names[0] = "c";
    FAILS(IG_NOT_FOUND,
          ig_model_run_values(m, in_names, in, 2, out_names, out, 2, NULL));
    MESSAGE_HAS("no input 'c'");
    ig_tensor_unref(p), ig_tensor_unref(q), ig_model_free(m);
}

static void an_output_that_is_an_input_or_constant_is_a_copy(void **state)
{
    fixture *f = *state;
    ig_model *m = NULL;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(2));
    ig_value_id c = constant(f->g, "c", tiny_iota(1, TINY_DIMS(3), 5));
    OK(ig_graph_output(f->g, "same", x));
    OK(ig_graph_output(f->g, "c", c));
    OK(ig_model_from_graph(&m, f->g, NULL));
    ig_tensor *p = tiny_iota(1, TINY_DIMS(2), 1), *y = NULL, *z = NULL;
    OK(ig_model_run(m, IG_INPUTS(p), IG_OUTPUTS(&y, &z), NULL));
    ((float *)ig_tensor_data(p))[0] = 99;
    ((float *)ig_tensor_data(z))[0] = 99;
    assert_floats(y, 2, FLOATS(1, 2));
    ig_tensor_unref(z), z = NULL, ig_tensor_unref(y), y = NULL;
    OK(ig_model_run(m, IG_INPUTS(p), IG_OUTPUTS(&y, &z), NULL));
    assert_floats(z, 3, FLOATS(5, 6, 7));
    ig_tensor_unref(p), ig_tensor_unref(y), ig_tensor_unref(z), ig_model_free(m);
}

static void an_error_names_the_node_its_operator_and_its_inputs(void **state)
{
    fixture *f = *state;
    ig_model *m = NULL;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(2));
    ig_value_id r = node(f->g, IG_OP(TRelu), "first", x, NONE);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TFail), "culprit", r, NONE)));
    OK(ig_model_from_graph(&m, f->g, NULL));
    ig_tensor *p = tiny_iota(1, TINY_DIMS(2), 1), *y = NULL;
    FAILS(IG_INVALID_ARGUMENT, ig_model_run(m, IG_INPUTS(p), IG_OUTPUTS(&y), NULL));
    MESSAGE_HAS("'culprit' (TFail)");
    MESSAGE_HAS("float32[2]");
    MESSAGE_HAS("index 7 is out of bounds");
    assert_null(y);
    ig_tensor_unref(p), ig_model_free(m);
}

static void the_description_names_ports_operators_and_kernels(void **state)
{
    ig_model *m = add_relu(*state, -1);
    char *json = NULL;
    OK(ig_model_describe(m, &json));
    assert_non_null(strstr(
        json, "{\"name\": \"x\", \"type\": \"float32\", \"shape\": [\"N\", 4]}"));
    assert_non_null(strstr(json, "\"operators\": {\"TAdd\": 1, \"TRelu\": 1}"));
    assert_non_null(strstr(
        json, "{\"name\": \"act\", \"op\": \"TRelu\", \"kernel\": \"reference\"}"));
    assert_non_null(strstr(json, "\"name\": \"sum\", \"op\": \"TAdd\""));
    ig_string_free(json);
    ig_model_free(m);
}

/* ---- threads ---- */

typedef struct job {
    ig_model *m;
    ig_tensor *x;
    int failures;
} job;

static void *run_often(void *p)
{
    job *j = p;
    for (int i = 0; i < 200; i++) {
        ig_tensor *y = NULL;
        float start = (float)(i % 3);
        ig_tensor *x = tiny_iota(2, TINY_DIMS(1 + i % 3, 4), start);
        if (ig_model_run(j->m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL) != IG_OK ||
            ((float *)ig_tensor_data(y))[3] != start + 4)
            j->failures++;
        ig_tensor_unref(y), ig_tensor_unref(x);
    }
    return NULL;
}

static void many_threads_run_one_model(void **state)
{
    ig_model *m = add_relu(*state, 0);
    pthread_t threads[4];
    job jobs[4];
    for (int i = 0; i < 4; i++) {
        jobs[i] = (job){.m = m};
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, &jobs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].failures, 0);
    }
    assert_in_range(m->idle.n, 1, 4);
    ig_model_free(m);
}

IG_TESTS(TEST(a_model_gives_new_outputs_that_the_caller_owns),
         cmocka_unit_test(a_model_runs_at_every_level),
         TEST(other_batch_sizes_get_plans_of_their_own),
         TEST(a_bound_output_is_written_in_place),
         TEST(an_output_bound_to_a_constant_is_refused_by_name),
         TEST(an_output_bound_to_the_input_is_right_too),
         TEST(results_that_are_inputs_survive_what_is_bound_to_them),
         TEST(a_bound_output_of_another_shape_is_refused_naming_both),
         TEST(an_input_of_another_shape_or_type_is_refused_naming_both),
         TEST(symbolic_dims_must_agree_between_inputs),
         TEST(dims_given_as_options_replace_symbols),
         TEST(runs_by_name_take_any_order),
         TEST(an_output_that_is_an_input_or_constant_is_a_copy),
         TEST(an_error_names_the_node_its_operator_and_its_inputs),
         TEST(the_description_names_ports_operators_and_kernels),
         TEST(many_threads_run_one_model))
