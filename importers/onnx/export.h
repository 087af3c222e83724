/* What the parts of the exporter share while one graph is written.
 *
 * export.c makes the messages of model, values and nodes, which borrow the graph's
 * memory; export_attr.c the attributes; export_file.c packs them into bytes or files.
 */
#ifndef IMPORTERS_ONNX_EXPORT_H
#define IMPORTERS_ONNX_EXPORT_H

#include "graph/ir/graph.h"
#include "importers/import.h"
#include "importers/onnx/proto.h"

typedef struct igi_onnx_out {
    bool labels;          /* of the value being written: they may be said */
    const ig_graph *g;    /* at hand: the main one, or a body */
    const igi_node *node; /* being written */
    int64_t opset;
    igi_arena arena;         /* all messages; zeroed memory */
    const char **names;      /* per value id of g: its name in the file */
    const char *const *outs; /* per output of g: its name in the file */
    bool *kept; /* per value of the main graph: a constant that only notes name */
    size_t n_captures; /* of a body: its last inputs, which have outer names */
    igi_map
        taken; /* names of all graphs -> value id: bodies may not hide outer names */
    igi_map node_names;          /* of all graphs */
    igi_map last, last_nodes;    /* per stem: what made the last name of it free */
    IGI_VEC(ig_tensor *) copies; /* contiguous forms, dropped at the end */
    IGI_VEC(void *) blocks;      /* of the heap, freed at the end */
    IGI_VEC(ig_graph *) bodies;  /* made here, freed at the end */
    IGI_VEC(pb_node *) nodes;    /* of the graph */
    uint32_t counter;            /* for made names */
    pb_model model;
    pb_graph *graph; /* of g */
    pb_graph main;
} igi_onnx_out;

/* Fills out->model. Errors: UNSUPPORTED lists what ONNX cannot say. */
ig_status
igi_onnx_out_begin(igi_onnx_out *o, const ig_graph *g, const ig_save_opts *opts);
void igi_onnx_out_end(igi_onnx_out *o);

/* Attributes that differ from their defaults, or are required. */
ig_status igi_onnx_out_attrs(igi_onnx_out *o,
                             const ig_op_def *op,
                             const void *attrs,
                             pb_node *node);
/* One of them, and whether it may be left out: absent is what the default means. */
ig_status igi_onnx_out_attr(igi_onnx_out *o,
                            const ig_attr_def *row,
                            const void *at,
                            pb_attribute *a);
bool igi_onnx_attr_is_default(const ig_attr_def *row, const void *at);
/* Of recurrent layers: may be absent, but onnxruntime insists on it. */
ig_status igi_onnx_out_hidden_size(igi_onnx_out *o, const igi_node *n, pb_node *p);
/* The message of a type. */
ig_status igi_onnx_out_type(igi_onnx_out *o, const ig_type *t, pb_type **out);
/* A tensor message that borrows t's memory. */
ig_status igi_onnx_out_tensor(igi_onnx_out *o,
                              const ig_tensor *t,
                              const char *name,
                              pb_tensor **out);

/* Appends a node with room for inputs and outputs, all NULL; NULL when out of memory.
 */
pb_node *igi_onnx_out_node(igi_onnx_out *o, const char *op, size_t n_in, size_t n_out);
/* A name that nothing in the file has, from a stem; NULL when out of memory. */
const char *igi_onnx_out_name(igi_onnx_out *o, const char *stem);

/* Notes (export_notes.c): of a node, of a value's ValueInfo and tensor; of the model,
 * when names are given and messages made. */
ig_status igi_onnx_out_node_notes(igi_onnx_out *o, const igi_notes *list, pb_node *p);
ig_status igi_onnx_out_value_notes(igi_onnx_out *o, ig_value_id v, pb_value *p);
ig_status igi_onnx_out_tensor_notes(igi_onnx_out *o, ig_value_id v, pb_tensor *p);
ig_status igi_onnx_out_graph_notes(igi_onnx_out *o);
/* Opsets (export_needs.c): UNSUPPORTED lists nodes that o->opset cannot say; the oldest
 * opset that can say all of g, or that of its file when training_info, which is kept as
 * it was, goes with the model; the imports of the model, one of each domain that it
 * uses; whether an operator is of a domain that ONNX does not have. */
enum { IGI_ONNX_DOMAINS = 3 }; /* of ONNX, beside the default one */
ig_status igi_onnx_out_check(const igi_onnx_out *o);
int64_t igi_onnx_out_default(const ig_graph *g);
ig_status igi_onnx_out_opsets(igi_onnx_out *o);
ig_status igi_onnx_out_opset(igi_onnx_out *o, const char *domain, int64_t version);
bool igi_onnx_is_own(const ig_op_def *op);
/* Graph attributes (export_body.c): the body of o->node, whose captures are read by
 * their outer names again. */
ig_status igi_onnx_out_body(igi_onnx_out *o, const ig_graph *body, pb_graph **out);
/* Names a value of o->g; the name must be free. */
ig_status igi_onnx_out_claim(igi_onnx_out *o, ig_value_id v, const char *name);
/* `stem`, or a free name like it. */
const char *igi_onnx_out_unused(igi_onnx_out *o, const char *stem);
/* Values and nodes of o->g into o->graph. */
ig_status igi_onnx_out_graph(igi_onnx_out *o);

/* Operators of Ingot's own (export_own.c): the oldest opset that can say one, 0 when
 * none can; and the nodes that say it. */
int64_t igi_onnx_own_opset(const ig_graph *g, const igi_node *n);
ig_status igi_onnx_out_own(igi_onnx_out *o, const igi_node *n);

#endif
