/* Packed ensembles: building and evaluation; see trees_packed.h. */
#include "operators/cpu/trees_packed.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "graph/core/alloc.h"

#define LANES 8 /* descents at a time: each waits for memory, all wait together */

typedef struct node {
    float bound;     /* the first child when the feature is at most this */
    int32_t feature; /* leaf: any */
    int32_t child;   /* the first of two; leaf: itself */
} node;

typedef struct ballot {
    double weight;
    int64_t target;
} ballot;

struct igi_packed_trees {
    node *nodes;
    ballot *ballots; /* of leaves, by node */
    int32_t *roots;
    int32_t n_nodes;
};

/* ---- building ---- */

static bool is_plain(const igi_trees *t)
{
    if ((t->aggregate != IGI_TREE_SUM && t->aggregate != IGI_TREE_AVERAGE) ||
        t->n_nodes > INT32_MAX / 4 || t->n_leaves > INT32_MAX / 4 || !t->features)
        return false;
    for (int64_t i = 0; i < t->n_nodes; i++)
        if (t->nodes[i].mode > IGI_TREE_GT || isnan(t->nodes[i].value) ||
            t->nodes[i].value <= -(double)INFINITY) /* nothing lies below */
            return false;
    for (int64_t i = 0; i < t->n_leaves; i++)
        if (t->leaves[i].n > 1)
            return false;
    return true;
}

/* The largest float that is at most v, or less than v. */
static float float_below(double v, bool less)
{
    float f = v > FLT_MAX ? INFINITY : v < -FLT_MAX ? -INFINITY : (float)v;
    if ((double)f > v || (less && (double)f >= v))
        f = nextafterf(f, -INFINITY);
    return f;
}

static void
put(igi_packed_trees *p, const igi_trees *t, int32_t at, int32_t from, int32_t *to)
{
    if (from < 0) {
        const igi_tree_leaf *leaf = &t->leaves[~from];
        const igi_tree_vote none = {0}, *v = leaf->n ? &t->votes[leaf->first] : &none;
        p->nodes[at] = (node){INFINITY, 0, at};
        p->ballots[at] = (ballot){v->weight, v->target};
        return;
    }
    const igi_tree_node *n = &t->nodes[from];
    bool turned = n->mode == IGI_TREE_GTE || n->mode == IGI_TREE_GT;
    bool less = n->mode == IGI_TREE_LT || n->mode == IGI_TREE_GTE;
    p->nodes[at] = (node){float_below(n->value, less), n->feature, p->n_nodes};
    to[p->n_nodes++] = n->next[!turned];
    to[p->n_nodes++] = n->next[turned];
}

/* Breadth first: from[i] is what packed node i stands for. Nodes that two parents share
 * are copied, so the count has a bound of its own. */
static bool fill(igi_packed_trees *p, const igi_trees *t, int32_t *from, int64_t most)
{
    for (int64_t tree = 0; tree < t->n_roots; tree++) {
        int32_t at = p->n_nodes;
        if (at >= most)
            return false;
        p->roots[tree] = at;
        from[p->n_nodes++] = t->roots[tree];
        for (; at < p->n_nodes; at++) {
            if (p->n_nodes > most - 2)
                return false;
            put(p, t, at, from[at], from);
        }
    }
    return true;
}

ig_status igi_packed_trees_new(igi_packed_trees **out, const igi_trees *t)
{
    *out = NULL;
    if (!is_plain(t))
        return IG_OK;
    size_t most = (size_t)(t->n_nodes + t->n_leaves + t->n_roots) + 2;
    igi_packed_trees *p = igi_calloc(1, sizeof(*p));
    int32_t *from = igi_alloc_array(most, sizeof(*from));
    if (p) {
        p->nodes = igi_alloc_array(most, sizeof(*p->nodes));
        p->ballots = igi_alloc_array(most, sizeof(*p->ballots));
        p->roots = igi_alloc_array((size_t)t->n_roots + 1, sizeof(*p->roots));
    }
    bool room = p && from && p->nodes && p->ballots && p->roots;
    if (room && fill(p, t, from, (int64_t)most))
        *out = p;
    else
        igi_packed_trees_free(p);
    igi_free(from);
    return room ? IG_OK : IG_OUT_OF_MEMORY;
}

void igi_packed_trees_free(igi_packed_trees *p)
{
    if (!p)
        return;
    igi_free(p->nodes);
    igi_free(p->ballots);
    igi_free(p->roots);
    igi_free(p);
}

/* ---- evaluation ---- */

/* From at[i] to a leaf, each lane over its own row. */
static inline void
descend(const node *nodes, int lanes, int32_t *at, const float *const *x)
{
    int32_t moved;
    do {
        moved = 0;
        for (int i = 0; i < lanes; i++) {
            const node *n = &nodes[at[i]];
            int32_t to = n->child + !(x[i][n->feature] <= n->bound);
            moved |= to ^ at[i];
            at[i] = to;
        }
    } while (moved);
}

static void count(const igi_packed_trees *p, int32_t at, double *scores)
{
    scores[p->ballots[at].target] += p->ballots[at].weight;
}

/* One row: lanes over trees. */
static void
run_row(const igi_packed_trees *p, const igi_trees *t, const float *x, double *scores)
{
    const float *const rows[LANES] = {x, x, x, x, x, x, x, x};
    int32_t at[LANES];
    for (int64_t tree = 0; tree < t->n_roots; tree += LANES) {
        int lanes = t->n_roots - tree < LANES ? (int)(t->n_roots - tree) : LANES;
        memcpy(at, p->roots + tree, (size_t)lanes * sizeof(*at));
        if (lanes == LANES)
            descend(p->nodes, LANES, at, rows);
        else
            descend(p->nodes, lanes, at, rows);
        for (int i = 0; i < lanes; i++)
            count(p, at[i], scores);
    }
}

/* Up to LANES rows on one tree. */
static void run_rows(const igi_packed_trees *p,
                     const igi_trees *t,
                     int32_t root,
                     const float *const *rows,
                     int n,
                     double *scores)
{
    int32_t at[LANES];
    for (int i = 0; i < n; i++)
        at[i] = root;
    if (n == LANES)
        descend(p->nodes, LANES, at, rows);
    else
        descend(p->nodes, n, at, rows);
    for (int i = 0; i < n; i++)
        count(p, at[i], scores + i * t->targets);
}

static bool any_nan(const float *x, int64_t n)
{
    int bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad |= x[i] != x[i];
    return bad;
}

bool igi_packed_trees_block(const igi_packed_trees *p,
                            const igi_trees *t,
                            const float *x,
                            int64_t columns,
                            int64_t n,
                            double *scores)
{
    const float *rows[IGI_TREE_ROWS];
    if (any_nan(x, n * columns))
        return false;
    memset(scores, 0, (size_t)(n * t->targets) * sizeof(*scores));
    for (int64_t r = 0; r < n; r++)
        rows[r] = x + r * columns;
    if (n < LANES / 2) {
        for (int64_t r = 0; r < n; r++)
            run_row(p, t, rows[r], scores + r * t->targets);
    } else {
        for (int64_t tree = 0; tree < t->n_roots; tree++)
            for (int64_t r = 0; r < n; r += LANES)
                run_rows(p, t, p->roots[tree], rows + r,
                         n - r < LANES ? (int)(n - r) : LANES, scores + r * t->targets);
    }
    igi_trees_settle(t, n, scores);
    return true;
}
