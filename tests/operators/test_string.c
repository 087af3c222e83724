/* Regular expressions, splitting, case: what samples cannot say. */
#include <stdio.h>
#include <string.h>

#include "operators/common_regex.h"
#include "tests/operators/op_graph.h"

static igi_text_view text(const char *s)
{
    return (igi_text_view){s, strlen(s)};
}

static bool matches(const char *pattern, const char *s)
{
    igi_regex *r;
    bool yes = false;
    if (igi_regex_new(&r, text(pattern)) != IG_OK)
        fail_msg("%s", ig_error_message());
    assert_int_equal(igi_regex_match(r, NULL, text(s), &yes), IG_OK);
    igi_regex_free(r);
    return yes;
}

static void patterns_match_as_re2_does(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *yes, *no;
    } rows[] = {
        {"", "", "a"},
        {"a|bc|", "bc", "abc"},
        {"(a*)*b", "aaab", "aaa"},
        {"a{2,3}", "aaa", "aaaa"},
        {"a{2,}", "aaaaa", "a"},
        {"a{0}b", "b", "ab"},
        {"a{,2}", "a{,2}", "aa"},
        {"x*?y??", "xxy", "yx"},
        {"^a$", "a", "a\n"},
        {"(?m)a$\\n^b", "a\nb", "ab"},
        {".", "\xc3\xa9", "\n"},
        {"(?s).", "\n", ""},
        {".", "x", "\xff"},
        {"\\xe9\\x{1F600}", "\xc3\xa9\xf0\x9f\x98\x80", "e"},
        {"[^a-c]", "d", "b"},
        {"[]a]", "]", "b"},
        {"[a-]", "-", "b"},
        {"[[:^digit:]_]", "_", "4"},
        {"[\\D]", "x", "4"},
        {"\\w+\\b\\W\\Bx?", "ab ", "ab c"},
        {"\\B", "", "a"},
        {"(?i)\xc3\x89[a-c]",
         "\xc3\xa9"
         "B",
         "e"},
        {"(?i)\xcf\x82", "\xcf\x83", "s"},            /* final and other sigma */
        {"(?i)\xcf\x83", "\xcf\x82", "s"},            /* and back */
        {"(?i)s", "\xc5\xbf", "t"},                   /* long s */
        {"(?i)\xe2\x84\xaa", "k", "q"},               /* Kelvin */
        {"(?i)[\xce\xb1-\xcf\x89]", "\xc2\xb5", "m"}, /* micro in alpha to omega */
        {"(?i:a)b", "Ab", "AB"},
        {"(?i)a(?-i)b", "Ab", "AB"},
        {"(?P<year>\\d{4})-(?<month>\\d\\d)", "2024-05", "2024-5"},
        {"\\Qa.b\\E+", "a.bb", "axb"},
        {"\\101\\t\\.", "A\t.", "A."},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (!matches(rows[i].pattern, rows[i].yes))
            fail_msg("'%s' does not match '%s'", rows[i].pattern, rows[i].yes);
        if (matches(rows[i].pattern, rows[i].no))
            fail_msg("'%s' matches '%s'", rows[i].pattern, rows[i].no);
    }
}

static void bad_patterns_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        ig_status status;
    } rows[] = {
        {"a**", IG_INVALID_ARGUMENT},          {"*a", IG_INVALID_ARGUMENT},
        {"(a", IG_INVALID_ARGUMENT},           {"a)", IG_INVALID_ARGUMENT},
        {"[a", IG_INVALID_ARGUMENT},           {"[b-a]", IG_INVALID_ARGUMENT},
        {"a\\", IG_INVALID_ARGUMENT},          {"\\1", IG_INVALID_ARGUMENT},
        {"a{1001}", IG_INVALID_ARGUMENT},      {"a{3,2}", IG_INVALID_ARGUMENT},
        {"(?z)", IG_INVALID_ARGUMENT},         {"[[:nope:]]", IG_INVALID_ARGUMENT},
        {"\\y", IG_INVALID_ARGUMENT},          {"\xff", IG_INVALID_ARGUMENT},
        {"\\x{110000}", IG_INVALID_ARGUMENT},  {"\\pL", IG_UNSUPPORTED},
        {"((a{1000}){1000}){1000}", IG_LIMIT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        igi_regex *r;
        ig_status rc = igi_regex_new(&r, text(rows[i].pattern));
        if (rc != rows[i].status)
            fail_msg("'%s' gives status %d", rows[i].pattern, (int)rc);
        assert_null(r);
    }
    char deep[2000];
    igi_regex *r;
    memset(deep, '(', sizeof(deep));
    assert_int_equal(igi_regex_new(&r, (igi_text_view){deep, sizeof(deep)}), IG_LIMIT);
}

/* A backtracking matcher would need longer than the universe has. */
static void time_is_linear_in_the_text(void **state)
{
    (void)state;
    static char many[20001];
    memset(many, 'a', sizeof(many) - 1);
    assert_false(matches("(a|aa)+(a*)*(a*a*a*)*b", many));
    assert_true(matches("(a?){500}a{500}.*", many));
}

static void case_follows_unicode(void **state)
{
    (void)state;
    igi_str *s =
        igi_string_in_case(text("\xc3\xa9\xc3\x9fz\xcf\x83\xff"), IGI_CASE_UPPER);
    assert_string_equal(s->text, "\xc3\x89\xc3\x9fZ\xce\xa3\xff");
    igi_str_unref(s);
    s = igi_string_in_case(text("\xd0\x96\xc4\xb0I"), IGI_CASE_LOWER);
    assert_string_equal(s->text, "\xd0\xb6ii");
    igi_str_unref(s);
    for (int32_t c = 0; c < 0x20000; c += c == 0xd7ff ? 0x801 : 1) {
        char out[4];
        int n = igi_utf8_encode(c, out), bytes;
        assert_int_equal(igi_utf8_decode(out, (size_t)n, &bytes), c);
        assert_int_equal(bytes, n);
        assert_true(igi_case_lower(igi_case_lower(c)) == igi_case_lower(c));
    }
}

static void what_is_not_utf8_is_taken_byte_by_byte(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8", "\xe2\x82"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int bytes;
        assert_int_equal(igi_utf8_decode(bad[i], strlen(bad[i]), &bytes), -1);
        assert_int_equal(bytes, 1);
    }
}

#define TEST(name_)                                                                    \
    cmocka_unit_test_setup_teardown(name_, op_graph_setup, op_graph_teardown)
IG_TESTS(TEST(patterns_match_as_re2_does),
         TEST(bad_patterns_are_refused),
         TEST(time_is_linear_in_the_text),
         TEST(case_follows_unicode),
         TEST(what_is_not_utf8_is_taken_byte_by_byte))
