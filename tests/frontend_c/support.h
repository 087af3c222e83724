/* Fixture of eager tests: one context per test, short checks. */
#ifndef TESTS_FRONTEND_C_SUPPORT_H
#define TESTS_FRONTEND_C_SUPPORT_H

#include <math.h>
#include <string.h>

#include <ingot/train.h>

#include "graph/core/tensor.h"
#include "tests/support/test_main.h"

static ig_ctx *c;

static inline int ctx_setup(void **state)
{
    (void)state;
    return ig_ctx_new(&c, NULL) != IG_OK;
}

static inline int ctx_teardown(void **state)
{
    (void)state;
    ig_ctx_free(c);
    c = NULL;
    return 0;
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, ctx_setup, ctx_teardown)

/* No error so far. */
#define FINE()                                                                         \
    do {                                                                               \
        if (ig_ctx_status(c) != IG_OK)                                                 \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_ctx_message(c));              \
    } while (0)
/* The context failed, with these words in the message; it is cleared. */
#define FAILED(...)                                                                    \
    do {                                                                               \
        const char *const words_[] = {__VA_ARGS__};                                    \
        if (ig_ctx_status(c) == IG_OK)                                                 \
            fail_msg("%s:%d: no error", __FILE__, __LINE__);                           \
        for (size_t w_ = 0; w_ < sizeof(words_) / sizeof(words_[0]); w_++)             \
            if (!strstr(ig_ctx_message(c), words_[w_]))                                \
                fail_msg("%s:%d: no '%s' in: %s", __FILE__, __LINE__, words_[w_],      \
                         ig_ctx_message(c));                                           \
        ig_ctx_clear(c);                                                               \
    } while (0)

#define D(...) ((const double[]){__VA_ARGS__})

/* float64 vectors and matrices. */
static inline ig_tensor *vec(int64_t n, const double *v)
{
    return ig_from(c, IG_FLOAT64, IG_SHAPE(n), v);
}
static inline ig_tensor *leaf(int64_t n, const double *v)
{
    return ig_requires_grad(c, vec(n, v), true);
}
static inline ig_tensor *sum(ig_tensor *x)
{
    return ig_sum(c, x, IG_ALL, false);
}

static inline void
check_values(const ig_tensor *t, int64_t n, const double *want, const char *where)
{
    if (!t)
        fail_msg("%s: there is no tensor", where);
    if (ig_tensor_numel(t) != n || ig_tensor_dtype(t) != IG_FLOAT64)
        fail_msg("%s: %lld elements of %s", where, (long long)ig_tensor_numel(t),
                 ig_dtype_name(ig_tensor_dtype(t)));
    ig_tensor *flat = NULL;
    assert_int_equal(igi_tensor_contiguous_copy(&flat, NULL, t), IG_OK);
    const double *got = (const double *)(const void *)flat->data;
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-9 * (1 + fabs(want[i])))) {
            double bad = got[i];
            ig_tensor_unref(flat);
            fail_msg("%s: element %lld is %.12g, expected %.12g", where, (long long)i,
                     bad, want[i]);
        }
    ig_tensor_unref(flat);
}
#define VALUES(t_, n_, ...) check_values(t_, n_, D(__VA_ARGS__), IG_HERE)
/* The gradient of a leaf. */
#define GRADIENT(t_, n_, ...)                                                          \
    check_values(ig_tensor_grad(t_), n_, D(__VA_ARGS__), IG_HERE)

#endif
