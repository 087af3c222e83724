/* Text and names from outside (V6). */
#include "graph/core/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/test_main.h"

static bool ok(const char *s, bool plain)
{
    return igi_utf8_ok(s, strlen(s), plain);
}

static void text_is_what_unicode_calls_well_formed(void **state)
{
    (void)state;
    assert_true(ok("", true));
    assert_true(ok("conv1/weight:0", true));
    assert_true(ok("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true));
    assert_true(ok("\xf4\x8f\xbf\xbf", true));
    static const char *const bad[] = {
        "\x80",             /* continues nothing */
        "\xc3",             /* ends too early */
        "\xe2\x82",         /* the same */
        "a\xc3(",           /* not continued */
        "\xc0\xaf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong */
        "\xf0\x80\x80\xaf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xfe",             /* no lead byte */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(ok(bad[i], false));
    assert_false(igi_utf8_ok("a\0b", 3, false));
}

static void control_characters_are_text_but_not_in_names(void **state)
{
    (void)state;
    assert_true(ok("two\nlines\t\x1b[0m", false));
    assert_false(ok("two\nlines", true));
    assert_false(ok("\x1b[0m", true));
    assert_false(ok("\x7f", true));
}

static void a_bad_name_is_refused_with_the_byte_and_what_it_names(void **state)
{
    (void)state;
    assert_int_equal(igi_name_check("a value", "fine"), IG_OK);
    assert_int_equal(igi_name_check("a value", "x\xff"), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "a value"));
    assert_non_null(strstr(ig_error_message(), "0xff behind \"x\""));
    assert_int_equal(igi_name_check("a node", "a\nb"), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "0x0a"));
}

static void names_are_long_up_to_the_limit(void **state)
{
    (void)state;
    char *s = malloc(IGI_NAME_MAX + 2);
    assert_non_null(s);
    memset(s, 'n', IGI_NAME_MAX + 1);
    s[IGI_NAME_MAX] = 0;
    ig_status longest = igi_name_check("a value", s);
    s[IGI_NAME_MAX] = 'n';
    s[IGI_NAME_MAX + 1] = 0;
    ig_status longer = igi_name_check("a value", s);
    free(s);
    assert_int_equal(longest, IG_OK);
    assert_int_equal(longer, IG_LIMIT);
}

static void cuts_fall_between_characters(void **state)
{
    (void)state;
    assert_int_equal(igi_utf8_cut("abc", 5), 3);
    assert_int_equal(igi_utf8_cut("abc", 3), 3);
    assert_int_equal(igi_utf8_cut("abc", 2), 2);
    assert_int_equal(igi_utf8_cut("a\xe2\x82\xac", 3), 1);
    assert_int_equal(igi_utf8_cut("a\xe2\x82\xac", 4), 4);
    assert_int_equal(igi_utf8_cut("\xc3\xa4\xc3\xa4", 3), 2);
}

IG_TESTS(cmocka_unit_test(text_is_what_unicode_calls_well_formed),
         cmocka_unit_test(control_characters_are_text_but_not_in_names),
         cmocka_unit_test(a_bad_name_is_refused_with_the_byte_and_what_it_names),
         cmocka_unit_test(names_are_long_up_to_the_limit),
         cmocka_unit_test(cuts_fall_between_characters))
