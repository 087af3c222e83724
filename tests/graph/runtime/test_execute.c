/* Execution: teams, barriers, branches, failures, cancellation, deadlines, limits,
 * profiles. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "graph/runtime/model.h"
#include "graph/runtime/profile.h"
#include "tests/graph/runtime/support.h"

#define LARGE 40000

/* relu -> team add -> relu -> team add, over LARGE elements. */
static ig_model *large_chain(fixture *f, int threads)
{
    ig_model *m = NULL;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(LARGE)), v = x;
    for (int i = 0; i < 4; i++)
        v = node(f->g, IG_OP(TAdd), NULL, node(f->g, IG_OP(TRelu), NULL, v, NONE), x);
    OK(ig_graph_output(f->g, "y", v));
    OK(ig_model_from_graph(&m, f->g,
                           &(ig_model_opts){.threads = threads, .level = -1}));
    return m;
}

static ig_tensor *run_large(ig_model *m, ig_status want)
{
    ig_tensor *x = tiny_iota(1, TINY_DIMS(LARGE), 1), *y = NULL;
    ig_status rc = ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL);
    if (rc != want)
        fail_msg("%s", ig_error_message());
    ig_tensor_unref(x);
    return y;
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    ig_tensor *first = NULL;
    for (int threads = 1; threads <= 4; threads++) {
        void *s = NULL;
        assert_int_equal(setup(&s), 0);
        ig_model *m = large_chain(s, threads);
        for (int i = 0; i < 5; i++) {
            ig_tensor *y = run_large(m, IG_OK);
            if (!first)
                first = ig_tensor_ref(y);
            assert_memory_equal(ig_tensor_data(y), ig_tensor_data(first), LARGE * 4);
            ig_tensor_unref(y);
        }
        const igi_plan *p = m->idle.p[0]->last;
        assert_int_equal(p->has_team, threads > 1);
        assert_string_equal(p->step[1].kernel->name, threads > 1 ? "team" : "fast");
        ig_model_free(m);
        teardown(&s);
    }
    assert_true(((float *)ig_tensor_data(first))[10] == 55);
    ig_tensor_unref(first);
}

static void
a_failure_inside_a_team_segment_ends_the_run_and_names_the_node(void **state)
{
    fixture *f = *state;
    ig_model *m = NULL;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(LARGE));
    ig_value_id a = node(f->g, IG_OP(TAdd), NULL, x, x);
    ig_value_id b = node(f->g, IG_OP(TFail), "culprit", a, NONE);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TAdd), NULL, b, x)));
    OK(ig_model_from_graph(&m, f->g, &(ig_model_opts){.threads = 3, .level = -1}));
    for (int i = 0; i < 10; i++) {
        run_large(m, IG_INVALID_ARGUMENT);
        MESSAGE_HAS("'culprit' (TFail)");
    }
    ig_model_free(m);
}

static void independent_branches_run_side_by_side(void **state)
{
    fixture *f = *state;
    ig_net *net = NULL;
    igi_instance *x = NULL;
    igi_plan *p = NULL;
    ig_value_id in = input(f->g, "x", 1, TINY_DIMS(8)), ends[2];
    for (int b = 0; b < 2; b++) {
        ends[b] = in;
        for (int i = 0; i < 5; i++)
            ends[b] = node(f->g, IG_OP(TScale), NULL, ends[b], NONE);
    }
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TAdd), NULL, ends[0], ends[1])));
    OK(ig_net_new(
        &net, f->g, NULL,
        &(ig_net_opts){.threads = 2, .parallel_branches = true, .level = -1}));
    OK(igi_instance_new(&x, net));
    ig_tensor *t = tiny_iota(1, TINY_DIMS(8), 1);
    ig_value *values[] = {ig_tensor_value(t)}, *out[1] = {NULL};
    OK(igi_instance_run(x, values, out, 1, NULL));
    p = x->last;
    OK(igi_plan_check(p));
    int on[2] = {0}, barriers = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        on[p->step[i].who]++;
        barriers += p->step[i].barrier;
    }
    assert_int_equal(on[0], 6);
    assert_int_equal(on[1], 5);
    assert_int_equal(barriers, 1); /* before the sum: chains do not meet inside */
    assert_true(((float *)ig_tensor_data(ig_value_tensor(out[0])))[7] == 2 * 8 * 32);
    ig_value_unref(out[0]), ig_tensor_unref(t);
    igi_instance_free(x), ig_net_free(net);
}

static void a_cancelled_run_stops(void **state)
{
    fixture *f = *state;
    for (int threads = 1; threads < 4; threads += 2) {
        void *s = NULL;
        assert_int_equal(setup(&s), 0);
        ig_model *m = large_chain(s, threads);
        volatile int cancel = 1;
        ig_tensor *x = tiny_iota(1, TINY_DIMS(LARGE), 1), *y = NULL;
        FAILS(IG_CANCELLED, ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                                         &(ig_run_opts){.cancel = &cancel}));
        cancel = 0;
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                        &(ig_run_opts){.cancel = &cancel}));
        ig_tensor_unref(x), ig_tensor_unref(y), ig_model_free(m);
        teardown(&s);
    }
    (void)f;
}

static void a_passed_deadline_stops_the_run(void **state)
{
    ig_model *m = large_chain(*state, 2);
    ig_tensor *x = tiny_iota(1, TINY_DIMS(LARGE), 1), *y = NULL;
    FAILS(IG_DEADLINE, ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                                    &(ig_run_opts){.deadline_s = 1e-9}));
    MESSAGE_HAS("1e-09 s");
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                    &(ig_run_opts){.deadline_s = 1000}));
    const double passed[] = {-1, -1e12, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++)
        FAILS(IG_DEADLINE, ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                                        &(ig_run_opts){.deadline_s = passed[i]}));
    ig_tensor_unref(x), ig_tensor_unref(y), ig_model_free(m);
}

static void outputs_made_before_a_failure_are_taken_back(void **state)
{
    enum { MANY = 100 };
    fixture *f = *state;
    ig_net *net = NULL;
    igi_instance *x = NULL;
    char name[16];
    ig_value_id in = input(f->g, "x", 1, TINY_DIMS(8));
    for (int j = 0; j < MANY - 1; j++) {
        snprintf(name, sizeof(name), "y%d", j);
        OK(ig_graph_output(f->g, name, node(f->g, IG_OP(TScale), NULL, in, NONE)));
    }
    OK(ig_graph_output(f->g, "z", node(f->g, IG_OP(TCompress), NULL, in, NONE)));
    OK(ig_net_new(&net, f->g, NULL, &(ig_net_opts){.threads = 1, .level = -1}));
    OK(igi_instance_new(&x, net));
    ig_tensor *t = tiny_iota(1, TINY_DIMS(8), 1);
    ig_tensor *small = tiny_iota(1, TINY_DIMS(3), 1); /* 8 elements are found */
    ig_value *values[] = {ig_tensor_value(t)}, *out[MANY] = {NULL};
    out[MANY - 1] = ig_tensor_value(small);
    FAILS(IG_INVALID_ARGUMENT, igi_instance_run(x, values, out, MANY, NULL));
    MESSAGE_HAS("output 'z'");
    for (int j = 0; j < MANY - 1; j++)
        assert_null(out[j]);
    assert_ptr_equal(out[MANY - 1], ig_tensor_value(small));
    ig_tensor_unref(small), ig_tensor_unref(t);
    igi_instance_free(x), ig_net_free(net);
}

static void limits_on_memory_name_the_limit(void **state)
{
    ig_model *m = large_chain(*state, 1);
    ig_tensor *x = tiny_iota(1, TINY_DIMS(LARGE), 1), *y = NULL;
    ig_run_opts o = {.limits = {.memory_bytes = 1000}};
    FAILS(IG_LIMIT, ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), &o));
    MESSAGE_HAS("memory_bytes");
    ig_tensor_unref(x), ig_model_free(m);
}

static void a_limit_on_tensors_names_the_value(void **state)
{
    fixture *f = *state;
    ig_model *m = NULL;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(LARGE));
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TRelu), NULL, x, NONE)));
    OK(ig_model_from_graph(&m, f->g,
                           &(ig_model_opts){.limits = {.tensor_bytes = 1000}}));
    run_large(m, IG_LIMIT);
    MESSAGE_HAS("tensor_bytes");
    ig_model_free(m);
}

static void a_run_may_tighten_the_limit_on_tensors(void **state)
{
    ig_model *m = large_chain(*state, 2);
    const ig_run_opts tight = {.limits = {.tensor_bytes = 1000}};
    ig_tensor *x = tiny_iota(1, TINY_DIMS(LARGE), 1), *y = NULL;
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL)); /* the plan is kept */
    ig_tensor_unref(y);
    y = NULL;
    assert_int_equal(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), &tight), IG_LIMIT);
    MESSAGE_HAS("tensor_bytes of 1000");
    ig_tensor_unref(x), ig_model_free(m);
}

static void a_profile_is_a_chrome_trace_with_a_summary(void **state)
{
    ig_model *m = large_chain(*state, 2);
    char path[] = "/tmp/ingot_profile_XXXXXX", text[20000] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    ig_tensor *x = tiny_iota(1, TINY_DIMS(LARGE), 1), *y = NULL;
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), &(ig_run_opts){.profile = path}));
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    unlink(path);
    assert_true(n > 0);
    assert_non_null(strstr(text, "\"traceEvents\": ["));
    assert_non_null(strstr(text, "\"kernel\": \"team\""));
    assert_non_null(strstr(text, "\"inputs\": \"float32[40000], float32[40000]\""));
    assert_non_null(
        strstr(text, "{\"op\": \"TAdd\", \"kernel\": \"team\", \"count\": 4"));
    FAILS(IG_IO, ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                              &(ig_run_opts){.profile = "/nowhere/at/all"}));
    MESSAGE_HAS("/nowhere/at/all");
    ig_tensor_unref(x), ig_tensor_unref(y), ig_model_free(m);
}

static void random_nodes_repeat_with_the_seed(void **state)
{
    fixture *f = *state;
    ig_model *m = NULL;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(4));
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TRandom), NULL, x, NONE)));
    OK(ig_model_from_graph(&m, f->g, NULL));
    ig_tensor *t = tiny_iota(1, TINY_DIMS(4), 0), *a = NULL, *b = NULL, *c = NULL;
    OK(ig_model_run(m, IG_INPUTS(t), IG_OUTPUTS(&a), &(ig_run_opts){.seed = 5}));
    OK(ig_model_run(m, IG_INPUTS(t), IG_OUTPUTS(&b), &(ig_run_opts){.seed = 5}));
    OK(ig_model_run(m, IG_INPUTS(t), IG_OUTPUTS(&c), &(ig_run_opts){.seed = 6}));
    assert_memory_equal(ig_tensor_data(a), ig_tensor_data(b), 16);
    assert_memory_not_equal(ig_tensor_data(a), ig_tensor_data(c), 16);
    ig_tensor_unref(a), ig_tensor_unref(b), ig_tensor_unref(c), ig_tensor_unref(t);
    ig_model_free(m);
}

IG_TESTS(cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
         TEST(a_failure_inside_a_team_segment_ends_the_run_and_names_the_node),
         TEST(independent_branches_run_side_by_side),
         TEST(a_cancelled_run_stops),
         TEST(a_passed_deadline_stops_the_run),
         TEST(outputs_made_before_a_failure_are_taken_back),
         TEST(limits_on_memory_name_the_limit),
         TEST(a_limit_on_tensors_names_the_value),
         TEST(a_run_may_tighten_the_limit_on_tensors),
         TEST(a_profile_is_a_chrome_trace_with_a_summary),
         TEST(random_nodes_repeat_with_the_seed))
