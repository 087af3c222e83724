/* The functions of one and of two arrays that compute.h has. */
#ifndef OPERATORS_CPU_COMPUTE_POINTWISE_H
#define OPERATORS_CPU_COMPUTE_POINTWISE_H

#include <stdint.h>

/* Numbers double as activations of igi_epilogue: 0 leaves values alone.
 * ORDER: unary (compute/vecmath.inc.h has one row per number). */
typedef enum igi_unary {
    IGI_UNARY_NONE = 0, /* copy */
    IGI_UNARY_EXP,
    IGI_UNARY_LOG,
    IGI_UNARY_TANH,
    IGI_UNARY_SIGMOID,
    IGI_UNARY_ERF,
    IGI_UNARY_GELU_ERF,
    IGI_UNARY_GELU_TANH,
    IGI_UNARY_SILU,
    IGI_UNARY_RELU,
    IGI_UNARY_LEAKY_RELU, /* params: alpha */
    IGI_UNARY_CLIP,       /* params: low, high; high wins when low > high */
    IGI_UNARY_ABS,
    IGI_UNARY_NEG,
    IGI_UNARY_SQRT,
    IGI_UNARY_RECIPROCAL,
    IGI_UNARY_ELU, /* params: alpha */
    IGI_UNARY_SOFTPLUS,
    IGI_UNARY_HARD_SIGMOID, /* params: alpha, beta: clip(alpha * x + beta, 0, 1) */
    IGI_UNARY_HARD_SWISH,
    IGI_UNARY_MISH,
    IGI_UNARY_SOFTSIGN,
    IGI_UNARY_FLOOR,
    IGI_UNARY_CEIL,
    IGI_UNARY_ROUND, /* halves to the even one */
    IGI_UNARY_SIGN,
    IGI_UNARY_SIN,
    IGI_UNARY_COS,
    IGI_UNARY_TAN,
    IGI_UNARY_ASIN,
    IGI_UNARY_ACOS,
    IGI_UNARY_ATAN,
    IGI_UNARY_SINH,
    IGI_UNARY_COSH,
    IGI_UNARY_ASINH,
    IGI_UNARY_ACOSH,
    IGI_UNARY_ATANH,
    IGI_UNARY_SELU,             /* params: alpha, gamma */
    IGI_UNARY_CELU,             /* params: alpha > 0 */
    IGI_UNARY_THRESHOLDED_RELU, /* params: alpha; of NaN 0 */
    IGI_UNARY_COUNT
} igi_unary;

/* y[i] = f(x[i]). `params` may be NULL for functions that list none above. */
typedef void (*igi_unary_fn)(float *y, const float *x, int64_t n, const float *params);

/* ORDER: binary (compute/body.inc.h). MIN and MAX propagate NaN, as numpy.minimum does.
 */
typedef enum igi_binary {
    IGI_BINARY_ADD = 0,
    IGI_BINARY_SUB,
    IGI_BINARY_MUL,
    IGI_BINARY_DIV,
    IGI_BINARY_MIN,
    IGI_BINARY_MAX,
    IGI_BINARY_POW,
    IGI_BINARY_COUNT
} igi_binary;

typedef enum igi_binary_mode {
    IGI_BINARY_VV = 0, /* a[i] op b[i] */
    IGI_BINARY_VS,     /* a[i] op b[0] */
    IGI_BINARY_SV,     /* a[0] op b[i] */
    IGI_BINARY_MODES
} igi_binary_mode;

typedef void (*igi_binary_fn)(float *y, const float *a, const float *b, int64_t n);
typedef void (*igi_binary64_fn)(double *y, const double *a, const double *b, int64_t n);

#endif
