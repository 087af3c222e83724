/* Convolutions and poolings in the terms of cuDNN: dims in the order N, C, spatial;
 * the layout is in the strides; two or three spatial axes, so a single one gets a
 * neighbour of size 1. Pure arithmetic: no call to CUDA. */
#ifndef OPERATORS_GPU_SHAPE_H
#define OPERATORS_GPU_SHAPE_H

#include <ingot/plugin_abi.h>

#include "operators/common_conv.h"
#include "operators/common_pool.h"

enum { GPU_AXES = 3, GPU_RANK_MAX = GPU_AXES + 2 };

typedef struct gpu_window {
    int axes, rank;           /* 2 or 3; axes + 2 */
    bool last;                /* channels are the innermost dim */
    int64_t x[GPU_RANK_MAX];  /* N, C, in... */
    int64_t w[GPU_RANK_MAX];  /* convolutions: M, C / group, kernel... */
    int64_t y[GPU_RANK_MAX];  /* N, M, out... */
    int64_t xs[GPU_RANK_MAX]; /* strides in elements */
    int64_t ws[GPU_RANK_MAX];
    int64_t ys[GPU_RANK_MAX];
    int64_t kernel[GPU_AXES], pre[GPU_AXES], post[GPU_AXES];
    int64_t stride[GPU_AXES], dilation[GPU_AXES];
} gpu_window;

/* Strides of a dense tensor N, C, spatial whose memory has that order, or (last) N,
 * spatial, C. */
void gpu_dense(int rank, const int64_t *dims, bool last, int64_t *strides);

/* Refusals (ig_reject): more than three spatial axes, sizes beyond 32 bits. */
ig_status gpu_window_of_conv(gpu_window *g, const igi_conv *c, bool last);
ig_status gpu_window_of_pool(
    gpu_window *g, const igi_window *w, int64_t batch, int64_t channels, bool last);

int64_t gpu_count(int rank, const int64_t *dims);

#endif
