/* Models as services use them, over the real operators: many threads, shapes and models
 * at once, runs that are stopped, limits to the byte, memory that stays flat. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <ingot/ingot.h>

#include "bench/models/builder.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

#define FOLDER IG_BINARY_DIR "/service_models"
#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

enum { SIDE = 12, CLASSES = 10, BATCHES = 8, THREADS = 8 };

/* A small classifier of images [N, 3, SIDE, SIDE]. */
static ig_graph *classifier(void)
{
    builder b = {.seed = 1};
    int64_t n = 0;
    b.rc = ig_graph_new(&b.g, "classifier", NULL);
    if (!b.rc)
        b.rc = ig_graph_dim(b.g, "N", &n);
    value x = b_input(&b, "x", IG_FLOAT32, 4, (int64_t[]){n, 3, SIDE, SIDE});
    x = b_relu(&b, b_conv_bn(&b, x, (conv){3, 8, 3, 1, 1, 1, false, 0}));
    x = b_silu(&b, b_conv(&b, x, (conv){8, 16, 3, 2, 1, 1, true, 0}));
    x = b_gemm(&b, b_flatten(&b, b_global_pool(&b, x)), 16, CLASSES);
    b_output(&b, "y", b_softmax(&b, x));
    OK(b.rc);
    return b.g;
}

static ig_model *compiled(ig_graph *g, const ig_model_opts *o)
{
    ig_model *m = NULL;
    OK(ig_model_from_graph(&m, g, o));
    ig_graph_free(g);
    return m;
}

/* Different numbers for each n. */
static ig_tensor *batch(int64_t n)
{
    ig_tensor *t = NULL;
    if (ig_tensor_new(&t, IG_FLOAT32, 4, (int64_t[]){n, 3, SIDE, SIDE}) != IG_OK)
        return NULL;
    float *p = ig_tensor_data(t);
    for (int64_t i = 0, count = ig_tensor_numel(t); i < count; i++)
        p[i] = (float)((i * 37 + n * 101) % 255) / 127.0f - 1;
    return t;
}

/* ---- many threads ---- */

typedef struct job {
    ig_model *m;
    const char *path; /* loads a model of its own for each run */
    ig_tensor *const *want;
    int id, runs;
    char error[256];
} job;

static bool right(job *j, const ig_tensor *y, int64_t n)
{
    size_t bytes = (size_t)n * CLASSES * sizeof(float);
    if (ig_tensor_nbytes(y) == bytes &&
        memcmp(ig_tensor_data(y), ig_tensor_data(j->want[n - 1]), bytes) == 0)
        return true;
    snprintf(j->error, sizeof(j->error), "thread %d: a wrong result for batch %d",
             j->id, (int)n);
    return false;
}

/* cmocka's asserts belong to the main thread. */
static void *work(void *arg)
{
    job *j = arg;
    for (int r = 0; r < j->runs && !j->error[0]; r++) {
        int64_t n = 1 + (r * 3 + j->id) % BATCHES;
        ig_tensor *x = batch(n), *y = NULL;
        ig_model *m = j->m;
        ig_status rc = x ? IG_OK : IG_OUT_OF_MEMORY;
        if (!rc && j->path)
            rc = ig_model_load(&m, j->path, &(ig_model_opts){.threads = 1});
        if (!rc)
            rc = ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL);
        if (rc)
            snprintf(j->error, sizeof(j->error), "thread %d: %s", j->id,
                     ig_error_message());
        else
            (void)right(j, y, n);
        if (j->path)
            ig_model_free(m);
        ig_tensor_unref(x);
        ig_tensor_unref(y);
    }
    return NULL;
}

static void run_jobs(job *jobs)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        if (jobs[i].error[0])
            fail_msg("%s", jobs[i].error);
}

static void results(ig_model *m, ig_tensor **y)
{
    for (int64_t n = 1; n <= BATCHES; n++) {
        ig_tensor *x = batch(n);
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y[n - 1]), NULL));
        ig_tensor_unref(x);
    }
}

static void eight_threads_run_one_model_with_batches_of_their_own(void **state)
{
    ig_tensor *want[BATCHES] = {0};
    ig_model *m = compiled(classifier(), &(ig_model_opts){.threads = 1});
    job jobs[THREADS];
    (void)state;
    results(m, want);
    ig_model_free(m); /* the threads meet a model without plans */
    for (int threads = 1; threads <= 2; threads++) {
        m = compiled(classifier(),
                     &(ig_model_opts){.threads = threads, .plan_cache = 3});
        for (int i = 0; i < THREADS; i++)
            jobs[i] = (job){.m = m, .want = want, .id = i, .runs = 40};
        run_jobs(jobs);
        ig_model_free(m);
    }
    for (int i = 0; i < BATCHES; i++)
        ig_tensor_unref(want[i]);
}

static void models_come_and_go_while_others_run(void **state)
{
    ig_tensor *want[BATCHES] = {0};
    ig_graph *g = classifier();
    job jobs[THREADS];
    (void)state;
    (void)mkdir(FOLDER, 0777); /* exists, or saving says why */
    OK(ig_graph_save(g, FOLDER "/classifier.onnx", NULL));
    OK(ig_graph_save(g, FOLDER "/classifier.ingot", NULL));
    ig_model *m = compiled(g, &(ig_model_opts){.threads = 1});
    results(m, want);
    for (int i = 0; i < THREADS; i++)
        jobs[i] = (job){.m = m,
                        .want = want,
                        .id = i,
                        .runs = i % 2 ? 10 : 60,
                        .path = i % 4 == 1   ? FOLDER "/classifier.onnx"
                                : i % 4 == 3 ? FOLDER "/classifier.ingot"
                                             : NULL};
    run_jobs(jobs);
    ig_model_free(m);
    for (int i = 0; i < BATCHES; i++)
        ig_tensor_unref(want[i]);
}

/* ---- runs that are stopped ---- */

/* `nodes` Tanh in a row over [N]. */
static ig_graph *chain(int nodes)
{
    builder b = {.seed = 1};
    int64_t n = 0;
    b.rc = ig_graph_new(&b.g, "chain", NULL);
    if (!b.rc)
        b.rc = ig_graph_dim(b.g, "N", &n);
    value x = b_input(&b, "x", IG_FLOAT32, 1, &n);
    for (int i = 0; i < nodes; i++)
        x = b_op1(&b, "Tanh", x);
    b_output(&b, "y", x);
    OK(b.rc);
    return b.g;
}

static ig_tensor *numbers(int64_t n)
{
    ig_tensor *t = NULL;
    OK(ig_tensor_new(&t, IG_FLOAT32, 1, &n));
    for (int64_t i = 0; i < n; i++)
        ((float *)ig_tensor_data(t))[i] = (float)(i % 100) / 50.0f - 1;
    return t;
}

typedef struct canceller {
    volatile int flag, started;
} canceller;

static void *cancel_soon(void *arg)
{
    canceller *c = arg;
    const struct timespec pause = {.tv_nsec = 2000000};
    while (!__atomic_load_n(&c->started, __ATOMIC_ACQUIRE))
        nanosleep(&pause, NULL);
    nanosleep(&pause, NULL);
    __atomic_store_n(&c->flag, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void a_cancel_flag_stops_a_run_and_the_model_lives_on(void **state)
{
    ig_model *m = compiled(chain(400), &(ig_model_opts){.threads = 2});
    ig_tensor *x = numbers(1 << 16), *y = NULL, *z = NULL;
    canceller c = {0, 0};
    pthread_t thread;
    ig_status rc = IG_OK;
    (void)state;
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &c), 0);
    __atomic_store_n(&c.started, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 10000 && rc == IG_OK; i++) {
        rc = ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&z),
                          &(ig_run_opts){.cancel = &c.flag});
        if (rc == IG_OK)
            ig_tensor_unref(z);
        z = NULL;
    }
    assert_int_equal(rc, IG_CANCELLED);
    assert_non_null(strstr(ig_error_message(), "cancelled"));
    pthread_join(thread, NULL);
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&z), NULL));
    assert_memory_equal(ig_tensor_data(y), ig_tensor_data(z), ig_tensor_nbytes(y));
    ig_tensor_unref(x), ig_tensor_unref(y), ig_tensor_unref(z), ig_model_free(m);
}

static void a_deadline_stops_a_run_and_a_distant_one_does_not(void **state)
{
    ig_model *m = compiled(chain(400), &(ig_model_opts){.threads = 1});
    ig_tensor *x = numbers(1 << 16), *y = NULL;
    (void)state;
    /* 400 x 65,536 tanh take longer than 0.1 ms on any machine. */
    assert_int_equal(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                                  &(ig_run_opts){.deadline_s = 1e-4}),
                     IG_DEADLINE);
    assert_null(y);
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                    &(ig_run_opts){.deadline_s = 1e6}));
    ig_tensor_unref(x), ig_tensor_unref(y), ig_model_free(m);
}

/* ---- mistakes ---- */

#define REFUSED(expr_)                                                                 \
    do {                                                                               \
        assert_int_equal((expr_), IG_INVALID_ARGUMENT);                                \
        assert_non_null(strstr(ig_error_message(), "NULL"));                           \
    } while (0)

static void null_where_a_place_is_needed_is_an_error(void **state)
{
    ig_graph *g = classifier(), *other = NULL;
    ig_model *m = NULL;
    ig_tensor *x = batch(1), *y = NULL;
    const char *const names[] = {"x"};
    ig_value *values[] = {ig_tensor_value(x)};
    (void)state;
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1}));
    REFUSED(ig_model_load(NULL, "m.onnx", NULL));
    REFUSED(ig_model_from_graph(NULL, g, NULL));
    REFUSED(ig_graph_read(NULL, "m.onnx", NULL));
    REFUSED(ig_graph_save(NULL, "m.onnx", NULL));
    REFUSED(ig_graph_save(g, NULL, NULL));
    REFUSED(ig_graph_new(NULL, "g", NULL));
    REFUSED(ig_graph_clone(&other, NULL));
    REFUSED(ig_graph_verify(NULL));
    REFUSED(ig_graph_print(g, NULL));
    REFUSED(ig_tensor_load(NULL, "x.npy"));
    REFUSED(ig_tensor_save(NULL, "x.npy"));
    REFUSED(ig_tensor_save(x, NULL));
    REFUSED(ig_model_run(m, (ig_inputs){1, NULL}, IG_OUTPUTS(&y), NULL));
    REFUSED(ig_model_run(m, IG_INPUTS(x), (ig_outputs){1, NULL}, NULL));
    REFUSED(ig_model_run_values(m, NULL, values, 1, names, values, 1, NULL));
    REFUSED(ig_model_run_values(m, names, values, 1, names, NULL, 1, NULL));
    REFUSED(ig_model_describe(m, NULL));
    REFUSED(ig_net_new(NULL, g, NULL, NULL));
    assert_ptr_equal(values[0], ig_tensor_value(x)); /* nothing was written */
    assert_null(y);
    ig_tensor_unref(x), ig_model_free(m), ig_graph_free(g);
}

/* ---- limits ---- */

static void a_run_may_use_exactly_memory_bytes(void **state)
{
    ig_model *m = compiled(classifier(), &(ig_model_opts){.threads = 1});
    ig_tensor *x = batch(4), *y = NULL;
    ig_run_opts o = {.limits.memory_bytes = 1};
    (void)state;
    assert_int_equal(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), &o), IG_LIMIT);
    assert_non_null(strstr(ig_error_message(), "memory_bytes of 1;"));
    const char *at = strstr(ig_error_message(), "needs ");
    assert_non_null(at);
    uint64_t need = strtoull(at + strlen("needs "), NULL, 10);
    assert_true(need > 4 * CLASSES * sizeof(float)); /* more than the output */
    o.limits.memory_bytes = need - 1;
    assert_int_equal(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), &o), IG_LIMIT);
    assert_null(y);
    for (uint64_t more = 0; more < 2; more++) {
        o.limits.memory_bytes = need + more;
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), &o));
        ig_tensor_unref(y);
        y = NULL;
    }
    ig_tensor_unref(x), ig_model_free(m);
}

static void a_model_may_have_exactly_the_nodes_of_the_limit(void **state)
{
    enum { NODES = 5 };
    ig_graph *g = chain(NODES);
    (void)state;
    (void)mkdir(FOLDER, 0777); /* exists, or saving says why */
    OK(ig_graph_save(g, FOLDER "/chain.onnx", NULL));
    OK(ig_graph_save(g, FOLDER "/chain.ingot", NULL));
    for (int nodes = NODES - 1; nodes <= NODES + 1; nodes++) {
        ig_model_opts o = {.threads = 1, .limits.nodes = (uint64_t)nodes};
        for (int from = 0; from < 3; from++) {
            ig_model *m = NULL;
            ig_status rc = from == 0   ? ig_model_from_graph(&m, g, &o)
                           : from == 1 ? ig_model_load(&m, FOLDER "/chain.onnx", &o)
                                       : ig_model_load(&m, FOLDER "/chain.ingot", &o);
            if (rc != (nodes < NODES ? IG_LIMIT : IG_OK))
                fail_msg("source %d, limit %d: %s", from, nodes, ig_error_message());
            if (rc)
                assert_non_null(strstr(ig_error_message(), "nodes"));
            ig_model_free(m);
        }
    }
    ig_graph_free(g);
}

/* ---- memory ---- */

static void a_thousand_batch_sizes_keep_memory_flat(void **state)
{
    enum { MOST = 64, WARM = 200, RUNS = 1000 };
    size_t warm = 0, most = 0;
    uint64_t seed = 1;
    (void)state;
    (void)ig_registry_builtin(); /* made once, never freed */
    igi_failing_install();       /* counts what is alive */
    ig_model *m = compiled(classifier(), &(ig_model_opts){.threads = 1});
    for (int r = 0; r < RUNS; r++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        /* Sizes repeat little within the 8 plans that are kept. */
        ig_tensor *x = batch(r == 0 ? MOST : 1 + (int64_t)(seed >> 33) % MOST),
                  *y = NULL;
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
        ig_tensor_unref(x);
        ig_tensor_unref(y);
        size_t live = igi_failing_live_bytes();
        if (r < WARM)
            warm = live > warm ? live : warm;
        most = live > most ? live : most;
    }
    ig_model_free(m);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
    if (most > warm + warm / 8)
        fail_msg("%zu bytes alive after %d runs, up to %zu after %d", warm, WARM, most,
                 RUNS);
}

/* Pages of this process that are in memory. */
static size_t resident_bytes(void)
{
    unsigned long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &all, &resident), 2);
    fclose(f);
    return (size_t)resident * 4096;
}

/* Convolutions over images of any size: [N, 3, H, W]. */
static ig_model *any_image(void)
{
    builder b = {.seed = 1};
    int64_t n = 0, h = 0, w = 0;
    b.rc = ig_graph_new(&b.g, "any image", NULL);
    if (!b.rc)
        b.rc = ig_graph_dim(b.g, "N", &n);
    if (!b.rc)
        b.rc = ig_graph_dim(b.g, "H", &h);
    if (!b.rc)
        b.rc = ig_graph_dim(b.g, "W", &w);
    value x = b_input(&b, "x", IG_FLOAT32, 4, (int64_t[]){n, 3, h, w});
    x = b_relu(&b, b_conv_bn(&b, x, (conv){3, 16, 3, 1, 1, 1, false, 0}));
    x = b_silu(&b, b_conv(&b, x, (conv){16, 16, 3, 2, 1, 1, true, 0}));
    x = b_gemm(&b, b_flatten(&b, b_global_pool(&b, x)), 16, CLASSES);
    b_output(&b, "y", b_softmax(&b, x));
    OK(b.rc);
    return compiled(b.g, &(ig_model_opts){.threads = 1});
}

/* What the process takes, not only what is alive: fragments count too. Sanitizers keep
 * freed memory, so there only what is alive tells (the test above). */
#ifdef IG_SANITIZED
enum { PAGES_TELL = 0 };
#else
enum { PAGES_TELL = 1 };
#endif
static void a_thousand_shapes_keep_the_process_as_large_as_it_was(void **state)
{
    enum { WARM = 300, RUNS = 1000, SLACK = 4 << 20 };
    size_t warm = 0, end = 0;
    uint64_t seed = 7;
    (void)state;
    ig_model *m = any_image();
    for (int r = 0; r < RUNS; r++) {
        int64_t d[3];
        for (int k = 0; k < 3; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            d[k] = 1 + (int64_t)(seed >> 33) % (k ? 40 : 6);
        }
        if (r == 0) /* the largest, so that the arena is as large as it gets */
            d[0] = 6, d[1] = d[2] = 40;
        ig_tensor *x = NULL, *y = NULL;
        OK(ig_tensor_new(&x, IG_FLOAT32, 4, (int64_t[]){d[0], 3, d[1], d[2]}));
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
        ig_tensor_unref(x);
        ig_tensor_unref(y);
        if (r == WARM)
            warm = resident_bytes();
    }
    end = resident_bytes();
    ig_model_free(m);
    if (PAGES_TELL && end > warm + warm / 10 + SLACK)
        fail_msg("%zu bytes after %d shapes, %zu after %d", warm, WARM, end, RUNS);
}

static size_t growth_of_a_run(ig_model *m, int64_t n, int64_t width)
{
    ig_tensor *x = NULL, *y = NULL;
    OK(ig_tensor_new(&x, IG_FLOAT32, 2, (int64_t[]){n, width}));
    memset(ig_tensor_data(x), 0, ig_tensor_nbytes(x));
    size_t before = igi_failing_live_bytes();
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    size_t after = igi_failing_live_bytes();
    ig_tensor_unref(x);
    ig_tensor_unref(y);
    return after - before;
}

static void a_large_matrix_is_copied_only_for_many_rows(void **state)
{
    enum { WIDTH = 1024, MATRIX = WIDTH * WIDTH * (int)sizeof(float) };
    (void)state;
    (void)ig_registry_builtin(); /* made once, never freed */
    igi_failing_install();       /* counts what is alive */
    for (int transposed = 0; transposed < 2; transposed++) {
        builder b = {.seed = 1};
        int64_t n = 0;
        b.rc = ig_graph_new(&b.g, "dense", NULL);
        if (!b.rc)
            b.rc = ig_graph_dim(b.g, "N", &n);
        value x = b_input(&b, "x", IG_FLOAT32, 2, (int64_t[]){n, WIDTH});
        b_output(&b, "y",
                 transposed ? b_gemm(&b, x, WIDTH, WIDTH)
                            : b_dense(&b, x, WIDTH, WIDTH));
        OK(b.rc);
        ig_model *m = compiled(b.g, &(ig_model_opts){.threads = 1});
        assert_true(growth_of_a_run(m, 1, WIDTH) < MATRIX / 4);
        assert_true(growth_of_a_run(m, 4, WIDTH) < MATRIX / 4);
        size_t packed = growth_of_a_run(m, 32, WIDTH); /* prepared once, faster */
        assert_true(packed >= MATRIX);
        assert_true(packed < MATRIX + MATRIX / 4);
        ig_model_free(m);
    }
    igi_failing_uninstall();
}

IG_TESTS(cmocka_unit_test(eight_threads_run_one_model_with_batches_of_their_own),
         cmocka_unit_test(models_come_and_go_while_others_run),
         cmocka_unit_test(a_cancel_flag_stops_a_run_and_the_model_lives_on),
         cmocka_unit_test(a_deadline_stops_a_run_and_a_distant_one_does_not),
         cmocka_unit_test(null_where_a_place_is_needed_is_an_error),
         cmocka_unit_test(a_run_may_use_exactly_memory_bytes),
         cmocka_unit_test(a_model_may_have_exactly_the_nodes_of_the_limit),
         cmocka_unit_test(a_thousand_batch_sizes_keep_memory_flat),
         cmocka_unit_test(a_thousand_shapes_keep_the_process_as_large_as_it_was),
         cmocka_unit_test(a_large_matrix_is_copied_only_for_many_rows))
