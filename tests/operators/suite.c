/* One test per operator, of all that tools/suite checks. */
#include "tools/suite/suite.h"
#include "tests/operators/suite_list.h"

static void operator_agrees_with_its_reference_in_every_flow(void **state)
{
    assert_int_equal(suite_operator(*state), 0);
}

const struct CMUnitTest *igi_tests_get(size_t *count)
{
    return suite_tests(operator_agrees_with_its_reference_in_every_flow, count);
}
