/* The pass pipeline: rewrites of one graph before it is planned.
 *
 * Level 0 leaves a graph as written, 1 rewrites what stays bit-exact, 2 everything.
 * Passes keep names of inputs, outputs and the origin of nodes. The graph is edited in
 * place and verified afterwards in debug builds. */
#ifndef GRAPH_PASSES_PASS_H
#define GRAPH_PASSES_PASS_H

#include "graph/ir/graph.h"

typedef struct igi_pass_opts {
    uint32_t struct_size;
    int level;           /* 0, 1, 2 */
    int device;          /* the net's, in the registry; 0: the CPU */
    int threads;         /* of the net */
    bool exact_conv;     /* no Winograd, no Strassen */
    bool strict_qdq;     /* keep every rounding of quantized graphs */
    uint64_t fold_bytes; /* constant folding may make tensors of up to this size; 0:
                            default */
    /* Runs one node on constants, for folding: the runtime's invoke (NULL: no folding).
     * `in` are borrowed, `out` new references. */
    ig_status (*fold)(void *self,
                      const igi_op *op,
                      const ig_call *call,
                      ig_value *const *in,
                      ig_value **out);
    void *fold_self;
} igi_pass_opts;

ig_status igi_passes_run(ig_graph *g, const igi_pass_opts *o);

#endif
