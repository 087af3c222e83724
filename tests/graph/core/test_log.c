#include "tests/support/test_main.h"

#include <stdlib.h>
#include <string.h>

#include "graph/core/log.h"

static char last[2048];

static void keep(const char *channel, const char *text, void *user)
{
    (void)channel;
    ++*(int *)user;
    strncpy(last, text, sizeof(last) - 1);
}

static void nothing_is_logged_without_a_sink_or_the_variable(void **state)
{
    (void)state;
    unsetenv("IG_LOG");
    ig_log_set(NULL, NULL);
    for (int c = 0; c < IGI_LOG_COUNT; c++)
        assert_false(igi_log_on((igi_channel)c));
}

static void the_variable_names_channels(void **state)
{
    (void)state;
    setenv("IG_LOG", "plan,import,nonsense", 1);
    ig_log_set(NULL, NULL);
    assert_true(igi_log_on(IGI_LOG_PLAN));
    assert_true(igi_log_on(IGI_LOG_IMPORT));
    assert_false(igi_log_on(IGI_LOG_DISPATCH));
    setenv("IG_LOG", "all", 1);
    ig_log_set(NULL, NULL);
    assert_true(igi_log_on(IGI_LOG_PASS));
    unsetenv("IG_LOG");
    ig_log_set(NULL, NULL);
}

static void a_sink_gets_lines_without_control_characters(void **state)
{
    (void)state;
    int calls = 0;
    char wide[4096];
    ig_log_set(keep, &calls);
    igi_log(IGI_LOG_PASS, "node '%s' gone", "a\nb\x1b");
    assert_int_equal(calls, 1);
    assert_string_equal(last, "node 'a?b?' gone");
    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = 0;
    igi_log(IGI_LOG_PASS, "%s", wide);
    assert_int_equal(strlen(last), 1023);
    ig_log_set(NULL, NULL);
    igi_log(IGI_LOG_PASS, "dropped");
    assert_int_equal(calls, 2);
}

IG_TESTS(cmocka_unit_test(nothing_is_logged_without_a_sink_or_the_variable),
         cmocka_unit_test(the_variable_names_channels),
         cmocka_unit_test(a_sink_gets_lines_without_control_characters))
