/* What the parts of the importer share while one model is read.
 *
 * import.c owns the build and does the model's frame: opsets, inputs, constants,
 * outputs. report.c lists what is unsupported before anything is built. body.c walks
 * nodes, inlines local functions. node.c turns one node into operators after upgrade*.c
 * has brought it to the newest version. */
#ifndef IMPORTERS_ONNX_BUILD_H
#define IMPORTERS_ONNX_BUILD_H

#include <string.h>

#include "graph/ir/graph.h"
#include "importers/onnx/tensor.h"

/* Versions of the default domain: the newest that is known here, provisionally, and
 * the newest that is released. */
#define IGI_ONNX_OPSET      28
#define IGI_ONNX_RELEASED   27
#define IGI_ONNX_IR         13
#define IGI_ONNX_CALL_DEPTH 100 /* nested calls of local functions */
#define IGI_ONNX_ATTRIBUTES                                                            \
    1000 /* of one node or function: duplicates are searched pairwise */
#define IGI_ONNX_IMPORTS 100   /* of opsets, for the same reason */
#define IGI_ONNX_OUTPUTS 10000 /* of the graph */

typedef struct igi_onnx_opsets { /* opset_import of a model or function */
    pb_opset **v;
    size_t n;
    const struct igi_onnx_opsets
        *up; /* of the model, for domains that a function omits */
} igi_onnx_opsets;

typedef struct igi_onnx_end { /* one more output of the graph */
    const char *name, *value;
    int32_t dtype;
} igi_onnx_end;

typedef struct igi_onnx_build {
    ig_graph *g;
    const pb_model *model;
    const ig_registry *reg;
    void (*warn)(const char *text, void *user);
    void *user;
    const char *const *feeds; /* initialisers that the caller will feed */
    igi_onnx_end *ends;       /* outputs of a training step, behind the graph's */
    size_t n_ends;
    igi_onnx_data data;
    igi_onnx_opsets opsets;
    pb_opset first, *first_list[1]; /* for files from before opset_import: version 1 */
    igi_arena arena;                /* lives as long as the build */
    igi_arena scratch;              /* reset after each node */
    igi_map functions;              /* igi_onnx_function_key -> index + 1 */
    igi_map declared;               /* name of a value -> its value_info + 1 */
    uint64_t nodes, max_nodes;      /* read so far, functions inlined (V12) */
    uint64_t work;                  /* of igi_onnx_count_work */
    uint32_t depth, max_depth;      /* of bodies */
    int nchwc_block;                /* channels of a block, 0: not known yet */
} igi_onnx_build;

typedef struct igi_onnx_attr {
    const char *name;
    const pb_attribute *a; /* never a reference */
    struct igi_onnx_frame
        *home;      /* where the file gives it: names of a graph are those */
    bool used;      /* consumed by an upgrade */
    ig_graph *body; /* of a graph attribute, built; counted */
} igi_onnx_attr;

/* One node on its way into the graph. */
typedef struct igi_onnx_node {
    igi_onnx_build *b;
    const pb_node *pb;
    const igi_op *op;
    const struct igi_onnx_upgrade *upgrade;
    const char *name;
    int64_t version; /* since-version that the file's opset selects */
    ig_value_id in[IG_PORTS_MAX], out[IG_PORTS_MAX];
    int n_in, n_out;
    uint64_t wanted;
    igi_onnx_attr *attrs;
    size_t n_attrs, cap_attrs;
    ig_value_id captures[IG_PORTS_MAX]; /* of the bodies; they follow the inputs */
    int n_captures;
    bool done; /* `out` is filled: the upgrade made the operators itself */
} igi_onnx_node;

/* What an (operator, opset) stands for. */
typedef enum igi_onnx_meaning {
    IGI_ONNX_FUNCTION,   /* of the model */
    IGI_ONNX_OPERATOR,   /* of the registry */
    IGI_ONNX_CONSTANT,   /* Constant: becomes a constant of the graph */
    IGI_ONNX_GRADIENT,   /* Gradient: becomes the nodes that compute it */
    IGI_ONNX_UNSUPPORTED /* nobody knows it */
} igi_onnx_meaning;

typedef struct igi_onnx_found {
    igi_onnx_meaning meaning;
    const pb_function *function;
    size_t function_index;
    const igi_op *op;                       /* a deprecated operator's successor */
    const struct igi_onnx_upgrade *upgrade; /* NULL: an operator without history */
    int64_t opset, version;                 /* opset 0: the domain is not imported */
} igi_onnx_found;

static inline const char *igi_onnx_domain(const char *domain)
{
    return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

/* report.c */
enum { IGI_ONNX_FUNCTION_KEY = 512 };
/* The key of a local function among build.functions; false when it is too long. */
bool igi_onnx_function_key(char key[IGI_ONNX_FUNCTION_KEY],
                           const char *domain,
                           const char *name,
                           const char *overload);
igi_onnx_found
igi_onnx_find(const igi_onnx_build *b, const pb_node *node, const igi_onnx_opsets *o);
/* UNSUPPORTED with every (operator, opset, count) that has no implementation; OK if
 * none. */
ig_status igi_onnx_report(igi_onnx_build *b);
void igi_onnx_warn(const igi_onnx_build *b, const char *fmt, ...) IG_PRINTF(2, 3);

/* import.c: the initialisers of a graph, or of a body, into b->g. */
ig_status igi_onnx_add_constants(igi_onnx_build *b, const pb_graph *g, igi_map *names);

/* training.c: the graph of the model becomes that of a step of its training_info i, or
 * the one that makes the first values of its state; the model itself is not changed. */
ig_status igi_onnx_training(igi_onnx_build *b, int i, bool start);

/* body.c: counts what a node costs beside itself, or a small file could ask for hours.
 */
ig_status igi_onnx_count_work(igi_onnx_build *b, uint64_t steps);

/* body.c: builds the main graph's nodes; `names` maps value names to ids and grows. */
ig_status igi_onnx_body(igi_onnx_build *b, const pb_graph *graph, igi_map *names);
/* Gives a value the name that the file uses. */
ig_status igi_onnx_set_name(ig_graph *g, ig_value_id v, const char *name);

/* notes.c: what no operator reads. Of the node that has made `out`; of all values; of
 * the model. */
ig_status igi_onnx_note_node(igi_onnx_build *b, const pb_node *node, ig_value_id out);
ig_status igi_onnx_note_values(igi_onnx_build *b, const igi_map *names);
ig_status igi_onnx_note_model(igi_onnx_build *b);
/* Types that the file declares: unknown dims become known, a shape that is not the
 * graph's is a warning, another element type an error. */
ig_status igi_onnx_list_declared(igi_onnx_build *b);
ig_status igi_onnx_declare(igi_onnx_build *b, const pb_value *p, ig_value_id v);
ig_status igi_onnx_declare_named(igi_onnx_build *b, const char *name, ig_value_id v);

/* node.c */
/* The kind of an attribute (PB_ATTR_*), derived when `type` is absent (IR 1). Errors
 * when the fields that are set do not fit. */
ig_status igi_onnx_attr_kind(const pb_attribute *a, int *kind);
ig_status igi_onnx_emit(igi_onnx_node *n); /* upgrade, then make */
/* The tensor of a Constant node. */
ig_status igi_onnx_constant(igi_onnx_node *n, ig_tensor **out);

#endif
