/* Traces with named sizes: what follows them, and what does not generalise. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/frontend_c/trace_support.h"

/* ---- sizes ---- */

static ig_tensor *flatten_by_size(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    int64_t n = ig_size(k, in[0], 0);
    return ig_relu(k, ig_reshape(k, in[0], IG_SHAPE(n, 3, 2)));
}

static ig_tensor *all_in_one(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_reshape(k, in[0], IG_SHAPE(ig_size(k, in[0], 0) * ig_size(k, in[0], 1)));
}

static ig_tensor *mean_by_hand(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    double n = (double)ig_size(k, in[0], 0);
    return ig_mul_scalar(k, ig_sum(k, in[0], 0, false), 1.0 / n);
}

static ig_tensor *sum_times_size(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_mul_scalar(k, ig_sum(k, in[0], 0, false),
                         (double)(2 * ig_size(k, in[0], 0) - 1));
}

static ig_tensor *zeros_of_size(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    int64_t n = ig_size(k, in[0], 0);
    ig_tensor *z = ig_zeros(k, IG_FLOAT64, IG_SHAPE(n + 1, 6));
    return ig_cat(k, (ig_tensor *[]){in[0], z}, 2, 0);
}

static ig_tensor *all_but_last(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    int64_t n = ig_size(k, in[0], 0);
    return ig_slice(k, ig_cat(k, (ig_tensor *[]){in[0], in[0]}, 2, 0), 0, 1, 2 * n - 1,
                    1);
}

static void a_reshape_by_size_follows_the_batch(void **state)
{
    (void)state;
    check_dynamic(flatten_by_size, NULL);
    assert_type(ig_graph_output_at(g, 0), "float64[N,3,2]");
}

static void a_product_of_sizes_follows_the_batch(void **state)
{
    (void)state;
    check_dynamic(all_in_one, NULL);
}

static void a_mean_by_hand_follows_the_batch(void **state)
{
    (void)state;
    check_dynamic(mean_by_hand, NULL);
}

static void a_number_that_is_affine_in_a_size_follows_it(void **state)
{
    (void)state;
    check_dynamic(sum_times_size, NULL);
}

static void zeros_of_a_dynamic_shape_follow_the_batch(void **state)
{
    (void)state;
    check_dynamic(zeros_of_size, NULL);
}

static void bounds_of_a_slice_follow_the_batch(void **state)
{
    (void)state;
    check_dynamic(all_but_last, NULL);
}

static void an_mlp_is_traced_for_every_batch_with_its_weights_once(void **state)
{
    (void)state;
    ig_tensor *w[3] = {RANDOM(5, 6), RANDOM(5), RANDOM(2, 5)};
    check_dynamic(mlp, w);
    assert_type(ig_graph_output_at(g, 0), "float64[N,2]");
    int constants = 0;
    for (size_t i = 1; i < g->values.n; i++)
        constants += g->values.p[i].live && g->values.p[i].constant;
    assert_int_equal(constants, 3);
}

static ig_tensor *gram(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    int64_t n = ig_size(k, in[0], 0), t = ig_size(k, in[0], 1);
    ig_tensor *m = ig_matmul(k, in[0], ig_transpose(k, in[0], 0, 1));
    return ig_mul_scalar(
        k, ig_reshape(k, ig_expand(k, m, IG_SHAPE(2, n, n)), IG_SHAPE(-1, n)),
        (double)t);
}

static void two_sizes_may_vary_on_their_own(void **state)
{
    (void)state;
    trace_of(gram, NULL, RANDOM(4, 6), "x: N, T");
    FINE();
    check_at(gram, NULL, RANDOM(2, 9));
    check_at(gram, NULL, RANDOM(8, 1));
    assert_type(ig_graph_input_at(g, 0), "float64[N,T]");
}

static ig_tensor *backward_mean(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *dx = NULL, *x = in[0];
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    (void)ig_requires_grad(k, x, true);
    ig_tensor *y = ig_mean(k, ig_mul(k, ig_relu(k, x), x), IG_ALL, false);
    (void)ig_grad(k, &y, 1, &x, 1, &dx, NULL);
    ig_grad_mode_restore(&mode);
    return dx;
}

static void a_traced_backward_follows_the_batch(void **state)
{
    (void)state;
    check_dynamic(backward_mean, NULL);
}

/* ---- what does not generalise ---- */

static ig_tensor *branches(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    if (ig_size(k, in[0], 0) > 4)
        return ig_exp(k, in[0]);
    return ig_relu(k, in[0]);
}

static void another_path_at_another_size_fails_by_name(void **state)
{
    (void)state;
    trace_of(branches, NULL, RANDOM(3), "x: N");
    assert_null(g);
    FAILED("depends on the sizes", "test_trace_sizes.c", "another operator");
}

/* At size 3, with which traces begin, one tensor is both numbers. */
static ig_tensor *two_numbers(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    double n = (double)ig_size(k, in[0], 0);
    ig_tensor *three = ig_scalar(k, IG_FLOAT64, 3);
    ig_tensor *size = n == 3.0 ? three : ig_scalar(k, IG_FLOAT64, n);
    return ig_mul(k, ig_add(k, in[0], three), size);
}

static void numbers_that_are_equal_by_chance_are_told_apart(void **state)
{
    (void)state;
    trace_of(two_numbers, NULL, RANDOM(4), "x: N");
    assert_null(g);
    FAILED("depends on the sizes",
           "Mul reads a constant that is one tensor with another");
}

static ig_tensor *loops(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *h = in[0];
    for (int64_t i = 0; i < ig_size(k, in[0], 0); i++)
        h = ig_neg(k, h);
    return h;
}

static void a_loop_over_a_size_fails_by_name(void **state)
{
    (void)state;
    trace_of(loops, NULL, RANDOM(3), "x: N");
    assert_null(g);
    FAILED("another number of calls", "test_trace_sizes.c");
}

static ig_tensor *squares(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    double n = (double)ig_size(k, in[0], 0);
    return ig_mul_scalar(k, in[0], n * n);
}

static void a_constant_that_is_not_affine_fails_with_its_line(void **state)
{
    (void)state;
    trace_of(squares, NULL, RANDOM(3), "x: N");
    assert_null(g);
    FAILED("reads a constant that has other contents", "test_trace_sizes.c");
}

static ig_tensor *attribute(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_leaky_relu(k, in[0], 1.0 / (double)ig_size(k, in[0], 0));
}

static void an_attribute_that_follows_a_size_fails_with_its_line(void **state)
{
    (void)state;
    trace_of(attribute, NULL, RANDOM(3), "x: N");
    assert_null(g);
    FAILED("LeakyRelu", "has other attributes", "test_trace_sizes.c");
}

/* Sizes of trial runs that were all odd would let these pass as n - 1 and as 1. */
static ig_tensor *an_even_number_of_rows(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_slice(k, in[0], 0, 0, ig_size(k, in[0], 0) / 2 * 2, 1);
}

static ig_tensor *by_parity(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_mul_scalar(k, in[0], (double)(ig_size(k, in[0], 0) % 2));
}

static ig_tensor *path_by_parity(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_size(k, in[0], 0) % 2 ? ig_exp(k, in[0]) : ig_tanh(k, in[0]);
}

static void what_follows_a_remainder_fails_with_its_line(void **state)
{
    (void)state;
    trace_of(an_even_number_of_rows, NULL, RANDOM(3), "x: N");
    assert_null(g);
    FAILED("Slice", "other contents", "test_trace_sizes.c");
    trace_of(by_parity, NULL, RANDOM(3), "x: N");
    assert_null(g);
    FAILED("Mul", "other contents", "test_trace_sizes.c");
    trace_of(path_by_parity, NULL, RANDOM(3), "x: N");
    assert_null(g);
    FAILED("is another operator", "test_trace_sizes.c");
}

IG_TESTS(TRACE_TEST(numbers_that_are_equal_by_chance_are_told_apart),
         TRACE_TEST(a_reshape_by_size_follows_the_batch),
         TRACE_TEST(a_product_of_sizes_follows_the_batch),
         TRACE_TEST(a_mean_by_hand_follows_the_batch),
         TRACE_TEST(a_number_that_is_affine_in_a_size_follows_it),
         TRACE_TEST(zeros_of_a_dynamic_shape_follow_the_batch),
         TRACE_TEST(bounds_of_a_slice_follow_the_batch),
         TRACE_TEST(an_mlp_is_traced_for_every_batch_with_its_weights_once),
         TRACE_TEST(two_sizes_may_vary_on_their_own),
         TRACE_TEST(a_traced_backward_follows_the_batch),
         TRACE_TEST(another_path_at_another_size_fails_by_name),
         TRACE_TEST(a_loop_over_a_size_fails_by_name),
         TRACE_TEST(a_constant_that_is_not_affine_fails_with_its_line),
         TRACE_TEST(an_attribute_that_follows_a_size_fails_with_its_line),
         TRACE_TEST(what_follows_a_remainder_fails_with_its_line))
