#include "tests/support/test_main.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/core/thread.h"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/ingot_test_thread_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static const char *at(const char *name)
{
    static char paths[2][256];
    static int next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* Writes a file, with the folders on its way. */
static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s", at(name));
    for (char *p = path + strlen(folder) + 1; *p; p++) {
        if (*p == '/') {
            *p = 0;
            mkdir(path, 0700);
            *p = '/';
        }
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static double quota(void)
{
    return igi_cgroup_quota(at("cgroup"), at("sys"));
}

static void without_cgroup_files_there_is_no_quota(void **state)
{
    (void)state;
    assert_true(quota() == 0);
    put("cgroup", "0::/a/b\n");
    assert_true(quota() == 0);
    put("cgroup", "nonsense\n\n::\n0:\n");
    assert_true(quota() == 0);
}

static void the_smallest_quota_of_all_ancestors_counts(void **state)
{
    (void)state;
    put("cgroup", "0::/a/b\n");
    put("sys/a/b/cpu.max", "400000 100000\n");
    assert_true(quota() == 4);
    put("sys/a/cpu.max", "150000 100000\n");
    assert_true(quota() == 1.5);
    put("sys/a/cpu.max", "max 100000\n");
    assert_true(quota() == 4);
    put("sys/cpu.max", "50000 100000\n");
    assert_true(quota() == 0.5);
    put("cpu.max", "1 100000\n"); /* above the root: not ours */
    assert_true(quota() == 0.5);
}

static void a_path_of_another_namespace_ends_at_the_root(void **state)
{
    (void)state;
    put("cgroup", "0::/outer/container\n");
    put("sys/cpu.max", "200000 100000\n");
    assert_true(quota() == 2);
    put("cgroup", "0::/\n");
    assert_true(quota() == 2);
}

static void version_one_is_read_too(void **state)
{
    (void)state;
    put("cgroup", "5:memory:/a\n4:cpu,cpuacct:/a\n3:cpuset:/x\n");
    put("sys/cpu/a/cpu.cfs_quota_us", "300000\n");
    put("sys/cpu/a/cpu.cfs_period_us", "100000\n");
    assert_true(quota() == 3);
    put("sys/cpu/a/cpu.cfs_quota_us", "-1\n");
    assert_true(quota() == 0);
    put("sys/cpu/a/cpu.cfs_quota_us", "300000\n");
    put("sys/cpu/a/cpu.cfs_period_us", "0\n");
    assert_true(quota() == 0);
}

static void the_budget_follows_the_affinity(void **state)
{
    (void)state;
    cpu_set_t before, one;
    int all = igi_cpu_budget();
    size_t cpu = 0;
    assert_true(all >= 1);
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    assert_true(all <= CPU_COUNT(&before));
    while (!CPU_ISSET(cpu, &before))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(igi_cpu_budget(), 1);
    sched_setaffinity(0, sizeof(before), &before);
}

typedef struct meeting {
    igi_mutex m;
    igi_cond c;
    int arrived;
    bool blocked;
} meeting;

static void *arrive(void *arg)
{
    meeting *x = arg;
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    igi_mutex_lock(&x->m);
    x->blocked = sigismember(&set, SIGINT) == 1;
    x->arrived++;
    igi_cond_signal(&x->c);
    igi_mutex_unlock(&x->m);
    return NULL;
}

static void threads_meet_and_leave_signals_alone(void **state)
{
    (void)state;
    meeting x = {.arrived = 0};
    igi_thread t;
    assert_int_equal(igi_mutex_init(&x.m), IG_OK);
    assert_int_equal(igi_cond_init(&x.c), IG_OK);
    assert_int_equal(igi_thread_start(&t, arrive, &x), IG_OK);
    igi_mutex_lock(&x.m);
    while (x.arrived == 0)
        igi_cond_wait(&x.c, &x.m);
    assert_true(x.blocked);
    igi_mutex_unlock(&x.m);
    igi_thread_join(t);
    igi_cond_fini(&x.c);
    igi_mutex_fini(&x.m);
}

static void a_wait_ends_at_its_deadline(void **state)
{
    (void)state;
    igi_mutex m;
    igi_cond c;
    assert_int_equal(igi_mutex_init(&m), IG_OK);
    assert_int_equal(igi_cond_init(&c), IG_OK);
    igi_mutex_lock(&m);
    double before = igi_now_s();
    while (igi_cond_wait_until(&c, &m, before + 0.02)) {
    }
    assert_true(igi_now_s() >= before + 0.02);
    while (igi_cond_wait_until(&c, &m, -5)) {
    }
    igi_mutex_unlock(&m);
    igi_cond_fini(&c);
    igi_mutex_fini(&m);
}

static int calls;

static void call(void)
{
    calls++;
}

static void once_is_once(void **state)
{
    (void)state;
    static igi_once once = IGI_ONCE_INIT;
    igi_call_once(&once, call);
    igi_call_once(&once, call);
    assert_int_equal(calls, 1);
    igi_cpu_relax();
}

#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
IG_TESTS(T(without_cgroup_files_there_is_no_quota),
         T(the_smallest_quota_of_all_ancestors_counts),
         T(a_path_of_another_namespace_ends_at_the_root),
         T(version_one_is_read_too),
         cmocka_unit_test(the_budget_follows_the_affinity),
         cmocka_unit_test(threads_meet_and_leave_signals_alone),
         cmocka_unit_test(a_wait_ends_at_its_deadline),
         cmocka_unit_test(once_is_once))
