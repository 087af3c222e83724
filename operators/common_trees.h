/* Ensembles of decision trees, whichever of ONNX's three operators describes them: flat
 * nodes, leaves with votes, and their evaluation over blocks of rows.
 *
 * Model files are hostile: every index is checked when the ensemble is built, and a
 * node that leads to itself is an error, so evaluation needs no checks and always ends.
 */
#ifndef OPERATORS_COMMON_TREES_H
#define OPERATORS_COMMON_TREES_H

#include "operators/common_ml.h"

/* ORDER: tree mode (the numbers of TreeEnsemble's nodes_modes) */
typedef enum igi_tree_mode {
    IGI_TREE_LEQ = 0,
    IGI_TREE_LT,
    IGI_TREE_GTE,
    IGI_TREE_GT,
    IGI_TREE_EQ,
    IGI_TREE_NEQ,
    IGI_TREE_MEMBER,
    IGI_TREE_MODES
} igi_tree_mode;

/* ORDER: tree aggregate */
typedef enum igi_tree_aggregate {
    IGI_TREE_AVERAGE = 0,
    IGI_TREE_SUM,
    IGI_TREE_MIN,
    IGI_TREE_MAX
} igi_tree_aggregate;

typedef struct igi_tree_node {
    double value;    /* MEMBER: unused */
    int32_t next[2]; /* when false, when true: a node, or ~leaf */
    int32_t feature;
    int32_t members, n_members; /* of MEMBER */
    uint8_t mode;
    bool missing; /* NaN goes where true does */
} igi_tree_node;
typedef struct igi_tree_vote {
    double weight;
    int32_t target;
} igi_tree_vote;
typedef struct igi_tree_leaf {
    int32_t first, n; /* votes */
} igi_tree_leaf;

typedef struct igi_trees {
    igi_tree_node *nodes;
    igi_tree_leaf *leaves;
    igi_tree_vote *votes;
    int32_t *roots; /* a node, or ~leaf */
    double *members, *base;
    int64_t n_nodes, n_leaves, n_votes, n_roots, n_members;
    int64_t targets, features; /* features: 1 + the largest that a node reads */
    igi_tree_aggregate aggregate;
    bool has_base;
    void *block;
} igi_trees;

/* Room for those counts, zeroed. */
ig_status igi_trees_new(igi_trees *t,
                        int64_t nodes,
                        int64_t leaves,
                        int64_t votes,
                        int64_t roots,
                        int64_t members);
void igi_trees_free(igi_trees *t);
/* After the arrays are filled: targets and features in range, no cycles. Sets
 * features. */
ig_status igi_trees_check(igi_trees *t);

/* ---- TreeEnsembleClassifier and TreeEnsembleRegressor ---- */

#define IGI_TREE_NODES                                                                 \
    ig_ints nodes_treeids, nodes_nodeids, nodes_featureids, nodes_truenodeids,         \
        nodes_falsenodeids, nodes_missing_value_tracks_true;                           \
    ig_strings nodes_modes;                                                            \
    ig_floats nodes_values, nodes_hitrates;                                            \
    ig_tensor *nodes_values_as_tensor, *nodes_hitrates_as_tensor;
typedef struct igi_tree_attrs {
    uint32_t struct_size;
    uint32_t spare;
    IGI_TREE_NODES
} igi_tree_attrs;
#define IGI_TREE_NODE_ATTRS(S_)                                                        \
    IG_ATTR_INTS(S_, nodes_treeids, "Tree of each node."),                             \
        IG_ATTR_INTS(S_, nodes_nodeids, "Number of each node in its tree."),           \
        IG_ATTR_INTS(S_, nodes_featureids, "Feature that each node looks at."),        \
        IG_ATTR_INTS(S_, nodes_truenodeids, "Next node when true."),                   \
        IG_ATTR_INTS(S_, nodes_falsenodeids, "Next node when false."),                 \
        IG_ATTR_INTS(S_, nodes_missing_value_tracks_true,                              \
                     "1: NaN goes where true does."),                                  \
        IG_ATTR_STRINGS(S_, nodes_modes,                                               \
                        "BRANCH_LEQ, BRANCH_LT, BRANCH_GTE, BRANCH_GT, BRANCH_EQ, "    \
                        "BRANCH_NEQ or LEAF."),                                        \
        IG_ATTR_FLOATS(S_, nodes_values, "Bound of each node."),                       \
        IG_ATTR_FLOATS(S_, nodes_hitrates, "Without effect."),                         \
        IG_ATTR_TENSOR(S_, nodes_values_as_tensor, "Bounds as float64."),              \
        IG_ATTR_TENSOR(S_, nodes_hitrates_as_tensor, "Without effect.")

/* Numbers that are given as floats or as a tensor. */
typedef struct igi_reals {
    ig_floats list;
    const ig_tensor *tensor;
} igi_reals;
int64_t igi_reals_count(const igi_reals *r);
double igi_reals_at(const igi_reals *r, int64_t i);

/* The votes: class_* or target_* attributes. */
typedef struct igi_tree_votes {
    ig_ints trees, nodes, targets;
    igi_reals weights, base;
    bool one_base; /* a single base value is that of target 0 */
} igi_tree_votes;
ig_status igi_trees_classic(igi_trees *t,
                            const igi_tree_attrs *nodes,
                            const igi_tree_votes *votes,
                            int64_t targets,
                            igi_tree_aggregate aggregate);

/* ---- evaluation ---- */

enum { IGI_TREE_ROWS = 64 }; /* of a block */
/* Doubles of scratch for one block. */
static inline int64_t igi_trees_scratch(const igi_trees *t)
{
    return 2 * IGI_TREE_ROWS * t->targets;
}
/* Scores [n][targets] of rows [row, row + n), n <= IGI_TREE_ROWS, base values added, at
 * the beginning of scratch. */
void igi_trees_block(
    const igi_trees *t, const ig_tensor *x, int64_t row, int64_t n, double *scratch);

/* The last step of a block: sums of votes become scores. */
void igi_trees_settle(const igi_trees *t, int64_t n, double *scores);

/* What an operator makes of a row of scores. */
typedef ig_status (*igi_tree_finish)(ig_kernel_ctx *k, int64_t row, double *scores);
/* The three operators: how to build their trees, and how to finish. */
typedef struct igi_tree_op {
    ig_status (*build)(const void *attrs, igi_trees *t);
    igi_tree_finish finish;
} igi_tree_op;
extern const igi_tree_op igi_tree_ensemble, igi_tree_classifier, igi_tree_regressor;
/* Rows [lo, hi) of a call. */
ig_status igi_trees_rows(ig_kernel_ctx *k,
                         const igi_tree_op *op,
                         const igi_trees *t,
                         int64_t lo,
                         int64_t hi,
                         double *scratch);
/* A whole reference; and the shape of a call: builds, checks, [rows]. */
ig_status igi_trees_reference(ig_kernel_ctx *k, const igi_tree_op *op);
ig_status igi_trees_infer(ig_infer *x, const igi_tree_op *op, int64_t *rows);

#endif
