/* TreeEnsemble: for each target the sum (or average, minimum, maximum) of the leaves
 * that a row reaches. Nodes and leaves are separate lists; a set of a MEMBER node ends
 * at a NaN of membership_values, in the order of the nodes. */
#include <inttypes.h>

#include "operators/common_trees.h"

typedef struct {
    uint32_t struct_size;
    int64_t aggregate_function, post_transform, n_targets;
    ig_ints tree_roots, nodes_featureids, nodes_truenodeids, nodes_falsenodeids,
        nodes_trueleafs, nodes_falseleafs, nodes_missing_value_tracks_true,
        leaf_targetids;
    ig_tensor *nodes_modes, *nodes_splits, *nodes_hitrates, *leaf_weights,
        *membership_values;
} trees_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(trees_attrs,
                aggregate_function,
                IGI_TREE_SUM,
                "0 average, 1 sum, 2 minimum, 3 maximum.",
                .min = 0,
                .max = 3),
    IG_ATTR_INT(trees_attrs,
                post_transform,
                IGI_POST_NONE,
                "0 none, 1 softmax, 2 logistic, 3 softmax of what is not 0, 4 probit.",
                .min = 0,
                .max = 4),
    IG_ATTR_INT(
        trees_attrs, n_targets, 1, "Number of targets.", .min = 1, .max = 1 << 20),
    IG_ATTR_INTS(
        trees_attrs, tree_roots, "Root node of each tree.", .flags = IG_REQUIRED),
    IG_ATTR_INTS(trees_attrs,
                 nodes_featureids,
                 "Feature that each node looks at.",
                 .flags = IG_REQUIRED),
    IG_ATTR_INTS(trees_attrs,
                 nodes_truenodeids,
                 "Next node or leaf when true.",
                 .flags = IG_REQUIRED),
    IG_ATTR_INTS(trees_attrs,
                 nodes_falsenodeids,
                 "Next node or leaf when false.",
                 .flags = IG_REQUIRED),
    IG_ATTR_INTS(trees_attrs,
                 nodes_trueleafs,
                 "1: a leaf comes next when true.",
                 .flags = IG_REQUIRED),
    IG_ATTR_INTS(trees_attrs,
                 nodes_falseleafs,
                 "1: a leaf comes next when false.",
                 .flags = IG_REQUIRED),
    IG_ATTR_INTS(
        trees_attrs, nodes_missing_value_tracks_true, "1: NaN goes where true does."),
    IG_ATTR_INTS(
        trees_attrs, leaf_targetids, "Target of each leaf.", .flags = IG_REQUIRED),
    IG_ATTR_TENSOR(trees_attrs,
                   nodes_modes,
                   "uint8: 0 <=, 1 <, 2 >=, 3 >, 4 ==, 5 !=, 6 member.",
                   .flags = IG_REQUIRED),
    IG_ATTR_TENSOR(
        trees_attrs, nodes_splits, "Bound of each node.", .flags = IG_REQUIRED),
    IG_ATTR_TENSOR(trees_attrs, nodes_hitrates, "Without effect."),
    IG_ATTR_TENSOR(
        trees_attrs, leaf_weights, "Weight of each leaf.", .flags = IG_REQUIRED),
    IG_ATTR_TENSOR(
        trees_attrs, membership_values, "Sets of the member nodes, each ended by NaN."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Features [N, F]."), {0}};
static const ig_port outputs[] = {IG_PORT("Y", 'T', "Results [N, n_targets]."), {0}};
static const ig_type_rule types[] = {
    {'T', IG_T(FLOAT32) | IG_T(FLOAT64) | IG_T(FLOAT16)}, {0}};

static int64_t count(const ig_tensor *t)
{
    return t ? ig_numel(t) : 0;
}

static ig_status check_lengths(const trees_attrs *a)
{
    const int64_t n = a->nodes_featureids.n, leaves = a->leaf_targetids.n;
    const ig_ints *missing = &a->nodes_missing_value_tracks_true;
    if (a->nodes_truenodeids.n != n || a->nodes_falsenodeids.n != n ||
        a->nodes_trueleafs.n != n || a->nodes_falseleafs.n != n ||
        count(a->nodes_modes) != n || count(a->nodes_splits) != n ||
        (missing->n && missing->n != n))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the nodes_ attributes must all have one length, that of "
                       "nodes_featureids is %" PRId64,
                       n);
    if (count(a->leaf_weights) != leaves)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%" PRId64 " leaf_weights for %" PRId64 " leaf_targetids",
                       count(a->leaf_weights), leaves);
    return IG_OK;
}

/* A node or leaf that node i names; -1 in *ok's place: out of range. */
static bool place(int64_t id, bool leaf, const igi_trees *t, int32_t *out)
{
    if (id < 0 || id >= (leaf ? t->n_leaves : t->n_nodes))
        return false;
    *out = leaf ? ~(int32_t)id : (int32_t)id;
    return true;
}

static ig_status fill_node(const trees_attrs *a, igi_trees *t, int64_t i, int64_t *set)
{
    igi_tree_node *n = &t->nodes[i];
    const ig_ints *missing = &a->nodes_missing_value_tracks_true;
    int64_t mode = igi_get_i64(ig_dtype_of(a->nodes_modes), ig_data(a->nodes_modes), i);
    int64_t feature = a->nodes_featureids.v[i];
    if (mode < 0 || mode >= IGI_TREE_MODES)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "nodes_modes[%" PRId64 "] is %" PRId64 ", not in 0..6", i, mode);
    if (feature < 0 || feature >= INT32_MAX)
        return ig_fail(IG_INVALID_ARGUMENT, "nodes_featureids[%" PRId64 "] is %" PRId64,
                       i, feature);
    n->mode = (uint8_t)mode;
    n->feature = (int32_t)feature;
    n->missing = missing->n && missing->v[i] != 0;
    n->value = igi_ml_at(a->nodes_splits, i);
    if (!place(a->nodes_falsenodeids.v[i], a->nodes_falseleafs.v[i] != 0, t,
               &n->next[0]) ||
        !place(a->nodes_truenodeids.v[i], a->nodes_trueleafs.v[i] != 0, t, &n->next[1]))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "node %" PRId64 " leads to a node or leaf that is not there", i);
    if (mode != IGI_TREE_MEMBER)
        return IG_OK;
    n->members = (int32_t)*set;
    while (*set < t->n_members && !isnan(t->members[*set]))
        ++*set;
    if (n->members >= t->n_members) /* beyond: the last set had no end */
        return ig_fail(IG_INVALID_ARGUMENT,
                       "membership_values has no set for node %" PRId64, i);
    n->n_members = (int32_t)*set - n->members;
    ++*set;
    return IG_OK;
}

static ig_status fill(const trees_attrs *a, igi_trees *t)
{
    int64_t set = 0;
    for (int64_t i = 0; i < t->n_members; i++)
        t->members[i] = igi_ml_at(a->membership_values, i);
    for (int64_t i = 0; i < t->n_nodes; i++)
        IG_TRY(fill_node(a, t, i, &set));
    for (int64_t i = 0; i < t->n_leaves; i++) {
        int64_t target = a->leaf_targetids.v[i];
        if (target < 0 || target >= t->targets)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "leaf_targetids[%" PRId64 "] is %" PRId64
                           ", not in 0..%" PRId64,
                           i, target, t->targets - 1);
        t->leaves[i] = (igi_tree_leaf){(int32_t)i, 1};
        t->votes[i] = (igi_tree_vote){igi_ml_at(a->leaf_weights, i), (int32_t)target};
    }
    for (int64_t i = 0; i < t->n_roots; i++)
        if (!place(a->tree_roots.v[i], false, t, &t->roots[i]))
            return ig_fail(IG_INVALID_ARGUMENT,
                           "tree_roots[%" PRId64 "] is %" PRId64 ", not in 0..%" PRId64,
                           i, a->tree_roots.v[i], t->n_nodes - 1);
    return igi_trees_check(t);
}

static ig_status trees_build(const void *attrs_, igi_trees *t)
{
    const trees_attrs *a = attrs_;
    *t = (igi_trees){0};
    IG_TRY(check_lengths(a));
    IG_TRY(igi_trees_new(t, a->nodes_featureids.n, a->leaf_targetids.n,
                         a->leaf_targetids.n, a->tree_roots.n,
                         count(a->membership_values)));
    t->targets = a->n_targets;
    t->aggregate = (igi_tree_aggregate)a->aggregate_function;
    ig_status rc = fill(a, t);
    if (rc != IG_OK)
        igi_trees_free(t);
    return rc;
}

static ig_status trees_finish(ig_kernel_ctx *k, int64_t row, double *scores)
{
    const trees_attrs *a = k->attrs;
    ig_tensor *y = ig_out(k, 0);
    igi_post_apply((igi_post)a->post_transform, scores, a->n_targets);
    for (int64_t i = 0; i < a->n_targets; i++)
        igi_put_f64(ig_dtype_of(y), ig_data(y), row * a->n_targets + i, scores[i]);
    return IG_OK;
}

const igi_tree_op igi_tree_ensemble = {trees_build, trees_finish};

static ig_status trees_infer(ig_infer *x)
{
    int64_t rows;
    IG_TRY(igi_trees_infer(x, &igi_tree_ensemble, &rows));
    return ig_infer_set(x, 0, 2,
                        (int64_t[]){rows, ((const trees_attrs *)x->attrs)->n_targets});
}

static ig_status trees_reference(ig_kernel_ctx *k)
{
    return igi_trees_reference(k, &igi_tree_ensemble);
}

/* Node 0: feature 0 <= 0.5 (NaN too), else leaf 2; node 1: feature 1 in {1, 2}; node 2:
 * feature 0 > -1; node 3 is a tree of one leaf. */
static const int64_t roots[] = {0, 2, 3}, features[] = {0, 1, 0, 0};
static const int64_t yes[] = {1, 0, 1, 3}, no[] = {2, 1, 2, 3};
static const int64_t yes_leaf[] = {0, 1, 1, 1}, no_leaf[] = {1, 1, 1, 1};
static const int64_t missing[] = {1, 0, 0, 0}, targets[] = {0, 1, 0, 1};
IGI_SAMPLE_TENSOR(modes, IG_UINT8, uint8_t, 0, 6, 3, 0);
IGI_SAMPLE_TENSOR(splits, IG_FLOAT32, float, 0.5f, 0, -1, 0);
IGI_SAMPLE_TENSOR(leaf_weights, IG_FLOAT32, float, 1, -2, 4, 0.25f);
IGI_SAMPLE_TENSOR(sets, IG_FLOAT32, float, 1, 2, NAN);
#define TREES(name_, aggregate_, post_)                                                \
    static const trees_attrs name_ = {.struct_size = sizeof(trees_attrs),              \
                                      .aggregate_function = aggregate_,                \
                                      .post_transform = post_,                         \
                                      .n_targets = 2,                                  \
                                      .tree_roots = {3, roots},                        \
                                      .nodes_featureids = {4, features},               \
                                      .nodes_truenodeids = {4, yes},                   \
                                      .nodes_falsenodeids = {4, no},                   \
                                      .nodes_trueleafs = {4, yes_leaf},                \
                                      .nodes_falseleafs = {4, no_leaf},                \
                                      .nodes_missing_value_tracks_true = {4, missing}, \
                                      .leaf_targetids = {4, targets},                  \
                                      .nodes_modes = &modes,                           \
                                      .nodes_splits = &splits,                         \
                                      .leaf_weights = &leaf_weights,                   \
                                      .membership_values = &sets}
TREES(sum, IGI_TREE_SUM, IGI_POST_NONE);
TREES(average, IGI_TREE_AVERAGE, IGI_POST_LOGISTIC);
TREES(least, IGI_TREE_MIN, IGI_POST_SOFTMAX);
TREES(most, IGI_TREE_MAX, IGI_POST_SOFTMAX_ZERO);
#define ROWS_(name_)                                                                   \
    {                                                                                  \
        .name = #name_, .attrs = &name_,                                               \
        IGI_INPUTS({IG_SHAPE_IN(70, 3), .fill = IG_FILL_ZERO_ONE}),                    \
        .no_gradient = true                                                            \
    }
#define GAPS                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(3, 2), .data = (const double[])                                    \
        {                                                                              \
            NAN, 1, 0, NAN, NAN, NAN                                                   \
        }                                                                              \
    }
static const ig_sample samples[] = {
    ROWS_(sum),
    ROWS_(average),
    ROWS_(least),
    ROWS_(most),
    {.name = "missing", .attrs = &sum, IGI_INPUTS(GAPS)},
    {.name = "size_one", .attrs = &sum, IGI_INPUTS(IGI_IN(1, 2))},
    {.name = "empty", .attrs = &sum, IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(TreeEnsemble) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "TreeEnsemble",
    .since = 5,
    .doc = "Regression by decision trees.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(trees_attrs),
    .infer = trees_infer,
    .gradient = ig_gradient_none,
    .reference = trees_reference,
    .samples = samples,
};
