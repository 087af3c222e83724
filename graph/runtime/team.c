/* Thread counts, teams, and the barrier. */
#include "graph/runtime/team.h"

#include <string.h>

#include "graph/core/thread.h"
#include "graph/runtime/pool.h"

int igi_cpu_count(void)
{
    int n = igi_cpu_budget();
    return n > IGI_THREADS_MAX ? IGI_THREADS_MAX : n;
}

/* ---- teams ---- */

void igi_team_run(const igi_host *d, igi_team_fn fn, void *arg, int n)
{
    if (n > IGI_THREADS_MAX)
        n = IGI_THREADS_MAX;
    if (n <= 1)
        fn(arg, 0, 1);
    else if (!d || !d->parallel || !d->parallel(d, fn, arg, n))
        igi_pool_run(fn, arg, n);
}

static void nothing(void *arg, int tid, int nth)
{
    (void)arg, (void)tid, (void)nth;
}

void igi_team_warm_up(const igi_host *d, int n)
{
    igi_team_run(d, nothing, NULL, n);
}

/* ---- the barrier ---- */

void igi_barrier_init(igi_barrier *b, int n)
{
    memset(b, 0, sizeof(*b));
    b->n = n;
}

/* The last to arrive opens the next generation. */
bool igi_barrier_wait(igi_barrier *b)
{
    if (b->n <= 1)
        return atomic_load_explicit(&b->stop, memory_order_acquire);
    unsigned now = atomic_load_explicit(&b->generation, memory_order_acquire);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) + 1 == b->n) {
        b->verdict = atomic_load_explicit(&b->stop, memory_order_acquire);
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        atomic_store(&b->generation, now + 1);
        igi_wake(&b->generation, &b->sleepers);
        return b->verdict;
    }
    igi_wait_while(&b->generation, now, &b->sleepers);
    return b->verdict;
}
