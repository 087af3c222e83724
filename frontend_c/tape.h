/* The tape: what backward needs of each recorded call (CONTRACTS 2.6).
 *
 * Nodes stand in an array in creation order and live in an arena. A tensor names its
 * node by index and counts in `live`; when no live tensor names a node any more, the
 * whole tape is reset, so nothing dangles and a forgotten forward costs nothing.
 *
 * A saved value is a copy of a tensor's header in the arena. The copy counts the
 * storage and remembers version and trace identity, but names no node and is counted by
 * nobody: the tensor's own header would name its node and pin the tape for ever. A
 * gradient rule that only reads gets the copy as it is. */
#ifndef FRONTEND_C_TAPE_H
#define FRONTEND_C_TAPE_H

#include "graph/core/arena.h"
#include "graph/core/tensor.h"
#include "graph/core/vec.h"
#include "graph/ir/registry.h"

#define IGI_NO_NODE UINT32_MAX

/* Where the gradient of an input goes. */
typedef struct igi_edge {
    uint32_t node, out; /* IGI_NO_NODE: a leaf, or nowhere when leaf is NULL */
    ig_tensor *leaf;    /* counted */
} igi_edge;

/* igi_tape_node.holds: what is counted, and must be given back. */
enum { IGI_HOLDS_LEAVES = 1, IGI_HOLDS_SAVED = 2, IGI_HOLDS_ATTRS = 4 };

/* igi_tape_node.state: of the saved values. */
enum {
    IGI_SAVED_KEPT,
    IGI_SAVED_RELEASED, /* backward went through */
    IGI_SAVED_DROPPED   /* inside ig_checkpoint: made again on demand */
};

typedef struct igi_region igi_region; /* frontend_c/checkpoint.c */

typedef struct igi_tape_node {
    const igi_op *op;
    void *attrs;
    const char *where;
    uint16_t n_in, n_out, n_captures;
    uint8_t holds, state;
    bool reached;          /* during backward: a gradient waits in dy */
    igi_edge *edges;       /* n_in */
    const ig_type **types; /* of n_in inputs, then n_out outputs; NULL: absent, not
                              made. Equal ones may be one. */
    ig_tensor **saved;     /* values, in the same order; NULL: not saved */
    ig_tensor **dy;        /* n_out, empty but during backward */
    igi_region *region;    /* innermost checkpoint; NULL: none */
} igi_tape_node;

/* A node recorded in a trace in which a dim of its ports follows data: what the trace
 * knows, where the example's numbers must not be used. */
typedef struct igi_tape_traced {
    uint32_t node, epoch;  /* epoch: of the trace */
    const uint32_t *id;    /* per port, inputs first; 0: its dims are numbers */
    const ig_type **types; /* the same; such dims are -1 */
} igi_tape_traced;

typedef struct igi_tape {
    IGI_VEC(igi_tape_traced) traced; /* by node, mostly empty */
    igi_arena arena;
    IGI_VEC(igi_tape_node *) nodes;
    uint32_t *
        live; /* counter that headers point at; its own block, counted by headers too */
    uint32_t epoch;                /* + 1 per reset */
    IGI_VEC(igi_region *) regions; /* checkpoints, in the order of their beginnings */
    igi_region *open;              /* innermost one that is being recorded */
} igi_tape;

ig_status igi_tape_init(igi_tape *t);
void igi_tape_fini(igi_tape *t);
/* Resets the tape when no live header names a node. */
void igi_tape_collect(igi_tape *t);

/* Whether a gradient must flow into v. */
static inline bool igi_needs_grad(const ig_value *v)
{
    return v && v->flags & (IGI_REQUIRES_GRAD | IGI_HAS_NODE);
}
/* Records a call that has run; inputs as they were before it. `uniform`: the call took
 * the straight road, and its inputs and its output have one type (igi_invoker). */
ig_status igi_tape_record(igi_tape *t,
                          const igi_op *op,
                          const ig_call *call,
                          ig_value *const *in,
                          ig_value *const *out,
                          bool uniform);
/* The newest node has written over `st`: what it saved of it as an input is as of
 * `version`, the one before, so that backward refuses to read it. */
void igi_tape_overwritten(igi_tape *t, const igi_storage *st, uint32_t version);
/* Keeps types of the newest node's ports that follow data: per port, inputs first, its
 * id in the trace with this epoch and its type there, or 0 and NULL. */
ig_status igi_tape_note(igi_tape *t,
                        uint32_t epoch,
                        const uint32_t *id,
                        const ig_type *const *types);
/* What was kept for a node in the trace with this epoch, or NULL. */
const igi_tape_traced *igi_tape_noted(const igi_tape *t, uint32_t node, uint32_t epoch);
/* Gives back the saved values of a node, which is in `state` then. */
void igi_tape_release(igi_tape_node *n, int state);
/* A copy of x's header for backward, with its storage counted; NULL: out of memory. */
ig_tensor *igi_tape_save(igi_arena *a, const ig_tensor *x);
/* Where the gradient of x goes, a leaf counted; false: nowhere. */
bool igi_tape_edge(const igi_tape *t, ig_tensor *x, igi_edge *e);
/* A saved value as a tensor with the history that its edge tells (new reference). */
ig_status igi_tape_revive(igi_tape *t,
                          igi_pool *pool,
                          const ig_tensor *saved,
                          const igi_edge *e,
                          ig_tensor **out);
/* Makes dropped values again by running the region's function. */
ig_status igi_region_restore(igi_region *r);
/* Backward has released node number `node`; after the first one the inputs go, unless
 * other results still need them. */
void igi_region_visited(igi_region *r, size_t node);
void igi_region_release(igi_region *r);
/* A saved value, for reading: borrowed, valid until the node is released; NULL: the
 * port is absent. Errors: released, changed since (rule 1). Dropped values are made
 * again first. */
ig_status
igi_tape_saved(const igi_tape *t, uint32_t node, int what, int i, ig_tensor **out);
/* The same as a tensor of its own with its old history, so that what is made of it can
 * be differentiated (new reference). */
ig_status igi_tape_unpack(
    igi_tape *t, igi_pool *pool, uint32_t node, int what, int i, ig_tensor **out);
/* An error that names element, call and place when the gradient g of input i of n has a
 * NaN. */
ig_status igi_check_finite(const igi_tape_node *n, int i, const ig_tensor *g);

#endif
