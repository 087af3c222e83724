#include "tests/support/test_main.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/core/vec.h"
#include "tests/support/failing_alloc.h"

static void blocks_are_aligned_and_distinct(void **state)
{
    (void)state;
    void *p[64];
    for (size_t i = 0; i < 64; i++) {
        p[i] = igi_alloc(i);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 64, 0);
        memset(p[i], (int)i, i);
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(p[i], p[j]);
    }
    for (size_t i = 0; i < 64; i++)
        igi_free(p[i]);
    igi_free(NULL);
}

static void resizing_keeps_the_contents_and_the_alignment(void **state)
{
    (void)state;
    char *p = igi_realloc(NULL, 10);
    memcpy(p, "0123456789", 10);
    p = igi_realloc(p, 100000);
    assert_memory_equal(p, "0123456789", 10);
    assert_int_equal((uintptr_t)p % 64, 0);
    p = igi_realloc(p, 4);
    assert_memory_equal(p, "0123", 4);
    p = igi_realloc(p, 0);
    assert_non_null(p);
    igi_free(p);
}

/* V2 */
static void sizes_that_overflow_are_out_of_memory(void **state)
{
    (void)state;
    igi_error_clear();
    assert_null(igi_alloc(SIZE_MAX));
    assert_int_equal(ig_error_status(), IG_OUT_OF_MEMORY);
    assert_null(igi_alloc(SIZE_MAX - 63));
    assert_null(igi_calloc(SIZE_MAX / 2, 3));
    assert_null(igi_alloc_array((size_t)1 << 32, (size_t)1 << 32));
    void *p = igi_alloc(1);
    assert_null(igi_realloc(p, SIZE_MAX));
    igi_free(p); /* still valid */
    assert_null(igi_strndup("x", SIZE_MAX));
}

static void calloc_zeroes_and_strings_are_copied(void **state)
{
    (void)state;
    static const char zero[1000];
    igi_failing_install(); /* fills blocks with a pattern */
    char *p = igi_calloc(10, 100);
    assert_memory_equal(p, zero, sizeof(zero));
    char *s = igi_strdup("text"), *part = igi_strndup("text", 2);
    assert_string_equal(s, "text");
    assert_string_equal(part, "te");
    assert_int_equal(igi_failing_live(), 3);
    igi_free(p);
    igi_free(s);
    igi_free(part);
    assert_int_equal(igi_failing_live(), 0);
    assert_int_equal(igi_failing_live_bytes(), 0);
    igi_failing_uninstall();
}

static void the_chosen_allocation_fails_once_or_for_ever(void **state)
{
    (void)state;
    igi_failing_install();
    igi_failing_at(1, false);
    void *a = igi_alloc(1), *b = igi_alloc(1), *c = igi_alloc(1);
    assert_non_null(a);
    assert_null(b);
    assert_non_null(c);
    assert_true(igi_failing_hit());
    igi_failing_at(0, true);
    assert_null(igi_alloc(1));
    assert_null(igi_alloc(1));
    igi_failing_at(-1, false);
    igi_free(a);
    igi_free(c);
    igi_failing_uninstall();
}

static ig_status push_many(void *arg)
{
    (void)arg;
    IGI_VEC(int64_t) v = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < 100; i++)
        ok = IGI_PUSH(&v, i);
    for (size_t i = 0; i < v.n; i++)
        assert_int_equal(v.p[i], i);
    IGI_VEC_FREE(&v);
    return ok ? IG_OK : ig_error_status();
}

static void an_array_survives_failing_growth(void **state)
{
    (void)state;
    igi_failing_each(push_many, NULL);
}

static void growth_that_overflows_is_refused(void **state)
{
    (void)state;
    void *p = NULL;
    size_t cap = 0;
    assert_false(igi_vec_grow(&p, &cap, SIZE_MAX, 8));
    assert_int_equal(ig_error_status(), IG_OUT_OF_MEMORY);
    assert_int_equal(cap, 0);
    assert_null(p);
}

static void an_array_that_has_room_does_not_grow(void **state)
{
    (void)state;
    void *p = NULL;
    size_t cap = 0;
    assert_true(igi_vec_grow(&p, &cap, 1, 8));
    const size_t first = cap;
    assert_true(igi_vec_grow(&p, &cap, first, 8));
    assert_int_equal(cap, first);
    igi_free(p);
}

static void indices_are_checked_from_both_ends(void **state)
{
    (void)state;
    assert_int_equal(igi_index(0, 3), 0);
    assert_int_equal(igi_index(2, 3), 2);
    assert_int_equal(igi_index(-3, 3), 0);
    assert_int_equal(igi_index(3, 3), -1);
    assert_int_equal(igi_index(-4, 3), -1);
    assert_int_equal(igi_index(INT64_MIN, 3), -1);
    assert_int_equal(igi_index(INT64_MAX, 3), -1);
    assert_int_equal(igi_index(0, 0), -1);
}

/* V2 */
static void rounding_up_does_not_wrap(void **state)
{
    (void)state;
    size_t n;
    assert_true(igi_round_up(65, 64, &n));
    assert_int_equal(n, 128);
    assert_true(igi_round_up(0, 64, &n));
    assert_int_equal(n, 0);
    assert_false(igi_round_up(SIZE_MAX - 10, 64, &n));
}

IG_TESTS(cmocka_unit_test(blocks_are_aligned_and_distinct),
         cmocka_unit_test(resizing_keeps_the_contents_and_the_alignment),
         cmocka_unit_test(sizes_that_overflow_are_out_of_memory),
         cmocka_unit_test(calloc_zeroes_and_strings_are_copied),
         cmocka_unit_test(the_chosen_allocation_fails_once_or_for_ever),
         cmocka_unit_test(an_array_survives_failing_growth),
         cmocka_unit_test(growth_that_overflows_is_refused),
         cmocka_unit_test(an_array_that_has_room_does_not_grow),
         cmocka_unit_test(indices_are_checked_from_both_ends),
         cmocka_unit_test(rounding_up_does_not_wrap))
