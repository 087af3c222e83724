/* ig_tensor_load and ig_tensor_save: what goes out comes back, or is refused by name.
 */
#include "tests/support/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/tensor.h"
#include "importers/data/data.h"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/ingot_test_data_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static const char *at(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static bool npy_holds(int dtype)
{
    return dtype <= IG_COMPLEX128;
}

/* Bytes 1, 2, 3, ... are valid elements of every type but bool. */
static ig_tensor *make(ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    if (dtype == IG_STRING) {
        static const char *const words[6] = {"", "a", "b\xc3\xa9", "ccc", "d d", "e"};
        assert_int_equal(ig_tensor_new_strings(&t, rank, dims, words), IG_OK);
        return t;
    }
    assert_int_equal(ig_tensor_new(&t, dtype, rank, dims), IG_OK);
    unsigned char *p = ig_tensor_data(t);
    for (size_t i = 0; i < ig_tensor_nbytes(t); i++)
        p[i] = (unsigned char)(dtype == IG_BOOL ? i % 2 : i + 1);
    if (ig_dtype_bits(dtype) < 8 &&
        ig_tensor_nbytes(t)) /* spare bits are zero in files */
        p[ig_tensor_nbytes(t) - 1] &= (unsigned char)0x0f;
    return t;
}

static void assert_same(ig_tensor *a, ig_tensor *b)
{
    assert_true(igi_type_equal(&a->v.type, &b->v.type));
    if (ig_tensor_dtype(a) != IG_STRING) {
        assert_memory_equal(ig_tensor_data(a), ig_tensor_data(b), ig_tensor_nbytes(a));
        return;
    }
    for (int64_t i = 0; i < ig_tensor_numel(a); i++)
        assert_string_equal(ig_tensor_string(a, i), ig_tensor_string(b, i));
}

static void round_trip(ig_dtype dtype, int rank, const int64_t *dims, const char *name)
{
    ig_tensor *t = make(dtype, rank, dims), *back = NULL;
    assert_int_equal(ig_tensor_save(t, at(name)), IG_OK);
    assert_int_equal(ig_tensor_load(&back, at(name)), IG_OK);
    assert_same(t, back);
    ig_tensor_unref(t);
    ig_tensor_unref(back);
}

static void every_type_survives_each_format_that_can_hold_it(void **state)
{
    static const int64_t dims[2] = {2, 3}, none[2] = {0, 3}, one[1] = {1};
    (void)state;
    for (int d = 1; d < IG_DTYPE_COUNT; d++) {
        round_trip((ig_dtype)d, 2, dims, "t.pb");
        round_trip((ig_dtype)d, 2, none, "t.pb");
        if (!npy_holds(d))
            continue;
        round_trip((ig_dtype)d, 2, dims, "t.npy");
        round_trip((ig_dtype)d, 2, none, "t.npy");
        round_trip((ig_dtype)d, 1, one, "t.npy");
        round_trip((ig_dtype)d, 0, NULL, "t.npy");
    }
}

static void types_that_npy_cannot_hold_are_refused_by_name(void **state)
{
    static const int64_t dims[1] = {2};
    (void)state;
    for (int d = IG_BFLOAT16; d < IG_DTYPE_COUNT; d++) {
        ig_tensor *t = make((ig_dtype)d, 1, dims);
        assert_int_equal(ig_tensor_save(t, at("t.npy")), IG_UNSUPPORTED);
        assert_non_null(strstr(ig_error_message(), ig_dtype_name((ig_dtype)d)));
        assert_int_not_equal(access(at("t.npy"), F_OK), 0);
        ig_tensor_unref(t);
    }
}

static void a_strided_view_is_saved_as_its_elements(void **state)
{
    static const int64_t dims[2] = {2, 3}, turned[2] = {3, 2}, strides[2] = {1, 3};
    ig_tensor *t = make(IG_INT32, 2, dims), *view = NULL, *back = NULL;
    (void)state;
    assert_int_equal(igi_tensor_view(&view, NULL, t, 2, turned, strides, 0), IG_OK);
    assert_int_equal(ig_tensor_save(view, at("t.npy")), IG_OK);
    assert_int_equal(ig_tensor_load(&back, at("t.npy")), IG_OK);
    assert_int_equal(ig_tensor_data_i32(back)[1], ig_tensor_data_i32(t)[3]);
    ig_tensor_unref(back);
    ig_tensor_unref(view);
    ig_tensor_unref(t);
}

static void files_that_are_no_tensors_are_refused_with_their_path(void **state)
{
    ig_tensor *t = NULL;
    (void)state;
    FILE *f = fopen(at("t.txt"), "w");
    assert_non_null(f);
    fputs("hello", f);
    fclose(f);
    assert_int_equal(ig_tensor_load(&t, at("t.txt")), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "t.txt"));
    assert_int_equal(ig_tensor_load(&t, at("none.npy")), IG_NOT_FOUND);
    assert_int_equal(ig_tensor_load(&t, folder), IG_IO);
    assert_null(t);
}

static void an_unknown_ending_is_refused(void **state)
{
    static const int64_t dims[1] = {2};
    ig_tensor *t = make(IG_INT32, 1, dims);
    (void)state;
    assert_int_equal(ig_tensor_save(t, at("t.csv")), IG_INVALID_ARGUMENT);
    ig_tensor_unref(t);
}

static void raw_bytes_must_have_exactly_the_size_of_the_shape(void **state)
{
    static const int64_t dims[1] = {3}, more[1] = {4};
    ig_tensor *t = NULL;
    (void)state;
    FILE *f = fopen(at("t.raw"), "w");
    assert_non_null(f);
    fputs("abcdef", f);
    fclose(f);
    assert_int_equal(igi_raw_load(&t, at("t.raw"), IG_UINT16, 1, dims, NULL), IG_OK);
    assert_int_equal(((uint16_t *)ig_tensor_data(t))[0], 'a' | 'b' << 8);
    ig_tensor_unref(t);
    assert_int_equal(igi_raw_load(&t, at("t.raw"), IG_UINT16, 1, more, NULL),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_raw_load(&t, at("t.raw"), IG_STRING, 1, dims, NULL),
                     IG_INVALID_ARGUMENT);
    ig_limits small = {.file_bytes = 5};
    assert_int_equal(igi_raw_load(&t, at("t.raw"), IG_UINT16, 1, dims, &small),
                     IG_LIMIT);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

IG_TESTS(TEST(every_type_survives_each_format_that_can_hold_it),
         TEST(types_that_npy_cannot_hold_are_refused_by_name),
         TEST(a_strided_view_is_saved_as_its_elements),
         TEST(files_that_are_no_tensors_are_refused_with_their_path),
         TEST(an_unknown_ending_is_refused),
         TEST(raw_bytes_must_have_exactly_the_size_of_the_shape))
