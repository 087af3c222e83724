/* Differential tracing: recordings of one function at several sizes become one graph.
 *
 * Run 0 is the base, run k + 1 changes symbol k alone, the last run changes all and
 * only checks. Graphs are aligned node by node, bodies of regions in the same way, each
 * within the node that holds it (`outer`). */
#ifndef FRONTEND_C_TRACE_JOIN_H
#define FRONTEND_C_TRACE_JOIN_H

#include "frontend_c/trace.h"

#define IGI_JOIN_RUNS 8

typedef struct igi_join {
    struct igi_join *outer;        /* of a body; NULL: none */
    ig_graph *runs[IGI_JOIN_RUNS]; /* borrowed */
    int n_runs, n_sym;
    int64_t *const *sizes; /* [run][symbol] */
    const igi_dynamic *d;
    ig_value_id *twin[IGI_JOIN_RUNS];     /* per base value: the same value in run r */
    const igi_node **peer[IGI_JOIN_RUNS]; /* per base node: the same node in run r */
    ig_graph *out;
    ig_value_id *map;               /* per base value: value of `out` */
    ig_value_id dim[IGI_JOIN_RUNS]; /* per symbol: its size as int64[1] in `out` */
} igi_join;

/* frontend_c/trace_solve.c. Every constant of the base that differs between the runs
 * gets its place in j->map. */
ig_status igi_join_constants(igi_join *j);
/* A dim that has value v[r] in run r; -1: no such function of the symbols. */
ig_status igi_join_dim(const igi_join *j, const int64_t *v, int64_t *out);
/* The size of a symbol as int64[1] in j->out. */
ig_status igi_join_size(igi_join *j, int symbol, ig_value_id *out);
/* An error: the trace depends on its sizes, at node n, which `what`. */
ig_status igi_join_differs(const igi_node *n, const char *what);

#endif
