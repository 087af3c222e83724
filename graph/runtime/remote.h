/* Calls whose tensors lie in the memory of a device.
 *
 * Such a call runs on that device when one of its kernels takes it. Host inputs follow
 * to the device, inputs of VALUE ports come to the host, and what the device has no
 * kernel for runs on the host between copies: always right, and visible in logs
 * (IG_LOG=dispatch) and profiles. Views and operators that only hand values on
 * (IG_OP_KEEPS) touch no memory and run anywhere. */
#ifndef GRAPH_RUNTIME_REMOTE_H
#define GRAPH_RUNTIME_REMOTE_H

#include "graph/core/queue.h"
#include "graph/runtime/invoke.h"

/* Bit of the tags of single calls; others are nodes of a plan. */
#define IGI_TAG_CALL 0x80000000u

/* The invoker's queue of a device, opened when first asked for. */
ig_status igi_remote_queue(igi_invoker *v, int device, igi_queue **out);
void igi_remote_fini(igi_invoker *v);
/* Whether some input, item of one, or bound output lies on a device. */
bool igi_remote_any(const ig_call *call, ig_value *const *in, ig_value *const *out);
/* A tag for a call that is about to run. */
uint32_t igi_remote_tag(igi_invoker *v, const ig_call *call);
/* A counted copy on the host of a value that lies elsewhere, with all its items. */
ig_status igi_remote_home(igi_invoker *v, ig_value *value, ig_value **out);
/* igi_call_general for such a call. */
ig_status igi_call_remote(igi_invoker *v,
                          const igi_op *op,
                          const ig_call *call,
                          ig_value *const *in,
                          ig_value **out);

#endif
