/* What every cmocka test program includes.
 *
 * A program lists its tests once and gets its main from test_main.c:
 *
 *     static void removing_a_node_unlinks_its_consumers(void **state) { ... }
 *     IG_TESTS(cmocka_unit_test(removing_a_node_unlinks_its_consumers))
 *
 * A program whose tests are known only at run time (one per operator) defines
 * igi_tests_get itself; names must be unique in a program. A failed assert leaves the
 * test by longjmp, so what a test allocates is freed by its teardown. */
#ifndef TESTS_SUPPORT_TEST_MAIN_H
#define TESTS_SUPPORT_TEST_MAIN_H

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The tests of this program; the array stays valid until exit. */
const struct CMUnitTest *igi_tests_get(size_t *count);

#define IG_TESTS(...)                                                                  \
    const struct CMUnitTest *igi_tests_get(size_t *count)                              \
    {                                                                                  \
        static const struct CMUnitTest tests[] = {__VA_ARGS__};                        \
        *count = sizeof(tests) / sizeof(tests[0]);                                     \
        return tests;                                                                  \
    }

#endif
