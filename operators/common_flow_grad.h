/* Gradients of the operators with bodies: graphs derived from their bodies.
 *
 * If: each arm becomes the arm that computes the gradients of the captures.
 * SequenceMap: its body becomes one that computes the gradients of all inputs, item by
 * item.
 * Loop, Scan: the operator runs again with the states of every round stacked (the
 * recording); then one Scan goes from the last round to the first. Its body holds the
 * forward body and its gradient; its states are the gradients of the states and the
 * sums of those of the captures. */
#ifndef OPERATORS_COMMON_FLOW_GRAD_H
#define OPERATORS_COMMON_FLOW_GRAD_H

#include "graph/ir/gradient.h"
#include "operators/common.h"

typedef struct igi_scan_attrs {
    uint32_t struct_size;
    ig_graph *body;
    int64_t num_scan_inputs;
    ig_ints scan_input_axes, scan_input_directions;
    ig_ints scan_output_axes, scan_output_directions;
} igi_scan_attrs;

typedef struct igi_if_attrs {
    uint32_t struct_size;
    ig_graph *then_branch, *else_branch;
} igi_if_attrs;

/* Which inputs want gradients and which outputs have one: what the gradient of a body
 * depends on. */
typedef struct igi_arm_key {
    int n_in, n_out;
    int n_last; /* inputs that follow the dy */
    bool wants[IG_PORTS_MAX], dy[IG_PORTS_MAX];
} igi_arm_key;
/* The inputs of the body are those of the operator from `first` on. */
void igi_arm_key_fill(const ig_grad *g, int first, int n_last, igi_arm_key *key);
/* Inputs: those of the body but the last, the dy that exist, the last. Outputs: the
 * wanted gradients, zeros where the body does not depend on an input. */
ig_status igi_arm_gradient(const igi_derive *d,
                           const ig_graph *body,
                           const void *key,
                           ig_graph **out);

/* Emits an If that always runs `arm`, a graph of as many inputs as `in` has. */
ig_status igi_emit_arm(
    ig_grad *g, ig_graph *arm, const ig_var *in, int n_in, ig_var *out, int n_out);

/* The ports of a body that runs in rounds:
 *   (lead..., states..., items..., captures...) -> (lead_out..., states..., results...)
 */
typedef struct igi_rounds_shape {
    int lead, lead_out, n_states, n_scan, n_results, n_captures;
    bool carries[IG_PORTS_MAX]; /* per state: a gradient goes round */
    bool item[IG_PORTS_MAX];    /* per scanned input: its gradient is wanted */
    bool sum[IG_PORTS_MAX];     /* per capture: its gradient is wanted */
    bool dy[IG_PORTS_MAX];      /* per result: it has a gradient */
} igi_rounds_shape;
void igi_rounds_shape_fill(const ig_grad *g,
                           igi_rounds_shape *s,
                           const ig_graph *body,
                           int lead,
                           int lead_out,
                           int n_scan);
/* The body with the iteration number (when there is a lead) and the states that it was
 * given as its results. Borrowed. */
ig_graph *
igi_rounds_recording(ig_grad *g, const ig_graph *body, const igi_rounds_shape *s);
/* Emits g's operator with these attributes; *stacked: its outputs, the final states
 * where their shape is needed, then what was recorded. */
ig_status igi_emit_recording(ig_grad *g,
                             const igi_rounds_shape *s,
                             const void *attrs,
                             ig_var *stacked);
/* Derives the body of the Scan that goes back; key: the igi_rounds_shape. */
ig_status igi_make_backwards(const igi_derive *d,
                             const ig_graph *body,
                             const void *key,
                             ig_graph **out);
/* Emits the Scan that goes back, and sets all gradients. `a`: of a Scan, or NULL. */
ig_status igi_emit_backwards(ig_grad *g,
                             const igi_rounds_shape *s,
                             const ig_graph *body,
                             const ig_var *stacked,
                             const ig_op_def *scan,
                             const igi_scan_attrs *a);

#endif
