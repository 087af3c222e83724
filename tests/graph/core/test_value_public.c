/* Sequences and optionals as users make and read them. */
#include "tests/support/test_main.h"

#include <string.h>

#include <ingot/ingot.h>

#include "graph/core/tensor.h"
#include "tests/support/failing_alloc.h"

static ig_value *number(float v)
{
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_new_copy(&t, IG_FLOAT32, 0, NULL, &v, sizeof(v)), IG_OK);
    return ig_tensor_value(t);
}

static void items_go_in_and_come_out(void **state)
{
    ig_value *items[2] = {number(1), number(2)}, *s = NULL, *o = NULL;
    (void)state;
    assert_int_equal(ig_sequence_new(&s, items, 2, NULL), IG_OK);
    assert_int_equal(ig_value_kind(s), IG_KIND_SEQUENCE);
    assert_int_equal(ig_value_size(s), 2);
    assert_ptr_equal(ig_value_item(s, 1), items[1]);
    assert_null(ig_value_item(s, 2));
    assert_null(ig_value_item(s, -1));
    assert_int_equal(ig_value_size(items[0]), -1);
    assert_int_equal(ig_optional_new(&o, s, NULL), IG_OK);
    assert_ptr_equal(ig_value_item(o, 0), s);
    ig_value_unref(ig_value_share(o));
    assert_ptr_equal(ig_value_share(NULL), NULL);
    ig_value_unref(s);
    ig_value_unref(items[0]);
    ig_value_unref(items[1]);
}

static void empty_ones_need_to_know_what_they_hold(void **state)
{
    ig_value *v = NULL, *like = number(0);
    (void)state;
    assert_int_equal(ig_sequence_new(&v, NULL, 0, NULL), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "sequence"));
    assert_int_equal(ig_optional_new(&v, NULL, NULL), IG_INVALID_ARGUMENT);
    assert_int_equal(ig_sequence_new(&v, NULL, 0, like), IG_OK);
    assert_int_equal(ig_value_size(v), 0);
    assert_int_equal(v->type.u.elem->dtype, IG_FLOAT32);
    assert_int_equal(v->type.u.elem->rank, -1);
    ig_value_unref(v);
    assert_int_equal(ig_optional_new(&v, NULL, like), IG_OK);
    assert_int_equal(ig_value_size(v), 0);
    assert_null(ig_value_item(v, 0));
    ig_value_unref(v);
    ig_value_unref(like);
}

static void empty_maps_take_the_type_of_their_neighbours(void **state)
{
    (void)state;
    const int64_t none = 0, one = 1;
    ig_tensor *keys[2] = {NULL};
    ig_value *items[2] = {NULL}, *of = number(1), *s = NULL;
    assert_int_equal(ig_tensor_new(&keys[0], IG_INT64, 1, &none), IG_OK);
    assert_int_equal(ig_tensor_new(&keys[1], IG_INT64, 1, &one), IG_OK);
    assert_int_equal(ig_map_new(&items[0], keys[0], NULL), IG_OK);
    assert_int_equal(ig_map_new(&items[1], keys[1], &of), IG_OK);
    assert_int_equal(ig_sequence_new(&s, items, 2, NULL), IG_OK);
    for (int i = 0; i < 2; i++) {
        const ig_value *map = ig_value_item(s, i);
        assert_int_equal(ig_value_size(map), i);
        assert_true(igi_type_equal(&map->type, &items[1]->type));
        ig_value_unref(items[i]);
        ig_tensor_unref(keys[i]);
    }
    ig_value_unref(s);
    ig_value_unref(of);
}

static void items_of_other_types_are_refused(void **state)
{
    ig_tensor *t = NULL;
    ig_value *items[2] = {number(1), NULL}, *v = NULL;
    (void)state;
    assert_int_equal(ig_tensor_new(&t, IG_INT64, 0, NULL), IG_OK);
    items[1] = ig_tensor_value(t);
    assert_int_equal(ig_sequence_new(&v, items, 2, NULL), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "item 1"));
    assert_null(v);
    ig_value_unref(items[0]);
    ig_value_unref(items[1]);
}

static void only_what_nobody_else_reads_may_be_written(void **state)
{
    ig_value *v = number(1), *s = NULL;
    ig_tensor *t = ig_value_tensor(v);
    (void)state;
    assert_true(ig_tensor_is_writable(t));
    assert_int_equal(ig_sequence_new(&s, &v, 1, NULL), IG_OK);
    assert_false(ig_tensor_is_writable(t));
    ig_value_unref(s);
    t->st->flags |= IGI_READONLY;
    assert_false(ig_tensor_is_writable(t));
    assert_false(ig_tensor_is_writable(NULL));
    ig_value_unref(v);
}

static ig_status make_some(void *arg)
{
    ig_value *item = NULL, *s = NULL, *o = NULL;
    ig_tensor *t = NULL;
    (void)arg;
    ig_status rc = ig_tensor_new(&t, IG_FLOAT32, 0, NULL);
    if (rc == IG_OK) {
        item = ig_tensor_value(t);
        rc = ig_sequence_new(&s, &item, 1, NULL);
    }
    if (rc == IG_OK)
        rc = ig_optional_new(&o, s, NULL);
    ig_value_unref(o);
    ig_value_unref(s);
    ig_value_unref(item);
    return rc;
}

static void lack_of_memory_is_an_error_without_leaks(void **state)
{
    (void)state;
    igi_failing_each(make_some, NULL);
}

IG_TESTS(cmocka_unit_test(items_go_in_and_come_out),
         cmocka_unit_test(empty_ones_need_to_know_what_they_hold),
         cmocka_unit_test(empty_maps_take_the_type_of_their_neighbours),
         cmocka_unit_test(items_of_other_types_are_refused),
         cmocka_unit_test(only_what_nobody_else_reads_may_be_written),
         cmocka_unit_test(lack_of_memory_is_an_error_without_leaks))
