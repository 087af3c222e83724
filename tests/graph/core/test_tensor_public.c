#include "tests/support/test_main.h"

#include <string.h>

#include "graph/core/tensor.h"
#include "tests/support/failing_alloc.h"

static int deleted;

static void count_deletion(void *data, void *user)
{
    (void)data;
    deleted += *(int *)user;
}

static void a_new_tensor_is_zero(void **state)
{
    (void)state;
    static const char zero[24];
    int64_t dims[] = {2, 3};
    ig_tensor *t;
    igi_failing_install();
    assert_int_equal(ig_tensor_new(&t, IG_INT32, 2, dims), IG_OK);
    assert_memory_equal(ig_tensor_data(t), zero, sizeof(zero));
    assert_int_equal(ig_tensor_dtype(t), IG_INT32);
    assert_int_equal(ig_tensor_rank(t), 2);
    assert_int_equal(ig_tensor_dims(t)[1], 3);
    assert_int_equal(ig_tensor_dim(t, -1), 3);
    assert_int_equal(ig_tensor_dim(t, 2), -1);
    assert_int_equal(ig_tensor_numel(t), 6);
    assert_int_equal(ig_tensor_nbytes(t), 24);
    assert_int_equal(ig_tensor_strides(t)[0], 3);
    assert_true(ig_tensor_is_contiguous(t));
    ig_tensor_unref(t);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static void copies_take_exactly_the_bytes_of_the_type(void **state)
{
    (void)state;
    float v[] = {1, 2, 3};
    int64_t n[] = {3};
    ig_tensor *t;
    assert_int_equal(ig_tensor_new_copy(&t, IG_FLOAT32, 1, n, v, 8),
                     IG_INVALID_ARGUMENT);
    assert_string_equal(ig_error_message(),
                        "float32[3] has 12 bytes, but 8 were given");
    assert_int_equal(ig_tensor_new_copy(&t, IG_FLOAT32, 1, n, NULL, 12),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(ig_tensor_new_copy(&t, IG_STRING, 1, n, v, 24),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(ig_tensor_new_copy(&t, IG_FLOAT32, 1, n, v, 12), IG_OK);
    v[0] = 9;
    assert_true(ig_tensor_data_f32(t)[0] == 1);
    ig_tensor_unref(t);
}

static void wrapped_memory_is_returned_once(void **state)
{
    (void)state;
    static double v[4];
    int64_t n[] = {4};
    int one = 1;
    ig_tensor *t, *view;
    deleted = 0;
    assert_int_equal(
        ig_tensor_wrap(&t, IG_FLOAT64, 1, n, v, sizeof(v), count_deletion, &one),
        IG_OK);
    assert_ptr_equal(ig_tensor_data(t), v);
    int64_t stride[] = {1};
    assert_int_equal(igi_tensor_view(&view, NULL, t, 1, n, stride, 0), IG_OK);
    ig_tensor_unref(t);
    assert_int_equal(deleted, 0);
    ig_tensor_unref(view);
    assert_int_equal(deleted, 1);
    /* A failed wrap leaves the memory with the caller. */
    assert_int_equal(ig_tensor_wrap(&t, IG_FLOAT64, 1, n, v, 8, count_deletion, &one),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(
        ig_tensor_wrap(&t, IG_FLOAT32, 1, n, (char *)v + 2, 16, count_deletion, &one),
        IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "aligned to 4 bytes"));
    assert_int_equal(deleted, 1);
}

static void null_arguments_are_errors_not_crashes(void **state)
{
    (void)state;
    ig_tensor *t;
    int64_t n[] = {1};
    assert_int_equal(ig_tensor_new(NULL, IG_FLOAT32, 1, n), IG_INVALID_ARGUMENT);
    assert_int_equal(ig_tensor_new(&t, IG_FLOAT32, 1, NULL), IG_INVALID_ARGUMENT);
    assert_int_equal(ig_tensor_new_strings(&t, 1, n, NULL), IG_INVALID_ARGUMENT);
    assert_null(ig_tensor_data_f32(NULL));
    assert_true(ig_error_message()[0] != 0);
    assert_null(ig_tensor_ref(NULL));
    ig_tensor_unref(NULL);
    assert_null(ig_tensor_share(NULL));
    assert_int_equal(ig_tensor_dtype(NULL), IG_UNDEFINED);
    assert_int_equal(ig_tensor_numel(NULL), 0);
    assert_int_equal(ig_tensor_nbytes(NULL), 0);
    assert_int_equal(ig_tensor_dim(NULL, 0), -1);
    assert_null(ig_tensor_data(NULL));
    assert_null(ig_value_tensor(NULL));
}

static void typed_access_checks_type_and_layout(void **state)
{
    (void)state;
    int64_t dims[] = {2, 2}, swapped[] = {1, 2};
    ig_tensor *t, *view;
    assert_int_equal(ig_tensor_new(&t, IG_INT64, 2, dims), IG_OK);
    assert_non_null(ig_tensor_data_i64(t));
    assert_null(ig_tensor_data_i32(t));
    assert_string_equal(ig_error_message(), "int64[2,2] was asked for int32 data");
    assert_null(ig_tensor_data_f64(t));
    assert_null(ig_tensor_string(t, 0));
    assert_int_equal(igi_tensor_view(&view, NULL, t, 2, dims, swapped, 0), IG_OK);
    assert_null(ig_tensor_data_i64(view));
    assert_string_equal(ig_error_message(),
                        "int64[2,2] is not contiguous: copy it first");
    ig_tensor_unref(view);
    ig_tensor_unref(t);
}

static void strings_are_copied_and_bounded(void **state)
{
    (void)state;
    const char *words[] = {"a", "", "long enough to have a block of its own"};
    int64_t n[] = {3};
    ig_tensor *t;
    assert_int_equal(ig_tensor_new_strings(&t, 1, n, words), IG_OK);
    for (int64_t i = 0; i < 3; i++)
        assert_string_equal(ig_tensor_string(t, i), words[i]);
    assert_null(ig_tensor_string(t, 3));
    assert_null(ig_tensor_string(t, -1));
    ig_tensor_unref(t);
    words[1] = NULL;
    igi_failing_install();
    assert_int_equal(ig_tensor_new_strings(&t, 1, n, words), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "string 1 of 3"));
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static ig_status make_all_kinds(void *arg)
{
    (void)arg;
    static const char *const words[] = {"a", "b"};
    static float v[2];
    int64_t two[] = {2};
    int one = 1;
    ig_tensor *t;
    IG_TRY(ig_tensor_new(&t, IG_FLOAT32, 1, two));
    ig_tensor_unref(t);
    IG_TRY(ig_tensor_new_copy(&t, IG_FLOAT32, 1, two, v, sizeof(v)));
    ig_tensor_unref(t);
    IG_TRY(ig_tensor_wrap(&t, IG_FLOAT32, 1, two, v, sizeof(v), count_deletion, &one));
    ig_tensor_unref(t);
    IG_TRY(ig_tensor_new_strings(&t, 1, two, words));
    ig_tensor_unref(t);
    return IG_OK;
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    igi_failing_each(make_all_kinds, NULL);
}

IG_TESTS(cmocka_unit_test(a_new_tensor_is_zero),
         cmocka_unit_test(copies_take_exactly_the_bytes_of_the_type),
         cmocka_unit_test(wrapped_memory_is_returned_once),
         cmocka_unit_test(null_arguments_are_errors_not_crashes),
         cmocka_unit_test(typed_access_checks_type_and_layout),
         cmocka_unit_test(strings_are_copied_and_bounded),
         cmocka_unit_test(failing_allocations_leave_nothing_behind))
