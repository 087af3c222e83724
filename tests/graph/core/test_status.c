#include "tests/support/test_main.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/status.h"

static void a_failure_records_code_and_message(void **state)
{
    (void)state;
    assert_int_equal(ig_fail(IG_NOT_FOUND, "no value '%s' of %d", "x", 3),
                     IG_NOT_FOUND);
    assert_int_equal(ig_error_status(), IG_NOT_FOUND);
    assert_string_equal(ig_error_message(), "no value 'x' of 3");
    igi_error_clear();
    assert_int_equal(ig_error_status(), IG_OK);
    assert_string_equal(ig_error_message(), "");
}

static void context_is_put_in_front(void **state)
{
    (void)state;
    ig_fail(IG_LIMIT, "too many nodes");
    assert_int_equal(ig_fail_context("graph '%s'", "main"), IG_LIMIT);
    assert_int_equal(ig_fail_context("model"), IG_LIMIT);
    assert_string_equal(ig_error_message(), "model: graph 'main': too many nodes");
}

static void a_message_may_contain_the_recorded_one(void **state)
{
    (void)state;
    ig_fail(IG_IO, "disk");
    ig_fail(IG_IO, "again: %s", ig_error_message());
    assert_string_equal(ig_error_message(), "again: disk");
}

static void long_messages_are_cut_at_a_whole_character(void **state)
{
    (void)state;
    char text[2 * IG_ERROR_TEXT_MAX];
    /* Two-byte characters, at both alignments of the cut. */
    for (size_t shift = 0; shift < 2; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 2 < sizeof(text); i += 2)
            memcpy(text + i, "\xc3\xa4", 2);
        text[sizeof(text) - 2] = 0;
        text[sizeof(text) - 1] = 0;
        ig_fail(IG_IO, "%s", text);
        size_t n = strlen(ig_error_message());
        assert_in_range(n, IG_ERROR_TEXT_MAX - 2, IG_ERROR_TEXT_MAX - 1);
        assert_int_equal((n - shift) % 2, 0);
    }
}

static void a_long_context_keeps_room_for_the_message(void **state)
{
    (void)state;
    char text[3 * IG_ERROR_TEXT_MAX];
    memset(text, 'c', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    ig_fail(IG_IO, "the cause");
    ig_fail_context("%s", text);
    assert_non_null(strstr(ig_error_message(), ": the cause"));
}

static void control_characters_do_not_reach_messages(void **state)
{
    (void)state;
    ig_fail(IG_IO, "name '%s'", "a\x1b[31mb\x7f\r");
    assert_string_equal(ig_error_message(), "name 'a?[31mb?"
                                            "?'");
}

static void ok_is_never_recorded_as_a_failure(void **state)
{
    (void)state;
    assert_int_equal(ig_fail(IG_OK, "no"), IG_INTERNAL);
    igi_error_clear();
    assert_int_equal(ig_fail_context("no"), IG_INTERNAL);
}

static void *fail_elsewhere(void *out)
{
    ig_fail(IG_DEVICE, "on the other thread");
    igi_error_get(out);
    return NULL;
}

static void records_belong_to_threads_and_can_be_moved(void **state)
{
    (void)state;
    igi_error other;
    pthread_t thread;
    igi_error_clear();
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &other), 0);
    pthread_join(thread, NULL);
    assert_string_equal(ig_error_message(), "");
    assert_int_equal(igi_error_set(&other), IG_DEVICE);
    assert_string_equal(ig_error_message(), "on the other thread");
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int i = IG_OK; i <= IG_DEADLINE; i++)
        assert_string_not_equal(ig_status_string((ig_status)i), "unknown status");
    assert_string_equal(ig_status_string((ig_status)99), "unknown status");
    assert_string_equal(ig_status_string((ig_status)-1), "unknown status");
}

static void the_version_is_that_of_the_header(void **state)
{
    (void)state;
    char text[32];
    snprintf(text, sizeof(text), "%d.%d.%d", IG_VERSION_MAJOR, IG_VERSION_MINOR,
             IG_VERSION_PATCH);
    assert_string_equal(ig_version(), text);
    assert_int_equal(ig_version_num(), IG_VERSION_NUM);
    assert_int_equal(IG_VERSION_NUM, IG_VERSION_MAJOR * 10000 + IG_VERSION_MINOR * 100 +
                                         IG_VERSION_PATCH);
}

IG_TESTS(cmocka_unit_test(a_failure_records_code_and_message),
         cmocka_unit_test(context_is_put_in_front),
         cmocka_unit_test(a_message_may_contain_the_recorded_one),
         cmocka_unit_test(long_messages_are_cut_at_a_whole_character),
         cmocka_unit_test(a_long_context_keeps_room_for_the_message),
         cmocka_unit_test(control_characters_do_not_reach_messages),
         cmocka_unit_test(ok_is_never_recorded_as_a_failure),
         cmocka_unit_test(records_belong_to_threads_and_can_be_moved),
         cmocka_unit_test(every_status_has_a_name),
         cmocka_unit_test(the_version_is_that_of_the_header))
