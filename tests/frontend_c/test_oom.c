/* Memory that runs out (RELIABILITY T6): the n-th allocation fails, once or for ever,
 * in everything that a program does with a model. Each run must report OUT_OF_MEMORY,
 * leave no block behind, and leave objects that work or die cleanly. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ingot/train.h>

#include "graph/core/alloc.h"
#include "graph/core/status.h"
#include "graph/ir/graph.h"
#include "importers/import.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

/* ---- a small model as bytes of both formats ---- */

static unsigned char *native, *onnx;
static size_t native_n, onnx_n;
static char path[] = "/tmp/ingot_oom_XXXXXX";
static char file[64], onnx_file[64];

static void assert_ok(ig_status rc)
{
    if (rc != IG_OK)
        fail_msg("%s", ig_error_message());
}

static ig_tensor *model(ig_ctx *c, ig_tensor *const *in, void *user)
{
    ig_tensor *const *w = user;
    ig_tensor *h = ig_relu(c, ig_conv2d(c, in[0], w[0], w[1], 1, 1));
    h = ig_flatten(c, ig_max_pool2d(c, h, 2, 2, 0), 1);
    return ig_softmax(c, ig_linear(c, h, w[2], NULL), -1);
}

static void *copy_of(const void *p, size_t n)
{
    void *copy = malloc(n);
    assert_non_null(copy);
    return memcpy(copy, p, n);
}

static void read_file(unsigned char **out, size_t *n)
{
    FILE *f = fopen(file, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    *out = malloc(*n);
    assert_non_null(*out);
    assert_int_equal(fread(*out, 1, *n, f), *n);
    fclose(f);
}

static int make_models(void **state)
{
    (void)state;
    ig_ctx *c = NULL;
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof(file), "%s/m.ingot", path);
    snprintf(onnx_file, sizeof(onnx_file), "%s/m.onnx", path);
    assert_ok(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    ig_tensor *w[3] = {ig_randn(c, IG_FLOAT32, IG_SHAPE(2, 1, 3, 3)),
                       ig_randn(c, IG_FLOAT32, IG_SHAPE(2)),
                       ig_randn(c, IG_FLOAT32, IG_SHAPE(3, 8))};
    ig_trace_opts o = {
        .inputs = {{"x", ig_full(c, IG_FLOAT32, IG_SHAPE(2, 1, 4, 4), 0.5)}},
        .dynamic = "x: N,1,4,4"};
    ig_graph *g = ig_trace(c, model, w, &o);
    if (!g)
        fail_msg("%s", ig_ctx_message(c));
    void *bytes = NULL;
    assert_ok(ig_graph_save(g, file, NULL));
    read_file(&native, &native_n);
    assert_ok(igi_onnx_write(g, NULL, &bytes, &onnx_n));
    onnx = copy_of(bytes, onnx_n);
    igi_free(bytes);
    ig_graph_free(g);
    ig_ctx_free(c);
    return 0;
}

static int drop_models(void **state)
{
    (void)state;
    free(native);
    free(onnx);
    unlink(file);
    unlink(onnx_file);
    rmdir(path);
    strcpy(path, "/tmp/ingot_oom_XXXXXX");
    return 0;
}

/* ---- load ---- */

static ig_status load(void *arg)
{
    ig_graph *g = NULL;
    ig_status rc = arg ? ig_graph_read_bytes(&g, onnx, onnx_n, NULL, NULL, NULL)
                       : ig_graph_read_bytes(&g, native, native_n, NULL, NULL, NULL);
    assert_true(rc == IG_OK || !g);
    ig_graph_free(g);
    return rc;
}

static void loading_ingot_bytes_survives(void **state)
{
    (void)state;
    igi_failing_each(load, NULL);
}

static void loading_onnx_bytes_survives(void **state)
{
    (void)state;
    igi_failing_each(load, &onnx);
}

static ig_status load_file(void *arg)
{
    ig_model *m = NULL;
    ig_status rc = ig_model_load(&m, file, &(ig_model_opts){.threads = 1});
    (void)arg;
    assert_true(rc == IG_OK || !m);
    ig_model_free(m);
    return rc;
}

static void loading_a_model_file_survives(void **state)
{
    (void)state;
    igi_failing_each(load_file, NULL);
}

/* ---- compile and run ---- */

static ig_status run_once(ig_model *m, ig_tensor **y)
{
    ig_tensor *x = NULL;
    IG_TRY(ig_tensor_new(&x, IG_FLOAT32, 4, (const int64_t[]){3, 1, 4, 4}));
    ig_status rc = ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(y), NULL);
    ig_tensor_unref(x);
    return rc;
}

static ig_status compile_and_run(void *arg)
{
    ig_model *m = NULL;
    ig_tensor *y = NULL;
    ig_model_opts o = {.threads = 1, .level = *(int *)arg};
    ig_status rc = ig_model_load_bytes(&m, native, native_n, NULL, NULL, &o);
    if (rc == IG_OK)
        rc = run_once(m, &y);
    ig_tensor_unref(y);
    ig_model_free(m);
    return rc;
}

static void compiling_and_running_survives_without_passes(void **state)
{
    (void)state;
    igi_failing_each(compile_and_run, &(int){-1});
}

static void compiling_and_running_survives_with_passes(void **state)
{
    (void)state;
    igi_failing_each(compile_and_run, &(int){2});
}

static void a_model_whose_run_failed_runs_again(void **state)
{
    (void)state;
    igi_failing_install();
    ig_model *m = NULL;
    ig_tensor *want = NULL;
    assert_ok(ig_model_load_bytes(&m, native, native_n, NULL, NULL,
                                  &(ig_model_opts){.threads = 1}));
    assert_ok(run_once(m, &want));
    bool hit = true;
    for (long n = 0; hit; n++) {
        ig_tensor *y = NULL;
        igi_failing_at(n, true);
        ig_status rc = run_once(m, &y);
        hit = igi_failing_hit();
        igi_failing_at(-1, false);
        assert_true(hit ? rc == IG_OUT_OF_MEMORY || rc == IG_OK : rc == IG_OK);
        ig_tensor_unref(y);
        y = NULL;
        assert_ok(run_once(m, &y));
        assert_memory_equal(ig_tensor_data(y), ig_tensor_data(want),
                            ig_tensor_nbytes(y));
        ig_tensor_unref(y);
    }
    ig_tensor_unref(want);
    ig_model_free(m);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

/* ---- save ---- */

static ig_status load_and_save(void *arg)
{
    ig_graph *g = NULL;
    ig_status rc = ig_graph_read_bytes(&g, native, native_n, NULL, NULL, NULL);
    if (rc == IG_OK)
        rc = ig_graph_save(g, arg, NULL);
    ig_graph_free(g);
    return rc;
}

static void saving_survives_and_never_breaks_the_old_file(void **state)
{
    (void)state;
    igi_failing_each(load_and_save, file);
    igi_failing_each(load_and_save, onnx_file);
    unsigned char *now = NULL;
    size_t n = 0;
    read_file(&now, &n);
    bool same = n == native_n && !memcmp(now, native, n);
    free(now);
    assert_true(same);
}

/* ---- eager ---- */

/* The error of a context as that of the thread, for igi_failing_each. */
static ig_status status_of(const ig_ctx *c)
{
    return ig_ctx_status(c) == IG_OK
               ? IG_OK
               : ig_fail(ig_ctx_status(c), "%s", ig_ctx_message(c));
}

static ig_tensor *loss_of(ig_ctx *c, ig_module *m, ig_nn_linear *a, ig_tensor *x)
{
    (void)m;
    const int64_t labels[2] = {0, 2};
    ig_tensor *y = ig_tanh(c, a ? ig_nn_linear_apply(c, a, x) : NULL);
    return ig_cross_entropy(c, ig_reshape(c, y, IG_SHAPE(2, 3)),
                            ig_from(c, IG_INT64, IG_SHAPE(2), labels));
}

static ig_status train(void *arg)
{
    ig_ctx *c = NULL;
    IG_TRY(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    ig_module *m = ig_module_new(c, "m");
    ig_nn_linear *a = m ? ig_nn_linear_new(m, "a", 4, 3, NULL) : NULL;
    ig_optim *o = a ? ig_adam_new(ig_module_params(m), NULL) : NULL;
    (void)arg;
    for (int k = 0; o && k < 2; k++) {
        IG_SCOPE(c) {
            (void)ig_backward(
                c, loss_of(c, m, a, ig_randn(c, IG_FLOAT32, IG_SHAPE(2, 4))));
            (void)ig_optim_step(o);
        }
    }
    ig_status rc = status_of(c);
    ig_optim_free(o);
    ig_module_free(m);
    ig_ctx_free(c);
    return rc;
}

static void training_steps_survive(void **state)
{
    (void)state;
    igi_failing_each(train, NULL);
}

static ig_status second_gradient(void *arg)
{
    ig_ctx *c = NULL;
    ig_tensor *dx = NULL, *ddx = NULL;
    ig_grad_opts o = {.create_graph = true};
    (void)arg;
    IG_TRY(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    ig_tensor *x =
        ig_requires_grad(c, ig_full(c, IG_FLOAT64, IG_SHAPE(2, 2), 0.5), true);
    ig_tensor *y = ig_sum(
        c, ig_softmax(c, ig_matmul(c, x, ig_transpose(c, x, 0, 1)), 0), IG_ALL, false);
    if (ig_grad(c, &y, 1, &x, 1, &dx, &o) == IG_OK) {
        ig_tensor *z = ig_sum(c, ig_mul(c, dx, dx), IG_ALL, false);
        (void)ig_grad(c, &z, 1, &x, 1, &ddx, NULL);
    }
    ig_status rc = status_of(c);
    ig_ctx_free(c);
    return rc;
}

static void second_gradients_survive(void **state)
{
    (void)state;
    igi_failing_each(second_gradient, NULL);
}

static ig_status in_place(void *arg)
{
    ig_ctx *c = NULL;
    (void)arg;
    IG_TRY(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    ig_tensor *x = ig_requires_grad(c, ig_full(c, IG_FLOAT64, IG_SHAPE(3), 2), true);
    ig_tensor *h = ig_exp(c, x);
    ig_add_(c, h, ig_full(c, IG_FLOAT64, IG_SHAPE(3), 1));
    ig_relu_(c, h);
    ig_status rc = status_of(c);
    ig_ctx_free(c);
    return rc;
}

static ig_tensor *writes_inside(ig_ctx *c, ig_tensor *const *in, void *user)
{
    ig_tensor *h = ig_mul(c, in[0], user), *v = ig_slice(c, h, 0, 1, 3, 1);
    ig_add_(c, v, ig_slice(c, in[0], 0, 0, 2, 1));
    return ig_tanh(c, h);
}

static ig_status checkpoint(void *arg)
{
    ig_ctx *c = NULL;
    (void)arg;
    IG_TRY(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    ig_tensor *x = ig_requires_grad(c, ig_full(c, IG_FLOAT64, IG_SHAPE(3), 2), true);
    ig_tensor *w = ig_requires_grad(c, ig_full(c, IG_FLOAT64, IG_SHAPE(3), 3), true);
    ig_tensor *y = ig_checkpoint(c, writes_inside, &x, 1, w);
    ig_backward(c, ig_sum(c, y, IG_ALL, false));
    ig_status rc = status_of(c);
    ig_ctx_free(c);
    return rc;
}

static void checkpoints_and_writes_through_views_survive(void **state)
{
    (void)state;
    igi_failing_each(checkpoint, NULL);
}

static void in_place_calls_survive(void **state)
{
    (void)state;
    igi_failing_each(in_place, NULL);
}

static void a_context_works_again_after_it_is_cleared(void **state)
{
    (void)state;
    igi_failing_install();
    ig_ctx *c = NULL;
    assert_ok(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    bool hit = true;
    for (long n = 0; hit; n++) {
        igi_failing_at(n, true);
        IG_SCOPE(c) {
            ig_tensor *x =
                ig_requires_grad(c, ig_full(c, IG_FLOAT64, IG_SHAPE(3), 2), true);
            (void)ig_backward(c, ig_sum(c, ig_mul(c, x, x), IG_ALL, false));
        }
        hit = igi_failing_hit();
        igi_failing_at(-1, false);
        ig_ctx_clear(c);
        IG_SCOPE(c) {
            ig_tensor *x =
                ig_requires_grad(c, ig_full(c, IG_FLOAT64, IG_SHAPE(3), 2), true);
            assert_int_equal(ig_backward(c, ig_sum(c, ig_mul(c, x, x), IG_ALL, false)),
                             IG_OK);
            assert_true(ig_tensor_data_f64(ig_tensor_grad(x))[2] == 4);
        }
    }
    ig_ctx_free(c);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

/* ---- trace and static gradient ---- */

static ig_tensor *traced(ig_ctx *c, ig_tensor *const *in, void *user)
{
    (void)user;
    int64_t n = ig_size(c, in[0], 0);
    return ig_mul_scalar(c,
                         ig_sum(c, ig_reshape(c, in[0], IG_SHAPE(n, 2, 2)), 0, false),
                         1.0 / (double)n);
}

static ig_status trace(void *arg)
{
    ig_ctx *c = NULL;
    (void)arg;
    IG_TRY(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    ig_tensor *x = ig_full(c, IG_FLOAT64, IG_SHAPE(3, 4), 1);
    ig_trace_opts o = {.inputs = {{"x", x}}, .dynamic = "x: N,4"};
    ig_graph *g = x ? ig_trace(c, traced, NULL, &o) : NULL;
    ig_status rc = status_of(c);
    ig_graph_free(g);
    ig_ctx_free(c);
    return rc;
}

static void tracing_survives(void **state)
{
    (void)state;
    igi_failing_each(trace, NULL);
}

static ig_status differentiate(void *arg)
{
    ig_graph *g = NULL;
    (void)arg;
    IG_TRY(ig_graph_read_bytes(&g, native, native_n, NULL, NULL, NULL));
    ig_value_id y = ig_graph_output_at(g, 0), x = ig_graph_input_at(g, 0), dx;
    ig_status rc = ig_graph_gradient(g, &y, NULL, 1, &x, &dx, 1);
    ig_graph_free(g);
    return rc;
}

static void the_static_gradient_survives(void **state)
{
    (void)state;
    igi_failing_each(differentiate, NULL);
}

/* ---- files of tensors and states ---- */

static ig_status save_state(void *arg)
{
    ig_ctx *c = NULL;
    char name[80];
    (void)arg;
    IG_TRY(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    ig_module *m = ig_module_new(c, "m");
    snprintf(name, sizeof(name), "%s/state.safetensors", path);
    if (m && ig_nn_linear_new(m, "a", 4, 3, NULL) && ig_module_save(m, name) == IG_OK)
        (void)ig_module_load(m, name, NULL);
    ig_status rc = status_of(c);
    if (rc == IG_OK && ig_error_status() != IG_OK)
        rc = ig_error_status();
    ig_module_free(m);
    ig_ctx_free(c);
    unlink(name);
    return rc;
}

static void saving_and_loading_a_state_survives(void **state)
{
    (void)state;
    igi_failing_each(save_state, NULL);
}

static int uninstall(void **state)
{
    (void)state;
    igi_failing_at(-1, false); /* blocks of a failed test stay: the process ends */
    return drop_models(state);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, make_models, uninstall)

IG_TESTS(TEST(loading_ingot_bytes_survives),
         TEST(loading_onnx_bytes_survives),
         TEST(loading_a_model_file_survives),
         TEST(compiling_and_running_survives_without_passes),
         TEST(compiling_and_running_survives_with_passes),
         TEST(a_model_whose_run_failed_runs_again),
         TEST(saving_survives_and_never_breaks_the_old_file),
         TEST(training_steps_survive),
         TEST(second_gradients_survive),
         TEST(in_place_calls_survive),
         TEST(checkpoints_and_writes_through_views_survive),
         TEST(a_context_works_again_after_it_is_cleared),
         TEST(tracing_survives),
         TEST(the_static_gradient_survives),
         TEST(saving_and_loading_a_state_survives))
