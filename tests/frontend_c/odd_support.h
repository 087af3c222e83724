/* Fixture of eager tests whose context knows the odd operators too. */
#ifndef TESTS_FRONTEND_C_ODD_SUPPORT_H
#define TESTS_FRONTEND_C_ODD_SUPPORT_H

#include "frontend_c/ctx.h"
#include "tests/frontend_c/odd_ops.h"
#include "tests/frontend_c/support.h"

static ig_registry *odd;

static inline int odd_setup(void **state)
{
    (void)state;
    return odd_registry(&odd) != IG_OK ||
           ig_ctx_new(&c, &(ig_ctx_opts){.registry = odd}) != IG_OK;
}

static inline int odd_teardown(void **state)
{
    (void)ctx_teardown(state);
    odd_registry_free(odd);
    return 0;
}

#define ODD_TEST(name_) cmocka_unit_test_setup_teardown(name_, odd_setup, odd_teardown)

#endif
