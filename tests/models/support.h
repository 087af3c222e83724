/* What tests of whole models share. */
#ifndef TESTS_MODELS_SUPPORT_H
#define TESTS_MODELS_SUPPORT_H

#include <string.h>

#include <ingot/ingot.h>

#include "tests/support/test_main.h"

#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

static inline ig_tensor *floats(int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    OK(ig_tensor_new(&t, IG_FLOAT32, rank, dims));
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        ((float *)ig_tensor_data(t))[i] = (float)(i % 7) / 8 - 0.4f;
    return t;
}

#endif
