/* What random graphs and nodes (tests/fuzz/diff_graphs.c, fuzz_nodes.c) found: one
 * small case each. */
#include <math.h>
#include <string.h>

#include <ingot/ingot.h>
#include <ingot/ops.h>
#include <ingot/train.h>

#include "graph/core/tensor.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

static ig_tensor *floats(int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    OK(ig_tensor_new(&t, IG_FLOAT32, rank, dims));
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        ((float *)ig_tensor_data(t))[i] = (float)(i % 7) / 8 - 0.4f;
    return t;
}

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

IG_TESTS(cmocka_unit_test(weights_of_a_recurrent_layer_may_be_one_constant),
         cmocka_unit_test(values_that_pass_through_a_net_are_freed),
         cmocka_unit_test(gradients_of_wide_windows_end_at_the_channels),
         cmocka_unit_test(a_product_may_lie_over_the_residual_that_follows_it),
         cmocka_unit_test(a_column_is_packed_in_both_orientations))
