/* Activations by name, in double. */
#include "operators/common_act.h"

const char *const igi_act_names[] = {"none",       "relu", "leaky_relu", "clip",
                                     "sigmoid",    "tanh", "silu",       "gelu_erf",
                                     "gelu_tanh",  "elu",  "softplus",   "hard_sigmoid",
                                     "hard_swish", NULL};

/* NaN stays NaN. */
static double clip(double x, double low, double high)
{
    if (x < low)
        x = low;
    return x > high ? high : x;
}

static double sigmoid(double x)
{
    double e = exp(-fabs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* x/2 (1 + tanh(u)) = x sigmoid(2u), which keeps the digits of the left tail. */
static double gelu_tanh(double x)
{
    double inner = 0.7978845608028654 * (x + 0.044715 * x * x * x); /* sqrt(2 / pi) */
    return x * sigmoid(2 * inner);
}

double igi_act(int64_t kind, double a, double b, double x)
{
    switch (kind) {
    case IGI_ACT_RELU:
        return x < 0 ? 0 : x;
    case IGI_ACT_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case IGI_ACT_CLIP:
        return clip(x, a, b);
    case IGI_ACT_SIGMOID:
        return sigmoid(x);
    case IGI_ACT_TANH:
        return tanh(x);
    case IGI_ACT_SILU:
        return x * sigmoid(x);
    case IGI_ACT_GELU_ERF:
        return 0.5 * x * erfc(-x * 0.7071067811865476); /* 1 / sqrt(2) */
    case IGI_ACT_GELU_TANH:
        return gelu_tanh(x);
    case IGI_ACT_ELU:
        return x < 0 ? a * expm1(x) : x;
    case IGI_ACT_SOFTPLUS:
        return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
    case IGI_ACT_HARD_SIGMOID:
        return clip(a * x + b, 0, 1);
    case IGI_ACT_HARD_SWISH:
        return x * clip(x / 6 + 0.5, 0, 1);
    default:
        return x;
    }
}
