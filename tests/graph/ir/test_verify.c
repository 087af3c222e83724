#include "tests/graph/ir/support.h"
static void nothing(void **state)
{
    (void)state;
}
IG_TESTS(cmocka_unit_test(nothing))
