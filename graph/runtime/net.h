/* A net: a graph after the passes, with everything that does not depend on input
 * shapes. Immutable once made; counted, for workspaces hold instances of it. */
#ifndef GRAPH_RUNTIME_NET_H
#define GRAPH_RUNTIME_NET_H

#include <ingot/ingot.h>

#include "graph/ir/graph.h"
#include "graph/runtime/env.h"
#include "graph/runtime/workspace.h"

#define IGI_KEY_INTS                                                                   \
    64 /* integers of one input that may be part of a plan's signature */

struct ig_net {
    int32_t refs;          /* atomic */
    ig_graph *graph;       /* optimised clone */
    ig_workspace *weights; /* packed constants, and the constants by name */
    const igi_device *device;
    int device_index, threads, level;
    bool exact_conv, small_memory, strict_qdq, parallel_branches;
    ig_limits limits;
    size_t plan_cache;
    int n_in, n_out;
    bool *keyed; /* per input: its integers reach a VALUE port, so they are part of a
                    signature */
    const char **in_names, **out_names; /* of the graph's memory */
};

ig_net *igi_net_ref(ig_net *net);
/* Device index of a name ("cpu", NULL), -1: unknown. */
int igi_device_index(const char *name);

#endif
