/* Graphs that gradient rules derive from bodies, kept by a context: a second backward
 * through the same Loop finds the first one's. Bounded; the oldest goes. */
#ifndef FRONTEND_C_DERIVED_H
#define FRONTEND_C_DERIVED_H

#include "graph/ir/gradient.h"
#include "graph/ir/graph.h"

typedef struct igi_derived igi_derived;

/* igi_grad_api.derived over the cache g->cache, an igi_derived **. The graph is
 * borrowed until many others have been asked for. */
ig_graph *igi_derived_eager(ig_grad *g,
                            const ig_graph *body,
                            igi_derive_fn make,
                            const void *key,
                            size_t key_bytes);
void igi_derived_free(igi_derived *d);

#endif
