/* Constants at odd addresses become aligned once, on demand. */
#include <pthread.h>
#include <string.h>

#include "graph/core/tensor.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

enum { COUNT = 1000 };

static int dropped;

static void note_drop(void *data, void *user)
{
    (void)data;
    (void)user;
    dropped++;
}

/* A float32 tensor [COUNT] of 0, 1, ... whose bytes begin at an odd address. */
static ig_status make_odd(char *buf, ig_tensor **out)
{
    const int64_t bytes = COUNT * 4 + 1, n = COUNT;
    ig_tensor *whole = NULL;
    *out = NULL;
    for (int i = 0; i < COUNT; i++) {
        float x = (float)i;
        memcpy(buf + 1 + 4 * i, &x, sizeof(x));
    }
    IG_TRY(ig_tensor_wrap(&whole, IG_UINT8, 1, &bytes, buf, (size_t)bytes, note_drop,
                          NULL));
    (void)ig_tensor_share(whole);
    ig_status rc = igi_tensor_header(out, NULL, IG_FLOAT32, 1, &n);
    if (rc == IG_OK) {
        (*out)->st = igi_storage_ref(whole->st);
        (*out)->data = buf + 1;
        (*out)->v.unaligned = 1;
        (void)ig_tensor_share(*out);
    }
    ig_tensor_unref(whole);
    return rc;
}

static _Alignas(64) char memory[COUNT * 4 + 1];

static bool counts_up(const ig_tensor *t)
{
    for (int i = 0; i < COUNT; i++) {
        float x;
        memcpy(&x, t->data + 4 * i, sizeof(x));
        if ((int)x != i)
            return false;
    }
    return true;
}

static void settling_copies_once_and_keeps_the_old_bytes(void **state)
{
    (void)state;
    ig_tensor *t;
    dropped = 0;
    assert_int_equal(make_odd(memory, &t), IG_OK);
    assert_ptr_equal(igi_tensor_bytes(t, NULL), memory + 1);
    assert_int_equal(igi_tensor_settle(t), IG_OK);
    char *aligned = t->data;
    bool same = counts_up(t), still = igi_is_unaligned(t);
    assert_int_equal(igi_tensor_settle(t), IG_OK);
    bool moved = t->data != aligned;
    int early = dropped;
    ig_tensor_unref(t);
    assert_int_equal((uintptr_t)aligned % 64, 0);
    assert_true(same && !still && !moved);
    assert_int_equal(early, 0); /* plans may still read the old bytes */
    assert_int_equal(dropped, 1);
}

static ig_status settle_one(void *arg)
{
    ig_tensor *t;
    IG_TRY(make_odd(arg, &t));
    ig_status rc = igi_tensor_settle(t);
    if (rc == IG_OK && !counts_up(t))
        rc = ig_fail(IG_INTERNAL, "other numbers");
    if (rc != IG_OK && !igi_is_unaligned(t))
        rc = ig_fail(IG_INTERNAL, "settled without memory");
    ig_tensor_unref(t);
    return rc;
}

/* T6 */
static void without_memory_it_stays_where_it_is(void **state)
{
    (void)state;
    igi_failing_each(settle_one, memory);
}

static void *settle_in_thread(void *t)
{
    return igi_tensor_settle(t) == IG_OK && igi_tensor_bytes(t, NULL) ? t : NULL;
}

static void threads_settle_it_together(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        ig_tensor *t;
        pthread_t thread[4];
        void *done[4];
        assert_int_equal(make_odd(memory, &t), IG_OK);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, settle_in_thread, t), 0);
        for (int i = 0; i < 4; i++)
            pthread_join(thread[i], &done[i]);
        bool same = counts_up(t);
        ig_tensor_unref(t);
        assert_true(done[0] && done[1] && done[2] && done[3] && same);
    }
}

IG_TESTS(cmocka_unit_test(settling_copies_once_and_keeps_the_old_bytes),
         cmocka_unit_test(without_memory_it_stays_where_it_is),
         cmocka_unit_test(threads_settle_it_together))
