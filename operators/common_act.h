/* Activations that fused operators (ingot::Conv, ingot::Linear) apply to their result.
 */
#ifndef OPERATORS_COMMON_ACT_H
#define OPERATORS_COMMON_ACT_H

#include "operators/common_float.h"

/* ORDER: activation (igi_act_names in common_act.c, igi_act below). a and b are the
 * attributes act_a and act_b. */
typedef enum igi_act_kind {
    IGI_ACT_NONE = 0,
    IGI_ACT_RELU,
    IGI_ACT_LEAKY_RELU, /* a: slope */
    IGI_ACT_CLIP,       /* a: low, b: high; high wins */
    IGI_ACT_SIGMOID,
    IGI_ACT_TANH,
    IGI_ACT_SILU,
    IGI_ACT_GELU_ERF,
    IGI_ACT_GELU_TANH,
    IGI_ACT_ELU, /* a: alpha */
    IGI_ACT_SOFTPLUS,
    IGI_ACT_HARD_SIGMOID, /* clip(a * x + b, 0, 1) */
    IGI_ACT_HARD_SWISH,   /* x * clip(x / 6 + 0.5, 0, 1) */
    IGI_ACT_COUNT
} igi_act_kind;
extern const char *const igi_act_names[];

double igi_act(int64_t kind, double a, double b, double x);

#define IGI_ACT_ATTRS(S_)                                                              \
    IG_ATTR_ENUM(S_, activation, IGI_ACT_NONE, igi_act_names,                          \
                 "Function of the result: none, relu, leaky_relu, clip, sigmoid, "     \
                 "tanh, silu, gelu_erf, gelu_tanh, elu, softplus, hard_sigmoid, "      \
                 "hard_swish."),                                                       \
        IG_ATTR_FLOAT(S_, act_a, 0,                                                    \
                      "Slope of leaky_relu, alpha of elu and hard_sigmoid, low of "    \
                      "clip."),                                                        \
        IG_ATTR_FLOAT(S_, act_b, 0, "High of clip, beta of hard_sigmoid."),            \
        IG_ATTR_INT(S_, residual_after, 0,                                             \
                    "0: residual is added before the activation; 1: after.", .min = 0, \
                    .max = 1)

/* The end of a fused operator: act(v + residual), or act(v) + residual. */
static inline double
igi_act_finish(int64_t kind, double a, double b, bool after, double v, double residual)
{
    return after ? igi_act(kind, a, b, v) + residual
                 : igi_act(kind, a, b, v + residual);
}

#endif
