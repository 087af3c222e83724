/* Tiny operators and builders for tests of graph/ir.
 *
 * Operators: Add, Mul (gradients), Shape, SumTo, ReduceSum, Expand, Identity (what the
 * gradient engine emits), Concat (variadic in), Split (variadic out), Pair (optional
 * output), Assign (overwrites), Draw (random), Print (effects), Cast, Pack (sequence),
 * Call (body and captures), Opts (one attribute of every kind). References do nothing:
 * this layer runs no kernels. */
#ifndef TESTS_GRAPH_IR_SUPPORT_H
#define TESTS_GRAPH_IR_SUPPORT_H

#include "graph/ir/graph.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

IG_USES_OP(Add);
IG_USES_OP(Mul);
IG_USES_OP(Shape);
IG_USES_OP(SumTo);
IG_USES_OP(ReduceSum);
IG_USES_OP(Expand);
IG_USES_OP(Identity);
IG_USES_OP(Concat);
IG_USES_OP(Split);
IG_USES_OP(Pair);
IG_USES_OP(Assign);
IG_USES_OP(Draw);
IG_USES_OP(Print);
IG_USES_OP(Cast);
IG_USES_OP(Pack);
IG_USES_OP(Call);
IG_USES_OP(Opts);

typedef struct reduce_attrs {
    uint32_t struct_size;
    int64_t keepdims;
} reduce_attrs;
typedef struct cast_attrs {
    uint32_t struct_size;
    int64_t to;
} cast_attrs;
typedef struct call_attrs {
    uint32_t struct_size;
    ig_graph *body;
} call_attrs;
typedef struct opts_attrs {
    uint32_t struct_size;
    float f;
    int64_t i;
    const char *s;
    ig_ints ints;
    ig_floats floats;
    ig_strings strings;
    ig_tensor *tensor;
    ig_graph *graph;
    int64_t mode, type;
} opts_attrs;

/* A registry of all of them; the caller frees it. */
ig_status ir_registry(ig_registry **out);

/* Group state of most programs: a registry and an empty graph "g", fresh per test. */
typedef struct ir_state {
    ig_registry *reg;
    ig_graph *g;
} ir_state;
int ir_setup(void **state);
int ir_teardown(void **state);
#define IR_TEST(f_) cmocka_unit_test_setup_teardown(f_, ir_setup, ir_teardown)
static inline ig_graph *ir_graph(void **state)
{
    return ((ir_state *)*state)->g;
}

/* Builders that fail the test on error. */
#define IR_DIMS(...) ((const int64_t[]){__VA_ARGS__})
ig_value_id ir_input(ig_graph *g, const char *name, int rank, const int64_t *dims);
ig_value_id ir_ints(ig_graph *g, const char *name, int n, const int64_t *v);
ig_tensor *ir_tensor_ints(int n, const int64_t *v);
/* One output; 0 ids absent. */
ig_value_id ir_node(
    ig_graph *g, const ig_op_def *op, const char *name, ig_value_id a, ig_value_id b);
#define IR_OK(expr_) ir_ok((expr_), IG_HERE)
void ir_ok(ig_status rc, const char *where);
/* rc is `want` and the message holds each text. */
void ir_error(ig_status rc, ig_status want, int n, const char *const *texts);
#define IR_ERROR(rc_, want_, ...)                                                      \
    ir_error((rc_), (want_),                                                           \
             (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),            \
             (const char *[]){__VA_ARGS__})
/* The text of ig_graph_print is `want`. */
void ir_printed(const ig_graph *g, const char *want);

#endif
