/* Nets of bodies (If, Loop, Scan, SequenceMap) and their instances.
 *
 * A net compiles the bodies of its nodes with itself, and each instance of it owns one
 * instance of each of them. Single calls (eager code, constant folding) have no net:
 * their invoker keeps a bounded cache of compiled bodies. Either way the types of the
 * inputs choose the plan, so rounds of a loop share one as long as shapes stay. */
#ifndef GRAPH_RUNTIME_BODIES_H
#define GRAPH_RUNTIME_BODIES_H

#include "graph/runtime/invoke.h"
#include "graph/runtime/net.h"

/* Compiles the bodies of all nodes of net->graph. */
ig_status igi_bodies_compile(ig_net *net, const ig_net_opts *o);
void igi_bodies_drop(ig_net *net);

/* The instance of a body that the net of x has compiled, made when missing. */
ig_status
igi_bodies_instance(igi_instance *x, const ig_graph *body, igi_instance **out);

/* Runs a body for the kernel of a call of v, as part of the run `env`. */
ig_status igi_body_run(igi_invoker *v,
                       const ig_graph *body,
                       igi_env *env,
                       ig_value *const *in,
                       int n_in,
                       ig_value **out,
                       int n_out);
void igi_bodies_free(igi_bodies *b);

#endif
