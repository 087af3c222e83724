/* Whether parts of two graphs are the same but for names. */
#ifndef GRAPH_IR_SAME_H
#define GRAPH_IR_SAME_H

#include "graph/ir/graph.h"

/* Type and contents; both are contiguous. */
bool igi_constant_same(const ig_tensor *a, const ig_tensor *b);
/* Operator, attributes but for bodies, which ports there are. */
bool igi_node_alike(const igi_node *a, const igi_node *b);
/* The same, and equal bodies. */
ig_status igi_node_same(const igi_node *a, const igi_node *b, bool *same);
/* The same nodes in the same order over the same values. */
ig_status igi_graph_same(const ig_graph *a, const ig_graph *b, bool *same);

#endif
