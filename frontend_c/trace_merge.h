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

/* ---- between trace_merge.c and trace_decide.c ---- */

/* What both arms of one If read from the graph around it, in the order of their inputs.
 */
typedef IGI_VEC(ig_value_id) igi_captures;

typedef struct igi_level {
    struct igi_level *outer; /* NULL: the graph itself */
    ig_graph *g;
    igi_captures *of; /* the If whose arm this is */
} igi_level;

/* Where a recording is. */
typedef struct igi_walker {
    const igi_path *path;
    size_t node, read; /* the next ones */
    igi_level **level; /* per value of the recording: who has it, */
    ig_value_id *id;   /* and as what */
    ig_value_id *map;  /* per value: in the level of the walk, for copying */
} igi_walker;

typedef struct igi_merging {
    igi_walker *w;
    int n;
} igi_merging;

static inline const igi_node *igi_next_node(const igi_walker *w)
{
    const ig_graph *g = w->path->g;
    return w->node < g->order.n ? igi_node_at(g, g->order.p[w->node]) : NULL;
}

static inline const igi_read *igi_next_read(const igi_walker *w)
{
    const igi_reads *r = &w->path->reads;
    return w->read < r->n && r->p[w->read].at == w->node ? &r->p[w->read] : NULL;
}

/* A value of an outer level, seen from l. */
ig_status
igi_merge_lift(igi_level *l, igi_level *from, ig_value_id v, ig_value_id *out);
/* Inputs for the captures that the arm has not heard of yet. */
ig_status igi_merge_even_out(igi_level *l);
/* Value v of the recording, seen from l. */
ig_status igi_merge_value(igi_level *l, igi_walker *w, ig_value_id v, ig_value_id *out);
/* An error: the two go on differently without a read. */
ig_status igi_merge_parts(const igi_walker *a, const igi_walker *b);
/* Result number o of l, which is v. The graph has the names of the trace. */
ig_status igi_merge_output(igi_level *l, const igi_merging *m, size_t o, ig_value_id v);
/* The rest of the function, for these walkers, in l. */
ig_status igi_merge_rest(igi_level *l, igi_merging *m);
/* All walkers stand at a read of one value; *done: the arms are the rest. */
ig_status igi_merge_read(igi_level *l, igi_merging *m, bool *done);

#endif
