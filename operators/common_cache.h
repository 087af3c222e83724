/* TensorScatter and its adjoint ingot::TensorGather: `length` rows of a cache along one
 * axis, from an index of each batch item on. */
#ifndef OPERATORS_COMMON_CACHE_H
#define OPERATORS_COMMON_CACHE_H

#include "operators/common_move.h"

enum { IGI_CACHE_LINEAR, IGI_CACHE_CIRCULAR }; /* ORDER: igi_cache_modes */
extern const char *const igi_cache_modes[];

typedef struct igi_cache_attrs {
    uint32_t struct_size;
    int64_t axis, mode;
} igi_cache_attrs;
extern const ig_attr_def igi_cache_options[];

/* Axis of a cache of this rank, never 0. */
ig_status igi_cache_axis(ig_infer *x, int rank, int *axis);
/* Dims of cache and rows agree but along the axis; `indices` is a port, or absent. */
ig_status igi_cache_check(ig_infer *x,
                          int axis,
                          const int64_t *cache,
                          const int64_t *rows,
                          int rank,
                          int indices);
/* rows := rows of cache, or cache := rows when `write`; indices may be NULL (zeros). */
ig_status igi_cache_move(const ig_kernel_ctx *k,
                         const ig_tensor *cache,
                         const ig_tensor *rows,
                         const ig_tensor *indices,
                         bool write);

#endif
