#include "tests/graph/passes/fixture.h"

#include <math.h>

enum { BATCH = 2, ROWS = 3, KEYS = 4, HEADS = 2, SIZE = 5 };

static ig_value_id q, k, v; /* [BATCH, HEADS, rows, SIZE] */

static void whole_heads(void)
{
    q = t_input(g, "q", DIMS(BATCH, HEADS, ROWS, SIZE));
    k = t_input(g, "k", DIMS(BATCH, HEADS, KEYS, SIZE));
    v = t_input(g, "v", DIMS(BATCH, HEADS, KEYS, SIZE));
}

/* Heads cut out of rows, as exporters do. */
static ig_value_id cut(ig_value_id rows, const char *perm)
{
    int64_t n = ig_type_dims(igi_type_of(g, rows))[1];
    ig_value_id shape = t_ints(g, DIMS(BATCH, n, HEADS, SIZE));
    return t_op1(g, "Transpose", perm, t_op2(g, "Reshape", NULL, rows, shape));
}

static ig_value_id join(ig_value_id heads)
{
    ig_value_id rows = t_op1(g, "Transpose", "perm=0,2,1,3", heads);
    return t_op2(g, "Reshape", NULL, rows, t_ints(g, DIMS(BATCH, ROWS, HEADS * SIZE)));
}

static ig_value_id turned(ig_value_id keys)
{
    return t_op1(g, "Transpose", "perm=0,1,3,2", keys);
}

static ig_value_id product(ig_value_id a, ig_value_id b)
{
    return t_op2(g, "MatMul", NULL, a, b);
}

static ig_value_id times(ig_value_id a, double c)
{
    return t_op2(g, "Mul", NULL, a, t_number(g, c));
}

static ig_value_id over(ig_value_id a, double c)
{
    return t_op2(g, "Div", NULL, a, t_number(g, c));
}

static ig_value_id weighted(ig_value_id scores)
{
    return product(t_op1(g, "Softmax", NULL, scores), v);
}

static void expect_fused(double scale, int inputs)
{
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Softmax"), 0);
    assert_int_equal(t_count(fast, "MatMul"), 0);
    const igi_node *n = t_only(fast, "Attention");
    assert_int_equal(n->n_in, inputs);
    assert_true(fabs((double)igi_attr_float(n, "scale", 0) - scale) < 1e-6);
}

static void expect_left_alone(void)
{
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Attention"), 0);
    assert_int_equal(t_count(fast, "Softmax"), 1);
}

static void heads_without_scale_fuse(void **state)
{
    (void)state;
    whole_heads();
    t_output(g, "y", weighted(product(q, turned(k))));
    expect_fused(1, 3);
}

static void the_scale_is_a_quotient_or_a_product(void **state)
{
    (void)state;
    whole_heads();
    t_output(g, "y", weighted(over(product(q, turned(k)), 4)));
    expect_fused(0.25, 3);
}

static void the_scale_may_stand_at_both_operands(void **state)
{
    (void)state;
    whole_heads();
    t_output(g, "y", weighted(product(times(q, 0.5), times(turned(k), 0.5))));
    expect_fused(0.25, 3);
}

static void rows_are_not_transposed_at_all(void **state)
{
    (void)state;
    ig_value_id rows_q = t_input(g, "q", DIMS(BATCH, ROWS, HEADS * SIZE));
    ig_value_id rows_k = t_input(g, "k", DIMS(BATCH, KEYS, HEADS * SIZE));
    ig_value_id rows_v = t_input(g, "v", DIMS(BATCH, KEYS, HEADS * SIZE));
    q = cut(rows_q, "perm=0,2,1,3");
    v = cut(rows_v, "perm=0,2,1,3");
    t_output(g, "y", join(weighted(product(q, cut(rows_k, "perm=0,2,3,1")))));
    expect_fused(1, 3);
    assert_int_equal(t_nodes(fast), 1);
    assert_int_equal(igi_attr_int(t_only(fast, "Attention"), "q_num_heads", 0), HEADS);
}

static void rows_cut_out_of_one_product_are_read_where_they_lie(void **state)
{
    (void)state;
    const int64_t n = HEADS * SIZE;
    ig_value_id all = t_input(g, "all", DIMS(BATCH, ROWS, 3 * n)), part[3];
    ig_value_id in[2] = {all, t_ints(g, DIMS(n, n, n))};
    t_node(g, "Split", "axis=2", in, 2, part, 3);
    q = cut(part[0], "perm=0,2,1,3");
    v = cut(part[2], "perm=0,2,1,3");
    t_output(g, "y", join(weighted(product(q, cut(part[1], "perm=0,2,3,1")))));
    expect_fused(1, 3);
    assert_int_equal(t_count(fast, "Split"), 0);
    assert_int_equal(t_count(fast, "Slice"), 3);
}

/* Batch and heads are one dim while the keys are turned (torch.export). */
static ig_value_id turned_as_one(ig_value_id keys, int64_t batch, int64_t rows)
{
    const int64_t all = batch > 0 ? batch * HEADS : -1;
    ig_value_id one = t_op2(g, "Reshape", NULL, keys, t_ints(g, DIMS(all, rows, SIZE)));
    return t_op2(g, "Reshape", NULL, t_op1(g, "Transpose", "perm=0,2,1", one),
                 t_ints(g, DIMS(batch, HEADS, SIZE, rows)));
}

static void keys_turned_as_one_dim_are_read_where_they_lie(void **state)
{
    (void)state;
    whole_heads();
    t_output(g, "y", weighted(product(q, turned_as_one(k, BATCH, KEYS))));
    expect_fused(1, 3);
    assert_int_equal(t_nodes(fast), 1);
    t_free(fast);
    t_free(g);
    g = t_graph();
    ig_value_id rows = t_input(g, "x", DIMS(BATCH, ROWS, HEADS * SIZE));
    q = v = cut(rows, "perm=0,2,1,3");
    k = turned_as_one(cut(rows, "perm=0,2,1,3"), BATCH, ROWS);
    t_output(g, "y", join(weighted(product(q, k))));
    expect_fused(1, 3);
    assert_int_equal(t_nodes(fast), 1);
}

/* Rows of 5 read as rows of 4 on the way. */
static void keys_cut_anew_are_not_those_that_were_turned(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id cut_anew = t_ints(g, DIMS(BATCH * HEADS, SIZE, KEYS));
    ig_value_id one = t_op2(g, "Reshape", NULL, k, cut_anew);
    one = t_op1(g, "Transpose", "perm=0,2,1", one);
    one = t_op2(g, "Reshape", NULL, one, t_ints(g, DIMS(BATCH, HEADS, SIZE, KEYS)));
    t_output(g, "y", weighted(product(q, one)));
    expect_fused(1, 3);
    assert_true(t_nodes(fast) > 1);
}

static void keys_of_symbolic_batches_are_turned_as_one(void **state)
{
    (void)state;
    int64_t n = 0;
    assert_int_equal(ig_graph_dim(g, "N", &n), IG_OK);
    q = t_input(g, "q", DIMS(n, HEADS, ROWS, SIZE));
    k = t_input(g, "k", DIMS(n, HEADS, KEYS, SIZE));
    v = t_input(g, "v", DIMS(n, HEADS, KEYS, SIZE));
    t_output(g, "y", weighted(product(q, turned_as_one(k, -1, KEYS))));
    expect_fused(1, 3);
    assert_int_equal(t_nodes(fast), 1);
}

/* Split refuses lengths that are not the whole; three Slices would not. */
static void rows_cut_out_of_a_symbols_length_stay_pieces_of_it(void **state)
{
    (void)state;
    int64_t all_n = 0;
    const int64_t n = HEADS * SIZE;
    assert_int_equal(ig_graph_dim(g, "H", &all_n), IG_OK);
    ig_value_id all = t_input(g, "all", DIMS(BATCH, ROWS, all_n)), part[3];
    ig_value_id in[2] = {all, t_ints(g, DIMS(n, n, n))};
    t_node(g, "Split", "axis=2", in, 2, part, 3);
    q = cut(part[0], "perm=0,2,1,3");
    v = cut(part[2], "perm=0,2,1,3");
    t_output(g, "y", join(weighted(product(q, cut(part[1], "perm=0,2,3,1")))));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "Attention"), 1);
    assert_int_equal(t_count(g, "Split"), 1);
}

static void an_added_mask_becomes_an_input(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id mask = t_input(g, "mask", DIMS(BATCH, 1, 1, KEYS));
    ig_value_id s = over(product(q, turned(k)), 2);
    t_output(g, "y", weighted(t_op2(g, "Add", NULL, mask, s)));
    expect_fused(0.5, 4);
}

static ig_value_id condition(void)
{
    return t_op2(g, "Less", NULL, t_random(g, DIMS(1, KEYS)),
                 t_random(g, DIMS(ROWS, 1)));
}

static void a_mask_by_where_hides_on_either_side(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id s = times(product(q, turned(k)), 3);
    ig_value_id low = t_number(g, -3.4028234663852886e38);
    t_output(g, "y", weighted(t_op3(g, "Where", NULL, condition(), low, s)));
    expect_fused(3, 4);
    t_free(fast);
    t_free(g);
    g = t_graph();
    whole_heads();
    s = times(product(q, turned(k)), 3);
    low = t_number(g, -(double)INFINITY);
    t_output(g, "y", weighted(t_op3(g, "Where", NULL, condition(), s, low)));
    expect_fused(3, 4);
}

/* A row whose keys are all hidden averages them: scores drown in the lowest number. */
static void a_row_without_keys_stays_what_it_was(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id none =
        t_op2(g, "Less", NULL, t_filled(g, 1, DIMS(ROWS, KEYS)), t_number(g, 0));
    ig_value_id low = t_number(g, -1e30);
    ig_value_id s = product(q, turned(k));
    t_output(g, "y", weighted(t_op3(g, "Where", NULL, none, s, low)));
    expect_fused(1, 4);
}

/* torch.onnx writes this around every masked attention. */
static ig_value_id guarded(ig_value_id scores, double instead)
{
    ig_value_id p = t_op1(g, "Softmax", NULL, scores);
    ig_value_id none = t_op1(g, "IsNaN", NULL, p);
    return product(t_op3(g, "Where", NULL, none, t_number(g, instead), p), v);
}

/* The last row of queries sees no key. */
static ig_value_id causal_but_one(void)
{
    ig_value_id at =
        t_op2(g, "Reshape", NULL, t_op1(g, "Cast", "to=1", t_ints(g, DIMS(1, 2, 0))),
              t_ints(g, DIMS(ROWS, 1)));
    ig_value_id key = t_op1(g, "Cast", "to=1", t_ints(g, DIMS(0, 1, 2, 3)));
    ig_value_id seen = t_op2(g, "Less", NULL, key, at);
    return t_op3(g, "Where", NULL, seen, t_number(g, 0),
                 t_number(g, -(double)INFINITY));
}

static void rows_without_keys_may_be_zeros(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id s = over(product(q, turned(k)), 2);
    t_output(g, "y", guarded(t_op2(g, "Add", NULL, s, causal_but_one()), 0));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Attention"), 1);
    assert_int_equal(t_count(fast, "Softmax"), 0);
    assert_int_equal(t_count(fast, "IsNaN"), 0);
}

/* A query that is no number, and keys that are not, give rows of zeros as well. */
static void rows_of_no_numbers_may_be_zeros(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id root = t_op1(g, "Sqrt", NULL, q); /* NaN below 0 */
    ig_value_id first =
        t_op3(g, "Slice", NULL, root, t_ints(g, DIMS(0, 0)), t_ints(g, DIMS(BATCH, 1)));
    ig_value_id rest = t_op(g, "Slice", NULL, q, t_ints(g, DIMS(1)),
                            t_ints(g, DIMS(HEADS)), t_ints(g, DIMS(1)));
    ig_value_id both[2] = {first, rest}, mixed;
    t_node(g, "Concat", "axis=1", both, 2, &mixed, 1);
    t_output(g, "y", guarded(product(mixed, turned(k)), 0));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Attention"), 1);
    assert_int_equal(t_count(fast, "IsNaN"), 0);
}

static void rows_of_no_numbers_that_become_others_stay(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id s = product(q, turned(k));
    t_output(g, "y", guarded(t_op2(g, "Add", NULL, s, causal_but_one()), 1));
    expect_left_alone();
}

static void guarded_probabilities_that_others_read_stay(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id p = t_op1(g, "Softmax", NULL, product(q, turned(k)));
    ig_value_id none = t_op1(g, "IsNaN", NULL, p);
    t_output(g, "p", p);
    t_output(g, "y", product(t_op3(g, "Where", NULL, none, t_number(g, 0), p), v));
    expect_left_alone();
}

static void symbolic_lengths_fuse(void **state)
{
    (void)state;
    int64_t n = 0;
    assert_int_equal(ig_graph_dim(g, "N", &n), IG_OK);
    ig_value_id rows = t_input(g, "x", DIMS(BATCH, n, HEADS * SIZE));
    ig_value_id heads = t_ints(g, DIMS(BATCH, -1, HEADS, SIZE));
    ig_value_id x = t_op2(g, "Reshape", NULL, rows, heads);
    q = v = t_op1(g, "Transpose", "perm=0,2,1,3", x);
    ig_value_id keys = t_op1(g, "Transpose", "perm=0,2,3,1", x);
    ig_value_id y = t_op1(g, "Transpose", "perm=0,2,1,3", weighted(product(q, keys)));
    t_output(g, "y",
             t_op2(g, "Reshape", NULL, y, t_ints(g, DIMS(BATCH, -1, HEADS * SIZE))));
    expect_fused(1, 3);
    assert_int_equal(t_nodes(fast), 1);
}

static void a_number_that_does_not_hide_is_no_mask(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id s = product(q, turned(k));
    t_output(g, "y",
             weighted(t_op3(g, "Where", NULL, condition(), s, t_number(g, -1e9))));
    expect_left_alone();
}

static void a_mask_for_one_key_is_broadcast_by_add_alone(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id s = product(q, turned(k));
    ig_value_id mask = t_input(g, "mask", DIMS(BATCH, 1, ROWS, 1));
    t_output(g, "y", weighted(t_op2(g, "Add", NULL, s, mask)));
    expect_left_alone();
}

static void a_softmax_that_others_read_stays(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id p = t_op1(g, "Softmax", NULL, product(q, turned(k)));
    t_output(g, "p", p);
    t_output(g, "y", product(p, v));
    expect_left_alone();
}

static void a_softmax_over_queries_stays(void **state)
{
    (void)state;
    whole_heads();
    ig_value_id p = t_op1(g, "Softmax", "axis=2", product(q, turned(k)));
    t_output(g, "y", product(p, v));
    expect_left_alone();
}

static void products_that_broadcast_heads_stay(void **state)
{
    (void)state;
    q = t_input(g, "q", DIMS(BATCH, HEADS, ROWS, SIZE));
    k = t_input(g, "k", DIMS(BATCH, 1, KEYS, SIZE));
    v = t_input(g, "v", DIMS(BATCH, HEADS, KEYS, SIZE));
    t_output(g, "y", weighted(product(q, turned(k))));
    expect_left_alone();
}

IG_TESTS(T(heads_without_scale_fuse),
         T(the_scale_is_a_quotient_or_a_product),
         T(the_scale_may_stand_at_both_operands),
         T(rows_are_not_transposed_at_all),
         T(rows_cut_out_of_one_product_are_read_where_they_lie),
         T(keys_turned_as_one_dim_are_read_where_they_lie),
         T(keys_cut_anew_are_not_those_that_were_turned),
         T(keys_of_symbolic_batches_are_turned_as_one),
         T(rows_cut_out_of_a_symbols_length_stay_pieces_of_it),
         T(an_added_mask_becomes_an_input),
         T(a_mask_by_where_hides_on_either_side),
         T(a_row_without_keys_stays_what_it_was),
         T(rows_without_keys_may_be_zeros),
         T(rows_of_no_numbers_may_be_zeros),
         T(rows_of_no_numbers_that_become_others_stay),
         T(guarded_probabilities_that_others_read_stay),
         T(symbolic_lengths_fuse),
         T(a_number_that_does_not_hide_is_no_mask),
         T(a_mask_for_one_key_is_broadcast_by_add_alone),
         T(a_softmax_that_others_read_stays),
         T(a_softmax_over_queries_stays),
         T(products_that_broadcast_heads_stay))
