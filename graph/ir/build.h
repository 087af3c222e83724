/* Steps of construction that graph.c and make.c share. */
#ifndef GRAPH_IR_BUILD_H
#define GRAPH_IR_BUILD_H

#include "graph/ir/graph.h"

/* Registers a value under a unique name; takes the type over, also on failure. */
ig_status
igi_graph_add_value(ig_graph *g, const char *name, ig_type *type, ig_value_id *out);
ig_status igi_use_add(ig_graph *g, ig_value_id v, igi_use use);
void igi_use_remove(ig_graph *g, ig_value_id v, igi_use use);

#endif
