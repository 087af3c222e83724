/* The activations of fused operators by number; alone, for kernels in other languages.
 */
#ifndef OPERATORS_COMMON_ACT_KIND_H
#define OPERATORS_COMMON_ACT_KIND_H

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

#endif
