/* Rules 1 to 4 of the autograd contract: how long views live, what they keep, and which
 * writes in place are refused. */
#include "tests/frontend_c/trace_support.h"

/* ---- life ---- */

static void rule_03_a_view_keeps_its_base(void **state)
{
    (void)state;
    ig_tensor *x = leaf(4, D(1, 2, 3, 4)), *front = NULL, *back = NULL;
    IG_SCOPE(c) {
        ig_tensor *h = ig_mul_scalar(c, x, 2);
        front = ig_keep(c, ig_slice(c, h, 0, 0, 2, 1));
        back = ig_keep(c, ig_slice(c, h, 0, 2, 4, 1));
    }
    IG_SCOPE(c) {
        ig_add_(c, front, vec(2, D(1, 1)));
        ig_mul_(c, back, vec(2, D(5, 5)));
        assert_int_equal(ig_backward(c, sum(ig_mul(c, front, back))), IG_OK);
        GRADIENT(x, 4, 60, 80, 30, 50);
        ig_tensor_unref(front), ig_tensor_unref(back);
    }
    assert_int_equal(c->tape.nodes.n, 0); /* and nothing else keeps it */
    assert_int_equal(x->v.refs, 1);
}

static void rule_03_views_of_a_leaf_follow_its_updates(void **state)
{
    (void)state;
    ig_tensor *w = leaf(4, D(1, 2, 3, 4)), *v = ig_reshape(c, w, IG_SHAPE(2, 2));
    IG_NO_GRAD(c)
        ig_mul_(c, w, vec(4, D(2, 2, 2, 2)));
    assert_int_equal(ig_backward(c, sum(ig_mul(c, v, v))), IG_OK);
    GRADIENT(w, 4, 4, 8, 12, 16);
}

static void rule_01_a_write_through_a_view_trips_what_was_saved(void **state)
{
    (void)state;
    ig_tensor *h = ig_exp(c, leaf(4, D(1, 2, 3, 4)));
    ig_mul_(c, ig_slice(c, h, 0, 0, 2, 1), vec(2, D(2, 2)));
    FINE();
    (void)ig_backward(c, sum(h)); /* exp reads its output */
    FAILED("Exp", "changed in place");
}

/* ---- refusals ---- */

static void rule_02_a_view_of_a_leaf_refuses_like_the_leaf(void **state)
{
    (void)state;
    ig_tensor *x = leaf(4, D(1, 2, 3, 4)), *v = ig_slice(c, x, 0, 0, 2, 1);
    assert_null(ig_fill_(c, v, 0));
    FAILED("view of a leaf", "IG_NO_GRAD", "test_views_kept.c");
    IG_NO_GRAD(c)
        assert_non_null(ig_fill_(c, ig_slice(c, x, 0, 0, 2, 1), 0));
    FINE();
    VALUES(x, 4, 0, 0, 3, 4);
}

static void rule_03_a_view_that_overlaps_itself_refuses(void **state)
{
    (void)state;
    ig_tensor *h = vec(2, D(1, 2)), *e = ig_expand(c, h, IG_SHAPE(3, 2));
    assert_null(ig_fill_(c, e, 0));
    FAILED("Expand", "share memory");
    IG_NO_GRAD(c)
        assert_null(ig_add_(c, e, ig_zeros(c, IG_FLOAT64, IG_SHAPE(3, 2))));
    FAILED("Add", "share memory");
    assert_non_null(ig_fill_(c, ig_expand(c, h, IG_SHAPE(1, 2)), 5));
    VALUES(h, 2, 5, 5);
}

static void rule_03_a_view_made_without_recording_refuses(void **state)
{
    (void)state;
    ig_tensor *h = ig_mul_scalar(c, leaf(2, D(1, 2)), 2), *v = NULL;
    IG_NO_GRAD(c)
        v = ig_reshape(c, h, IG_SHAPE(2, 1));
    assert_null(ig_fill_(c, v, 0));
    FAILED("without recording");
    ig_tensor *plain = vec(2, D(1, 2)), *w = leaf(2, D(3, 4));
    IG_NO_GRAD(c)
        v = ig_reshape(c, plain, IG_SHAPE(2));
    assert_non_null(ig_fill_(c, v, 5)); /* nobody needs a gradient */
    assert_null(ig_add_(c, v, w));
    FAILED("without recording");
}

static void rule_03_a_view_made_without_recording_is_refused_after_a_write(void **state)
{
    (void)state;
    ig_tensor *h = ig_mul_scalar(c, leaf(2, D(1, 2)), 2), *v = NULL;
    IG_NO_GRAD(c)
        v = ig_reshape(c, h, IG_SHAPE(2, 1));
    ig_add_(c, h, vec(2, D(1, 1)));
    assert_null(ig_neg(c, v));
    FAILED("Neg", "without recording", "take the view again");
}

static void rule_03_a_write_behind_the_history_is_refused(void **state)
{
    (void)state;
    ig_tensor *h = ig_mul_scalar(c, leaf(2, D(1, 2)), 2),
              *v = ig_reshape(c, h, IG_SHAPE(2, 1));
    IG_NO_GRAD(c)
        ig_mul_(c, h, vec(2, D(3, 3)));
    assert_null(ig_neg(c, h));
    FAILED("Neg", "without recording");
    assert_null(ig_neg(c, v));
    FAILED("Neg", "without recording");
}

static void rule_03_a_view_into_another_contexts_history_refuses(void **state)
{
    (void)state;
    ig_ctx *other = NULL;
    assert_int_equal(ig_ctx_new(&other, NULL), IG_OK);
    ig_tensor *v = ig_reshape(c, ig_mul_scalar(c, leaf(2, D(1, 2)), 2), IG_SHAPE(2, 1));
    assert_null(ig_fill_(other, v, 0));
    assert_non_null(strstr(ig_ctx_message(other), "another context"));
    ig_ctx_free(other);
}

static void rule_03_parts_of_a_split_are_copies(void **state)
{
    (void)state;
    ig_tensor *x = leaf(4, D(1, 2, 3, 4)), *h = ig_mul_scalar(c, x, 2), *part[2];
    ig_split_opts o = IG_SPLIT_OPTS_INIT;
    o.num_outputs = 2;
    assert_int_equal(ig_op_split(c, h, NULL, &o, part, 2), IG_OK);
    ig_fill_(c, part[0], 0);
    FINE();
    VALUES(h, 4, 2, 4, 6, 8);
    assert_int_equal(ig_backward(c, sum(ig_add(c, part[0], part[1]))), IG_OK);
    GRADIENT(x, 4, 0, 0, 2, 2);
}

static void rule_04_a_detached_alias_writes_behind_the_history(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2)), *h = ig_mul_scalar(c, x, 2), *d = ig_detach(c, h);
    ig_fill_(c, d, 9);
    FINE();
    VALUES(h, 2, 9, 9);
    assert_false(ig_tensor_requires_grad(d));
    assert_null(ig_neg(c, h));
    FAILED("Neg", "without recording");
}

static void rule_04_an_alias_that_lives_on_does_not_pin_the_tape(void **state)
{
    (void)state;
    ig_tensor *x = leaf(2, D(1, 2)), *d = NULL;
    IG_SCOPE(c)
        d = ig_keep(c, ig_detach(c, ig_mul_scalar(c, x, 2)));
    assert_int_equal(c->tape.nodes.n, 0);
    ig_tensor_unref(d);
}

/* ---- refusals of traces ---- */

static ig_tensor *outside;

static ig_tensor *writes_input(ig_ctx *k, ig_tensor *const *in, void *user)
{
    return ig_fill_(k, user ? ig_reshape(k, in[0], IG_SHAPE(-1)) : in[0], 1);
}
static ig_tensor *writes_outside(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_add_(k, ig_reshape(k, outside, IG_SHAPE(2, 1)),
            ig_reshape(k, in[0], IG_SHAPE(2, 1)));
    return ig_neg(k, in[0]);
}

static void rule_03_a_trace_refuses_writes_to_what_is_not_its_own(void **state)
{
    (void)state;
    ig_tensor *x = vec(2, D(1, 2));
    outside = vec(2, D(3, 4));
    trace_of(writes_input, NULL, x, NULL);
    assert_null(g);
    FAILED("Expand in place", "outside the trace", "test_views_kept.c");
    trace_of(writes_input, &outside, x, NULL);
    assert_null(g);
    FAILED("outside the trace");
    trace_of(writes_outside, NULL, x, NULL);
    assert_null(g);
    FAILED("Add in place", "outside the trace", "test_views_kept.c");
    VALUES(x, 2, 1, 2);
    VALUES(outside, 2, 3, 4);
}

static ig_tensor *detached(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *h = ig_mul_scalar(k, in[0], 2), *d = ig_detach(k, h);
    ig_add_(k, ig_slice(k, d, 0, 0, 1, 1), ig_slice(k, in[0], 0, 1, 2, 1));
    return ig_mul(k, h, d);
}

static void rule_04_a_trace_follows_writes_through_a_detached_alias(void **state)
{
    (void)state;
    trace_of(detached, NULL, RANDOM(2, 3), NULL);
    FINE();
    ig_grad_mode mode = ig_grad_mode_set(c, false);
    check_at(detached, NULL, RANDOM(2, 3));
    ig_grad_mode_restore(&mode);
}

IG_TESTS(TEST(rule_03_a_view_keeps_its_base),
         TEST(rule_03_views_of_a_leaf_follow_its_updates),
         TEST(rule_01_a_write_through_a_view_trips_what_was_saved),
         TEST(rule_02_a_view_of_a_leaf_refuses_like_the_leaf),
         TEST(rule_03_a_view_that_overlaps_itself_refuses),
         TEST(rule_03_a_view_made_without_recording_refuses),
         TEST(rule_03_a_view_made_without_recording_is_refused_after_a_write),
         TEST(rule_03_a_write_behind_the_history_is_refused),
         TEST(rule_03_a_view_into_another_contexts_history_refuses),
         TEST(rule_03_parts_of_a_split_are_copies),
         TEST(rule_04_a_detached_alias_writes_behind_the_history),
         TEST(rule_04_an_alias_that_lives_on_does_not_pin_the_tape),
         TRACE_TEST(rule_03_a_trace_refuses_writes_to_what_is_not_its_own),
         TRACE_TEST(rule_04_a_trace_follows_writes_through_a_detached_alias))
