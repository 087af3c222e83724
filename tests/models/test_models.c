/* The benchmark models in their tiny form against onnxruntime: every level, one thread
 * and two. The outputs were recorded by tests/models/record.py; inputs come from a
 * seed. Each test leaves its model and inputs in IG_BINARY_DIR/tiny_models, where
 * record.py finds them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ingot/ingot.h>

#include "bench/models/builder.h"
#include "tests/support/test_main.h"

#define FOLDER   IG_BINARY_DIR "/tiny_models"
#define RECORDED IG_SOURCE_DIR "/tests/models/recorded"
#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

enum { MOST = 4 }; /* inputs */

typedef struct fixture {
    char path[512];
    ig_model *m;
    ig_tensor *in[MOST], *want, *got, *first;
} fixture;

static int teardown(void **state)
{
    fixture *f = *state;
    ig_model_free(f->m);
    for (int i = 0; i < MOST; i++)
        ig_tensor_unref(f->in[i]);
    ig_tensor_unref(f->want);
    ig_tensor_unref(f->got);
    ig_tensor_unref(f->first);
    free(f);
    return 0;
}

/* cmocka hands the test's initial state, the model's name, to setup. */
static int setup(void **state)
{
    const char *name = *state;
    fixture *f = calloc(1, sizeof(*f));
    ig_graph *g = NULL;
    if (!f)
        return -1;
    *state = f;
    (void)mkdir(FOLDER, 0777); /* exists, or saving says why */
    snprintf(f->path, sizeof(f->path), "%s/%s", FOLDER, name);
    char file[600];
    snprintf(file, sizeof(file), "%s.onnx", f->path);
    ig_status rc = b_model(&g, name, true);
    if (!rc)
        rc = ig_graph_save(g, file, NULL);
    ig_graph_free(g);
    if (rc)
        print_error("%s: %s\n", file, ig_error_message());
    return rc ? -1 : 0;
}

static uint32_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Uniform in [-1, 1), or ids below 200; also written for onnxruntime. */
static void make_input(fixture *f, int i)
{
    const ig_type *t = ig_model_input_type(f->m, i);
    uint64_t seed = 7 + (uint64_t)i;
    char file[700];
    int64_t dims[IG_RANK_MAX];
    for (int k = 0; k < t->rank; k++) /* a symbolic dim is 1 */
        dims[k] = ig_dim_is_symbol(ig_type_dims(t)[k]) ? 1 : ig_type_dims(t)[k];
    OK(ig_tensor_new(&f->in[i], t->dtype, t->rank, dims));
    void *p = ig_tensor_data(f->in[i]);
    for (int64_t k = 0, n = ig_tensor_numel(f->in[i]); k < n; k++)
        if (t->dtype == IG_INT64)
            ((int64_t *)p)[k] = next(&seed) % 200;
        else
            ((float *)p)[k] = (float)(next(&seed) % 65536) / 32768.0f - 1;
    snprintf(file, sizeof(file), "%s.%s.npy", f->path, ig_model_input_name(f->m, i));
    OK(ig_tensor_save(f->in[i], file));
}

static void run(fixture *f, int level, int threads)
{
    char file[600];
    ig_model_opts o = {.level = level, .threads = threads};
    snprintf(file, sizeof(file), "%s.onnx", f->path);
    ig_model_free(f->m);
    f->m = NULL;
    OK(ig_model_load(&f->m, file, &o));
    int n = ig_model_n_inputs(f->m);
    assert_in_range(n, 1, MOST);
    for (int i = 0; i < n; i++)
        if (!f->in[i])
            make_input(f, i);
    ig_tensor_unref(f->got);
    f->got = NULL;
    OK(ig_model_run(f->m, (ig_inputs){n, f->in}, IG_OUTPUTS(&f->got), NULL));
}

static void assert_close(const fixture *f, int level, int threads)
{
    int64_t n = ig_tensor_numel(f->want);
    const float *a = ig_tensor_data(f->got), *b = ig_tensor_data(f->want);
    const float step = (float)b_model_step(strrchr(f->path, '/') + 1);
    assert_int_equal(ig_tensor_numel(f->got), n);
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= step + 1e-5f + 1e-4f * fabsf(b[i])))
            fail_msg(
                "level %d, %d threads: element %lld is %.9g, onnxruntime says %.9g",
                level, threads, (long long)i, (double)a[i], (double)b[i]);
}

static void agrees_with_onnxruntime(void **state)
{
    fixture *f = *state;
    char file[600];
    snprintf(file, sizeof(file), "%s%s.npy", RECORDED, strrchr(f->path, '/'));
    run(f, -1, 1); /* leaves the inputs behind even when nothing is recorded yet */
    OK(ig_tensor_load(&f->want, file));
    assert_int_equal(ig_tensor_dtype(f->want), IG_FLOAT32);
    for (int k = 0; k < 3; k++) {
        int level = (int[]){-1, 1, 0}[k];
        ig_tensor_unref(f->first);
        f->first = NULL;
        for (int threads = 1; threads <= 2; threads++) {
            run(f, level, threads);
            assert_close(f, level, threads);
            if (f->first)
                assert_memory_equal(ig_tensor_data(f->first), ig_tensor_data(f->got),
                                    ig_tensor_nbytes(f->got));
            else
                f->first = ig_tensor_ref(f->got);
        }
    }
}

const struct CMUnitTest *igi_tests_get(size_t *count)
{
    enum { TESTS = 64 };
    static struct CMUnitTest tests[TESTS];
    static char names[TESTS][64];
    for (*count = 0; *count < TESTS && b_model_name(*count); ++*count) {
        const char *model = b_model_name(*count);
        snprintf(names[*count], sizeof(names[0]), "%s_agrees_with_onnxruntime", model);
        tests[*count] = (struct CMUnitTest){names[*count], agrees_with_onnxruntime,
                                            setup, teardown, (void *)(uintptr_t)model};
    }
    return tests;
}
