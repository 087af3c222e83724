/* Threads: how many there are, and one team that runs a function together.
 *
 * All parallel work of the runtime goes through igi_team_run: nets enter it once per
 * segment of steps, single calls once per large kernel. The threads are those of the
 * pool (graph/runtime/pool.h), or of the host when a library of its own has some
 * (graph/core/host.h). */
#ifndef GRAPH_RUNTIME_TEAM_H
#define GRAPH_RUNTIME_TEAM_H

#include <stdatomic.h>

#include "graph/core/host.h"
#include "graph/core/status.h"

/* Work of fewer elements than this stays on one thread. */
#define IGI_PARALLEL_WORK 32768
#define IGI_THREADS_MAX   256

/* Threads this process may use: CPU affinity and cgroup quota, at least 1. */
int igi_cpu_count(void);

/* fn(arg, tid, nth) on up to n threads at once, tid 0 being the caller. `d` may be
 * NULL. */
void igi_team_run(const igi_host *d, igi_team_fn fn, void *arg, int n);
/* Makes n threads ready, so that the first run need not wait for them. */
void igi_team_warm_up(const igi_host *d, int n);

/* A barrier that spins for some ten microseconds, then sleeps. It also carries one
 * verdict: what igi_barrier_stop said before the meeting is what every thread sees
 * after it, so that a team always leaves together. */
typedef struct igi_barrier {
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_uint generation; /* sleepers wait for its change */
    atomic_int sleepers;
    atomic_int stop;
    int verdict; /* written by the last to arrive, read after the meeting */
    int n;
} igi_barrier;

void igi_barrier_init(igi_barrier *b, int n);
/* Meets the other n - 1 threads; true: someone asked to stop. */
bool igi_barrier_wait(igi_barrier *b);
static inline void igi_barrier_stop(igi_barrier *b)
{
    atomic_store_explicit(&b->stop, 1, memory_order_release);
}

#endif
