/* How much heap a model takes from a file to its first result: the weights once, in the
 * form that the kernels read, wherever the file puts them. Pages of the mapped file are
 * not heap and are given back once they have been packed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ingot/ingot.h>

#include "bench/models/builder.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

#define FOLDER IG_BINARY_DIR "/load_memory_models"
#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

enum { WIDTH = 1024, LAYERS = 6, SLACK = 2 << 20 /* arena, plan, graph */ };
static const size_t weights = (size_t)LAYERS * WIDTH * WIDTH * sizeof(float);
/* Of 4 bits, with a float32 for each block of 32 and for its zero point. */
static const size_t few_bits = (size_t)LAYERS * WIDTH * WIDTH * (4 + 2) / 8;

/* x[N, WIDTH] through LAYERS matrices, both ways round, or of 4 bits; the length of
 * `name` moves all payloads of an ONNX file. */
static void save(const char *name, const char *path, bool nbits)
{
    builder b = {.seed = 1};
    int64_t n = 0;
    b.rc = ig_graph_new(&b.g, name, NULL);
    if (!b.rc)
        b.rc = ig_graph_dim(b.g, "N", &n);
    value x = b_input(&b, "x", IG_FLOAT32, 2, (int64_t[]){n, WIDTH});
    for (int i = 0; i < LAYERS; i++)
        x = nbits   ? b_dense_nbits(&b, x, WIDTH, WIDTH)
            : i % 2 ? b_gemm(&b, x, WIDTH, WIDTH)
                    : b_dense(&b, x, WIDTH, WIDTH);
    b_output(&b, "y", x);
    if (!b.rc)
        b.rc = ig_graph_save(b.g, path, NULL);
    ig_graph_free(b.g);
    OK(b.rc);
}

static void run(ig_model *m, int64_t batch, ig_tensor **y)
{
    ig_tensor *x = NULL;
    OK(ig_tensor_new(&x, IG_FLOAT32, 2, (int64_t[]){batch, WIDTH}));
    float *p = ig_tensor_data(x);
    for (int64_t i = 0; i < batch * WIDTH; i++)
        p[i] = (float)(i % 251) / 125.0f - 1;
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(y), NULL));
    ig_tensor_unref(x);
}

/* Peak of the heap over load and one run; the first result goes to *first. */
static size_t peak_of(const char *path, int64_t batch, float *first)
{
    ig_model *m = NULL;
    ig_tensor *y = NULL;
    size_t before = igi_failing_live_bytes();
    igi_failing_peak_reset();
    OK(ig_model_load(&m, path, &(ig_model_opts){.threads = 1}));
    run(m, batch, &y);
    size_t peak = igi_failing_peak_bytes() - before;
    *first = ig_tensor_data_f32(y)[0];
    ig_tensor_unref(y);
    ig_model_free(m);
    return peak;
}

static void check(const char *path, int64_t batch, size_t needed)
{
    float first;
    size_t peak = peak_of(path, batch, &first), most = needed / 10 * 11 + SLACK;
    if (peak > most)
        fail_msg("%s, batch %d: %zu bytes of heap for %zu of weights, at most %zu",
                 path, (int)batch, peak, needed, most);
    assert_true(first > -1e30f && first < 1e30f);
}

static void a_model_takes_its_weights_once_wherever_they_lie(void **state)
{
    (void)state;
    static const char *const names[] = {"m", "mm", "mmm", "mmmm"};
    for (int i = 0; i < 4; i++) {
        save(names[i], FOLDER "/m.onnx", false);
        check(FOLDER "/m.onnx", 1, weights);
        check(FOLDER "/m.onnx", 64, weights);
    }
    save("m", FOLDER "/m.ingot", false);
    check(FOLDER "/m.ingot", 1, weights);
    check(FOLDER "/m.ingot", 64, weights);
}

/* Scales are small: they may be read and packed. */
static void weights_of_few_bits_stay_so(void **state)
{
    (void)state;
    static const char *const files[] = {FOLDER "/n.onnx", FOLDER "/n.ingot"};
    for (int i = 0; i < 4; i++) {
        save(i % 2 ? "mm" : "m", files[i / 2], true);
        check(files[i / 2], 1, few_bits);
        check(files[i / 2], 64, few_bits);
    }
}

static void results_do_not_depend_on_where_weights_lie(void **state)
{
    (void)state;
    static const char *const names[] = {"m", "mm", "mmm", "mmmm"};
    float want[2], got[2];
    save("m", FOLDER "/m.ingot", false);
    (void)peak_of(FOLDER "/m.ingot", 1, &want[0]);
    (void)peak_of(FOLDER "/m.ingot", 64, &want[1]);
    for (int i = 0; i < 4; i++) {
        save(names[i], FOLDER "/m.onnx", false);
        (void)peak_of(FOLDER "/m.onnx", 1, &got[0]);
        (void)peak_of(FOLDER "/m.onnx", 64, &got[1]);
        assert_memory_equal(got, want, sizeof(want));
    }
}

static int begin(void **state)
{
    (void)state;
    (void)mkdir(FOLDER, 0777);
    igi_failing_install();
    return 0;
}

static int end(void **state)
{
    (void)state;
    igi_failing_uninstall();
    return 0;
}

IG_TESTS(cmocka_unit_test_setup_teardown(
             a_model_takes_its_weights_once_wherever_they_lie, begin, end),
         cmocka_unit_test_setup_teardown(weights_of_few_bits_stay_so, begin, end),
         cmocka_unit_test_setup_teardown(results_do_not_depend_on_where_weights_lie,
                                         begin,
                                         end))
