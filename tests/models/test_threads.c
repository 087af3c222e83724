/* Threads that share nothing but the process, or one model (T9; the preset tsan runs
 * this too): eager code with a tape and traces in each, registries with plugins, models
 * that come and go, and all of that at once. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ingot/ingot.h>
#include <ingot/train.h>

#include <ingot/eager.h>
#include <ingot/trace.h>

#include "tests/support/test_main.h"

#define FOLDER IG_BINARY_DIR "/threads_models"
#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

enum { THREADS = 8, ROWS = 6, IN = 5, OUT = 3, STEPS = 12, TIMES = 6 };

typedef struct job {
    ig_model *m; /* shared */
    const char *path;
    float weights[IN * OUT]; /* what training has made of them */
    char error[300];         /* cmocka's asserts belong to the main thread */
} job;

static bool fine(job *j, ig_status rc, const char *what)
{
    if (rc != IG_OK && !j->error[0])
        snprintf(j->error, sizeof(j->error), "%s: %s", what, ig_error_message());
    return rc == IG_OK;
}

/* ---- eager, tape, trace ---- */

static ig_tensor *loss_of(ig_ctx *c, ig_tensor *x, ig_tensor *w)
{
    ig_tensor *y = ig_softmax(c, ig_matmul(c, ig_relu(c, x), w), -1);
    return ig_mean(c, ig_mul(c, y, ig_exp(c, y)), IG_ALL, false);
}

static ig_tensor *traced(ig_ctx *c, ig_tensor *const *in, void *user)
{
    (void)user;
    return loss_of(c, in[0], in[1]);
}

static void train(ig_ctx *c, job *j, const float *x)
{
    for (int s = 0; s < STEPS && ig_ctx_status(c) == IG_OK; s++) {
        IG_SCOPE(c) {
            ig_tensor *input = ig_from(c, IG_FLOAT32, IG_SHAPE(ROWS, IN), x);
            ig_tensor *w = ig_requires_grad(
                c, ig_from(c, IG_FLOAT32, IG_SHAPE(IN, OUT), j->weights), true);
            if (ig_backward(c, loss_of(c, input, w)) != IG_OK)
                break;
            const float *d = ig_tensor_data_f32(ig_tensor_grad(w));
            for (int i = 0; i < IN * OUT; i++)
                j->weights[i] -= 0.5f * d[i];
        }
    }
}

static void trace(ig_ctx *c, job *j, const float *x)
{
    IG_SCOPE(c) {
        ig_trace_opts o = {
            .inputs = {{"x", ig_from(c, IG_FLOAT32, IG_SHAPE(ROWS, IN), x)},
                       {"w", ig_from(c, IG_FLOAT32, IG_SHAPE(IN, OUT), j->weights)}}};
        ig_graph *g = ig_trace(c, traced, NULL, &o);
        ig_model *m = NULL;
        if (g && fine(j, ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1}),
                      "traced model"))
            ig_model_free(m);
        ig_graph_free(g);
    }
}

static void *eager(void *arg)
{
    job *j = arg;
    ig_ctx *c = NULL;
    float x[ROWS * IN];
    for (int i = 0; i < ROWS * IN; i++)
        x[i] = (float)(i % 7) / 3 - 1;
    for (int i = 0; i < IN * OUT; i++)
        j->weights[i] = (float)(i % 5) / 4 - 0.5f;
    if (!fine(j, ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}), "context"))
        return NULL;
    train(c, j, x);
    trace(c, j, x);
    if (ig_ctx_status(c) != IG_OK)
        snprintf(j->error, sizeof(j->error), "%s", ig_ctx_message(c));
    ig_ctx_free(c);
    return NULL;
}

/* ---- registries ---- */

static ig_status use_plugin(ig_registry *r)
{
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_tensor *x = NULL, *y = NULL;
    ig_value_id id;
    ig_status rc = ig_graph_new(&g, "plugin", r);
    if (rc == IG_OK)
        rc = ig_graph_input(g, "x", IG_FLOAT32, 1, (int64_t[]){4}, &id);
    if (rc == IG_OK)
        rc = ig_graph_make_text(g, "y = acme::SquarePlus(x) b=2", &id);
    if (rc == IG_OK)
        rc = ig_graph_output(g, "y", id);
    if (rc == IG_OK)
        rc = ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1, .registry = r});
    if (rc == IG_OK)
        rc = ig_tensor_new(&x, IG_FLOAT32, 1, (int64_t[]){4});
    if (rc == IG_OK)
        rc = ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL);
    ig_tensor_unref(x);
    ig_tensor_unref(y);
    ig_model_free(m);
    ig_graph_free(g);
    return rc;
}

static void *plugins(void *arg)
{
    job *j = arg;
    for (int i = 0; i < TIMES && !j->error[0]; i++) {
        ig_registry *r = NULL;
        if (fine(j, ig_registry_new(&r), "registry") &&
            fine(j, ig_registry_load_plugin(r, IG_SQUARE_PLUS), "plugin"))
            (void)fine(j, use_plugin(r), "model of a plugin");
        ig_registry_free(r);
    }
    return NULL;
}

/* ---- models ---- */

static ig_graph *dense(void)
{
    ig_graph *g = NULL;
    ig_value_id id;
    ig_tensor *w = NULL;
    int64_t n;
    OK(ig_graph_new(&g, "dense", NULL));
    OK(ig_graph_dim(g, "N", &n));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 2, (int64_t[]){n, IN}, &id));
    OK(ig_tensor_new(&w, IG_FLOAT32, 2, (int64_t[]){IN, OUT}));
    OK(ig_graph_constant(g, "w", w, &id));
    ig_tensor_unref(w);
    OK(ig_graph_make_text(g, "h = MatMul(x, w)", &id));
    OK(ig_graph_make_text(g, "y = Relu(h)", &id));
    OK(ig_graph_output(g, "y", id));
    return g;
}

static void *models(void *arg)
{
    job *j = arg;
    for (int i = 0; i < 4 * TIMES && !j->error[0]; i++) {
        ig_tensor *x = NULL, *y = NULL;
        ig_model *m = j->m;
        ig_status rc = ig_tensor_new(&x, IG_FLOAT32, 2, (int64_t[]){1 + i % 5, IN});
        if (rc == IG_OK && j->path)
            rc = ig_model_load(&m, j->path, &(ig_model_opts){.threads = 1});
        if (rc == IG_OK)
            rc = ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL);
        (void)fine(j, rc, "model");
        if (j->path)
            ig_model_free(m);
        ig_tensor_unref(x);
        ig_tensor_unref(y);
    }
    return NULL;
}

/* ---- tests ---- */

static void run_all(job *jobs, void *(*const *work)(void *), int kinds)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work[i % kinds], &jobs[i]),
                         0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        if (jobs[i].error[0])
            fail_msg("thread %d: %s", i, jobs[i].error);
}

static void eight_threads_train_and_trace_for_themselves(void **state)
{
    static void *(*const work[])(void *) = {eager};
    job jobs[THREADS] = {{0}}, alone = {0};
    (void)state;
    (void)eager(&alone);
    assert_string_equal(alone.error, "");
    assert_true(alone.weights[0] < -0.5f || alone.weights[0] > -0.5f); /* it learns */
    run_all(jobs, work, 1);
    for (int i = 0; i < THREADS; i++)
        assert_memory_equal(jobs[i].weights, alone.weights, sizeof(alone.weights));
}

static void eight_threads_load_a_plugin_into_registries_of_their_own(void **state)
{
    static void *(*const work[])(void *) = {plugins};
    job jobs[THREADS] = {{0}};
    (void)state;
    run_all(jobs, work, 1);
}

static void models_registries_and_tapes_live_side_by_side(void **state)
{
    static void *(*const work[])(void *) = {models, eager, models, plugins};
    job jobs[THREADS] = {{0}};
    ig_graph *g = dense();
    ig_model *m = NULL;
    (void)state;
    (void)mkdir(FOLDER, 0777); /* exists, or saving says why */
    OK(ig_graph_save(g, FOLDER "/dense.onnx", NULL));
    OK(ig_graph_save(g, FOLDER "/dense.ingot", NULL));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 2}));
    ig_graph_free(g);
    for (int i = 0; i < THREADS; i++) {
        jobs[i].m = m;
        jobs[i].path =
            i % 4 ? i < 4 ? FOLDER "/dense.onnx" : FOLDER "/dense.ingot" : NULL;
    }
    run_all(jobs, work, 4);
    ig_model_free(m);
}

/* ---- fork ---- */

enum { FILTERS = 16 };

static ig_tensor *counted(int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    OK(ig_tensor_new(&t, IG_FLOAT32, rank, dims));
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        ((float *)ig_tensor_data(t))[i] = (float)(i * 37 % 101) / 50 - 1;
    return t;
}

/* A convolution that oneDNN computes where it is there. */
static ig_graph *strided(void)
{
    ig_graph *g = NULL;
    ig_value_id id;
    int64_t n;
    ig_tensor *w = counted(4, (int64_t[]){FILTERS, 3, 3, 3});
    OK(ig_graph_new(&g, "strided", NULL));
    OK(ig_graph_dim(g, "N", &n));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 4, (int64_t[]){n, 3, 24, 24}, &id));
    OK(ig_graph_constant(g, "w", w, &id));
    OK(ig_graph_make_text(g, "h = Conv(x, w) strides=2,2", &id));
    OK(ig_graph_make_text(g, "y = Relu(h)", &id));
    OK(ig_graph_output(g, "y", id));
    ig_tensor_unref(w);
    return g;
}

static ig_tensor *output_of(ig_model *m, int64_t n)
{
    ig_tensor *x = counted(4, (int64_t[]){n, 3, 24, 24}), *y = NULL;
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    ig_tensor_unref(x);
    return y;
}

/* Whether m gives what `want` has of its first images, with a plan for each number. */
static bool gives(ig_model *m, const ig_tensor *want)
{
    bool same = true;
    for (int64_t n = 1; n <= ig_tensor_dim(want, 0); n++) {
        ig_tensor *y = output_of(m, n);
        same = same && memcmp(ig_tensor_data(y), ig_tensor_data(want),
                              ig_tensor_nbytes(y)) == 0;
        ig_tensor_unref(y);
    }
    return same;
}

/* In a child: what was loaded before the fork, and what is loaded now. */
static int run_in_child(ig_model *before, const ig_tensor *want)
{
    ig_model *now = NULL;
    alarm(60); /* ends who waits for a thread that is not there */
    OK(ig_model_load(&now, FOLDER "/strided.ingot", &(ig_model_opts){.threads = 1}));
    bool right = gives(before, want) && gives(now, want);
    ig_model_free(now);
    return right ? 0 : 1;
}

static void models_of_one_thread_run_after_a_fork(void **state)
{
    ig_model *one = NULL, *team = NULL;
    ig_graph *g = strided();
    (void)state;
    (void)mkdir(FOLDER, 0777);
    OK(ig_graph_save(g, FOLDER "/strided.ingot", NULL));
    OK(ig_model_from_graph(&one, g, &(ig_model_opts){.threads = 1}));
    OK(ig_model_from_graph(&team, g, &(ig_model_opts){.threads = 4}));
    ig_graph_free(g);
    ig_tensor *want = output_of(one, 4), *many = output_of(team, 40);
    pid_t child = fork(); /* of a process that has threads, which the child has not */
    if (child == 0)
        _exit(run_in_child(one, want));
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    ig_tensor_unref(want), ig_tensor_unref(many);
    ig_model_free(one), ig_model_free(team);
}

IG_TESTS(cmocka_unit_test(models_of_one_thread_run_after_a_fork),
         cmocka_unit_test(eight_threads_train_and_trace_for_themselves),
         cmocka_unit_test(eight_threads_load_a_plugin_into_registries_of_their_own),
         cmocka_unit_test(models_registries_and_tapes_live_side_by_side))
