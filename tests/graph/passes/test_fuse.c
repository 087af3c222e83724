#include "tests/graph/passes/fixture.h"

static ig_value_id x;

static ig_value_id half(ig_value_id v)
{
    return t_op2(g, "Mul", NULL, v, t_number(g, 0.5));
}

static ig_value_id one_plus(ig_value_id v)
{
    return t_op2(g, "Add", NULL, v, t_number(g, 1));
}

static ig_value_id erf_of(const char *op, double c)
{
    return one_plus(t_op1(g, "Erf", NULL, t_op2(g, op, NULL, x, t_number(g, c))));
}

/* A new x: equal expressions of one x would be merged and then have several readers. */
static void start(void)
{
    x = t_op1(g, "Neg", NULL, t_input(g, NULL, DIMS(2, 3)));
}

static void all_spellings_of_gelu_by_erf_fuse(void **state)
{
    (void)state;
    start();
    t_output(g, "a", half(t_op2(g, "Mul", NULL, x, erf_of("Div", 1.4142135381698608))));
    start();
    t_output(g, "b", t_op2(g, "Mul", NULL, half(x), erf_of("Mul", 0.70710677)));
    start();
    t_output(g, "c", t_op2(g, "Mul", NULL, x, half(erf_of("Div", 1.41421356))));
    start();
    ig_value_id d = t_op2(g, "Mul", NULL, erf_of("Div", 1.4142135), x);
    t_output(g, "d", t_op2(g, "Div", NULL, d, t_number(g, 2)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Erf"), 0);
    assert_int_equal(t_count(fast, "Gelu"), 4);
    assert_int_equal(t_nodes(fast), 8);
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            igi_attr_int(igi_producer(fast, fast->outputs.p[i]), "approximate", -1), 0);
}

static void all_spellings_of_gelu_by_tanh_fuse(void **state)
{
    (void)state;
    ig_value_id cube, y;
    for (int i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), 0};
        start();
        if (i == 0)
            cube = t_op2(g, "Pow", NULL, x, t_number(g, 3));
        else if (i == 1)
            cube = t_op2(g, "Mul", NULL, t_op2(g, "Mul", NULL, x, x), x);
        else
            cube = t_op2(g, "Mul", NULL, x, t_op2(g, "Pow", NULL, x, t_number(g, 2)));
        y = t_op2(g, "Add", NULL, x,
                  t_op2(g, "Mul", NULL, t_number(g, 0.044715), cube));
        y = t_op1(g, "Tanh", NULL, t_op2(g, "Mul", NULL, y, t_number(g, 0.7978846)));
        t_output(g, name, t_op2(g, "Mul", NULL, half(x), one_plus(y)));
    }
    start();
    y = t_op2(g, "Mul", NULL, t_op2(g, "Mul", NULL, x, t_number(g, 0.044715)), x);
    y = t_op2(g, "Mul", NULL, t_op2(g, "Mul", NULL, x, t_number(g, 0.7978846)),
              one_plus(y));
    y = one_plus(t_op1(g, "Tanh", NULL, y));
    t_output(g, "d", half(t_op2(g, "Mul", NULL, x, y)));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Gelu"), 4);
    assert_int_equal(t_nodes(fast), 8);
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            igi_attr_int(igi_producer(fast, fast->outputs.p[i]), "approximate", -1), 1);
}

static void other_numbers_are_no_gelu(void **state)
{
    (void)state;
    start();
    t_output(g, "a", half(t_op2(g, "Mul", NULL, x, erf_of("Div", 1.5))));
    t_output(g, "b", t_op2(g, "Mul", NULL, x, erf_of("Div", 1.41421356)));
    ig_value_id other = t_input(g, "other", DIMS(2, 3));
    t_output(g, "c", half(t_op2(g, "Mul", NULL, other, erf_of("Mul", 0.70710677))));
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Gelu"), 0);
}

static void a_gelu_whose_inside_is_read_stays(void **state)
{
    (void)state;
    start();
    ig_value_id e = erf_of("Div", 1.41421356);
    t_output(g, "y", half(t_op2(g, "Mul", NULL, x, e)));
    t_output(g, "inside", e);
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "Gelu"), 0);
}

/* ---- LayerNormalization ---- */

typedef struct spelling {
    bool square_by_mul, two_subs, reciprocal, scale, bias, wide, inside_read;
    const char *axes; /* of both means */
    int64_t axis;
} spelling;

static ig_value_id mean(ig_value_id v, int64_t axis)
{
    return t_op2(g, "ReduceMean", "keepdims=1", v, t_ints(g, 1, &axis));
}

static ig_value_id layer_norm(const spelling *s)
{
    ig_value_id v = t_input(g, "x", DIMS(2, 3, 6));
    ig_value_id d = t_op2(g, "Sub", NULL, v, mean(v, s->axis)), d2 = d;
    if (s->two_subs)
        d2 = t_op2(g, "Sub", NULL, v, mean(v, s->axis));
    ig_value_id q = s->square_by_mul ? t_op2(g, "Mul", NULL, d2, d2)
                                     : t_op2(g, "Pow", NULL, d2, t_number(g, 2));
    q = t_op1(g, "Sqrt", NULL,
              t_op2(g, "Add", NULL, mean(q, s->axis), t_number(g, 1e-5)));
    if (s->inside_read)
        t_output(g, "inside", q);
    ig_value_id y = s->reciprocal
                        ? t_op2(g, "Mul", NULL, d, t_op1(g, "Reciprocal", NULL, q))
                        : t_op2(g, "Div", NULL, d, q);
    if (s->scale)
        y = t_op2(g, "Mul", NULL, y,
                  s->wide ? t_random(g, DIMS(1, 1, 6)) : t_random(g, DIMS(6)));
    if (s->bias)
        y = t_op2(g, "Add", NULL, t_random(g, DIMS(6)), y);
    t_output(g, "y", y);
    return y;
}

static void check_norm(const spelling *s, int nodes)
{
    layer_norm(s);
    fast = t_compare(g, 2);
    assert_int_equal(t_nodes(fast), nodes);
    assert_int_equal(t_count(fast, "LayerNormalization"), 1);
}

static void layer_normalization_fuses(void **state)
{
    (void)state;
    check_norm(&(spelling){.scale = true, .bias = true, .axis = -1}, 1);
}

static void layer_normalization_fuses_with_two_copies_of_the_difference(void **state)
{
    (void)state;
    check_norm(&(spelling){.two_subs = true,
                           .square_by_mul = true,
                           .scale = true,
                           .bias = true,
                           .wide = true,
                           .axis = 2},
               1);
}

static void layer_normalization_fuses_by_reciprocal_and_without_scale(void **state)
{
    (void)state;
    check_norm(&(spelling){.reciprocal = true, .axis = -1}, 1);
}

static void layer_normalization_keeps_a_bias_without_a_scale_outside(void **state)
{
    (void)state;
    check_norm(&(spelling){.bias = true, .axis = -1}, 2);
}

static void means_over_a_middle_axis_are_no_layer_normalization(void **state)
{
    (void)state;
    layer_norm(&(spelling){.scale = true, .axis = 1});
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "LayerNormalization"), 0);
}

static void a_norm_whose_deviation_is_read_stays(void **state)
{
    (void)state;
    layer_norm(&(spelling){.scale = true, .axis = -1, .inside_read = true});
    fast = t_compare(g, 2);
    assert_int_equal(t_count(fast, "LayerNormalization"), 0);
}

IG_TESTS(T(all_spellings_of_gelu_by_erf_fuse),
         T(all_spellings_of_gelu_by_tanh_fuse),
         T(other_numbers_are_no_gelu),
         T(a_gelu_whose_inside_is_read_stays),
         T(layer_normalization_fuses),
         T(layer_normalization_fuses_with_two_copies_of_the_difference),
         T(layer_normalization_fuses_by_reciprocal_and_without_scale),
         T(layer_normalization_keeps_a_bias_without_a_scale_outside),
         T(means_over_a_middle_axis_are_no_layer_normalization),
         T(a_norm_whose_deviation_is_read_stays))
