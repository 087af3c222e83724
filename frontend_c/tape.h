/* The tape: what backward needs of each recorded call (CONTRACTS 2.6).
 *
 * Nodes stand in an array in creation order and live in an arena. A tensor names its
 * node by index and counts in `live`; when no live tensor names a node any more, the
 * whole tape is reset, so nothing dangles and a forgotten forward costs nothing. What
 * is saved is storage, data, strides, version and identity, never a tensor header: a
 * header would name its own node and pin the tape for ever. */
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

typedef struct igi_saved {
    igi_storage *st; /* counted; NULL: not saved */
    char *data;
    int64_t *strides; /* in the arena; NULL: contiguous */
    uint32_t version; /* of the storage when it was saved */
    uint32_t trace, trace_epoch;
} igi_saved;

typedef struct igi_tape_node {
    const igi_op *op;
    void *attrs;
    const char *where;
    uint16_t n_in, n_out, n_captures;
    bool released;       /* saved values are gone: backward went through */
    igi_edge *edges;     /* n_in */
    ig_type **in_type;   /* n_in; NULL: absent. Copied by rank. */
    ig_type **out_type;  /* n_out; NULL: not made */
    igi_saved *in, *out; /* n_in, n_out; NULL when none is saved */
    ig_tensor **dy;      /* n_out, during backward only */
} igi_tape_node;

typedef struct igi_tape {
    igi_arena arena;
    IGI_VEC(igi_tape_node *) nodes;
    uint32_t *
        live; /* counter that headers point at; its own block, counted by headers too */
    uint32_t epoch; /* + 1 per reset */
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
/* Records a call that has run; inputs as they were before it. */
ig_status igi_tape_record(igi_tape *t,
                          const igi_op *op,
                          const ig_call *call,
                          ig_value *const *in,
                          ig_value *const *out);
/* The newest node has written over `st`: what it saved of it as an input is as of
 * `version`, the one before, so that backward refuses to read it. */
void igi_tape_overwritten(igi_tape *t, const igi_storage *st, uint32_t version);
/* Drops the saved values of a node. */
void igi_tape_release(igi_tape_node *n);
/* A saved value as a tensor again (new reference); errors: released, changed since
 * (rule 1). */
ig_status igi_tape_unpack(
    igi_tape *t, igi_pool *pool, uint32_t node, int what, int i, ig_tensor **out);

#endif
