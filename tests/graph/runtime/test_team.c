/* Teams and the barrier. */
#include "graph/runtime/team.h"

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

IG_TESTS(cmocka_unit_test(nobody_passes_the_barrier_before_all_have_come),
         cmocka_unit_test(a_stop_is_seen_by_all_at_the_same_meeting),
         cmocka_unit_test(a_team_of_one_is_the_caller))
