// Building and checking ensembles of trees, and running them.

#include "operators/common_trees.h"

#include <inttypes.h>

#include "graph/core/alloc.h"

/* ---- memory ---- */

static bool part(size_t *total, size_t *at, int64_t n, size_t size)
{
    size_t bytes;
    *at = *total;
    return n >= 0 && n < INT32_MAX && igi_mul_size((size_t)n + 1, size, &bytes) &&
           igi_round_up(bytes, 16, &bytes) && igi_add_size(*total, bytes, total);
}

ig_status igi_trees_new(igi_trees *t,
                        int64_t nodes,
                        int64_t leaves,
                        int64_t votes,
                        int64_t roots,
                        int64_t members)
{
    size_t total = 0, at[6];
    *t = (igi_trees){.n_nodes = nodes,
                     .n_leaves = leaves,
                     .n_votes = votes,
                     .n_roots = roots,
                     .n_members = members};
    if (!part(&total, &at[0], nodes, sizeof(*t->nodes)) ||
        !part(&total, &at[1], leaves, sizeof(*t->leaves)) ||
        !part(&total, &at[2], votes, sizeof(*t->votes)) ||
        !part(&total, &at[3], roots, sizeof(*t->roots)) ||
        !part(&total, &at[4], members, sizeof(*t->members)))
        return ig_fail(IG_LIMIT, "the trees are too large");
    char *block = t->block = igi_calloc(1, total);
    if (!block)
        return IG_OUT_OF_MEMORY;
    t->nodes = (igi_tree_node *)(void *)(block + at[0]);
    t->leaves = (igi_tree_leaf *)(void *)(block + at[1]);
    t->votes = (igi_tree_vote *)(void *)(block + at[2]);
    t->roots = (int32_t *)(void *)(block + at[3]);
    t->members = (double *)(void *)(block + at[4]);
    return IG_OK;
}

void igi_trees_free(igi_trees *t)
{
    igi_free(t->block);
    igi_free(t->base);
    *t = (igi_trees){0};
}

/* ---- checks ---- */

static bool leads_somewhere(const igi_trees *t, int32_t next)
{
    return next >= 0 ? next < t->n_nodes : ~next < t->n_leaves;
}

static ig_status check_indices(igi_trees *t)
{
    for (int64_t i = 0; i < t->n_nodes; i++) {
        const igi_tree_node *n = &t->nodes[i];
        if (!leads_somewhere(t, n->next[0]) || !leads_somewhere(t, n->next[1]))
            return ig_fail(IG_INVALID_ARGUMENT,
                           "tree node %" PRId64 " leads to a node that is not there",
                           i);
        if (n->feature < 0)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "tree node %" PRId64 " looks at feature %d", i, n->feature);
        if (n->feature >= t->features)
            t->features = (int64_t)n->feature + 1;
    }
    for (int64_t i = 0; i < t->n_roots; i++)
        if (!leads_somewhere(t, t->roots[i]))
            return ig_fail(IG_INVALID_ARGUMENT, "root %" PRId64 " is not there", i);
    for (int64_t i = 0; i < t->n_votes; i++)
        if (t->votes[i].target < 0 || t->votes[i].target >= t->targets)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "vote %" PRId64 " is for target %d, not in 0..%" PRId64, i,
                           t->votes[i].target, t->targets - 1);
    return IG_OK;
}

/* Depth first: `seen` is 0 for new nodes, 1 for those on the way down, 2 for finished
 * ones. The stack holds each node on the way, so n entries do. */
static bool has_cycle(const igi_trees *t, uint8_t *seen, int32_t *stack)
{
    for (int32_t i = 0; i < t->n_nodes; i++) {
        int64_t depth = 0;
        if (seen[i])
            continue;
        stack[depth++] = i;
        seen[i] = 1;
        while (depth > 0) {
            const igi_tree_node *n = &t->nodes[stack[depth - 1]];
            int32_t down = -1;
            for (int s = 0; s < 2; s++) {
                if (n->next[s] >= 0 && seen[n->next[s]] == 1)
                    return true;
                if (n->next[s] >= 0 && !seen[n->next[s]])
                    down = n->next[s];
            }
            if (down < 0) {
                seen[stack[--depth]] = 2;
            } else {
                seen[down] = 1;
                stack[depth++] = down;
            }
        }
    }
    return false;
}

ig_status igi_trees_check(igi_trees *t)
{
    t->features = 0;
    IG_TRY(check_indices(t));
    uint8_t *seen = igi_calloc((size_t)t->n_nodes + 1, 1);
    int32_t *stack = igi_alloc_array((size_t)t->n_nodes + 1, sizeof(*stack));
    ig_status rc = seen && stack ? IG_OK : IG_OUT_OF_MEMORY;
    if (rc == IG_OK && has_cycle(t, seen, stack))
        rc = ig_fail(IG_INVALID_ARGUMENT, "a tree node leads back to itself");
    igi_free(seen);
    igi_free(stack);
    return rc;
}

/* ---- the older two operators ---- */

int64_t igi_reals_count(const igi_reals *r)
{
    return r->list.v ? r->list.n : r->tensor ? ig_numel(r->tensor) : 0;
}

double igi_reals_at(const igi_reals *r, int64_t i)
{
    return r->list.v ? (double)r->list.v[i] : igi_ml_at(r->tensor, i);
}

/* (tree, node) pairs in order, so that ids can be any numbers. */
typedef struct {
    int64_t tree, node;
    int32_t at;
} key;

static int compare_keys(const key *a, const key *b)
{
    if (a->tree != b->tree)
        return a->tree < b->tree ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

static void sift(key *k, int64_t root, int64_t n)
{
    for (int64_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && compare_keys(&k[child], &k[child + 1]) < 0)
            child++;
        if (compare_keys(&k[root], &k[child]) >= 0)
            return;
        key swap = k[root];
        k[root] = k[child];
        k[child] = swap;
    }
}

static void sort(key *k, int64_t n) /* a heap: no worst case */
{
    for (int64_t i = n / 2; i-- > 0;)
        sift(k, i, n);
    for (int64_t i = n; i-- > 1;) {
        key swap = k[0];
        k[0] = k[i];
        k[i] = swap;
        sift(k, 0, i);
    }
}

/* The place of a node in the attributes, -1: there is none. */
static int32_t find(const key *k, int64_t n, int64_t tree, int64_t node)
{
    const key want = {tree, node, 0};
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (compare_keys(&k[mid], &want) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && compare_keys(&k[lo], &want) == 0 ? k[lo].at : -1;
}

static int mode_of(const char *name) /* -1: LEAF, -2: none */
{
    static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                        "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
    for (int i = 0; i < IGI_TREE_MEMBER; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return strcmp(name, "LEAF") == 0 ? -1 : -2;
}

static ig_status check_lengths(const igi_tree_attrs *a, const igi_tree_votes *v)
{
    const igi_reals values = {a->nodes_values, a->nodes_values_as_tensor};
    const int64_t n = a->nodes_treeids.n, m = v->trees.n;
    const ig_ints *missing = &a->nodes_missing_value_tracks_true;
    if (a->nodes_nodeids.n != n || a->nodes_featureids.n != n ||
        a->nodes_truenodeids.n != n || a->nodes_falsenodeids.n != n ||
        a->nodes_modes.n != n || igi_reals_count(&values) != n ||
        (missing->v && missing->n && missing->n != n))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the nodes_ attributes must all have one length, that of "
                       "nodes_treeids is %" PRId64,
                       n);
    if (v->nodes.n != m || v->targets.n != m || igi_reals_count(&v->weights) != m)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the attributes of votes must all have one length, that of "
                       "their tree ids is %" PRId64,
                       m);
    return IG_OK;
}

/* Every node of the attributes is a leaf or a node; both keep their number. */
static ig_status fill_nodes(igi_trees *t, const igi_tree_attrs *a, const key *keys)
{
    const igi_reals values = {a->nodes_values, a->nodes_values_as_tensor};
    const int64_t n = t->n_nodes;
    const ig_ints *missing = &a->nodes_missing_value_tracks_true;
    const ig_ints *next[2] = {&a->nodes_falsenodeids, &a->nodes_truenodeids};
    for (int64_t i = 0; i < n; i++) {
        igi_tree_node *node = &t->nodes[i];
        int mode = mode_of(a->nodes_modes.v[i]);
        if (mode == -2)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "nodes_modes[%" PRId64 "] is '%s', which is no mode", i,
                           a->nodes_modes.v[i]);
        *node = (igi_tree_node){.value = igi_reals_at(&values, i),
                                .next = {~(int32_t)i, ~(int32_t)i},
                                .missing = missing->n && missing->v[i] != 0,
                                .mode = (uint8_t)(mode < 0 ? 0 : mode)};
        if (mode < 0)
            continue;
        if (a->nodes_featureids.v[i] < 0 || a->nodes_featureids.v[i] >= INT32_MAX)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "nodes_featureids[%" PRId64 "] is %" PRId64, i,
                           a->nodes_featureids.v[i]);
        node->feature = (int32_t)a->nodes_featureids.v[i];
        for (int s = 0; s < 2; s++) {
            int32_t to = find(keys, n, a->nodes_treeids.v[i], next[s]->v[i]);
            if (to < 0)
                return ig_fail(IG_INVALID_ARGUMENT,
                               "node %" PRId64 " of tree %" PRId64
                               " leads to node %" PRId64 ", which is not there",
                               a->nodes_nodeids.v[i], a->nodes_treeids.v[i],
                               next[s]->v[i]);
            node->next[s] = mode_of(a->nodes_modes.v[to]) == -1 ? ~to : to;
        }
    }
    return IG_OK;
}

/* The root of a tree is its first node. */
static void fill_roots(igi_trees *t, const igi_tree_attrs *a, const key *keys)
{
    t->n_roots = 0;
    for (int64_t i = 0; i < t->n_nodes; i++) {
        if (i > 0 && keys[i].tree == keys[i - 1].tree)
            continue;
        int32_t first = keys[i].at;
        for (int64_t j = i; j < t->n_nodes && keys[j].tree == keys[i].tree; j++)
            first = keys[j].at < first ? keys[j].at : first;
        t->roots[t->n_roots++] =
            mode_of(a->nodes_modes.v[first]) == -1 ? ~first : first;
    }
}

/* Votes grouped by leaf: counted, then placed. */
static ig_status fill_votes(igi_trees *t, const igi_tree_votes *v, const key *keys)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < t->n_votes; i++) {
            int32_t leaf = find(keys, t->n_nodes, v->trees.v[i], v->nodes.v[i]);
            if (leaf < 0)
                return ig_fail(IG_INVALID_ARGUMENT,
                               "vote %" PRId64 " is of node %" PRId64
                               " of tree %" PRId64 ", which is not there",
                               i, v->nodes.v[i], v->trees.v[i]);
            if (v->targets.v[i] < 0 || v->targets.v[i] >= t->targets)
                return ig_fail(IG_INVALID_ARGUMENT,
                               "vote %" PRId64 " is for target %" PRId64
                               ", not in 0..%" PRId64,
                               i, v->targets.v[i], t->targets - 1);
            igi_tree_leaf *l = &t->leaves[leaf];
            if (pass)
                t->votes[l->first + l->n] =
                    (igi_tree_vote){.weight = igi_reals_at(&v->weights, i),
                                    .target = (int32_t)v->targets.v[i]};
            l->n++;
        }
        int32_t first = 0;
        for (int64_t i = 0; !pass && i < t->n_leaves; i++) {
            t->leaves[i].first = first;
            first += t->leaves[i].n;
            t->leaves[i].n = 0;
        }
    }
    return IG_OK;
}

static ig_status fill_base(igi_trees *t, const igi_tree_votes *v)
{
    const igi_reals *base = &v->base;
    int64_t n = igi_reals_count(base);
    const bool single = n == 1 && v->one_base;
    if (n == 0)
        return IG_OK;
    if (n != t->targets && !single)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%" PRId64 " base values for %" PRId64 " targets", n,
                       t->targets);
    t->base = igi_calloc((size_t)t->targets, sizeof(*t->base));
    if (!t->base)
        return IG_OUT_OF_MEMORY;
    for (int64_t i = 0; i < n; i++)
        t->base[i] = igi_reals_at(base, i);
    t->has_base = true;
    return IG_OK;
}

static ig_status fill(igi_trees *t, const igi_tree_attrs *a, const igi_tree_votes *v)
{
    key *keys = igi_alloc_array((size_t)t->n_nodes + 1, sizeof(*keys));
    if (!keys)
        return IG_OUT_OF_MEMORY;
    for (int64_t i = 0; i < t->n_nodes; i++)
        keys[i] = (key){a->nodes_treeids.v[i], a->nodes_nodeids.v[i], (int32_t)i};
    sort(keys, t->n_nodes);
    ig_status rc = IG_OK;
    for (int64_t i = 1; rc == IG_OK && i < t->n_nodes; i++)
        if (compare_keys(&keys[i - 1], &keys[i]) == 0)
            rc = ig_fail(IG_INVALID_ARGUMENT,
                         "node %" PRId64 " of tree %" PRId64 " is there twice",
                         keys[i].node, keys[i].tree);
    if (rc == IG_OK)
        rc = fill_nodes(t, a, keys);
    if (rc == IG_OK)
        rc = fill_votes(t, v, keys);
    if (rc == IG_OK)
        rc = fill_base(t, v);
    if (rc == IG_OK)
        fill_roots(t, a, keys);
    igi_free(keys);
    return rc == IG_OK ? igi_trees_check(t) : rc;
}

ig_status igi_trees_classic(igi_trees *t,
                            const igi_tree_attrs *nodes,
                            const igi_tree_votes *votes,
                            int64_t targets,
                            igi_tree_aggregate aggregate)
{
    const int64_t n = nodes->nodes_treeids.n;
    *t = (igi_trees){0};
    IG_TRY(check_lengths(nodes, votes));
    IG_TRY(igi_trees_new(t, n, n, votes->trees.n, n, 0));
    t->targets = targets;
    t->aggregate = aggregate;
    ig_status rc = fill(t, nodes, votes);
    if (rc != IG_OK)
        igi_trees_free(t);
    return rc;
}
