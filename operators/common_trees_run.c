// Evaluation of ensembles: blocks of rows, all of which pass a tree while its nodes are
// in the cache.

#include "operators/common_float.h"
#include "operators/common_trees.h"

static bool is_member(const igi_trees *t, const igi_tree_node *n, double v)
{
    for (int32_t i = n->members; i < n->members + n->n_members; i++)
        if (!(t->members[i] < v || t->members[i] > v))
            return true;
    return false;
}

static bool holds(const igi_trees *t, const igi_tree_node *n, double v)
{
    if (isnan(v))
        return n->missing;
    switch ((igi_tree_mode)n->mode) {
    case IGI_TREE_LEQ:
        return v <= n->value;
    case IGI_TREE_LT:
        return v < n->value;
    case IGI_TREE_GTE:
        return v >= n->value;
    case IGI_TREE_GT:
        return v > n->value;
    case IGI_TREE_EQ:
        return v >= n->value && v <= n->value;
    case IGI_TREE_NEQ:
        return v < n->value || v > n->value;
    default:
        return is_member(t, n, v);
    }
}

/* The element types of features, as igi_load has them for floats. */
IGI_INLINE double feature(ig_dtype T, const void *x, int64_t i)
{
    if (T == IG_INT64)
        return (double)((const int64_t *)x)[i];
    if (T == IG_INT32)
        return (double)((const int32_t *)x)[i];
    return igi_load(T, x, i);
}

IGI_INLINE int32_t
descend(ig_dtype T, const igi_trees *t, int32_t at, const void *x, int64_t row)
{
    while (at >= 0) {
        const igi_tree_node *n = &t->nodes[at];
        double v = feature(T, x, row + n->feature);
        if (n->mode == IGI_TREE_LEQ && !isnan(v)) /* nearly all nodes */
            at = n->next[v <= n->value];
        else
            at = n->next[holds(t, n, v)];
    }
    return ~at;
}

/* `any` says which scores have a vote yet, for minima and maxima. */
static void vote(const igi_trees *t, int32_t leaf, double *scores, double *any)
{
    const igi_tree_leaf *l = &t->leaves[leaf];
    for (int32_t i = l->first; i < l->first + l->n; i++) {
        const igi_tree_vote *v = &t->votes[i];
        double *s = &scores[v->target];
        bool first = any[v->target] <= 0;
        any[v->target] = 1;
        if (t->aggregate == IGI_TREE_MIN)
            *s = first || v->weight < *s ? v->weight : *s;
        else if (t->aggregate == IGI_TREE_MAX)
            *s = first || v->weight > *s ? v->weight : *s;
        else
            *s += v->weight;
    }
}

IGI_INLINE void run_block(ig_dtype T,
                          const igi_trees *t,
                          const void *x,
                          int64_t ld,
                          int64_t row,
                          int64_t n,
                          double *scratch)
{
    double *any = scratch + n * t->targets;
    for (int64_t tree = 0; tree < t->n_roots; tree++)
        for (int64_t r = 0; r < n; r++)
            vote(t, descend(T, t, t->roots[tree], x, (row + r) * ld),
                 scratch + r * t->targets, any + r * t->targets);
}

void igi_trees_settle(const igi_trees *t, int64_t n, double *scores)
{
    for (int64_t i = 0; i < n * t->targets; i++) {
        if (t->aggregate == IGI_TREE_AVERAGE && t->n_roots)
            scores[i] /= (double)t->n_roots;
        if (t->has_base)
            scores[i] += t->base[i % t->targets];
    }
}

void igi_trees_block(
    const igi_trees *t, const ig_tensor *x, int64_t row, int64_t n, double *scratch)
{
    int64_t rows, ld;
    const void *p = ig_data(x);
    igi_ml_matrix(x, &rows, &ld);
    memset(scratch, 0, (size_t)(2 * n * t->targets) * sizeof(*scratch));
    switch (ig_dtype_of(x)) {
    case IG_FLOAT64:
        run_block(IG_FLOAT64, t, p, ld, row, n, scratch);
        break;
    case IG_FLOAT16:
        run_block(IG_FLOAT16, t, p, ld, row, n, scratch);
        break;
    case IG_INT64:
        run_block(IG_INT64, t, p, ld, row, n, scratch);
        break;
    case IG_INT32:
        run_block(IG_INT32, t, p, ld, row, n, scratch);
        break;
    default:
        run_block(IG_FLOAT32, t, p, ld, row, n, scratch);
        break;
    }
    igi_trees_settle(t, n, scratch);
}

ig_status igi_trees_rows(ig_kernel_ctx *k,
                         const igi_tree_op *op,
                         const igi_trees *t,
                         int64_t lo,
                         int64_t hi,
                         double *scratch)
{
    for (int64_t row = lo; row < hi; row += IGI_TREE_ROWS) {
        int64_t n = hi - row < IGI_TREE_ROWS ? hi - row : IGI_TREE_ROWS;
        IG_TRY(ig_poll(k));
        igi_trees_block(t, ig_in(k, 0), row, n, scratch);
        for (int64_t r = 0; r < n; r++)
            IG_TRY(op->finish(k, row + r, scratch + r * t->targets));
    }
    return IG_OK;
}

ig_status igi_trees_reference(ig_kernel_ctx *k, const igi_tree_op *op)
{
    igi_trees t;
    int64_t rows, columns;
    igi_ml_matrix(ig_in(k, 0), &rows, &columns);
    IG_TRY(op->build(k->attrs, &t));
    double *scratch = igi_ml_alloc(igi_trees_scratch(&t));
    ig_status rc = scratch ? IG_OK : IG_OUT_OF_MEMORY;
    for (int64_t row = 0; rc == IG_OK && row < rows; row += IGI_TREE_ROWS) {
        int64_t end = rows - row < IGI_TREE_ROWS ? rows : row + IGI_TREE_ROWS;
        rc = igi_trees_rows(k, op, &t, row, end, scratch);
    }
    igi_ml_free(scratch);
    igi_trees_free(&t);
    return rc;
}

ig_status igi_trees_infer(ig_infer *x, const igi_tree_op *op, int64_t *rows)
{
    igi_trees t;
    int64_t columns;
    IG_TRY(igi_ml_infer_matrix(x, 0, rows, &columns));
    ig_status rc = op->build(x->attrs, &t);
    if (rc != IG_OK) {
        (void)ig_fail_context("%s", x->op->name);
        return rc;
    }
    const int64_t needed = t.features;
    igi_trees_free(&t);
    if (columns >= 0 && columns < needed)
        return ig_infer_fail(x, "the trees look at %lld features, X has %lld",
                             (long long)needed, (long long)columns);
    return IG_OK;
}
