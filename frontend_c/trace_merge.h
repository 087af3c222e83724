/* Traces of several examples: one graph whose decisions are the reads in which the
 * examples differ. */
#ifndef FRONTEND_C_TRACE_MERGE_H
#define FRONTEND_C_TRACE_MERGE_H

#include "frontend_c/trace.h"

/* The recording of one example. */
typedef struct igi_path {
    ig_graph *g;
    igi_reads reads; /* in the order of the function */
} igi_path;

/* The graph that takes, for each input, the path of the examples that read the same
 * values. A run that reads another value fails with the place of the read. Paths that
 * differ without a read before are an error with both places. */
ig_status igi_trace_merge(ig_graph **out, const igi_path *paths, int n);

#endif
