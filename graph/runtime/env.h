/* What a run may use and when it must stop: shared by single calls (invoke) and nets.
 */
#ifndef GRAPH_RUNTIME_ENV_H
#define GRAPH_RUNTIME_ENV_H

#include <ingot/ingot.h>

#include "graph/core/thread.h"

typedef struct igi_env {
    const volatile int *cancel;          /* NULL: none */
    double deadline;                     /* igi_now_s() of the end; 0: none */
    double deadline_s;                   /* as given, for the message */
    uint64_t tensor_bytes, memory_bytes; /* limits, never 0 */
    uint64_t memory_used;                /* charged so far */
    uint64_t seed;                       /* of random operators */
    uint64_t rounds,
        rounds_left; /* of bodies: the limit loop_iterations, what is left */
} igi_env;

#define IGI_DEFAULT_SEED 0x496e676f74ull

/* Zero members of `l` (which may be NULL) become the documented defaults. */
ig_limits igi_limits_of(const ig_limits *l);
/* The stricter of each pair; zero members of `run` say nothing. */
ig_limits igi_limits_tighten(const ig_limits *base, const ig_limits *run);

/* Starts the clock; `opts` may be NULL. */
void igi_env_init(igi_env *e, const ig_limits *limits, const ig_run_opts *opts);

/* Whether igi_env_poll can fail at all. */
static inline bool igi_env_watched(const igi_env *e)
{
    return e->cancel || e->deadline != 0;
}
/* CANCELLED or DEADLINE when it is time to stop. */
ig_status igi_env_poll(const igi_env *e);
/* LIMIT when one tensor of that size, or all memory of the run, passes a limit; else
 * counts it. */
ig_status igi_env_charge(igi_env *e, size_t bytes);
/* Counts memory that is no single tensor; negative: it is given back. */
ig_status igi_env_hold(igi_env *e, int64_t bytes);
/* One more run of a body; LIMIT when they are too many. Polls. */
ig_status igi_env_round(igi_env *e);

#endif
