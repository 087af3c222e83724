/* Runs one operator once on real values: eager dispatch, late nodes of nets and
 * constant folding share this.
 *
 * igi_invoke infers types, makes views where the operator can, allocates outputs,
 * copies inputs that the chosen kernel cannot stride over, selects, prepares and runs.
 * It knows no tape, no trace and no scope: callers add those around it.
 *
 * Cost: a plain operator (igi_op.plain) on contiguous tensors takes a straight path
 * that allocates one header and one storage from `pool` and touches nothing else.
 * Threads: an invoker belongs to one thread at a time. */
#ifndef GRAPH_RUNTIME_INVOKE_H
#define GRAPH_RUNTIME_INVOKE_H

#include "graph/core/pool.h"
#include "graph/ir/registry.h"
#include "graph/runtime/env.h"

typedef struct igi_prepared igi_prepared; /* graph/runtime/prepared.h */
typedef struct igi_bodies igi_bodies;     /* graph/runtime/bodies.h */

typedef struct igi_invoker {
    igi_pool *pool;         /* of outputs' headers and storages; NULL: the allocator */
    const ig_registry *reg; /* borrowed; may be NULL */
    const igi_host *host;   /* threads; NULL: made per call */
    struct igi_queue *queue[IGI_DEVICES]; /* opened when first needed; see remote.h */
    struct igi_trail *trail;              /* of calls on devices */
    int threads;                          /* budget of one call, >= 1 */
    bool deterministic; /* no kernel whose results may vary between runs */
    igi_env env;
    uint64_t draw; /* number of the last draw of a random operator */
    /* Inputs of the next call that are constants of the owner's net, as a mask: packed
     * forms of them are kept with its weights. Set for one call. */
    uint64_t lasting;
    igi_prepared
        *prepared; /* bounded cache of prepared kernels, made when first needed */
    char *scratch; /* grows to the largest need of a kernel */
    size_t scratch_bytes;
    /* Bodies of If, Loop, ...: the instance whose net has them compiled, else a bounded
     * cache of nets, made when first needed. */
    struct igi_instance *owner;
    igi_bodies *bodies;
    ig_kernel_ctx plain; /* context of straight calls, which never nest: filled once */
    bool uniform; /* the last call was a straight one whose inputs and output have one
                     type: nothing about it is odd */
} igi_invoker;

/* `pool` may be NULL and is retained by nobody: it must outlive the invoker. */
void igi_invoker_init(igi_invoker *v,
                      const ig_registry *reg,
                      igi_pool *pool,
                      int threads);
void igi_invoker_fini(igi_invoker *v);

/* Runs call->op (whose record is `op`) on in[0..n_in).
 *   call->attrs  NULL: defaults. call->wanted: mask of outputs (0: all that are not
 * optional); outputs from 64 on are wanted. call->draw: 0 takes the invoker's next. in
 * borrowed; NULL: absent optional. Captures last. out          n_out entries. NULL on
 * entry: made here, a new reference for the caller. Set on entry: a contiguous tensor
 * to write into, of exactly the inferred type (error otherwise); it may be or share the
 * memory of an input: where the operator's `alias` does not allow that, a temporary is
 * used. Unwanted outputs are not touched. Outputs over MUTATED inputs share that
 * input's storage, whose version is raised first. On failure nothing made here survives
 * and out is as it was (contents of bound ones aside). */
ig_status igi_invoke(igi_invoker *v,
                     const igi_op *op,
                     const ig_call *call,
                     ig_value *const *in,
                     ig_value **out);

#endif
