/* A call that may be wrong, run in every way: it must end in an error with a message,
 * or run; then the default kernel, the reference and a compiled net agree. Nothing may
 * be written outside the outputs, and no run may go on long after its deadline.
 * Failures are those of the suite. */
#ifndef TESTS_OPERATORS_TRY_CALL_H
#define TESTS_OPERATORS_TRY_CALL_H

#include "tools/suite/suite.h"

typedef struct try_ways {
    int threads;               /* of calls and of the net */
    int layout;                /* of inputs, as of suite_copy */
    int level;                 /* of the net: -1, 1 or 2 */
    suite_constants constants; /* of the net */
    bool wild; /* contents beyond what kernels agree on: results are not compared */
} try_ways;

/* True: the reference runs. `what` stands in messages. */
bool suite_try_call(const suite_case *c, const char *what, const try_ways *w);

#endif
