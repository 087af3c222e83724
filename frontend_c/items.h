/* Eager calls on sequences and optionals whose items have histories.
 *
 * A sequence is a container: its items are tensors with histories of their own, so what
 * only moves them (IG_OP_KEEPS) needs no record. ConcatFromSequence and SplitToSequence
 * are recorded as what they do to the items: Concat, Slice; SequenceMap as the nodes of
 * its body, item by item. Operators that compute with sequences otherwise are refused;
 * in graphs they have gradients. */
#ifndef FRONTEND_C_ITEMS_H
#define FRONTEND_C_ITEMS_H

#include "frontend_c/ctx.h"

/* Whether the call has to do with items at all: some input is no tensor, or the results
 * of a differentiable operator are none. */
bool igi_holds_items(const igi_op *op, const ig_call *call, ig_value *const *in);
/* An error when a body has made sequences, which would have no history. */
ig_status igi_items_refuse(const igi_op *op, const ig_call *call, ig_value *const *out);
ig_status igi_dispatch_items(ig_ctx *c,
                             const igi_op *op,
                             const ig_call *call,
                             ig_value *const *in,
                             ig_value **out);
/* SequenceMap as calls of the nodes of its body. */
ig_status igi_items_map(ig_ctx *c,
                        const igi_op *op,
                        const ig_call *call,
                        ig_value *const *in,
                        ig_value **out);

#endif
