/* Times of the steps of one run, as a Chrome trace (chrome://tracing, Perfetto). */
#ifndef GRAPH_RUNTIME_PROFILE_H
#define GRAPH_RUNTIME_PROFILE_H

#include "graph/core/text.h"
#include "graph/runtime/plan.h"

typedef struct igi_span_time {
    double begin, end; /* igi_now_s(); 0: did not run */
    int tid;
} igi_span_time;

typedef struct igi_profile {
    double begin;
    igi_span_time *step; /* per step of the plan; each is written by one thread */
} igi_profile;

ig_status igi_profile_new(igi_profile **out, const igi_plan *p);
void igi_profile_free(igi_profile *f);
/* {"traceEvents": [...], "summary": [{"op", "kernel", "count", "ms"}, ...]}, most time
 * first. */
ig_status igi_profile_json(const igi_profile *f, const igi_plan *p, igi_text *out);
ig_status igi_profile_write(const igi_profile *f, const igi_plan *p, const char *path);
/* "12.3 %   4.56 ms   10 x Conv (onednn)" a line, most time first. */
ig_status igi_profile_table(const igi_profile *f, const igi_plan *p, igi_text *out);

/* s as a JSON string with quotes; invalid UTF-8 and control characters are escaped. */
void igi_json_string(igi_text *out, const char *s);

#endif
