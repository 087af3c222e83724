/* Thread counts, teams without a device, and the spin barrier. */
#include "graph/runtime/team.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- how many ---- */

/* First `size` - 1 bytes of a small file of the kernel's; false when there is none. */
static bool read_small(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, buf, size - 1);
    close(fd);
    buf[n > 0 ? n : 0] = 0;
    return n > 0;
}

/* Processors that the cgroup's quota pays for, rounded up; 0: no quota. */
static long cgroup_quota(void)
{
    char text[128], *end;
    long quota = 0, period = 0;
    if (read_small("/sys/fs/cgroup/cpu.max", text, sizeof(text))) { /* "max 100000" */
        quota = strtol(text, &end, 10);
        period = end != text ? strtol(end, NULL, 10) : 0;
    } else if (read_small("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", text, sizeof(text))) {
        quota = strtol(text, NULL, 10);
        if (read_small("/sys/fs/cgroup/cpu/cpu.cfs_period_us", text, sizeof(text)))
            period = strtol(text, NULL, 10);
    }
    return quota > 0 && period > 0 ? (quota + period - 1) / period : 0;
}

int igi_cpu_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    long n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
                                                          : sysconf(_SC_NPROCESSORS_ONLN);
    long quota = cgroup_quota();
    if (quota > 0 && quota < n)
        n = quota;
    return n < 1 ? 1 : n > IGI_THREADS_MAX ? IGI_THREADS_MAX : (int)n;
}

/* ---- a team without a device ---- */

typedef struct member {
    pthread_t thread;
    struct host_team *team;
    int tid;
} member;

typedef struct host_team {
    igi_team_fn fn;
    void *arg;
    int nth;
    pthread_mutex_t lock;
    pthread_cond_t go;
    bool started;
} host_team;

static void *member_main(void *p)
{
    member *m = p;
    host_team *t = m->team;
    pthread_mutex_lock(&t->lock);
    while (!t->started)
        pthread_cond_wait(&t->go, &t->lock);
    int nth = t->nth;
    pthread_mutex_unlock(&t->lock);
    if (m->tid < nth)
        t->fn(t->arg, m->tid, nth);
    return NULL;
}

/* Threads are counted before any starts to work, for a team must not be a fiction. */
static void host_team_run(igi_team_fn fn, void *arg, int n)
{
    member members[IGI_THREADS_MAX];
    host_team t = {.fn = fn,
                   .arg = arg,
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .go = PTHREAD_COND_INITIALIZER};
    int made = 1;
    for (; made < n; made++) {
        members[made] = (member){.team = &t, .tid = made};
        if (pthread_create(&members[made].thread, NULL, member_main, &members[made]))
            break;
    }
    pthread_mutex_lock(&t.lock);
    t.nth = made;
    t.started = true;
    pthread_cond_broadcast(&t.go);
    pthread_mutex_unlock(&t.lock);
    fn(arg, 0, made);
    for (int i = 1; i < made; i++)
        pthread_join(members[i].thread, NULL);
    pthread_cond_destroy(&t.go);
    pthread_mutex_destroy(&t.lock);
}

void igi_team_run(const igi_device *d, igi_team_fn fn, void *arg, int n)
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

#define SPINS 4096 /* about 40 us; then others may have the processor */

void igi_barrier_init(igi_barrier *b, int n)
{
    memset(b, 0, sizeof(*b));
    b->n = n;
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

bool igi_barrier_wait(igi_barrier *b)
{
    if (b->n <= 1)
        return atomic_load_explicit(&b->stop, memory_order_acquire);
    unsigned now = atomic_load_explicit(&b->generation, memory_order_acquire);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) + 1 == b->n) {
        b->verdict = atomic_load_explicit(&b->stop, memory_order_acquire);
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&b->generation, now + 1, memory_order_release);
        return b->verdict;
    }
    for (int spins = 0; atomic_load_explicit(&b->generation, memory_order_acquire) == now;
         spins++) {
        if (spins < SPINS)
            relax();
        else
            sched_yield();
    }
    return b->verdict;
}
