/* Rules 1 to 4 of the autograd contract for views and writes in place: each program
 * that writes in place agrees, in values and gradients, with one that does not,
 * eagerly, traced, differentiated inside a trace and differentiated as a graph. */
#include "graph/core/alloc.h"
#include "importers/onnx/export.h"
#include "tests/frontend_c/trace_support.h"

typedef ig_tensor *(*program)(ig_ctx *k, ig_tensor *x);

/* Both give tensors of one shape from x, float64[4,3]. */
typedef struct pair {
    program written, functional;
} pair;

/* sum(y * y * 1/(i + 1)): every element counts differently. */
static ig_tensor *loss_of(ig_ctx *k, ig_tensor *y)
{
    double w[64];
    for (int i = 0; i < 64; i++)
        w[i] = 1.0 / (i + 1);
    ig_tensor *flat = ig_reshape(k, y, IG_SHAPE(-1));
    ig_tensor *v = ig_slice(k, ig_from(k, IG_FLOAT64, IG_SHAPE(64), w), 0, 0,
                            ig_tensor_dim(flat, 0), 1);
    return ig_sum(k, ig_mul(k, ig_mul(k, flat, flat), v), IG_ALL, false);
}

static ig_tensor *traced_loss(ig_ctx *k, ig_tensor *const *in, void *user)
{
    return loss_of(k, ((const pair *)user)->written(k, in[0]));
}

static ig_tensor *gradient_of(ig_ctx *k, program f, ig_tensor *x)
{
    ig_tensor *dx = NULL;
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    (void)ig_requires_grad(k, x, true);
    ig_tensor *y = loss_of(k, f(k, x));
    (void)ig_grad(k, &y, 1, &x, 1, &dx, NULL);
    ig_grad_mode_restore(&mode);
    return dx;
}

static ig_tensor *traced_gradient(ig_ctx *k, ig_tensor *const *in, void *user)
{
    return gradient_of(k, ((const pair *)user)->written, in[0]);
}

/* Second order: the gradient of the sum of the gradient. */
static ig_tensor *second_of(program f, ig_tensor *x)
{
    ig_tensor *dx = NULL, *ddx = NULL, *y = loss_of(c, f(c, x));
    (void)ig_grad(c, &y, 1, &x, 1, &dx, &(ig_grad_opts){.create_graph = true});
    ig_tensor *z = loss_of(c, dx);
    (void)ig_grad(c, &z, 1, &x, 1, &ddx, NULL);
    return ddx;
}

static void same(ig_tensor *got, ig_tensor *want, const char *what)
{
    ig_tensor *flat = NULL;
    FINE();
    assert_non_null(want);
    assert_int_equal(igi_tensor_contiguous_copy(&flat, NULL, want), IG_OK);
    check_values(got, ig_tensor_numel(want), (const double *)(const void *)flat->data,
                 what);
    ig_tensor_unref(flat);
}

static ig_tensor *fresh(void)
{
    ig_tensor *x = ig_add_scalar(c, ig_rand(c, IG_FLOAT64, IG_SHAPE(4, 3)), 0.5);
    return ig_requires_grad(c, ig_detach(c, x), true);
}

static void run_graph(ig_graph *graph, ig_tensor *x, ig_tensor **out, int n)
{
    ig_model *m = NULL;
    ig_tensor **const at[2] = {&out[0], &out[n - 1]};
    if (ig_model_from_graph(&m, graph, NULL) != IG_OK ||
        ig_model_run(m, IG_INPUTS(x), (ig_outputs){n, at}, NULL) != IG_OK)
        fail_msg("%s", ig_error_message());
    ig_model_free(m);
}

/* The traced program, differentiated as a graph. */
static void check_static(const pair *p)
{
    ig_value_id y, x, dx;
    ig_tensor *at = ig_detach(c, fresh()), *out[2] = {0};
    y = ig_graph_output_at(g, 0);
    x = ig_graph_find(g, "x");
    if (ig_graph_gradient(g, &y, NULL, 1, &x, &dx, 1) != IG_OK)
        fail_msg("%s", ig_error_message());
    assert_int_equal(ig_graph_output(g, "dx", dx), IG_OK);
    run_graph(g, at, out, 2);
    same(out[1], gradient_of(c, p->functional, at), "as a graph");
    ig_tensor_unref(out[0]), ig_tensor_unref(out[1]);
}

static void check(program written, program functional)
{
    pair p = {written, functional};
    ig_tensor *x = fresh();
    same(written(c, x), functional(c, x), "values");
    same(gradient_of(c, written, x), gradient_of(c, functional, x), "gradient");
    same(second_of(written, x), second_of(functional, x), "second order");
    trace_of(traced_gradient, &p, ig_detach(c, fresh()), NULL);
    FINE();
    ig_tensor *at = ig_detach(c, fresh()), *out = NULL;
    run_graph(g, at, &out, 1);
    same(out, gradient_of(c, functional, at), "inside a trace");
    ig_tensor_unref(out);
    ig_graph_free(g);
    trace_of(traced_loss, &p, ig_detach(c, fresh()), NULL);
    FINE();
    check_at(traced_loss, &p, ig_detach(c, fresh()));
    check_static(&p);
}

#define ROWS(x_, a_, b_) ig_slice(k, x_, 0, a_, b_, 1)
static ig_tensor *cat(ig_ctx *k, ig_tensor *a, ig_tensor *b, ig_tensor *d)
{
    ig_tensor *all[3] = {a, b, d};
    return ig_cat(k, all, d ? 3 : 2, 0);
}

/* ---- writing through a view ---- */

static ig_tensor *through_a_view(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul_scalar(k, x, 2), *v = ROWS(h, 1, 3);
    ig_add_(k, ig_mul_(k, v, ig_scalar(k, IG_FLOAT64, 3)), ig_exp(k, ROWS(x, 0, 2)));
    return h;
}
static ig_tensor *not_through_a_view(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul_scalar(k, x, 2), *v = ig_mul_scalar(k, ROWS(h, 1, 3), 3);
    return cat(k, ROWS(h, 0, 1), ig_add(k, v, ig_exp(k, ROWS(x, 0, 2))), ROWS(h, 3, 4));
}

static void rule_03_writing_through_a_view_rebases_the_history_of_its_base(void **state)
{
    (void)state;
    check(through_a_view, not_through_a_view);
}

static ig_tensor *through_a_view_of_views(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul_scalar(k, x, 2);
    ig_tensor *t = ig_transpose(k, h, 0, 1), *v = ig_slice(k, t, 1, 0, 4, 2);
    ig_tensor *w = ig_slice(k, v, 0, 1, 3, 1); /* h[0:4:2, 1:3], transposed */
    ig_add_(k, w, ig_transpose(k, ig_slice(k, ROWS(x, 0, 2), 1, 0, 2, 1), 0, 1));
    return cat(k, ig_reshape(k, h, IG_SHAPE(-1)), ig_reshape(k, v, IG_SHAPE(-1)),
               ig_reshape(k, w, IG_SHAPE(-1)));
}
static ig_tensor *not_through_a_view_of_views(ig_ctx *k, ig_tensor *x)
{
    double all[12] = {0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0};
    ig_tensor *mask = ig_from(k, IG_FLOAT64, IG_SHAPE(4, 3), all);
    ig_tensor *from = ig_slice(k, ROWS(x, 0, 2), 1, 0, 2, 1), *zero[2];
    zero[0] = ig_zeros(k, IG_FLOAT64, IG_SHAPE(2, 1));
    zero[1] = from;
    ig_tensor *wide = ig_cat(k, zero, 2, 1),
              *none = ig_zeros(k, IG_FLOAT64, IG_SHAPE(1, 3));
    ig_tensor *rows[4] = {ROWS(wide, 0, 1), none, ROWS(wide, 1, 2), none};
    ig_tensor *h =
        ig_add(k, ig_mul_scalar(k, x, 2), ig_mul(k, mask, ig_cat(k, rows, 4, 0)));
    ig_tensor *v = ig_transpose(k, ig_slice(k, h, 0, 0, 4, 2), 0, 1);
    return cat(k, ig_reshape(k, h, IG_SHAPE(-1)), ig_reshape(k, v, IG_SHAPE(-1)),
               ig_reshape(k, ROWS(v, 1, 3), IG_SHAPE(-1)));
}

static void rule_03_a_view_of_views_writes_to_the_first_base(void **state)
{
    (void)state;
    check(through_a_view_of_views, not_through_a_view_of_views);
}

static ig_tensor *two_views(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul_scalar(k, x, 3), *a = ROWS(h, 0, 3), *b = ROWS(h, 1, 4);
    ig_add_(k, a, ig_sigmoid(k, ROWS(x, 1, 4)));
    ig_add_(k, b, a); /* they overlap: all of a is read first */
    ig_add_(k, a, a);
    return cat(k, a, b, h);
}
static ig_tensor *no_views(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul_scalar(k, x, 3);
    h = cat(k, ig_add(k, ROWS(h, 0, 3), ig_sigmoid(k, ROWS(x, 1, 4))), ROWS(h, 3, 4),
            NULL);
    h = cat(k, ROWS(h, 0, 1), ig_add(k, ROWS(h, 1, 4), ROWS(h, 0, 3)), NULL);
    h = cat(k, ig_mul_scalar(k, ROWS(h, 0, 3), 2), ROWS(h, 3, 4), NULL);
    return cat(k, ROWS(h, 0, 3), ROWS(h, 1, 4), h);
}

static void rule_03_views_that_overlap_see_each_others_writes(void **state)
{
    (void)state;
    check(two_views, no_views);
}

/* ---- writing the base after taking views ---- */

static ig_tensor *base_after_views(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul_scalar(k, x, 2), *v = ig_reshape(k, h, IG_SHAPE(2, 6)),
              *t = ig_transpose(k, ROWS(h, 1, 3), 0, 1);
    ig_add_(k, h, ig_tanh(k, x));
    return cat(k, ig_reshape(k, v, IG_SHAPE(-1)), ig_reshape(k, t, IG_SHAPE(-1)), NULL);
}
static ig_tensor *base_without_views(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_add(k, ig_mul_scalar(k, x, 2), ig_tanh(k, x));
    return cat(k, ig_reshape(k, h, IG_SHAPE(-1)),
               ig_reshape(k, ig_transpose(k, ROWS(h, 1, 3), 0, 1), IG_SHAPE(-1)), NULL);
}

static void rule_03_a_view_older_than_a_write_to_its_base_is_made_again(void **state)
{
    (void)state;
    check(base_after_views, base_without_views);
}

static ig_tensor *expanded_view(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul_scalar(k, ROWS(x, 0, 1), 2),
              *e = ig_expand(k, h, IG_SHAPE(4, 3));
    ig_add_(k, h, ROWS(x, 1, 2));
    return ig_mul(k, e, x);
}
static ig_tensor *not_expanded_view(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_add(k, ig_mul_scalar(k, ROWS(x, 0, 1), 2), ROWS(x, 1, 2));
    return ig_mul(k, h, x);
}

static void rule_03_gradients_of_an_expanded_view_add_up(void **state)
{
    (void)state;
    check(expanded_view, not_expanded_view);
}

/* ---- a base without a gradient of its own ---- */

static ig_tensor *filled_row_by_row(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *buffer = ig_zeros(k, IG_FLOAT64, IG_SHAPE(3, 4)),
              *early = ig_reshape(k, buffer, IG_SHAPE(12));
    for (int i = 0; i < 3; i++)
        ig_copy_(k, ROWS(buffer, i, i + 1),
                 ig_transpose(
                     k, ig_mul_scalar(k, ig_slice(k, x, 1, i, i + 1, 1), i + 2), 0, 1));
    return ig_add(k, early, ig_reshape(k, buffer, IG_SHAPE(12)));
}
static ig_tensor *made_of_rows(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *row[3];
    for (int i = 0; i < 3; i++)
        row[i] = ig_mul_scalar(k, ig_slice(k, x, 1, i, i + 1, 1), 2 * (i + 2));
    return ig_reshape(k, ig_transpose(k, ig_cat(k, row, 3, 1), 0, 1), IG_SHAPE(12));
}

static void rule_03_the_relation_holds_before_the_base_needs_a_gradient(void **state)
{
    (void)state;
    check(filled_row_by_row, made_of_rows);
}

static ig_tensor *only_the_view_is_read(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *buffer = ig_zeros(k, IG_FLOAT64, IG_SHAPE(4, 3)),
              *early = ig_reshape(k, buffer, IG_SHAPE(12));
    ig_copy_(k, buffer, x);
    return ig_neg(k, early);
}
static ig_tensor *no_view_is_read(ig_ctx *k, ig_tensor *x)
{
    return ig_neg(k, ig_reshape(k, x, IG_SHAPE(12)));
}

static void rule_03_a_view_without_a_history_gets_that_of_its_base(void **state)
{
    (void)state;
    check(only_the_view_is_read, no_view_is_read);
}

/* ---- constants written over a history ---- */

static ig_tensor *filled(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul(k, x, x), *low = ROWS(h, 2, 4), *gone = ig_exp(k, x);
    ig_tensor *old = ROWS(gone, 0, 1);
    ig_fill_(k, ROWS(h, 1, 2), 7);
    ig_relu_(k, ig_add_(k, low, ig_neg(k, ROWS(x, 0, 2))));
    ig_copy_(k, gone, ig_full(k, IG_FLOAT64, IG_SHAPE(4, 3), 3));
    return cat(k, h, old, gone);
}
static ig_tensor *not_filled(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul(k, x, x);
    return cat(k,
               cat(k, ROWS(h, 0, 1), ig_full(k, IG_FLOAT64, IG_SHAPE(1, 3), 7),
                   ig_relu(k, ig_sub(k, ROWS(h, 2, 4), ROWS(x, 0, 2)))),
               ig_full(k, IG_FLOAT64, IG_SHAPE(5, 3), 3), NULL);
}

static void rule_03_no_gradient_flows_through_what_was_overwritten(void **state)
{
    (void)state;
    check(filled, not_filled);
}

/* ---- a trace of any size ---- */

static ig_tensor *any_size(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *h = ig_mul_scalar(k, in[0], 2), *last = ig_slice(k, h, 1, 4, 6, 1),
              *flat = ig_reshape(k, h, IG_SHAPE(-1));
    ig_add_(k, last, ig_slice(k, in[0], 1, 0, 2, 1));
    ig_mul_(k, ROWS(h, ig_size(k, in[0], 0) - 1, ig_size(k, in[0], 0)),
            ig_scalar(k, IG_FLOAT64, 3));
    return ig_exp(k, flat);
}

static ig_tensor *whole_views(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_mul_scalar(k, x, 2), *t = ig_transpose(k, h, 0, 1);
    ig_tensor *s = ig_sum(k, x, 0, true), *e = ig_expand(k, s, IG_SHAPE(4, 3));
    ig_add_(k, t, ig_transpose(k, ig_tanh(k, x), 0, 1));
    ig_add_(k, s, ig_exp(k, s));
    return ig_mul(k, e, h);
}
static ig_tensor *no_whole_views(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *h = ig_add(k, ig_mul_scalar(k, x, 2), ig_tanh(k, x));
    ig_tensor *s = ig_sum(k, x, 0, true);
    return ig_mul(k, ig_add(k, s, ig_exp(k, s)), h);
}

static void rule_03_a_traced_write_is_exported_to_onnx(void **state)
{
    (void)state;
    pair p = {whole_views, no_whole_views};
    void *bytes = NULL;
    size_t n = 0;
    ig_graph *again = NULL;
    ig_tensor *at = ig_detach(c, fresh()), *out = NULL;
    check(whole_views, no_whole_views);
    ig_graph_free(g);
    trace_of(traced_gradient, &p, ig_detach(c, fresh()), NULL);
    FINE();
    if (igi_onnx_write(g, NULL, &bytes, &n) != IG_OK ||
        ig_graph_read_bytes(&again, bytes, n, NULL, NULL, NULL) != IG_OK)
        fail_msg("%s", ig_error_message());
    igi_free(bytes);
    run_graph(again, at, &out, 1);
    same(out, gradient_of(c, no_whole_views, at), "through ONNX");
    ig_tensor_unref(out);
    ig_graph_free(again);
}

static void rule_03_a_traced_write_follows_the_sizes_of_inputs(void **state)
{
    (void)state;
    check_dynamic(any_size, NULL);
}

static void rule_03_backward_begins_in_a_view_as_it_is_now(void **state)
{
    (void)state;
    ig_tensor *w = leaf(2, D(1, 2)), *y = ig_mul_scalar(c, w, 1);
    ig_tensor *v = ig_slice(c, y, 0, 0, 1, 1);
    (void)ig_mul_(c, y, ig_scalar(c, IG_FLOAT64, 3));
    assert_int_equal(ig_backward(c, v), IG_OK);
    check_values(ig_tensor_grad(w), 2, D(3, 0), "a written base");
}

IG_TESTS(TRACE_TEST(rule_03_writing_through_a_view_rebases_the_history_of_its_base),
         TRACE_TEST(rule_03_a_view_of_views_writes_to_the_first_base),
         TRACE_TEST(rule_03_views_that_overlap_see_each_others_writes),
         TRACE_TEST(rule_03_a_view_older_than_a_write_to_its_base_is_made_again),
         TRACE_TEST(rule_03_backward_begins_in_a_view_as_it_is_now),
         TRACE_TEST(rule_03_gradients_of_an_expanded_view_add_up),
         TRACE_TEST(rule_03_the_relation_holds_before_the_base_needs_a_gradient),
         TRACE_TEST(rule_03_a_view_without_a_history_gets_that_of_its_base),
         TRACE_TEST(rule_03_no_gradient_flows_through_what_was_overwritten),
         TRACE_TEST(rule_03_a_traced_write_is_exported_to_onnx),
         TRACE_TEST(rule_03_a_traced_write_follows_the_sizes_of_inputs))
