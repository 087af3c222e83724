/* Shared by the operators with bodies (If, Loop, Scan, SequenceMap) and by those of
 * sequences and optionals: types of bodies, stacks of results, items. */
#ifndef OPERATORS_COMMON_FLOW_H
#define OPERATORS_COMMON_FLOW_H

#include "graph/core/alloc.h"
#include "graph/ir/graph.h"
#include "operators/common.h"

/* ---- infer ---- */

/* Output o is the type *t, which is taken over; its symbols must be those of x. */
ig_status igi_infer_take(ig_infer *x, int o, ig_type *t);
/* Output o is a sequence (optional) of `elem`, which is copied. */
ig_status igi_infer_wrap(ig_infer *x, int o, ig_kind kind, const ig_type *elem);

/* A body has n_formal inputs and then the captures, and at least n_out outputs; each
 * capture has the kind and element type that the body declares. */
ig_status igi_body_ends(
    ig_infer *x, const ig_graph *body, const char *name, int n_formal, int n_out);
/* Input `port` of the node fits input i of the body, as far as both are known. */
ig_status igi_body_takes(ig_infer *x, const ig_graph *body, int i, const ig_type *t);
/* The same for slices of t along an axis, whose shapes must fit too: a body that never
 * runs would not notice. */
ig_status igi_body_takes_slice(
    ig_infer *x, const ig_graph *body, int i, const ig_type *t, int axis);
/* *out: type of output j of the body, a copy; dims that only the body knows are -1. */
ig_status igi_body_gives(ig_infer *x, const ig_graph *body, int j, ig_type *out);
/* The type of a value that goes round: that of the node's input and of the body's
 * output, as far as they agree. */
ig_status igi_infer_state(ig_infer *x, const ig_graph *body, int port, int j, int o);

/* ---- runs of a body ---- */

/* What one operator keeps while it runs its body again and again. */
typedef struct igi_rounds {
    ig_kernel_ctx *k;
    const ig_graph *body;
    int n_in, n_out;
    ig_value **in;  /* counted */
    ig_value **out; /* results of the latest round, counted; taken ones NULL */
    int64_t held;   /* bytes charged for values between rounds */
} igi_rounds;
ig_status igi_rounds_begin(
    igi_rounds *r, ig_kernel_ctx *k, const ig_graph *body, int n_formal, int n_out);
/* Input i becomes v (taken over). */
void igi_rounds_set(igi_rounds *r, int i, ig_value *v);
/* Input i becomes result j; the bytes of what goes round are charged. */
ig_status igi_rounds_pass(igi_rounds *r, int j, int i);
ig_status igi_rounds_run(igi_rounds *r);
/* Output o of the operator := input i, which went round through result j. */
ig_status igi_state_give(ig_kernel_ctx *k, int o, const igi_rounds *r, int i, int j);
void igi_rounds_end(igi_rounds *r);

/* Equal tensors one behind the other, on a new axis 0; grows by doubling. */
typedef struct igi_stack {
    ig_tensor *all; /* room for `room` items */
    int64_t n, room;
} igi_stack;
/* Appends a copy of item; `what` and the number of the item name it in errors. */
ig_status
igi_stack_add(ig_kernel_ctx *k, igi_stack *s, const ig_value *item, const char *what);
/* Output o := the items along `axis` (of the result), in reversed order when asked;
 * no item at all: an empty tensor of the type that `none`, the type of an item, says.
 * Empties s. */
ig_status igi_stack_give(ig_kernel_ctx *k,
                         int o,
                         igi_stack *s,
                         const ig_type *none,
                         int axis,
                         bool reversed);
void igi_stack_fini(igi_stack *s);

/* What a round would make that never runs: a copy of the body whose inputs have the
 * types `in` (NULL: as declared), inferred as far as it goes. The caller frees it. */
ig_status
igi_body_typed(const ig_graph *body, const ig_type *const *in, int n, ig_graph **out);

/* ---- items ---- */

/* Item i of tensor t along axis: a tensor without that axis (kept as size `n` when
 * n >= 0: items i .. i + n). A view when it is contiguous, else a copy. */
ig_status
igi_slice_of(const ig_tensor *t, int axis, int64_t i, int64_t n, ig_tensor **out);
/* Output o := a new sequence of these items, which it retains. */
ig_status igi_give_sequence(
    ig_kernel_ctx *k, int o, const ig_type *elem, ig_value *const *items, int64_t n);
static inline const igi_sequence *igi_sequence_in(const ig_kernel_ctx *k, int i)
{
    const ig_value *v = k->in[i];
    return v && v->type.kind == IG_KIND_SEQUENCE ? (const igi_sequence *)v : NULL;
}
/* The one integer of input `port` as a position in [0, n) (`end`: [0, n]); negative
 * ones count from the end; absent: `none`. The error names value and bound. */
ig_status igi_position(
    const ig_kernel_ctx *k, int port, int64_t n, bool end, int64_t none, int64_t *out);

#endif
