/* The built-in operators, for fuzz targets below the frontend. */
#ifndef TESTS_FUZZ_FUZZ_OPERATORS_H
#define TESTS_FUZZ_FUZZ_OPERATORS_H

#include <stdlib.h>

#include "graph/ir/registry.h"
#include "tests/support/fuzz.h"

extern const ig_op_def *const igi_builtin_ops[];

static inline const ig_registry *igi_fuzz_operators(void)
{
    static ig_registry *r;
    if (r)
        return r;
    if (igi_registry_new(&r) != IG_OK)
        abort();
    for (int i = 0; igi_builtin_ops[i]; i++)
        if (igi_registry_add(r, igi_builtin_ops[i]) != IG_OK)
            abort();
    return r;
}

#endif
