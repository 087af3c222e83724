/* Regions in traces: at several sizes, and what the ledger says of their arms. */
#include <stdio.h>

#include <ingot/ops.h>

#include "tests/frontend_c/trace_support.h"

static ig_tensor *positive(ig_ctx *k, ig_tensor *x)
{
    return ig_op_greater(k, ig_sum(k, x, IG_ALL, false), ig_scalar(k, IG_FLOAT64, 0));
}

/* ---- sizes ---- */

/* The mean by hand; sizes as a shape, as bounds and as a number. */
static ig_status means(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    int64_t n = ig_size(k, in[0], 0);
    ig_tensor *flat = ig_reshape(k, in[0], IG_SHAPE(n * 6));
    ig_tensor *m = ig_mul_scalar(k, ig_sum(k, flat, 0, true), 1.0 / (double)n);
    out[0] = ig_add(k, ig_zeros(k, IG_FLOAT64, IG_SHAPE(n, 6)), m);
    return IG_OK;
}

static ig_status halves(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *w)
{
    int64_t n = ig_size(k, in[0], 0);
    ig_tensor *half = ig_slice(k, ig_cat(k, (ig_tensor *[]){in[0], in[0]}, 2, 0), 0,
                               n - 1, 2 * n - 1, 1);
    out[0] = ig_mul(k, half, w);
    return IG_OK;
}

static ig_tensor *choose(ig_ctx *k, ig_tensor *const *in, void *w)
{
    ig_tensor *y = NULL;
    (void)ig_cond(k, positive(k, in[0]), means, halves, in, &y, 1, w);
    return y;
}

static void both_arms_of_a_cond_follow_the_batch(void **state)
{
    (void)state;
    ig_tensor *w = RANDOM(6);
    for (int i = 0; i < 4; i++) { /* random inputs take both arms */
        check_dynamic(choose, w);
        ig_graph_free(g);
        g = NULL;
    }
}

static ig_status outer_choice(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *w)
{
    int64_t n = ig_size(k, in[0], 0);
    ig_tensor *x = ig_reshape(k, ig_neg(k, in[0]), IG_SHAPE(n, 6));
    ig_status rc = ig_cond(k, positive(k, ig_slice(k, x, 1, 0, 1, 1)), means, halves,
                           &x, out, 1, w);
    out[0] = ig_add_scalar(k, out[0], (double)n);
    return rc;
}

static ig_tensor *nested(ig_ctx *k, ig_tensor *const *in, void *w)
{
    ig_tensor *y = NULL;
    (void)ig_cond(k, positive(k, in[0]), outer_choice, halves, in, &y, 1, w);
    return y;
}

static void a_cond_in_a_cond_follows_the_batch(void **state)
{
    (void)state;
    ig_tensor *w = RANDOM(6);
    for (int i = 0; i < 4; i++) {
        check_dynamic(nested, w);
        ig_graph_free(g);
        g = NULL;
    }
}

/* x' = mean over the batch by hand, added */
static ig_status settle(ig_ctx *k,
                        ig_tensor *iter,
                        ig_tensor *const *x,
                        ig_tensor **next,
                        ig_tensor **go,
                        void *user)
{
    (void)go;
    (void)user;
    int64_t n = ig_size(k, x[0], 0);
    ig_tensor *m = ig_mul_scalar(k, ig_sum(k, x[0], 0, true), 0.5 / (double)n);
    ig_tensor *t = ig_cast(k, iter, IG_FLOAT64);
    next[0] = ig_add(k, ig_add(k, x[0], ig_expand(k, m, IG_SHAPE(n, 6))), t);
    return IG_OK;
}

static ig_tensor *settled(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *x = in[0];
    (void)ig_loop(k, 3, settle, &x, 1, user);
    return x;
}

/* As many rounds as there are rows. */
static ig_tensor *settled_by_size(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *x = in[0];
    (void)ig_loop(k, ig_size(k, x, 0), settle, &x, 1, user);
    return x;
}

static void a_loop_follows_the_batch(void **state)
{
    (void)state;
    check_dynamic(settled, NULL);
    assert_type(ig_graph_output_at(g, 0), "float64[N,6]");
    ig_graph_free(g);
    check_dynamic(settled_by_size, NULL);
}

/* The state doubles its length: that is no number inside. */
static ig_status grow(ig_ctx *k,
                      ig_tensor *iter,
                      ig_tensor *const *x,
                      ig_tensor **next,
                      ig_tensor **go,
                      void *user)
{
    (void)iter;
    (void)go;
    next[0] = ig_cat(k, (ig_tensor *[]){x[0], ig_neg(k, x[0])}, 2, 0);
    if (user)
        next[0] = ig_add_scalar(k, next[0], (double)ig_size(k, x[0], 0));
    return IG_OK;
}

static ig_tensor *grown(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *x = in[0];
    (void)ig_loop(k, 3, grow, &x, 1, user);
    return x;
}

static void a_state_that_grows_follows_the_batch(void **state)
{
    (void)state;
    check_dynamic(grown, NULL);
}

static void the_size_of_a_state_that_grows_is_an_escape(void **state)
{
    (void)state;
    int user = 1;
    trace_of(grown, &user, RANDOM(4, 6), NULL);
    assert_null(g);
    FAILED("in the loop", "test_region_trace.c", "the size of axis 0", "follows data");
}

static ig_tensor *slope(ig_ctx *k, ig_tensor *const *in, void *w)
{
    ig_tensor *dx = NULL;
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    ig_tensor *x = ig_requires_grad(k, ig_add_scalar(k, in[0], 0.0), true);
    ig_tensor *y = settled(k, (ig_tensor *[]){nested(k, &x, w)}, NULL);
    y = ig_sum(k, ig_mul(k, y, y), IG_ALL, false);
    (void)ig_grad(k, &y, 1, &x, 1, &dx, NULL);
    ig_grad_mode_restore(&mode);
    return dx;
}

static void gradients_through_regions_follow_the_batch(void **state)
{
    (void)state;
    ig_tensor *w = RANDOM(6);
    for (int i = 0; i < 4; i++) {
        check_dynamic(slope, w);
        ig_graph_free(g);
        g = NULL;
    }
}

static ig_status squares(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    double n = (double)ig_size(k, in[0], 0);
    out[0] = ig_mul_scalar(k, in[0], n * n);
    return IG_OK;
}

static ig_status paths(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    out[0] = ig_size(k, in[0], 0) > 4 ? ig_exp(k, in[0]) : ig_relu(k, in[0]);
    return IG_OK;
}

static ig_tensor *with_arm(ig_ctx *k, ig_tensor *const *in, void *arm)
{
    ig_tensor *y = NULL;
    ig_fn_n fn = *(ig_fn_n *)arm;
    (void)ig_cond(k, positive(k, in[0]), fn, fn, in, &y, 1, NULL);
    return y;
}

static void an_arm_that_does_not_generalise_fails_with_its_line(void **state)
{
    (void)state;
    ig_fn_n arm = squares;
    trace_of(with_arm, &arm, RANDOM(3), "x: N");
    assert_null(g);
    FAILED("has other contents", "test_region_trace.c");
    arm = paths;
    trace_of(with_arm, &arm, RANDOM(3), "x: N");
    assert_null(g);
    FAILED("another operator", "test_region_trace.c");
}

/* ---- what arms do differently ---- */

static ig_status plain(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    out[0] = ig_neg(k, in[0]);
    return IG_OK;
}

static ig_status reads(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    out[0] = ig_add_scalar(k, in[0], ig_item(k, ig_sum(k, in[0], IG_ALL, false)));
    return IG_OK;
}

static ig_status drops(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    ig_tensor *yes = ig_scalar(k, IG_BOOL, 1);
    out[0] = ig_op_dropout(k, in[0], NULL, yes, NULL, NULL);
    return IG_OK;
}

static ig_status writes(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *w)
{
    out[0] = ig_mul(k, in[0], ig_add_(k, w, w));
    return IG_OK;
}

typedef struct arms {
    ig_fn_n then_fn, else_fn;
    ig_tensor *w;
} arms;

static ig_tensor *either(ig_ctx *k, ig_tensor *const *in, void *user)
{
    const arms *a = user;
    ig_tensor *y = NULL, *w = a->w ? ig_add_scalar(k, a->w, 0) : NULL;
    (void)ig_cond(k, positive(k, in[0]), a->then_fn, a->else_fn, in, &y, 1, w);
    return y;
}

static void a_value_that_one_arm_reads_is_compared_with_the_other(void **state)
{
    (void)state;
    arms a = {plain, reads, NULL};
    trace_of(either, &a, RANDOM(3), NULL);
    FAILED("in the else arm: ", "test_region_trace.c:",
           "the value of a tensor; the then arm reads fewer values");
    a = (arms){reads, reads, NULL};
    trace_of(either, &a, RANDOM(3), NULL);
    assert_null(strstr(ig_ctx_message(c), "fewer"));
    FAILED("2 value(s)", "in the then arm", "in the else arm");
}

static const char *notes(void)
{
    for (size_t i = 0; g && i < g->meta.n; i++)
        if (!strcmp(g->meta.p[i].key, "trace.notes"))
            return g->meta.p[i].value;
    return NULL;
}

static void draws_of_one_arm_are_noted_in_the_graph(void **state)
{
    (void)state;
    arms a = {drops, plain, NULL};
    trace_of(either, &a, RANDOM(3), NULL);
    FINE();
    assert_non_null(notes());
    assert_non_null(strstr(notes(), "test_region_trace.c"));
    assert_non_null(strstr(notes(), "Dropout draws random numbers"));
    assert_non_null(strstr(notes(), "the else arm draws less often"));
    ig_graph_free(g);
    a = (arms){drops, drops, NULL};
    trace_of(either, &a, RANDOM(3), NULL);
    FINE();
    assert_null(notes());
    ig_graph_free(g);
    a = (arms){drops, plain, NULL};
    trace_of(either, &a, RANDOM(3), "x: N"); /* notes survive the join */
    FINE();
    assert_non_null(notes());
}

static void a_write_to_a_tensor_around_an_arm_fails_with_its_line(void **state)
{
    (void)state;
    arms a = {plain, writes, RANDOM(3)};
    trace_of(either, &a, RANDOM(3), NULL);
    assert_null(g);
    FAILED("test_region_trace.c", "from outside");
}

static ig_status
given_back(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    out[0] = ig_slice(k, in[0], 0, 0, 1, 1);
    return IG_OK;
}

static ig_status
one_memory(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    out[0] = ig_exp(k, in[0]);
    out[1] = ig_slice(k, out[0], 0, 0, 1, 1);
    return IG_OK;
}

static ig_tensor *written_beside(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *y[2] = {NULL};
    (void)user;
    (void)ig_cond(k, positive(k, in[0]), one_memory, one_memory, in, y, 2, NULL);
    (void)ig_mul_(k, y[1], ig_scalar(k, IG_FLOAT64, 3));
    return y[0];
}

/* user: whether the result is written, or what it was before. */
static ig_tensor *written_apart(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *t = ig_exp(k, in[0]), *y = NULL;
    (void)ig_cond(k, positive(k, in[0]), given_back, given_back, &t, &y, 1, NULL);
    (void)ig_mul_(k, *(const bool *)user ? y : t, ig_scalar(k, IG_FLOAT64, 3));
    return ig_add(k, y, t);
}

static void what_an_arm_gives_back_is_not_written_apart(void **state)
{
    (void)state;
    for (int result = 0; result < 2; result++) {
        trace_of(written_apart, &(bool){result}, RANDOM(2, 3), NULL);
        assert_null(g);
        FAILED("Mul in place", "ig_cond", "write to a copy", "test_region_trace.c");
    }
    trace_of(written_beside, NULL, RANDOM(2, 3), NULL);
    assert_null(g);
    FAILED("Mul in place", "ig_cond", "write to a copy", "test_region_trace.c");
}

static ig_status silent(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)k, (void)in, (void)out, (void)user;
    return IG_IO;
}

static void a_status_without_a_message_gets_one(void **state)
{
    (void)state;
    ig_tensor *y = NULL;
    assert_int_equal(ig_fail(IG_LIMIT, "an old error"), IG_LIMIT); /* of another call */
    assert_int_equal(
        ig_cond(c, ig_scalar(c, IG_BOOL, 1), silent, silent, NULL, &y, 1, NULL), IG_IO);
    FAILED("test_region_trace.c", "returned status");
    assert_int_equal(ig_fail(IG_LIMIT, "an old error"), IG_LIMIT);
    assert_int_equal(ig_checkpoint_n(c, silent, NULL, 0, &y, 1, NULL), IG_IO);
    FAILED("test_region_trace.c", "returned status");
}

static ig_status
view_from_before(ig_ctx *k, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    ig_tensor *t = ig_mul_scalar(k, in[0], 1);
    out[0] = ig_slice(k, t, 0, 0, 1, 1);
    (void)ig_mul_(k, t, ig_scalar(k, IG_FLOAT64, 3));
    return IG_OK;
}

static ig_tensor *views_of_arms(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *y = NULL;
    (void)ig_cond(k, positive(k, in[0]), view_from_before, view_from_before, in, &y, 1,
                  user);
    return y;
}

static void a_result_of_an_arm_shows_what_was_written(void **state)
{
    (void)state;
    trace_of(views_of_arms, NULL, RANDOM(2, 3), NULL);
    FINE();
    check_at(views_of_arms, NULL, RANDOM(2, 3));
}

IG_TESTS(TRACE_TEST(both_arms_of_a_cond_follow_the_batch),
         TRACE_TEST(a_cond_in_a_cond_follows_the_batch),
         TRACE_TEST(a_loop_follows_the_batch),
         TRACE_TEST(a_state_that_grows_follows_the_batch),
         TRACE_TEST(the_size_of_a_state_that_grows_is_an_escape),
         TRACE_TEST(gradients_through_regions_follow_the_batch),
         TRACE_TEST(an_arm_that_does_not_generalise_fails_with_its_line),
         TRACE_TEST(a_value_that_one_arm_reads_is_compared_with_the_other),
         TRACE_TEST(draws_of_one_arm_are_noted_in_the_graph),
         TRACE_TEST(a_write_to_a_tensor_around_an_arm_fails_with_its_line),
         TRACE_TEST(a_result_of_an_arm_shows_what_was_written),
         TRACE_TEST(a_status_without_a_message_gets_one),
         TRACE_TEST(what_an_arm_gives_back_is_not_written_apart))
