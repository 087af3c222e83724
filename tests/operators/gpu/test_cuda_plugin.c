/* The plugin of NVIDIA GPUs loads on any machine; where there is no GPU, its device
 * says what is missing. */
#include "tests/support/test_main.h"

#include <string.h>

#include <ingot/plugin.h>
#include <ingot/train.h>

#include "graph/ir/registry.h"

static ig_registry *registry;

static int load(void **state)
{
    (void)state;
    return ig_registry_new(&registry) == IG_OK &&
                   ig_registry_load_plugin(registry, IG_CUDA_PLUGIN) == IG_OK
               ? 0
               : -1;
}

static int drop(void **state)
{
    (void)state;
    ig_registry_free(registry);
    registry = NULL;
    return 0;
}

static int kernels_of(const char *op)
{
    const igi_op *o = igi_registry_find_full(registry, op);
    int device;
    assert_non_null(o);
    assert_int_equal(igi_registry_find_device(registry, "cuda", &device), IG_OK);
    return o->n_kernels[device];
}

static void it_brings_a_device_and_kernels(void **state)
{
    (void)state;
    static const char *const ops[] = {"Add",
                                      "Conv",
                                      "ConvTranspose",
                                      "ingot::Conv",
                                      "Gemm",
                                      "ingot::Linear",
                                      "MatMul",
                                      "MaxPool",
                                      "Attention",
                                      "AveragePool",
                                      "ingot::ConvGradInput",
                                      "ingot::ConvGradWeight"};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        assert_true(kernels_of(ops[i]) > 0);
}

/* Kernels that call libraries come before own ones. */
static void libraries_are_asked_first(void **state)
{
    (void)state;
    int device;
    const igi_op *o = igi_registry_find_full(registry, "Conv");
    assert_int_equal(igi_registry_find_device(registry, "cuda", &device), IG_OK);
    assert_string_equal(o->kernels[device][0]->name, "cudnn");
}

static void without_a_gpu_the_device_says_what_is_missing(void **state)
{
    (void)state;
    ig_ctx *c = NULL;
    const ig_ctx_opts o = {.device = "cuda", .registry = registry};
    ig_status rc = ig_ctx_new(&c, &o);
    if (rc == IG_OK) { /* there is a GPU */
        ig_ctx_free(c);
        skip();
    }
    assert_int_equal(rc, IG_UNSUPPORTED);
    assert_non_null(strstr(ig_error_message(), "cuda"));
    assert_true(strstr(ig_error_message(), "driver") ||
                strstr(ig_error_message(), "GPU"));
    assert_null(c);
}

static void its_description_is_a_line(void **state)
{
    (void)state;
    char text[400] = "";
    int device;
    assert_int_equal(igi_registry_find_device(registry, "cuda", &device), IG_OK);
    const ig_device_def *d = igi_registry_device(registry, device);
    d->describe(d, text, sizeof(text));
    assert_true(strlen(text) > 10);
    assert_null(strchr(text, '\n'));
}

IG_TESTS(cmocka_unit_test_setup_teardown(it_brings_a_device_and_kernels, load, drop),
         cmocka_unit_test_setup_teardown(libraries_are_asked_first, load, drop),
         cmocka_unit_test_setup_teardown(without_a_gpu_the_device_says_what_is_missing,
                                         load,
                                         drop),
         cmocka_unit_test_setup_teardown(its_description_is_a_line, load, drop))
