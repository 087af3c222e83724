/* Steps of construction and editing that the files of graph/ir share. */
#ifndef GRAPH_IR_BUILD_H
#define GRAPH_IR_BUILD_H

#include "graph/ir/graph.h"

/* Registers a value under a unique name; takes the type over, also on failure. */
ig_status
igi_graph_add_value(ig_graph *g, const char *name, ig_type *type, ig_value_id *out);
/* Takes back a value that nothing uses and nothing produces yet; the newest first. */
void igi_graph_drop_last_value(ig_graph *g, ig_value_id v);
/* Frees all of a value that nothing uses; its id is not given out again. */
void igi_graph_kill_value(ig_graph *g, ig_value_id v);
/* "node" for output 0, "node:1" for output 1; cut between characters. */
void igi_output_stem(char *buf, size_t size, const char *node, int i);
/* ig_graph_make with names for the outputs, where they are given and free. */
ig_status igi_graph_make_as(ig_graph *g,
                            const ig_call *call,
                            const ig_value_id *in,
                            const char *const *names,
                            ig_value_id *out);
/* ig_graph_make of "Softmax axis=-1": an operator by name and attributes as text, the
 * values by id. */
ig_status igi_graph_make_call(ig_graph *g,
                              const char *text,
                              const ig_value_id *in,
                              int n_in,
                              ig_value_id *out,
                              int n_out);
/* Use lists. Room must be reserved before igi_use_put. Each input knows its place in
 * the list (igi_node.use_at), so both take constant time. */
void igi_use_put(ig_graph *g, ig_value_id v, igi_use use);
void igi_use_remove(ig_graph *g, ig_value_id v, igi_use use);
/* The live constants of src that have no place in map yet get one. */
ig_status
igi_graph_copy_constants(ig_graph *dst, const ig_graph *src, ig_value_id *map);
/* What a copy of a node has instead: attributes (NULL: the same), further captures. */
typedef struct igi_node_changes {
    const void *attrs;
    const ig_value_id *extra; /* of dst */
    int n_extra;
} igi_node_changes;
/* A copy of a node with the names of its values, whose inputs must be in map; its
 * outputs come into it. `as` NULL: as it is. */
ig_status igi_graph_copy_node(ig_graph *dst,
                              const ig_graph *src,
                              ig_node_id id,
                              const igi_node_changes *as,
                              ig_value_id *map);
/* Nodes in topological order, whatever the state of g->order; igi_free(*out). */
ig_status igi_graph_topological(const ig_graph *g, ig_node_id **out, size_t *n);

#endif
