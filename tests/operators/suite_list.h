/* The list of tests of a program that goes through all operators. */
#ifndef TESTS_OPERATORS_SUITE_LIST_H
#define TESTS_OPERATORS_SUITE_LIST_H

#include "tests/support/test_main.h"

/* `function` with each operator of the built-in registry (an igi_op) as its state,
 * under guard bytes. */
const struct CMUnitTest *suite_tests(CMUnitTestFunction function, size_t *count);

#endif
