/* Modules, the loader, small trainings, and the static gradient of a traced model
 * against the tape. */
#include <stdio.h>
#include <stdlib.h>

#include "frontend_c/ctx.h"
#include "graph/core/alloc.h"
#include "importers/import.h"
#include "tests/frontend_c/module_support.h"

/* ---- modules ---- */

static void tied_weights_are_one_parameter(void **state)
{
    (void)state;
    ig_tensor *w = ig_module_param(m, "in", vec(2, D(1, 2)));
    assert_ptr_equal(ig_module_param(m, "out", w), w);
    assert_int_equal(ig_module_params(m).n, 1);
    assert_int_equal(ig_module_state(m).n, 2);
    (void)ig_backward(c, sum(ig_mul(c, w, vec(2, D(3, 4)))));
    assert_true(fabs(ig_clip_grad_norm(ig_module_params(m), 1) - 5) < 1e-12);
    FINE();
    GRADIENT(w, 2, 0.6, 0.8);
}

static void parameters_are_named_by_their_path_in_order(void **state)
{
    (void)state;
    ig_module *block = ig_module_child(m, "block");
    ig_nn_linear *fc = ig_nn_linear_new(block, "fc", 3, 2, NULL);
    (void)ig_module_buffer(block, "mean", vec(1, D(0)));
    (void)ig_nn_layer_norm_new(m, "norm", 2, 0);
    FINE();
    ig_params p = ig_module_params(m), s = ig_module_state(m),
              inner = ig_module_params(block);
    assert_int_equal(p.n, 4);
    assert_int_equal(s.n, 5);
    assert_string_equal(p.names[0], "block.fc.weight");
    assert_string_equal(p.names[1], "block.fc.bias");
    assert_string_equal(p.names[2], "norm.weight");
    assert_ptr_equal(p.v[0], fc->weight);
    assert_string_equal(inner.names[0], "fc.weight");
    assert_true(ig_tensor_requires_grad(fc->weight));
    bool found = false;
    for (int i = 0; i < s.n; i++)
        found = found || !strcmp(s.names[i], "block.mean");
    assert_true(found);
    ig_module_free(block); /* goes with its root */
}

static void a_name_taken_twice_is_refused(void **state)
{
    (void)state;
    assert_non_null(ig_module_param(m, "w", vec(1, D(0))));
    assert_null(ig_module_param(m, "w", vec(1, D(0))));
    FAILED("net", "'w'");
    assert_null(ig_module_child(m, "w"));
    FAILED("'w'");
}

static void clear_grads_reaches_every_parameter(void **state)
{
    (void)state;
    ig_nn_linear *fc = ig_nn_linear_new(ig_module_child(m, "a"), "fc", 2, 1,
                                        &(ig_nn_linear_opts){.dtype = IG_FLOAT64});
    ig_tensor *x = ig_from(c, IG_FLOAT64, IG_SHAPE(1, 2), D(1, 2));
    (void)ig_backward(c, sum(ig_nn_linear_apply(c, fc, x)));
    FINE();
    GRADIENT(fc->weight, 2, 1, 2);
    ig_module_clear_grads(m);
    assert_null(ig_tensor_grad(fc->weight));
    assert_null(ig_tensor_grad(fc->bias));
}

/* ---- the loader ---- */

static ig_loader *numbers(const ig_loader_opts *opts)
{
    ig_tensor *x = ig_reshape(c, ig_arange(c, IG_FLOAT64, 0, 20, 1), IG_SHAPE(10, 2));
    return ig_loader_new(c, x, ig_arange(c, IG_INT64, 0, 10, 1), opts);
}

static void every_row_comes_once_an_epoch_with_its_label(void **state)
{
    (void)state;
    ig_loader *l = numbers(&(ig_loader_opts){.batch = 4, .epochs = 2, .seed = 3});
    ig_tensor *x, *y;
    int seen[10] = {0}, sizes[6], n = 0, order[20], rows = 0;
    while (n < 6 && ig_loader_next(l, &x, &y)) {
        sizes[n++] = (int)ig_tensor_dim(x, 0);
        for (int64_t i = 0; i < ig_tensor_dim(x, 0); i++) {
            int64_t label = ig_tensor_data_i64(y)[i];
            seen[label]++;
            order[rows++] = (int)label;
            assert_true(ig_tensor_data_f64(x)[2 * i] == (double)(2 * label));
        }
    }
    bool more = n == 6 && ig_loader_next(l, &x, &y);
    int epoch = ig_loader_epoch(l);
    ig_loader_free(l);
    FINE();
    assert_int_equal(n, 6);
    assert_false(more);
    assert_int_equal(epoch, 1);
    assert_int_equal(sizes[0] + sizes[1] + sizes[2], 10);
    assert_int_equal(sizes[2], 2);
    for (int i = 0; i < 10; i++)
        assert_int_equal(seen[i], 2);
    assert_memory_not_equal(order, order + 10, 10 * sizeof(int));
}

static void a_last_batch_that_is_not_full_can_be_dropped(void **state)
{
    (void)state;
    ig_loader *l =
        numbers(&(ig_loader_opts){.batch = 4, .drop_last = true, .no_shuffle = true});
    ig_tensor *x, *y;
    int n = 0;
    double first = -1;
    for (; ig_loader_next(l, &x, &y); n++)
        first = n ? first : ig_tensor_data_f64(x)[2];
    ig_loader_free(l);
    assert_int_equal(n, 2);
    assert_true(first == 2);
}

static void a_loader_refuses_lengths_that_differ(void **state)
{
    (void)state;
    assert_null(ig_loader_new(c, vec(3, D(1, 2, 3)), vec(2, D(1, 2)), NULL));
    FAILED("common first dim");
}

/* ---- trainings ---- */

typedef struct mlp {
    ig_nn_linear *a, *b;
} mlp;

static ig_tensor *mlp_forward(ig_ctx *ctx, ig_tensor *const *in, void *user)
{
    const mlp *n = user;
    return ig_nn_linear_apply(ctx, n->b,
                              ig_tanh(ctx, ig_nn_linear_apply(ctx, n->a, in[0])));
}

static void a_small_mlp_learns_exclusive_or(void **state)
{
    (void)state;
    const float x[] = {0, 0, 0, 1, 1, 0, 1, 1};
    const int64_t y[] = {0, 1, 1, 0};
    mlp net = {ig_nn_linear_new(m, "a", 2, 8, NULL),
               ig_nn_linear_new(m, "b", 8, 2, NULL)};
    ig_tensor *in = ig_from(c, IG_FLOAT32, IG_SHAPE(4, 2), x),
              *labels = ig_from(c, IG_INT64, IG_SHAPE(4), y);
    double first = 0, last = 0;
    o = ig_adam_new(ig_module_params(m), &(ig_adam_opts){.lr = 0.05});
    for (int k = 0; k < 150; k++) {
        IG_SCOPE(c) {
            ig_tensor *loss = ig_cross_entropy(c, mlp_forward(c, &in, &net), labels);
            last = ig_item(c, loss);
            first = k ? first : last;
            (void)ig_backward(c, loss);
            (void)ig_optim_step(o);
        }
    }
    FINE();
    assert_true(first > 0.4);
    assert_true(last < 0.05);
    assert_int_equal(c->tape.nodes.n, 0);
}

/* ---- static gradients ---- */

#define PARAMS_MAX 8

/* The same graph from ONNX bytes. */
static ig_graph *through_onnx(ig_graph *g)
{
    void *bytes = NULL;
    size_t n = 0;
    ig_graph *again = NULL;
    if (igi_onnx_write(g, NULL, &bytes, &n) != IG_OK ||
        ig_graph_read_bytes(&again, bytes, n, NULL, NULL, NULL) != IG_OK)
        fail_msg("%s", ig_error_message());
    igi_free(bytes);
    ig_graph_free(g);
    return again;
}

/* Traces loss(x), differentiates the graph (as it is, or exported and imported) by its
 * parameters, which are found by their names, and compares with the tape. */
static void check_static(ig_trace_fn loss, void *user, ig_tensor *x, bool onnx)
{
    ig_trace_opts t = {.inputs = {{"x", x}}, .outputs = {"loss"}, .no_self_test = true};
    ig_graph *g = ig_trace(c, loss, user, &t);
    FINE();
    if (onnx)
        g = through_onnx(g);
    ig_value_id y = ig_graph_output_at(g, 0), dx[PARAMS_MAX + 1], xs[PARAMS_MAX + 1];
    ig_params p = ig_module_params(m);
    assert_true(p.n <= PARAMS_MAX);
    for (int i = 0; i < p.n; i++) {
        xs[i] = ig_graph_find(g, p.names[i]);
        assert_true(xs[i].i != 0);
    }
    xs[p.n] = ig_graph_find(g, "x");
    if (ig_graph_gradient(g, &y, NULL, 1, xs, dx, p.n + 1) != IG_OK)
        fail_msg("%s", ig_error_message());
    for (int i = 0; i <= p.n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "d%d", i);
        assert_int_equal(ig_graph_output(g, name, dx[i]), IG_OK);
    }
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_net *net = NULL;
    if (ig_net_new(&net, g, ws, NULL) != IG_OK ||
        ig_workspace_feed(ws, "x", x) != IG_OK || ig_net_run(net, ws, NULL) != IG_OK)
        fail_msg("%s", ig_error_message());
    ig_tensor *input = ig_requires_grad(c, ig_detach(c, x), true);
    assert_int_equal(ig_backward(c, loss(c, &input, user)), IG_OK);
    for (int i = 0; i <= p.n; i++) {
        char name[16];
        ig_tensor *got = NULL, *want = ig_tensor_grad(i < p.n ? p.v[i] : input);
        snprintf(name, sizeof(name), "d%d", i);
        assert_int_equal(ig_workspace_fetch(ws, name, &got), IG_OK);
        assert_int_equal(ig_tensor_numel(got), ig_tensor_numel(want));
        check_values(got, ig_tensor_numel(want), ig_tensor_data_f64(want), name);
        ig_tensor_unref(got);
    }
    ig_net_free(net);
    ig_workspace_free(ws);
    ig_graph_free(g);
}

static ig_tensor *mlp_loss(ig_ctx *ctx, ig_tensor *const *in, void *user)
{
    ig_tensor *y = mlp_forward(ctx, in, user);
    return ig_mean(ctx, ig_mul(ctx, y, y), IG_ALL, false);
}

static void
the_static_gradient_of_a_traced_and_of_an_imported_mlp_is_the_tapes(void **state)
{
    (void)state;
    ig_nn_linear_opts f64 = {.dtype = IG_FLOAT64};
    mlp net = {ig_nn_linear_new(m, "a", 3, 5, &f64),
               ig_nn_linear_new(m, "b", 5, 2, &f64)};
    ig_tensor *x = ig_randn(c, IG_FLOAT64, IG_SHAPE(4, 3));
    check_static(mlp_loss, &net, x, false);
    ig_module_clear_grads(m);
    check_static(mlp_loss, &net, x, true);
}

typedef struct cnn {
    ig_nn_conv2d *a;
    ig_nn_linear *b;
} cnn;

static ig_tensor *cnn_loss(ig_ctx *ctx, ig_tensor *const *in, void *user)
{
    const cnn *n = user;
    const int64_t labels[] = {0, 2};
    ig_tensor *h = ig_relu(ctx, ig_nn_conv2d_apply(ctx, n->a, in[0]));
    h = ig_flatten(ctx, ig_max_pool2d(ctx, h, 2, 2, 0), 1);
    return ig_cross_entropy(ctx, ig_nn_linear_apply(ctx, n->b, h),
                            ig_from(ctx, IG_INT64, IG_SHAPE(2), labels));
}

static void
the_static_gradient_of_a_traced_and_of_an_imported_cnn_is_the_tapes(void **state)
{
    (void)state;
    cnn net = {
        ig_nn_conv2d_new(m, "a", 2, 3, 3,
                         &(ig_nn_conv2d_opts){.pad = 1, .dtype = IG_FLOAT64}),
        ig_nn_linear_new(m, "b", 12, 3, &(ig_nn_linear_opts){.dtype = IG_FLOAT64})};
    ig_tensor *x = ig_randn(c, IG_FLOAT64, IG_SHAPE(2, 2, 4, 4));
    check_static(cnn_loss, &net, x, false);
    ig_module_clear_grads(m);
    check_static(cnn_loss, &net, x, true);
}

static void a_module_may_be_freed_after_its_context(void **state)
{
    (void)state;
    ig_ctx *k = NULL;
    assert_int_equal(ig_ctx_new(&k, NULL), IG_OK);
    ig_module *late = ig_module_new(k, "late");
    assert_non_null(ig_nn_linear_new(late, "fc", 2, 3, NULL));
    ig_ctx_free(k);
    ig_module_free(late);
}

IG_TESTS(
    MODULE_TEST(parameters_are_named_by_their_path_in_order),
    MODULE_TEST(a_name_taken_twice_is_refused),
    MODULE_TEST(tied_weights_are_one_parameter),
    MODULE_TEST(a_module_may_be_freed_after_its_context),
    MODULE_TEST(clear_grads_reaches_every_parameter),
    MODULE_TEST(every_row_comes_once_an_epoch_with_its_label),
    MODULE_TEST(a_last_batch_that_is_not_full_can_be_dropped),
    MODULE_TEST(a_loader_refuses_lengths_that_differ),
    MODULE_TEST(a_small_mlp_learns_exclusive_or),
    MODULE_TEST(the_static_gradient_of_a_traced_and_of_an_imported_mlp_is_the_tapes),
    MODULE_TEST(the_static_gradient_of_a_traced_and_of_an_imported_cnn_is_the_tapes))
