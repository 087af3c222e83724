/* Times of one run: spans of steps as a Chrome trace (chrome://tracing, Perfetto), sums
 * by node, and for nodes with bodies the same of what their bodies ran.
 *
 * Each run of a body has a profile of its own, which is then added to the one of the
 * node that it belongs to. Spans of bodies are kept up to a number; sums go on. */
#ifndef GRAPH_RUNTIME_PROFILE_H
#define GRAPH_RUNTIME_PROFILE_H

#include "graph/core/text.h"
#include "graph/runtime/plan.h"

typedef struct igi_span_time {
    double begin, end; /* igi_now_s(); 0: did not run */
    int tid;
} igi_span_time;

/* All runs of one node of a body on one kernel; strings are of its net. */
typedef struct igi_profile_rows {
    struct igi_profile_row *p;
    size_t n, cap;
} igi_profile_rows;
typedef struct igi_profile_row {
    const char *name, *op, *kernel;
    int64_t count;
    double seconds;
    igi_profile_rows inside; /* of its own bodies */
} igi_profile_row;

typedef struct igi_profile {
    const igi_plan *plan;
    struct igi_profile *root; /* of the run; itself */
    double begin;
    igi_span_time *step;      /* per step of the plan; each is written by one thread */
    igi_profile_rows *inside; /* per step: of its bodies */
    uint32_t now;             /* step whose call runs: late ones run alone */
    igi_text events;          /* of the root: spans of bodies */
    size_t n_events;
} igi_profile;

/* `outer`: of the call that runs a body; NULL: of a whole run. */
ig_status
igi_profile_new(igi_profile **out, const igi_plan *p, const igi_profile *outer);
void igi_profile_free(igi_profile *f);
/* Adds that of a body's run to the step of `outer` that runs it. */
ig_status igi_profile_add(igi_profile *outer, const igi_profile *body);
/* {"traceEvents": [...],
 *  "nodes": [{"name", "op", "kernel", "count", "ms", "inside": [the same]}, ...],
 *  "summary": [{"op", "kernel", "count", "ms"}, ...]}, the summary most time first and
 * without bodies, whose time is that of their nodes. */
ig_status igi_profile_json(const igi_profile *f, igi_text *out);
ig_status igi_profile_write(const igi_profile *f, const char *path);

/* s as a JSON string with quotes; invalid UTF-8 and control characters are escaped. */
void igi_json_string(igi_text *out, const char *s);

#endif
