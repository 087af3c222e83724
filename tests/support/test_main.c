/* The main of every test program: cmocka behind googletest's command line, so that
 * CTest's gtest_discover_tests and IDEs list and run each test by name.
 *
 *   --gtest_list_tests         prints "Suite." and one indented name per test
 *   --gtest_filter=A*:B-C*     runs what matches A* or B, and not C*
 *   --gtest_output=xml[:FILE]  writes cmocka's JUnit report
 *
 * The suite is named after the program. Other --gtest_ options are accepted and
 * ignored, for runners pass several. */
#include "tests/support/test_main.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *suite;
    const char *filter;
    const char *xml;
    bool list;
} options;

/* Glob match of `text` with '*' and '?'; the pattern ends at ':' '-' or its end.
 * Iterative: on a mismatch the last star takes one more character. */
static bool matches_pattern(const char *pattern, const char *end, const char *text)
{
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (pattern < end && (*pattern == '?' || *pattern == *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

/* Whether any of the ':'-separated patterns in [list, end) matches. */
static bool matches_any(const char *list, const char *end, const char *text)
{
    while (list < end) {
        const char *stop = memchr(list, ':', (size_t)(end - list));
        if (!stop)
            stop = end;
        if (matches_pattern(list, stop, text))
            return true;
        list = stop + 1;
    }
    return false;
}

static bool is_selected(const options *o, const char *test)
{
    if (!o->filter)
        return true;
    char name[512];
    snprintf(name, sizeof(name), "%s.%s", o->suite, test);
    const char *end = o->filter + strlen(o->filter);
    const char *minus = strchr(o->filter, '-');
    const char *positive_end = minus ? minus : end;
    bool yes = positive_end == o->filter || matches_any(o->filter, positive_end, name);
    return yes && !(minus && matches_any(minus + 1, end, name));
}

static int usage(const char *program, FILE *to)
{
    static const char text[] =
        "usage: %s [--gtest_list_tests] [--gtest_output=xml:FILE]\n"
        "       [--gtest_filter=PATTERN[:PATTERN][-PATTERN]]\n";
    fprintf(to, text, program);
    return to == stderr ? 2 : 0;
}

/* False for an argument that is none of ours. */
static bool parse_argument(options *o, const char *arg)
{
    static const char filter[] = "--gtest_filter=", output[] = "--gtest_output=xml";
    if (strcmp(arg, "--gtest_list_tests") == 0)
        o->list = true;
    else if (strncmp(arg, filter, sizeof(filter) - 1) == 0)
        o->filter = arg + sizeof(filter) - 1;
    else if (strncmp(arg, output, sizeof(output) - 1) == 0)
        o->xml =
            arg[sizeof(output) - 1] == ':' ? arg + sizeof(output) : "test_detail.xml";
    else if (strncmp(arg, "--gtest_", 8) != 0)
        return false;
    return true;
}

/* A folder as report file means FOLDER/SUITE.xml. cmocka does not overwrite, so an old
 * report goes first. */
static void prepare_report(const options *o)
{
    char path[4096];
    size_t n = strlen(o->xml);
    bool folder = n > 0 && o->xml[n - 1] == '/';
    snprintf(path, sizeof(path), "%s%s%s", o->xml, folder ? o->suite : "",
             folder ? ".xml" : "");
    unlink(path);
    setenv("CMOCKA_XML_FILE", path, 1);
    cmocka_set_message_output(CM_OUTPUT_XML);
}

static int run(const options *o, const struct CMUnitTest *tests, size_t count)
{
    struct CMUnitTest *chosen = calloc(count ? count : 1, sizeof(*chosen));
    if (!chosen)
        return 1;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (is_selected(o, tests[i].name))
            chosen[n++] = tests[i];
    int failed = 1;
    if (n == 0) {
        fprintf(stderr, "%s: no test matches %s\n", o->suite,
                o->filter ? o->filter : "*");
    } else {
        if (o->xml)
            prepare_report(o);
        failed = _cmocka_run_group_tests(o->suite, chosen, n, NULL, NULL);
        if (o->xml)
            printf("%s: %zu tests, %d failed\n", o->suite, n, failed);
    }
    free(chosen);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    options o = {.suite = slash ? slash + 1 : argv[0]};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(argv[0], stdout);
        if (!parse_argument(&o, argv[i])) {
            fprintf(stderr, "%s: unknown argument %s\n", o.suite, argv[i]);
            return usage(argv[0], stderr);
        }
    }
    size_t count = 0;
    const struct CMUnitTest *tests = igi_tests_get(&count);
    if (!o.list)
        return run(&o, tests, count);
    printf("%s.\n", o.suite);
    for (size_t i = 0; i < count; i++)
        printf("  %s\n", tests[i].name);
    return 0;
}
