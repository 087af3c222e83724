/* Copies are compared with a naive one, element by element through get and put. */
#include "tests/support/test_main.h"

#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/tensor.h"

typedef struct copy_case {
    int rank;
    int64_t dims[5], dst[5], src[5], dst_off, src_off;
} copy_case;

static const copy_case cases[] = {
    {0, {0}, {0}, {0}, 3, 5},                      /* one element */
    {1, {7}, {1}, {1}, 0, 0},                      /* contiguous */
    {1, {7}, {2}, {-1}, 1, 6},                     /* backwards */
    {1, {9}, {1}, {0}, 0, 4},                      /* spread one element */
    {2, {3, 5}, {5, 1}, {5, 1}, 0, 0},             /* merges to one axis */
    {2, {3, 5}, {5, 1}, {1, 3}, 0, 0},             /* transposed */
    {2, {37, 41}, {41, 1}, {1, 37}, 0, 0},         /* transposed, in tiles */
    {2, {3, 5}, {1, 3}, {5, 1}, 0, 0},             /* writes transposed */
    {2, {3, 5}, {6, 1}, {0, 1}, 2, 3},             /* broadcast rows into a gap */
    {3, {2, 1, 3}, {3, 99, 1}, {3, -99, 1}, 0, 0}, /* an axis of size 1 */
    {4, {2, 3, 4, 5}, {60, 20, 5, 1}, {1, 2, 6, 24}, 0, 0},  /* all axes reversed */
    {4, {2, 3, 4, 5}, {60, 20, 5, 1}, {60, 5, 15, 1}, 0, 0}, /* inner axes swapped */
    {5, {2, 2, 2, 2, 3}, {24, 12, 6, 3, 1}, {0, 3, 0, 6, 1}, 1, 2},
    {3, {2, 0, 3}, {3, 3, 1}, {3, 3, 1}, 0, 0}, /* nothing */
};

static void naive(ig_dtype d, const copy_case *c, void *dst, const void *src)
{
    int64_t count, index[5] = {0};
    assert_true(igi_dims_count(c->rank, c->dims, &count));
    for (int64_t n = 0; n < count; n++) {
        int64_t rest = n, to = c->dst_off, from = c->src_off;
        for (int i = c->rank - 1; i >= 0; i--) {
            index[i] = rest % c->dims[i];
            rest /= c->dims[i];
            to += index[i] * c->dst[i];
            from += index[i] * c->src[i];
        }
        igi_put_i64(d, dst, to, igi_get_i64(d, src, from));
    }
}

static void strided_copies_equal_the_naive_one(void **state)
{
    (void)state;
    static const ig_dtype types[] = {IG_UINT8,      IG_INT16, IG_FLOAT32, IG_FLOAT64,
                                     IG_COMPLEX128, IG_INT4,  IG_UINT2};
    enum { N = 2000 };
    static uint64_t src[2 * N], got[2 * N], want[2 * N];
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            memset(got, 0, sizeof(got));
            memset(want, 0, sizeof(want));
            for (int64_t k = 0; k < N; k++)
                igi_put_i64(types[t], src, k, k % 127);
            const copy_case *c = &cases[i];
            naive(types[t], c, want, src);
            igi_copy_nd(types[t], c->rank, c->dims, got, c->dst_off, c->dst, src,
                        c->src_off, c->src);
            assert_memory_equal(got, want, sizeof(want));
        }
    }
}

static void string_handles_are_counted(void **state)
{
    (void)state;
    igi_str *a = igi_str_new("a", 1), *b = igi_str_new("b", 1);
    igi_str *src[] = {a, NULL, b}, *dst[] = {b, a, NULL};
    igi_str_ref(a);
    igi_str_ref(b);
    int64_t n[] = {3}, forward[] = {1}, backward[] = {-1};
    igi_copy_nd(IG_STRING, 1, n, dst, 0, forward, src, 2, backward);
    assert_ptr_equal(dst[0], b);
    assert_null(dst[1]);
    assert_ptr_equal(dst[2], a);
    assert_int_equal(a->refs, 2);
    assert_int_equal(b->refs, 2);
    for (int i = 0; i < 3; i++) {
        igi_str_unref(dst[i]);
        igi_str_unref(src[i]);
    }
}

static void an_undefined_type_copies_nothing(void **state)
{
    (void)state;
    int64_t n[] = {2}, one[] = {1};
    char src[] = "ab", dst[] = "xy";
    igi_copy_nd(IG_UNDEFINED, 1, n, dst, 0, one, src, 0, one);
    assert_string_equal(dst, "xy");
}

IG_TESTS(cmocka_unit_test(strided_copies_equal_the_naive_one),
         cmocka_unit_test(string_handles_are_counted),
         cmocka_unit_test(an_undefined_type_copies_nothing))
