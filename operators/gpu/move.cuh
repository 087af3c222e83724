/* Copies within the device: the ground of all operators that only move elements. */
#ifndef OPERATORS_GPU_MOVE_CUH
#define OPERATORS_GPU_MOVE_CUH

#include "operators/gpu/space.cuh"

/* dst[i] = src[i] over dims, strides in elements of `bytes` bytes; no overlap. */
ig_status gpu_move_strided(const ig_kernel_ctx *k,
                           int64_t bytes,
                           int rank,
                           const int64_t *dims,
                           void *dst,
                           const int64_t *dst_strides,
                           const void *src,
                           const int64_t *src_strides);

/* y := x broadcast to y's dims, in row-major order; nothing when both are one memory.
 */
ig_status gpu_copy(const ig_kernel_ctx *k, const ig_tensor *x, const ig_tensor *y);

/* Zeros; p is any address of the device's memory. */
ig_status gpu_zero(const ig_kernel_ctx *k, void *p, int64_t bytes);

#endif
