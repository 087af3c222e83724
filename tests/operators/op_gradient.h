/* Static gradients of the tests' graph (op_graph.h), for programs that link
 * graph_passes. */
#ifndef TESTS_OPERATORS_OP_GRADIENT_H
#define TESTS_OPERATORS_OP_GRADIENT_H

#include <string.h>

#include "tests/operators/op_graph.h"

static inline ig_value_id gradient_of(ig_value_id y, ig_value_id x)
{
    ig_value_id dx = {0};
    if (ig_graph_gradient(g, &y, NULL, 1, &x, &dx, 1) != IG_OK)
        fail_msg("%s", ig_error_message());
    assert_int_equal(ig_graph_verify(g), IG_OK);
    return dx;
}

static inline int count_nodes(const char *op)
{
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    int count = 0;
    while (ig_node_next(&it, &n))
        count += strcmp(ig_graph_node_op(g, n)->name, op) == 0;
    return count;
}

#endif
