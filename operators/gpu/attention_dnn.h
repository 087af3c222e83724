/* Attention as one fused plan of cuDNN. */
#ifndef OPERATORS_GPU_ATTENTION_DNN_H
#define OPERATORS_GPU_ATTENTION_DNN_H

#include "operators/common_attention.h"
#include "operators/gpu/dnn.h"

typedef struct gpu_flash {
    igi_attention a;
    ig_dtype type;
    int64_t mask_dims[4]; /* of the mask, 1 where it is broadcast; all 0: no mask */
    dnn_plan *plan;
    size_t at_work; /* in scratch, behind the statistics of the softmax */
} gpu_flash;

/* For dnn_recipe: the graph of a gpu_flash. Memory in the order Q, K, V, mask (if any),
 * statistics, Y. */
void gpu_flash_build(dnn_graph *g, const void *flash);

#endif
