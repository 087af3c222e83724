/* The threads of this process's teams: made when first wanted, asleep between regions,
 * gone when the library is unloaded.
 *
 * They wait awake for some ten microseconds only. A region of OpenMP waits for
 * milliseconds, on the CPU that a member may need whose own is taken by another
 * process: on such a machine a run took a hundred times as long. */
#ifndef GRAPH_RUNTIME_POOL_H
#define GRAPH_RUNTIME_POOL_H

#include <stdatomic.h>

#include "graph/core/host.h"

/* Until *word is another number than `now`: spins, then sleeps. Who changes the word
 * calls igi_wake after it, with the same `sleepers`. */
void igi_wait_while(atomic_uint *word, unsigned now, atomic_int *sleepers);
void igi_wake(atomic_uint *word, atomic_int *sleepers);

/* fn(arg, tid, nth) on up to n threads at once, tid 0 being the caller; fewer when the
 * process has no more threads to give. Any number of callers at once. A forked child
 * begins without threads. */
void igi_pool_run(igi_team_fn fn, void *arg, int n);

#endif
