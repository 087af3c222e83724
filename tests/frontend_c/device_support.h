/* A context on "host-gpu" and what tests of devices compare with. */
#ifndef TESTS_FRONTEND_C_DEVICE_SUPPORT_H
#define TESTS_FRONTEND_C_DEVICE_SUPPORT_H

#include <math.h>
#include <string.h>

#include <ingot/train.h>

#include "tests/support/test_main.h"

static ig_registry *reg;
static ig_ctx *c;

static int setup(void **state)
{
    (void)state;
    if (ig_registry_new(&reg) != IG_OK ||
        ig_registry_load_plugin(reg, IG_HOST_GPU) != IG_OK)
        fail_msg("%s", ig_error_message());
    return ig_ctx_new(&c, &(ig_ctx_opts){.registry = reg}) != IG_OK;
}

static int teardown(void **state)
{
    (void)state;
    ig_ctx_free(c);
    ig_registry_free(reg);
    return 0;
}

#define FINE()                                                                         \
    do {                                                                               \
        if (ig_ctx_status(c) != IG_OK)                                                 \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_ctx_message(c));              \
    } while (0)
#define OK(call_)                                                                      \
    do {                                                                               \
        if ((call_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

static void same(const ig_tensor *a, const ig_tensor *b, double tolerance)
{
    ig_tensor *x = NULL, *y = NULL;
    OK(ig_tensor_to_host(a, &x));
    OK(ig_tensor_to_host(b, &y));
    assert_int_equal(ig_tensor_numel(x), ig_tensor_numel(y));
    for (int64_t i = 0; i < ig_tensor_numel(x); i++) {
        double p = ig_tensor_data_f32(x)[i], q = ig_tensor_data_f32(y)[i];
        if (!(fabs(p - q) <= tolerance * (1 + fabs(q))))
            fail_msg("element %d: %g, expected %g", (int)i, p, q);
    }
    ig_tensor_unref(x), ig_tensor_unref(y);
}

static ig_tensor *numbers(ig_ctx *on, int64_t rows, int64_t columns, float by)
{
    float v[64];
    for (int i = 0; i < 64; i++)
        v[i] = by * (float)((i * 7) % 11 - 5);
    assert_true(rows * columns <= 64);
    return ig_from(on, IG_FLOAT32, IG_SHAPE(rows, columns), v);
}

#endif
