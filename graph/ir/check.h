/* One call checked against its operator: arity, types, then infer. The same code serves
 * graph construction, eager dispatch, planner and late nodes, so they cannot disagree.
 */
#ifndef GRAPH_IR_CHECK_H
#define GRAPH_IR_CHECK_H

#include "graph/ir/registry.h"

/* Arity and element types; binds type variables and writes kind and dtype of wanted
 * outputs (dtype 0 where infer must decide). in[i] NULL: absent; captures last,
 * unchecked. */
ig_status igi_check_call(const igi_op *op,
                         const ig_call *call,
                         const ig_type *const *in,
                         ig_type *const *out);
/* igi_check_call, then infer (skipped for unknown ranks), then a check of what infer
 * wrote: dtype set and allowed, dims >= -1 or symbols of x->syms. x->op, attrs, in,
 * out, n_* filled. */
ig_status igi_infer_call(const igi_op *op, const ig_call *call, ig_infer *x);
/* The integers of output 0, which is of `dtype`, as the operator's `values` (not NULL)
 * knows them. Numbers beyond the type wrap around in kernels: here they are fresh
 * symbols, and so unknown. */
int igi_call_values(ig_infer *x, ig_dtype dtype, int64_t *out, int cap);

#endif
