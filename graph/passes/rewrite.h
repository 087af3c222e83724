/* What the passes share: questions about nodes and values, new constants, new nodes.
 *
 * A pass is one function that edits a graph and counts what it changed. It keeps no
 * pointer into g->nodes or g->values across a call that makes a node: the arrays move.
 * New nodes are appended; igi_graph_sort restores the order after the pass. */
#ifndef GRAPH_PASSES_REWRITE_H
#define GRAPH_PASSES_REWRITE_H

#include "graph/ir/graph.h"
#include "graph/passes/pass.h"

/* Of one run of the pipeline. */
typedef struct igi_pass_state {
    const igi_pass_opts *o;
    uint64_t fold_one,
        fold_left;       /* bytes folding may make: at once, and in what is left */
    bool keep_quantized; /* folding leaves DequantizeLinear alone, for qdq.c */
} igi_pass_state;

typedef ig_status (*igi_pass_fn)(ig_graph *g, igi_pass_state *s, int *changes);

void igi_fold_budget(const ig_graph *g, igi_pass_state *s);
ig_status igi_pass_fold(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_simplify(ig_graph *g, igi_pass_state *s, int *changes);
/* Runs `all` passes on the bodies of g, and what makes them independent of g. */
ig_status
igi_pass_bodies(ig_graph *g, igi_pass_state *s, igi_pass_fn all, int *changes);
ig_status igi_pass_cse(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_fold_affine(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_fold_pad(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_fuse_gelu(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_lower(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_half(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_fuse_attention(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_fuse_norm(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_fuse_linear(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_fuse_nbits(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_qdq(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_fuse_qconv(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_fuse_step(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_layout(ig_graph *g, igi_pass_state *s, int *changes);
ig_status igi_pass_epilogue(ig_graph *g, igi_pass_state *s, int *changes);

/* One rewrite of a single node, tried on every node of a graph. */
typedef struct igi_rule {
    const char *op; /* "Mul", "ingot::Conv" */
    ig_status (*apply)(ig_graph *g, ig_node_id n, int *changes);
    int level; /* of igi_pass_opts from which on it may run */
} igi_rule;
/* Tries the rules (ended by {0}) on all used nodes, also on those that rules append;
 * then removes what became unused and restores the order. */
ig_status igi_rules_run(ig_graph *g, const igi_rule *rules, int level, int *changes);

/* The end of a pass: order restored, unused nodes and constants gone. */
ig_status igi_clean(ig_graph *g);

/* ---- nodes ---- */

size_t igi_live_nodes(const ig_graph *g);              /* live nodes */
bool igi_node_is(const igi_node *n, const char *full); /* "Mul", "ingot::Conv" */
bool igi_node_used(const ig_graph *g, const igi_node *n);
/* Whether outputs other than the first are asked for by somebody. */
bool igi_node_side_used(const ig_graph *g, const igi_node *n);
ig_value_id igi_in(const igi_node *n, int i); /* {0}: absent */
/* Attributes by name; `def` (NULL, {0}) when the operator has no such attribute. */
int64_t igi_attr_int(const igi_node *n, const char *name, int64_t def);
float igi_attr_float(const igi_node *n, const char *name, float def);
ig_ints igi_attr_ints(const igi_node *n, const char *name);

/* ---- values ---- */

/* The node that makes v, NULL for inputs and constants. */
igi_node *igi_producer(const ig_graph *g, ig_value_id v);
ig_node_id igi_producer_id(const ig_graph *g, ig_value_id v);
/* Whether operator `op` makes v; the node goes to *n (NULL for inputs and constants).
 */
bool igi_made_by(const ig_graph *g, ig_value_id v, const char *op, const igi_node **n);
/* The node that reads v when v has exactly one use and is no graph output, else {0}. */
ig_node_id igi_only_user(const ig_graph *g, ig_value_id v);
bool igi_is_output(const ig_graph *g, ig_value_id v);
/* Types of tensors that are known to be equal: dtype, rank and every dim. */
bool igi_same_type(const ig_graph *g, ig_value_id a, ig_value_id b);
static inline const ig_type *igi_type_of(const ig_graph *g, ig_value_id v)
{
    return &igi_value_at(g, v)->type;
}
static inline bool igi_is_f32(const ig_graph *g, ig_value_id v)
{
    const ig_type *t = igi_type_of(g, v);
    return v.i && t->kind == IG_KIND_TENSOR && t->dtype == IG_FLOAT32;
}
/* Contiguous numeric constant behind v, else NULL; whoever reads more than a few of its
 * elements calls igi_tensor_settle first. */
const ig_tensor *igi_const(const ig_graph *g, ig_value_id v);
/* Integers that are all known numbers: of a constant, or propagated. Count, or -1. */
int igi_known_ints(const ig_graph *g, ig_value_id v, int64_t *buf, int cap);
/* The one number that all elements of a small constant have. */
bool igi_const_number(const ig_graph *g, ig_value_id v, double *out);
/* The same for constants of exactly one element. */
bool igi_const_scalar(const ig_graph *g, ig_value_id v, double *out);
/* Per-channel numbers of a constant that broadcasts along axis `axis` of a tensor of
 * rank `rank` and is 1 elsewhere (or a scalar): writes n of them; false when it is
 * anything else. */
bool igi_const_channels(
    const ig_graph *g, ig_value_id v, int rank, int axis, int64_t n, double *out);

/* ---- editing ---- */

/* All readers of output `out` of node n read `to`. false: left alone, because one of
 * the two is overwritten by somebody or their types differ. */
bool igi_can_forward(const ig_graph *g, ig_node_id n, int out, ig_value_id to);
ig_status igi_forward(ig_graph *g, ig_node_id n, int out, ig_value_id to, bool *done);
/* Defaults of an operator, in the graph's arena; NULL when out of memory. */
void *igi_new_attrs(ig_graph *g, const igi_op *op);
/* Copies all attributes of `from` that `op` has with the same name and kind into
 * `attrs`. */
void igi_copy_attrs(const igi_op *op, void *attrs, const igi_node *from);

typedef struct igi_make {
    const igi_op *op;
    const void *attrs;
    int n_in, n_out;    /* n_out 0: 1 */
    uint64_t wanted;    /* 0: all */
    ig_node_id like;    /* gives name and place in the user's code */
    const char *origin; /* igi_origin; NULL: that of `like` */
} igi_make;
ig_status
igi_make_node(ig_graph *g, const igi_make *m, const ig_value_id *in, ig_value_id *out);
/* igi_make_node that gives {0} and no error when the operator refuses the inputs. */
ig_status
igi_try_make(ig_graph *g, const igi_make *m, const ig_value_id *in, ig_value_id *out);
/* "conv1+bn1+relu1": origins of several nodes ({0} ends early), cut when long. */
const char *igi_origin(ig_graph *g, const ig_node_id *nodes, int n);

/* New constants, named after value `like`. */
ig_status igi_make_const(ig_graph *g,
                         ig_value_id like,
                         ig_tensor *t,
                         ig_value_id *out); /* takes t */
ig_status igi_make_ints(ig_graph *g,
                        ig_value_id like,
                        const int64_t *v,
                        int n,
                        ig_value_id *out); /* int64 [n] */
ig_status igi_make_numbers(ig_graph *g,
                           ig_value_id like,
                           ig_dtype dtype,
                           int64_t n,
                           const double *v,
                           ig_value_id *out); /* [n] */
/* A view of a constant with other dims (same number of elements). */
ig_status igi_make_reshaped(
    ig_graph *g, ig_value_id constant, int rank, const int64_t *dims, ig_value_id *out);

#endif
