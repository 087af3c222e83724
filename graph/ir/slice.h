/* A part of a graph: the nodes that make one value out of others. */
#ifndef GRAPH_IR_SLICE_H
#define GRAPH_IR_SLICE_H

#include "graph/ir/graph.h"

typedef struct igi_slice {
    ig_graph *g;        /* over the symbols of the source, without outputs */
    ig_value_id *outer; /* per input and constant of g: its value in the source */
    size_t n_outer;
} igi_slice;

/* The nodes of g that make y out of `from`. Inputs of s->g: `from`, in order, then what
 * else its nodes read and is no constant. ends[0 .. n_from - 1]: the values of s->g
 * that stand for `from`, ends[n_from] the one for y. igi_slice_fini frees it. */
ig_status igi_slice_cut(igi_slice *s,
                        const ig_graph *g,
                        const ig_value_id *from,
                        int n_from,
                        ig_value_id y,
                        ig_value_id *ends);
/* Nodes of s->g, which may have been edited, into the source: `inputs` are the first of
 * its inputs, everything else is what it was. outputs[i]: output i of s->g. */
ig_status igi_slice_paste(const igi_slice *s,
                          ig_graph *g,
                          const ig_value_id *inputs,
                          int n_inputs,
                          ig_value_id *outputs);
void igi_slice_fini(igi_slice *s);

#endif
