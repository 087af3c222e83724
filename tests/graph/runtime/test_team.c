/* Teams and the barrier. */
#include "graph/runtime/team.h"

#include <sys/wait.h>
#include <unistd.h>

#include "graph/core/thread.h"
#include "graph/runtime/pool.h"

#include "tests/graph/runtime/support.h"

typedef struct shared {
    igi_barrier b;
    atomic_int before, late, left;
    int nth;
} shared;

static void meet_often(void *arg, int tid, int nth)
{
    shared *s = arg;
    if (tid == 0)
        s->nth = nth;
    for (int round = 1; round <= 300; round++) {
        atomic_fetch_add(&s->before, 1);
        if (igi_barrier_wait(&s->b))
            return;
        if (atomic_load(&s->before) < round * nth) /* somebody had not come yet */
            atomic_fetch_add(&s->late, 1);
        if (igi_barrier_wait(&s->b))
            return;
    }
}

static void nobody_passes_the_barrier_before_all_have_come(void **state)
{
    (void)state;
    static shared s;
    memset(&s, 0, sizeof(s));
    igi_barrier_init(&s.b, 3);
    igi_team_run(NULL, meet_often, &s, 3);
    assert_int_equal(s.nth, 3);
    assert_int_equal(atomic_load(&s.before), 900);
    assert_int_equal(atomic_load(&s.late), 0);
}

static void leave_together(void *arg, int tid, int nth)
{
    shared *s = arg;
    (void)nth;
    for (int round = 0; round < 100; round++) {
        if (tid == 1 && round == 50)
            igi_barrier_stop(&s->b);
        if (igi_barrier_wait(&s->b)) {
            atomic_fetch_add(&s->left, round == 50);
            return;
        }
    }
}

static void a_stop_is_seen_by_all_at_the_same_meeting(void **state)
{
    (void)state;
    static shared s;
    for (int i = 0; i < 20; i++) {
        memset(&s, 0, sizeof(s));
        igi_barrier_init(&s.b, 4);
        igi_team_run(NULL, leave_together, &s, 4);
        assert_int_equal(atomic_load(&s.left), 4);
    }
}

static void count_calls(void *arg, int tid, int nth)
{
    (void)tid;
    atomic_fetch_add((atomic_int *)arg, nth);
}

static void a_team_of_one_is_the_caller(void **state)
{
    (void)state;
    atomic_int calls = 0;
    igi_team_run(NULL, count_calls, &calls, 1);
    igi_team_run(NULL, count_calls, &calls, 0);
    assert_int_equal(atomic_load(&calls), 2);
    assert_in_range(igi_cpu_count(), 1, IGI_THREADS_MAX);
}

/* Each region's members add their number once, whoever else has a team meanwhile. */
static void add_tid(void *arg, int tid, int nth)
{
    (void)nth;
    atomic_fetch_add((atomic_int *)arg, 1 << (8 * tid));
}

static void *run_many(void *arg)
{
    for (int i = 0; i < 500; i++) {
        atomic_int sum = 0;
        igi_team_run(NULL, add_tid, &sum, 1 + i % 4);
        if (atomic_load(&sum) != (int)(0x01010101u >> (8 * (3 - i % 4))))
            atomic_fetch_add((atomic_int *)arg, 1);
        if (i % 100 == 0)
            usleep(300); /* the members fall asleep */
    }
    return NULL;
}

static void callers_have_teams_of_their_own(void **state)
{
    (void)state;
    igi_thread callers[5];
    atomic_int wrong = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(igi_thread_start(&callers[i], run_many, &wrong), IG_OK);
    for (int i = 0; i < 5; i++)
        igi_thread_join(callers[i]);
    assert_int_equal(atomic_load(&wrong), 0);
}

/* Its parent's threads are not there. */
static void a_forked_child_has_teams(void **state)
{
    (void)state;
    atomic_int sum = 0;
    int status;
    igi_team_run(NULL, add_tid, &sum, 3);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        igi_team_run(NULL, add_tid, &sum, 3);
        _exit(atomic_load(&sum) == 2 * 0x010101 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void more_threads_than_there_may_be_make_a_smaller_team(void **state)
{
    (void)state;
    atomic_int sum = 0;
    igi_pool_run(count_calls, &sum, 10 * IGI_THREADS_MAX);
    const int nth = IGI_THREADS_MAX + 1;
    assert_in_range(atomic_load(&sum), 1, nth * nth);
}

IG_TESTS(cmocka_unit_test(callers_have_teams_of_their_own),
         cmocka_unit_test(a_forked_child_has_teams),
         cmocka_unit_test(more_threads_than_there_may_be_make_a_smaller_team),
         cmocka_unit_test(nobody_passes_the_barrier_before_all_have_come),
         cmocka_unit_test(a_stop_is_seen_by_all_at_the_same_meeting),
         cmocka_unit_test(a_team_of_one_is_the_caller))
