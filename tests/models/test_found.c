/* What random graphs and nodes (tests/fuzz/diff_graphs.c, fuzz_nodes.c) found: one
 * small case each. */
#include <math.h>
#include <string.h>

#include <ingot/ingot.h>
#include <ingot/ops.h>
#include <ingot/train.h>

#include "graph/core/tensor.h"
#include "tests/models/support.h"
#include "tests/support/failing_alloc.h"

/* W and R of one type and value were packed under one name. */
static void weights_of_a_recurrent_layer_may_be_one_constant(void **state)
{
    (void)state;
    enum { N = 5 };
    ig_tensor *w = floats(3, (int64_t[]){1, 4 * N, N}), *copy = NULL;
    ig_tensor *x = floats(3, (int64_t[]){3, 2, N}), *y[2] = {0};
    OK(ig_tensor_new_copy(&copy, IG_FLOAT32, 3, ig_tensor_dims(w), ig_tensor_data(w),
                          ig_tensor_nbytes(w)));
    for (int one = 0; one < 2; one++) {
        ig_graph *g = NULL;
        ig_model *m = NULL;
        ig_value_id id;
        OK(ig_graph_new(&g, "recurrent", NULL));
        OK(ig_graph_input(g, "x", IG_FLOAT32, 3, ig_tensor_dims(x), &id));
        OK(ig_graph_constant(g, "w", w, &id));
        OK(ig_graph_constant(g, "r", copy, &id));
        OK(ig_graph_make_text(g,
                              one ? "y = LSTM(x, w, w) hidden_size=5"
                                  : "y = LSTM(x, w, r) hidden_size=5",
                              &id));
        OK(ig_graph_output(g, "y", id));
        OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1, .level = -1}));
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y[one]), NULL));
        ig_model_free(m);
        ig_graph_free(g);
    }
    assert_memory_equal(ig_tensor_data(y[0]), ig_tensor_data(y[1]),
                        ig_tensor_nbytes(y[0]));
    ig_tensor_unref(w), ig_tensor_unref(copy), ig_tensor_unref(x);
    ig_tensor_unref(y[0]), ig_tensor_unref(y[1]);
}

/* The second run of a net in one workspace lost a reference of each. */
static void values_that_pass_through_a_net_are_freed(void **state)
{
    (void)state;
    (void)ig_registry_builtin(); /* made once, never freed */
    igi_failing_install();
    ig_type elem = {.dtype = IG_FLOAT32, .rank = -1},
            type = {.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = &elem};
    ig_tensor *item = floats(1, (int64_t[]){3});
    ig_value *s = NULL, *items[1] = {ig_tensor_value(item)};
    ig_graph *g = NULL;
    ig_net *net = NULL;
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_value_id id;
    OK(igi_sequence_new(&s, &type, items, 1));
    OK(ig_graph_new(&g, "through", NULL));
    OK(ig_graph_input_typed(g, "s", &type, &id));
    OK(ig_graph_make_text(g, "t = Identity(s)", &id));
    OK(ig_graph_output(g, "t", id));
    OK(ig_net_new(&net, g, ws, &(ig_net_opts){.threads = 1, .level = -1}));
    OK(ig_workspace_feed_value(ws, "s", s));
    for (int i = 0; i < 3; i++)
        OK(ig_net_run(net, ws, NULL));
    ig_net_free(net);
    ig_workspace_free(ws);
    ig_graph_free(g);
    ig_value_unref(s);
    ig_tensor_unref(item);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

/* Sums over windows of 2^31 - 1 channels, 3 of which exist, took hours. */
static void gradients_of_wide_windows_end_at_the_channels(void **state)
{
    (void)state;
    const int64_t size[2] = {INT32_MAX, 5}; /* 5: two below, two above */
    float got[2][12];
    ig_ctx *c = NULL;
    OK(ig_ctx_new(&c, NULL));
    for (int i = 0; i < 2; i++) {
        ig_lrn_opts o = IG_LRN_OPTS_INIT;
        o.size = size[i];
        o.alpha = (float)size[i];
        ig_tensor *x = ig_requires_grad(c, floats(4, (int64_t[]){2, 3, 2, 1}), true);
        OK(ig_backward(c, ig_sum(c, ig_op_lrn(c, x, &o), IG_ALL, false)));
        memcpy(got[i], ig_tensor_data_f32(ig_tensor_grad(x)), sizeof(got[i]));
        ig_tensor_unref(x);
    }
    for (int i = 0; i < 12; i++)
        assert_true(fabsf(got[0][i] - got[1][i]) < 1e-5f);
    ig_ctx_free(c);
}

/* What the lines make of inputs x[3, 64] and z[3, 1] and constants w[64, 1], v[64, 64]:
 * the value y. */
static ig_tensor *made_by(const char *const *lines, int level)
{
    ig_tensor *x = floats(2, (int64_t[]){3, 64}), *z = floats(2, (int64_t[]){3, 1}),
              *w = floats(2, (int64_t[]){64, 1}), *v = floats(2, (int64_t[]){64, 64}),
              *y = NULL;
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_value_id id;
    OK(ig_graph_new(&g, "lines", NULL));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 2, ig_tensor_dims(x), &id));
    OK(ig_graph_input(g, "z", IG_FLOAT32, 2, ig_tensor_dims(z), &id));
    OK(ig_graph_constant(g, "w", w, &id));
    OK(ig_graph_constant(g, "v", v, &id));
    for (; *lines; lines++)
        OK(ig_graph_make_text(g, *lines, &id));
    OK(ig_graph_output(g, "y", id));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1, .level = level}));
    OK(ig_model_run(m, IG_INPUTS(x, z), IG_OUTPUTS(&y), NULL));
    ig_model_free(m);
    ig_graph_free(g);
    ig_tensor_unref(x), ig_tensor_unref(z), ig_tensor_unref(w), ig_tensor_unref(v);
    return y;
}

static void expect_same_at_all_levels(const char *const *lines)
{
    ig_tensor *want = made_by(lines, -1), *got = made_by(lines, 2);
    for (int64_t i = 0; i < ig_tensor_numel(want); i++)
        assert_true(fabs((double)ig_tensor_data_f32(want)[i] -
                         (double)ig_tensor_data_f32(got)[i]) < 1e-4);
    ig_tensor_unref(want), ig_tensor_unref(got);
}

/* The product was written over the residual before that was added. */
static void a_product_may_lie_over_the_residual_that_follows_it(void **state)
{
    (void)state;
    expect_same_at_all_levels((const char *const[]){"r = Sin(x)", "p = MatMul(x, v)",
                                                    "a = Sigmoid(p)", "s = Add(a, r)",
                                                    "y = Cos(s)", NULL});
}

/* Its packed forms had one name. */
static void a_column_is_packed_in_both_orientations(void **state)
{
    (void)state;
    expect_same_at_all_levels((const char *const[]){
        "a = MatMul(x, w)", "b = Gemm(z, w) transB=1", "y = Add(a, b)", NULL});
}

/* y over x[n] and s, which are inputs of the run, in one or two lines. */
static ig_model *of_two(const char *const *lines, int64_t n, ig_dtype type, int64_t n_s)
{
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_value_id id;
    OK(ig_graph_new(&g, "two", NULL));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 1, &n, &id));
    OK(ig_graph_input(g, "s", type, 1, &n_s, &id));
    for (int i = 0; i < 2 && lines[i]; i++)
        OK(ig_graph_make_text(g, lines[i], &id));
    OK(ig_graph_output(g, "y", id));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1, .level = -1}));
    ig_graph_free(g);
    return m;
}

static int64_t size_of_y(ig_model *m, ig_tensor *x, ig_tensor *s)
{
    ig_tensor *y = NULL;
    OK(ig_model_run(m, IG_INPUTS(x, s), IG_OUTPUTS(&y), NULL));
    int64_t n = ig_tensor_numel(y);
    ig_tensor_unref(y);
    return n;
}

/* Plans for the sizes of the first run served every other: floats and truth values that
 * decide about sizes were no part of their signature. */
static void sizes_follow_the_floats_of_each_run(void **state)
{
    (void)state;
    const char *const scaled[] = {"y = Resize(x, , s)", NULL},
                      *const cast[] = {"n = Cast(s) to=int64", "y = Expand(x, n)"};
    ig_tensor *x = floats(1, (int64_t[]){1}), *f = NULL, *b = NULL;
    ig_model *m[2] = {of_two(scaled, 1, IG_FLOAT32, 1), of_two(cast, 1, IG_BOOL, 1)};
    OK(ig_tensor_new(&f, IG_FLOAT32, 1, (int64_t[]){1}));
    OK(ig_tensor_new(&b, IG_BOOL, 1, (int64_t[]){1}));
    for (int run = 1; run < 12; run++) {
        *(float *)ig_tensor_data(f) = (float)run;
        *(uint8_t *)ig_tensor_data(b) = (uint8_t)(run % 2);
        assert_int_equal(size_of_y(m[0], x, f), run);
        assert_int_equal(size_of_y(m[1], x, b), run % 2);
    }
    ig_model_free(m[0]), ig_model_free(m[1]);
    ig_tensor_unref(x), ig_tensor_unref(f), ig_tensor_unref(b);
}

/* The same for more integers than signatures have. */
static void sizes_follow_many_integers_of_each_run(void **state)
{
    (void)state;
    enum { PIECES = 100 };
    const int64_t n = PIECES;
    ig_value_id in[2], pieces[PIECES];
    ig_graph *g = NULL;
    ig_model *m = NULL;
    OK(ig_graph_new(&g, "pieces", NULL));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 1, &n, &in[0]));
    OK(ig_graph_input(g, "s", IG_INT64, 1, &n, &in[1]));
    OK(ig_graph_make_named(g, "Split", NULL, in, 2, pieces, PIECES));
    OK(ig_graph_output(g, "y", pieces[0]));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1, .level = -1}));
    ig_graph_free(g);
    ig_tensor *x = floats(1, (int64_t[]){PIECES}), *s = NULL;
    OK(ig_tensor_new(&s, IG_INT64, 1, (int64_t[]){PIECES}));
    int64_t *length = ig_tensor_data(s);
    for (int i = 0; i < PIECES; i++)
        length[i] = 1;
    for (int run = 0; run < 3; run++) {
        length[0] = run;
        length[1] = 2 - run;
        assert_int_equal(size_of_y(m, x, s), run);
    }
    ig_model_free(m);
    ig_tensor_unref(x), ig_tensor_unref(s);
}

/* The tables of the first scale were found again for any other that makes as many
 * elements: x at 1 / scale, about 1. */
static void single_calls_follow_their_scales(void **state)
{
    (void)state;
    ig_resize_opts o = IG_RESIZE_OPTS_INIT;
    ig_tensor *x = floats(1, (int64_t[]){10}), *s = floats(1, (int64_t[]){1});
    ig_ctx *c = NULL;
    OK(ig_ctx_new(&c, NULL));
    for (int i = 0; i < 10; i++)
        ((float *)ig_tensor_data(x))[i] = (float)i;
    o.mode = IG_RESIZE_MODE_LINEAR;
    o.coordinate_transformation_mode =
        IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_ASYMMETRIC;
    for (float scale = 1.21f; scale < 1.3f; scale += 0.02f) {
        *(float *)ig_tensor_data(s) = scale;
        ig_tensor *y = ig_op_resize(c, x, NULL, s, NULL, &o);
        assert_non_null(y);
        assert_int_equal(ig_tensor_numel(y), 12);
        assert_true(fabsf(ig_tensor_data_f32(y)[1] - 1 / scale) < 1e-5f);
    }
    ig_ctx_free(c);
    ig_tensor_unref(x), ig_tensor_unref(s);
}

static ig_value *sequence_of(ig_dtype dtype, int64_t n)
{
    ig_type elem = {.dtype = (uint8_t)dtype, .rank = 1, .u.dim = {n}},
            type = {.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = &elem};
    ig_tensor *t = NULL;
    ig_value *s = NULL;
    OK(ig_tensor_new(&t, dtype, 1, &n));
    memset(ig_tensor_data(t), 0, ig_tensor_nbytes(t));
    OK(igi_sequence_new(&s, &type, (ig_value *const[]){ig_tensor_value(t)}, 1));
    ig_tensor_unref(t);
    return s;
}

/* What a sequence holds was no part of signatures: after a run with floats, integers
 * were taken too, and shapes were those of the first run. */
static void the_second_sequence_is_checked_like_the_first(void **state)
{
    (void)state;
    ig_type elem = {.dtype = IG_FLOAT32, .rank = -1},
            type = {.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = &elem};
    const char *const in[] = {"s"}, *const out[] = {"y"};
    int64_t zero = 0;
    ig_tensor *at = NULL;
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_value_id id;
    OK(ig_graph_new(&g, "items", NULL));
    OK(ig_graph_input_typed(g, "s", &type, &id));
    OK(ig_tensor_new_copy(&at, IG_INT64, 0, NULL, &zero, sizeof(zero)));
    OK(ig_graph_constant(g, "at", at, &id));
    OK(ig_graph_make_text(g, "t = SequenceAt(s, at)", &id));
    OK(ig_graph_make_text(g, "y = Shape(t)", &id));
    OK(ig_graph_output(g, "y", id));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1, .level = -1}));
    for (int64_t n = 3; n < 6; n++) {
        ig_value *s = sequence_of(IG_FLOAT32, n), *i = sequence_of(IG_INT64, n),
                 *y = NULL, *none = NULL;
        OK(ig_model_run_values(m, in, &s, 1, out, &y, 1, NULL));
        assert_int_equal(*(int64_t *)ig_tensor_data(ig_value_tensor(y)), n);
        assert_int_equal(ig_model_run_values(m, in, &i, 1, out, &none, 1, NULL),
                         IG_INVALID_ARGUMENT);
        ig_value_unref(s), ig_value_unref(i), ig_value_unref(y);
    }
    ig_model_free(m);
    ig_graph_free(g);
    ig_tensor_unref(at);
}

/* They were the memory of the input. */
static void items_of_a_result_outlive_changes_of_the_input(void **state)
{
    (void)state;
    const int64_t n = 3;
    ig_tensor *x = floats(1, &n);
    ig_graph *g = NULL;
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_net *net = NULL;
    ig_value *s = NULL;
    ig_value_id id;
    OK(ig_graph_new(&g, "items", NULL));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 1, &n, &id));
    OK(ig_graph_make_text(g, "s = SequenceConstruct(x)", &id));
    OK(ig_graph_output(g, "s", id));
    OK(ig_net_new(&net, g, ws, NULL));
    OK(ig_workspace_feed(ws, "x", x));
    OK(ig_net_run(net, ws, NULL));
    OK(ig_workspace_fetch_value(ws, "s", &s));
    ((float *)ig_tensor_data(x))[0] = 77;
    const float *item = ig_tensor_data(ig_value_tensor(ig_value_item(s, 0)));
    assert_true(item[0] < 1);
    ig_value_unref(s);
    ig_net_free(net), ig_workspace_free(ws), ig_graph_free(g);
    ig_tensor_unref(x);
}

IG_TESTS(cmocka_unit_test(items_of_a_result_outlive_changes_of_the_input),
         cmocka_unit_test(weights_of_a_recurrent_layer_may_be_one_constant),
         cmocka_unit_test(values_that_pass_through_a_net_are_freed),
         cmocka_unit_test(gradients_of_wide_windows_end_at_the_channels),
         cmocka_unit_test(a_product_may_lie_over_the_residual_that_follows_it),
         cmocka_unit_test(a_column_is_packed_in_both_orientations),
         cmocka_unit_test(sizes_follow_the_floats_of_each_run),
         cmocka_unit_test(sizes_follow_many_integers_of_each_run),
         cmocka_unit_test(single_calls_follow_their_scales),
         cmocka_unit_test(the_second_sequence_is_checked_like_the_first))
