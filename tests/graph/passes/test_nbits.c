/* Products with weights of few bits: which become ingot::LinearNBits, what of their
 * surroundings it takes, and that results are those of the float matrix. */
#include "tests/graph/passes/fixture.h"

#include <stdio.h>

/* Weights [R, C] of type `to` (a Cast's) behind a DequantizeLinear with blocks along
 * `axis`, or, block 0, a scale per index of it; `zero`: zero points too. */
typedef struct weights {
    int64_t rows, columns, axis, block;
    const char *to;
    bool zero;
    const char *scale; /* a Cast of the scales; NULL: none */
} weights;

static ig_value_id dequantized(weights w)
{
    const int64_t dims[2] = {w.rows, w.columns};
    int64_t few[2] = {w.rows, w.columns};
    char attrs[64];
    few[w.axis] = w.block ? (few[w.axis] + w.block - 1) / w.block : few[w.axis];
    const int rank = w.block ? 2 : 1;
    const int64_t *at = w.block ? few : &few[w.axis];
    ig_value_id seven = t_number(g, 7), half = t_number(g, 7.5);
    ig_value_id q =
        t_op2(g, "Add", NULL, t_op2(g, "Mul", NULL, t_random(g, 2, dims), seven), half);
    ig_value_id scale = t_positive(g, rank, at), zero = T_NONE;
    q = t_op1(g, "Cast", w.to, q);
    if (w.scale)
        scale = t_op1(g, "Cast", w.scale, scale);
    if (w.zero)
        zero = t_op1(g, "Cast", w.to,
                     t_op2(g, "Mul", NULL, t_positive(g, rank, at), seven));
    snprintf(attrs, sizeof(attrs), "axis=%d block_size=%d", (int)w.axis, (int)w.block);
    return t_op3(g, "DequantizeLinear", attrs, q, scale, zero);
}
#define UINT4 "to=21"
#define INT4  "to=22"
#define UINT2 "to=25"
#define INT8  "to=3"

static void expect_fused(ig_value_id y, int count)
{
    t_output(g, "y", y);
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::LinearNBits"), count);
    assert_int_equal(t_count(fast, "DequantizeLinear"), 0);
}

static void blocks_along_the_inner_dim_stay_small(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(2, 3, 64));
    ig_value_id y = t_op2(g, "MatMul", NULL, x,
                          dequantized((weights){64, 10, 0, 32, UINT4, true, NULL}));
    expect_fused(y, 1);
    assert_int_equal(t_nodes(fast), 1);
    assert_int_equal(igi_attr_int(t_only(fast, "ingot::LinearNBits"), "trans_w", -1),
                     0);
}

/* As the importer writes MatMulNBits, and what follows it. */
static void a_transposed_matrix_takes_bias_and_activation(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(5, 48));
    ig_value_id w = dequantized((weights){10, 48, 1, 16, INT4, false, NULL});
    ig_value_id y = t_op2(g, "MatMul", NULL, x, t_op1(g, "Transpose", "perm=1,0", w));
    y = t_op2(g, "Add", NULL, y, t_random(g, DIMS(10)));
    expect_fused(t_op1(g, "Relu", NULL, y), 1);
    assert_int_equal(t_nodes(fast), 1);
    const igi_node *n = t_only(fast, "ingot::LinearNBits");
    assert_int_equal(igi_attr_int(n, "trans_w", -1), 1);
    assert_int_equal(igi_attr_int(n, "block_size", -1), 16);
}

static void gemm_with_a_bias_is_one_too(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(4, 32));
    ig_value_id y = t_op3(g, "Gemm", "transB=1", x,
                          dequantized((weights){6, 32, 1, 32, UINT2, true, NULL}),
                          t_random(g, DIMS(6)));
    y = t_op3(g, "Gemm", "alpha=0.5", y,
              dequantized((weights){6, 5, 0, 6, UINT4, false, NULL}), T_NONE);
    expect_fused(y, 1); /* the second is scaled */
    assert_int_equal(t_nodes(fast), 2);
}

static void a_scale_a_column_is_one_block(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(3, 24));
    ig_value_id y = t_op2(g, "MatMul", NULL, x,
                          dequantized((weights){24, 9, 1, 0, UINT4, true, NULL}));
    ig_value_id w = dequantized((weights){7, 9, 0, 0, UINT4, true, NULL});
    y = t_op2(g, "MatMul", NULL, y, t_op1(g, "Transpose", NULL, w));
    expect_fused(y, 2);
    assert_int_equal(t_nodes(fast), 2);
}

static void scales_of_rows_of_k_and_small_bytes_become_floats(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(3, 24));
    ig_value_id y = t_op2(g, "MatMul", NULL, x, /* along the outer dim */
                          dequantized((weights){24, 32, 1, 16, UINT4, true, NULL}));
    y = t_op2(g, "MatMul", NULL, y, /* a scale a row of K */
              dequantized((weights){32, 9, 0, 0, UINT4, true, NULL}));
    y = t_op2(g, "MatMul", NULL, y, /* blocks that words cut */
              dequantized((weights){9, 40, 0, 4, UINT4, true, NULL}));
    y = t_op2(g, "MatMul", NULL, y, /* bytes */
              dequantized((weights){40, 8, 0, 16, INT8, true, NULL}));
    expect_fused(y, 0);
    assert_int_equal(t_count(fast, "ingot::Linear"), 4);
}

static void large_bytes_stay(void **state)
{
    (void)state;
    ig_value_id x = t_input(g, "x", DIMS(1, 1024));
    ig_value_id w = dequantized((weights){1024, 1024, 0, 128, INT8, true, NULL});
    t_output(g, "y", t_op2(g, "MatMul", NULL, x, w));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "ingot::LinearNBits"), 1);
}

/* Half graphs compute in float32; the scales stay half, they are packed once. */
static void halves_are_widened_around_it(void **state)
{
    (void)state;
    ig_value_id x = t_input_of(g, "x", IG_FLOAT16, DIMS(3, 32));
    ig_value_id w = dequantized((weights){32, 10, 0, 16, UINT4, false, "to=10"});
    ig_value_id y = t_op2(g, "MatMul", NULL, t_op1(g, "Tanh", NULL, x), w);
    expect_fused(t_op1(g, "Relu", NULL, y), 1);
    const igi_node *n = t_only(fast, "ingot::LinearNBits");
    assert_true(igi_is_f32(fast, n->in[0]) && igi_is_f32(fast, n->out[0]));
    assert_int_equal(igi_type_of(fast, n->in[4])->dtype, IG_FLOAT16);
    assert_int_equal(t_count(fast, "Cast"), 2);
}

static void rows_of_a_table_are_chosen_first(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        ig_value_id table = dequantized((weights){20, 40, 1, 16, UINT4, i == 1, NULL});
        ig_value_id rows = t_ints(g, 3, (int64_t[]){19, 0, -1});
        rows = t_op2(g, "Add", NULL, rows,
                     t_op1(g, "Cast", "to=7", t_input(g, i ? "x" : "z", DIMS(2, 1))));
        rows = t_op2(g, "Mod", NULL, rows, t_ints(g, 1, (int64_t[]){20}));
        t_output(g, i ? "y" : "w", t_op2(g, "Gather", NULL, table, rows));
    }
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::GatherNBits"), 2);
    assert_int_equal(t_count(fast, "DequantizeLinear"), 0);
}

IG_TESTS(T(blocks_along_the_inner_dim_stay_small),
         T(a_transposed_matrix_takes_bias_and_activation),
         T(gemm_with_a_bias_is_one_too),
         T(a_scale_a_column_is_one_block),
         T(scales_of_rows_of_k_and_small_bytes_become_floats),
         T(large_bytes_stay),
         T(halves_are_widened_around_it),
         T(rows_of_a_table_are_chosen_first))
