/* Devices from end to end, on "host-gpu": the GPU's own kernels as loops, in memory
 * that nobody but them can touch. Every step is compared with the CPU's. */
#include "graph/core/queue.h"
#include "graph/runtime/capture.h"
#include "graph/runtime/model.h"
#include "graph/runtime/net.h"
#include "graph/runtime/plan.h"
#include "tests/frontend_c/device_support.h"

#define MESSAGE_HAS(text_)                                                             \
    do {                                                                               \
        if (!strstr(ig_error_message(), text_))                                        \
            fail_msg("%s:%d: no '%s' in: %s", __FILE__, __LINE__, text_,               \
                     ig_error_message());                                              \
    } while (0)

/* ---- eager ---- */

static void tensors_go_there_and_back(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 3, 5, 0.5f), *there = ig_to(c, x, "host-gpu"), *back;
    FINE();
    assert_string_equal(ig_tensor_device(x), "cpu");
    assert_string_equal(ig_tensor_device(there), "host-gpu");
    assert_ptr_equal(ig_to(c, there, "host-gpu"), there);
    back = ig_to(c, there, "cpu");
    assert_string_equal(ig_tensor_device(back), "cpu");
    assert_memory_equal(ig_tensor_data_f32(x), ig_tensor_data_f32(back), 60);
    assert_null(ig_tensor_data(there));
    MESSAGE_HAS("ig_tensor_to_host");
    assert_null(ig_tensor_data_f32(there));
    assert_int_equal(ig_item(c, ig_sum(c, there, IG_ALL, false)),
                     ig_item(c, ig_sum(c, x, IG_ALL, false)));
    FINE();
    assert_null(ig_to(c, x, "tpu"));
    assert_int_equal(ig_ctx_status(c), IG_DEVICE);
    assert_non_null(strstr(ig_ctx_message(c), "host-gpu"));
    ig_ctx_clear(c);
}

/* Views stay where they are, and are copied as what they show. */
static void views_of_device_tensors(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 4, 6, 0.25f), *there = ig_to(c, x, "host-gpu");
    ig_tensor *t = ig_transpose(c, there, 0, 1);
    assert_string_equal(ig_tensor_device(t), "host-gpu");
    assert_false(ig_tensor_is_contiguous(t));
    same(t, ig_transpose(c, x, 0, 1), 0);
    same(ig_relu(c, t), ig_relu(c, ig_transpose(c, x, 0, 1)), 0);
    same(ig_to(c, t, "cpu"), ig_transpose(c, x, 0, 1), 0);
    FINE();
}

static void host_tensors_follow(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 2, 3, 1), *there = ig_to(c, x, "host-gpu");
    ig_tensor *y = ig_add(c, there, x);
    assert_string_equal(ig_tensor_device(y), "host-gpu");
    same(y, ig_add(c, x, x), 0);
    y = ig_mul(c, ig_scalar(c, IG_FLOAT32, 3), there);
    assert_string_equal(ig_tensor_device(y), "host-gpu");
    FINE();
}

/* No kernel there: the CPU's between copies, the result is where it is expected. */
static void what_the_device_lacks_runs_on_the_host(void **state)
{
    (void)state;
    ig_tensor *x = ig_add(c, numbers(c, 3, 3, 0.1f), numbers(c, 3, 3, 0.3f));
    ig_tensor *there = ig_to(c, x, "host-gpu"), *d[1], *e[1], *in[1] = {there};
    assert_int_equal(ig_call_op(c, "Det", NULL, in, 1, d, 1), IG_OK);
    in[0] = x;
    assert_int_equal(ig_call_op(c, "Det", NULL, in, 1, e, 1), IG_OK);
    FINE();
    assert_string_equal(ig_tensor_device(d[0]), "host-gpu");
    same(d[0], e[0], 1e-6);
}

/* Two layers and a loss, trained; parameters on `device`. */
static void train(const char *device, ig_tensor **w1, ig_tensor **w2, double *loss)
{
    ig_ctx *t;
    OK(ig_ctx_new(&t, &(ig_ctx_opts){.registry = reg, .device = device}));
    ig_module *m = ig_module_new(t, "net");
    ig_nn_linear *one = ig_nn_linear_new(m, "one", 5, 7, NULL);
    ig_nn_linear *two = ig_nn_linear_new(m, "two", 7, 3, NULL);
    ig_optim *o = ig_adam_new(ig_module_params(m), &(ig_adam_opts){.lr = 0.05});
    int64_t labels[4] = {0, 2, 1, 2};
    for (int step = 0; step < 5; step++) {
        IG_SCOPE(t) {
            ig_tensor *x = numbers(t, 4, 5, 0.2f);
            ig_tensor *y = ig_from(t, IG_INT64, IG_SHAPE(4), labels);
            ig_tensor *h = ig_tanh(t, ig_nn_linear_apply(t, one, x));
            ig_tensor *l = ig_cross_entropy(t, ig_nn_linear_apply(t, two, h), y);
            ig_backward(t, l);
            ig_optim_step(o);
            *loss = ig_item(t, l);
        }
    }
    if (ig_ctx_status(t) != IG_OK)
        fail_msg("%s", ig_ctx_message(t));
    ig_params p = ig_module_params(m);
    assert_string_equal(ig_tensor_device(p.v[0]), device);
    OK(ig_tensor_to_host(p.v[0], w1));
    OK(ig_tensor_to_host(p.v[2], w2));
    ig_optim_free(o);
    ig_module_free(m);
    ig_ctx_free(t);
}

static void training_there_is_training_here(void **state)
{
    (void)state;
    ig_tensor *a1, *a2, *b1, *b2;
    double la, lb;
    train("cpu", &a1, &a2, &la);
    train("host-gpu", &b1, &b2, &lb);
    assert_true(fabs(la - lb) < 1e-5);
    same(b1, a1, 1e-4);
    same(b2, a2, 1e-4);
    ig_tensor_unref(a1), ig_tensor_unref(a2), ig_tensor_unref(b1), ig_tensor_unref(b2);
}

/* Gradients cross ig_to and end in the leaf's own place. */
static void gradients_come_home(void **state)
{
    (void)state;
    ig_tensor *w = ig_requires_grad(c, numbers(c, 3, 3, 0.2f), true);
    ig_tensor *y = ig_sum(c, ig_tanh(c, ig_to(c, w, "host-gpu")), IG_ALL, false);
    ig_backward(c, y);
    FINE();
    assert_string_equal(ig_tensor_device(ig_tensor_grad(w)), "cpu");
    ig_tensor *there = ig_keep(c, ig_tensor_grad(w));
    ig_tensor_clear_grad(w);
    ig_backward(c, ig_sum(c, ig_tanh(c, w), IG_ALL, false));
    same(there, ig_tensor_grad(w), 1e-6);
    ig_tensor_unref(there);
    FINE();
}

/* What a kernel finds later names the call that it belongs to. */
static void late_errors_name_their_call(void **state)
{
    (void)state;
    int64_t at[2] = {1, 9};
    ig_tensor *x = ig_to(c, numbers(c, 3, 2, 1), "host-gpu");
    ig_tensor *i = ig_to(c, ig_from(c, IG_INT64, IG_SHAPE(2), at), "host-gpu");
    ig_tensor *in[2] = {x, i}, *out[1];
    assert_int_equal(ig_call_op(c, "Gather", NULL, in, 2, out, 1), IG_OK);
    (void)ig_relu(c, out[0]);
    assert_true(isnan(ig_item(c, ig_sum(c, out[0], IG_ALL, false))));
    assert_int_equal(ig_ctx_status(c), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_ctx_message(c), "Gather"));
    assert_non_null(strstr(ig_ctx_message(c), "9"));
    ig_ctx_clear(c);
    assert_int_equal(
        ig_item(c, ig_sum(c, ig_full(c, IG_FLOAT32, IG_SHAPE(2), 1), IG_ALL, false)),
        2);
    FINE();
}

/* ---- nets ---- */

static ig_tensor *mlp(ig_ctx *t, ig_tensor *const *in, void *user)
{
    ig_tensor **w = user;
    ig_tensor *h = ig_relu(t, ig_add(t, ig_matmul(t, in[0], w[0]), w[1]));
    return ig_softmax(t, ig_matmul(t, h, ig_transpose(t, w[2], 0, 1)), -1);
}

static ig_graph *traced(ig_tensor *x)
{
    ig_tensor *w[3] = {numbers(c, 5, 7, 0.3f), numbers(c, 1, 7, 0.1f),
                       numbers(c, 4, 7, 0.2f)};
    ig_graph *g = ig_trace(c, mlp, w,
                           &(ig_trace_opts){.inputs = {{"x", x}}, .dynamic = "x: N,5"});
    FINE();
    return g;
}

static void nets_run_there(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 3, 5, 0.5f), *y = NULL, *z = NULL;
    ig_graph *g = traced(x);
    ig_model *here, *there;
    OK(ig_model_from_graph(&here, g, &(ig_model_opts){.registry = reg}));
    OK(ig_model_from_graph(
        &there, g,
        &(ig_model_opts){.registry = reg, .device = "host-gpu", .level = 1}));
    for (int n = 1; n <= 3; n++) {
        ig_tensor *part = numbers(c, n + 1, 5, 0.5f);
        OK(ig_model_run(here, IG_INPUTS(part), IG_OUTPUTS(&y), NULL));
        OK(ig_model_run(there, IG_INPUTS(part), IG_OUTPUTS(&z), NULL));
        assert_string_equal(ig_tensor_device(z), "cpu");
        same(z, y, 1e-5);
        ig_tensor *bound = z; /* written again, from the device */
        OK(ig_model_run(there, IG_INPUTS(part), IG_OUTPUTS(&z), NULL));
        assert_ptr_equal(z, bound);
        same(z, y, 1e-5);
        ig_tensor *gone = ig_to(c, part, "host-gpu"); /* an input that is there */
        ig_tensor_unref(z), z = NULL;
        OK(ig_model_run(there, IG_INPUTS(gone), IG_OUTPUTS(&z), NULL));
        same(z, y, 1e-5);
        ig_tensor_unref(y), ig_tensor_unref(z), y = z = NULL;
    }
    char *text;
    OK(ig_model_describe(there, &text));
    assert_non_null(strstr(text, "\"device\": \"host-gpu\""));
    ig_string_free(text);
    ig_model_free(here), ig_model_free(there), ig_graph_free(g);
}

static void outputs_stay_there_when_asked(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 3, 5, 0.5f), *y = NULL, *z = NULL;
    ig_graph *g = traced(x);
    ig_model *here, *there;
    OK(ig_model_from_graph(&here, g, &(ig_model_opts){.registry = reg}));
    OK(ig_model_from_graph(&there, g,
                           &(ig_model_opts){.registry = reg,
                                            .device = "host-gpu",
                                            .keep_on_device = true}));
    OK(ig_model_run(here, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    OK(ig_model_run(there, IG_INPUTS(x), IG_OUTPUTS(&z), NULL));
    assert_string_equal(ig_tensor_device(z), "host-gpu");
    same(z, y, 1e-5);
    ig_model_free(there); /* the tensor outlives its queue's owner */
    same(z, y, 1e-5);
    ig_tensor_unref(y), ig_tensor_unref(z);
    ig_model_free(here), ig_graph_free(g);
}

/* Sizes that follow data, shape arithmetic and an operator that the device lacks. */
static ig_tensor *mixed(ig_ctx *t, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *found[1], *det[1], *gathered[1], *square = ig_matmul(t, in[0], in[0]);
    ig_tensor *one[1] = {ig_relu(t, in[0])};
    (void)ig_call_op(t, "NonZero", NULL, one, 1, found, 1);
    ig_tensor *flat = ig_reshape(t, square, IG_SHAPE(-1));
    ig_tensor *row = ig_cast(t, ig_sum(t, found[0], 0, false), IG_FLOAT32);
    one[0] = square;
    (void)ig_call_op(t, "Det", NULL, one, 1, det, 1);
    ig_tensor *pair[2] = {flat, ig_sum(t, found[0], 0, false)};
    (void)ig_call_op(t, "Gather", NULL, pair, 2, gathered, 1);
    return ig_add(t, ig_mul(t, gathered[0], row), det[0]);
}

static void late_nodes_and_fallbacks(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 3, 3, 0.5f), *y = NULL, *z = NULL;
    ig_graph *g = ig_trace(c, mixed, NULL, &(ig_trace_opts){.inputs = {{"x", x}}});
    FINE();
    ig_model *here, *there;
    OK(ig_model_from_graph(&here, g, &(ig_model_opts){.registry = reg}));
    OK(ig_model_from_graph(&there, g,
                           &(ig_model_opts){.registry = reg, .device = "host-gpu"}));
    OK(ig_model_run(here, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    OK(ig_model_run(there, IG_INPUTS(x), IG_OUTPUTS(&z), NULL));
    same(z, y, 1e-4);
    ig_tensor_unref(y), ig_tensor_unref(z);
    ig_model_free(here), ig_model_free(there), ig_graph_free(g);
}

/* A run is kept at the second time, and repeated while addresses stay. */
static ig_tensor *chain(ig_ctx *t, ig_tensor *const *in, void *user)
{
    ig_tensor *h = ig_tanh(t, ig_add(t, in[0], user));
    return ig_mul(t, h, ig_sum(t, h, 1, true));
}

static void kept_runs_repeat(void **state)
{
    (void)state;
    ig_tensor *x = numbers(c, 3, 5, 0.5f), *w = numbers(c, 3, 5, 0.1f);
    ig_graph *g = ig_trace(c, chain, w, &(ig_trace_opts){.inputs = {{"x", x}}});
    FINE();
    ig_model *there;
    OK(ig_model_from_graph(
        &there, g,
        &(ig_model_opts){.registry = reg, .device = "host-gpu", .capture = true}));
    for (int i = 0; i < 6; i++) { /* host inputs, then two on the device by turns */
        ig_tensor *v = numbers(c, 3, 5, 0.1f * (float)(i + 1)), *y = NULL;
        ig_tensor *in = i < 3 ? v : ig_to(c, v, "host-gpu");
        OK(ig_model_run(there, IG_INPUTS(in), IG_OUTPUTS(&y), NULL));
        same(y, chain(c, &v, w), 1e-6);
        ig_tensor_unref(y);
    }
    ig_tensor *fixed = ig_to(c, x, "host-gpu"), *y = NULL;
    for (int i = 0; i < 4; i++) { /* one place, other contents */
        ig_tensor *v = numbers(c, 3, 5, 0.2f * (float)(i + 1));
        OK(igi_tensor_copy_into(fixed, v));
        OK(ig_model_run(there, IG_INPUTS(fixed), IG_OUTPUTS(&y), NULL));
        same(y, chain(c, &v, w), 1e-6);
    }
    ig_tensor_unref(y);
    FINE();
    igi_instance *run;
    OK(igi_model_borrow(there, &run));
    assert_non_null(run->last->capture);
    assert_non_null(run->last->capture->graph);
    igi_model_return(there, run);
    ig_model_free(there), ig_graph_free(g);
}

#define DEVICE_TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

IG_TESTS(DEVICE_TEST(tensors_go_there_and_back),
         DEVICE_TEST(views_of_device_tensors),
         DEVICE_TEST(host_tensors_follow),
         DEVICE_TEST(what_the_device_lacks_runs_on_the_host),
         DEVICE_TEST(training_there_is_training_here),
         DEVICE_TEST(gradients_come_home),
         DEVICE_TEST(late_errors_name_their_call),
         DEVICE_TEST(nets_run_there),
         DEVICE_TEST(outputs_stay_there_when_asked),
         DEVICE_TEST(late_nodes_and_fallbacks),
         DEVICE_TEST(kept_runs_repeat))
