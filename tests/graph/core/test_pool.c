#include "tests/support/test_main.h"

#include "graph/core/pool.h"
#include "tests/support/failing_alloc.h"

static ig_tensor *make(igi_pool *pool, int64_t n)
{
    ig_tensor *t;
    assert_int_equal(igi_tensor_header(&t, pool, IG_FLOAT32, 1, &n), IG_OK);
    assert_int_equal(igi_tensor_alloc(t, pool), IG_OK);
    return t;
}

static void dead_blocks_are_used_again(void **state)
{
    (void)state;
    igi_pool *pool;
    igi_failing_install();
    assert_int_equal(igi_pool_new(&pool), IG_OK);
    ig_tensor *t = make(pool, 8);
    char *header = (char *)t, *data = t->data;
    ig_tensor_unref(t);
    long before = igi_failing_count();
    t = make(pool, 10); /* the same size class */
    assert_ptr_equal((char *)t, header);
    assert_ptr_equal(t->data, data);
    assert_int_equal(igi_failing_count(), before);
    ig_tensor_unref(t);
    igi_pool_unref(pool);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static void a_recycled_header_carries_nothing_over(void **state)
{
    (void)state;
    igi_pool *pool;
    uint32_t live = 5;
    assert_int_equal(igi_pool_new(&pool), IG_OK);
    ig_tensor *t = make(pool, 8);
    t->v.flags |= IGI_HAS_NODE | IGI_REQUIRES_GRAD | IGI_LEAF | IGI_TRACED | IGI_KEPT;
    t->v.trace = t->v.trace_epoch = t->node = t->node_out = 9;
    t->live = &live;
    t->st->flags |= IGI_READONLY;
    t->st->version = 3;
    ig_tensor_unref(t);
    t = make(pool, 8);
    assert_int_equal(t->v.flags, IGI_CONTIGUOUS);
    assert_true(!t->v.trace && !t->v.trace_epoch && !t->node && !t->node_out);
    assert_null(t->live);
    assert_null(t->grad);
    assert_int_equal(t->st->flags, 0);
    assert_int_equal(t->st->version, 0);
    assert_int_equal(live, 4);
    ig_tensor_unref(t);
    igi_pool_unref(pool);
}

static void tensors_may_outlive_their_pool(void **state)
{
    (void)state;
    igi_pool *pool;
    igi_failing_install();
    assert_int_equal(igi_pool_new(&pool), IG_OK);
    ig_tensor *a = make(pool, 8), *b = make(pool, 100000), *c = make(pool, 1);
    ig_tensor_unref(c);
    igi_pool_unref(pool);
    a->data[0] = 1;
    ig_tensor_unref(a);
    ig_tensor_unref(b);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static void shared_tensors_leave_their_pool(void **state)
{
    (void)state;
    igi_pool *pool;
    igi_failing_install();
    assert_int_equal(igi_pool_new(&pool), IG_OK);
    ig_tensor *t = make(pool, 8);
    assert_int_equal(pool->refs, 3);
    ig_tensor_share(t);
    ig_tensor_share(t);
    assert_int_equal(pool->refs, 1);
    assert_null(t->v.home);
    assert_null(t->st->home);
    igi_pool_unref(pool);
    ig_tensor_unref(t);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static void every_size_class_holds_what_it_promises(void **state)
{
    (void)state;
    igi_pool *pool;
    assert_int_equal(igi_pool_new(&pool), IG_OK);
    for (size_t n = 1; n <= 8192; n += n < 200 ? 1 : 61) {
        char *p = igi_pool_block_get(pool, n);
        assert_non_null(p);
        for (size_t i = 0; i < n; i++)
            p[i] = 1; /* ASan watches */
        igi_pool_block_put(pool, p, n);
    }
    assert_int_equal(pool->refs, 1);
    igi_pool_unref(pool);
}

IG_TESTS(cmocka_unit_test(dead_blocks_are_used_again),
         cmocka_unit_test(a_recycled_header_carries_nothing_over),
         cmocka_unit_test(tensors_may_outlive_their_pool),
         cmocka_unit_test(shared_tensors_leave_their_pool),
         cmocka_unit_test(every_size_class_holds_what_it_promises))
