/* What stands behind ig_grad: one rule per operator, two back ends.
 *
 * The tape (frontend_c/backward) executes what a rule emits; static autodiff
 * (passes/autodiff) appends nodes. Both fill in this table. */
#ifndef GRAPH_IR_GRADIENT_H
#define GRAPH_IR_GRADIENT_H

#include "graph/ir/registry.h"

/* How a rule builds graphs out of bodies: over which symbols, and with which
 * differentiation (passes/autodiff, which operators must not name). */
typedef struct igi_derive {
    ig_symtab *syms;
    ig_status (*gradient)(ig_graph *g,
                          const ig_value_id *ys,
                          const ig_value_id *dys,
                          int n_y,
                          const ig_value_id *xs,
                          ig_value_id *dxs,
                          int n_x);
} igi_derive;
typedef ig_status (*igi_derive_fn)(const igi_derive *d,
                                   const ig_graph *body,
                                   const void *key,
                                   ig_graph **out);

typedef struct igi_grad_api {
    ig_status (*emit)(ig_grad *g, const ig_call *call, const ig_var *in, ig_var *out);
    ig_var (*value_in)(ig_grad *g,
                       int i); /* forward input (declared in saves); {0} absent */
    ig_var (*value_out)(ig_grad *g, int i);
    ig_var (*constant)(ig_grad *g, ig_tensor *t); /* retains */
    const ig_type *(*type_of)(ig_grad *g, ig_var v);
    ig_var (*shape_in)(ig_grad *g, int i); /* int64 shape of input i */
    /* What `make` derives from body (NULL: from the key alone); equal (body, make, key)
     * may give the same graph. Borrowed; NULL with a record. */
    ig_graph *(*derived)(ig_grad *g,
                         const ig_graph *body,
                         igi_derive_fn make,
                         const void *key,
                         size_t key_bytes);
} igi_grad_api;

struct ig_grad {
    const igi_grad_api *api;
    void *self;
    const ig_registry *reg;
    const igi_op *op;
    const void *attrs;
    const char *where;
    int n_in, n_out, n_captures;
    const ig_type *const *in_type;
    const ig_type *const *out_type;
    const ig_var *dy;  /* n_out */
    ig_var *dx;        /* n_in, set by the rule */
    const bool *wants; /* n_in */
    ig_status status;  /* sticky */
    void *cache;       /* the back end's, of derived graphs */
};

/* Runs op's rule: none gives no gradients, forbidden and todo are errors by name, else
 * the rule. Afterwards every dx has been summed down (SumTo) to its input's shape when
 * broadcast made it larger, and dtype and rank are checked (AUTOGRAD rule 9). */
ig_status igi_grad_run(ig_grad *g);
/* For rules of operators with bodies, or (body NULL) of those that are graphs
 * themselves; NULL once the rule has failed. Borrowed. */
ig_graph *igi_grad_derived(ig_grad *g,
                           const ig_graph *body,
                           igi_derive_fn make,
                           const void *key,
                           size_t key_bytes);

#endif
