#include "tests/support/test_main.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/pool.h"
#include "graph/core/tensor.h"
#include "tests/support/failing_alloc.h"

static ig_tensor *make(igi_pool *pool, ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t;
    assert_int_equal(igi_tensor_header(&t, pool, dtype, rank, dims), IG_OK);
    assert_int_equal(igi_tensor_alloc(t, pool), IG_OK);
    return t;
}

static void a_header_knows_its_shape_and_strides(void **state)
{
    (void)state;
    int64_t dims[] = {2, 3, 4};
    ig_tensor *t;
    assert_int_equal(igi_tensor_header(&t, NULL, IG_FLOAT32, 3, dims), IG_OK);
    assert_int_equal(igi_tensor_count(t), 24);
    assert_true(t->v.flags & IGI_CONTIGUOUS);
    assert_true(t->stride[0] == 12 && t->stride[1] == 4 && t->stride[2] == 1);
    assert_null(t->st);
    ig_tensor_unref(t);
}

static void data_is_aligned_at_every_size(void **state)
{
    (void)state;
    igi_pool *pool;
    assert_int_equal(igi_pool_new(&pool), IG_OK);
    for (int64_t n = 0; n < 20000; n = n * 3 + 1) {
        for (int pooled = 0; pooled < 2; pooled++) {
            ig_tensor *t = make(pooled ? pool : NULL, IG_UINT8, 1, &n);
            assert_int_equal((uintptr_t)t->data % 64, 0);
            memset(t->data, 1, (size_t)n);
            ig_tensor_unref(t);
        }
    }
    igi_pool_unref(pool);
}

static void bad_shapes_are_refused_with_their_numbers(void **state)
{
    (void)state;
    ig_tensor *t = NULL;
    int64_t negative[] = {2, -3}, large[] = {(INT64_C(1) << 47) + 1};
    int64_t product[] = {INT64_C(1) << 40, INT64_C(1) << 40},
            huge[] = {INT64_C(1) << 45};
    igi_failing_install();
    assert_int_equal(igi_tensor_header(&t, NULL, IG_FLOAT32, 2, negative),
                     IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "dim 1 is -3"));
    assert_int_equal(igi_tensor_header(&t, NULL, IG_FLOAT32, 1, large), IG_LIMIT);
    assert_int_equal(igi_tensor_header(&t, NULL, IG_FLOAT32, 2, product), IG_LIMIT);
    assert_non_null(strstr(ig_error_message(), "[1099511627776,1099511627776]"));
    assert_int_equal(igi_tensor_header(&t, NULL, IG_FLOAT32, 65, NULL),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_tensor_header(&t, NULL, IG_FLOAT32, -1, NULL),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_tensor_header(&t, NULL, (ig_dtype)99, 0, NULL),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_tensor_header(&t, NULL, IG_FLOAT32, 1, huge), IG_OK);
    assert_int_equal(igi_tensor_alloc(t, NULL), IG_LIMIT);
    ig_tensor_unref(t);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static void the_highest_rank_works(void **state)
{
    (void)state;
    int64_t dims[IG_RANK_MAX];
    igi_pool *pool;
    igi_failing_install();
    assert_int_equal(igi_pool_new(&pool), IG_OK);
    for (int i = 0; i < IG_RANK_MAX; i++)
        dims[i] = i % 20 == 0 ? 2 : 1;
    ig_tensor *t = make(pool, IG_INT32, IG_RANK_MAX, dims), *copy;
    assert_int_equal(igi_tensor_count(t), 16);
    assert_int_equal(igi_strides(t)[0], 8);
    memset(t->data, 7, 64);
    assert_int_equal(igi_tensor_contiguous_copy(&copy, NULL, t), IG_OK);
    assert_memory_equal(copy->data, t->data, 64);
    ig_tensor_unref(copy);
    ig_tensor_unref(t);
    igi_pool_unref(pool);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static void views_share_storage_and_keep_it_alive(void **state)
{
    (void)state;
    int64_t dims[] = {2, 3}, swapped[] = {3, 2}, strides[] = {1, 3};
    ig_tensor *t = make(NULL, IG_INT32, 2, dims), *view, *copy;
    for (int i = 0; i < 6; i++)
        ((int32_t *)(void *)t->data)[i] = i;
    assert_int_equal(igi_tensor_view(&view, NULL, t, 2, swapped, strides, 0), IG_OK);
    assert_false(view->v.flags & IGI_CONTIGUOUS);
    assert_true(view->v.flags & IGI_IS_VIEW);
    assert_int_equal(t->st->refs, 2);
    ig_tensor_unref(t);
    assert_int_equal(igi_tensor_contiguous_copy(&copy, NULL, view), IG_OK);
    static const int32_t want[] = {0, 3, 1, 4, 2, 5};
    assert_memory_equal(copy->data, want, sizeof(want));
    ig_tensor_unref(view);
    ig_tensor_unref(copy);
}

static void views_cannot_leave_their_storage(void **state)
{
    (void)state;
    int64_t four[] = {4}, three[] = {3}, one[] = {1}, two[] = {2}, minus[] = {-1},
            none[] = {0};
    int64_t far[] = {INT64_MAX};
    ig_tensor *t = make(NULL, IG_FLOAT32, 1, four), *v, *w;
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, three, two, 0),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, four, one, 1),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, four, minus, 2),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, three, far, 0),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 0, NULL, NULL, -1),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 0, NULL, NULL, 4),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, none, one, 4), IG_OK);
    ig_tensor_unref(v);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, four, minus, 3), IG_OK);
    /* A view of a view may reach back before its own first element. */
    assert_int_equal(igi_tensor_view(&w, NULL, v, 1, four, one, -3), IG_OK);
    assert_ptr_equal(w->data, t->data);
    assert_int_equal(t->st->refs, 3);
    ig_tensor_unref(w);
    ig_tensor_unref(v);
    ig_tensor_unref(t);
}

static void views_of_packed_types_begin_at_whole_bytes(void **state)
{
    (void)state;
    int64_t n[] = {6}, part[] = {2}, one[] = {1}, two[] = {2};
    ig_tensor *t = make(NULL, IG_INT4, 1, n), *v;
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, part, one, 1), IG_UNSUPPORTED);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, part, two, 0), IG_UNSUPPORTED);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, part, one, 4), IG_OK);
    assert_ptr_equal(v->data, t->data + 2);
    ig_tensor_unref(v);
    assert_int_equal(igi_tensor_view(&v, NULL, t, 1, part, one, 6),
                     IG_INVALID_ARGUMENT);
    ig_tensor_unref(t);
}

static void copies_need_equal_types(void **state)
{
    (void)state;
    int64_t two[] = {2}, three[] = {3};
    ig_tensor *a = make(NULL, IG_FLOAT32, 1, two),
              *b = make(NULL, IG_FLOAT32, 1, three);
    assert_int_equal(igi_tensor_copy_into(a, b), IG_INVALID_ARGUMENT);
    assert_string_equal(ig_error_message(),
                        "copy of float32[3] into float32[2]: types must be equal");
    ig_tensor_unref(a);
    ig_tensor_unref(b);
}

static void strings_die_with_their_last_tensor(void **state)
{
    (void)state;
    static const char *const words[] = {"one", "", "three", "four"};
    int64_t dims[] = {2, 2}, swapped[] = {1, 2};
    ig_tensor *t, *view, *copy;
    igi_failing_install();
    assert_int_equal(ig_tensor_new_strings(&t, 2, dims, words), IG_OK);
    assert_int_equal(igi_tensor_view(&view, NULL, t, 2, dims, swapped, 0), IG_OK);
    assert_int_equal(igi_tensor_contiguous_copy(&copy, NULL, view), IG_OK);
    ig_tensor_unref(t);
    ig_tensor_unref(view);
    assert_string_equal(ig_tensor_string(copy, 1), "three");
    assert_string_equal(ig_tensor_string(copy, 2), "");
    assert_int_equal(igi_failing_live(), 2 + 3);
    ig_tensor_unref(copy);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static void a_dead_tensor_leaves_its_tape_and_drops_its_gradient(void **state)
{
    (void)state;
    int64_t n[] = {1};
    uint32_t live = 1;
    igi_failing_install();
    ig_tensor *t = make(NULL, IG_FLOAT32, 1, n);
    t->v.flags |= IGI_HAS_NODE;
    t->live = &live;
    /* A long chain of gradients must not recurse. */
    ig_tensor *at = t;
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(igi_tensor_header(&at->grad, NULL, IG_FLOAT32, 1, n), IG_OK);
        at = at->grad;
    }
    ig_tensor_unref(t);
    assert_int_equal(live, 0);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

static ig_status make_and_view(void *arg)
{
    (void)arg;
    static const char *const words[] = {"a", "b"};
    int64_t two[] = {2}, one[] = {1};
    igi_pool *pool = NULL;
    ig_tensor *t = NULL, *view = NULL, *copy = NULL;
    ig_status rc;
    IG_GO(igi_pool_new(&pool));
    IG_GO(ig_tensor_new_strings(&t, 1, two, words));
    IG_GO(igi_tensor_view(&view, pool, t, 1, two, one, 0));
    IG_GO(igi_tensor_contiguous_copy(&copy, pool, view));
out:
    ig_tensor_unref(copy);
    ig_tensor_unref(view);
    ig_tensor_unref(t);
    igi_pool_unref(pool);
    return rc;
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    igi_failing_each(make_and_view, NULL);
}

IG_TESTS(cmocka_unit_test(a_header_knows_its_shape_and_strides),
         cmocka_unit_test(data_is_aligned_at_every_size),
         cmocka_unit_test(bad_shapes_are_refused_with_their_numbers),
         cmocka_unit_test(the_highest_rank_works),
         cmocka_unit_test(views_share_storage_and_keep_it_alive),
         cmocka_unit_test(views_cannot_leave_their_storage),
         cmocka_unit_test(views_of_packed_types_begin_at_whole_bytes),
         cmocka_unit_test(copies_need_equal_types),
         cmocka_unit_test(strings_die_with_their_last_tensor),
         cmocka_unit_test(a_dead_tensor_leaves_its_tape_and_drops_its_gradient),
         cmocka_unit_test(failing_allocations_leave_nothing_behind))
