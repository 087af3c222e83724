/* Activations of fused operators as those of the compute primitives. */
#include "operators/common_act.h"
#include "operators/cpu/kernel.h"

/* ORDER: activation */
static const uint8_t unary_of[IGI_ACT_COUNT] = {
    [IGI_ACT_NONE] = IGI_UNARY_NONE,
    [IGI_ACT_RELU] = IGI_UNARY_RELU,
    [IGI_ACT_LEAKY_RELU] = IGI_UNARY_LEAKY_RELU,
    [IGI_ACT_CLIP] = IGI_UNARY_CLIP,
    [IGI_ACT_SIGMOID] = IGI_UNARY_SIGMOID,
    [IGI_ACT_TANH] = IGI_UNARY_TANH,
    [IGI_ACT_SILU] = IGI_UNARY_SILU,
    [IGI_ACT_GELU_ERF] = IGI_UNARY_GELU_ERF,
    [IGI_ACT_GELU_TANH] = IGI_UNARY_GELU_TANH,
    [IGI_ACT_ELU] = IGI_UNARY_ELU,
    [IGI_ACT_SOFTPLUS] = IGI_UNARY_SOFTPLUS,
    [IGI_ACT_HARD_SIGMOID] = IGI_UNARY_HARD_SIGMOID,
    [IGI_ACT_HARD_SWISH] = IGI_UNARY_HARD_SWISH,
};

igi_epilogue
igi_epilogue_of(int64_t activation, float act_a, float act_b, bool residual_after)
{
    return (igi_epilogue){.act = (igi_unary)unary_of[activation],
                          .act_params = {act_a, act_b},
                          .residual_after = residual_after};
}
