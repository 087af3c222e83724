/* What infer functions are written with, and integers that shapes depend on. */
#include <string.h>

#include "graph/core/sym.h"
#include "tests/graph/ir/support.h"

/* One call of infer outside a graph. */
typedef struct scene {
    ig_type in_type[3], out_type[2];
    const ig_type *in[3];
    ig_type *out[2];
    ig_value *known[3];
    ig_ints ints[3];
    ig_infer x;
} scene;

static void set(scene *s, int n_in, ig_symtab *syms, const ig_op_def *op)
{
    memset(s, 0, sizeof(*s));
    for (int i = 0; i < 3; i++)
        s->in[i] = &s->in_type[i];
    for (int i = 0; i < 2; i++) {
        s->out_type[i] = (ig_type){.dtype = IG_FLOAT32, .rank = -1};
        s->out[i] = &s->out_type[i];
    }
    s->x = (ig_infer){.struct_size = sizeof(s->x),
                      .n_in = n_in,
                      .n_out = 2,
                      .in = s->in,
                      .out = s->out,
                      .known = s->known,
                      .ints = s->ints,
                      .syms = syms,
                      .op = op};
}

static void shape(scene *s, int i, int rank, const int64_t *dims)
{
    IR_OK(igi_type_set(&s->in_type[i], IG_FLOAT32, rank, dims));
}

static void is_shape(const ig_type *t, int rank, const int64_t *dims)
{
    assert_int_equal(t->rank, rank);
    for (int i = 0; i < rank; i++)
        assert_int_equal(ig_type_dims(t)[i], dims[i]);
}

static void shapes_broadcast_from_the_right(void **state)
{
    (void)state;
    scene s;
    set(&s, 3, NULL, IG_OP(Add));
    shape(&s, 0, 3, IR_DIMS(2, 1, 4));
    shape(&s, 1, 2, IR_DIMS(3, 1));
    shape(&s, 2, 0, NULL);
    IR_OK(ig_infer_broadcast(&s.x));
    is_shape(&s.out_type[0], 3, IR_DIMS(2, 3, 4));
    shape(&s, 2, 1, IR_DIMS(5));
    IR_ERROR(ig_infer_broadcast(&s.x), IG_INVALID_ARGUMENT, "Add", "axis 2",
             "float32[2,1,4]", "float32[5]");
    shape(&s, 1, 2, IR_DIMS(0, 1));
    shape(&s, 2, 0, NULL);
    IR_OK(ig_infer_broadcast(&s.x));
    is_shape(&s.out_type[0], 3, IR_DIMS(2, 0, 4));
    shape(&s, 1, -1, NULL);
    IR_OK(ig_infer_broadcast(&s.x));
    assert_int_equal(s.out_type[0].rank, -1);
}

static void a_shape_may_be_set_twice_and_beyond_eight_dims(void **state)
{
    (void)state;
    scene s;
    int64_t dims[IG_RANK_MAX];
    for (int i = 0; i < IG_RANK_MAX; i++)
        dims[i] = i;
    set(&s, 1, NULL, IG_OP(Add));
    igi_failing_install();
    IR_OK(ig_infer_set(&s.x, 0, 9, dims));
    is_shape(&s.out_type[0], 9, dims);
    IR_OK(ig_infer_set(&s.x, 0, IG_RANK_MAX, dims));
    is_shape(&s.out_type[0], IG_RANK_MAX, dims);
    IR_OK(ig_infer_set(&s.x, 0, 2, dims));
    IR_OK(ig_infer_set(&s.x, 0, 10, dims));
    IR_OK(ig_infer_unknown(&s.x, 0));
    long left = igi_failing_live();
    igi_failing_uninstall();
    assert_int_equal(left, 0);
    IR_ERROR(ig_infer_set(&s.x, 0, IG_RANK_MAX + 1, dims), IG_INVALID_ARGUMENT,
             "rank 65");
    IR_ERROR(ig_infer_set(&s.x, 0, -1, dims), IG_INVALID_ARGUMENT, "rank -1");
    IR_OK(ig_infer_set(&s.x, 7, 1, dims)); /* not wanted: no error */
}

static void axes_are_normalised_and_named(void **state)
{
    (void)state;
    scene s;
    int a[3];
    set(&s, 1, NULL, IG_OP(ReduceSum));
    IR_OK(ig_infer_axis(&s.x, -1, 3, false, a));
    assert_int_equal(a[0], 2);
    IR_OK(ig_infer_axis(&s.x, 3, 3, true, a));
    assert_int_equal(a[0], 3);
    IR_ERROR(ig_infer_axis(&s.x, 3, 3, false, a), IG_INVALID_ARGUMENT, "axis 3",
             "[-3, 2]");
    IR_ERROR(ig_infer_axis(&s.x, INT64_MIN, 3, false, a), IG_INVALID_ARGUMENT,
             "outside");
    IR_OK(ig_infer_axes(&s.x, IR_DIMS(2, -3), 2, 3, a));
    assert_int_equal(a[1], 0);
    IR_ERROR(ig_infer_axes(&s.x, IR_DIMS(1, -2), 2, 3, a), IG_INVALID_ARGUMENT,
             "axis -2 is given twice");
}

static void dims_are_counted_compared_and_copied(void **state)
{
    (void)state;
    scene s;
    int64_t d;
    set(&s, 1, NULL, IG_OP(Add));
    shape(&s, 0, 3, IR_DIMS(2, 3, -1));
    assert_int_equal(ig_infer_count(&s.x, 0, 0, 2), 6);
    assert_int_equal(ig_infer_count(&s.x, 0, 1, 3), -1);
    IR_OK(ig_infer_dim(&s.x, 0, 1, &d));
    assert_int_equal(d, 3);
    IR_ERROR(ig_infer_dim(&s.x, 0, 3, &d), IG_INVALID_ARGUMENT, "a has no dim 3");
    IR_OK(ig_infer_equal(&s.x, -1, 4, "rows", &d));
    assert_int_equal(d, 4);
    IR_ERROR(ig_infer_equal(&s.x, 3, 4, "rows", &d), IG_INVALID_ARGUMENT,
             "rows differ: 3 and 4");
    IR_OK(ig_infer_same(&s.x));
    is_shape(&s.out_type[1], 3, IR_DIMS(2, 3, -1));
    s.in[0] = NULL;
    IR_OK(ig_infer_copy(&s.x, 0, 0)); /* an absent input has no shape to copy */
    assert_int_equal(s.out_type[0].rank, -1);
    IR_ERROR(ig_infer_dtype(&s.x, 0, 99), IG_INVALID_ARGUMENT, "99 is no element type");
}

/* ---- integers ---- */

static void integers_come_from_tensors_or_lists(void **state)
{
    (void)state;
    scene s;
    int64_t buf[4];
    ig_tensor *t = ir_tensor_ints(3, IR_DIMS(5, -1, 7)), *none = ir_tensor_ints(0, buf);
    set(&s, 2, NULL, IG_OP(Expand));
    s.known[1] = &t->v;
    int n = ig_infer_ints(&s.x, 1, buf, 4);
    int too_many = ig_infer_ints(&s.x, 1, buf + 3, 1);
    char message[256];
    strncpy(message, ig_error_message(), sizeof(message) - 1);
    message[sizeof(message) - 1] = 0;
    s.known[1] = &none->v;
    int zero = ig_infer_ints(&s.x, 1, buf + 3, 1);
    ig_tensor_unref(t);
    ig_tensor_unref(none);
    s.known[1] = NULL;
    assert_int_equal(n, 3);
    assert_int_equal(buf[1], -1);
    assert_int_equal(zero, 0);
    assert_int_equal(too_many, IG_INTS_TOO_MANY);
    assert_non_null(strstr(message, "shape must be a vector of at most 1"));
    assert_int_equal(ig_infer_ints(&s.x, 1, buf, 4), IG_INTS_UNKNOWN);
    assert_int_equal(ig_infer_ints(&s.x, 2, buf, 4), IG_INTS_ABSENT);
    s.ints[1] = (ig_ints){2, IR_DIMS(8, 9)};
    assert_int_equal(ig_infer_ints(&s.x, 1, buf, 4), 2);
    assert_int_equal(ig_infer_ints(&s.x, 1, buf, 1), IG_INTS_TOO_MANY);
}

/* Whoever has only a type learns of a matrix, or a list that is too long, all the same:
 * kernels read as many numbers as infer has accepted. */
static void a_type_that_is_no_list_is_refused_without_its_values(void **state)
{
    (void)state;
    scene s;
    int64_t buf[5];
    set(&s, 2, NULL, IG_OP(Expand));
    shape(&s, 1, 1, IR_DIMS(5));
    assert_int_equal(ig_infer_ints(&s.x, 1, buf, 4), IG_INTS_TOO_MANY);
    assert_int_equal(ig_infer_ints(&s.x, 1, buf, 5), IG_INTS_UNKNOWN);
    shape(&s, 1, 2, IR_DIMS(2, 2));
    int n = ig_infer_ints(&s.x, 1, buf, 4);
    IR_ERROR(n == IG_INTS_TOO_MANY ? ig_error_status() : IG_OK, IG_INVALID_ARGUMENT,
             "Expand: shape must be a vector of at most 4 integers");
}

static void an_error_in_a_variadic_port_finds_its_name(void **state)
{
    (void)state;
    scene s;
    int64_t buf[1];
    ig_tensor *t = ir_tensor_ints(2, IR_DIMS(1, 2));
    set(&s, 3, NULL, IG_OP(Concat)); /* one formal port, three values */
    s.known[2] = &t->v;
    int n = ig_infer_ints(&s.x, 2, buf, 1);
    ig_tensor_unref(t);
    IR_ERROR(n == IG_INTS_TOO_MANY ? ig_error_status() : IG_OK, IG_INVALID_ARGUMENT,
             "Concat: x must be a vector");
}

typedef int64_t dim_fn(ig_symtab *, int64_t, int64_t);

static int64_t combined(ig_symtab *syms, dim_fn *f, int64_t a, int64_t b)
{
    scene s;
    int64_t out;
    set(&s, 2, syms, IG_OP(Add));
    s.ints[0] = (ig_ints){1, &a};
    s.ints[1] = (ig_ints){1, &b};
    assert_int_equal(ig_values_binary(&s.x, &out, 1, f), 1);
    return out;
}

static void negative_numbers_and_symbols_share_a_list(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_symtab *t = g->syms;
    int64_t n, k;
    IR_OK(ig_graph_dim(g, "N", &n));
    assert_int_equal(combined(t, ig_dim_add, 1, -2), -1);
    assert_int_equal(combined(t, ig_dim_sub, 1, 3), -2);
    assert_int_equal(combined(t, ig_dim_mul, -3, 4), -12);
    assert_int_equal(combined(t, ig_dim_max, -3, -4), -3);
    assert_int_equal(combined(t, ig_dim_min, -3, 4), -3);
    assert_int_equal(combined(t, ig_dim_add, n, -1), ig_dim_sub(t, n, 1));
    assert_int_equal(combined(t, ig_dim_add, -1, n), ig_dim_sub(t, n, 1));
    assert_int_equal(combined(t, ig_dim_sub, n, -2), ig_dim_add(t, n, 2));
    assert_int_equal(combined(t, ig_dim_sub, n, n), 0);
    assert_int_equal(combined(t, ig_dim_mul, n, 3), ig_dim_mul(t, n, 3));
    k = combined(t, ig_dim_mul, n, -3); /* -3 N is no dim: some number */
    assert_true(ig_dim_is_symbol(k) && igi_symtab_is_fresh(t, k));
}

static void sums_that_leave_the_range_are_unknown_numbers(void **state)
{
    ig_symtab *t = ir_graph(state)->syms;
    const int64_t low = IG_DIM_SYMBOL_FIRST + 1;
    int64_t k = combined(t, ig_dim_add, low, -5); /* must not be read as a symbol */
    assert_true(igi_symtab_is_fresh(t, k));
    k = combined(t, ig_dim_add, INT64_MAX, 1);
    assert_true(igi_symtab_is_fresh(t, k));
    k = combined(t, ig_dim_mul, INT64_MAX, -2);
    assert_true(igi_symtab_is_fresh(t, k));
    k = combined(t, ig_dim_div, 5, 0);
    assert_true(igi_symtab_is_fresh(t, k));
    assert_int_equal(combined(t, ig_dim_div, 7, 2), 3);
}

static void lists_of_one_broadcast(void **state)
{
    ig_symtab *t = ir_graph(state)->syms;
    scene s;
    int64_t out[4];
    set(&s, 2, t, IG_OP(Add));
    s.ints[0] = (ig_ints){3, IR_DIMS(1, 2, -3)};
    s.ints[1] = (ig_ints){1, IR_DIMS(10)};
    assert_int_equal(ig_values_binary(&s.x, out, 4, ig_dim_add), 3);
    assert_int_equal(out[2], 7);
    assert_int_equal(ig_values_binary(&s.x, out, 2, ig_dim_add), IG_INTS_UNKNOWN);
    s.ints[1].n = 0;
    s.ints[0].n = 2;
    assert_int_equal(ig_values_binary(&s.x, out, 4, ig_dim_add), IG_INTS_UNKNOWN);
    assert_int_equal(ig_values_same(&s.x, out, 4), 2);
}

/* Shape -> Add -> Concat -> Expand, as exporters write Reshape targets. */
static void a_shape_chain_gives_symbolic_dims(void **state)
{
    ig_graph *g = ir_graph(state);
    int64_t n;
    IR_OK(ig_graph_dim(g, "N", &n));
    ig_value_id x = ir_input(g, "x", 2, IR_DIMS(n, 3));
    ig_value_id shape_x = ir_node(g, IG_OP(Shape), NULL, x, (ig_value_id){0});
    ig_value_id more =
        ir_node(g, IG_OP(Add), NULL, shape_x, ir_ints(g, NULL, 1, IR_DIMS(-1)));
    ig_value_id all =
        ir_node(g, IG_OP(Concat), NULL, more, ir_ints(g, NULL, 1, IR_DIMS(7)));
    ig_value_id y = ir_node(g, IG_OP(Expand), "y", x, all);
    is_shape(ig_graph_value_type(g, y), 3, IR_DIMS(ig_dim_sub(g->syms, n, 1), 2, 7));
}

static void inferring_again_forgets_integers_that_are_gone(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 2, IR_DIMS(4, 3));
    ig_value_id s = ir_node(g, IG_OP(Shape), NULL, x, (ig_value_id){0});
    ig_value_id i = ir_node(g, IG_OP(Identity), NULL, s, (ig_value_id){0});
    ig_value_id y = ir_node(g, IG_OP(Expand), NULL, x, i);
    assert_int_equal(igi_value_at(g, i)->ints.n, 2);
    IR_OK(igi_type_set(&igi_value_at(g, x)->type, IG_FLOAT32, 2, IR_DIMS(5, 3)));
    size_t before = g->arena.total;
    IR_OK(igi_graph_infer(g));
    assert_int_equal(g->arena.total, before); /* lists are written over */
    is_shape(ig_graph_value_type(g, y), 2, IR_DIMS(5, 3));
    /* An input whose values nobody knows takes the place of Shape. */
    ig_value_id in;
    IR_OK(ig_graph_input(g, "target", IG_INT64, 1, IR_DIMS(2), &in));
    IR_OK(ig_graph_replace(g, s, in));
    IR_OK(igi_graph_infer(g));
    assert_null(igi_value_at(g, i)->ints.v);
    const int64_t *d = ig_type_dims(ig_graph_value_type(g, y));
    assert_true(ig_dim_is_symbol(d[0]) && ig_dim_is_symbol(d[1]) && d[0] != d[1]);
}

static void an_error_while_inferring_again_names_the_node(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id a = ir_input(g, "a", 1, IR_DIMS(2)),
                b = ir_input(g, "b", 1, IR_DIMS(2));
    (void)ir_node(g, IG_OP(Add), "sum", a, b);
    IR_OK(igi_type_set(&igi_value_at(g, b)->type, IG_FLOAT32, 1, IR_DIMS(3)));
    IR_ERROR(igi_graph_infer(g), IG_INVALID_ARGUMENT, "node 'sum' (Add)",
             "do not broadcast");
}

/* ---- kernels' helpers of this layer ---- */

static void parts_of_a_split_cover_everything_once(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 15, 16, 17, 1000}, grains[] = {0, 1, 16, 300};
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 4; k++)
            for (int nth = 1; nth < 9; nth++) {
                int64_t at = 0, lo, hi;
                for (int tid = 0; tid < nth; tid++) {
                    ig_split(sizes[i], grains[k], tid, nth, &lo, &hi);
                    assert_int_equal(lo, at);
                    assert_true(hi >= lo);
                    assert_true(!grains[k] || hi == sizes[i] || hi % grains[k] == 0);
                    at = hi;
                }
                assert_int_equal(at, sizes[i]);
            }
}

IG_TESTS(cmocka_unit_test(shapes_broadcast_from_the_right),
         cmocka_unit_test(a_shape_may_be_set_twice_and_beyond_eight_dims),
         cmocka_unit_test(axes_are_normalised_and_named),
         cmocka_unit_test(dims_are_counted_compared_and_copied),
         cmocka_unit_test(integers_come_from_tensors_or_lists),
         cmocka_unit_test(a_type_that_is_no_list_is_refused_without_its_values),
         cmocka_unit_test(an_error_in_a_variadic_port_finds_its_name),
         IR_TEST(negative_numbers_and_symbols_share_a_list),
         IR_TEST(sums_that_leave_the_range_are_unknown_numbers),
         IR_TEST(lists_of_one_broadcast),
         IR_TEST(a_shape_chain_gives_symbolic_dims),
         IR_TEST(inferring_again_forgets_integers_that_are_gone),
         IR_TEST(an_error_while_inferring_again_names_the_node),
         cmocka_unit_test(parts_of_a_split_cover_everything_once))
