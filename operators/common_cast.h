/* Conversion between any two element types: what Cast and CastLike share. */
#ifndef OPERATORS_COMMON_CAST_H
#define OPERATORS_COMMON_CAST_H

#include "graph/core/text.h" /* igi_parse_real */
#include "operators/common.h"

typedef struct igi_cast_mode {
    bool saturate;  /* float8: out of range becomes the largest finite value */
    int round_mode; /* float8e8m0: 0 up, 1 down, 2 nearest */
} igi_cast_mode;

/* y := x, same shape, element types as they are; x of any strides. */
ig_status igi_cast_tensor(ig_kernel_ctx *k,
                          const ig_tensor *y,
                          const ig_tensor *x,
                          igi_cast_mode mode);
/* Sets dx of input 0 to dy cast back; nothing unless both types are floats. */
ig_status igi_cast_gradient(ig_grad *g);

/* The shortest decimal text that reads back as `v` in `dtype`, as NumPy prints it:
 * 0.1, 1.0, 1e-05, nan, -inf. Independent of the locale. */
void igi_print_real(ig_dtype dtype, double v, char *buf, size_t size);

extern const char *const igi_round_modes[];

#endif
