#include "tests/support/test_main.h"

#include <pthread.h>
#include <string.h>

#include "graph/core/tensor.h"
#include "tests/support/failing_alloc.h"

static ig_value *number(float f)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new_copy(&t, IG_FLOAT32, 0, NULL, &f, sizeof(f)), IG_OK);
    return ig_tensor_value(t);
}

static ig_type *sequence_of(ig_type *seq, const ig_type *elem)
{
    *seq = (ig_type){.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = elem};
    return seq;
}

static void a_sequence_retains_its_items(void **state)
{
    (void)state;
    ig_type elem, type;
    ig_value *items[2] = {number(1), number(2)}, *seq;
    igi_type_set(&elem, IG_FLOAT32, -1, NULL);
    assert_int_equal(igi_sequence_new(&seq, sequence_of(&type, &elem), items, 2),
                     IG_OK);
    ig_value_unref(items[0]);
    ig_value_unref(items[1]);
    assert_int_equal(ig_value_kind(seq), IG_KIND_SEQUENCE);
    assert_null(ig_value_tensor(seq));
    igi_sequence *s = (igi_sequence *)seq;
    assert_int_equal(s->n, 2);
    assert_true(*ig_tensor_data_f32(ig_value_tensor(s->items[1])) == 2);
    ig_value_unref(seq);
    ig_value_unref(NULL);
}

static void items_must_fit_the_element_type(void **state)
{
    (void)state;
    ig_type elem, type, deep;
    ig_value *item = number(1), *seq = NULL, *nested;
    igi_type_set(&elem, IG_INT64, -1, NULL);
    assert_int_equal(igi_sequence_new(&seq, sequence_of(&type, &elem), &item, 1),
                     IG_INVALID_ARGUMENT);
    assert_string_equal(ig_error_message(),
                        "item 0 is float32[] and does not fit sequence(int64[...])");
    igi_type_set(&elem, IG_FLOAT32, -1, NULL);
    assert_int_equal(igi_sequence_new(&seq, &type, &item, 1), IG_OK);
    assert_int_equal(igi_sequence_new(&nested, sequence_of(&deep, &type), &item, 1),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_sequence_new(&nested, &deep, &seq, 1), IG_OK);
    assert_int_equal(igi_sequence_new(&nested, &elem, NULL, 0), IG_INVALID_ARGUMENT);
    ig_value *none = NULL;
    assert_int_equal(igi_sequence_new(&seq, &type, &none, 1), IG_INVALID_ARGUMENT);
    ig_value_unref(nested);
    ig_value_unref(seq);
    ig_value_unref(item);
}

static void an_optional_may_be_empty(void **state)
{
    (void)state;
    ig_type elem, type;
    ig_value *empty, *full, *item = number(3);
    igi_type_set(&elem, IG_FLOAT32, 0, NULL);
    type = (ig_type){.kind = IG_KIND_OPTIONAL, .rank = -1, .u.elem = &elem};
    assert_int_equal(igi_optional_new(&empty, &type, NULL), IG_OK);
    assert_int_equal(igi_optional_new(&full, &type, item), IG_OK);
    assert_null(((igi_optional *)empty)->item);
    assert_ptr_equal(((igi_optional *)full)->item, item);
    ig_value_unref(item);
    ig_value_unref(empty);
    ig_value_unref(full);
}

static ig_status build_nested(void *arg)
{
    bool share = *(bool *)arg;
    ig_type types[5];
    ig_value *items[3] = {NULL, NULL, NULL}, *v = NULL;
    ig_tensor *t;
    ig_status rc = ig_tensor_new(&t, IG_FLOAT32, 0, NULL);
    if (rc != IG_OK)
        return rc;
    igi_type_set(&types[0], IG_FLOAT32, 0, NULL);
    v = ig_tensor_value(t);
    for (int i = 1; i < 5; i++) {
        ig_value *next;
        for (int k = 0; k < 3; k++)
            items[k] = v;
        sequence_of(&types[i], &types[i - 1]);
        rc = igi_sequence_new(&next, &types[i], items, 3);
        ig_value_unref(v);
        if (rc != IG_OK)
            return rc;
        v = next;
    }
    if (share)
        igi_value_share(v);
    ig_value_unref(v);
    return IG_OK;
}

static void nested_sequences_are_freed_whole(void **state)
{
    (void)state;
    for (int share = 0; share < 2; share++)
        igi_failing_each(build_nested, &(bool){share});
}

static void *count_up_and_down(void *v)
{
    for (int i = 0; i < 20000; i++) {
        ig_value_ref(v);
        ig_value_unref(v);
    }
    ig_value_unref(v);
    return NULL;
}

static void shared_values_are_counted_by_many_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    ig_type elem, type;
    ig_value *seq;
    igi_failing_install();
    ig_value *item = number(5);
    igi_type_set(&elem, IG_FLOAT32, 0, NULL);
    assert_int_equal(igi_sequence_new(&seq, sequence_of(&type, &elem), &item, 1),
                     IG_OK);
    ig_value_unref(item);
    igi_value_share(seq);
    assert_true(((igi_sequence *)seq)->items[0]->flags & IGI_SHARED);
    for (int i = 0; i < 4; i++) {
        ig_value_ref(seq);
        assert_int_equal(pthread_create(&threads[i], NULL, count_up_and_down, seq), 0);
    }
    ig_value_unref(seq);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static void headers_of_plans_are_not_counted(void **state)
{
    (void)state;
    ig_value *v = number(1);
    v->flags |= IGI_STATIC;
    ig_value_unref(v);
    ig_value_unref(v);
    assert_ptr_equal(ig_value_ref(v), v);
    assert_int_equal(v->refs, 1);
    v->flags = (uint16_t)(v->flags & ~IGI_STATIC);
    ig_value_unref(v);
}

static void strings_know_their_length(void **state)
{
    (void)state;
    igi_str *s = igi_str_new("a\0b", 3);
    assert_int_equal(s->length, 3);
    assert_memory_equal(s->text, "a\0b", 4);
    igi_str_unref(igi_str_ref(s));
    igi_str_unref(s);
    igi_str_unref(NULL);
    assert_null(igi_str_new("x", (size_t)1 << 31));
    assert_int_equal(ig_error_status(), IG_LIMIT);
}

IG_TESTS(cmocka_unit_test(a_sequence_retains_its_items),
         cmocka_unit_test(items_must_fit_the_element_type),
         cmocka_unit_test(an_optional_may_be_empty),
         cmocka_unit_test(nested_sequences_are_freed_whole),
         cmocka_unit_test(shared_values_are_counted_by_many_threads),
         cmocka_unit_test(headers_of_plans_are_not_counted),
         cmocka_unit_test(strings_know_their_length))
