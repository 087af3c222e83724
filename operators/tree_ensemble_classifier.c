/* TreeEnsembleClassifier: the scores of the classes are the sums of the votes of the
 * leaves that a row reaches; the largest gives the label. When all votes are for one
 * class of two, its score s decides: above 1/2 if all weights are positive, above 0
 * otherwise. Votes for the first class only are meant for the second, and the first has
 * 1 - s or -s then; a single base value, which converters of gradient boosting write,
 * is added to s. */
#include "operators/common_trees.h"

typedef struct {
    uint32_t struct_size;
    uint32_t spare;
    IGI_TREE_NODES
    int64_t post_transform;
    ig_ints class_treeids, class_nodeids, class_ids, classlabels_int64s;
    ig_strings classlabels_strings;
    ig_floats class_weights, base_values;
    ig_tensor *class_weights_as_tensor, *base_values_as_tensor;
} classifier_attrs;
static const ig_attr_def attrs[] = {
    IGI_TREE_NODE_ATTRS(classifier_attrs),
    IGI_ATTR_POST(classifier_attrs),
    IG_ATTR_INTS(classifier_attrs, class_treeids, "Tree of each vote."),
    IG_ATTR_INTS(classifier_attrs, class_nodeids, "Leaf of each vote."),
    IG_ATTR_INTS(classifier_attrs, class_ids, "Class of each vote."),
    IG_ATTR_INTS(classifier_attrs, classlabels_int64s, "Labels as integers."),
    IG_ATTR_STRINGS(classifier_attrs, classlabels_strings, "Labels as strings."),
    IG_ATTR_FLOATS(classifier_attrs, class_weights, "Weight of each vote."),
    IG_ATTR_FLOATS(
        classifier_attrs,
        base_values,
        "Added at the end, one a class; one if all votes are for the first of two."),
    IG_ATTR_TENSOR(classifier_attrs, class_weights_as_tensor, "Weights as float64."),
    IG_ATTR_TENSOR(classifier_attrs, base_values_as_tensor, "Base values as float64."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Features [N, F]."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'L', "Labels [N]."),
    IG_PORT("Z", 'F', "Scores [N, classes].", .flags = IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS},
                                     {'L', IG_T(STRING) | IG_T(INT64)},
                                     {'F', IG_T(FLOAT32)},
                                     {0}};

static igi_labels labels_of(const classifier_attrs *a)
{
    return (igi_labels){a->classlabels_int64s, a->classlabels_strings};
}

static igi_reals weights_of(const classifier_attrs *a)
{
    return (igi_reals){a->class_weights, a->class_weights_as_tensor};
}

/* The one class of one or two that all votes are for, -1: there is none. */
static int64_t only_class(const classifier_attrs *a)
{
    igi_labels l = labels_of(a);
    if (igi_labels_count(&l) > 2 || a->class_ids.n == 0)
        return -1;
    for (int64_t i = 1; i < a->class_ids.n; i++)
        if (a->class_ids.v[i] != a->class_ids.v[0])
            return -1;
    return a->class_ids.v[0];
}

static int64_t scores_of(const classifier_attrs *a)
{
    igi_labels l = labels_of(a);
    return only_class(a) >= 0 ? 2 : igi_labels_count(&l);
}

static ig_status classifier_build(const void *attrs_, igi_trees *t)
{
    const classifier_attrs *a = attrs_;
    igi_labels l = labels_of(a);
    igi_tree_votes votes = {.trees = a->class_treeids,
                            .nodes = a->class_nodeids,
                            .targets = a->class_ids,
                            .weights = weights_of(a),
                            .base = {a->base_values, a->base_values_as_tensor},
                            .one_base = only_class(a) == 0};
    return igi_trees_classic(t, attrs_, &votes, igi_labels_count(&l), IGI_TREE_SUM);
}

static bool all_positive(const classifier_attrs *a)
{
    const igi_reals w = weights_of(a);
    for (int64_t i = 0; i < igi_reals_count(&w); i++)
        if (igi_reals_at(&w, i) < 0)
            return false;
    return true;
}

static ig_status classifier_finish(ig_kernel_ctx *k, int64_t row, double *scores)
{
    const classifier_attrs *a = k->attrs;
    const igi_labels l = labels_of(a);
    const igi_post post = (igi_post)a->post_transform;
    const int64_t only = only_class(a), n = scores_of(a);
    double two[2], *z = scores;
    int64_t label;
    if (only >= 0) {
        bool positive = all_positive(a);
        double s = scores[only];
        label = s > (positive ? 0.5 : 0.0);
        if (only == 0) {
            igi_post_two(post, positive, s, two);
            z = two;
        } else {
            igi_post_apply(post, scores, n);
        }
    } else {
        label = igi_ml_argmax(scores, n);
        igi_post_apply(post, scores, n);
    }
    for (int64_t i = 0; ig_out(k, 1) && i < n; i++)
        ((float *)ig_data(ig_out(k, 1)))[row * n + i] = (float)z[i];
    if (label >= igi_labels_count(&l)) /* one label: it is 1 of 0 and 1, or the only */
        label = 0;
    return igi_labels_put(k, ig_out(k, 0), row, &l, label);
}

const igi_tree_op igi_tree_classifier = {classifier_build, classifier_finish};

static ig_status classifier_infer(ig_infer *x)
{
    const igi_labels l = labels_of(x->attrs);
    int64_t rows;
    IG_TRY(igi_labels_infer(x, 0, &l));
    if (x->in[0]->rank < 0)
        return ig_infer_unknown(x, 0);
    IG_TRY(igi_trees_infer(x, &igi_tree_classifier, &rows));
    IG_TRY(ig_infer_set(x, 0, 1, &rows));
    if (x->n_out < 2 || !x->out[1])
        return IG_OK;
    return ig_infer_set(x, 1, 2, (int64_t[]){rows, scores_of(x->attrs)});
}

static ig_status classifier_reference(ig_kernel_ctx *k)
{
    return igi_trees_reference(k, &igi_tree_classifier);
}

static const int64_t trees[] = {0, 0, 0, 1, 1, 1}, ids[] = {0, 1, 2, 0, 1, 2};
static const int64_t features[] = {0, 0, 0, 1, 0, 0};
static const int64_t yes[] = {1, 0, 0, 1, 0, 0}, no[] = {2, 0, 0, 2, 0, 0};
static const float values[] = {0.5f, 0, 0, -0.25f, 0, 0};
static const char *const modes[] = {"BRANCH_LEQ", "LEAF", "LEAF",
                                    "BRANCH_GTE", "LEAF", "LEAF"};
static const int64_t vote_trees[] = {0, 0, 1, 1}, vote_nodes[] = {1, 2, 1, 2};
static const int64_t classes[] = {0, 2, 1, 2}, ones[] = {1, 1, 1, 1}, zeros[4];
static const float weights[] = {0.25f, 0.5f, 0.75f, 0.125f};
static const float signed_weights[] = {0.25f, -0.5f, 0.75f, -1}, base[] = {0.1f, 0, 0};
static const int64_t labels[] = {4, 5, 6};
static const char *const names[] = {"no", "yes"};
#define HEAD                                                                           \
    .struct_size = sizeof(classifier_attrs), .nodes_treeids = {6, trees},              \
    .nodes_nodeids = {6, ids}, .nodes_featureids = {6, features},                      \
    .nodes_truenodeids = {6, yes}, .nodes_falsenodeids = {6, no},                      \
    .nodes_modes = {6, modes}, .nodes_values = {6, values},                            \
    .class_treeids = {4, vote_trees}, .class_nodeids = {4, vote_nodes}
static const classifier_attrs three = {
    HEAD, .class_ids = {4, classes}, .class_weights = {4, weights},
    .base_values = {3, base}, .classlabels_int64s = {3, labels}};
static const classifier_attrs three_soft = {
    HEAD, .post_transform = IGI_POST_SOFTMAX, .class_ids = {4, classes},
    .class_weights = {4, signed_weights}, .classlabels_int64s = {3, labels}};
static const classifier_attrs two = {HEAD, .class_ids = {4, ones},
                                     .class_weights = {4, weights},
                                     .classlabels_strings = {2, names}};
static const classifier_attrs two_logistic = {
    HEAD, .post_transform = IGI_POST_LOGISTIC, .class_ids = {4, ones},
    .class_weights = {4, signed_weights}, .classlabels_int64s = {2, labels}};
static const classifier_attrs two_base = {HEAD,
                                          .post_transform = IGI_POST_LOGISTIC,
                                          .class_ids = {4, zeros},
                                          .class_weights = {4, signed_weights},
                                          .base_values = {1, base},
                                          .classlabels_int64s = {2, labels}};
#define ROWS_(name_)                                                                   \
    {                                                                                  \
        .name = #name_, .attrs = &name_, .n_out = 2, IGI_INPUTS(IGI_IN(9, 2))          \
    }
static const ig_sample samples[] = {
    ROWS_(three),
    ROWS_(three_soft),
    ROWS_(two),
    ROWS_(two_logistic),
    ROWS_(two_base),
    {.name = "vector", .attrs = &three, .n_out = 2, IGI_INPUTS(IGI_IN(2))},
    {.name = "size_one", .attrs = &two, .n_out = 2, IGI_INPUTS(IGI_IN(1, 2))},
    {.name = "empty", .attrs = &two, .n_out = 2, IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(TreeEnsembleClassifier) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "TreeEnsembleClassifier",
    .since = 3,
    .doc = "Labels and scores by decision trees.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(classifier_attrs),
    .flags = IG_OP_UNRANKED,
    .infer = classifier_infer,
    .gradient = ig_gradient_none,
    .reference = classifier_reference,
    .samples = samples,
};
