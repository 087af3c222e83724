/* The googletest command line of test programs, tried by running this program itself.
 */
#include "tests/support/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs this program with `args`; returns its exit code and what it printed on stdout.
 */
static int run_self(const char *args, char *out, size_t size)
{
    char self[1024] = "", command[2048];
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    snprintf(command, sizeof(command), "INNER=1 '%s' %s 2>&1", self, args);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(out, 1, size - 1, pipe);
    out[n] = 0;
    return WEXITSTATUS(pclose(pipe));
}

static void the_list_names_the_suite_and_each_test(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(run_self("--gtest_list_tests", out, sizeof(out)), 0);
    assert_string_equal(out, "test_test_main.\n  inner_passes\n  inner_fails\n");
}

static void a_filter_chooses_by_pattern(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(run_self("--gtest_filter='*.inner_p*'", out, sizeof(out)), 0);
    assert_null(strstr(out, "inner_fails"));
    assert_int_equal(run_self("--gtest_filter='x:*inner_?asses'", out, sizeof(out)), 0);
    assert_int_equal(run_self("--gtest_filter='-*fails'", out, sizeof(out)), 0);
    assert_int_equal(run_self("--gtest_filter='*-*passes'", out, sizeof(out)), 1);
}

static void a_failing_test_gives_exit_code_one(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(run_self("", out, sizeof(out)), 1);
    assert_non_null(strstr(out, "inner_fails"));
}

static void a_filter_that_matches_nothing_is_an_error(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(run_self("--gtest_filter=nothing", out, sizeof(out)), 1);
    assert_non_null(strstr(out, "no test matches nothing"));
}

static void an_unknown_argument_is_a_usage_error(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(run_self("--verbose", out, sizeof(out)), 2);
    assert_int_equal(
        run_self("--gtest_color=no --gtest_filter=*passes", out, sizeof(out)), 0);
}

static void the_report_is_xml_that_names_the_failure(void **state)
{
    (void)state;
    char out[4096], path[] = "/tmp/test_main_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    char args[128], text[8192] = "";
    snprintf(args, sizeof(args), "--gtest_output=xml:%s", path);
    int rc = run_self(args, out, sizeof(out));
    FILE *report = fopen(path, "r");
    size_t n = report ? fread(text, 1, sizeof(text) - 1, report) : 0;
    text[n] = 0;
    if (report)
        fclose(report);
    unlink(path);
    assert_int_equal(rc, 1);
    assert_string_equal(out, "test_test_main: 2 tests, 1 failed\n");
    assert_non_null(strstr(text, "<testsuites>"));
    assert_non_null(strstr(text, "inner_fails"));
    assert_non_null(strstr(text, "<failure>"));
}

static void inner_passes(void **state)
{
    (void)state;
}

static void inner_fails(void **state)
{
    (void)state;
    assert_int_equal(1, 2);
}

const struct CMUnitTest *igi_tests_get(size_t *count)
{
    static const struct CMUnitTest outer[] = {
        cmocka_unit_test(the_list_names_the_suite_and_each_test),
        cmocka_unit_test(a_filter_chooses_by_pattern),
        cmocka_unit_test(a_failing_test_gives_exit_code_one),
        cmocka_unit_test(a_filter_that_matches_nothing_is_an_error),
        cmocka_unit_test(an_unknown_argument_is_a_usage_error),
        cmocka_unit_test(the_report_is_xml_that_names_the_failure),
    };
    static const struct CMUnitTest inner[] = {
        cmocka_unit_test(inner_passes),
        cmocka_unit_test(inner_fails),
    };
    int is_inner = getenv("INNER") != NULL;
    *count = is_inner ? sizeof(inner) / sizeof(*inner) : sizeof(outer) / sizeof(*outer);
    return is_inner ? inner : outer;
}
