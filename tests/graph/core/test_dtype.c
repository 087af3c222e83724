#include "tests/support/test_main.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/tensor.h"

static void names_of_ours_and_of_onnx_are_parsed(void **state)
{
    (void)state;
    for (int d = 1; d < IG_DTYPE_COUNT; d++) {
        assert_int_equal(ig_dtype_parse(ig_dtype_name((ig_dtype)d)), d);
        assert_true(ig_dtype_bits((ig_dtype)d) > 0);
    }
    assert_int_equal(ig_dtype_parse("float"), IG_FLOAT32);
    assert_int_equal(ig_dtype_parse("double"), IG_FLOAT64);
    assert_int_equal(ig_dtype_parse("undefined"), IG_UNDEFINED);
    assert_int_equal(ig_dtype_parse(""), IG_UNDEFINED);
    assert_int_equal(ig_dtype_parse(NULL), IG_UNDEFINED);
}

static void numbers_that_are_no_type_are_undefined(void **state)
{
    (void)state;
    int wrong[] = {0, -1, IG_DTYPE_COUNT, 1000, INT32_MIN};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ig_dtype d = (ig_dtype)wrong[i];
        assert_string_equal(ig_dtype_name(d), "undefined");
        assert_int_equal(ig_dtype_bits(d), 0);
        assert_false(igi_dtype_is_float(d) || igi_dtype_is_int(d) ||
                     igi_dtype_is_signed(d));
        int64_t x = 5;
        igi_put_i64(d, &x, 0, 7);
        igi_put_f64(d, &x, 0, 7);
        assert_int_equal(x, 5);
        assert_int_equal(igi_get_i64(d, &x, 0), 0);
    }
}

/* Smallest and largest value of each integer type. */
static const struct {
    ig_dtype dtype;
    int64_t lo, hi;
} ranges[] = {
    {IG_UINT8, 0, 255},
    {IG_INT8, -128, 127},
    {IG_UINT16, 0, 65535},
    {IG_INT16, -32768, 32767},
    {IG_INT32, INT32_MIN, INT32_MAX},
    {IG_UINT32, 0, UINT32_MAX},
    {IG_INT64, INT64_MIN, INT64_MAX},
    {IG_UINT64, 0, INT64_MAX},
    {IG_UINT4, 0, 15},
    {IG_INT4, -8, 7},
    {IG_UINT2, 0, 3},
    {IG_INT2, -2, 1},
};

static void integers_saturate(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        ig_dtype d = ranges[i].dtype;
        uint64_t memory[4] = {0};
        assert_int_equal(igi_dtype_is_signed(d), ranges[i].lo < 0);
        for (int64_t at = 0; at < 4; at++) {
            igi_put_i64(d, memory, at, INT64_MAX);
            assert_int_equal(igi_get_i64(d, memory, at), ranges[i].hi);
            igi_put_i64(d, memory, at, INT64_MIN);
            assert_int_equal(igi_get_i64(d, memory, at), ranges[i].lo);
            igi_put_f64(d, memory, at, -INFINITY);
            assert_int_equal(igi_get_i64(d, memory, at), ranges[i].lo);
            igi_put_f64(d, memory, at, NAN);
            assert_int_equal(igi_get_i64(d, memory, at), 0);
            igi_put_f64(d, memory, at, 1.5);
            assert_true(igi_get_f64(d, memory, at) == (ranges[i].hi > 1 ? 2 : 1));
            igi_put_f64(d, memory, at, 0.5);
            assert_true(igi_get_f64(d, memory, at) == 0);
        }
    }
}

static void uint64_reaches_its_upper_half_through_doubles(void **state)
{
    (void)state;
    uint64_t x;
    igi_put_f64(IG_UINT64, &x, 0, 0x1p63);
    assert_true(x == UINT64_C(1) << 63);
    assert_true(igi_get_f64(IG_UINT64, &x, 0) == 0x1p63);
    assert_true(igi_get_i64(IG_UINT64, &x, 0) == INT64_MAX);
    igi_put_f64(IG_UINT64, &x, 0, 1e30);
    assert_true(x == UINT64_MAX);
}

static void floats_become_integers_saturating(void **state)
{
    (void)state;
    double v[] = {NAN, INFINITY, -INFINITY, 1e19, -1e19, 2.9, -2.9};
    int64_t want[] = {0, INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, 2, -2};
    for (int64_t i = 0; i < 7; i++)
        assert_true(igi_get_i64(IG_FLOAT64, v, i) == want[i]);
}

static void packed_neighbours_do_not_disturb_each_other(void **state)
{
    (void)state;
    uint8_t memory[4];
    for (int bits = 2; bits <= 4; bits += 2) {
        memset(memory, 0xff, sizeof(memory));
        igi_packed_set(memory, 3, bits, 0);
        for (int64_t i = 0; i < 32 / bits; i++)
            assert_int_equal(igi_packed_get(memory, i, bits),
                             i == 3 ? 0 : (1 << bits) - 1);
    }
    uint8_t low_first[] = {0x21, 0x43};
    for (int64_t i = 0; i < 4; i++)
        assert_int_equal(igi_get_i64(IG_UINT4, low_first, i), i + 1);
}

static void bools_are_zero_or_one(void **state)
{
    (void)state;
    uint8_t b[] = {0, 1, 200};
    assert_int_equal(igi_get_i64(IG_BOOL, b, 2), 1);
    igi_put_f64(IG_BOOL, b, 0, 0.25);
    igi_put_i64(IG_BOOL, b, 1, 256);
    assert_int_equal(b[0], 1);
    assert_int_equal(b[1], 1);
}

static void complex_numbers_have_a_real_part(void **state)
{
    (void)state;
    float f[4] = {1, 2, 3, 4};
    double d[4] = {1, 2, 3, 4};
    assert_true(igi_get_f64(IG_COMPLEX64, f, 1) == 3);
    igi_put_f64(IG_COMPLEX128, d, 1, 9);
    assert_true(d[0] == 1 && d[1] == 2 && d[2] == 9 && d[3] == 0);
}

/* A double just above a tie of the target must go up, although the nearest float is the
 * tie. */
static void doubles_are_rounded_once(void **state)
{
    (void)state;
    static const ig_dtype types[] = {IG_FLOAT16, IG_BFLOAT16, IG_FLOAT8E4M3FN,
                                     IG_FLOAT8E5M2};
    static const int bits[] = {10, 7, 3, 2};
    for (size_t i = 0; i < 4; i++) {
        double tie = 1 + ldexp(1, -bits[i] - 1), up = 1 + ldexp(1, -bits[i]);
        uint16_t x[1];
        igi_put_f64(types[i], x, 0, tie);
        assert_true(igi_get_f64(types[i], x, 0) == 1);
        igi_put_f64(types[i], x, 0, tie + 0x1p-40);
        assert_true(igi_get_f64(types[i], x, 0) == up);
        igi_put_f64(types[i], x, 0, -tie - 0x1p-40);
        assert_true(igi_get_f64(types[i], x, 0) == -up);
        igi_put_f64(types[i], x, 0, tie - 0x1p-40);
        assert_true(igi_get_f64(types[i], x, 0) == 1);
    }
    uint16_t x;
    igi_put_f64(IG_BFLOAT16, &x, 0, DBL_MAX);
    assert_int_equal(x, 0x7f80);
    igi_put_f64(IG_FLOAT16, &x, 0, -1e300);
    assert_int_equal(x, 0xfc00);
    igi_put_f64(IG_BFLOAT16, &x, 0, 1e-300);
    assert_int_equal(x, 0);
    /* int64: 2^60 + 2^52 is a tie of bfloat16, one more is not. */
    igi_put_i64(IG_BFLOAT16, &x, 0, (INT64_C(1) << 60) + (INT64_C(1) << 52));
    assert_true(igi_bf16_to_f32(x) == 0x1p60f);
    igi_put_i64(IG_BFLOAT16, &x, 0, (INT64_C(1) << 60) + (INT64_C(1) << 52) + 1);
    assert_true(igi_bf16_to_f32(x) == 0x1p60f + 0x1p53f);
    igi_put_i64(IG_BFLOAT16, &x, 0, -(INT64_C(1) << 60) - (INT64_C(1) << 52) - 1);
    assert_true(igi_bf16_to_f32(x) == -0x1p60f - 0x1p53f);
    float f;
    igi_put_i64(IG_FLOAT32, &f, 0, (INT64_C(1) << 60) + (INT64_C(1) << 36) + 1);
    assert_true(f == 0x1p60f + 0x1p37f);
    igi_put_i64(IG_FLOAT32, &f, 0, INT64_MIN);
    assert_true(f == -0x1p63f);
    igi_put_i64(IG_FLOAT32, &f, 0, INT64_MAX);
    assert_true(f == 0x1p63f);
}

static void all_float_types_store_what_they_load(void **state)
{
    (void)state;
    for (int d = 1; d < IG_DTYPE_COUNT; d++) {
        uint64_t x[4] = {0};
        if (!igi_dtype_is_float((ig_dtype)d))
            continue;
        igi_put_f64((ig_dtype)d, x, 1, 2);
        assert_true(igi_get_f64((ig_dtype)d, x, 1) == 2);
        igi_put_i64((ig_dtype)d, x, 1, 4);
        assert_int_equal(igi_get_i64((ig_dtype)d, x, 1), 4);
    }
}

static void bytes_of_packed_types_are_rounded_up(void **state)
{
    (void)state;
    size_t n;
    assert_true(igi_dtype_bytes(IG_UINT4, 3, &n) && n == 2);
    assert_true(igi_dtype_bytes(IG_INT2, 5, &n) && n == 2);
    assert_true(igi_dtype_bytes(IG_INT2, 0, &n) && n == 0);
    assert_true(igi_dtype_bytes(IG_COMPLEX128, 3, &n) && n == 48);
    assert_true(igi_dtype_bytes(IG_STRING, 3, &n) && n == 24);
    assert_true(igi_dtype_bytes(IG_UINT4, INT64_MAX, &n) &&
                n == (size_t)INT64_MAX / 2 + 1);
    assert_false(igi_dtype_bytes(IG_FLOAT32, INT64_MAX, &n));
    assert_false(igi_dtype_bytes(IG_FLOAT32, -1, &n));
}

IG_TESTS(cmocka_unit_test(names_of_ours_and_of_onnx_are_parsed),
         cmocka_unit_test(numbers_that_are_no_type_are_undefined),
         cmocka_unit_test(integers_saturate),
         cmocka_unit_test(uint64_reaches_its_upper_half_through_doubles),
         cmocka_unit_test(floats_become_integers_saturating),
         cmocka_unit_test(packed_neighbours_do_not_disturb_each_other),
         cmocka_unit_test(bools_are_zero_or_one),
         cmocka_unit_test(complex_numbers_have_a_real_part),
         cmocka_unit_test(doubles_are_rounded_once),
         cmocka_unit_test(all_float_types_store_what_they_load),
         cmocka_unit_test(bytes_of_packed_types_are_rounded_up))
