/* Waiting, and the pool. */
#include "graph/runtime/pool.h"

#include <limits.h>
#include <sched.h>
#include <string.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "graph/core/thread.h"
#include "graph/runtime/team.h"

/* ---- waiting ---- */

#define SPINS 1000 /* 10 to 50 us */

/* A sleeper counts itself before the kernel looks at the word once more, and who
 * changes the word looks for sleepers after that, so none is missed (both in the one
 * order of sequential consistency). */
void igi_wait_while(atomic_uint *word, unsigned now, atomic_int *sleepers)
{
    for (int spins = 0; spins < SPINS; spins++) {
        if (atomic_load_explicit(word, memory_order_acquire) != now)
            return;
        igi_cpu_relax();
    }
    atomic_fetch_add(sleepers, 1);
    while (atomic_load(word) == now) {
#ifdef __linux__
        (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
#else
        sched_yield();
#endif
    }
    atomic_fetch_sub(sleepers, 1);
}

void igi_wake(atomic_uint *word, atomic_int *sleepers)
{
#ifdef __linux__
    if (atomic_load(sleepers) > 0)
        (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    (void)word, (void)sleepers;
#endif
}

/* ---- the pool ---- */

typedef struct region {
    igi_team_fn fn;
    void *arg;
    int nth;
} region;

/* Words are counted up: `calls` when there is work, `done` when it is done. They lie
 * here and not with the caller, who may be gone when a worker still looks at them. */
typedef struct worker {
    _Alignas(64) atomic_uint calls;
    atomic_int sleepy_worker;
    const region *work; /* NULL: to end */
    int tid;
    _Alignas(64) atomic_uint done;
    atomic_int sleepy_caller;
    igi_thread thread;
    struct worker *next; /* idle */
} worker;

static worker workers[IGI_THREADS_MAX];
static int n_made;
static worker *idle;
static bool closed;
static igi_mutex lock = IGI_MUTEX_INIT; /* of all that */
static igi_once once = IGI_ONCE_INIT;

static void *worker_main(void *p)
{
    worker *w = p;
    for (unsigned seen = 0;; seen++) {
        igi_wait_while(&w->calls, seen, &w->sleepy_worker);
        const region *r = w->work;
        if (!r)
            return NULL;
        r->fn(r->arg, w->tid, r->nth);
        atomic_fetch_add(&w->done, 1);
        igi_wake(&w->done, &w->sleepy_caller);
    }
}

static void call(worker *w, const region *r, int tid)
{
    w->work = r;
    w->tid = tid;
    atomic_fetch_add(&w->calls, 1);
    igi_wake(&w->calls, &w->sleepy_worker);
}

/* Of the parent's threads a child has the forking one only. */
static void forget(void)
{
    lock = (igi_mutex)IGI_MUTEX_INIT;
    n_made = 0;
    idle = NULL;
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forget);
}

static worker *new_worker(void)
{
    if (n_made == IGI_THREADS_MAX)
        return NULL;
    worker *w = &workers[n_made];
    memset(w, 0, sizeof(*w));
    if (igi_thread_start(&w->thread, worker_main, w) != IG_OK) {
        igi_error_clear(); /* a smaller team will do */
        return NULL;
    }
    n_made++;
    return w;
}

/* Up to n workers as a list; their number. */
static int lease(worker **list, int n)
{
    int got = 0;
    *list = NULL;
    igi_call_once(&once, watch_forks);
    igi_mutex_lock(&lock);
    for (worker *w; got < n && !closed; got++) {
        w = idle;
        if (w)
            idle = w->next;
        else if (!(w = new_worker()))
            break;
        w->next = *list;
        *list = w;
    }
    igi_mutex_unlock(&lock);
    return got;
}

static void give_back(worker *list)
{
    igi_mutex_lock(&lock);
    for (worker *w = list, *next; w; w = next) {
        next = w->next;
        w->next = idle;
        idle = w;
    }
    igi_mutex_unlock(&lock);
}

void igi_pool_run(igi_team_fn fn, void *arg, int n)
{
    worker *list;
    const region r = {fn, arg, 1 + lease(&list, n - 1)};
    int tid = 1;
    for (worker *w = list; w; w = w->next)
        call(w, &r, tid++);
    fn(arg, 0, r.nth);
    for (worker *w = list; w; w = w->next)
        igi_wait_while(&w->done, atomic_load(&w->calls) - 1, &w->sleepy_caller);
    give_back(list);
}

/* At the end of the process or of the library in it: whoever runs a net meanwhile gets
 * no team. */
__attribute__((destructor)) static void close_pool(void)
{
    igi_mutex_lock(&lock);
    worker *list = idle;
    idle = NULL;
    closed = true;
    igi_mutex_unlock(&lock);
    for (worker *w = list; w; w = w->next)
        call(w, NULL, 0);
    for (worker *w = list; w; w = w->next)
        igi_thread_join(w->thread);
}
