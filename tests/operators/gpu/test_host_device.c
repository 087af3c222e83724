/* The device "host-gpu": work waits, faults name their kernel, graphs run again, and
 * memory that nobody may touch ends the process that does. */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/operators/gpu/bridge.h"
#include "tests/support/test_main.h"

typedef struct scene {
    const ig_device_def *d;
    void *queue;
} scene;

static int setup(void **state)
{
    static scene s;
    s.d = bridge_device();
    assert_int_equal(s.d->open(s.d, &s.queue), IG_OK);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    scene *s = *state;
    s->d->close(s->queue);
    return 0;
}

static void *block_of(const scene *s, size_t bytes)
{
    void *p = NULL;
    assert_int_equal(s->d->alloc(s->queue, bytes, &p), IG_OK);
    assert_int_equal((uintptr_t)p % 256, 0);
    return p;
}

static void moves_follow_strides(void **state)
{
    const scene *s = *state;
    const int32_t from[6] = {1, 2, 3, 4, 5, 6};
    const int64_t dims[2] = {3, 2}, to_strides[2] = {2, 1}, from_strides[2] = {1, 3};
    int32_t got[6];
    void *a = block_of(s, sizeof(from)), *b = block_of(s, sizeof(from));
    assert_int_equal(s->d->upload(s->queue, a, from, sizeof(from)), IG_OK);
    assert_int_equal(s->d->move(s->queue, 4, 2, dims, b, to_strides, a, from_strides),
                     IG_OK);
    s->d->release(s->queue, a, sizeof(from)); /* its work still waits */
    assert_int_equal(s->d->download(s->queue, got, b, sizeof(got)), IG_OK);
    const int32_t want[6] = {1, 4, 2, 5, 3, 6};
    assert_memory_equal(got, want, sizeof(want));
    s->d->release(s->queue, b, sizeof(from));
}

static void a_graph_runs_again_over_the_same_addresses(void **state)
{
    const scene *s = *state;
    int64_t value = 5, got = 0, zero = 0;
    const int64_t one = 1;
    void *graph = NULL, *a = block_of(s, 8), *b = block_of(s, 8);
    assert_int_equal(s->d->upload(s->queue, b, &zero, 8), IG_OK);
    assert_int_equal(s->d->capture_begin(s->queue), IG_OK);
    assert_int_equal(s->d->move(s->queue, 8, 1, &one, b, &one, a, &one), IG_OK);
    assert_int_equal(s->d->download(s->queue, &got, b, 8), IG_DEVICE);
    assert_int_equal(s->d->capture_end(s->queue, &graph), IG_OK);
    assert_int_equal(s->d->download(s->queue, &got, b, 8), IG_OK);
    assert_int_equal(got, 0); /* kept, not done */
    for (; value < 8; value++) {
        assert_int_equal(s->d->upload(s->queue, a, &value, 8), IG_OK);
        assert_int_equal(s->d->replay(s->queue, graph), IG_OK);
        assert_int_equal(s->d->download(s->queue, &got, b, 8), IG_OK);
        assert_int_equal(got, value);
    }
    s->d->graph_free(s->queue, graph);
    s->d->release(s->queue, a, 8);
    s->d->release(s->queue, b, 8);
}

/* Whether f ends the process. */
static bool ends(void (*f)(const scene *s, char *p), const scene *s, char *p)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka's handlers would go on with the tests */
        signal(SIGABRT, SIG_DFL);
        f(s, p);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status);
}

static void read_from_the_host(const scene *s, char *p)
{
    (void)s;
    *(volatile char *)p = *(volatile char *)p;
}

static void move_past_the_end(const scene *s, char *p)
{
    const int64_t n = 65536, one = 1;
    uint32_t tag;
    (void)s->d->move(s->queue, 1, 1, &n, p, &one, p, &one);
    (void)s->d->wait(s->queue, &tag);
}

static void move_one_past_the_end(const scene *s, char *p)
{
    const int64_t n = 1, one = 1;
    uint32_t tag;
    (void)s->d->upload(s->queue, p, "x", 1);
    (void)s->d->move(s->queue, 1, 1, &n, p + 100, &one, p, &one);
    s->d->release(s->queue, p, 100);
    (void)s->d->wait(s->queue, &tag);
}

static void memory_is_for_kernels_alone_and_has_an_end(void **state)
{
    const scene *s = *state;
    char *p = block_of(s, 100);
    assert_true(ends(read_from_the_host, s, p));
    assert_true(ends(move_past_the_end, s, p));
    assert_true(ends(move_one_past_the_end, s, p));
    s->d->release(s->queue, p, 100);
}

/* Those that add floats by atomics; of scatters a second row, for reductions. */
static void kernels_whose_sums_have_any_order_say_so(void **state)
{
    static const char *const summing[] = {"ScatterElements",   "ScatterND",
                                          "ingot::GatherGrad", "ingot::GatherNDGrad",
                                          "ingot::PadGrad",    "ingot::MaxPoolGrad",
                                          "ingot::ResizeGrad"};
    int said = 0;
    (void)state;
    for (const ig_plugin_kernels *t = bridge_tables(); t->device; t++)
        for (const ig_kernel_def *d = t->table; d->op; d++)
            for (size_t i = 0; i < sizeof(summing) / sizeof(summing[0]); i++)
                said += strcmp(d->op, summing[i]) == 0 && d->needs & IG_KERNEL_VARIES;
    assert_int_equal(said, sizeof(summing) / sizeof(summing[0]));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(kernels_whose_sums_have_any_order_say_so),
    cmocka_unit_test_setup_teardown(moves_follow_strides, setup, teardown),
    cmocka_unit_test_setup_teardown(
        a_graph_runs_again_over_the_same_addresses, setup, teardown),
    cmocka_unit_test_setup_teardown(
        memory_is_for_kernels_alone_and_has_an_end, setup, teardown),
};

const struct CMUnitTest *igi_tests_get(size_t *count)
{
    if (!bridge_open(IG_GPU_HOST_PLUGIN))
        return NULL;
    *count = sizeof(tests) / sizeof(tests[0]);
    return tests;
}
