/* Structured regions: eager, traced and differentiated they are one function. */
#include <string.h>

#include <ingot/ops.h>
#include <ingot/trace.h>

#include "tests/support/test_main.h"

static ig_tensor *vector(ig_ctx *ctx, double a, double b)
{
    const double v[2] = {a, b};
    const int64_t two = 2;
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_new_copy(&t, IG_FLOAT64, 1, &two, v, sizeof(v)), IG_OK);
    (void)ctx;
    return t;
}

static ig_status twice(ig_ctx *ctx, ig_tensor *const *in, ig_tensor **out, void *w)
{
    out[0] = ig_mul(ctx, ig_add(ctx, in[0], in[0]), w);
    return IG_OK;
}

static ig_status square(ig_ctx *ctx, ig_tensor *const *in, ig_tensor **out, void *w)
{
    (void)w;
    out[0] = ig_mul(ctx, in[0], in[0]);
    return IG_OK;
}

/* sum(x) > 0 ? 2 x w : x x */
static ig_tensor *choose(ig_ctx *ctx, ig_tensor *const *in, void *w)
{
    ig_tensor *y = NULL, *zero = ig_full(ctx, IG_FLOAT64, IG_SHAPE(1), 0.0);
    ig_tensor *sum = ig_sum(ctx, in[0], IG_ALL, false);
    ig_tensor *pred = ig_op_greater(ctx, sum, zero);
    (void)ig_cond(ctx, pred, twice, square, in, &y, 1, w);
    return y;
}

static ig_status grow(ig_ctx *ctx,
                      ig_tensor *iter,
                      ig_tensor *const *x,
                      ig_tensor **next,
                      ig_tensor **go,
                      void *w)
{
    (void)iter;
    (void)go;
    next[0] = ig_mul(ctx, ig_add(ctx, x[0], x[0]), w);
    return IG_OK;
}

/* x (2 w)^3 */
static ig_tensor *three_times(ig_ctx *ctx, ig_tensor *const *in, void *w)
{
    ig_tensor *x = in[0];
    (void)ig_loop(ctx, 3, grow, &x, 1, w);
    return x;
}

static void check(ig_trace_fn fn, const double *want_a, const double *want_b)
{
    ig_ctx *ctx = NULL;
    ig_model *m = NULL;
    assert_int_equal(ig_ctx_new(&ctx, NULL), IG_OK);
    ig_tensor *w = vector(ctx, 3, 5), *x[2] = {vector(ctx, 1, 2), vector(ctx, -1, -2)};
    const double *want[2] = {want_a, want_b};
    ig_graph *g = ig_trace(ctx, fn, w, &(ig_trace_opts){.inputs = {{"x", x[0]}}});
    if (!g)
        fail_msg("%s", ig_ctx_message(ctx));
    assert_int_equal(ig_model_from_graph(&m, g, NULL), IG_OK);
    for (int k = 0; k < 2; k++) {
        ig_tensor *eager = fn(ctx, &x[k], w), *y = NULL;
        assert_non_null(eager);
        if (ig_model_run(m, IG_INPUTS(x[k]), IG_OUTPUTS(&y), NULL) != IG_OK)
            fail_msg("%s", ig_error_message());
        assert_memory_equal(ig_tensor_data_f64(y), want[k], 2 * sizeof(double));
        assert_memory_equal(ig_tensor_data_f64(eager), want[k], 2 * sizeof(double));
        ig_tensor_unref(y);
    }
    ig_model_free(m);
    ig_graph_free(g);
    ig_tensor_unref(w), ig_tensor_unref(x[0]), ig_tensor_unref(x[1]);
    ig_ctx_free(ctx);
}

static void an_if_keeps_both_arms_in_a_trace(void **state)
{
    (void)state;
    check(choose, (const double[]){6, 20}, (const double[]){1, 4});
}

static void a_loop_is_one_body_in_a_trace(void **state)
{
    (void)state;
    check(three_times, (const double[]){216, 2000}, (const double[]){-216, -2000});
}

static ig_status leak(ig_ctx *ctx, ig_tensor *const *in, ig_tensor **out, void *w)
{
    (void)w;
    out[0] = ig_add_scalar(ctx, in[0], ig_item(ctx, ig_sum(ctx, in[0], IG_ALL, false)));
    return IG_OK;
}

static ig_tensor *leaking(ig_ctx *ctx, ig_tensor *const *in, void *w)
{
    ig_tensor *y = NULL, *yes = ig_op_greater(ctx, in[0], in[0]);
    yes = ig_op_reduce_max(ctx, yes, NULL, NULL);
    (void)ig_cond(ctx, yes, leak, square, in, &y, 1, w);
    return y;
}

static void a_value_that_leaves_an_arm_is_listed_under_its_name(void **state)
{
    (void)state;
    ig_ctx *ctx = NULL;
    assert_int_equal(ig_ctx_new(&ctx, NULL), IG_OK);
    ig_tensor *x = vector(ctx, 1, 2);
    assert_null(ig_trace(ctx, leaking, NULL, &(ig_trace_opts){.inputs = {{"x", x}}}));
    assert_non_null(strstr(ig_ctx_message(ctx), "then arm"));
    ig_tensor_unref(x);
    ig_ctx_free(ctx);
}

IG_TESTS(cmocka_unit_test(an_if_keeps_both_arms_in_a_trace),
         cmocka_unit_test(a_loop_is_one_body_in_a_trace),
         cmocka_unit_test(a_value_that_leaves_an_arm_is_listed_under_its_name))
