/* Activations that fused operators (ingot::Conv, ingot::Linear) apply to their result.
 */
#ifndef OPERATORS_COMMON_ACT_H
#define OPERATORS_COMMON_ACT_H

#include "operators/common_act_kind.h"
#include "operators/common_float.h"

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
