/* Attention on the GPU: what its two kernels share, and the masked softmax between
 * products. */
#ifndef OPERATORS_GPU_ATTENTION_H
#define OPERATORS_GPU_ATTENTION_H

#include "operators/gpu/gpu.h"

IG_EXTERN_C_BEGIN

/* The elements of each head's row are neighbours; NULL: yes. */
bool gpu_rows_adjacent(const ig_tensor *t);
/* Whether queries see a window of keys only, an attribute of newer versions. */
bool gpu_attention_window(const ig_kernel_ctx *k);

/* scores[batch][heads][rows][total] become probabilities, of `type`; the scores are
 * overwritten on the way. */
typedef struct gpu_masked {
    ig_dtype type; /* of the probabilities; scores are double for float64, else float */
    void *scores, *probabilities;
    int64_t batch, heads, rows, total, past;
    double cap; /* 0: none */
    bool causal;
    const ig_tensor *mask; /* NULL: none */
    int64_t mask_stride[4], mask_len;
    const int64_t *lengths; /* of the device; NULL: none */
} gpu_masked;

ig_status gpu_masked_softmax(const ig_kernel_ctx *k, const gpu_masked *m);

IG_EXTERN_C_END

#endif
