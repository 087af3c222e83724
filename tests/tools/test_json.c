/* JSON out and in. */
#include "tests/support/test_main.h"

#include <math.h>
#include <string.h>

#include "tests/support/failing_alloc.h"
#include "tools/json.h"

static void commas_escapes_and_numbers_are_right(void **state)
{
    json_out j = {0};
    char *text = NULL;
    (void)state;
    json_begin(&j, '{');
    json_string(&j, "a\"b", "x\n\\\x01\xff\xc3\xa9");
    json_key(&j, "list");
    json_begin(&j, '[');
    json_int(&j, NULL, -5);
    json_number(&j, NULL, 0.5);
    json_number(&j, NULL, (double)NAN);
    json_bool(&j, NULL, true);
    json_end(&j, ']');
    json_key(&j, "empty");
    json_begin(&j, '{');
    json_end(&j, '}');
    json_string(&j, "none", NULL);
    json_end(&j, '}');
    assert_int_equal(igi_text_take(&j.text, &text), IG_OK);
    assert_string_equal(text, "{\"a\\\"b\": \"x\\n\\\\\\u0001\\u00ff\xc3\xa9\", "
                              "\"list\": [-5, 0.5, null, true], "
                              "\"empty\": {}, \"none\": null}");
    igi_free(text);
}

static void what_is_written_is_read_back(void **state)
{
    static const char text[] = " {\"a\": [1, {\"b\": \"x\\n\\u00e9\\\"\"}, null], "
                               "\"c\" : -1.5e3, \"t\":true} ";
    json_doc d;
    (void)state;
    assert_true(json_parse(&d, text, sizeof(text) - 1));
    const json_value *list = json_get(d.root, "a");
    assert_non_null(list);
    assert_int_equal(list->kind, JSON_ARRAY);
    assert_float_equal(list->child->number, 1, 0);
    assert_string_equal(json_get_string(list->child->next, "b"), "x\n\xc3\xa9\"");
    assert_int_equal(list->child->next->next->kind, JSON_NULL);
    assert_float_equal(json_get_number(d.root, "c", 0), -1500, 0);
    assert_int_equal(json_get(d.root, "t")->kind, JSON_BOOL);
    assert_null(json_get(d.root, "d"));
    assert_float_equal(json_get_number(d.root, "d", 7), 7, 0);
    json_free(&d);
}

static void malformed_text_is_refused(void **state)
{
    static const char *const texts[] = {"",          "{",       "[1",      "[1 2]",
                                        "{\"a\" 1}", "{1: 2}",  "\"abc",   "tru",
                                        "[1,]x",     "\"\\q\"", "{\"a\":}"};
    json_doc d;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(json_parse(&d, texts[i], strlen(texts[i])));
}

static void deep_nesting_is_refused(void **state)
{
    char text[400];
    json_doc d;
    (void)state;
    memset(text, '[', sizeof(text));
    assert_false(json_parse(&d, text, sizeof(text)));
    assert_non_null(strstr(ig_error_message(), "deep"));
}

/* What ig_model_describe writes of bodies: four brackets a level, 64 levels. */
static void bodies_nest_as_deep_as_graphs_do(void **state)
{
    enum { LEVELS = 4 * 64 + 2 };
    char text[2 * LEVELS];
    json_doc d;
    (void)state;
    memset(text, '[', LEVELS);
    memset(text + LEVELS, ']', LEVELS);
    assert_true(json_parse(&d, text, sizeof(text)));
    json_free(&d);
}

static ig_status parse(void *arg)
{
    json_doc d;
    (void)arg;
    bool ok = json_parse(&d, "{\"a\": [1, \"b\"]}", 15);
    json_free(&d);
    return ok ? IG_OK : ig_error_status();
}

static void parsing_without_memory_leaks_nothing(void **state)
{
    (void)state;
    igi_failing_each(parse, NULL);
}

IG_TESTS(cmocka_unit_test(commas_escapes_and_numbers_are_right),
         cmocka_unit_test(what_is_written_is_read_back),
         cmocka_unit_test(malformed_text_is_refused),
         cmocka_unit_test(deep_nesting_is_refused),
         cmocka_unit_test(bodies_nest_as_deep_as_graphs_do),
         cmocka_unit_test(parsing_without_memory_leaks_nothing))
