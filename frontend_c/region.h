/* Structured regions: in eager code a C branch or loop; in a trace their functions are
 * recorded once each into bodies, and the operator If, Loop or Scan over them is
 * called, which the trace and the tape see like any other call. */
#ifndef FRONTEND_C_REGION_H
#define FRONTEND_C_REGION_H

#include "frontend_c/trace.h"

/* What the bodies of one region read from outside. */
typedef struct igi_bodies {
    ig_ctx *c;
    igi_sink *outer;              /* NULL: recorded by eager code */
    size_t n_formal;              /* inputs of a body before the captures */
    IGI_VEC(ig_value *) captures; /* counted: no other header takes their address */
    uint64_t through; /* outputs that some body hands on as it has got them, a bit each
                       */
} igi_bodies;
void igi_bodies_fini(igi_bodies *b);

/* Begins a body; its formal inputs come first (igi_body_input), then igi_body_begin
 * records calls into it until igi_body_end. */
ig_status igi_body_new(igi_recording *r, igi_bodies *b, const char *name);
/* A header over t in the scope that stands for a new input of the body; dims that
 * `open` (per axis; NULL: none) says are not known inside. */
ig_status
igi_body_input(igi_recording *r, ig_tensor *t, const bool *open, ig_tensor **out);
ig_status igi_body_begin(igi_recording *r);
void igi_body_end(igi_recording *r);
/* Results of the body, in order. */
ig_status igi_body_outputs(igi_recording *r, ig_tensor *const *out, int n);

/* A tensor of one number in the scope. */
ig_status igi_number(ig_ctx *c, ig_dtype dtype, int64_t v, ig_tensor **out);
/* OK when t is one bool; `what` names it in errors. */
ig_status igi_check_flag(const ig_tensor *t, const char *what);
/* What it says, wherever it lies. */
ig_status igi_flag(const ig_tensor *t, bool *yes);
/* OK when a region may have `n` of `what`. */
ig_status igi_check_ports(int n, int least, const char *what);

/* The call of a region's operator: the formal inputs are in `in`, the captures are put
 * behind them. `attrs` are the operator's, without bodies. */
typedef struct igi_region_call {
    const char *where;
    const igi_op *op;
    void *attrs;
    ig_graph *const *bodies;
    int n_bodies;
    ig_value **in; /* room for IG_PORTS_MAX */
    int n_in;
    ig_tensor **out;
    int n_out;
} igi_region_call;
ig_status igi_region_dispatch(const igi_bodies *b, const igi_region_call *call);

#endif
