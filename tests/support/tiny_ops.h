/* A dozen tiny operators for tests of layers below `operators/`: one of each shape that
 * the runtime must serve. All compute on float32 unless said otherwise. */
#ifndef TESTS_SUPPORT_TINY_OPS_H
#define TESTS_SUPPORT_TINY_OPS_H

#include <stdatomic.h>

#include "graph/ir/graph.h"
#include "graph/ir/registry.h"

IG_USES_OP(TAdd); /* y = a + b; elementwise, alias; kernels "fast" and, large, "team" */
IG_USES_OP(TRelu);       /* y = max(x, 0); elementwise, alias */
IG_USES_OP(TReshape);    /* view; `shape` is a VALUE port */
IG_USES_OP(TTranspose);  /* reverses the axes; a view that is not contiguous */
IG_USES_OP(TShape);      /* int64 dims of a TYPE_ONLY port; has values */
IG_USES_OP(TConcatInts); /* variadic int64 vectors to one; has values */
IG_USES_OP(TCompress);   /* the positive elements; DYNAMIC */
IG_USES_OP(TPair);       /* two outputs, the second optional: x + 1, x + 2 */
IG_USES_OP(TStep);       /* w -= lr * g in place (MUTATED) */
IG_USES_OP(TMatVec);     /* W[m,n] x[n]; its kernel packs a constant W in prepare */
IG_USES_OP(TSum);        /* sum of all elements; its reference wants contiguous input */
IG_USES_OP(TSequence);   /* variadic tensors to a sequence */
IG_USES_OP(TFail);       /* fails when it runs */
IG_USES_OP(TRandom);     /* element i depends on (seed, draw, i) */
IG_USES_OP(TScale);      /* y = x * factor; attributes: factor (2), offset (0) */

typedef struct t_scale_attrs {
    uint32_t struct_size;
    float factor;
    int64_t offset;
} t_scale_attrs;

/* How often things have happened since the program began. */
extern atomic_int tiny_prepared, tiny_unprepared, tiny_packed, tiny_references;

/* A registry of them with their kernels; the caller frees it. */
ig_status tiny_registry(ig_registry **out);

/* One node; 0 ids for absent inputs; fails the test on error. */
ig_value_id tiny_node(ig_graph *g,
                      const ig_op_def *op,
                      const char *name,
                      const void *attrs,
                      ig_value_id a,
                      ig_value_id b);
/* A float32 tensor with elements start, start + 1, ... */
ig_tensor *tiny_iota(int rank, const int64_t *dims, float start);
ig_tensor *tiny_ints(int64_t n, const int64_t *v);
#define TINY_DIMS(...) ((const int64_t[]){__VA_ARGS__})

#endif
