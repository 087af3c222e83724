/* Kernels of the GPU whose outputs lie in the memory of an input, wherever a port
 * allows it. Kernels of an operator share the caller's cases with the suite. */
#include "tests/operators/gpu/bridge.h"
#include "tests/operators/suite_list.h"
#include "tools/suite/suite.h"

static void check_case(const igi_op *op, int sample, ig_dtype dtype)
{
    suite_case c;
    uint64_t taken = 0;
    if (suite_case_make(&c, op, sample, dtype))
        suite_kernels(&c, &taken);
    suite_case_free(&c);
}

static void kernels_may_write_where_they_read(void **state)
{
    const igi_op *op = *state;
    suite_failures_reset();
    bridge_in_place(true);
    for (int s = 0; op->def->samples[s].name; s++) {
        uint64_t types = suite_dtypes(op, &op->def->samples[s]);
        for (int d = 1; d < IG_DTYPE_COUNT; d++)
            if (types >> d & 1)
                check_case(op, s, (ig_dtype)d);
    }
    bridge_in_place(false);
    assert_int_equal(suite_failures(), 0);
}

const struct CMUnitTest *igi_tests_get(size_t *count)
{
    return suite_tests(kernels_may_write_where_they_read, count);
}
