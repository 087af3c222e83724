/* One test per operator of the built-in registry, under guard bytes. */
#include <stdlib.h>
#include <string.h>

#include "tests/operators/suite_list.h"
#include "tools/suite/canary_alloc.h"
#include "tools/suite/suite.h"

static struct CMUnitTest *tests;

static void free_list(void)
{
    for (struct CMUnitTest *t = tests; t && t->name; t++)
        free((char *)(uintptr_t)t->name);
    free(tests);
}

const struct CMUnitTest *suite_tests(CMUnitTestFunction function, size_t *count)
{
    igi_canary_install();
    suite_where.folder = IG_BINARY_DIR;
    const ig_registry *r = ig_registry_builtin();
    int n = r ? igi_registry_count(r) : 0;
    *count = (size_t)n;
    tests = calloc((size_t)n + 1, sizeof(*tests));
    atexit(free_list);
    for (int i = 0; tests && i < n; i++) {
        char name[160];
        const igi_op *op = igi_registry_at(r, i);
        (void)igi_op_full_name(op->def, name, sizeof(name));
        for (char *p = name; *p; p++)
            if (*p == ':')
                *p = '_';
        tests[i] = (struct CMUnitTest){.name = strdup(name),
                                       .test_func = function,
                                       .initial_state = (void *)(uintptr_t)op};
    }
    return tests;
}
