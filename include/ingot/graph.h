/* Graphs: the static form of a computation.
 *
 * A graph is a list of nodes over values. A value has a type (element type and dims,
 * which may be symbolic), a name, at most one producer, and any number of consumers; a
 * value without a producer is a graph input or a constant (initialiser). Values and
 * nodes are named by small ids that stay valid until they are removed; memory belongs
 * to the graph. Every node is checked against its operator (arity, types, attributes,
 * shapes) when it is made, so an invalid node never exists. Order of nodes is a
 * topological order. Threads: a graph that nobody edits may be read from any thread. */
#ifndef INGOT_GRAPH_H
#define INGOT_GRAPH_H

#include <ingot/base.h>

IG_EXTERN_C_BEGIN

/* ---- types of values ---- */

/* Open and frozen: shape inference reads it, in plugins too. Dims: >= 0 known, -1
 * unknown, ig_dim_is_symbol: an expression of the graph's symbol table. Copy with
 * ig_type_copy. */
typedef struct ig_type {
    uint8_t kind, dtype; /* ig_kind; ig_dtype of a tensor's elements, a map's keys */
    int16_t rank;        /* -1: unknown */
    uint32_t spare;
    union {
        int64_t dim[8];
        int64_t *dim_far;           /* when rank > 8 */
        const struct ig_type *elem; /* of a sequence or optional; a map's values */
    } u;
} ig_type;

/* Handles of symbolic dims lie far below every integer that a shape computation yields,
 * so that a list of integers may hold small negative numbers (an axis, -1 of Reshape)
 * and symbols. */
#define IG_DIM_SYMBOL_FIRST (INT64_MIN / 2)
static inline bool ig_dim_is_symbol(int64_t d)
{
    return d <= IG_DIM_SYMBOL_FIRST;
}
static inline const int64_t *ig_type_dims(const ig_type *t)
{
    return t->rank > 8 ? t->u.dim_far : t->u.dim;
}

typedef struct ig_symtab
    ig_symtab; /* symbols of dims, shared by a graph and its subgraphs */
typedef struct ig_op_def ig_op_def; /* <ingot/plugin.h> */
typedef struct ig_registry ig_registry;

/* ---- attributes: lists in the option structs of operators ---- */

/* `v` NULL means absent. The lists are the caller's and are copied where they are kept.
 */
typedef struct ig_ints {
    int64_t n;
    const int64_t *v;
} ig_ints;
typedef struct ig_floats {
    int64_t n;
    const float *v;
} ig_floats;
typedef struct ig_strings {
    int64_t n;
    const char *const *v;
} ig_strings;

/* ---- graphs ---- */

typedef struct ig_value_id {
    uint32_t i; /* 0: none */
} ig_value_id;
typedef struct ig_node_id {
    uint32_t i; /* 0: none */
} ig_node_id;

/* One description of an operator call, for graphs, eager dispatch, gradients and sinks.
 */
typedef struct ig_call {
    const ig_op_def *op;
    const void *attrs; /* the operator's option struct; NULL: defaults */
    const char *where; /* IG_HERE of the user; may be NULL */
    const char *name;  /* node name; NULL: made from op type and number */
    uint64_t draw;     /* number of a random operator's draw; 0: next */
    uint64_t wanted;   /* mask of wanted outputs; 0: all n_out (eager: all that are not
                          optional); those from 64 on are always wanted */
    int n_in, n_captures, n_out;
} ig_call;

/* An empty graph; operators are found in `reg` (NULL: the built-in ones). Owns: caller.
 */
IG_API ig_status ig_graph_new(ig_graph **out, const char *name, const ig_registry *reg);
/* An independent copy with the same names, symbols and handles of dims. Constants are
 * shared. Threads: any number may clone one graph at a time. */
IG_API ig_status ig_graph_clone(ig_graph **out, const ig_graph *g);
IG_API void ig_graph_free(ig_graph *g);
IG_API const char *ig_graph_name(const ig_graph *g);
IG_API ig_symtab *ig_graph_symbols(const ig_graph *g);

/* Adds an input; name NULL: made. Errors: INVALID_GRAPH when the name is taken. dims
 * may hold -1 (unknown) or symbols from ig_graph_dim. rank -1: unknown. */
IG_API ig_status ig_graph_input(ig_graph *g,
                                const char *name,
                                ig_dtype dtype,
                                int rank,
                                const int64_t *dims,
                                ig_value_id *out);
/* The same for any type (sequences, optionals, maps). */
IG_API ig_status ig_graph_input_typed(ig_graph *g,
                                      const char *name,
                                      const ig_type *type,
                                      ig_value_id *out);
/* A symbolic dim by name ("N"); equal names are equal dims. */
IG_API ig_status ig_graph_dim(ig_graph *g, const char *name, int64_t *out);
/* Adds a constant; retains (and shares) the tensor. */
IG_API ig_status ig_graph_constant(ig_graph *g,
                                   const char *name,
                                   ig_tensor *t,
                                   ig_value_id *out);
/* Appends a node. `in` has n_in ids (0 = absent optional), captures last; `out`
 * receives n_out ids. Errors name the operator, port and shapes; on error nothing was
 * added. */
IG_API ig_status ig_graph_make(ig_graph *g,
                               const ig_call *call,
                               const ig_value_id *in,
                               ig_value_id *out);
/* The same by name: "Relu", "ingot::Linear". */
IG_API ig_status ig_graph_make_named(ig_graph *g,
                                     const char *op,
                                     const void *attrs,
                                     const ig_value_id *in,
                                     int n_in,
                                     ig_value_id *out,
                                     int n_out);
/* The same as one line of text, outputs and inputs by name:
 *     ig_graph_make_text(g, "y = Conv(x, w, b) strides=2,2 group=1", &y);
 * An absent optional input is an empty name, and so is an output that gets a name of
 * its own. Errors: INVALID_GRAPH when a name is taken. Values of attributes: numbers,
 * names of element types, words, lists with commas; words with spaces in double quotes.
 * `out` receives the first output, may be NULL. */
IG_API ig_status ig_graph_make_text(ig_graph *g, const char *line, ig_value_id *out);
IG_API ig_status ig_graph_output(ig_graph *g, const char *name, ig_value_id value);

/* ---- reading ---- */

IG_API int ig_graph_n_inputs(const ig_graph *g);
IG_API int ig_graph_n_outputs(const ig_graph *g);
IG_API ig_value_id ig_graph_input_at(const ig_graph *g, int i);
IG_API ig_value_id ig_graph_output_at(const ig_graph *g, int i);
/* Name by which callers know output i (the value behind it may have another); ""
 * beyond. */
IG_API const char *ig_graph_output_name(const ig_graph *g, int i);
/* Value of that name, {0} when there is none. */
IG_API ig_value_id ig_graph_find(const ig_graph *g, const char *name);
IG_API const char *ig_graph_value_name(const ig_graph *g, ig_value_id v);
IG_API const ig_type *ig_graph_value_type(const ig_graph *g, ig_value_id v);
IG_API ig_tensor *ig_graph_value_constant(const ig_graph *g,
                                          ig_value_id v); /* borrowed; NULL */
IG_API ig_node_id ig_graph_value_producer(const ig_graph *g, ig_value_id v);
IG_API int ig_graph_value_n_uses(const ig_graph *g, ig_value_id v);

IG_API const ig_op_def *ig_graph_node_op(const ig_graph *g, ig_node_id n);
IG_API const char *ig_graph_node_name(const ig_graph *g, ig_node_id n);
IG_API const void *ig_graph_node_attrs(const ig_graph *g, ig_node_id n);
IG_API int ig_graph_node_n_in(const ig_graph *g, ig_node_id n);
IG_API int ig_graph_node_n_out(const ig_graph *g, ig_node_id n);
IG_API ig_value_id ig_graph_node_in(const ig_graph *g, ig_node_id n, int i);
IG_API ig_value_id ig_graph_node_out(const ig_graph *g, ig_node_id n, int i);

/* Nodes in topological order: ig_node_iter it = ig_graph_nodes(g);
 * while (ig_node_next(&it, &n)) ... . Nobody may edit the graph meanwhile. */
typedef struct ig_node_iter {
    const ig_graph *g;
    uint32_t pos;
} ig_node_iter;
IG_API ig_node_iter ig_graph_nodes(const ig_graph *g);
IG_API bool ig_node_next(ig_node_iter *it, ig_node_id *out);

/* ---- editing ---- */

/* All consumers of `from` (and graph outputs) read `to` instead. Types must agree.
 * Nodes may stand in another order afterwards, which is restored when the graph is
 * next compiled, cloned or differentiated. */
IG_API ig_status ig_graph_replace(ig_graph *g, ig_value_id from, ig_value_id to);
/* Removes a node whose outputs nobody uses. */
IG_API ig_status ig_graph_remove(ig_graph *g, ig_node_id n);
/* Checks every invariant of the graph; names the first that fails. */
IG_API ig_status ig_graph_verify(const ig_graph *g);

/* ---- text ---- */

/* The graph as text for people; the string is the caller's, free with ig_string_free.
 */
IG_API ig_status ig_graph_print(const ig_graph *g, char **out);
IG_API void ig_string_free(char *s);

/* Appends nodes that compute d(sum of ys . dys)/d(xs). dys may be NULL (ones). dxs
 * receives n_x ids, {0} where y does not depend on x. Errors: UNSUPPORTED names every
 * operator on the way that has no gradient. */
IG_API ig_status ig_graph_gradient(ig_graph *g,
                                   const ig_value_id *ys,
                                   const ig_value_id *dys,
                                   int n_y,
                                   const ig_value_id *xs,
                                   ig_value_id *dxs,
                                   int n_x);

IG_EXTERN_C_END
#endif
