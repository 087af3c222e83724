/* For tests of operators: a graph over the built-in operators with the symbols N and W,
 * and single calls of references on tensors, without any runtime. */
#ifndef TESTS_OPERATORS_OP_GRAPH_H
#define TESTS_OPERATORS_OP_GRAPH_H

#include "graph/ir/graph.h"
#include "tests/support/test_main.h"

extern ig_graph *g;
extern int64_t N, W;

/* Setup and teardown of one test. */
int op_graph_setup(void **state);
int op_graph_teardown(void **state);

/* A float32 input "x0", "x1", ...; dims may be N and W. */
ig_value_id graph_input(int rank, const int64_t *dims);
/* An int64 vector constant; an int64 scalar. */
ig_value_id graph_ints(int n, const int64_t *v);
ig_value_id graph_int(int64_t v);
#define DIMS(...)                                                                      \
    ((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))), (int64_t[])           \
    {                                                                                  \
        __VA_ARGS__                                                                    \
    }
/* Appends a node with one output; fails the test when it is refused. */
ig_value_id
graph_node(const char *op, const void *attrs, int n_in, const ig_value_id *in);
#define NODE(op_, attrs_, ...)                                                         \
    graph_node(op_, attrs_,                                                            \
               (int)(sizeof((ig_value_id[]){__VA_ARGS__}) / sizeof(ig_value_id)),      \
               (ig_value_id[]){__VA_ARGS__})
/* The type of v prints as `want`, "float32[N,3]". */
void assert_type(ig_value_id v, const char *want);
/* The node is refused with a message that contains `text`. */
void assert_refused(const char *op,
                    const void *attrs,
                    int n_in,
                    const ig_value_id *in,
                    const char *text);
#define REFUSED(op_, attrs_, text_, ...)                                               \
    assert_refused(op_, attrs_,                                                        \
                   (int)(sizeof((ig_value_id[]){__VA_ARGS__}) / sizeof(ig_value_id)),  \
                   (ig_value_id[]){__VA_ARGS__}, text_)

/* Runs op's reference on tensors; *out was made by the caller. attrs NULL: defaults. */
ig_status run_reference(
    const char *op, const void *attrs, ig_tensor *const *in, int n_in, ig_tensor *out);

#endif
