#include "tests/support/test_main.h"

#include <string.h>

#include "graph/core/arena.h"
#include "tests/support/failing_alloc.h"

static void blocks_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    static const char zero[3000];
    igi_arena a;
    igi_arena_init(&a);
    for (int round = 0; round < 2; round++) { /* the second one reuses written memory */
        char *last = NULL;
        for (size_t n = 0; n < sizeof(zero); n += 37) {
            char *p = igi_arena_alloc(&a, n);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            assert_memory_equal(p, zero, n);
            assert_ptr_not_equal(p, last);
            memset(p, 0xff, n);
            last = p;
        }
        igi_arena_reset(&a);
        assert_int_equal(a.total, 0);
    }
    igi_arena_fini(&a);
}

static void a_block_may_be_larger_than_a_chunk(void **state)
{
    (void)state;
    igi_arena a;
    igi_arena_init(&a);
    char *p = igi_arena_alloc(&a, 5 << 20), *q = igi_arena_alloc(&a, 8);
    assert_non_null(p);
    assert_non_null(q);
    memset(p, 1, 5 << 20);
    assert_int_equal(q[0], 0);
    igi_arena_fini(&a);
}

static void strings_and_bytes_are_copied(void **state)
{
    (void)state;
    igi_arena a;
    igi_arena_init(&a);
    char text[] = "text";
    char *s = igi_arena_strdup(&a, text), *part = igi_arena_strndup(&a, text, 3);
    int64_t *ints = igi_arena_dup(&a, &(int64_t){7}, sizeof(int64_t));
    text[0] = 'n';
    assert_string_equal(s, "text");
    assert_string_equal(part, "tex");
    assert_int_equal(*ints, 7);
    igi_arena_fini(&a);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    igi_arena a;
    igi_arena_init(&a);
    assert_null(igi_arena_alloc(&a, SIZE_MAX));
    assert_int_equal(ig_error_status(), IG_OUT_OF_MEMORY);
    assert_null(igi_arena_alloc(&a, SIZE_MAX - 20));
    assert_null(igi_arena_array(&a, SIZE_MAX / 4, 8));
    assert_null(igi_arena_strndup(&a, "x", SIZE_MAX));
    igi_arena_fini(&a);
}

static ig_status fill(void *arg)
{
    (void)arg;
    igi_arena a;
    ig_status rc = IG_OK;
    igi_arena_init(&a);
    for (int i = 0; i < 300 && rc == IG_OK; i++)
        rc = igi_arena_alloc(&a, 100) ? IG_OK : ig_error_status();
    igi_arena_fini(&a);
    return rc;
}

static void a_failing_chunk_leaves_nothing_behind(void **state)
{
    (void)state;
    igi_failing_each(fill, NULL);
}

static void a_reset_keeps_one_chunk(void **state)
{
    (void)state;
    igi_arena a;
    igi_failing_install();
    igi_arena_init(&a);
    for (int i = 0; i < 100; i++)
        igi_arena_alloc(&a, 1000);
    assert_true(igi_failing_live() > 1);
    igi_arena_reset(&a);
    assert_int_equal(igi_failing_live(), 1);
    igi_arena_fini(&a);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

IG_TESTS(cmocka_unit_test(blocks_are_zeroed_aligned_and_apart),
         cmocka_unit_test(a_block_may_be_larger_than_a_chunk),
         cmocka_unit_test(strings_and_bytes_are_copied),
         cmocka_unit_test(sizes_that_overflow_are_refused),
         cmocka_unit_test(a_failing_chunk_leaves_nothing_behind),
         cmocka_unit_test(a_reset_keeps_one_chunk))
