/* Results whose size follows the data: eager, traced, differentiated, saved, exported;
 * and again with other sizes. What reads them runs late. */
#include <stdio.h>
#include <unistd.h>

#include <ingot/ops.h>

#include "importers/import.h"
#include "tests/frontend_c/trace_support.h"

static ig_tensor *is_positive(ig_ctx *k, ig_tensor *x)
{
    return ig_op_greater(k, x, ig_scalar(k, IG_FLOAT64, 0));
}

/* The positive elements, squared: all of it late. */
static ig_tensor *selected(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *flat = ig_reshape(k, in[0], IG_SHAPE(-1));
    ig_tensor *some = ig_op_compress(k, flat, is_positive(k, flat), NULL);
    return ig_mul(k, some, some);
}

/* Rows picked by the coordinates of what is positive, moved and summed up. */
static ig_tensor *gathered(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *at = ig_transpose(k, ig_op_non_zero(k, is_positive(k, in[0])), 0, 1);
    ig_tensor *some = ig_op_gather_nd(k, in[0], at, NULL);
    return ig_sum(k, ig_exp(k, some), 0, false);
}

/* The gradient of the sum of squares of what is selected. */
static ig_tensor *slope(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *x = ig_requires_grad(k, ig_detach(k, in[0]), true), *dx = NULL;
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    ig_tensor *y = ig_sum(k, selected(k, &x, user), 0, false);
    (void)ig_grad(k, &y, 1, &x, 1, &dx, NULL);
    ig_grad_mode_restore(&mode);
    return dx;
}

/* The gradient of a mean: the number of elements is no constant either. */
static ig_tensor *slope_of_mean(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *x = ig_requires_grad(k, ig_detach(k, in[0]), true), *dx = NULL;
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    ig_tensor *y = ig_mean(k, selected(k, &x, user), 0, false);
    (void)ig_grad(k, &y, 1, &x, 1, &dx, NULL);
    ig_grad_mode_restore(&mode);
    return dx;
}

static void check_fixed(ig_trace_fn fn)
{
    trace_of(fn, NULL, RANDOM(5, 6), NULL);
    FINE();
    for (int i = 0; i < 4; i++) /* every run selects another number of elements */
        check_at(fn, NULL, RANDOM(5, 6));
}

static void a_traced_selection_follows_the_data(void **state)
{
    (void)state;
    check_fixed(selected);
    const ig_type *t = ig_graph_value_type(g, ig_graph_output_at(g, 0));
    assert_true(t->rank == 1 && ig_type_dims(t)[0] < 0);
}

static void nodes_after_a_late_one_are_late_too(void **state)
{
    (void)state;
    check_fixed(gathered);
}

static void a_selection_of_a_symbolic_size_is_traced(void **state)
{
    (void)state;
    check_dynamic(gathered, NULL);
}

static void the_gradient_of_a_selection_is_traced(void **state)
{
    (void)state;
    check_fixed(slope);
}

static void the_gradient_of_a_mean_counts_what_was_selected(void **state)
{
    (void)state;
    check_fixed(slope_of_mean);
}

static void gradients_of_a_symbolic_selection_are_traced(void **state)
{
    (void)state;
    check_dynamic(slope, NULL);
    ig_graph_free(g);
    check_dynamic(slope_of_mean, NULL);
}

static void a_late_graph_is_saved_and_exported(void **state)
{
    (void)state;
    char path[256];
    void *bytes = NULL;
    size_t n = 0;
    trace_of(gathered, NULL, RANDOM(5, 6), NULL);
    FINE();
    snprintf(path, sizeof(path), "%s/late-%ld.ingot", IG_BINARY_DIR, (long)getpid());
    assert_int_equal(ig_graph_save(g, path, NULL), IG_OK);
    assert_int_equal(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    ig_graph_free(g);
    assert_int_equal(ig_graph_read(&g, path, NULL), IG_OK);
    unlink(path);
    check_at(gathered, NULL, RANDOM(5, 6));
    ig_graph_free(g);
    assert_int_equal(ig_graph_read_bytes(&g, bytes, n, NULL, NULL, NULL), IG_OK);
    igi_free(bytes);
    check_at(gathered, NULL, RANDOM(5, 6));
}

/* d/dx of sum(selected(x)) in the graph itself is 2 x where x > 0. */
static void a_late_graph_is_differentiated(void **state)
{
    (void)state;
    ig_value_id x, y, dx;
    trace_of(selected, NULL, RANDOM(5, 6), NULL);
    FINE();
    x = ig_graph_input_at(g, 0);
    y = ig_graph_output_at(g, 0);
    ig_value_id total;
    const struct {
        uint32_t struct_size;
        int64_t keepdims, noop;
    } whole = {sizeof(whole), 0, 0};
    assert_int_equal(ig_graph_make_named(g, "ReduceSum", &whole, &y, 1, &total, 1),
                     IG_OK);
    ig_value_id one;
    ig_tensor *t = ig_scalar(c, IG_FLOAT64, 1);
    assert_int_equal(ig_graph_constant(g, NULL, t, &one), IG_OK);
    assert_int_equal(ig_graph_gradient(g, &total, &one, 1, &x, &dx, 1), IG_OK);
    assert_int_equal(ig_graph_output(g, "dx", dx), IG_OK);
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_net *net = NULL;
    ig_tensor *in = RANDOM(5, 6), *out = NULL;
    assert_int_equal(ig_net_new(&net, g, ws, NULL), IG_OK);
    assert_int_equal(ig_workspace_feed(ws, "x", in), IG_OK);
    assert_int_equal(ig_net_run(net, ws, NULL), IG_OK);
    assert_int_equal(ig_workspace_fetch(ws, "dx", &out), IG_OK);
    const double *from = (const double *)(const void *)in->data;
    const double *to = (const double *)(const void *)out->data;
    for (int i = 0; i < 30; i++)
        assert_true(fabs(to[i] - (from[i] > 0 ? 2 * from[i] : 0)) < 1e-12);
    ig_tensor_unref(out);
    ig_net_free(net);
    ig_workspace_free(ws);
}

IG_TESTS(TRACE_TEST(a_traced_selection_follows_the_data),
         TRACE_TEST(nodes_after_a_late_one_are_late_too),
         TRACE_TEST(a_selection_of_a_symbolic_size_is_traced),
         TRACE_TEST(the_gradient_of_a_selection_is_traced),
         TRACE_TEST(the_gradient_of_a_mean_counts_what_was_selected),
         TRACE_TEST(gradients_of_a_symbolic_selection_are_traced),
         TRACE_TEST(a_late_graph_is_saved_and_exported),
         TRACE_TEST(a_late_graph_is_differentiated))
