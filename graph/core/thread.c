/* Threads and the CPU budget.
 *
 * A container limits CPUs in two ways: by affinity (cpusets), which sched_getaffinity
 * shows, and by a quota of time per period, which only cgroup files show. Quotas of all
 * ancestors hold, so the smallest counts. In a cgroup namespace the path of
 * /proc/self/cgroup is relative to the mount; where it does not exist the walk up ends
 * at the root, which does. */
#include "graph/core/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "graph/core/alloc.h"
#include "graph/core/file.h"

ig_status igi_mutex_init(igi_mutex *m)
{
    int e = pthread_mutex_init(m, NULL);
    return e ? ig_fail(IG_OUT_OF_MEMORY, "a mutex cannot be made (error %d)", e)
             : IG_OK;
}

ig_status igi_cond_init(igi_cond *c)
{
    pthread_condattr_t attr;
    int e = pthread_condattr_init(&attr);
    if (e == 0) {
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        e = pthread_cond_init(c, &attr);
        pthread_condattr_destroy(&attr);
    }
    return e ? ig_fail(IG_OUT_OF_MEMORY, "a condition cannot be made (error %d)", e)
             : IG_OK;
}

bool igi_cond_wait_until(igi_cond *c, igi_mutex *m, double deadline)
{
    struct timespec until;
    if (deadline < 0)
        deadline = 0;
    if (deadline > 1e15) {
        pthread_cond_wait(c, m);
        return true;
    }
    until.tv_sec = (time_t)deadline;
    until.tv_nsec = (long)((deadline - (double)until.tv_sec) * 1e9);
    return pthread_cond_timedwait(c, m, &until) != ETIMEDOUT;
}

ig_status igi_thread_start(igi_thread *out, void *(*fn)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(out, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e ? ig_fail(IG_OUT_OF_MEMORY, "a thread cannot be started (error %d)", e)
             : IG_OK;
}

void igi_thread_join(igi_thread t)
{
    pthread_join(t, NULL);
}

double igi_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Number at the beginning of a text, -1 when there is none ("max"). */
static double number_of(const char *text)
{
    char *end;
    long long v = strtoll(text, &end, 10);
    return end == text || v < 0 ? -1 : (double)v;
}

/* Quota of one cgroup folder, in CPUs; 0: none. */
static double quota_of(const char *folder, bool v2)
{
    char path[4352], text[128];
    double quota, period;
    snprintf(path, sizeof(path), "%s/%s", folder, v2 ? "cpu.max" : "cpu.cfs_quota_us");
    if (igi_file_peek(path, text, sizeof(text)) < 0)
        return 0;
    quota = number_of(text);
    if (v2) {
        const char *space = strchr(text, ' ');
        period = space ? number_of(space + 1) : -1;
    } else {
        snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder);
        period = igi_file_peek(path, text, sizeof(text)) < 0 ? -1 : number_of(text);
    }
    return quota > 0 && period > 0 ? quota / period : 0;
}

static double smaller_quota(double a, double b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Smallest quota from root/path up to root. */
static double quota_upwards(const char *root, const char *path, bool v2)
{
    char folder[4200];
    int n = snprintf(folder, sizeof(folder), "%s%s", root, path);
    size_t stop = strlen(root);
    double least = 0;
    if (n < 0 || (size_t)n >= sizeof(folder))
        return 0;
    for (;;) {
        least = smaller_quota(least, quota_of(folder, v2));
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < stop)
            return least;
        *slash = 0;
    }
}

/* Is "cpu" one of the names in a list like "cpu,cpuacct"? */
static bool lists_cpu(const char *list)
{
    while (*list) {
        size_t n = strcspn(list, ",");
        if (n == 3 && strncmp(list, "cpu", n) == 0)
            return true;
        list += n + (list[n] == ',');
    }
    return false;
}

double igi_cgroup_quota(const char *proc_cgroup, const char *sys_root)
{
    char text[8192], root[4096], *save = NULL;
    double least = 0;
    if (igi_file_peek(proc_cgroup, text, sizeof(text)) < 0)
        return 0;
    /* Lines are "number:controllers:path"; version 2 has number 0 and no controllers.
     */
    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        list++;
        bool v2 = list[0] == 0;
        if (!v2 && !lists_cpu(list))
            continue;
        snprintf(root, sizeof(root), "%s%s", sys_root, v2 ? "" : "/cpu");
        if (strcmp(path, "/") == 0)
            path++;
        least = smaller_quota(least, quota_upwards(root, path, v2));
    }
    return least;
}

/* CPUs in the affinity mask; the mask grows until the kernel's fits. */
static int affinity_count(void)
{
    for (size_t cpus = 1024; cpus <= (size_t)1 << 20; cpus *= 4) {
        size_t bytes = CPU_ALLOC_SIZE(cpus);
        cpu_set_t *set = igi_calloc(1, bytes);
        if (!set)
            break;
        int rc = sched_getaffinity(0, bytes, set), e = errno;
        int n = rc == 0 ? CPU_COUNT_S(bytes, set) : 0;
        igi_free(set);
        if (rc == 0)
            return n;
        if (e != EINVAL)
            break;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int igi_cpu_budget(void)
{
    int n = affinity_count();
    double quota = igi_cgroup_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    if (quota > 0 && quota < n) {
        int whole = (int)quota;
        n = whole + (quota > whole);
    }
    return n > 1 ? n : 1;
}
