/* One test per operator that a device has kernels for: suite_device PLUGIN [options].
 * Without a plugin: the GPU's own kernels as loops on the host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ir/registry.h"
#include "tests/support/test_main.h"
#include "tools/suite/suite.h"

static struct CMUnitTest *tests;
static ig_registry *registry;

static void kernels_agree_with_the_reference(void **state)
{
    assert_int_equal(suite_operator_on(*state, 1), 0);
}

static void clean_up(void)
{
    for (struct CMUnitTest *t = tests; t && t->name; t++)
        free((char *)(uintptr_t)t->name);
    free(tests);
    ig_registry_free(registry);
}

const struct CMUnitTest *igi_tests_get(size_t *count)
{
    const char *path = getenv("IG_DEVICE_PLUGIN");
    *count = 0;
    if (ig_registry_new(&registry) != IG_OK ||
        ig_registry_load_plugin(registry, path ? path : IG_HOST_GPU) != IG_OK) {
        fprintf(stderr, "%s\n", ig_error_message());
        exit(1);
    }
    suite_where.folder = IG_BINARY_DIR;
    suite_where.registry = registry;
    int n = igi_registry_count(registry);
    tests = calloc((size_t)n + 1, sizeof(*tests));
    atexit(clean_up);
    for (int i = 0; tests && i < n; i++) {
        char name[160];
        const igi_op *op = igi_registry_at(registry, i);
        if (!op->n_kernels[1])
            continue;
        (void)igi_op_full_name(op->def, name, sizeof(name));
        for (char *p = name; *p; p++)
            if (*p == ':')
                *p = '_';
        tests[(*count)++] =
            (struct CMUnitTest){.name = strdup(name),
                                .test_func = kernels_agree_with_the_reference,
                                .initial_state = (void *)(uintptr_t)op};
    }
    return tests;
}
