/* Trees from hostile files: whatever is wrong is an error, and nothing runs for ever.
 */
#include "operators/common_trees.h"
#include "tests/operators/op_graph.h"

/* One tree: node 0 splits into leaves 1 and 2, which vote for targets 0 and 1. */
typedef struct {
    int64_t trees[3], ids[3], features[3], yes[3], no[3];
    const char *modes[3];
    float values[3];
    int64_t vote_trees[2], vote_nodes[2], targets[2];
    float weights[2], base[2];
    int64_t n_base;
    bool one_base;
} file;

static const file sound = {.ids = {0, 1, 2},
                           .features = {1, 0, 0},
                           .yes = {1, 0, 0},
                           .no = {2, 0, 0},
                           .modes = {"BRANCH_LEQ", "LEAF", "LEAF"},
                           .vote_nodes = {1, 2},
                           .targets = {0, 1},
                           .weights = {3, 5}};

static ig_status build(const file *f, igi_trees *t)
{
    igi_tree_attrs a = {.struct_size = sizeof(a),
                        .nodes_treeids = {3, f->trees},
                        .nodes_nodeids = {3, f->ids},
                        .nodes_featureids = {3, f->features},
                        .nodes_truenodeids = {3, f->yes},
                        .nodes_falsenodeids = {3, f->no},
                        .nodes_modes = {3, f->modes},
                        .nodes_values = {3, f->values}};
    igi_tree_votes v = {.trees = {2, f->vote_trees},
                        .nodes = {2, f->vote_nodes},
                        .targets = {2, f->targets},
                        .weights.list = {2, f->weights},
                        .base.list = {f->n_base, f->n_base ? f->base : NULL},
                        .one_base = f->one_base};
    return igi_trees_classic(t, &a, &v, 2, IGI_TREE_SUM);
}

static void expect_refused(const file *f, const char *text)
{
    igi_trees t;
    assert_int_equal(build(f, &t), IG_INVALID_ARGUMENT);
    if (!strstr(ig_error_message(), text))
        fail_msg("'%s' lacks '%s'", ig_error_message(), text);
    assert_null(t.block);
}

static void a_sound_tree_votes(void **state)
{
    (void)state;
    igi_trees t;
    ig_tensor *x = NULL;
    const double rows[] = {9, 0, 9, 0.5};
    double scratch[4 * 2 * 2];
    assert_int_equal(build(&sound, &t), IG_OK);
    assert_int_equal(t.features, 2);
    assert_int_equal(
        ig_tensor_new_copy(&x, IG_FLOAT64, 2, (int64_t[]){2, 2}, rows, sizeof(rows)),
        IG_OK);
    igi_trees_block(&t, x, 0, 2, scratch);
    assert_true(scratch[0] == 3 && scratch[1] == 0 && scratch[2] == 0 &&
                scratch[3] == 5);
    ig_tensor_unref(x);
    igi_trees_free(&t);
}

/* As scikit-learn's and XGBoost's binary classifiers come: votes for class 0 alone, one
 * base value. */
static void one_base_value_belongs_to_the_only_target(void **state)
{
    (void)state;
    igi_trees t;
    file f = sound;
    f.targets[1] = 0, f.n_base = 1, f.base[0] = 0.5f, f.one_base = true;
    assert_int_equal(build(&f, &t), IG_OK);
    double scores[] = {3, 0};
    igi_trees_settle(&t, 1, scores);
    assert_true(scores[0] == 3.5 && scores[1] == 0);
    igi_trees_free(&t);
}

static void damaged_trees_are_refused(void **state)
{
    (void)state;
    file f = sound;
    f.modes[1] = "BRANCH_LT", f.yes[1] = 0, f.no[1] = 2;
    expect_refused(&f, "leads back to itself");
    f = sound, f.yes[0] = 0;
    expect_refused(&f, "leads back to itself");
    f = sound, f.no[0] = 7;
    expect_refused(&f, "leads to node 7, which is not there");
    f = sound, f.no[0] = INT64_MIN;
    expect_refused(&f, "which is not there");
    f = sound, f.ids[2] = 1;
    expect_refused(&f, "there twice");
    f = sound, f.features[0] = -1;
    expect_refused(&f, "nodes_featureids[0] is -1");
    f = sound, f.features[0] = INT64_MAX;
    expect_refused(&f, "nodes_featureids[0]");
    f = sound, f.modes[0] = "BRANCH_UP";
    expect_refused(&f, "'BRANCH_UP', which is no mode");
    f = sound, f.targets[1] = 2;
    expect_refused(&f, "target 2, not in 0..1");
    f = sound, f.targets[1] = -1;
    expect_refused(&f, "target -1");
    f = sound, f.vote_trees[0] = 4;
    expect_refused(&f, "of tree 4, which is not there");
    f = sound, f.n_base = 1;
    expect_refused(&f, "1 base values for 2 targets");
}

/* As deep as there are nodes: neither checking nor running may use the stack. */
static void a_tree_of_a_hundred_thousand_levels_ends(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    igi_trees t;
    const float zero = 0;
    const int64_t dims[2] = {1, 1};
    ig_tensor *x = NULL;
    double scratch[2];
    assert_int_equal(igi_trees_new(&t, DEPTH, 1, 1, 1, 0), IG_OK);
    t.targets = 1;
    t.leaves[0].n = 1;
    t.votes[0].weight = 2;
    for (int32_t i = 0; i < DEPTH; i++)
        t.nodes[i].next[0] = t.nodes[i].next[1] = i + 1 < DEPTH ? i + 1 : ~0;
    assert_int_equal(igi_trees_check(&t), IG_OK);
    assert_int_equal(ig_tensor_new_copy(&x, IG_FLOAT32, 2, dims, &zero, sizeof(zero)),
                     IG_OK);
    igi_trees_block(&t, x, 0, 1, scratch);
    assert_true(scratch[0] == 2);
    t.nodes[DEPTH - 1].next[1] = DEPTH / 2;
    assert_int_equal(igi_trees_check(&t), IG_INVALID_ARGUMENT);
    ig_tensor_unref(x);
    igi_trees_free(&t);
}

#define TEST(name_)                                                                    \
    cmocka_unit_test_setup_teardown(name_, op_graph_setup, op_graph_teardown)
IG_TESTS(TEST(a_sound_tree_votes),
         TEST(one_base_value_belongs_to_the_only_target),
         TEST(damaged_trees_are_refused),
         TEST(a_tree_of_a_hundred_thousand_levels_ends))
