/* Optimisers against plain arithmetic, modules, the loader, small trainings, and the
 * static gradient of a traced model against the tape. */
#include <stdio.h>
#include <stdlib.h>

#include "frontend_c/ctx.h"
#include "graph/core/alloc.h"
#include "importers/import.h"
#include "tests/frontend_c/support.h"

static ig_module *m;
static ig_optim *o;

static int setup(void **state)
{
    int rc = ctx_setup(state);
    m = rc ? NULL : ig_module_new(c, "net");
    o = NULL;
    return m == NULL;
}

static int teardown(void **state)
{
    ig_optim_free(o);
    ig_module_free(m);
    return ctx_teardown(state);
}

#define MODULE_TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

/* ---- optimisers ---- */

#define N 3
typedef struct plain {
    double w[N], m[N], v[N];
} plain;

static const double start[N] = {1.5, -2, 0.5}, goal[N] = {0.25, 1, -1};

static ig_tensor *parameter(void)
{
    return ig_module_param(m, "w", vec(N, start));
}

/* Gradient of 0.5 * sum (w - goal)^4, by the tape and by hand. */
static void slope(const double *w, double *g)
{
    for (int i = 0; i < N; i++)
        g[i] = 2 * (w[i] - goal[i]) * (w[i] - goal[i]) * (w[i] - goal[i]);
}

static void step_by_tape(ig_tensor *w)
{
    IG_SCOPE(c) {
        ig_tensor *d = ig_sub(c, w, vec(N, goal)), *q = ig_mul(c, d, d);
        (void)ig_backward(c, ig_mul_scalar(c, sum(ig_mul(c, q, q)), 0.5));
        (void)ig_optim_step(o);
    }
    FINE();
    assert_null(ig_tensor_grad(w));
}

static void compare(ig_tensor *w, const plain *p)
{
    check_values(w, N, p->w, IG_HERE);
}

static void sgd_steps_as_written_down(void **state)
{
    (void)state;
    ig_tensor *w = parameter();
    plain p = {.w = {1.5, -2, 0.5}};
    o = ig_sgd_new(ig_module_params(m),
                   &(ig_sgd_opts){.lr = 0.01, .weight_decay = 0.1});
    for (int k = 0; k < 5; k++) {
        double g[N];
        slope(p.w, g);
        for (int i = 0; i < N; i++)
            p.w[i] -= 0.01 * (g[i] + 0.1 * p.w[i]);
        step_by_tape(w);
        compare(w, &p);
    }
}

static void momentum_and_nesterov_step_as_written_down(void **state)
{
    (void)state;
    ig_tensor *w = parameter();
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        plain p = {.w = {1.5, -2, 0.5}};
        IG_NO_GRAD(c)
            ig_copy_(c, w, vec(N, start));
        ig_optim_free(o);
        o = ig_sgd_new(
            ig_module_params(m),
            &(ig_sgd_opts){.lr = 0.01, .momentum = 0.9, .nesterov = nesterov});
        for (int k = 0; k < 5; k++) {
            double g[N];
            slope(p.w, g);
            for (int i = 0; i < N; i++) {
                p.v[i] = 0.9 * p.v[i] + g[i];
                p.w[i] -= 0.01 * (nesterov ? g[i] + 0.9 * p.v[i] : p.v[i]);
            }
            step_by_tape(w);
            compare(w, &p);
        }
    }
}

static void adam_and_adamw_step_as_written_down(void **state)
{
    (void)state;
    ig_tensor *w = parameter();
    for (int decoupled = 0; decoupled < 2; decoupled++) {
        plain p = {.w = {1.5, -2, 0.5}};
        IG_NO_GRAD(c)
            ig_copy_(c, w, vec(N, start));
        ig_optim_free(o);
        o = ig_adam_new(
            ig_module_params(m),
            &(ig_adam_opts){.lr = 0.02, .weight_decay = 0.1, .decoupled = decoupled});
        for (int k = 1; k <= 5; k++) {
            double g[N];
            slope(p.w, g);
            for (int i = 0; i < N; i++) {
                if (decoupled)
                    p.w[i] *= 1 - 0.02 * 0.1;
                else
                    g[i] += 0.1 * p.w[i];
                p.m[i] = 0.9 * p.m[i] + 0.1 * g[i];
                p.v[i] = 0.999 * p.v[i] + 0.001 * g[i] * g[i];
                double mean = p.m[i] / (1 - pow(0.9, k)),
                       var = p.v[i] / (1 - pow(0.999, k));
                p.w[i] -= 0.02 * mean / (sqrt(var) + 1e-8);
            }
            step_by_tape(w);
            compare(w, &p);
        }
    }
}

static void parameters_without_a_gradient_stay(void **state)
{
    (void)state;
    ig_tensor *w = parameter(), *idle = ig_module_param(m, "idle", vec(1, D(3)));
    o = ig_sgd_new(ig_module_params(m), &(ig_sgd_opts){.lr = 1, .weight_decay = 1});
    step_by_tape(w);
    VALUES(idle, 1, 3);
}

/* A program writes its calls behind each other and asks once. */
static void what_was_not_made_is_taken_everywhere(void **state)
{
    (void)state;
    char *text = NULL;
    ig_tensor *x = NULL, *y = NULL;
    (void)ig_ctx_fail(c, "here", IG_IO, "the first error");
    ig_module *none = ig_module_new(c, "none");
    assert_null(ig_nn_linear_new(none, "fc", 2, 3, NULL));
    assert_null(ig_module_ctx(none));
    assert_int_equal(ig_module_params(none).n + ig_module_state(none).n, 0);
    ig_module_clear_grads(none);
    ig_optim *sgd = ig_sgd_new(ig_module_params(none), NULL);
    ig_optim_set_lr(sgd, 1);
    assert_int_equal(ig_optim_step(sgd), IG_INVALID_ARGUMENT);
    assert_null(ig_clip_grads(ig_module_params(none), 1));
    assert_true(isnan(ig_clip_grad_norm(ig_module_params(none), 1)));
    ig_loader *rows = ig_loader_new(c, NULL, NULL, NULL);
    assert_false(ig_loader_next(rows, &x, &y));
    assert_int_equal(ig_loader_epoch(rows), 0);
    assert_int_equal(ig_tensor_format(NULL, &text), IG_INVALID_ARGUMENT);
    ig_loader_free(rows);
    ig_optim_free(sgd);
    ig_module_free(none);
    assert_string_equal(ig_ctx_message(c), "here: the first error");
    ig_ctx_clear(c);
    assert_null(ig_module_param(m, "w", NULL));
    assert_int_equal(ig_ctx_status(c), IG_INVALID_ARGUMENT);
    ig_ctx_clear(c);
    assert_int_equal(ig_grad(c, &x, 1, &y, 1, NULL, NULL), IG_INVALID_ARGUMENT);
    ig_ctx_clear(c);
}

/* The first step of Adam is lr along the sign, whenever it comes. */
static void a_parameter_that_joins_late_starts_at_its_own_first_step(void **state)
{
    (void)state;
    ig_tensor *w = ig_module_param(m, "w", vec(1, D(1)));
    ig_tensor *late = ig_module_param(m, "late", vec(1, D(1)));
    o = ig_adam_new(ig_module_params(m), &(ig_adam_opts){.lr = 0.125});
    for (int k = 0; k < 4; k++) {
        (void)ig_backward(c, sum(k < 3 ? w : ig_add(c, w, late)));
        assert_int_equal(ig_optim_step(o), IG_OK);
    }
    assert_float_equal(ig_item(c, ig_detach(c, late)), 0.875, 1e-7);
    assert_float_equal(ig_item(c, ig_detach(c, w)), 0.5, 1e-7);
}

static void set_lr_counts_from_the_next_step(void **state)
{
    (void)state;
    ig_tensor *w = ig_module_param(m, "w", vec(1, D(1)));
    o = ig_sgd_new(ig_module_params(m), &(ig_sgd_opts){.lr = 0.5});
    for (int i = 0; i < 2; i++) {
        (void)ig_backward(c, sum(w));
        assert_int_equal(ig_optim_step(o), IG_OK);
        ig_optim_set_lr(o, 0.125);
    }
    VALUES(w, 1, 0.375);
}

static void clipping_scales_all_gradients_to_one_norm(void **state)
{
    (void)state;
    ig_tensor *a = ig_module_param(m, "a", vec(2, D(1, 1))),
              *b = ig_module_param(m, "b", vec(1, D(1)));
    (void)ig_backward(
        c, ig_add(c, sum(ig_mul(c, a, vec(2, D(2, 3)))), sum(ig_mul_scalar(c, b, 6))));
    assert_true(fabs(ig_clip_grad_norm(ig_module_params(m), 3.5) - 7) < 1e-12);
    FINE();
    GRADIENT(a, 2, 1, 1.5);
    GRADIENT(b, 1, 3);
    assert_true(fabs(ig_clip_grad_norm(ig_module_params(m), 100) - 3.5) < 1e-12);
    GRADIENT(b, 1, 3);
}

/* One operator takes 256 inputs at most. */
static void clipping_takes_any_number_of_gradients(void **state)
{
    (void)state;
    enum { MANY = 600 };
    ig_tensor *p[MANY], *y = ig_scalar(c, IG_FLOAT64, 0);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        p[i] = ig_module_param(m, name, vec(1, D(1)));
        y = ig_add(c, y, sum(ig_mul_scalar(c, p[i], i % 2 ? 3 : 4)));
    }
    ig_backward(c, y);
    double norm = sqrt(300 * 9 + 300 * 16);
    assert_true(fabs(ig_clip_grad_norm(ig_module_params(m), norm / 2) - norm) < 1e-9);
    FINE();
    GRADIENT(p[0], 1, 2);
    GRADIENT(p[MANY - 1], 1, 1.5);
}

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
    MODULE_TEST(sgd_steps_as_written_down),
    MODULE_TEST(momentum_and_nesterov_step_as_written_down),
    MODULE_TEST(adam_and_adamw_step_as_written_down),
    MODULE_TEST(parameters_without_a_gradient_stay),
    MODULE_TEST(a_parameter_that_joins_late_starts_at_its_own_first_step),
    MODULE_TEST(what_was_not_made_is_taken_everywhere),
    MODULE_TEST(set_lr_counts_from_the_next_step),
    MODULE_TEST(clipping_scales_all_gradients_to_one_norm),
    MODULE_TEST(clipping_takes_any_number_of_gradients),
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
