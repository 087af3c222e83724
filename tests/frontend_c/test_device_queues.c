/* Devices where things meet: memory over two queues, threads, odd addresses, what
 * cannot be kept; on "host-gpu", as test_device. */
#include "graph/core/queue.h"
#include "graph/runtime/capture.h"
#include "graph/runtime/model.h"
#include "graph/runtime/net.h"
#include "graph/runtime/plan.h"
#include "tests/frontend_c/device_support.h"

static ig_tensor *chain(ig_ctx *t, ig_tensor *const *in, void *user)
{
    ig_tensor *h = ig_tanh(t, ig_add(t, in[0], user));
    return ig_mul(t, h, ig_sum(t, h, 1, true));
}

/* Two queues: the net's and the context's. */
static ig_model *staying(ig_tensor *x)
{
    ig_tensor *w = numbers(c, 3, 5, 0.1f);
    ig_graph *g = ig_trace(c, chain, w, &(ig_trace_opts){.inputs = {{"x", x}}});
    ig_model *m;
    FINE();
    OK(ig_model_from_graph(&m, g,
                           &(ig_model_opts){.registry = reg,
                                            .device = "host-gpu",
                                            .keep_on_device = true}));
    ig_graph_free(g);
    return m;
}

/* Memory goes back to the queue that it came from while work of another queue over it
 * is on its way. */
static void results_of_nets_are_given_back_while_read(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 3, 5, 0.5f), *w = numbers(c, 3, 5, 0.1f), *y = NULL;
    ig_tensor *want = ig_tanh(c, chain(c, &x, w)), *got[3];
    ig_model *there = staying(x);
    for (int i = 0; i < 3; i++) {
        OK(ig_model_run(there, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
        got[i] = ig_tanh(c, y);
        ig_tensor_unref(y), y = NULL;
    }
    ig_model_free(there);
    for (int i = 0; i < 3; i++)
        same(got[i], want, 1e-6);
    FINE();
}

/* Memory that a net may write straight into was given back while the context's work
 * read it, and asked for again. */
static void bound_outputs_wait_for_their_queue(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 3, 5, 0.5f), *w = numbers(c, 3, 5, 0.1f);
    ig_tensor *want = chain(c, &x, w), *there, *read, *y;
    ig_model *m = staying(x);
    y = ig_to(c, numbers(c, 3, 5, 7), "host-gpu");
    there = ig_add(c, y, y); /* on its way into the memory that is bound below */
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&there), NULL));
    read = ig_tanh(c, there);
    same(there, want, 1e-6);
    same(read, ig_tanh(c, want), 1e-6);
    ig_model_free(m);
    FINE();
}

/* Contexts have a queue each; what one wrote for the other is there when it is asked.
 */
static void contexts_write_for_each_other(void **state)
{
    (void)state;
    ig_ctx *d;
    OK(ig_ctx_new(&d, &(ig_ctx_opts){.registry = reg}));
    ig_tensor *x = numbers(c, 3, 5, 0.5f), *there = ig_to(c, x, "host-gpu");
    ig_tensor *turned = ig_transpose(c, there, 0, 1), *want = ig_transpose(c, x, 0, 1);
    ig_tensor *sum = ig_add(d, turned, turned); /* a copy of a view that is c's */
    ig_tensor *read = ig_relu(c, sum);
    same(sum, ig_add(c, want, want), 1e-6);
    same(read, ig_relu(c, ig_add(c, want, want)), 1e-6);
    FINE();
    ig_ctx_free(d);
}

static ig_tensor *widened(ig_ctx *t, ig_tensor *const *in, void *user)
{
    (void)user;
    int64_t shape[1] = {9};
    ig_tensor *all[2] = {in[0], ig_from(t, IG_INT64, IG_SHAPE(1), shape)}, *out[1];
    (void)ig_call_op(t, "CenterCropPad", NULL, all, 2, out, 1);
    return out[0];
}

/* A view at an odd place takes a result that begins as zeros: vectors of 16 bytes must
 * not be written there. */
static void zeros_at_any_address(void **state)
{
    (void)state;
    float line[12];
    for (int i = 0; i < 12; i++)
        line[i] = 1;
    ig_tensor *x = ig_from(c, IG_FLOAT32, IG_SHAPE(5), line);
    ig_graph *g = ig_trace(c, widened, NULL, &(ig_trace_opts){.inputs = {{"x", x}}});
    FINE();
    ig_model *m;
    OK(ig_model_from_graph(&m, g,
                           &(ig_model_opts){.registry = reg,
                                            .device = "host-gpu",
                                            .keep_on_device = true}));
    ig_tensor *whole = ig_to(c, ig_from(c, IG_FLOAT32, IG_SHAPE(12), line), "host-gpu");
    ig_tensor *part = ig_slice(c, whole, 0, 1, 10, 1), *bound = part;
    FINE();
    assert_string_equal(ig_tensor_device(part), "host-gpu");
    assert_true(part->st == whole->st);
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&part), NULL));
    assert_ptr_equal(part, bound);
    ig_tensor *home = ig_to(c, whole, "cpu");
    FINE();
    for (int i = 0; i < 12; i++)
        assert_true(ig_tensor_data_f32(home)[i] ==
                    (i < 3 || i > 7 ? i < 1 || i > 9 : 1));
    ig_model_free(m), ig_graph_free(g);
}

/* Tensors hold what their device is part of. */
static void tensors_outlive_context_and_registry(void **state)
{
    (void)state;
    ig_registry *own;
    ig_ctx *d;
    OK(ig_registry_new(&own));
    OK(ig_registry_load_plugin(own, IG_HOST_GPU));
    OK(ig_ctx_new(&d, &(ig_ctx_opts){.registry = own}));
    ig_tensor *x = numbers(d, 3, 5, 0.5f), *there = ig_to(d, x, "host-gpu");
    ig_tensor *y = ig_tensor_ref(ig_relu(d, there));
    assert_int_equal(ig_ctx_status(d), IG_OK);
    ig_ctx_free(d);
    ig_registry_free(own);
    ig_tensor *want = ig_relu(c, numbers(c, 3, 5, 0.5f));
    same(y, want, 0);
    ig_tensor_unref(y);
    FINE();
}

/* Threads that run one model on the device and read what others left there. */
static ig_model *shared_model;
static ig_tensor *shared_input;

static void *run_and_read(void *want)
{
    ig_tensor *y = NULL, *home = NULL;
    for (int i = 0; i < 40; i++) {
        if (ig_model_run(shared_model, IG_INPUTS(shared_input), IG_OUTPUTS(&y), NULL) !=
                IG_OK ||
            ig_tensor_to_host(y, &home) != IG_OK)
            return NULL;
        bool good = true;
        for (int k = 0; k < 15; k++)
            good = good && fabsf(ig_tensor_data_f32(home)[k] -
                                 ig_tensor_data_f32(want)[k]) < 1e-5f;
        ig_tensor_unref(y), ig_tensor_unref(home), y = home = NULL;
        if (!good)
            return NULL;
    }
    return want;
}

static void threads_share_a_model_there(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 3, 5, 0.5f), *w = numbers(c, 3, 5, 0.1f);
    ig_tensor *want = chain(c, &x, w);
    (void)ig_tensor_data_f32(want);
    igi_thread thread[3];
    void *got;
    shared_model = staying(x);
    shared_input = ig_to(c, x, "host-gpu");
    FINE();
    (void)ig_tensor_share(shared_input);
    for (int i = 0; i < 3; i++)
        assert_int_equal(igi_thread_start(&thread[i], run_and_read, want), IG_OK);
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], &got);
        assert_ptr_equal(got, want);
    }
    ig_model_free(shared_model);
}

/* Floats of a run decide about sizes: no plan of an earlier run may stay. */
static ig_tensor *ranged(ig_ctx *t, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *all[3] = {in[0], in[1], in[2]}, *out[1];
    (void)ig_call_op(t, "Range", NULL, all, 3, out, 1);
    return out[0];
}

static void floats_that_set_sizes_are_read_anew(void **state)
{
    (void)state;
    const char *const devices[2] = {NULL, "host-gpu"};
    ig_tensor *a = ig_scalar(c, IG_FLOAT32, 0), *b = ig_scalar(c, IG_FLOAT32, 3),
              *by = ig_scalar(c, IG_FLOAT32, 1);
    ig_graph *g = ig_trace(
        c, ranged, NULL, &(ig_trace_opts){.inputs = {{"a", a}, {"b", b}, {"by", by}}});
    FINE();
    for (int i = 0; i < 2; i++) {
        ig_model *m;
        OK(ig_model_from_graph(
            &m, g, &(ig_model_opts){.registry = reg, .device = devices[i]}));
        for (int n = 3; n < 14; n++) { /* more than plans are kept for */
            ig_tensor *end = ig_scalar(c, IG_FLOAT32, n), *y = NULL;
            OK(ig_model_run(m, IG_INPUTS(a, end, by), IG_OUTPUTS(&y), NULL));
            assert_int_equal(ig_tensor_numel(y), n);
            assert_true(ig_tensor_data_f32(y)[n - 1] == (float)(n - 1));
            ig_tensor_unref(y);
        }
        ig_model_free(m);
    }
    ig_graph_free(g);
}

/* A device that cannot keep the work: runs go on without. */
static ig_status refuse_capture(void *queue)
{
    (void)queue;
    return ig_fail(IG_UNSUPPORTED, "not today");
}

static void what_cannot_be_kept_runs_plainly(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 3, 5, 0.5f), *w = numbers(c, 3, 5, 0.1f), *y = NULL;
    ig_graph *g = ig_trace(c, chain, w, &(ig_trace_opts){.inputs = {{"x", x}}});
    FINE();
    ig_model *there;
    OK(ig_model_from_graph(
        &there, g,
        &(ig_model_opts){.registry = reg, .device = "host-gpu", .capture = true}));
    igi_instance *run;
    OK(ig_model_run(there, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    OK(igi_model_borrow(there, &run));
    igi_queue *q = run->last->queue;
    ig_device_def other = *q->def;
    const ig_device_def *def = q->def;
    other.capture_begin = refuse_capture;
    q->def = &other;
    igi_model_return(there, run);
    for (int i = 0; i < 3; i++) {
        OK(ig_model_run(there, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
        same(y, chain(c, &x, w), 1e-6);
    }
    q->def = def;
    assert_null(run->last->capture->graph);
    assert_true(run->last->capture->refused);
    ig_tensor_unref(y);
    ig_model_free(there), ig_graph_free(g);
}

#define DEVICE_TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

IG_TESTS(DEVICE_TEST(results_of_nets_are_given_back_while_read),
         DEVICE_TEST(bound_outputs_wait_for_their_queue),
         DEVICE_TEST(contexts_write_for_each_other),
         DEVICE_TEST(zeros_at_any_address),
         DEVICE_TEST(tensors_outlive_context_and_registry),
         DEVICE_TEST(threads_share_a_model_there),
         DEVICE_TEST(floats_that_set_sizes_are_read_anew),
         DEVICE_TEST(what_cannot_be_kept_runs_plainly))
