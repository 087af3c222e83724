/* suite_tests (tests/operators/suite_list.h) for the GPU: one test per operator that
 * has kernels there, which runs while the operator's CPU kernels are replaced by those.
 * So programs that go through all operators also go through the GPU's. */
#include <stdlib.h>
#include <string.h>

#include "tests/operators/gpu/bridge.h"
#include "tests/operators/suite_list.h"
#include "tools/suite/canary_alloc.h"
#include "tools/suite/suite.h"

static struct CMUnitTest *tests;
static CMUnitTestFunction body;

static void free_list(void)
{
    for (struct CMUnitTest *t = tests; t && t->name; t++)
        free((char *)(uintptr_t)t->name);
    free(tests);
}

/* The kernel of an operator; own kernels are one each. NULL: it has none. */
static const ig_kernel_def *kernel_of(const char *full_name)
{
    for (const ig_plugin_kernels *t = bridge_tables(); t->table; t++)
        for (const ig_kernel_def *d = t->table; d->op; d++)
            if (!strcmp(d->op, full_name))
                return d;
    return NULL;
}

static void run_on_the_gpu(void **state)
{
    igi_op *op = *state, kept = *op;
    char name[160];
    const ig_kernel_def *kernel =
        kernel_of(igi_op_full_name(op->def, name, sizeof(name)));
    op->n_kernels[0] = 1;
    op->kernels[0][0] = bridge_to(kernel);
    body(state);
    *op = kept;
}

const struct CMUnitTest *suite_tests(CMUnitTestFunction function, size_t *count)
{
    igi_canary_install();
    suite_where.folder = IG_BINARY_DIR;
    const ig_registry *r = ig_registry_builtin();
    int n = r ? igi_registry_count(r) : 0;
    body = function;
    *count = 0;
    tests = calloc((size_t)n + 1, sizeof(*tests));
    atexit(free_list);
    if (!tests || !bridge_open(IG_GPU_HOST_PLUGIN))
        exit(1);
    for (int i = 0; i < n; i++) {
        char name[160];
        const igi_op *op = igi_registry_at(r, i);
        if (!kernel_of(igi_op_full_name(op->def, name, sizeof(name))))
            continue;
        for (char *p = name; *p; p++)
            if (*p == ':')
                *p = '_';
        tests[(*count)++] = (struct CMUnitTest){.name = strdup(name),
                                                .test_func = run_on_the_gpu,
                                                .initial_state = (void *)(uintptr_t)op};
    }
    return tests;
}
