/* The comparison of the ONNX test suite: what must count as equal, and what must not.
 */
#include "tests/support/test_main.h"

#include <math.h>
#include <string.h>

#include "graph/core/tensor.h"
#include "tools/compare.h"

static const compare_opts onnx = {.rtol = 1e-3, .atol = 1e-7};
static compare_result last;

static ig_tensor *make(ig_dtype dtype, int64_t n, const void *data)
{
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_new_copy(&t, dtype, 1, &n, data,
                                        (size_t)n * (size_t)ig_dtype_bits(dtype) / 8),
                     IG_OK);
    return t;
}

static bool floats_agree(float got, float want)
{
    ig_tensor *g = make(IG_FLOAT32, 1, &got), *w = make(IG_FLOAT32, 1, &want);
    bool same = compare_values(ig_tensor_value(g), ig_tensor_value(w), &onnx, &last);
    ig_tensor_unref(g);
    ig_tensor_unref(w);
    return same;
}

static void numbers_agree_within_the_tolerance(void **state)
{
    (void)state;
    assert_true(floats_agree(1.0009f, 1));
    assert_false(floats_agree(1.0011f, 1));
    assert_true(floats_agree(9e-8f, 0));
    assert_false(floats_agree(2e-7f, 0));
    assert_non_null(strstr(last.text, "expected 0"));
    assert_true(floats_agree(-1000.5f, -1000));
}

static void nan_equals_nan_and_infinities_only_themselves(void **state)
{
    (void)state;
    assert_true(floats_agree(NAN, NAN));
    assert_false(floats_agree(NAN, 0));
    assert_false(floats_agree(0, NAN));
    assert_true(floats_agree(INFINITY, INFINITY));
    assert_false(floats_agree(-INFINITY, INFINITY));
    assert_false(floats_agree(1e30f, INFINITY));
    assert_false(floats_agree(INFINITY, 1));
}

static void types_and_shapes_must_be_equal(void **state)
{
    static const float f[2] = {1, 1};
    static const double d[2] = {1, 1};
    int64_t two[2] = {2, 1};
    ig_tensor *a = make(IG_FLOAT32, 2, f), *b = make(IG_FLOAT64, 2, d),
              *c = make(IG_FLOAT32, 1, f), *e = NULL;
    (void)state;
    assert_int_equal(ig_tensor_new_copy(&e, IG_FLOAT32, 2, two, f, sizeof(f)), IG_OK);
    assert_false(compare_values(ig_tensor_value(a), ig_tensor_value(b), &onnx, &last));
    assert_false(compare_values(ig_tensor_value(a), ig_tensor_value(c), &onnx, &last));
    assert_false(compare_values(ig_tensor_value(a), ig_tensor_value(e), &onnx, &last));
    ig_tensor_unref(a);
    ig_tensor_unref(b);
    ig_tensor_unref(c);
    ig_tensor_unref(e);
}

static void random_results_are_compared_by_type_alone(void **state)
{
    static const float a[1] = {0}, b[1] = {1};
    const compare_opts random = {.types_only = true};
    ig_tensor *g = make(IG_FLOAT32, 1, a), *w = make(IG_FLOAT32, 1, b);
    (void)state;
    assert_true(compare_values(ig_tensor_value(g), ig_tensor_value(w), &random, &last));
    ig_tensor_unref(g);
    ig_tensor_unref(w);
}

static void imaginary_parts_count(void **state)
{
    static const float a[2] = {1, 2}, b[2] = {1, 3};
    int64_t one = 1;
    ig_tensor *g = NULL, *w = NULL;
    (void)state;
    assert_int_equal(ig_tensor_new_copy(&g, IG_COMPLEX64, 1, &one, a, sizeof(a)),
                     IG_OK);
    assert_int_equal(ig_tensor_new_copy(&w, IG_COMPLEX64, 1, &one, b, sizeof(b)),
                     IG_OK);
    assert_false(compare_values(ig_tensor_value(g), ig_tensor_value(w), &onnx, &last));
    ig_tensor_unref(g);
    ig_tensor_unref(w);
}

static void wide_integers_are_not_rounded_to_equality(void **state)
{
    static const int64_t a[1] = {INT64_C(9007199254740993)},
                         b[1] = {INT64_C(9007199254740992)};
    const compare_opts exact = {0};
    ig_tensor *g = make(IG_INT64, 1, a), *w = make(IG_INT64, 1, b);
    (void)state;
    assert_false(compare_values(ig_tensor_value(g), ig_tensor_value(w), &exact, &last));
    ig_tensor_unref(g);
    ig_tensor_unref(w);
}

static void strings_must_be_equal(void **state)
{
    static const char *const a[2] = {"x", ""}, *const b[2] = {"x", "y"};
    int64_t two = 2;
    ig_tensor *g = NULL, *w = NULL;
    (void)state;
    assert_int_equal(ig_tensor_new_strings(&g, 1, &two, a), IG_OK);
    assert_int_equal(ig_tensor_new_strings(&w, 1, &two, b), IG_OK);
    assert_true(compare_values(ig_tensor_value(g), ig_tensor_value(g), &onnx, &last));
    assert_false(compare_values(ig_tensor_value(g), ig_tensor_value(w), &onnx, &last));
    assert_non_null(strstr(last.text, "[1]"));
    ig_tensor_unref(g);
    ig_tensor_unref(w);
}

static ig_value *sequence(ig_tensor *a, ig_tensor *b)
{
    ig_value *items[2] = {ig_tensor_value(a), ig_tensor_value(b)}, *out = NULL;
    ig_type type = {.kind = IG_KIND_SEQUENCE};
    type.u.elem = &a->v.type;
    assert_int_equal(igi_sequence_new(&out, &type, items, b ? 2 : 1), IG_OK);
    return out;
}

static void sequences_are_compared_item_by_item(void **state)
{
    static const float x[1] = {1}, y[1] = {2};
    ig_tensor *a = make(IG_FLOAT32, 1, x), *b = make(IG_FLOAT32, 1, y);
    ig_value *ab = sequence(a, b), *aa = sequence(a, a), *one = sequence(a, NULL);
    (void)state;
    assert_true(compare_values(ab, ab, &onnx, &last));
    assert_false(compare_values(aa, ab, &onnx, &last));
    assert_false(compare_values(one, ab, &onnx, &last));
    assert_false(compare_values(ig_tensor_value(a), ab, &onnx, &last));
    ig_value_unref(ab);
    ig_value_unref(aa);
    ig_value_unref(one);
    ig_tensor_unref(a);
    ig_tensor_unref(b);
}

IG_TESTS(cmocka_unit_test(numbers_agree_within_the_tolerance),
         cmocka_unit_test(nan_equals_nan_and_infinities_only_themselves),
         cmocka_unit_test(types_and_shapes_must_be_equal),
         cmocka_unit_test(random_results_are_compared_by_type_alone),
         cmocka_unit_test(imaginary_parts_count),
         cmocka_unit_test(wide_integers_are_not_rounded_to_equality),
         cmocka_unit_test(strings_must_be_equal),
         cmocka_unit_test(sequences_are_compared_item_by_item))
