/* The autograd contract, rules 1 to 8: each test is named after the rule that it
 * proves. */
#include "tests/frontend_c/odd_support.h"

/* ---- 1: versions ---- */

static void
rule_01_saved_tensor_changed_in_place_is_an_error_naming_versions(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2)), *h = ig_exp(c, x), *y = sum(ig_mul(c, h, h));
    ig_add_(c, h, vec(2, D(1, 1)));
    FINE();
    (void)ig_backward(c, y);
    FAILED("float64[2]", "Mul", "version 1, expected 0", "test_autograd_rules_");
}

static void rule_01_a_write_to_another_part_of_the_storage_counts(void **state)
{
    (void)state;
    ig_tensor *x = leaf(4, D(1, 2, 3, 4)), *h = ig_exp(c, x);
    ig_tensor *front = ig_slice(c, h, 0, 0, 2, 1), *y = sum(ig_mul(c, front, front));
    IG_NO_GRAD(c) {
        ig_tensor *back = ig_slice(c, h, 0, 2, 4, 1);
        ig_mul_(c, back, vec(2, D(5, 5)));
    }
    FINE();
    (void)ig_backward(c, y);
    FAILED("changed in place");
}

static void rule_01_what_no_gradient_reads_may_change(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2)), *h = ig_mul_scalar(c, x, 3),
              *y = sum(ig_add(c, h, h));
    ig_add_(c, h, vec(2, D(1, 1)));
    assert_int_equal(ig_backward(c, y), IG_OK);
    GRADIENT(x, 2, 6, 6);
}

static void rule_01_an_in_place_call_refuses_its_own_old_input(void **state)
{
    (void)state;
    ig_tensor *w = leaf(2, D(2, 3)), *h = vec(2, D(5, 7));
    ig_mul_(c, h, w); /* the gradient of w reads h as it was */
    (void)ig_backward(c, sum(h));
    FAILED("Mul", "changed in place");
}

/* ---- 2: leaves ---- */

static void rule_02_in_place_on_a_leaf_needs_no_grad_mode(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2));
    assert_null(ig_add_(c, x, vec(2, D(1, 1))));
    FAILED("leaf", "IG_NO_GRAD");
    IG_NO_GRAD(c)
        assert_ptr_equal(ig_add_(c, x, vec(2, D(1, 1))), x);
    FINE();
    VALUES(x, 2, 2, 3);
    assert_true(ig_tensor_requires_grad(x));
}

static void rule_02_requires_grad_is_for_leaves_of_floating_type(void **state)
{
    (void)state;
    ig_tensor *y = ig_exp(c, leaf(1, D(1)));
    assert_null(ig_requires_grad(c, y, true));
    FAILED("only be set on leaves");
    assert_true(ig_tensor_requires_grad(y));
    assert_null(ig_requires_grad(c, ig_zeros(c, IG_INT64, IG_SHAPE(2)), true));
    FAILED("int64");
}

static void rule_02_a_leaf_that_is_a_view_is_a_leaf(void **state)
{
    (void)state;
    ig_tensor *flat = vec(4, D(1, 2, 3, 4));
    ig_tensor *w = ig_requires_grad(c, ig_slice(c, flat, 0, 0, 2, 1), true);
    assert_null(ig_add_(c, w, vec(2, D(1, 1))));
    FAILED("leaf that requires a gradient", "IG_NO_GRAD");
    assert_null(ig_fill_(c, w, 7));
    FAILED("leaf that requires a gradient");
    IG_NO_GRAD(c)
        ig_add_(c, w, vec(2, D(1, 1)));
    (void)ig_backward(c, sum(ig_mul(c, w, w)));
    FINE();
    GRADIENT(w, 2, 4, 6);
}

/* ---- 3: views; more in test_views.c ---- */

static void rule_03_a_view_taken_after_the_write_has_the_right_gradient(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2)), *h = ig_mul_scalar(c, x, 2);
    ig_mul_(c, h, vec(2, D(3, 3)));
    (void)ig_backward(c, sum(ig_transpose(c, ig_reshape(c, h, IG_SHAPE(2, 1)), 0, 1)));
    FINE();
    GRADIENT(x, 2, 6, 6);
}

/* ---- 4: detach ---- */

static void rule_04_detach_shares_storage_and_counter_but_no_history(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2)), *h = ig_exp(c, x), *d = ig_detach(c, h);
    assert_false(ig_tensor_requires_grad(d));
    assert_ptr_equal(ig_tensor_data(d), ig_tensor_data(h));
    ig_tensor *y = sum(ig_mul(c, h, h));
    IG_NO_GRAD(c)
        ig_mul_(c, d, vec(2, D(2, 2)));
    FINE();
    (void)ig_backward(c, y);
    FAILED("changed in place");
}

static void rule_04_no_gradient_flows_through_detach(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(3, 5)), *y = sum(ig_mul(c, ig_detach(c, x), x));
    assert_int_equal(ig_backward(c, y), IG_OK);
    GRADIENT(x, 2, 3, 5);
}

/* ---- 5: saved values ---- */

static void rule_05_a_second_backward_is_refused_by_name(void **state)
{
    (void)state;
    ig_tensor *y = sum(ig_exp(c, leaf(2, D(1, 2))));
    assert_int_equal(ig_backward(c, y), IG_OK);
    (void)ig_backward(c, y);
    FAILED("Exp", "second time", "retain_graph");
}

static void rule_05_saved_values_are_released_by_backward(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2)), *h = ig_exp(c, x), *y = sum(ig_mul(c, h, h));
    assert_true(h->st->refs > 1);
    assert_int_equal(ig_backward(c, y), IG_OK);
    assert_int_equal(h->st->refs, 1);
}

static void rule_05_a_saved_output_does_not_pin_the_tape(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2));
    IG_SCOPE(c)
        (void)ig_exp(c, ig_exp(c, x));
    assert_int_equal(c->tape.nodes.n, 0);
    assert_int_equal(x->v.refs, 1);
}

static void rule_05_a_saved_value_that_is_a_gradient_outlives_the_tape(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(3, 5));
    IG_SCOPE(c) {
        ig_tensor *h = ig_mul_scalar(c, x, 2), *y = NULL;
        assert_int_equal(ig_call_op(c, "test::GivesSaved", NULL, &h, 1, &y, 1), IG_OK);
        assert_int_equal(ig_backward(c, sum(y)), IG_OK);
    }
    assert_int_equal(c->tape.nodes.n, 0);
    GRADIENT(x, 2, 12, 20);
    IG_SCOPE(c) {
        ig_tensor *y = NULL;
        assert_int_equal(ig_call_op(c, "test::GivesSaved", NULL, &x, 1, &y, 1), IG_OK);
        assert_int_equal(ig_backward(c, sum(y)), IG_OK);
    }
    GRADIENT(x, 2, 15, 25);
    VALUES(x, 2, 3, 5);
}

static void rule_05_a_rule_that_reads_what_it_does_not_save_is_named(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(1)), *y = NULL;
    assert_int_equal(ig_call_op(c, "test::Undeclared", NULL, &x, 1, &y, 1), IG_OK);
    (void)ig_backward(c, y);
    FAILED("Undeclared", "input 0", "does not declare");
}

/* ---- 6: retain and create ---- */

static void rule_06_retain_graph_allows_a_second_walk(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(2)), *y = sum(ig_mul(c, x, x));
    assert_int_equal(ig_backward_ex(c, y, &(ig_backward_opts){.retain_graph = true}),
                     IG_OK);
    assert_int_equal(ig_backward(c, y), IG_OK);
    GRADIENT(x, 1, 8);
}

static void rule_06_create_graph_makes_gradients_differentiable(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(2, 3)), *y = sum(ig_mul(c, ig_mul(c, x, x), x)), *dx, *ddx;
    ig_grad_opts o = {.create_graph = true};
    assert_int_equal(ig_grad(c, &y, 1, &x, 1, &dx, &o), IG_OK);
    VALUES(dx, 2, 12, 27);
    ig_tensor *z = sum(dx);
    assert_int_equal(ig_grad(c, &z, 1, &x, 1, &ddx, &o), IG_OK);
    VALUES(ddx, 2, 12, 18);
    z = sum(ddx);
    assert_int_equal(ig_grad(c, &z, 1, &x, 1, &dx, NULL), IG_OK);
    VALUES(dx, 2, 6, 6);
}

/* Squares of x overflow there, which 0 does not take back. */
static void rule_06_a_curve_that_is_flat_far_out_is_zero_there(void **state)
{
    (void)state;
    ig_grad_opts o = {.create_graph = true};
    for (int tanh = 0; tanh < 2; tanh++) {
        ig_gelu_opts how = {sizeof(how), tanh};
        ig_tensor *x = leaf(4, D(-1e200, -1e100, 1e100, 1e200)), *dx, *ddx;
        ig_tensor *y = sum(ig_op_gelu(c, x, &how));
        assert_int_equal(ig_grad(c, &y, 1, &x, 1, &dx, &o), IG_OK);
        ig_tensor *z = sum(dx);
        assert_int_equal(ig_grad(c, &z, 1, &x, 1, &ddx, &o), IG_OK);
        VALUES(ddx, 4, 0, 0, 0, 0);
        z = sum(ddx);
        assert_int_equal(ig_grad(c, &z, 1, &x, 1, &dx, NULL), IG_OK);
        VALUES(dx, 4, 0, 0, 0, 0);
    }
}

static void rule_06_create_graph_accumulates_out_of_place(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(2));
    ig_backward_opts o = {.create_graph = true};
    assert_int_equal(ig_backward_ex(c, sum(ig_mul(c, x, x)), &o), IG_OK);
    ig_tensor *first = ig_tensor_ref(ig_tensor_grad(x));
    assert_int_equal(ig_backward_ex(c, sum(ig_mul(c, x, x)), &o), IG_OK);
    VALUES(first, 1, 4);
    GRADIENT(x, 1, 8);
    ig_tensor_clear_grad(
        x); /* the leaf holds what names the leaf: a cycle until then */
    ig_tensor_unref(first);
}

/* ---- 7: accumulation ---- */

static void rule_07_gradients_add_up_until_they_are_cleared(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2));
    assert_null(ig_tensor_grad(x));
    for (int i = 0; i < 3; i++)
        assert_int_equal(ig_backward(c, sum(ig_mul_scalar(c, x, 2))), IG_OK);
    GRADIENT(x, 2, 6, 6);
    ig_tensor_clear_grad(x);
    assert_null(ig_tensor_grad(x));
    assert_int_equal(ig_backward(c, sum(ig_mul_scalar(c, x, 0))), IG_OK);
    GRADIENT(x, 2, 0, 0); /* zero differs from unset */
}

static void rule_07_gradients_of_leaves_are_contiguous_and_not_shared(void **state)
{
    (void)state;
    ig_tensor *a = leaf(2, D(1, 2)), *b = leaf(2, D(3, 4)), *dy = vec(2, D(1, 1));
    ig_backward_opts o = {.dy = dy};
    assert_int_equal(ig_backward_ex(c, ig_add(c, a, b), &o), IG_OK);
    assert_ptr_not_equal(ig_tensor_data(ig_tensor_grad(a)),
                         ig_tensor_data(ig_tensor_grad(b)));
    assert_ptr_not_equal(ig_tensor_data(ig_tensor_grad(a)), ig_tensor_data(dy));
    ig_tensor_clear_grad(a);
    (void)ig_backward(c, sum(ig_reshape(c, a, IG_SHAPE(2, 1))));
    FINE();
    assert_true(ig_tensor_is_contiguous(ig_tensor_grad(a)));
    GRADIENT(a, 2, 1, 1);
}

static void rule_07_two_leaves_of_one_sum_can_be_scaled_apart(void **state)
{
    (void)state;
    ig_tensor *a = leaf(2, D(1, 2)), *b = leaf(2, D(3, 4));
    assert_int_equal(ig_backward(c, sum(ig_add(c, a, b))), IG_OK);
    IG_NO_GRAD(c)
        ig_mul_(c, ig_tensor_grad(a), vec(2, D(5, 5)));
    FINE();
    GRADIENT(a, 2, 5, 5);
    GRADIENT(b, 2, 1, 1);
}

static void rule_07_gradients_with_a_history_are_not_shared_either(void **state)
{
    (void)state;
    ig_tensor *a = leaf(2, D(1, 2)), *b = leaf(2, D(3, 4)), *dd = NULL;
    ig_backward_opts o = {.create_graph = true};
    ig_tensor *s = ig_add(c, a, b);
    assert_int_equal(ig_backward_ex(c, sum(ig_mul(c, s, s)), &o), IG_OK);
    ig_tensor *ga = ig_tensor_grad(a), *y = sum(ga);
    assert_ptr_not_equal(ig_tensor_data(ga), ig_tensor_data(ig_tensor_grad(b)));
    assert_int_equal(ig_grad(c, &y, 1, &b, 1, &dd, NULL), IG_OK);
    VALUES(dd, 2, 2, 2);
    ig_tensor_clear_grad(a);
    ig_tensor_clear_grad(b);
    assert_int_equal(ig_backward_ex(c, sum(a), &o), IG_OK); /* an expanded number */
    assert_true(ig_tensor_is_contiguous(ig_tensor_grad(a)));
    ig_tensor_clear_grad(a);
}

/* ---- 8: grad ---- */

static void rule_08_grad_touches_no_leaf(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(2)), *w = leaf(1, D(3)), *y = sum(ig_mul(c, x, w)),
              *dx = NULL;
    assert_int_equal(ig_grad(c, &y, 1, &x, 1, &dx, NULL), IG_OK);
    VALUES(dx, 1, 3);
    assert_null(ig_tensor_grad(x));
    assert_null(ig_tensor_grad(w));
}

static void rule_08_grad_skips_branches_without_its_inputs(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(2)), *w = leaf(1, D(3)), *blocked = NULL, *dx = NULL;
    assert_int_equal(ig_call_op(c, "test::Forbidden", NULL, &w, 1, &blocked, 1), IG_OK);
    ig_tensor *y = sum(ig_mul(c, ig_exp(c, x), blocked));
    assert_int_equal(ig_grad(c, &y, 1, &x, 1, &dx, NULL), IG_OK);
    VALUES(dx, 1, 3 * exp(2));
}

static void rule_08_an_unused_input_is_an_error_unless_allowed(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(2)), *other = leaf(1, D(1)), *xs[2] = {x, other}, *dx[2];
    ig_tensor *y = sum(ig_exp(c, x));
    ig_grad_opts keep = {.retain_graph = true};
    assert_int_not_equal(ig_grad(c, &y, 1, xs, 2, dx, &keep), IG_OK);
    FAILED("x number 1", "allow_unused");
    assert_int_equal(
        ig_grad(c, &y, 1, xs, 2, dx, &(ig_grad_opts){.allow_unused = true}), IG_OK);
    VALUES(dx[0], 1, exp(2));
    assert_null(dx[1]);
}

static void rule_08_grad_by_an_inner_tensor(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(2)), *h = ig_mul(c, x, x), *y = sum(ig_mul(c, h, h)),
              *dh = NULL;
    assert_int_equal(ig_grad(c, &y, 1, &h, 1, &dh, NULL), IG_OK);
    VALUES(dh, 1, 8);
}

static void rule_08_what_has_no_gradient_says_why(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(2)), *y = sum(vec(1, D(1)));
    assert_int_not_equal(ig_backward(c, y), IG_OK);
    assert_null(strstr(ig_ctx_message(c), "recording is off"));
    FAILED("does not depend");
    IG_NO_GRAD(c)
        (void)ig_backward(c, sum(x));
    FAILED("recording is off");
    y = sum(ig_mul(c, x, x));
    assert_int_not_equal(ig_grad(c, &y, 1, NULL, 0, NULL, NULL), IG_OK);
    FAILED("1 y's by 0 x's");
    assert_null(ig_tensor_grad(x));
}

static void rule_08_an_input_may_be_given_twice(void **state)
{
    (void)state;
    ig_tensor *x = leaf(1, D(2)), *xs[2] = {x, x}, *dx[2], *y = sum(ig_mul(c, x, x));
    assert_int_equal(ig_grad(c, &y, 1, xs, 2, dx, NULL), IG_OK);
    VALUES(dx[0], 1, 4);
    VALUES(dx[1], 1, 4);
}

/* ---- the list ---- */

IG_TESTS(TEST(rule_01_saved_tensor_changed_in_place_is_an_error_naming_versions),
         TEST(rule_01_a_write_to_another_part_of_the_storage_counts),
         TEST(rule_01_what_no_gradient_reads_may_change),
         TEST(rule_01_an_in_place_call_refuses_its_own_old_input),
         TEST(rule_02_in_place_on_a_leaf_needs_no_grad_mode),
         TEST(rule_02_a_leaf_that_is_a_view_is_a_leaf),
         TEST(rule_02_requires_grad_is_for_leaves_of_floating_type),
         TEST(rule_03_a_view_taken_after_the_write_has_the_right_gradient),
         TEST(rule_04_detach_shares_storage_and_counter_but_no_history),
         TEST(rule_04_no_gradient_flows_through_detach),
         TEST(rule_05_a_second_backward_is_refused_by_name),
         TEST(rule_05_saved_values_are_released_by_backward),
         TEST(rule_05_a_saved_output_does_not_pin_the_tape),
         ODD_TEST(rule_05_a_saved_value_that_is_a_gradient_outlives_the_tape),
         ODD_TEST(rule_05_a_rule_that_reads_what_it_does_not_save_is_named),
         TEST(rule_06_retain_graph_allows_a_second_walk),
         TEST(rule_06_create_graph_makes_gradients_differentiable),
         TEST(rule_06_a_curve_that_is_flat_far_out_is_zero_there),
         TEST(rule_06_create_graph_accumulates_out_of_place),
         TEST(rule_07_gradients_add_up_until_they_are_cleared),
         TEST(rule_07_gradients_of_leaves_are_contiguous_and_not_shared),
         TEST(rule_07_two_leaves_of_one_sum_can_be_scaled_apart),
         TEST(rule_07_gradients_with_a_history_are_not_shared_either),
         TEST(rule_08_grad_touches_no_leaf),
         ODD_TEST(rule_08_grad_skips_branches_without_its_inputs),
         TEST(rule_08_an_unused_input_is_an_error_unless_allowed),
         TEST(rule_08_grad_by_an_inner_tensor),
         TEST(rule_08_an_input_may_be_given_twice),
         TEST(rule_08_what_has_no_gradient_says_why))
