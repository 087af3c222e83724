/* A module `m` and an optimiser `o` of the context c, made and freed around a test. */
#ifndef TESTS_FRONTEND_C_MODULE_SUPPORT_H
#define TESTS_FRONTEND_C_MODULE_SUPPORT_H

#include "tests/frontend_c/support.h"

static ig_module *m;
static ig_optim *o;

static int setup(void **state)
{
    int rc = ctx_setup(state);
    m = rc ? NULL : ig_module_new(c, "net");
    o = NULL;
    return m == NULL;
}

static int teardown(void **state)
{
    ig_optim_free(o);
    ig_module_free(m);
    return ctx_teardown(state);
}

#define MODULE_TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

#endif
