/* A net: a graph after the passes, with everything that does not depend on input
 * shapes. Immutable once made; counted, for workspaces hold instances of it. */
#ifndef GRAPH_RUNTIME_NET_H
#define GRAPH_RUNTIME_NET_H

#include <ingot/ingot.h>

#include "graph/ir/graph.h"
#include "graph/runtime/env.h"
#include "graph/runtime/workspace.h"

#define IGI_KEY_INTS                                                                   \
    64 /* elements of one input that may be part of a plan's signature */

struct ig_net {
    int32_t refs;          /* atomic */
    ig_graph *graph;       /* optimised clone */
    ig_workspace *weights; /* packed constants, and the constants by name */
    const igi_host *host;
    int device; /* where nodes run that have a kernel there; 0: the CPU */
    int threads, level;
    bool keep_on_device, capture, tf32, deterministic;
    bool exact_conv, small_memory, strict_qdq, parallel_branches;
    ig_limits limits;
    size_t plan_cache;
    struct igi_body_net {
        const ig_graph *graph; /* of a node of `graph` */
        ig_net *net;
    } * bodies;
    size_t n_bodies, cap_bodies;
    struct igi_net_constant {
        const igi_storage *st;
        const char *name; /* of the graph's memory */
    } * constants;        /* its own and those of its bodies, by address of st */
    size_t n_constants;
    int n_in, n_out;
    bool *keyed;  /* per input: its elements reach a VALUE port, so they are part of a
                     signature */
    bool *copied; /* per value: a view that is read after its memory was overwritten;
                     NULL: none */
    const char **in_names, **out_names; /* of the graph's memory */
};

ig_net *igi_net_ref(ig_net *net);
ig_status igi_net_overwrites(ig_net *net); /* finds `copied` */
/* The name of the constant that t has the storage of; NULL: of none. */
const char *igi_net_constant_of(const ig_net *net, const ig_tensor *t);
/* A net of a body whose graph has been compiled: used as it is, with the constants and
 * packs of `weights`. */
ig_status igi_net_of_body(ig_net **out,
                          const ig_graph *body,
                          ig_workspace *weights,
                          const ig_net_opts *o);

#endif
