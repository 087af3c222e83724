/* Threads: mutexes, conditions, once, and how many CPUs this process may use.
 *
 * Thin over pthreads, so that ThreadSanitizer sees everything. Counters that several
 * threads touch use <stdatomic.h> or the __atomic builtins directly. */
#ifndef GRAPH_CORE_THREAD_H
#define GRAPH_CORE_THREAD_H

#include <pthread.h>

#include "graph/core/status.h"

typedef pthread_mutex_t igi_mutex;
#define IGI_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
ig_status igi_mutex_init(igi_mutex *m);
static inline void igi_mutex_fini(igi_mutex *m)
{
    pthread_mutex_destroy(m);
}
static inline void igi_mutex_lock(igi_mutex *m)
{
    pthread_mutex_lock(m);
}
static inline void igi_mutex_unlock(igi_mutex *m)
{
    pthread_mutex_unlock(m);
}

typedef pthread_cond_t igi_cond; /* waits on the monotonic clock */
ig_status igi_cond_init(igi_cond *c);
static inline void igi_cond_fini(igi_cond *c)
{
    pthread_cond_destroy(c);
}
static inline void igi_cond_wait(igi_cond *c, igi_mutex *m)
{
    pthread_cond_wait(c, m);
}
/* False when `deadline` (of igi_now_s) passed first. */
bool igi_cond_wait_until(igi_cond *c, igi_mutex *m, double deadline);
static inline void igi_cond_signal(igi_cond *c)
{
    pthread_cond_signal(c);
}
static inline void igi_cond_broadcast(igi_cond *c)
{
    pthread_cond_broadcast(c);
}

typedef pthread_once_t igi_once;
#define IGI_ONCE_INIT PTHREAD_ONCE_INIT
static inline void igi_call_once(igi_once *once, void (*fn)(void))
{
    pthread_once(once, fn);
}

typedef pthread_t igi_thread;
/* All signals are blocked in it: they belong to the host's threads. */
ig_status igi_thread_start(igi_thread *out, void *(*fn)(void *), void *arg);
void igi_thread_join(igi_thread t);

/* In a spinning wait. */
static inline void igi_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* CPUs that this process may use: its affinity mask and the quota of its cgroups
 * (versions 1 and 2), rounded up; at least 1. Asked anew at each call. */
int igi_cpu_budget(void);
/* The quota alone, in CPUs, 0 when there is none; for tests with folders of their own.
 */
double igi_cgroup_quota(const char *proc_cgroup, const char *sys_root);

double igi_now_s(void); /* monotonic clock, in seconds */

#endif
