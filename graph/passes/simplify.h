/* Rules of the simplify pass that move elements without changing them. */
#ifndef GRAPH_PASSES_SIMPLIFY_H
#define GRAPH_PASSES_SIMPLIFY_H

#include "graph/passes/rewrite.h"

ig_status igi_simplify_transpose(ig_graph *g, ig_node_id id, int *changes);
ig_status igi_simplify_reshape(ig_graph *g, ig_node_id id, int *changes);
ig_status igi_simplify_expand(ig_graph *g, ig_node_id id, int *changes);
ig_status igi_simplify_slice(ig_graph *g, ig_node_id id, int *changes);
ig_status igi_simplify_pad(ig_graph *g, ig_node_id id, int *changes);

/* perm[i] of a Transpose node; false when its rank is not known. */
bool igi_perm_of(const ig_graph *g, const igi_node *n, int *rank, int64_t *perm);

#endif
