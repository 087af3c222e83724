/* What the files of invoke share: the frame of one call and the services behind its
 * kernel. */
#ifndef GRAPH_RUNTIME_CALL_H
#define GRAPH_RUNTIME_CALL_H

#include "graph/core/tensor.h"
#include "graph/ir/check.h"
#include "graph/runtime/invoke.h"
#include "graph/runtime/prepared.h"
#include "graph/runtime/select.h"
#include "graph/runtime/team.h"

typedef struct igi_frame {
    igi_invoker *v;
    const igi_op *op;
    const ig_kernel_def *kernel; /* NULL: the reference */
    igi_barrier *barrier;        /* of the team, while one runs */
    igi_error *error;            /* of a team: the first failure */
    atomic_int failed;
    uint64_t rounds;         /* runs of bodies so far */
    struct igi_queue *queue; /* of the device that the call runs on; NULL: the host */
} igi_frame;

extern const ig_run_api igi_call_services;

/* Header and storage of `type` from the invoker's pool, or in q's memory, within its
 * limits. */
ig_status igi_call_tensor(igi_invoker *v,
                          struct igi_queue *q,
                          const ig_type *type,
                          ig_tensor **out);
/* A contiguous copy of t from `pool`, within the invoker's limits: a view may stand for
 * far more elements than it has memory. */
ig_status
igi_call_copy(igi_invoker *v, igi_pool *pool, const ig_tensor *t, ig_tensor **out);
/* Threads for `kernel` on k's tensors: 1 unless the work is worth a team. */
int igi_call_threads(const igi_invoker *v,
                     const ig_kernel_ctx *k,
                     const ig_kernel_def *kernel);
/* Runs frame->kernel: prepared when it wants that, by a team when it is worth one. */
ig_status igi_call_run_slow(igi_frame *f, ig_kernel_ctx *k);
static inline ig_status igi_call_run(igi_frame *f, ig_kernel_ctx *k)
{
    const ig_kernel_def *d = f->kernel;
    if (!d)
        return f->op->def->reference(k);
    if (d->prepare || k->threads > 1)
        return igi_call_run_slow(f, k);
    return d->run ? d->run(k) : d->run_team ? d->run_team(k, 0, 1) : d->run_own(k);
}
/* The general road, for what the straight one refuses. call->attrs is set. */
ig_status igi_call_general(igi_invoker *v,
                           const igi_op *op,
                           const ig_call *call,
                           ig_value *const *in,
                           ig_value **out);
/* The same with a place: the host, or q's device, where *refused says that it has no
 * kernel for the call. Contents of inputs are read in that place only, but those of
 * VALUE ports on the host. */
ig_status igi_call_placed(igi_invoker *v,
                          const igi_op *op,
                          const ig_call *call,
                          ig_value *const *in,
                          ig_value **out,
                          struct igi_queue *q,
                          bool *refused);
/* The input that output i overwrites (MUTATED), -1: none. */
int igi_call_mutates(const igi_op *op, const ig_call *call, ig_value *const *in, int i);

#endif
