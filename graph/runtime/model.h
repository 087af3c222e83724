/* Models: a net, its weights, and a pool of instances, so that any number of threads
 * may run one model. ig_model_load needs importers and lives in the composition root,
 * which reads the graph and hands it to igi_model_take. */
#ifndef GRAPH_RUNTIME_MODEL_H
#define GRAPH_RUNTIME_MODEL_H

#include "graph/runtime/instance.h"

struct ig_model {
    ig_graph *graph; /* as loaded */
    ig_workspace *weights;
    ig_net *net;
    igi_mutex lock;               /* of `idle` */
    IGI_VEC(igi_instance *) idle; /* has room for all that were made */
    size_t n_made;
};

/* Compiles `g`, which is taken over also on failure. */
ig_status igi_model_take(ig_model **out, ig_graph *g, const ig_model_opts *opts);

/* An instance for one run: an idle one, or a new one. */
ig_status igi_model_borrow(ig_model *m, igi_instance **out);
void igi_model_return(ig_model *m, igi_instance *x);

/* Arena bytes of the plan used last by an idle instance, and bytes of packed weights;
 * for benchmarks and `info`. */
void igi_model_memory(ig_model *m, size_t *arena, size_t *packed);

#endif
