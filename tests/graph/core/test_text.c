#include "tests/support/test_main.h"

#include <string.h>

#include "graph/core/text.h"
#include "tests/support/failing_alloc.h"

static void pieces_of_any_length_are_joined(void **state)
{
    (void)state;
    char wide[1000], *out;
    igi_text t = {0};
    memset(wide, 'w', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = 0;
    igi_text_add(&t, "%d,", 1);
    igi_text_add(&t, "%s|", wide);
    igi_text_add_bytes(&t, "ab\0c", 4);
    assert_int_equal(igi_text_take(&t, &out), IG_OK);
    assert_memory_equal(out, "1,www", 5);
    assert_int_equal(strlen(out), 2 + 999 + 1 + 2);
    assert_memory_equal(out + 2 + 999, "|ab\0c", 6);
    igi_free(out);
    assert_null(t.p);
}

static void an_empty_text_is_an_empty_string(void **state)
{
    (void)state;
    char *out;
    igi_text t = {0};
    assert_int_equal(igi_text_take(&t, &out), IG_OK);
    assert_string_equal(out, "");
    igi_free(out);
}

static ig_status write_text(void *arg)
{
    (void)arg;
    char *out;
    igi_text t = {0};
    for (int i = 0; i < 500; i++)
        igi_text_add(&t, "line %d of a text\n", i);
    IG_TRY(igi_text_take(&t, &out));
    igi_free(out);
    return IG_OK;
}

static void a_failure_sticks_until_take(void **state)
{
    (void)state;
    igi_failing_each(write_text, NULL);
}

IG_TESTS(cmocka_unit_test(pieces_of_any_length_are_joined),
         cmocka_unit_test(an_empty_text_is_an_empty_string),
         cmocka_unit_test(a_failure_sticks_until_take))
