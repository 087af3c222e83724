/* TreeEnsembleRegressor: for each target the sum (or average, minimum, maximum) of the
 * votes of the leaves that a row reaches. */
#include "operators/common_trees.h"

static const char *const aggregates[] = {"AVERAGE", "SUM", "MIN", "MAX",
                                         NULL}; /* ORDER: tree aggregate */
typedef struct {
    uint32_t struct_size;
    uint32_t spare;
    IGI_TREE_NODES
    int64_t aggregate_function, post_transform, n_targets;
    ig_ints target_treeids, target_nodeids, target_ids;
    ig_floats target_weights, base_values;
    ig_tensor *target_weights_as_tensor, *base_values_as_tensor;
} regressor_attrs;
static const ig_attr_def attrs[] = {
    IGI_TREE_NODE_ATTRS(regressor_attrs),
    IG_ATTR_ENUM(regressor_attrs,
                 aggregate_function,
                 IGI_TREE_SUM,
                 aggregates,
                 "AVERAGE, SUM, MIN or MAX."),
    IGI_ATTR_POST(regressor_attrs),
    IG_ATTR_INT(
        regressor_attrs, n_targets, 1, "Number of targets.", .min = 1, .max = 1 << 20),
    IG_ATTR_INTS(regressor_attrs, target_treeids, "Tree of each vote."),
    IG_ATTR_INTS(regressor_attrs, target_nodeids, "Leaf of each vote."),
    IG_ATTR_INTS(regressor_attrs, target_ids, "Target of each vote."),
    IG_ATTR_FLOATS(regressor_attrs, target_weights, "Weight of each vote."),
    IG_ATTR_FLOATS(regressor_attrs, base_values, "Added at the end, one a target."),
    IG_ATTR_TENSOR(regressor_attrs, target_weights_as_tensor, "Weights as float64."),
    IG_ATTR_TENSOR(regressor_attrs, base_values_as_tensor, "Base values as float64."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Features [N, F]."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'F', "Results [N, n_targets].", .flags = IG_NODIFF), {0}};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS}, {'F', IG_T(FLOAT32)}, {0}};

static ig_status regressor_build(const void *attrs_, igi_trees *t)
{
    const regressor_attrs *a = attrs_;
    const igi_tree_votes votes = {
        .trees = a->target_treeids,
        .nodes = a->target_nodeids,
        .targets = a->target_ids,
        .weights = {a->target_weights, a->target_weights_as_tensor},
        .base = {a->base_values, a->base_values_as_tensor}};
    return igi_trees_classic(t, attrs_, &votes, a->n_targets,
                             (igi_tree_aggregate)a->aggregate_function);
}

static ig_status regressor_finish(ig_kernel_ctx *k, int64_t row, double *scores)
{
    const regressor_attrs *a = k->attrs;
    float *y = (float *)ig_data(ig_out(k, 0)) + row * a->n_targets;
    igi_post_apply((igi_post)a->post_transform, scores, a->n_targets);
    for (int64_t i = 0; i < a->n_targets; i++)
        y[i] = (float)scores[i];
    return IG_OK;
}

const igi_tree_op igi_tree_regressor = {regressor_build, regressor_finish};

static ig_status regressor_infer(ig_infer *x)
{
    int64_t rows;
    IG_TRY(igi_trees_infer(x, &igi_tree_regressor, &rows));
    return ig_infer_set(
        x, 0, 2, (int64_t[]){rows, ((const regressor_attrs *)x->attrs)->n_targets});
}

static ig_status regressor_reference(ig_kernel_ctx *k)
{
    return igi_trees_reference(k, &igi_tree_regressor);
}

/* Two trees over two features; ids need not be in order. */
static const int64_t trees[] = {0, 0, 0, 0, 0, 7, 7, 7},
                     ids[] = {0, 1, 2, 3, 4, 0, 5, 9};
static const int64_t features[] = {0, 1, 0, 0, 0, 1, 0, 0};
static const int64_t yes[] = {1, 3, 0, 0, 0, 5, 0, 0}, no[] = {2, 4, 0, 0, 0, 9, 0, 0};
static const int64_t missing[] = {1, 0, 0, 0, 0, 0, 0, 0};
static const float values[] = {0.5f, -0.25f, 0, 0, 0, 1, 0, 0};
static const char *const modes[] = {"BRANCH_LEQ", "BRANCH_GT", "LEAF", "LEAF",
                                    "LEAF",       "BRANCH_LT", "LEAF", "LEAF"};
static const int64_t vote_trees[] = {0, 0, 0, 0, 7, 7},
                     vote_nodes[] = {2, 3, 4, 4, 5, 9};
static const int64_t vote_targets[] = {0, 1, 0, 1, 0, 1};
static const float vote_weights[] = {1, 2, -3, 4, 0.5f, 0.25f}, base[] = {10, 20};
#define HEAD                                                                           \
    .struct_size = sizeof(regressor_attrs), .nodes_treeids = {8, trees},               \
    .nodes_nodeids = {8, ids}, .nodes_featureids = {8, features},                      \
    .nodes_truenodeids = {8, yes}, .nodes_falsenodeids = {8, no},                      \
    .nodes_missing_value_tracks_true = {8, missing}, .nodes_modes = {8, modes},        \
    .nodes_values = {8, values}, .n_targets = 2, .target_treeids = {6, vote_trees},    \
    .target_nodeids = {6, vote_nodes}, .target_ids = {6, vote_targets},                \
    .target_weights = {6, vote_weights}
static const regressor_attrs sum = {HEAD, .aggregate_function = IGI_TREE_SUM};
static const regressor_attrs average = {HEAD, .aggregate_function = IGI_TREE_AVERAGE,
                                        .base_values = {2, base}};
static const regressor_attrs least = {HEAD, .aggregate_function = IGI_TREE_MIN};
static const regressor_attrs most = {HEAD, .aggregate_function = IGI_TREE_MAX,
                                     .post_transform = IGI_POST_SOFTMAX};
#define GAPS                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(3, 2), .data = (const double[])                                    \
        {                                                                              \
            NAN, 1, 0, NAN, NAN, NAN                                                   \
        }                                                                              \
    }
#define ROWS_(name_)                                                                   \
    {                                                                                  \
        .name = #name_, .attrs = &name_, IGI_INPUTS(IGI_IN(70, 3))                     \
    }
static const ig_sample samples[] = {
    ROWS_(sum),
    ROWS_(average),
    ROWS_(least),
    ROWS_(most),
    {.name = "missing",
     .attrs = &sum,
     IGI_INPUTS(GAPS),
     .types = IG_T(FLOAT32) | IG_T(FLOAT64)},
    {.name = "vector", .attrs = &sum, IGI_INPUTS(IGI_IN(2))},
    {.name = "size_one", .attrs = &sum, IGI_INPUTS(IGI_IN(1, 2))},
    {.name = "empty", .attrs = &sum, IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(TreeEnsembleRegressor) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "TreeEnsembleRegressor",
    .since = 3,
    .doc = "Regression by decision trees.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(regressor_attrs),
    .infer = regressor_infer,
    .gradient = ig_gradient_none,
    .reference = regressor_reference,
    .samples = samples,
};
