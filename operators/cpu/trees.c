/* Ensembles of trees: built once per plan, packed where they are of the usual kind,
 * rows split among the threads in blocks. */
#include "graph/core/alloc.h"
#include "operators/common_trees.h"
#include "operators/cpu/kernel.h"
#include "operators/cpu/trees_packed.h"

typedef struct trees_state {
    igi_trees trees;
    igi_packed_trees *packed; /* NULL: evaluated as the reference does */
} trees_state;

static void trees_unprepare(ig_kernel_ctx *k)
{
    trees_state *s = k->state;
    if (s) {
        igi_packed_trees_free(s->packed);
        igi_trees_free(&s->trees);
    }
    igi_free(s);
    k->state = NULL;
}

static ig_status trees_prepare(ig_kernel_ctx *k, const igi_tree_op *op)
{
    size_t bytes;
    trees_state *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    k->state = s;
    ig_status rc = op->build(k->attrs, &s->trees);
    if (rc == IG_OK &&
        !igi_mul_size((size_t)igi_trees_scratch(&s->trees), sizeof(double), &bytes))
        rc = ig_kernel_fail(k, IG_LIMIT, "it has too many targets");
    if (rc == IG_OK && ig_dtype_of(igi_kin(k, 0)) == IG_FLOAT32)
        rc = igi_packed_trees_new(&s->packed, &s->trees);
    if (rc == IG_OK)
        k->scratch_bytes = bytes;
    else
        trees_unprepare(k);
    return rc;
}

static ig_status trees_run(ig_kernel_ctx *k, int tid, int nth, const igi_tree_op *op)
{
    const trees_state *s = k->state;
    const ig_tensor *x = igi_kin(k, 0);
    double *scores = ig_scratch(k, tid);
    int64_t rows, columns, lo, hi;
    igi_ml_matrix(x, &rows, &columns);
    ig_split(rows, 1, tid, nth, &lo, &hi);
    if (!s->packed)
        return igi_trees_rows(k, op, &s->trees, lo, hi, scores);
    for (int64_t row = lo; row < hi; row += IGI_TREE_ROWS) {
        int64_t n = hi - row < IGI_TREE_ROWS ? hi - row : IGI_TREE_ROWS;
        const float *from = (const float *)(const void *)x->data + row * columns;
        IG_TRY(ig_poll(k));
        if (!igi_packed_trees_block(s->packed, &s->trees, from, columns, n, scores))
            igi_trees_block(&s->trees, x, row, n, scores);
        for (int64_t r = 0; r < n; r++)
            IG_TRY(op->finish(k, row + r, scores + r * s->trees.targets));
    }
    return IG_OK;
}

#define KERNEL(name_)                                                                  \
    static ig_status name_##_prepare(ig_kernel_ctx *k)                                 \
    {                                                                                  \
        return trees_prepare(k, &igi_tree_##name_);                                    \
    }                                                                                  \
    static ig_status name_##_run(ig_kernel_ctx *k, int tid, int nth)                   \
    {                                                                                  \
        return trees_run(k, tid, nth, &igi_tree_##name_);                              \
    }
KERNEL(ensemble)
KERNEL(classifier)
KERNEL(regressor)

#define ROW(op_, name_)                                                                \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "flat", .needs = IG_KERNEL_HEAVY,           \
                        .prepare = name_##_prepare, .run_team = name_##_run,           \
                        .unprepare = trees_unprepare                                   \
    }
IG_KERNELS(trees) = {
    ROW("ai.onnx.ml::TreeEnsemble", ensemble),
    ROW("ai.onnx.ml::TreeEnsembleClassifier", classifier),
    ROW("ai.onnx.ml::TreeEnsembleRegressor", regressor),
    {0},
};
