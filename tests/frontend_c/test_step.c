/* A whole training step as one graph: equal to eager steps, saved, of any batch. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "graph/core/alloc.h"
#include "graph/passes/pass.h"
#include "tests/frontend_c/trace_support.h"

enum { IN = 6, HIDDEN = 8, OUT = 4, BATCH = 5, STEPS = 6, STATE_MAX = 32 };

typedef struct mlp_state {
    ig_module *m;
    ig_nn_linear *a, *b;
    ig_optim *o;
    double clip;
} mlp_state;

static void make_mlp(mlp_state *s, bool adam)
{
    ig_nn_linear_opts f64 = {.dtype = IG_FLOAT64};
    ig_ctx_seed(c, 3);
    s->m = ig_module_new(c, "net");
    s->a = ig_nn_linear_new(s->m, "fc1", IN, HIDDEN, &f64);
    s->b = ig_nn_linear_new(s->m, "fc2", HIDDEN, OUT, &f64);
    ig_params p = ig_module_params(s->m);
    s->o = adam ? ig_adam_new(p, &(ig_adam_opts){.lr = 0.05, .weight_decay = 0.01})
                : ig_sgd_new(p, &(ig_sgd_opts){.lr = 0.1, .momentum = 0.9});
    s->clip = 0.2;
    FINE();
}

static void drop_mlp(mlp_state *s)
{
    ig_optim_free(s->o);
    ig_module_free(s->m);
}

static ig_tensor *step(ig_ctx *k, ig_tensor *const *in, void *user)
{
    mlp_state *s = user;
    ig_tensor *h = ig_tanh(k, ig_nn_linear_apply(k, s->a, in[0]));
    ig_tensor *loss = ig_cross_entropy(k, ig_nn_linear_apply(k, s->b, h), in[1]);
    ig_backward(k, loss);
    (void)ig_clip_grads(ig_module_params(s->m), s->clip);
    ig_optim_step(s->o);
    return loss;
}

static ig_tensor *images(int64_t n, int i)
{
    double v[BATCH * 3 * IN];
    for (int k = 0; k < n * IN; k++)
        v[k] = sin(k * 1.7 + i);
    return ig_from(c, IG_FLOAT64, IG_SHAPE(n, IN), v);
}
static ig_tensor *labels(int64_t n, int i)
{
    int64_t v[BATCH * 3];
    for (int k = 0; k < n; k++)
        v[k] = (k * 3 + i) % OUT;
    return ig_from(c, IG_INT64, IG_SHAPE(n), v);
}

static ig_graph *traced(mlp_state *s, const char *dynamic)
{
    ig_trace_opts o = {.inputs = {{"x", images(BATCH, 0)}, {"y", labels(BATCH, 0)}},
                       .outputs = {"loss"},
                       .dynamic = dynamic};
    ig_graph *made = ig_trace_step(c, step, s, s->m, s->o, &o);
    FINE();
    return made;
}

/* One run: the state's tensors go in and, bound as `.next`, out. */
static double
run_step(ig_model *model, ig_tensor *x, ig_tensor *y, ig_tensor **state, int n)
{
    ig_tensor *in[STATE_MAX + 2] = {x, y}, *loss = NULL, **out[STATE_MAX + 1] = {&loss};
    for (int i = 0; i < n; i++) {
        in[2 + i] = state[i];
        out[1 + i] = &state[i];
    }
    if (ig_model_run(model, (ig_inputs){n + 2, in}, (ig_outputs){n + 1, out}, NULL) !=
        IG_OK)
        fail_msg("%s", ig_error_message());
    double v = ig_tensor_data_f64(loss)[0];
    ig_tensor_unref(loss);
    return v;
}

static void copy_state(ig_tensor **from, ig_tensor **to, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(igi_tensor_contiguous_copy(&to[i], NULL, from[i]), IG_OK);
}

static void same_state(ig_tensor **a, ig_tensor **b, int n)
{
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < ig_tensor_numel(a[i]); k++) {
            double x = igi_get_f64(ig_tensor_dtype(a[i]), a[i]->data, k),
                   y = igi_get_f64(ig_tensor_dtype(b[i]), b[i]->data, k);
            if (!(fabs(x - y) <= 1e-12 * (1 + fabs(y))))
                fail_msg("state %d, element %lld: %.17g and %.17g", i, (long long)k, x,
                         y);
        }
}

/* Steps of the graph and eager steps, from one state, on changing batches. */
static void compare_steps(mlp_state *s, ig_graph *graph, int64_t batch)
{
    ig_tensor *now[STATE_MAX], *mine[STATE_MAX];
    int n = ig_step_state(s->m, s->o, now, STATE_MAX);
    assert_true(n > 4 && n <= STATE_MAX);
    assert_int_equal(ig_graph_n_inputs(graph), n + 2);
    assert_int_equal(ig_graph_n_outputs(graph), n + 1);
    copy_state(now, mine, n);
    ig_model *model = NULL;
    if (ig_model_from_graph(&model, graph, NULL) != IG_OK)
        fail_msg("%s", ig_error_message());
    for (int i = 0; i < STEPS; i++)
        IG_SCOPE(c) {
            ig_tensor *in[2] = {images(batch, i), labels(batch, i)};
            double got = run_step(model, in[0], in[1], mine, n);
            double want = ig_item(c, step(c, in, s));
            FINE();
            assert_true(fabs(got - want) < 1e-12);
            same_state(mine, now, n);
        }
    for (int i = 0; i < n; i++)
        ig_tensor_unref(mine[i]);
    ig_model_free(model);
}

static void a_traced_adam_step_is_the_eager_step(void **state)
{
    (void)state;
    mlp_state s;
    make_mlp(&s, true);
    g = traced(&s, NULL);
    compare_steps(&s, g, BATCH);
    drop_mlp(&s);
}

static void a_traced_step_with_momentum_and_any_batch(void **state)
{
    (void)state;
    mlp_state s;
    make_mlp(&s, false);
    g = traced(&s, "x: N,6; y: N");
    assert_type(ig_graph_input_at(g, 0), "float64[N,6]");
    compare_steps(&s, g, 3);
    compare_steps(&s, g, 2 * BATCH);
    drop_mlp(&s);
}

static void state_keeps_its_names_and_a_trace_takes_no_step(void **state)
{
    (void)state;
    static const char *const names[] = {
        "x",        "y",  "fc1.weight", "fc1.bias",     "fc2.weight",
        "fc2.bias", "lr", "step",       "fc1.weight.m", "fc1.weight.v"};
    mlp_state s;
    make_mlp(&s, true);
    ig_tensor *before = NULL;
    assert_int_equal(igi_tensor_contiguous_copy(&before, NULL, s.a->weight), IG_OK);
    g = traced(&s, NULL);
    for (int i = 0; i < 10; i++)
        assert_string_equal(ig_graph_value_name(g, ig_graph_input_at(g, i)), names[i]);
    assert_string_equal(ig_graph_output_name(g, 0), "loss");
    assert_string_equal(ig_graph_output_name(g, 1), "fc1.weight.next");
    assert_memory_equal(before->data, s.a->weight->data, IN * HIDDEN * sizeof(double));
    assert_null(ig_tensor_grad(s.a->weight));
    ig_tensor *now[STATE_MAX];
    assert_int_equal(ig_step_state(s.m, s.o, now, STATE_MAX), 14);
    assert_int_equal(*(int64_t *)(void *)now[5]->data, 0); /* step */
    ig_tensor_unref(before);
    drop_mlp(&s);
}

static void a_saved_step_trains_in_another_program(void **state)
{
    (void)state;
    mlp_state s;
    char path[] = "/tmp/ingot_step_XXXXXX", file[64];
    ig_graph *again = NULL;
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof(file), "%s/step.ingot", path);
    make_mlp(&s, true);
    g = traced(&s, "x: N,6; y: N");
    if (ig_graph_save(g, file, NULL) != IG_OK ||
        ig_graph_read(&again, file, NULL) != IG_OK)
        fail_msg("%s", ig_error_message());
    unlink(file);
    rmdir(path);
    compare_steps(&s, again, BATCH);
    ig_graph_free(again);
    drop_mlp(&s);
}

static void learning_rates_are_an_input(void **state)
{
    (void)state;
    mlp_state s;
    make_mlp(&s, true);
    g = traced(&s, NULL);
    ig_optim_set_lr(s.o, 0.001); /* after the trace */
    compare_steps(&s, g, BATCH);
    drop_mlp(&s);
}

/* ---- what compiling makes of it ---- */

static int count_nodes(const ig_graph *of, const char *name)
{
    int n = 0;
    for (size_t i = 1; i < of->nodes.n; i++)
        n += of->nodes.p[i].live && !strcmp(of->nodes.p[i].op->def->name, name);
    return n;
}

/* Clipping costs no pass over gradients but that of the norm, and the slope of the loss
 * is one node. */
static void check_compiled(bool adam, const char *name, int port)
{
    mlp_state s;
    make_mlp(&s, adam);
    g = traced(&s, NULL);
    int products = count_nodes(g, "Mul");
    igi_pass_opts o = {.struct_size = sizeof(o), .level = 2};
    assert_int_equal(igi_passes_run(g, &o), IG_OK);
    assert_int_equal(count_nodes(g, "Mul"), products - 5); /* the loss, 4 gradients */
    assert_int_equal(count_nodes(g, "Cast"), 0);
    assert_int_equal(count_nodes(g, "ClipScale"), 1);
    assert_int_equal(count_nodes(g, "CrossEntropyGrad"), 1);
    assert_int_equal(count_nodes(g, "NllLossGrad"), 0);
    assert_int_equal(count_nodes(g, name), 4);
    for (size_t i = 1; i < g->nodes.n; i++) {
        const igi_node *n = &g->nodes.p[i];
        if (n->live && !strcmp(n->op->def->name, name))
            assert_true(n->in[port].i != 0);
    }
    ig_graph_free(g);
    g = NULL;
    drop_mlp(&s);
}

static void clipping_moves_into_the_steps(void **state)
{
    (void)state;
    check_compiled(true, "AdamStep", 10);
    check_compiled(false, "SgdStep", 6);
}

/* ---- refusals ---- */

static ig_tensor *plain_trace(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    ig_tensor *both[2] = {in[0], labels(2, 0)}, *loss = step(k, both, user);
    ig_grad_mode_restore(&mode);
    return loss;
}

static void a_step_in_a_plain_trace_is_refused_by_name(void **state)
{
    (void)state;
    mlp_state s;
    make_mlp(&s, true);
    trace_of(plain_trace, &s, images(2, 0), NULL);
    assert_null(g);
    FAILED("in place", "outside the trace");
    ig_module_clear_grads(s.m);
    drop_mlp(&s);
}

static ig_tensor *reads_norm(ig_ctx *k, ig_tensor *const *in, void *user)
{
    mlp_state *s = user;
    ig_tensor *y = ig_mean(k, ig_nn_linear_apply(k, s->a, in[0]), IG_ALL, false);
    ig_backward(k, y);
    (void)ig_clip_grad_norm(ig_module_params(s->m), 1);
    ig_optim_step(s->o);
    return y;
}

static void a_norm_that_is_read_as_a_number_escapes(void **state)
{
    (void)state;
    mlp_state s;
    make_mlp(&s, true);
    g = ig_trace_step(c, reads_norm, &s, s.m, s.o,
                      &(ig_trace_opts){.inputs = {{"x", images(2, 0)}}});
    assert_null(g);
    FAILED("value", "test_step.c");
    assert_null(ig_tensor_grad(s.a->weight));
    drop_mlp(&s);
}

static void gradients_from_before_are_refused(void **state)
{
    (void)state;
    mlp_state s;
    make_mlp(&s, true);
    ig_tensor *x = images(2, 0);
    ig_backward(c, ig_mean(c, ig_nn_linear_apply(c, s.a, x), IG_ALL, false));
    g = ig_trace_step(c, step, &s, s.m, s.o, &(ig_trace_opts){.inputs = {{"x", x}}});
    assert_null(g);
    FAILED("fc1.weight", "gradient from before");
    drop_mlp(&s);
}

static ig_tensor *sets_rate(ig_ctx *k, ig_tensor *const *in, void *user)
{
    mlp_state *s = user;
    ig_tensor *y = ig_mean(k, ig_nn_linear_apply(k, s->a, in[0]), IG_ALL, false);
    ig_backward(k, y);
    ig_optim_set_lr(s->o, 0.5);
    ig_optim_step(s->o);
    return y;
}

static void a_rate_that_is_set_inside_is_refused(void **state)
{
    (void)state;
    mlp_state s;
    make_mlp(&s, true);
    g = ig_trace_step(c, sets_rate, &s, s.m, s.o,
                      &(ig_trace_opts){.inputs = {{"x", images(2, 0)}}});
    assert_null(g);
    FAILED("learning rate", "input lr");
    drop_mlp(&s);
}

IG_TESTS(TRACE_TEST(a_traced_adam_step_is_the_eager_step),
         TRACE_TEST(a_traced_step_with_momentum_and_any_batch),
         TRACE_TEST(state_keeps_its_names_and_a_trace_takes_no_step),
         TRACE_TEST(a_saved_step_trains_in_another_program),
         TRACE_TEST(learning_rates_are_an_input),
         TRACE_TEST(clipping_moves_into_the_steps),
         TRACE_TEST(a_step_in_a_plain_trace_is_refused_by_name),
         TRACE_TEST(a_norm_that_is_read_as_a_number_escapes),
         TRACE_TEST(gradients_from_before_are_refused),
         TRACE_TEST(a_rate_that_is_set_inside_is_refused))
