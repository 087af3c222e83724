/* The autograd contract, rules 9 to 16, 20 and 21: each test is named after the rule
 * that it proves. */
#include <pthread.h>

#include "tests/frontend_c/odd_support.h"

/* ---- 9: broadcasting, validation ---- */

static void rule_09_a_broadcast_gradient_is_summed_down(void **state)
{
    (void)state;
    ig_tensor *row = leaf(3, D(1, 2, 3));
    ig_tensor *column =
        ig_requires_grad(c, ig_from(c, IG_FLOAT64, IG_SHAPE(2, 1), D(10, 20)), true);
    ig_tensor *one = ig_requires_grad(c, ig_scalar(c, IG_FLOAT64, 2), true);
    (void)ig_backward(c, sum(ig_mul(c, ig_mul(c, row, column), one)));
    FINE();
    GRADIENT(row, 3, 60, 60, 60);
    GRADIENT(column, 2, 12, 12);
    assert_int_equal(ig_tensor_rank(ig_tensor_grad(column)), 2);
    GRADIENT(one, 1, 180);
    assert_int_equal(ig_tensor_rank(ig_tensor_grad(one)), 0);
}

static void rule_09_a_gradient_of_wrong_shape_is_named(void **state)
{
    (void)state;
    ig_tensor *x = leaf(3, D(1, 2, 3)), *y = NULL;
    assert_int_equal(ig_call_op(c, "test::WrongShape", NULL, &x, 1, &y, 1), IG_OK);
    (void)ig_backward(c, sum(y));
    FAILED("WrongShape", "size 6", "float64[6]");
}

static void rule_09_a_gradient_of_wrong_type_is_named(void **state)
{
    (void)state;
    ig_tensor *x = leaf(3, D(1, 2, 3)), *y = NULL;
    assert_int_equal(ig_call_op(c, "test::WrongType", NULL, &x, 1, &y, 1), IG_OK);
    (void)ig_backward(c, sum(y));
    FAILED("WrongType", "float32", "float64");
}

static void rule_09_a_given_dy_must_fit_its_result(void **state)
{
    (void)state;
    ig_tensor *y = ig_exp(c, leaf(3, D(1, 2, 3)));
    ig_backward_opts o = {.dy = vec(2, D(1, 1))};
    assert_int_not_equal(ig_backward_ex(c, y, &o), IG_OK);
    FAILED("float64[2]", "float64[3]");
    assert_int_not_equal(ig_backward(c, y), IG_OK);
    FAILED("float64[3]", "reduce it");
}

/* ---- 10: absent gradients ---- */

static void rule_10_unused_outputs_count_as_zero(void **state)
{
    (void)state;
    ig_split_opts o = IG_SPLIT_OPTS_INIT;
    ig_tensor *x = leaf(4, D(1, 2, 3, 4)), *parts[2];
    o.num_outputs = 2;
    assert_int_equal(ig_call_op(c, "Split", &o, &x, 1, parts, 2), IG_OK);
    (void)ig_backward(c, sum(ig_mul(c, parts[1], parts[1])));
    FINE();
    GRADIENT(x, 4, 0, 0, 6, 8);
}

static void rule_10_only_what_a_wanted_gradient_reads_is_saved(void **state)
{
    (void)state;
    ig_tensor *x = vec(2, D(1, 2)), *w = leaf(2, D(3, 4)), *h = ig_mul_scalar(c, w, 1);
    ig_tensor *y = sum(ig_mul(c, x, h)); /* x needs no gradient: h is not kept */
    ig_add_(c, h, vec(2, D(1, 1)));
    assert_int_equal(ig_backward(c, y), IG_OK);
    GRADIENT(w, 2, 1, 2);
    assert_null(ig_tensor_grad(x));
}

/* ---- 11: three ways to have no gradient ---- */

static void rule_11_indices_and_comparisons_carry_no_history(void **state)
{
    (void)state;
    ig_tensor *x = leaf(3, D(1, 3, 2));
    assert_false(ig_tensor_requires_grad(ig_argmax(c, x, 0, false)));
    assert_false(ig_tensor_requires_grad(ig_gt(c, x, vec(1, D(2)))));
    assert_false(ig_tensor_requires_grad(ig_cast(c, x, IG_INT64)));
    FINE();
    (void)ig_backward(c, ig_argmax(c, x, 0, false));
    FAILED("does not depend on any tensor that requires a gradient");
}

static void rule_11_forbidden_and_missing_gradients_are_errors_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"test::Forbidden", "test::Todo",
                                        "ai.onnx.ml::Normalizer"};
    for (int i = 0; i < 3; i++) {
        ig_tensor *x = leaf(1, D(1)), *y = NULL;
        assert_int_equal(ig_call_op(c, names[i], NULL, &x, 1, &y, 1), IG_OK);
        (void)ig_backward(c, y);
        FAILED(strstr(names[i], "::") + 2, "gradient");
        assert_null(ig_tensor_grad(x));
    }
}

/* ---- 12: conventions at kinks ---- */

static void rule_12_subgradients_at_kinks(void **state)
{
    (void)state;
    ig_tensor *x = leaf(3, D(-1, 0, 1));
    (void)ig_backward(c, sum(ig_relu(c, x)));
    GRADIENT(x, 3, 0, 0, 1);
    ig_tensor_clear_grad(x);
    (void)ig_backward(c, sum(ig_abs(c, x)));
    GRADIENT(x, 3, -1, 0, 1);
    ig_tensor_clear_grad(x);
    (void)ig_backward(c, sum(ig_clamp(c, x, -1, 0.5)));
    GRADIENT(x, 3, 1, 1, 0); /* a bound itself counts as inside */
    FINE();
}

static void rule_12_a_maximum_by_index_picks_one(void **state)
{
    (void)state;
    ig_tensor *x =
        ig_requires_grad(c, ig_full(c, IG_FLOAT64, IG_SHAPE(1, 1, 2, 2), 7), true);
    (void)ig_backward(c, sum(ig_max_pool2d(c, x, 2, 2, 0)));
    FINE();
    GRADIENT(x, 4, 1, 0, 0, 0);
}

static void rule_12_a_safe_value_in_the_other_arm_keeps_nan_out_of_where(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(0, 4)), *zero = vec(1, D(0)), *one = vec(1, D(1));
    ig_tensor *positive = ig_gt(c, x, zero), *safe = ig_where(c, positive, x, one);
    (void)ig_backward(c, sum(ig_where(c, positive, ig_sqrt(c, safe), zero)));
    FINE();
    GRADIENT(x, 2, 0, 0.25);
}

/* A value that is put in many places gathers dy of those places, and nothing of others:
 * neither infinities nor numbers that cancel. */
static void rule_12_a_value_gathers_only_what_reached_it(void **state)
{
    (void)state;
    ig_tensor *value = ig_requires_grad(c, ig_scalar(c, IG_FLOAT64, 3), true);
    ig_tensor *pads = ig_from(c, IG_INT64, IG_SHAPE(2), ((const int64_t[]){1, 1}));
    ig_tensor *y = ig_op_pad(c, vec(2, D(1, 2)), pads, value, NULL, NULL);
    ig_backward_opts o = {.dy = vec(4, D(1, INFINITY, 1e300, 2))};
    (void)ig_backward_ex(c, y, &o);
    FINE();
    GRADIENT(value, 1, 3);
    ig_tensor *values = leaf(2, D(0, 1)), *depth = ig_scalar(c, IG_INT64, 4);
    y = ig_op_one_hot(c, ig_scalar(c, IG_INT64, 1), depth, values, NULL);
    o.dy = vec(4, D(1e-3, 1e20, 2, 4));
    (void)ig_backward_ex(c, y, &o);
    FINE();
    GRADIENT(values, 2, 6.001, 1e20);
}

/* ---- 13: modes ---- */

static void rule_13_no_grad_results_may_be_used_in_recorded_code(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(3)), *frozen = NULL;
    IG_NO_GRAD(c) {
        frozen = ig_mul(c, x, x);
        assert_false(ig_grad_enabled(c));
    }
    assert_true(ig_grad_enabled(c));
    assert_false(ig_tensor_requires_grad(frozen));
    assert_int_equal(ig_backward(c, sum(ig_mul(c, frozen, x))), IG_OK);
    GRADIENT(x, 1, 9);
}

static int leaves_early(void)
{
    IG_NO_GRAD(c) {
        IG_SCOPE(c)
            return ig_grad_enabled(c);
    }
    return 2;
}

static void rule_13_the_mode_comes_back_after_break_and_return(void **state)
{
    (void)state;
    assert_int_equal(leaves_early(), 0);
    assert_true(ig_grad_enabled(c));
    IG_NO_GRAD(c)
        break;
    assert_true(ig_grad_enabled(c));
}

/* ---- 14: order ---- */

static void rule_14_the_newest_node_comes_first(void **state)
{
    (void)state;
    float one = 1, *got;
    ig_tensor *x = ig_requires_grad(c, ig_from(c, IG_FLOAT32, IG_SHAPE(1), &one), true);
    ig_tensor *a = ig_mul_scalar(c, x, 1), *b = ig_mul_scalar(c, x, 1e8);
    ig_tensor *d = ig_mul_scalar(c, x, -1e8);
    (void)ig_backward(c, sum(ig_add(c, ig_add(c, a, b), d)));
    FINE();
    got = ig_tensor_data(ig_tensor_grad(x));
    assert_true(got[0] == 1.0f); /* (-1e8 + 1e8) + 1; the other way round it is 0 */
}

static void rule_14_two_runs_agree_to_the_bit(void **state)
{
    (void)state;
    double first[12];
    for (int run = 0; run < 2; run++) {
        ig_ctx_seed(c, 7);
        ig_tensor *x =
            ig_requires_grad(c, ig_randn(c, IG_FLOAT64, IG_SHAPE(3, 4)), true);
        ig_tensor *h = ig_softmax(c, ig_matmul(c, x, ig_transpose(c, x, 0, 1)), -1);
        (void)ig_backward(c, sum(ig_mul(c, h, ig_exp(c, h))));
        FINE();
        if (run)
            assert_memory_equal(first, ig_tensor_data(ig_tensor_grad(x)),
                                sizeof(first));
        else
            memcpy(first, ig_tensor_data(ig_tensor_grad(x)), sizeof(first));
    }
}

/* ---- 15: threads ---- */

static void *train_alone(void *arg)
{
    double *result = arg;
    ig_ctx *own = NULL;
    if (ig_ctx_new(&own, NULL) != IG_OK)
        return NULL;
    for (int i = 0; i < 50; i++) {
        IG_SCOPE(own) {
            double v = 3;
            ig_tensor *x =
                ig_requires_grad(own, ig_from(own, IG_FLOAT64, IG_SHAPE(1), &v), true);
            if (ig_backward(own, ig_sum(own, ig_mul(own, x, x), IG_ALL, false)) ==
                IG_OK)
                *result += *(double *)ig_tensor_data(ig_tensor_grad(x));
        }
    }
    ig_ctx_free(own);
    return NULL;
}

static void rule_15_contexts_run_backward_side_by_side(void **state)
{
    (void)state;
    pthread_t threads[4];
    double results[4] = {0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, train_alone, &results[i]),
                         0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_true(results[i] == 300);
}

static void rule_15_a_history_of_another_context_is_refused(void **state)
{
    (void)state;
    ig_ctx *other = NULL;
    assert_int_equal(ig_ctx_new(&other, NULL), IG_OK);
    ig_tensor *y = ig_exp(c, leaf(1, D(1)));
    ig_tensor *wrong = ig_neg(other, y);
    bool named = strstr(ig_ctx_message(other), "another context") != NULL;
    ig_ctx_clear(other);
    ig_status backward = ig_backward(other, y);
    ig_ctx_free(other);
    assert_null(wrong);
    assert_true(named);
    assert_int_not_equal(backward, IG_OK);
    assert_int_equal(ig_backward(c, sum(y)), IG_OK);
}

/* ---- 16: anomaly mode ---- */

static void rule_16_anomaly_mode_names_the_forward_line_of_a_nan(void **state)
{
    (void)state;
    c->opts.anomaly = true;
    ig_tensor *x = leaf(1, D(0));
    ig_tensor *bad = ig_mul(c, ig_sqrt(c, x), vec(1, D(0))); /* 0 * inf */
    (void)ig_backward(c, sum(bad));
    FAILED("anomaly", "Sqrt", "test_autograd_rules_", "NaN");
}

/* ---- 20: release ---- */

#define LINKS 1000000

static void rule_20_a_chain_of_a_million_links_needs_no_recursion(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(1)), *y = ig_tensor_ref(x);
    for (int i = 0; i < LINKS; i++) {
        IG_SCOPE(c) {
            ig_tensor *next = ig_keep(c, ig_neg(c, y));
            ig_tensor_unref(y);
            y = next;
        }
    }
    FINE();
    assert_int_equal(ig_backward(c, y), IG_OK);
    GRADIENT(x, 1, 1);
    ig_tensor_unref(y);
    y = ig_tensor_ref(x); /* a forgotten forward is freed in one sweep */
    for (int i = 0; i < LINKS; i++) {
        IG_SCOPE(c) {
            ig_tensor *next = ig_keep(c, ig_neg(c, y));
            ig_tensor_unref(y);
            y = next;
        }
    }
    ig_tensor_unref(y);
    IG_SCOPE(c) {
    }
    assert_int_equal(c->tape.nodes.n, 0);
}

static int64_t alive_most;

/* Gradients waiting in slots right now. */
static void count_slots(void)
{
    int64_t n = 0;
    for (size_t i = 0; i < c->tape.nodes.n; i++)
        for (int k = 0; k < c->tape.nodes.p[i]->n_out; k++)
            n += c->tape.nodes.p[i]->dy[k] != NULL;
    if (n > alive_most)
        alive_most = n;
}

static void rule_20_intermediate_gradients_are_freed_as_soon_as_consumed(void **state)
{
    (void)state;
    ig_tensor *y = leaf(1, D(1));
    for (int i = 0; i < 20; i++) {
        ig_tensor *in = y;
        assert_int_equal(ig_call_op(c, "test::Watch", NULL, &in, 1, &y, 1), IG_OK);
    }
    alive_most = 0;
    odd_watch = count_slots;
    (void)ig_backward(c, y);
    odd_watch = NULL;
    FINE();
    assert_int_equal(alive_most, 1);
}

/* ---- 21: optimisers ---- */

static void rule_21_a_parameter_stepped_before_backward_is_caught(void **state)
{
    (void)state;
    ig_module *m = ig_module_new(c, "m");
    ig_tensor *w = ig_module_param(m, "w", vec(1, D(2)));
    ig_optim *o = ig_sgd_new(ig_module_params(m), NULL);
    assert_int_equal(ig_backward(c, sum(ig_mul(c, w, w))), IG_OK);
    ig_tensor *late = sum(ig_mul(c, w, w)); /* reads w as it is now */
    assert_int_equal(ig_optim_step(o), IG_OK);
    ig_status rc = ig_backward(c, late);
    bool named = strstr(ig_ctx_message(c), "changed in place") != NULL;
    ig_ctx_clear(c);
    ig_optim_free(o);
    ig_module_free(m);
    assert_int_not_equal(rc, IG_OK);
    assert_true(named);
}

/* ---- the list ---- */

IG_TESTS(TEST(rule_09_a_broadcast_gradient_is_summed_down),
         ODD_TEST(rule_09_a_gradient_of_wrong_shape_is_named),
         ODD_TEST(rule_09_a_gradient_of_wrong_type_is_named),
         TEST(rule_09_a_given_dy_must_fit_its_result),
         TEST(rule_10_unused_outputs_count_as_zero),
         TEST(rule_10_only_what_a_wanted_gradient_reads_is_saved),
         TEST(rule_11_indices_and_comparisons_carry_no_history),
         ODD_TEST(rule_11_forbidden_and_missing_gradients_are_errors_by_name),
         TEST(rule_12_subgradients_at_kinks),
         TEST(rule_12_a_maximum_by_index_picks_one),
         TEST(rule_12_a_safe_value_in_the_other_arm_keeps_nan_out_of_where),
         TEST(rule_12_a_value_gathers_only_what_reached_it),
         TEST(rule_13_no_grad_results_may_be_used_in_recorded_code),
         TEST(rule_13_the_mode_comes_back_after_break_and_return),
         TEST(rule_14_the_newest_node_comes_first),
         TEST(rule_14_two_runs_agree_to_the_bit),
         TEST(rule_15_contexts_run_backward_side_by_side),
         TEST(rule_15_a_history_of_another_context_is_refused),
         TEST(rule_16_anomaly_mode_names_the_forward_line_of_a_nan),
         TEST(rule_20_a_chain_of_a_million_links_needs_no_recursion),
         ODD_TEST(rule_20_intermediate_gradients_are_freed_as_soon_as_consumed),
         TEST(rule_21_a_parameter_stepped_before_backward_is_caught))
