#include "tests/support/test_main.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/sym.h"
#include "graph/core/tensor.h"
#include "tests/support/failing_alloc.h"

/* A sequence of optional float32[2, ?]; pieces live in `store`. */
static ig_type *nested(ig_type store[3])
{
    int64_t dims[] = {2, -1};
    igi_type_set(&store[2], IG_FLOAT32, 2, dims);
    store[1] = (ig_type){.kind = IG_KIND_OPTIONAL, .rank = -1, .u.elem = &store[2]};
    store[0] = (ig_type){.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = &store[1]};
    return store;
}

static void types_are_printed_for_people(void **state)
{
    (void)state;
    char text[64];
    ig_type t, store[3];
    ig_symtab *s;
    int64_t dims[] = {2, -1, 0};
    igi_symtab_new(&s);
    dims[2] = igi_symtab_symbol(s, "N");
    igi_type_set(&t, IG_FLOAT32, 3, dims);
    assert_string_equal(igi_type_print(&t, s, text, sizeof(text)), "float32[2,?,N]");
    igi_type_set(&t, IG_INT64, 0, NULL);
    assert_string_equal(igi_type_print(&t, s, text, sizeof(text)), "int64[]");
    igi_type_set(&t, IG_BOOL, -1, NULL);
    assert_string_equal(igi_type_print(&t, s, text, sizeof(text)), "bool[...]");
    assert_string_equal(igi_type_print(nested(store), s, text, sizeof(text)),
                        "sequence(optional(float32[2,?]))");
    for (size_t n = 1; n < 40; n++) {
        memset(text, 'x', sizeof(text));
        igi_type_print(store, s, text, n);
        assert_int_equal(strlen(text) < n, 1);
    }
    igi_symtab_unref(s);
}

static void copies_of_nested_types_are_deep(void **state)
{
    (void)state;
    ig_type store[3], copy, again;
    assert_int_equal(igi_type_copy(&copy, nested(store)), IG_OK);
    assert_true(igi_type_equal(&copy, store));
    assert_ptr_not_equal(copy.u.elem, &store[1]);
    assert_int_equal(igi_type_copy(&again, &copy), IG_OK);
    store[2].u.dim[0] = 3;
    assert_false(igi_type_equal(&copy, store));
    assert_true(igi_type_equal(&copy, &again));
    igi_type_fini(&copy);
    igi_type_fini(&again);
}

static void types_that_differ_are_told_apart(void **state)
{
    (void)state;
    int64_t a[] = {1, 2}, b[] = {1, 3};
    ig_type x, y, store[3];
    igi_type_set(&x, IG_FLOAT32, 2, a);
    igi_type_set(&y, IG_FLOAT32, 2, b);
    assert_false(igi_type_equal(&x, &y));
    igi_type_set(&y, IG_FLOAT32, 1, a);
    assert_false(igi_type_equal(&x, &y));
    igi_type_set(&y, IG_FLOAT64, 2, a);
    assert_false(igi_type_equal(&x, &y));
    assert_false(igi_type_equal(&x, nested(store)));
    igi_type_set(&y, IG_FLOAT32, 2, a);
    assert_true(igi_type_equal(&x, &y));
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    ig_type chain[IGI_NEST_MAX + 2], copy;
    igi_failing_install();
    igi_type_set(&chain[IGI_NEST_MAX + 1], IG_FLOAT32, 0, NULL);
    for (int i = IGI_NEST_MAX; i >= 0; i--)
        chain[i] =
            (ig_type){.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = &chain[i + 1]};
    assert_int_equal(igi_type_copy(&copy, &chain[0]), IG_LIMIT);
    assert_int_equal(igi_failing_live(), 0);
    assert_int_equal(igi_type_copy(&copy, &chain[1]), IG_OK);
    igi_type_fini(&copy);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

/* V14 */
static void ranks_and_dims_are_checked(void **state)
{
    (void)state;
    ig_type t;
    int64_t dims[IG_RANK_MAX], large[] = {(INT64_C(1) << 47) + 1};
    for (int i = 0; i < IG_RANK_MAX; i++)
        dims[i] = i;
    assert_int_equal(igi_type_set(&t, IG_FLOAT32, IG_RANK_MAX + 1, dims),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_type_set(&t, IG_FLOAT32, -2, dims), IG_INVALID_ARGUMENT);
    assert_int_equal(igi_type_set(&t, IG_FLOAT32, 1, large), IG_LIMIT);
    assert_int_equal(igi_type_set(&t, IG_FLOAT32, IG_RANK_MAX, dims), IG_OK);
    assert_int_equal(ig_type_dims(&t)[IG_RANK_MAX - 1], IG_RANK_MAX - 1);
    igi_type_fini(&t);
    assert_int_equal(t.rank, -1);
}

static ig_status copy_types(void *arg)
{
    (void)arg;
    ig_type store[3], copy, far;
    int64_t dims[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    ig_status rc = igi_type_copy(&copy, nested(store));
    if (rc != IG_OK)
        return rc;
    rc = igi_type_set(&far, IG_FLOAT32, 9, dims);
    igi_type_fini(&copy);
    if (rc != IG_OK)
        return rc;
    rc = igi_type_copy(&copy, &far);
    igi_type_fini(&far);
    if (rc == IG_OK)
        igi_type_fini(&copy);
    return rc;
}

static void failing_copies_leave_nothing_behind(void **state)
{
    (void)state;
    igi_failing_each(copy_types, NULL);
}

static void counts_are_checked_products(void **state)
{
    (void)state;
    int64_t n, big[] = {INT64_C(1) << 40, INT64_C(1) << 40, 0}, unknown[] = {2, -1};
    assert_true(igi_dims_count(0, NULL, &n) && n == 1);
    assert_false(igi_dims_count(2, big, &n));
    assert_false(igi_dims_count(2, unknown, &n));
    int64_t empty[] = {3, 0, 5};
    assert_true(igi_dims_count(3, empty, &n) && n == 0);
}

static void strides_ignore_axes_that_never_move(void **state)
{
    (void)state;
    int64_t dims[] = {2, 1, 3}, strides[3], odd[] = {3, 77, 1}, empty[] = {2, 0, 3};
    igi_strides_contiguous(3, dims, strides);
    assert_true(strides[0] == 3 && strides[1] == 3 && strides[2] == 1);
    assert_true(igi_strides_are_contiguous(3, dims, odd));
    odd[0] = 4;
    assert_false(igi_strides_are_contiguous(3, dims, odd));
    assert_true(igi_strides_are_contiguous(3, empty, odd));
    int64_t transposed[] = {1, 2}, square[] = {2, 2};
    assert_false(igi_strides_are_contiguous(2, square, transposed));
}

IG_TESTS(cmocka_unit_test(types_are_printed_for_people),
         cmocka_unit_test(copies_of_nested_types_are_deep),
         cmocka_unit_test(types_that_differ_are_told_apart),
         cmocka_unit_test(nesting_is_bounded),
         cmocka_unit_test(ranks_and_dims_are_checked),
         cmocka_unit_test(failing_copies_leave_nothing_behind),
         cmocka_unit_test(counts_are_checked_products),
         cmocka_unit_test(strides_ignore_axes_that_never_move))
