/* The fixture of every pass test: `g`, an empty graph to build, and `fast`, where a
 * test leaves the optimised one; both are freed after it. IG_TESTS(T(name), ...) */
#ifndef TESTS_GRAPH_PASSES_FIXTURE_H
#define TESTS_GRAPH_PASSES_FIXTURE_H

#include "tests/graph/passes/support.h"

static ig_graph *g, *fast;

static int setup(void **state)
{
    (void)state;
    g = t_graph();
    fast = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    t_free(g);
    t_free(fast);
    return 0;
}

#define T(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

#endif
