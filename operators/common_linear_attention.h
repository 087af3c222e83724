/* LinearAttention's attributes and gradient. */
#ifndef OPERATORS_COMMON_LINEAR_ATTENTION_H
#define OPERATORS_COMMON_LINEAR_ATTENTION_H

#include <ingot/plugin.h>

enum { IGI_LIN_Q, IGI_LIN_K, IGI_LIN_V, IGI_LIN_PAST, IGI_LIN_DECAY, IGI_LIN_BETA };
enum { IGI_LIN_LINEAR, IGI_LIN_GATED, IGI_LIN_DELTA, IGI_LIN_GATED_DELTA };
#define IGI_LIN_INPUTS 6

typedef struct igi_linear_attention_attrs {
    uint32_t struct_size;
    int64_t chunk_size, kv_num_heads, q_num_heads;
    float scale;
    int64_t update_rule;
} igi_linear_attention_attrs;

static inline bool igi_lin_is_gated(int64_t rule)
{
    return rule == IGI_LIN_GATED || rule == IGI_LIN_GATED_DELTA;
}
static inline bool igi_lin_is_delta(int64_t rule)
{
    return rule == IGI_LIN_DELTA || rule == IGI_LIN_GATED_DELTA;
}

ig_status igi_linear_attention_gradient(ig_grad *g);

#endif
