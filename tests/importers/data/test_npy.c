/* .npy arrays: every form NumPy writes, and headers that lie. */
#include "tests/support/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/alloc.h"
#include "graph/core/tensor.h"
#include "importers/data/data.h"
#include "tests/support/failing_alloc.h"

/* A file of version 1 with that dictionary and contents. */
static size_t npy(char *buf, const char *header, const void *contents, size_t n)
{
    size_t length = strlen(header);
    memcpy(buf, "\x93NUMPY\1\0", 8);
    buf[8] = (char)(length & 255);
    buf[9] = (char)(length >> 8);
    memcpy(buf + 10, header, length);
    if (n)
        memcpy(buf + 10 + length, contents, n);
    return 10 + length + n;
}

static ig_status
read_text(ig_tensor **out, const char *header, const void *contents, size_t n)
{
    char buf[4096];
    *out = NULL;
    return igi_npy_read(out, buf, npy(buf, header, contents, n), NULL);
}

#define FLOATS "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"
static const float six[6] = {1, 2, 3, 4, 5, 6};

static void a_float_array_is_read_with_its_shape(void **state)
{
    ig_tensor *t;
    (void)state;
    assert_int_equal(read_text(&t, FLOATS, six, sizeof(six)), IG_OK);
    assert_int_equal(ig_tensor_dtype(t), IG_FLOAT32);
    assert_int_equal(ig_tensor_rank(t), 2);
    assert_int_equal(ig_tensor_dims(t)[1], 3);
    assert_memory_equal(ig_tensor_data(t), six, sizeof(six));
    ig_tensor_unref(t);
}

static void keys_come_in_any_order_and_either_quotes(void **state)
{
    ig_tensor *t;
    (void)state;
    const char *header =
        "{\"shape\": (6,), \"descr\": \"<f4\", \"fortran_order\": False}";
    assert_int_equal(read_text(&t, header, six, sizeof(six)), IG_OK);
    assert_int_equal(ig_tensor_rank(t), 1);
    ig_tensor_unref(t);
}

static void fortran_order_is_turned_into_c_order(void **state)
{
    static const float columns[6] = {1, 4, 2, 5, 3, 6};
    ig_tensor *t;
    (void)state;
    const char *header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }";
    assert_int_equal(read_text(&t, header, columns, sizeof(columns)), IG_OK);
    assert_true(ig_tensor_is_contiguous(t));
    assert_memory_equal(ig_tensor_data(t), six, sizeof(six));
    ig_tensor_unref(t);
}

static void big_endian_numbers_are_swapped(void **state)
{
    static const unsigned char bytes[8] = {0, 0, 1, 2, 255, 255, 255, 254};
    ig_tensor *t;
    (void)state;
    const char *header = "{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }";
    assert_int_equal(read_text(&t, header, bytes, sizeof(bytes)), IG_OK);
    assert_int_equal(ig_tensor_data_i32(t)[0], 258);
    assert_int_equal(ig_tensor_data_i32(t)[1], -2);
    ig_tensor_unref(t);
}

static void both_parts_of_a_big_endian_complex_are_swapped(void **state)
{
    static const unsigned char bytes[8] = {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0};
    ig_tensor *t;
    (void)state;
    const char *header = "{'descr': '>c8', 'fortran_order': False, 'shape': (), }";
    assert_int_equal(read_text(&t, header, bytes, sizeof(bytes)), IG_OK);
    const float *p = ig_tensor_data(t);
    assert_float_equal(p[0], 1, 0);
    assert_float_equal(p[1], 2, 0);
    ig_tensor_unref(t);
}

static void truth_values_become_zero_or_one(void **state)
{
    static const unsigned char bytes[3] = {0, 1, 7};
    ig_tensor *t;
    (void)state;
    const char *header = "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }";
    assert_int_equal(read_text(&t, header, bytes, sizeof(bytes)), IG_OK);
    assert_int_equal(((unsigned char *)ig_tensor_data(t))[2], 1);
    ig_tensor_unref(t);
}

static void unicode_and_byte_strings_become_strings(void **state)
{
    static const uint32_t wide[4] = {'a', 0x20ac, 'b', 0};
    ig_tensor *t;
    (void)state;
    assert_int_equal(
        read_text(&t, "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }", wide,
                  sizeof(wide)),
        IG_OK);
    assert_string_equal(ig_tensor_string(t, 0), "a\xe2\x82\xac");
    assert_string_equal(ig_tensor_string(t, 1), "b");
    ig_tensor_unref(t);
    assert_int_equal(
        read_text(&t, "{'descr': '|S3', 'fortran_order': False, 'shape': (2,), }",
                  "abcx\0\0", 6),
        IG_OK);
    assert_string_equal(ig_tensor_string(t, 0), "abc");
    assert_string_equal(ig_tensor_string(t, 1), "x");
    ig_tensor_unref(t);
}

static void a_zero_within_a_string_is_refused(void **state)
{
    static const uint32_t wide[2] = {0, 'b'};
    ig_tensor *t;
    (void)state;
    assert_int_equal(
        read_text(&t, "{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }", wide,
                  sizeof(wide)),
        IG_INVALID_ARGUMENT);
    assert_null(t);
}

static void empty_arrays_and_scalars_are_read(void **state)
{
    ig_tensor *t;
    (void)state;
    assert_int_equal(
        read_text(&t, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 5), }",
                  NULL, 0),
        IG_OK);
    assert_int_equal(ig_tensor_numel(t), 0);
    assert_int_equal(ig_tensor_dims(t)[1], 5);
    ig_tensor_unref(t);
    assert_int_equal(
        read_text(&t, "{'descr': '<i8', 'fortran_order': False, 'shape': (), }",
                  "\1\0\0\0\0\0\0\0", 8),
        IG_OK);
    assert_int_equal(ig_tensor_rank(t), 0);
    assert_int_equal(ig_tensor_data_i64(t)[0], 1);
    ig_tensor_unref(t);
}

/* ---- headers that lie ---- */

static void refuse(const char *header, size_t n, ig_status status)
{
    ig_tensor *t;
    char zeros[64] = {0};
    assert_int_equal(read_text(&t, header, zeros, n), status);
    assert_null(t);
    assert_int_not_equal(strlen(ig_error_message()), 0);
}

static void a_shape_that_does_not_fit_the_bytes_is_refused(void **state)
{
    (void)state;
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (7,), }", 24,
           IG_INVALID_ARGUMENT);
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }", 24,
           IG_INVALID_ARGUMENT);
    /* 32 GiB out of 80 bytes */
    refuse("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296,), }", 8,
           IG_INVALID_ARGUMENT);
    refuse(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
        8, IG_INVALID_ARGUMENT);
    refuse(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }",
        8, IG_INVALID_ARGUMENT);
}

static void strings_of_no_bytes_are_few(void **state)
{
    ig_tensor *t;
    (void)state;
    assert_int_equal(
        read_text(&t, "{'descr': '<U0', 'fortran_order': False, 'shape': (3,), }", NULL,
                  0),
        IG_OK);
    assert_string_equal(ig_tensor_string(t, 2), "");
    ig_tensor_unref(t);
    refuse("{'descr': '<U0', 'fortran_order': False, 'shape': (99999999,), }", 0,
           IG_LIMIT);
    refuse("{'descr': '|S0', 'fortran_order': False, 'shape': (1048577,), }", 0,
           IG_LIMIT);
}

static void pickles_records_and_unknown_types_are_named(void **state)
{
    (void)state;
    refuse("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8,
           IG_UNSUPPORTED);
    assert_non_null(strstr(ig_error_message(), "pickled"));
    refuse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4,
           IG_UNSUPPORTED);
    refuse("{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }", 16,
           IG_UNSUPPORTED);
    refuse("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,), }", 8,
           IG_INVALID_ARGUMENT);
}

static void malformed_dictionaries_are_refused(void **state)
{
    static const char *const headers[] = {
        "",
        "{",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } + 1",
        "{'descr': '<f', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4\\x00', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        refuse(headers[i], 4, IG_INVALID_ARGUMENT);
}

static void a_header_beyond_the_limit_is_refused(void **state)
{
    char buf[64] = "\x93NUMPY\2\0\xff\xff\xff\x7f";
    ig_tensor *t = NULL;
    (void)state;
    assert_int_equal(igi_npy_read(&t, buf, sizeof(buf), NULL), IG_LIMIT);
    buf[6] = 9;
    assert_int_equal(igi_npy_read(&t, buf, sizeof(buf), NULL), IG_UNSUPPORTED);
}

static void more_than_64_axes_are_refused(void **state)
{
    char header[1024];
    (void)state;
    size_t at = (size_t)snprintf(header, sizeof(header),
                                 "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < 65; i++)
        at += (size_t)snprintf(header + at, sizeof(header) - at, "1,");
    snprintf(header + at, sizeof(header) - at, ")}");
    refuse(header, 4, IG_LIMIT);
}

static void every_cut_and_flip_is_an_error_or_a_clean_read(void **state)
{
    char whole[256], buf[256];
    size_t n = npy(whole, FLOATS, six, sizeof(six));
    (void)state;
    for (size_t cut = 0; cut < n; cut++) {
        ig_tensor *t = NULL;
        char *exact = malloc(cut + 1); /* for the address sanitizer */
        assert_non_null(exact);
        memcpy(exact, whole, cut);
        assert_int_not_equal(igi_npy_read(&t, exact, cut, NULL), IG_OK);
        free(exact);
    }
    for (size_t bit = 0; bit < 8 * (n - sizeof(six)); bit++) {
        ig_tensor *t = NULL;
        memcpy(buf, whole, n);
        buf[bit / 8] = (char)(buf[bit / 8] ^ (1 << bit % 8));
        if (igi_npy_read(&t, buf, n, NULL) == IG_OK)
            ig_tensor_unref(t);
        else
            assert_int_not_equal(strlen(ig_error_message()), 0);
    }
}

static ig_status read_strings(void *arg)
{
    ig_tensor *t = NULL;
    (void)arg;
    const char *header = "{'descr': '|S3', 'fortran_order': True, 'shape': (2, 2), }";
    ig_status rc = read_text(&t, header, "abcdefghijkl", 12);
    ig_tensor_unref(t);
    return rc;
}

static void reading_without_memory_leaks_nothing(void **state)
{
    (void)state;
    igi_failing_each(read_strings, NULL);
}

IG_TESTS(cmocka_unit_test(a_float_array_is_read_with_its_shape),
         cmocka_unit_test(keys_come_in_any_order_and_either_quotes),
         cmocka_unit_test(fortran_order_is_turned_into_c_order),
         cmocka_unit_test(big_endian_numbers_are_swapped),
         cmocka_unit_test(both_parts_of_a_big_endian_complex_are_swapped),
         cmocka_unit_test(truth_values_become_zero_or_one),
         cmocka_unit_test(unicode_and_byte_strings_become_strings),
         cmocka_unit_test(a_zero_within_a_string_is_refused),
         cmocka_unit_test(empty_arrays_and_scalars_are_read),
         cmocka_unit_test(a_shape_that_does_not_fit_the_bytes_is_refused),
         cmocka_unit_test(strings_of_no_bytes_are_few),
         cmocka_unit_test(pickles_records_and_unknown_types_are_named),
         cmocka_unit_test(malformed_dictionaries_are_refused),
         cmocka_unit_test(a_header_beyond_the_limit_is_refused),
         cmocka_unit_test(more_than_64_axes_are_refused),
         cmocka_unit_test(every_cut_and_flip_is_an_error_or_a_clean_read),
         cmocka_unit_test(reading_without_memory_leaks_nothing))
