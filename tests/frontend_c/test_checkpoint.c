/* Rule 18 of the autograd contract: activation checkpoints. */
#include "frontend_c/ctx.h"
#include "tests/frontend_c/support.h"
#include "tests/support/failing_alloc.h"

enum { WIDTH = 64, LAYERS = 6 };

/* tanh(x * w) five times: five activations of which none is an input. */
static ig_tensor *block(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *x = in[0], *w = user ? user : in[1];
    for (int i = 0; i < 5; i++)
        x = ig_tanh(k, ig_mul(k, x, w));
    return x;
}

typedef ig_tensor *(*apply)(ig_ctx *k, ig_fn fn, ig_tensor *const *in, int n, void *u);

static ig_tensor *plainly(ig_ctx *k, ig_fn fn, ig_tensor *const *in, int n, void *user)
{
    (void)n;
    return fn(k, in, user);
}
static ig_tensor *kept(ig_ctx *k, ig_fn fn, ig_tensor *const *in, int n, void *user)
{
    return ig_checkpoint(k, fn, in, n, user);
}

static ig_tensor *ramp(int64_t n, double from)
{
    return ig_arange(c, IG_FLOAT64, from, from + (double)n * 0.01 - 0.005, 0.01);
}

static void same_as(ig_tensor *got, ig_tensor *want, const char *what)
{
    FINE();
    assert_non_null(want);
    check_values(got, ig_tensor_numel(want), ig_tensor_data_f64(want), what);
}

/* Gradients of x and w by both ways, for one function. */
static void check_both(ig_fn fn, bool by_user)
{
    ig_tensor *dx[2], *dw[2];
    for (int i = 0; i < 2; i++) {
        ig_tensor *x = ig_requires_grad(c, ramp(8, 0.1), true),
                  *w = ig_requires_grad(c, ramp(8, 0.5), true);
        ig_tensor *in[2] = {ig_mul_scalar(c, x, 2), by_user ? NULL : w};
        ig_ctx_seed(c, 7);
        ig_tensor *y = (i ? kept : plainly)(c, fn, in, 2, by_user ? w : NULL);
        assert_int_equal(ig_backward(c, sum(ig_mul(c, y, y))), IG_OK);
        dx[i] = ig_tensor_grad(x);
        dw[i] = ig_tensor_grad(w);
    }
    same_as(dx[1], dx[0], "dx");
    same_as(dw[1], dw[0], "dw");
}

static void rule_18_gradients_are_those_of_the_plain_call(void **state)
{
    (void)state;
    check_both(block, false);
}

static void rule_18_parameters_behind_user_get_their_gradients(void **state)
{
    (void)state;
    check_both(block, true);
}

static ig_tensor *with_dropout(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *half = ig_scalar(k, IG_FLOAT32, 0.5), *on = ig_scalar(k, IG_BOOL, 1);
    (void)user;
    ig_tensor *x = ig_op_dropout(k, ig_mul(k, in[0], in[1]), half, on, NULL, NULL);
    return ig_tanh(k, ig_op_dropout(k, ig_exp(k, x), half, on, NULL, NULL));
}

static void rule_18_random_draws_are_the_same_the_second_time(void **state)
{
    (void)state;
    check_both(with_dropout, false);
    uint64_t draw = c->invoker.draw;
    ig_tensor *in[2] = {ig_requires_grad(c, ramp(8, 0.1), true), ramp(8, 0.5)};
    ig_tensor *y = ig_checkpoint(c, with_dropout, in, 2, NULL);
    ig_ctx_seed(c, 9); /* what comes between has no part in it */
    assert_int_equal(ig_backward(c, sum(y)), IG_OK);
    assert_int_equal(c->invoker.draw, 0);
    assert_true(draw > 0);
}

/* ---- nesting and orders ---- */

static ig_tensor *outer(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *x = in[0], *both[2] = {x, in[1]};
    (void)user;
    for (int i = 0; i < 2; i++) {
        both[0] = ig_sigmoid(k, ig_checkpoint(k, block, both, 2, NULL));
        both[0] = ig_mul(k, both[0], in[1]);
    }
    return both[0];
}

static void rule_18_checkpoints_nest(void **state)
{
    (void)state;
    check_both(outer, false);
}

static void rule_18_second_derivatives_go_through(void **state)
{
    (void)state;
    ig_tensor *ddx[2];
    for (int i = 0; i < 2; i++) {
        ig_tensor *x = ig_requires_grad(c, ramp(4, 0.1), true), *dx = NULL;
        ig_tensor *in[2] = {x, ig_requires_grad(c, ramp(4, 0.5), true)};
        ig_tensor *y = sum((i ? kept : plainly)(c, outer, in, 2, NULL));
        ig_grad_opts o = {.create_graph = true};
        assert_int_equal(ig_grad(c, &y, 1, &x, 1, &dx, &o), IG_OK);
        ig_tensor *z = sum(ig_mul(c, dx, dx));
        assert_int_equal(ig_grad(c, &z, 1, &x, 1, &ddx[i], NULL), IG_OK);
    }
    same_as(ddx[1], ddx[0], "second order");
}

static void rule_18_retain_graph_allows_a_second_walk(void **state)
{
    (void)state;
    ig_tensor *x = ig_requires_grad(c, ramp(4, 0.1), true), *in[2] = {x, ramp(4, 0.5)};
    ig_tensor *y = sum(ig_checkpoint(c, block, in, 2, NULL)), *once = NULL;
    ig_grad_opts o = {.retain_graph = true};
    assert_int_equal(ig_grad(c, &y, 1, &x, 1, &once, &o), IG_OK);
    assert_int_equal(ig_backward(c, y), IG_OK);
    same_as(ig_tensor_grad(x), once, "again");
    (void)ig_backward(c, y);
    FAILED("second time", "retain_graph");
}

static ig_status
two_results(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    out[0] = ig_exp(k, in[0]);
    out[1] = ig_mul(k, out[0], ig_tanh(k, in[0]));
    return ig_ctx_status(k);
}

static void rule_18_several_results(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(0.5, 1)), *out[2], *want[2];
    assert_int_equal(ig_checkpoint_n(c, two_results, &x, 1, out, 2, NULL), IG_OK);
    assert_int_equal(ig_backward(c, sum(ig_mul(c, out[0], out[1]))), IG_OK);
    ig_tensor *got = ig_tensor_ref(ig_tensor_grad(x));
    ig_tensor_clear_grad(x);
    (void)two_results(c, &x, want, NULL);
    assert_int_equal(ig_backward(c, sum(ig_mul(c, want[0], want[1]))), IG_OK);
    same_as(got, ig_tensor_grad(x), "two results");
    ig_tensor_unref(got);
}

/* ---- memory ---- */

static size_t peak_of(apply how)
{
    assert_int_equal(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}), IG_OK);
    ig_tensor *w = NULL;
    IG_SCOPE(c) {
        ig_shape shape = IG_SHAPE(WIDTH, WIDTH);
        w = ig_requires_grad(c, ig_full(c, IG_FLOAT64, shape, 0.5), true);
        ig_tensor *in[2] = {ig_full(c, IG_FLOAT64, shape, 0.3), w};
        igi_failing_peak_reset();
        for (int i = 0; i < LAYERS; i++)
            in[0] = how(c, block, in, 2, NULL);
        assert_int_equal(ig_backward(c, sum(in[0])), IG_OK);
    }
    FINE();
    size_t peak = igi_failing_peak_bytes();
    ig_ctx_free(c);
    c = NULL;
    return peak;
}

/* 60 activations, or 6 and those of one block. */
static void rule_18_memory_is_that_of_the_inputs(void **state)
{
    (void)state;
    igi_failing_install();
    size_t plain = peak_of(plainly), less = peak_of(kept);
    igi_failing_uninstall();
    assert_true(less * 2 < plain);
}

static void rule_18_the_first_run_keeps_no_activation(void **state)
{
    (void)state;
    ig_tensor *x = ig_requires_grad(c, ramp(8, 0.1), true), *in[2] = {x, ramp(8, 0.5)};
    ig_tensor *y = ig_checkpoint(c, outer, in, 2, NULL);
    for (size_t i = 0; i < c->tape.nodes.n; i++)
        for (int k = 0; k < c->tape.nodes.p[i]->n_in + c->tape.nodes.p[i]->n_out; k++) {
            const ig_tensor *s = c->tape.nodes.p[i]->saved[k];
            assert_true(!s || !s->st);
        }
    assert_int_equal(ig_backward(c, sum(y)), IG_OK);
    for (size_t i = 0; i < c->tape.nodes.n; i++) /* second runs neither */
        assert_false(c->tape.nodes.p[i]->holds & IGI_HOLDS_SAVED);
}

/* ---- what differs, and what fails ---- */

static int calls;

/* Other things the second time. */
static ig_tensor *changes(ig_ctx *k, ig_tensor *const *in, void *user)
{
    const char *how = calls++ > 0 ? user : "first";
    ig_tensor *x = in[0];
    if (!strcmp(how, "shapes"))
        x = ig_reshape(k, x, IG_SHAPE(2, 1));
    else
        x = ig_reshape(k, x, IG_SHAPE(2));
    if (!strcmp(how, "error"))
        return ig_reshape(k, x, IG_SHAPE(5));
    x = !strcmp(how, "calls") ? ig_exp(k, x) : ig_tanh(k, x);
    return !strcmp(how, "shorter") ? x : ig_tanh(k, x);
}

static void backward_of_change(char *how)
{
    ig_tensor *x = leaf(2, D(1, 2));
    calls = 0;
    ig_tensor *y = sum(ig_checkpoint(c, changes, &x, 1, how));
    FINE();
    (void)ig_backward(c, y);
    assert_int_equal(calls, 2);
}

static void rule_18_a_second_run_that_differs_is_named(void **state)
{
    (void)state;
    char shapes[] = "shapes", other[] = "calls", shorter[] = "shorter";
    backward_of_change(shapes);
    FAILED("checkpoint at", "test_checkpoint.c", "Reshape", "other types");
    backward_of_change(other);
    FAILED("something else the second time", "call 1 (Tanh", "another call");
    backward_of_change(shorter);
    FAILED("call 2 (Tanh", "missing");
}

static void rule_18_an_error_of_the_second_run_is_backwards(void **state)
{
    (void)state;
    char how[] = "error";
    backward_of_change(how);
    FAILED("Reshape");
    ig_tensor *x = leaf(2, D(1, 2)); /* and the context goes on */
    assert_int_equal(ig_backward(c, sum(ig_exp(c, x))), IG_OK);
    GRADIENT(x, 2, exp(1), exp(2));
}

static void rule_18_an_input_that_was_changed_is_refused(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2)), *h = ig_mul_scalar(c, x, 2),
              *in[2] = {h, vec(2, D(3, 4))};
    ig_tensor *y = sum(ig_checkpoint(c, block, in, 2, NULL));
    ig_add_(c, h, vec(2, D(1, 1)));
    (void)ig_backward(c, y);
    FAILED("input 0 of the checkpoint", "changed in place");
}

static void rule_18_a_parameter_that_was_changed_is_refused(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2)), *w = leaf(2, D(3, 4));
    ig_tensor *y = sum(ig_checkpoint(c, block, &x, 1, w));
    IG_NO_GRAD(c)
        ig_mul_(c, w, vec(2, D(2, 2)));
    (void)ig_backward(c, y);
    FAILED("changed in place");
}

static void rule_18_without_recording_it_is_the_plain_call(void **state)
{
    (void)state;
    ig_tensor *in[2] = {leaf(2, D(1, 2)), vec(2, D(3, 4))}, *y = NULL;
    IG_NO_GRAD(c)
        y = ig_checkpoint(c, block, in, 2, NULL);
    FINE();
    same_as(y, block(c, in, NULL), "values");
    assert_int_equal(c->tape.regions.n, 0);
    assert_null(ig_checkpoint(c, NULL, in, 2, NULL));
    FAILED("function");
    assert_null(ig_checkpoint(c, block, in, 17, NULL));
    FAILED("up to 16 inputs");
}

static ig_tensor *set_aside;

static ig_tensor *leaks(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *h = ig_tanh(k, in[0]);
    ig_tensor_unref(set_aside);
    set_aside = ig_keep(k, h);
    return ig_tanh(k, h);
}

static void rule_18_what_the_second_run_puts_aside_is_refused_by_backward(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(0.5));
    set_aside = NULL;
    assert_int_equal(ig_backward(c, sum(ig_checkpoint(c, leaks, &x, 1, NULL))), IG_OK);
    VALUES(set_aside, 1, tanh(0.5));
    (void)ig_backward(c, set_aside);
    FAILED("Tanh", "released");
    ig_tensor_unref(set_aside);
}

static ig_tensor *writes(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *h = ig_mul(k, in[0], in[1]), *v = ig_slice(k, h, 0, 2, 6, 1);
    ig_add_(k, v, ig_tanh(k, ig_slice(k, in[0], 0, 0, 4, 1)));
    return ig_exp(k, h);
}

static void rule_18_writes_in_place_inside(void **state)
{
    (void)state;
    check_both(writes, false);
}

static ig_tensor *step(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *x = in[0], *dx = NULL;
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    (void)ig_requires_grad(k, x, true);
    ig_tensor *both[2] = {x, x}, *y = ig_checkpoint(k, block, both, 2, NULL);
    y = ig_sum(k, y, IG_ALL, false);
    (void)ig_grad(k, &y, 1, &x, 1, &dx, NULL);
    ig_grad_mode_restore(&mode);
    return dx;
}

static void rule_18_a_trace_computes_twice_too(void **state)
{
    (void)state;
    ig_tensor *x = ramp(4, 0.2), *want = NULL, *got = NULL;
    ig_graph *g = ig_trace(c, step, NULL, &(ig_trace_opts){.inputs = {{"x", x}}});
    FINE();
    ig_model *m = NULL;
    ig_tensor *at = ramp(4, 0.7);
    assert_int_equal(ig_model_from_graph(&m, g, NULL), IG_OK);
    assert_int_equal(ig_model_run(m, IG_INPUTS(at), IG_OUTPUTS(&got), NULL), IG_OK);
    want = step(c, &at, NULL);
    same_as(got, want, "traced");
    ig_tensor_unref(got);
    ig_model_free(m);
    ig_graph_free(g);
}

static ig_status
sum_and_product(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    out[0] = ig_add(k, in[0], in[1]); /* the first node, which saves nothing */
    out[1] = ig_exp(k, ig_mul(k, in[0], in[1]));
    return IG_OK;
}

static void rule_18_results_can_be_walked_from_one_after_the_other(void **state)
{
    (void)state;
    ig_tensor *in[2] = {leaf(1, D(2)), vec(1, D(0.5))}, *out[2];
    assert_int_equal(ig_checkpoint_n(c, sum_and_product, in, 2, out, 2, NULL), IG_OK);
    assert_int_equal(ig_backward(c, out[0]), IG_OK);
    assert_int_equal(ig_backward(c, out[1]), IG_OK);
    check_values(ig_tensor_grad(in[0]), 1, D(1 + 0.5 * exp(1)), "two walks");
}

static void rule_18_an_input_may_be_a_view_from_before_a_write(void **state)
{
    (void)state;
    ig_tensor *w = leaf(2, D(1, 2)), *y = ig_mul_scalar(c, w, 1), *out[2];
    ig_tensor *in[2] = {ig_slice(c, y, 0, 0, 1, 1), vec(1, D(0.5))};
    (void)ig_mul_(c, y, ig_scalar(c, IG_FLOAT64, 3));
    assert_int_equal(ig_checkpoint_n(c, sum_and_product, in, 2, out, 2, NULL), IG_OK);
    assert_int_equal(ig_backward(c, out[1]), IG_OK);
    check_values(ig_tensor_grad(w), 2, D(1.5 * exp(1.5), 0), "a written base");
}

IG_TESTS(TEST(rule_18_gradients_are_those_of_the_plain_call),
         TEST(rule_18_parameters_behind_user_get_their_gradients),
         TEST(rule_18_random_draws_are_the_same_the_second_time),
         TEST(rule_18_checkpoints_nest),
         TEST(rule_18_second_derivatives_go_through),
         TEST(rule_18_retain_graph_allows_a_second_walk),
         TEST(rule_18_several_results),
         TEST(rule_18_results_can_be_walked_from_one_after_the_other),
         cmocka_unit_test(rule_18_memory_is_that_of_the_inputs),
         TEST(rule_18_the_first_run_keeps_no_activation),
         TEST(rule_18_a_second_run_that_differs_is_named),
         TEST(rule_18_an_error_of_the_second_run_is_backwards),
         TEST(rule_18_an_input_that_was_changed_is_refused),
         TEST(rule_18_an_input_may_be_a_view_from_before_a_write),
         TEST(rule_18_a_parameter_that_was_changed_is_refused),
         TEST(rule_18_without_recording_it_is_the_plain_call),
         TEST(rule_18_what_the_second_run_puts_aside_is_refused_by_backward),
         TEST(rule_18_writes_in_place_inside),
         TEST(rule_18_a_trace_computes_twice_too))
