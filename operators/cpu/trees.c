/* Ensembles of trees: built once per plan, rows split among the threads in blocks. The
 * evaluation is the reference's; what it saves is building the trees in every run. */
#include "graph/core/alloc.h"
#include "operators/common_trees.h"
#include "operators/cpu/kernel.h"

static void trees_unprepare(ig_kernel_ctx *k)
{
    if (k->state)
        igi_trees_free(k->state);
    igi_free(k->state);
    k->state = NULL;
}

static ig_status trees_prepare(ig_kernel_ctx *k, const igi_tree_op *op)
{
    size_t bytes;
    igi_trees *t = igi_calloc(1, sizeof(*t));
    if (!t)
        return IG_OUT_OF_MEMORY;
    ig_status rc = op->build(k->attrs, t);
    if (rc == IG_OK &&
        !igi_mul_size((size_t)igi_trees_scratch(t), sizeof(double), &bytes))
        rc = ig_kernel_fail(k, IG_LIMIT, "it has too many targets");
    k->state = t;
    if (rc == IG_OK)
        k->scratch_bytes = bytes;
    else
        trees_unprepare(k);
    return rc;
}

static ig_status trees_run(ig_kernel_ctx *k, int tid, int nth, const igi_tree_op *op)
{
    int64_t rows, columns, lo, hi;
    igi_ml_matrix(igi_kin(k, 0), &rows, &columns);
    ig_split(rows, 1, tid, nth, &lo, &hi);
    return igi_trees_rows(k, op, k->state, lo, hi, ig_scratch(k, tid));
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
