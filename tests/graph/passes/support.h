/* Graphs for pass tests in few words, and the one question all of them ask: does the
 * optimised graph compute what the graph as written does? Graphs run node by node
 * through invoke, with reference kernels only. */
#ifndef TESTS_GRAPH_PASSES_SUPPORT_H
#define TESTS_GRAPH_PASSES_SUPPORT_H

#include "tests/support/test_main.h"

#include "graph/passes/rewrite.h"

#define DIMS(...)                                                                      \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])             \
    {                                                                                  \
        __VA_ARGS__                                                                    \
    }

/* Setup and teardown of a group: all operators in one registry. */
const ig_registry *t_registry(void);

ig_graph *t_graph(void); /* the caller's: t_free */
void t_free(ig_graph *g);

ig_value_id t_input(ig_graph *g, const char *name, int rank, const int64_t *dims);
ig_value_id t_input_of(
    ig_graph *g, const char *name, ig_dtype dtype, int rank, const int64_t *dims);
/* Constants: numbers about [-1, 1] that differ from call to call; one number; integers.
 */
ig_value_id t_random(ig_graph *g, int rank, const int64_t *dims);
ig_value_id t_positive(ig_graph *g, int rank, const int64_t *dims);
ig_value_id t_number(ig_graph *g, double v);
ig_value_id t_filled(ig_graph *g, double v, int rank, const int64_t *dims);
ig_value_id t_ints(ig_graph *g, int n, const int64_t *v);

/* "Conv", "pads=1,1,1,1 group=2 mode:edge" (name=numbers, name:string; NULL: defaults).
 * t_op has up to four inputs, {0} for absent ones at the end. */
ig_value_id t_op(ig_graph *g,
                 const char *op,
                 const char *attrs,
                 ig_value_id a,
                 ig_value_id b,
                 ig_value_id c,
                 ig_value_id d);
void t_node(ig_graph *g,
            const char *op,
            const char *attrs,
            const ig_value_id *in,
            int n_in,
            ig_value_id *out,
            int n_out);
#define T_NONE                             ((ig_value_id){0})
#define t_op1(g_, op_, attrs_, a_)         t_op(g_, op_, attrs_, a_, T_NONE, T_NONE, T_NONE)
#define t_op2(g_, op_, attrs_, a_, b_)     t_op(g_, op_, attrs_, a_, b_, T_NONE, T_NONE)
#define t_op3(g_, op_, attrs_, a_, b_, c_) t_op(g_, op_, attrs_, a_, b_, c_, T_NONE)
void t_output(ig_graph *g, const char *name, ig_value_id v);

int t_count(const ig_graph *g, const char *op); /* nodes of that operator */
int t_nodes(const ig_graph *g);
/* The only node of that operator; fails when there is none or another. */
const igi_node *t_only(const ig_graph *g, const char *op);

extern bool t_strict_qdq; /* of t_optimise and t_compare */
void t_optimise(ig_graph *g, int level);
/* Runs g as it is on seeded inputs; symbols of dims are 2, 3, 4, ... in order of
 * appearance. out[i]: new references. */
void t_run(const ig_graph *g, ig_tensor **out);
/* Clones g, optimises the clone to `level` and compares all outputs: bits at level 1,
 * within 1e-5 at level 2 (2e-2 for half types). Returns the optimised clone. */
ig_graph *t_compare(const ig_graph *g, int level);

#endif
