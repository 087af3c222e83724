/* Scopes of names while nodes are read: the main graph, a body of a node, a local
 * function that is being inlined. */
#ifndef IMPORTERS_ONNX_FRAME_H
#define IMPORTERS_ONNX_FRAME_H

#include "importers/onnx/build.h"

#define IGI_ONNX_ABSENT UINT32_MAX /* a name that stands for an omitted value */

/* The bodies of one node, while they are built: what they read from outside. */
typedef struct igi_onnx_region {
    struct igi_onnx_frame *outer; /* whose names the body at hand reads; NULL: none */
    ig_graph *g;                  /* of the node */
    IGI_VEC(ig_value_id)
    captures;         /* values of g, in the order of inputs of the bodies */
    ig_graph *before; /* a Loop's body as it was built before, whose states change */
    int attempt;      /* how often one was */
} igi_onnx_region;

typedef struct igi_onnx_frame {
    struct igi_onnx_frame *up;
    pb_node **nodes;
    uint32_t *order; /* indices of nodes */
    size_t n, next;
    igi_map names; /* what nodes may read: name -> value id or ABSENT */
    igi_onnx_opsets opsets;
    const pb_function *function; /* NULL: the main graph or a body */
    const pb_node *call;         /* that the function stands for, in `up` */
    igi_onnx_attr *bound;        /* attributes of the call and defaults; those of the */
    size_t n_bound;              /* function around it for a body in a function */
    bool refers;                 /* to them: a function, or a body in one */
    char *prefix;                /* of node names */
    igi_onnx_region *region;     /* of a body; NULL: none */
    size_t first_capture;        /* body: its first input that is a capture */
} igi_onnx_frame;

/* order.c: fills f->order. Errors: INVALID_GRAPH for cycles and names that are made
 * twice. */
ig_status igi_onnx_order(igi_onnx_build *b, igi_onnx_frame *f);

/* body.c */
ig_status igi_onnx_lookup(igi_onnx_build *b,
                          igi_onnx_frame *f,
                          const char *name,
                          ig_value_id *out);
/* Takes all nodes of f and of what it calls; f stays. */
ig_status igi_onnx_walk(igi_onnx_build *b, igi_onnx_frame *f);

/* subgraph.c */
/* A name that f, a body, does not know itself. */
ig_status igi_onnx_capture(igi_onnx_build *b,
                           igi_onnx_frame *f,
                           const char *name,
                           ig_value_id *out);
/* Builds the graph attributes of n, which stands in f, and lists what they capture. */
ig_status igi_onnx_subgraphs(igi_onnx_node *n, igi_onnx_frame *f);
void igi_onnx_subgraphs_drop(igi_onnx_node *n);

#endif
