/* Maps: keys in order, look-ups, what is refused, copies. */
#include "tests/support/test_main.h"

#include <string.h>

#include "graph/core/tensor.h"
#include "tests/support/failing_alloc.h"

static ig_value *number(float f)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new_copy(&t, IG_FLOAT32, 0, NULL, &f, sizeof(f)), IG_OK);
    return ig_tensor_value(t);
}

static float of(const ig_value *v)
{
    assert_non_null(v);
    return *ig_tensor_data_f32(ig_value_tensor((ig_value *)(uintptr_t)v));
}

static ig_tensor *ints(int64_t n, const int64_t *v)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new_copy(&t, IG_INT64, 1, &n, v, (size_t)n * sizeof(*v)),
                     IG_OK);
    return t;
}

static ig_tensor *strings(int64_t n, const char *const *v)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new_strings(&t, 1, &n, v), IG_OK);
    return t;
}

/* keys -> 0, 1, 2, ...; takes the keys. */
static ig_status make(ig_value **out, ig_tensor *keys)
{
    ig_value *values[64];
    int64_t n = ig_tensor_numel(keys);
    assert_true(n <= 64);
    for (int64_t i = 0; i < n; i++)
        values[i] = number((float)i);
    ig_status rc = ig_map_new(out, keys, values);
    for (int64_t i = 0; i < n; i++)
        ig_value_unref(values[i]);
    ig_tensor_unref(keys);
    return rc;
}

static void integers_are_found_and_keep_their_order(void **state)
{
    (void)state;
    int64_t keys[50];
    ig_value *map;
    for (int i = 0; i < 50; i++)
        keys[i] = (i * 37 + 11) % 50 - 20;
    assert_int_equal(make(&map, ints(50, keys)), IG_OK);
    assert_int_equal(ig_value_kind(map), IG_KIND_MAP);
    assert_int_equal(ig_value_size(map), 50);
    for (int i = 0; i < 50; i++) {
        assert_true(of(ig_map_get(map, keys[i])) == (float)i);
        assert_true(of(ig_value_item(map, i)) == (float)i);
        assert_int_equal(ig_tensor_data_i64(ig_map_keys(map))[i], keys[i]);
    }
    assert_null(ig_map_get(map, 30));
    assert_null(ig_map_get(map, -21));
    assert_null(ig_map_get_string(map, "1"));
    assert_null(ig_value_item(map, 50));
    assert_null(ig_value_item(map, -1));
    ig_value_unref(map);
}

static void strings_are_found(void **state)
{
    (void)state;
    char text[160];
    ig_value *map;
    const char *const keys[] = {"dog", "", "cat", "dogs"};
    assert_int_equal(make(&map, strings(4, keys)), IG_OK);
    for (int i = 0; i < 4; i++)
        assert_true(of(ig_map_get_string(map, keys[i])) == (float)i);
    assert_null(ig_map_get_string(map, "do"));
    assert_null(ig_map_get(map, 0));
    assert_string_equal(igi_type_print(&map->type, NULL, text, sizeof(text)),
                        "map(string,float32[...])");
    ig_value_unref(map);
}

static void other_values_are_no_maps(void **state)
{
    (void)state;
    ig_value *v = number(1);
    assert_int_equal(ig_value_size(v), -1);
    assert_null(ig_value_item(v, 0));
    assert_null(ig_map_keys(v));
    assert_null(ig_map_get(v, 0));
    assert_null(ig_map_get_string(NULL, "x"));
    ig_value_unref(v);
}

static void refused(ig_tensor *keys, const char *says)
{
    ig_value *map = NULL;
    assert_int_equal(make(&map, keys), IG_INVALID_ARGUMENT);
    assert_null(map);
    assert_non_null(strstr(ig_error_message(), says));
}

static void keys_stand_once_and_are_integers_or_strings(void **state)
{
    (void)state;
    const float reals[2] = {1, 2};
    const int64_t two = 2;
    ig_tensor *t;
    refused(ints(4, (const int64_t[]){3, -7, 5, -7}), "the key -7 twice");
    refused(strings(3, (const char *const[]){"a", "b", "a"}), "the key 'a' twice");
    assert_int_equal(ig_tensor_new_copy(&t, IG_FLOAT32, 1, &two, reals, sizeof(reals)),
                     IG_OK);
    refused(t, "not float32");
    assert_int_equal(ig_tensor_new(&t, IG_INT64, 0, NULL), IG_OK);
    refused(t, "contiguous vector");
}

static void values_have_one_type(void **state)
{
    (void)state;
    ig_value *map = NULL, *values[2] = {number(1), NULL};
    ig_tensor *keys = ints(2, (const int64_t[]){1, 2}), *other;
    assert_int_equal(ig_map_new(&map, keys, values), IG_INVALID_ARGUMENT);
    assert_int_equal(ig_tensor_new(&other, IG_INT64, 0, NULL), IG_OK);
    values[1] = ig_tensor_value(other);
    assert_int_equal(ig_map_new(&map, keys, values), IG_INVALID_ARGUMENT);
    assert_string_equal(ig_error_message(),
                        "item 1 is int64[] and does not fit map(int64,float32[...])");
    ig_value_unref(values[0]);
    ig_value_unref(values[1]);
    ig_tensor_unref(keys);
}

static void maps_nest_and_types_tell_their_keys(void **state)
{
    (void)state;
    ig_value *inner[2], *outer, *copy;
    char text[160];
    assert_int_equal(make(&inner[0], ints(1, (const int64_t[]){4})), IG_OK);
    assert_int_equal(make(&inner[1], ints(2, (const int64_t[]){8, 9})), IG_OK);
    ig_tensor *keys = strings(2, (const char *const[]){"x", "y"});
    assert_int_equal(ig_map_new(&outer, keys, inner), IG_OK);
    ig_tensor_unref(keys);
    assert_string_equal(igi_type_print(&outer->type, NULL, text, sizeof(text)),
                        "map(string,map(int64,float32[...]))");
    assert_false(igi_type_same_kind(&outer->type, &inner[0]->type));
    ig_type other = inner[0]->type;
    other.dtype = IG_INT32;
    assert_false(igi_type_equal(&other, &inner[0]->type));
    assert_false(igi_type_same_kind(&other, &inner[0]->type));
    ig_value_unref(inner[0]);
    ig_value_unref(inner[1]);
    assert_int_equal(igi_value_copy(&copy, outer), IG_OK);
    assert_true(igi_value_bytes(outer) > 1000);
    ig_value_unref(outer);
    (void)igi_value_share(copy);
    assert_true(of(ig_map_get(ig_map_get_string(copy, "y"), 9)) == 1);
    ig_value_unref(copy);
}

static void an_empty_map_has_a_type_all_the_same(void **state)
{
    (void)state;
    ig_value *map, *typed;
    ig_type value = {.dtype = IG_INT64, .rank = -1};
    ig_type type = {
        .kind = IG_KIND_MAP, .dtype = IG_STRING, .rank = -1, .u.elem = &value};
    assert_int_equal(make(&map, ints(0, NULL)), IG_OK);
    assert_int_equal(ig_value_size(map), 0);
    assert_int_equal(igi_type_innermost(&map->type)->dtype, IG_UNDEFINED);
    assert_int_equal(igi_value_empty(&typed, &type), IG_OK);
    assert_true(igi_type_equal(&typed->type, &type));
    assert_null(ig_map_get_string(typed, ""));
    ig_value_unref(map);
    ig_value_unref(typed);
}

static ig_status make_one(void *arg)
{
    const int64_t n = 3, key[3] = {1, 2, 3};
    ig_tensor *keys = NULL, *t[3] = {NULL, NULL, NULL};
    ig_value *values[3], *map = NULL;
    ig_status rc = ig_tensor_new_copy(&keys, IG_INT64, 1, &n, key, sizeof(key));
    for (int i = 0; rc == IG_OK && i < 3; i++) {
        rc = ig_tensor_new(&t[i], IG_FLOAT32, 0, NULL);
        values[i] = ig_tensor_value(t[i]);
    }
    if (rc == IG_OK)
        rc = ig_map_new(&map, keys, values);
    for (int i = 0; i < 3; i++)
        ig_tensor_unref(t[i]);
    ig_tensor_unref(keys);
    ig_value_unref(map);
    (void)arg;
    return rc;
}

static void every_failing_allocation_ends_in_a_clean_error(void **state)
{
    (void)state;
    igi_failing_each(make_one, NULL);
}

IG_TESTS(cmocka_unit_test(integers_are_found_and_keep_their_order),
         cmocka_unit_test(strings_are_found),
         cmocka_unit_test(other_values_are_no_maps),
         cmocka_unit_test(keys_stand_once_and_are_integers_or_strings),
         cmocka_unit_test(values_have_one_type),
         cmocka_unit_test(maps_nest_and_types_tell_their_keys),
         cmocka_unit_test(an_empty_map_has_a_type_all_the_same),
         cmocka_unit_test(every_failing_allocation_ends_in_a_clean_error))
