/* The graph's insides, for ir, passes, runtime and importers; see <ingot/graph.h>.
 *
 * Invariants (checked by ig_graph_verify): ids index the arrays; slot 0 is unused; a
 * live node's inputs are defined before it in `order`; use lists agree with inputs;
 * names are unique; every output slot of a node has a value id (wanted or not: {0} when
 * not wanted). All memory comes from the graph's arena, arrays apart, and dies with it.
 */
#ifndef GRAPH_IR_GRAPH_H
#define GRAPH_IR_GRAPH_H

#include "graph/core/arena.h"
#include "graph/core/map.h"
#include "graph/core/sym.h"
#include "graph/core/tensor.h"
#include "graph/core/vec.h"
#include "graph/ir/attr.h"
#include "graph/ir/registry.h"

typedef struct igi_use {
    ig_node_id node; /* {0}: graph output `port` */
    int port;
} igi_use;

/* A list of notes (graph/ir/note.h): the first and the last, 0: none. */
typedef struct igi_notes {
    uint32_t first, last;
} igi_notes;

typedef struct igi_note {
    const char *key, *value; /* value: `bytes` bytes and a zero */
    size_t bytes;
    uint32_t next;
    uint8_t kind;
} igi_note;

typedef struct igi_gvalue {
    const char *name; /* unique in the graph */
    ig_type type;
    ig_node_id producer;
    int out;             /* which output of the producer */
    ig_tensor *constant; /* counted; NULL unless an initialiser */
    ig_ints ints; /* propagated integers (dims; -1 and symbols allowed); v NULL: none */
    IGI_VEC(igi_use) uses;
    size_t n_overwrites; /* uses that write into it in place */
    igi_notes notes;
    bool is_input, live;
    bool declared; /* a file states its type, and is to state it again */
} igi_gvalue;

typedef struct igi_node {
    const igi_op *op;
    void *attrs; /* in the arena, never NULL when the operator has attributes */
    const char *name, *where;
    const char *
        origin; /* names of the nodes this one was made from, "conv1+bn1"; NULL: name */
    ig_value_id *in, *out;
    uint32_t *use_at; /* per input: its place in the use list of its value */
    int n_in, n_captures, n_out;
    uint64_t draw;
    igi_notes notes;
    bool live;
} igi_node;

typedef struct igi_meta {
    const char *key, *value;
} igi_meta;

struct ig_graph {
    igi_arena arena;
    const ig_registry *reg;
    ig_symtab *syms;
    ig_graph *parent; /* of a subgraph: names resolve outwards at import only */
    int32_t refs;     /* bodies are counted by attribute copies */
    const char *name, *doc, *producer;
    int64_t ir_version, opset; /* of the file; 0: made here */
    IGI_VEC(igi_gvalue) values;
    IGI_VEC(igi_node) nodes;
    IGI_VEC(ig_node_id) order;
    IGI_VEC(ig_value_id) inputs;
    IGI_VEC(ig_value_id) outputs;
    IGI_VEC(const char *)
    output_names;       /* names callers use; may differ from the value's */
    igi_map output_map; /* output name -> its number + 1 */
    /* Self-test: examples of all inputs, then their results; counted. Empty: none. */
    IGI_VEC(ig_value *) self_test;
    IGI_VEC(igi_meta) meta;  /* metadata_props of the file, kept for saving */
    IGI_VEC(igi_note) notes; /* of all subjects; slot 0 is unused */
    igi_notes own_notes;     /* those of the graph itself */
    igi_map names;           /* value name -> id */
    uint32_t counter;        /* for made names */
    uint64_t draws;          /* highest draw of a random node */
    uint64_t generation;     /* + 1 per edit */
    bool order_dirty;
    int depth; /* levels of bodies below; 0: none */
};

ig_status igi_graph_new(ig_graph **out,
                        const char *name,
                        const ig_registry *reg,
                        ig_symtab *share);
ig_graph *igi_graph_ref(ig_graph *g);
void igi_graph_unref(ig_graph *g);

static inline igi_gvalue *igi_value_at(const ig_graph *g, ig_value_id v)
{
    return &g->values.p[v.i];
}
static inline igi_node *igi_node_at(const ig_graph *g, ig_node_id n)
{
    return &g->nodes.p[n.i];
}
/* Restores topological order after edits; INVALID_GRAPH names a node on a cycle. */
ig_status igi_graph_sort(ig_graph *g);
/* Input i of node n becomes v. */
ig_status igi_graph_set_input(ig_graph *g, ig_node_id n, int i, ig_value_id v);
/* Value v is known to hold these integers, as inference would propagate them; symbols
 * only of g's own table. */
ig_status igi_graph_know_ints(ig_graph *g, ig_value_id v, const ig_ints *ints);
/* Removes all nodes whose outputs nobody uses (EFFECTS stay). Returns how many. */
int igi_graph_sweep(ig_graph *g);
/* A fresh unique value name from a stem. */
const char *igi_graph_fresh_name(ig_graph *g, const char *stem);
/* Names a value; it keeps its old name when the new one is taken or memory is short. */
void igi_graph_rename(ig_graph *g, ig_value_id v, const char *name);
ig_status igi_graph_add_meta(ig_graph *g, const char *key, const char *value);
/* Copies nodes of `src` into dst: map[src value id] gives dst ids (inputs filled by
 * caller). */
ig_status igi_graph_inline(ig_graph *dst, const ig_graph *src, ig_value_id *map);
/* Output i of a node, added to it when it was not wanted so far (saved masks and
 * statistics). */
ig_status igi_graph_want_output(ig_graph *g, ig_node_id n, int i, ig_value_id *out);
/* Re-infers all types in order (after symbols were replaced or inputs changed). */
ig_status igi_graph_infer(ig_graph *g);
/* "node 'conv1' (Conv, made from a+b): " prepended to the current record. */
ig_status igi_graph_node_context(const ig_graph *g, ig_node_id n);

#endif
