/* What the passes over quantized graphs share: numbers behind scales and zero points.
 */
#ifndef GRAPH_PASSES_QDQ_H
#define GRAPH_PASSES_QDQ_H

#include "graph/passes/rewrite.h"

/* A constant scale and zero point for a whole tensor of bytes. */
typedef struct igi_quantum {
    float scale;
    int64_t zero;
    ig_dtype type; /* uint8 or int8 */
} igi_quantum;

static inline bool igi_is_byte(int64_t dtype)
{
    return dtype == IG_UINT8 || dtype == IG_INT8;
}
static inline void igi_byte_range(ig_dtype type, int64_t *low, int64_t *high)
{
    *low = type == IG_INT8 ? -128 : 0;
    *high = type == IG_INT8 ? 127 : 255;
}

/* Of the scale and zero point ({0}: none) of a tensor of `type`; false when they are
 * not constants of one element, or not finite and positive. */
bool igi_quantum_of(const ig_graph *g,
                    ig_value_id scale,
                    ig_value_id zero,
                    int64_t type,
                    igi_quantum *out);
static inline bool igi_same_quantum(const igi_quantum *a, const igi_quantum *b)
{
    return a->type == b->type && a->zero == b->zero && !(a->scale < b->scale) &&
           !(a->scale > b->scale);
}

#endif
