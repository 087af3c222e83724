/* Thread counts, teams without a host, and the spin barrier. */
#include "graph/runtime/team.h"

#include <limits.h>
#include <sched.h>
#include <string.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "graph/core/thread.h"

int igi_cpu_count(void)
{
    int n = igi_cpu_budget();
    return n > IGI_THREADS_MAX ? IGI_THREADS_MAX : n;
}

/* ---- a team without a host ---- */

typedef struct member {
    igi_thread thread;
    struct host_team *team;
    int tid;
} member;

typedef struct host_team {
    igi_team_fn fn;
    void *arg;
    int nth;
    igi_mutex lock;
    igi_cond go;
    bool started;
} host_team;

static void *member_main(void *p)
{
    member *m = p;
    host_team *t = m->team;
    igi_mutex_lock(&t->lock);
    while (!t->started)
        igi_cond_wait(&t->go, &t->lock);
    int nth = t->nth;
    igi_mutex_unlock(&t->lock);
    if (m->tid < nth)
        t->fn(t->arg, m->tid, nth);
    return NULL;
}

/* Threads are counted before any starts to work, for a team must not be a fiction. */
static void host_team_run(igi_team_fn fn, void *arg, int n)
{
    member members[IGI_THREADS_MAX];
    host_team t = {
        .fn = fn, .arg = arg, .lock = IGI_MUTEX_INIT, .go = PTHREAD_COND_INITIALIZER};
    int made = 1;
    for (; made < n; made++) {
        members[made] = (member){.team = &t, .tid = made};
        if (igi_thread_start(&members[made].thread, member_main, &members[made]) !=
            IG_OK)
            break; /* a smaller team will do */
    }
    if (made < n)
        igi_error_clear();
    igi_mutex_lock(&t.lock);
    t.nth = made;
    t.started = true;
    igi_cond_broadcast(&t.go);
    igi_mutex_unlock(&t.lock);
    fn(arg, 0, made);
    for (int i = 1; i < made; i++)
        igi_thread_join(members[i].thread);
    igi_cond_fini(&t.go);
    igi_mutex_fini(&t.lock);
}

void igi_team_run(const igi_host *d, igi_team_fn fn, void *arg, int n)
{
    if (n > IGI_THREADS_MAX)
        n = IGI_THREADS_MAX;
    if (n <= 1)
        fn(arg, 0, 1);
    else if (d && d->parallel)
        d->parallel(d, fn, arg, n);
    else
        host_team_run(fn, arg, n);
}

/* ---- the barrier ---- */

#define SPINS 1000 /* 10 to 50 us */

void igi_barrier_init(igi_barrier *b, int n)
{
    memset(b, 0, sizeof(*b));
    b->n = n;
}

/* Sleeps while the generation is `now`; may return early. */
static void sleep_while(igi_barrier *b, unsigned now)
{
#ifdef __linux__
    (void)syscall(SYS_futex, &b->generation, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
#else
    (void)b, (void)now;
    sched_yield();
#endif
}

static void wake_all(igi_barrier *b)
{
#ifdef __linux__
    (void)syscall(SYS_futex, &b->generation, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL,
                  0);
#else
    (void)b;
#endif
}

/* The last to arrive opens the next generation. A sleeper counts itself before the
 * kernel looks at the generation once more, and the opener looks for sleepers after it
 * has changed it, so none is missed (both in the one order of sequential consistency).
 */
bool igi_barrier_wait(igi_barrier *b)
{
    if (b->n <= 1)
        return atomic_load_explicit(&b->stop, memory_order_acquire);
    unsigned now = atomic_load_explicit(&b->generation, memory_order_acquire);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) + 1 == b->n) {
        b->verdict = atomic_load_explicit(&b->stop, memory_order_acquire);
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        atomic_store(&b->generation, now + 1);
        if (atomic_load(&b->sleepers) > 0)
            wake_all(b);
        return b->verdict;
    }
    for (int spins = 0; spins < SPINS; spins++) {
        if (atomic_load_explicit(&b->generation, memory_order_acquire) != now)
            return b->verdict;
        igi_cpu_relax();
    }
    atomic_fetch_add(&b->sleepers, 1);
    while (atomic_load(&b->generation) == now)
        sleep_while(b, now);
    atomic_fetch_sub(&b->sleepers, 1);
    return b->verdict;
}
