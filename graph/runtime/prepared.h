/* Prepared kernels of single calls: a small cache with a bound.
 *
 * `prepare` may build primitives, which costs microseconds to milliseconds, so a
 * repeated call must find its state again. An entry is keyed by kernel, threads, types,
 * strides, the elements of VALUE inputs, attributes and the memory of constants; the
 * least recently used one makes room. */
#ifndef GRAPH_RUNTIME_PREPARED_H
#define GRAPH_RUNTIME_PREPARED_H

#include "graph/ir/registry.h"

#define IGI_PREPARED_MAX 256

typedef struct igi_prepared igi_prepared;
typedef struct igi_prepared_entry igi_prepared_entry;

/* Sets k->state and k->scratch_bytes from the cache or by kernel->prepare; the entry
 * stays until igi_prepared_put, also when nested calls fill the cache. `*cache` is made
 * when NULL. */
ig_status igi_prepared_get(igi_prepared **cache,
                           const igi_op *op,
                           const ig_kernel_def *kernel,
                           ig_kernel_ctx *k,
                           igi_prepared_entry **out);
void igi_prepared_put(igi_prepared *cache, igi_prepared_entry *e);
void igi_prepared_free(igi_prepared *cache);

#endif
