#include "tests/graph/passes/fixture.h"

#include "graph/ir/attr.h"
#include "graph/ir/build.h"

enum { BATCH = 2, Q_HEADS = 4, ROWS = 3, KEYS = 5, SIZE = 2 };

#define FLEX "ai.onnx.preview::FlexAttention"

/* x -> op(x, w), w being a capture. */
static ig_graph *body(const char *op)
{
    ig_graph *b = NULL;
    ig_value_id in[2], y;
    const int64_t any[4] = {-1, -1, -1, -1};
    assert_int_equal(igi_graph_new(&b, "mod", t_registry(), NULL), IG_OK);
    assert_int_equal(ig_graph_input(b, "x", IG_FLOAT32, 4, any, &in[0]), IG_OK);
    assert_int_equal(ig_graph_input(b, "w", IG_FLOAT32, -1, NULL, &in[1]), IG_OK);
    assert_int_equal(ig_graph_make_named(b, op, NULL, in, 2, &y, 1), IG_OK);
    assert_int_equal(ig_graph_output(b, "y", y), IG_OK);
    return b;
}

/* Attention over `kv_heads` with bodies (NULL: none) that read `w`, as output y. */
static void
attention(int64_t kv_heads, const char *score_mod, const char *prob_mod, ig_value_id w)
{
    const igi_op *op = igi_registry_find_full(t_registry(), FLEX);
    ig_value_id in[4] = {t_input(g, "q", DIMS(BATCH, Q_HEADS, ROWS, SIZE)),
                         t_input(g, "k", DIMS(BATCH, kv_heads, KEYS, SIZE)),
                         t_input(g, "v", DIMS(BATCH, kv_heads, KEYS, SIZE)), w};
    ig_value_id y = {0};
    const char *mods[2][2] = {{"score_mod", score_mod}, {"prob_mod", prob_mod}};
    void *attrs = igi_new_attrs(g, op);
    for (int i = 0; i < 2; i++) {
        if (!mods[i][1])
            continue;
        ig_graph *b = body(mods[i][1]);
        assert_int_equal(igi_attrs_set_graph(op->def, attrs, mods[i][0], b), IG_OK);
        ig_graph_free(b);
    }
    ig_call call = {.op = op->def,
                    .attrs = attrs,
                    .n_in = w.i ? 4 : 3,
                    .n_captures = w.i ? 1 : 0,
                    .n_out = 1};
    assert_int_equal(ig_graph_make(g, &call, in, &y), IG_OK);
    igi_attrs_release(op->def, attrs);
    t_output(g, "y", y);
}

static void without_bodies_it_is_attention(void **state)
{
    (void)state;
    attention(2, NULL, NULL, T_NONE);
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), 1);
    assert_int_equal(t_count(fast, "Attention"), 1);
}

static void a_body_that_adds_a_mask_is_the_mask_of_attention(void **state)
{
    (void)state;
    attention(Q_HEADS, "Add", NULL, t_input(g, "w", DIMS(ROWS, KEYS)));
    fast = t_compare(g, 2);
    assert_int_equal(t_only(fast, "Attention")->n_in, 4);
    assert_int_equal(t_count(fast, "Softmax"), 0);
}

static void groups_and_both_bodies_become_plain_operators(void **state)
{
    (void)state;
    attention(2, "Add", "Mul", t_input(g, "w", DIMS(Q_HEADS, 1, KEYS)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, FLEX), 0);
    assert_int_equal(t_count(fast, "Softmax"), 1);
    assert_int_equal(t_count(fast, "MatMul"), 2);
}

static void a_body_of_one_kind_alone_is_found(void **state)
{
    (void)state;
    attention(1, NULL, "Mul", t_random(g, DIMS(ROWS, KEYS)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, FLEX), 0);
}

/* Products would broadcast what the body made smaller. */
static void a_body_that_may_change_the_shape_stays_one(void **state)
{
    (void)state;
    const igi_op *op = igi_registry_find_full(t_registry(), FLEX);
    int64_t n = 0;
    assert_int_equal(ig_graph_dim(g, "N", &n), IG_OK);
    ig_value_id in[3] = {t_input(g, "q", DIMS(n, 2, ROWS, SIZE)),
                         t_input(g, "k", DIMS(n, 2, KEYS, SIZE)),
                         t_input(g, "v", DIMS(n, 2, KEYS, SIZE))};
    for (int i = 0; i < 2; i++) {
        ig_graph *b = NULL;
        ig_value_id x, y;
        void *attrs = igi_new_attrs(g, op);
        assert_int_equal(igi_graph_new(&b, "mod", t_registry(), NULL), IG_OK);
        assert_int_equal(ig_graph_input(b, "x", IG_FLOAT32, -1, NULL, &x), IG_OK);
        t_output(b, "y", t_op2(b, "ReduceSum", NULL, x, t_ints(b, DIMS(0))));
        assert_int_equal(
            igi_attrs_set_graph(op->def, attrs, i ? "prob_mod" : "score_mod", b),
            IG_OK);
        ig_graph_free(b);
        ig_call call = {.op = op->def, .attrs = attrs, .n_in = 3, .n_out = 1};
        assert_int_equal(ig_graph_make(g, &call, in, &y), IG_OK);
        igi_attrs_release(op->def, attrs);
        t_output(g, i ? "probs" : "scores", y);
    }
    t_optimise(g, 2);
    assert_int_equal(t_count(g, FLEX), 2);
}

/* Mul would broadcast what the operator refuses. */
static void a_gated_unit_of_two_symbols_stays(void **state)
{
    (void)state;
    int64_t n = 0, m = 0;
    assert_int_equal(ig_graph_dim(g, "N", &n), IG_OK);
    assert_int_equal(ig_graph_dim(g, "M", &m), IG_OK);
    t_output(g, "y",
             t_op2(g, "SwiGLU", NULL, t_input(g, "a", DIMS(2, n)),
                   t_input(g, "b", DIMS(2, m))));
    t_optimise(g, 2);
    assert_int_equal(t_count(g, "SwiGLU"), 1);
}

/* The capture, a constant, moves into the body. */
static void level_one_keeps_it(void **state)
{
    (void)state;
    attention(2, NULL, "Mul", t_random(g, DIMS(ROWS, KEYS)));
    fast = t_compare(g, 1);
    assert_int_equal(t_only(fast, FLEX)->n_captures, 0);
}

static void a_gated_unit_is_its_gate_times_its_value(void **state)
{
    (void)state;
    ig_value_id a = t_input(g, "a", DIMS(2, 3)), b = t_input(g, "b", DIMS(2, 3));
    t_output(g, "y", t_op2(g, "SwiGLU", "alpha=1.5", a, b));
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), 2);
    assert_true(igi_attr_float(t_only(fast, "Swish"), "alpha", 0) == 1.5f);
}

IG_TESTS(T(without_bodies_it_is_attention),
         T(a_body_that_adds_a_mask_is_the_mask_of_attention),
         T(groups_and_both_bodies_become_plain_operators),
         T(a_body_of_one_kind_alone_is_found),
         T(a_body_that_may_change_the_shape_stays_one),
         T(a_gated_unit_of_two_symbols_stays),
         T(level_one_keeps_it),
         T(a_gated_unit_is_its_gate_times_its_value))
