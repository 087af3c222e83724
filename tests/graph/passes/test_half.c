#include "tests/graph/passes/fixture.h"

#include <string.h>

static ig_value_id
half_input(const char *name, ig_dtype type, int rank, const int64_t *dims)
{
    return t_input_of(g, name, type, rank, dims);
}

/* A constant of a half type: a cast that is folded. */
static ig_value_id half_constant(ig_dtype type, int rank, const int64_t *dims)
{
    char to[16] = "to=10";
    if (type == IG_BFLOAT16)
        memcpy(to, "to=16", 6);
    return t_op1(g, "Cast", to, t_random(g, rank, dims));
}

static int casts(void)
{
    return t_count(fast, "Cast");
}

static void a_chain_is_cast_at_its_ends(void **state)
{
    (void)state;
    ig_value_id x = half_input("x", IG_FLOAT16, DIMS(2, 3, 4));
    ig_value_id y = t_op2(g, "Add", NULL, x, half_constant(IG_FLOAT16, DIMS(4)));
    y = t_op1(g, "Transpose", "perm=0,2,1", t_op1(g, "Tanh", NULL, y));
    t_output(g, "y", t_op1(g, "Softmax", NULL, y));
    fast = t_compare(g, 2);
    assert_int_equal(casts(), 2);
    assert_int_equal(t_nodes(fast), 6);
    const igi_node *n = t_only(fast, "Softmax");
    assert_true(igi_is_f32(fast, n->out[0]));
}

static void weights_of_products_stay_half(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        ig_dtype type = i ? IG_BFLOAT16 : IG_FLOAT16;
        ig_value_id x = half_input(i ? "b" : "h", type, DIMS(2, 160));
        ig_value_id w = half_constant(type, DIMS(160, 120));
        ig_value_id y = t_op2(g, "MatMul", NULL, x, w);
        t_output(g, i ? "yb" : "yh", t_op1(g, "Relu", NULL, y));
    }
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "ingot::Linear"), 2);
    ig_node_id id;
    ig_node_iter it = ig_graph_nodes(fast);
    while (ig_node_next(&it, &id)) {
        const igi_node *n = igi_node_at(fast, id);
        if (igi_node_is(n, "ingot::Linear"))
            assert_true(igi_type_of(fast, n->in[1])->dtype != IG_FLOAT32);
    }
}

static void casts_that_a_model_writes_still_round(void **state)
{
    (void)state;
    ig_value_id x = t_op1(g, "Cast", "to=10", t_input(g, "x", DIMS(3, 5)));
    t_output(g, "rounded", t_op1(g, "Cast", "to=1", x));
    t_output(g, "y", t_op1(g, "Neg", NULL, t_op1(g, "Cast", "to=1", x)));
    fast = t_compare(g, 2);
    assert_int_equal(casts(), 2);
}

static void a_result_is_cast_to_float_once(void **state)
{
    (void)state;
    ig_value_id y = t_op1(g, "Neg", NULL, half_input("x", IG_FLOAT16, DIMS(3, 5)));
    t_output(g, "y", t_op1(g, "Cast", "to=1", y));
    fast = t_compare(g, 2);
    assert_int_equal(casts(), 1);
}

static void movement_alone_is_left_alone(void **state)
{
    (void)state;
    ig_value_id x = half_input("x", IG_FLOAT16, DIMS(2, 3));
    t_output(g, "y", t_op1(g, "Transpose", "perm=1,0", x));
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), 1);
}

static void statistics_of_another_type_stay(void **state)
{
    (void)state;
    ig_value_id in[2] = {half_input("x", IG_FLOAT16, DIMS(2, 8)),
                         half_constant(IG_FLOAT16, DIMS(8))},
                out[2];
    t_node(g, "LayerNormalization", NULL, in, 2, out, 2);
    t_output(g, "y", out[0]);
    t_output(g, "mean", out[1]);
    fast = t_compare(g, 2);
    assert_int_equal(casts(), 2);
}

static void layers_of_images_compute_in_float(void **state)
{
    (void)state;
    static const char *const plain[] = {"Elu", "HardSigmoid", "Mish", "Swish",
                                        "Softsign"};
    const ig_dtype type = IG_FLOAT16;
    ig_value_id x = half_input("x", type, DIMS(1, 3, 4, 5));
    x = t_op3(g, "ConvTranspose", "strides=2,2", x,
              half_constant(type, DIMS(3, 4, 2, 2)), half_constant(type, DIMS(4)));
    x = t_op3(g, "InstanceNormalization", NULL, x, half_constant(type, DIMS(4)),
              half_constant(type, DIMS(4)));
    x = t_op3(g, "GroupNormalization", "num_groups=2", x, half_constant(type, DIMS(4)),
              half_constant(type, DIMS(4)));
    x = t_op2(g, "PRelu", NULL, x, half_constant(type, DIMS(4, 1, 1)));
    for (int i = 0; i < 5; i++)
        x = t_op1(g, plain[i], NULL, x);
    x = t_op(g, "Resize", "mode:linear", x, T_NONE, T_NONE,
             t_ints(g, DIMS(1, 4, 3, 9)));
    x = t_op(g, "Resize", "mode:nearest", x, T_NONE, T_NONE,
             t_ints(g, DIMS(1, 4, 6, 6)));
    x = t_op2(g, "Einsum", "equation:bchw,cd->bdhw", x,
              half_constant(type, DIMS(4, 2)));
    t_output(g, "y", x);
    fast = t_compare(g, 2);
    assert_int_equal(casts(), 2);
}

static void recurrent_layers_compute_in_float(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        int64_t gates;
    } layer[] = {{"LSTM", 4}, {"GRU", 3}, {"RNN", 1}};
    const ig_dtype type = IG_FLOAT16;
    ig_value_id x = half_input("x", type, DIMS(3, 2, 4));
    for (int i = 0; i < 3; i++) {
        ig_value_id in[3] = {x, half_constant(type, DIMS(1, 4 * layer[i].gates, 4)),
                             half_constant(type, DIMS(1, 4 * layer[i].gates, 4))};
        t_node(g, layer[i].op, "hidden_size=4", in, 3, &x, 1);
        x = t_op2(g, "Squeeze", NULL, x, t_ints(g, DIMS(1)));
    }
    t_output(g, "y", x);
    fast = t_compare(g, 2);
    assert_int_equal(casts(), 2);
}

static void pixels_that_are_only_copied_stay_half(void **state)
{
    (void)state;
    ig_value_id x = half_input("x", IG_FLOAT16, DIMS(1, 2, 3, 4));
    t_output(g, "y",
             t_op(g, "Resize", "mode:nearest", x, T_NONE, T_NONE,
                  t_ints(g, DIMS(1, 2, 6, 8))));
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), 1);
}

IG_TESTS(T(a_chain_is_cast_at_its_ends),
         T(weights_of_products_stay_half),
         T(casts_that_a_model_writes_still_round),
         T(a_result_is_cast_to_float_once),
         T(movement_alone_is_left_alone),
         T(statistics_of_another_type_stay),
         T(layers_of_images_compute_in_float),
         T(recurrent_layers_compute_in_float),
         T(pixels_that_are_only_copied_stay_half))
