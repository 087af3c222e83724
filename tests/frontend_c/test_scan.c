/* ig_scan: eager, traced at any size, saved, exported and differentiated it is one
 * function. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ingot/ops.h>

#include "importers/import.h"
#include "tests/frontend_c/trace_support.h"

/* h' = tanh(x w + h), result h' x */
static ig_status cell(ig_ctx *k,
                      ig_tensor *const *h,
                      ig_tensor *const *x,
                      ig_tensor **next,
                      ig_tensor **y,
                      void *w)
{
    ig_tensor *row = ig_reshape(k, x[0], IG_SHAPE(1, ig_size(k, x[0], 0)));
    row = ig_matmul(k, row, w);
    next[0] = ig_tanh(k, ig_add(k, ig_reshape(k, row, IG_SHAPE(-1)), h[0]));
    y[0] = ig_mul(k, next[0], x[0]);
    return IG_OK;
}

static ig_tensor *scanned(ig_ctx *k, ig_tensor *x, void *w, bool reverse)
{
    ig_tensor *y = NULL, *h = ig_zeros(k, IG_FLOAT64, IG_SHAPE(6));
    ig_scan_args a = {.state = &h,
                      .n_state = 1,
                      .in = &x,
                      .n_in = 1,
                      .out = &y,
                      .n_out = 1,
                      .reverse = reverse};
    (void)ig_scan(k, cell, &a, w);
    return ig_add(k, y, h);
}

static ig_tensor *rows(ig_ctx *k, ig_tensor *const *in, void *w)
{
    return scanned(k, in[0], w, false);
}

static ig_tensor *rows_backwards(ig_ctx *k, ig_tensor *const *in, void *w)
{
    return scanned(k, in[0], w, true);
}

/* Running sums of columns, doubled: states and items have as many elements as x has
 * rows. */
static ig_status add_up(ig_ctx *k,
                        ig_tensor *const *h,
                        ig_tensor *const *x,
                        ig_tensor **next,
                        ig_tensor **y,
                        void *user)
{
    (void)user;
    int64_t n = ig_size(k, x[0], 0);
    ig_tensor *two =
        ig_reshape(k, ig_cat(k, (ig_tensor *[]){x[0], x[0]}, 2, 0), IG_SHAPE(2, n));
    next[0] = ig_add(k, h[0], ig_sum(k, two, 0, false));
    y[0] = ig_mul_scalar(k, next[0], 1.0 / (double)n);
    return IG_OK;
}

static ig_tensor *columns(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *y = NULL, *x = in[0];
    ig_tensor *h = ig_zeros(k, IG_FLOAT64, IG_SHAPE(ig_size(k, x, 0)));
    ig_scan_args a = {.state = &h,
                      .n_state = 1,
                      .in = &x,
                      .n_in = 1,
                      .out = &y,
                      .n_out = 1,
                      .axis = -1};
    (void)ig_scan(k, add_up, &a, user);
    return y;
}

/* d/dx and d/dw of sum(f^2), as one vector. */
static ig_tensor *slopes(ig_ctx *k, ig_tensor *const *in, void *w)
{
    ig_tensor *x = ig_add_scalar(k, in[0], 0.0), *both[2] = {0}, *wrt[2];
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    wrt[0] = ig_requires_grad(k, x, true);
    wrt[1] = ig_requires_grad(k, ig_add_scalar(k, w, 0.0), true);
    ig_tensor *y = rows(k, &wrt[0], wrt[1]);
    y = ig_sum(k, ig_mul(k, y, y), IG_ALL, false);
    (void)ig_grad(k, &y, 1, wrt, 2, both, &(ig_grad_opts){.allow_unused = true});
    ig_grad_mode_restore(&mode);
    if (ig_ctx_status(k))
        return NULL;
    for (int i = 0; i < 2; i++)
        both[i] = ig_reshape(k, both[i], IG_SHAPE(-1));
    return ig_cat(k, both, 2, 0);
}

static double energy(const ig_tensor *x, ig_tensor *w)
{
    ig_tensor *in = (ig_tensor *)(uintptr_t)x, *y = rows(c, &in, w);
    return ig_item(c, ig_sum(c, ig_mul(c, y, y), IG_ALL, false));
}

static void check_slopes(ig_tensor *x, ig_tensor *w)
{
    ig_tensor *d = slopes(c, &x, w), *of[2] = {x, w};
    FINE();
    const double *got = ig_tensor_data_f64(d), h = 1e-6;
    for (int i = 0; i < 2; i++) {
        double *v = ig_tensor_data(of[i]);
        for (int64_t e = 0; e < ig_tensor_numel(of[i]); e++, got++) {
            double old = v[e];
            v[e] = old + h;
            double up = energy(x, w);
            v[e] = old - h;
            double down = energy(x, w), want = (up - down) / (2 * h);
            v[e] = old;
            if (!(fabs(*got - want) <= 1e-5 * (1 + fabs(want))))
                fail_msg("slope %lld of %d is %g, not %g", (long long)e, i, *got, want);
        }
    }
}

/* ---- values ---- */

static ig_tensor *weight(void)
{
    return ig_mul_scalar(c, RANDOM(6, 6), 0.3);
}

static void a_scan_is_the_c_loop_that_it_replaces(void **state)
{
    (void)state;
    ig_tensor *w = weight(), *x = RANDOM(5, 6), *y = rows(c, &x, w);
    ig_tensor *h = ig_zeros(c, IG_FLOAT64, IG_SHAPE(6)), *want[5];
    for (int t = 0; t < 5; t++) {
        ig_tensor *item = ig_squeeze(c, ig_slice(c, x, 0, t, t + 1, 1), 0);
        (void)cell(c, &h, &item, &h, &want[t], w);
        want[t] = ig_unsqueeze(c, want[t], 0);
    }
    ig_tensor *all = ig_add(c, ig_cat(c, want, 5, 0), h);
    FINE();
    check_values(y, 30, ig_tensor_data_f64(all), "rows");
}

static void a_trace_runs_at_every_length(void **state)
{
    (void)state;
    ig_tensor *w = weight();
    ig_trace_fn fns[] = {rows, rows_backwards, columns};
    for (int i = 0; i < 3; i++) {
        check_dynamic(fns[i], w);
        assert_type(ig_graph_output_at(g, 0), "float64[N,6]");
        check_at(fns[i], w, RANDOM(300, 6)); /* more slices than a node has ports */
        check_at(fns[i], w, ig_zeros(c, IG_FLOAT64, IG_SHAPE(0, 6)));
        ig_graph_free(g);
        g = NULL;
    }
}

static void a_fixed_trace_agrees(void **state)
{
    (void)state;
    ig_tensor *w = weight();
    for (int64_t n = 0; n < 4; n++) {
        trace_of(rows, w, ig_zeros(c, IG_FLOAT64, IG_SHAPE(n, 6)), NULL);
        FINE();
        check_at(rows, w, random_of(2, (const int64_t[]){n, 6}));
        ig_graph_free(g);
        g = NULL;
    }
}

static void a_scan_is_saved_and_exported(void **state)
{
    (void)state;
    char path[256];
    void *bytes = NULL;
    size_t n = 0;
    ig_tensor *w = weight();
    ig_trace_fn fns[] = {rows, rows_backwards, columns};
    for (int i = 0; i < 3; i++) {
        trace_of(fns[i], w, RANDOM(5, 6), "x: N,6");
        FINE();
        snprintf(path, sizeof(path), "%s/scan-%ld.ingot", IG_BINARY_DIR,
                 (long)getpid());
        assert_int_equal(ig_graph_save(g, path, NULL), IG_OK);
        assert_int_equal(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
        ig_graph_free(g);
        assert_int_equal(ig_graph_read(&g, path, NULL), IG_OK);
        unlink(path);
        for (int64_t k = 0; k < 4; k++)
            check_at(fns[i], w, random_of(2, (const int64_t[]){k, 6}));
        ig_graph_free(g);
        assert_int_equal(ig_graph_read_bytes(&g, bytes, n, NULL, NULL, NULL), IG_OK);
        igi_free(bytes);
        for (int64_t k = 0; k < 4; k++)
            check_at(fns[i], w, random_of(2, (const int64_t[]){k, 6}));
        ig_graph_free(g);
        g = NULL;
    }
}

/* ---- gradients ---- */

static void slopes_agree_with_differences(void **state)
{
    (void)state;
    ig_tensor *w = weight();
    for (int64_t n = 0; n < 4; n++)
        check_slopes(random_of(2, (const int64_t[]){n, 6}), w);
}

static void traced_slopes_follow_the_length(void **state)
{
    (void)state;
    check_dynamic(slopes, weight());
}

/* d/dx sum((d f / dx)^2) by the tape of the eager loop and by the graph's Scans. */
static ig_tensor *second(ig_ctx *k, ig_tensor *const *in, void *w)
{
    ig_tensor *x, *dx = NULL, *ddx = NULL;
    ig_grad_mode mode = ig_grad_mode_set(k, true);
    x = ig_requires_grad(k, ig_add_scalar(k, in[0], 0.0), true);
    ig_tensor *y = rows(k, &x, w);
    y = ig_sum(k, ig_mul(k, y, y), IG_ALL, false);
    (void)ig_grad(k, &y, 1, &x, 1, &dx, &(ig_grad_opts){.create_graph = true});
    y = ig_sum(k, ig_mul(k, dx, dx), IG_ALL, false);
    (void)ig_grad(k, &y, 1, &x, 1, &ddx, NULL);
    ig_grad_mode_restore(&mode);
    return ddx;
}

static void second_derivatives_agree(void **state)
{
    (void)state;
    ig_tensor *w = weight(), *x = RANDOM(3, 6);
    trace_of(second, w, x, NULL);
    FINE();
    check_at(second, w, x);
    check_at(second, w, RANDOM(3, 6));
}

/* ---- errors ---- */

static ig_status forgetful(ig_ctx *k,
                           ig_tensor *const *h,
                           ig_tensor *const *x,
                           ig_tensor **next,
                           ig_tensor **y,
                           void *user)
{
    (void)user;
    next[0] = x[0];
    y[0] = user ? h[0] : NULL;
    return IG_OK;
    (void)k;
}

static void scan_with(ig_tensor *x, ig_tensor *z, ig_tensor *h, int axis, void *user)
{
    ig_tensor *in[2] = {x, z}, *y = NULL;
    (void)ig_scan(c, forgetful,
                  &(ig_scan_args){&h, 1, in, z ? 2 : 1, &y, 1, axis, false}, user);
}

static void what_a_scan_cannot_take_is_named(void **state)
{
    (void)state;
    ig_tensor *x = RANDOM(3, 6), *h = RANDOM(6);
    int yes = 1;
    scan_with(x, RANDOM(4, 6), h, 0, &yes);
    FAILED("test_scan.c", "input 1 of a scan has 4 slices along axis 0", "3");
    scan_with(x, NULL, h, 2, &yes);
    FAILED("test_scan.c", "float64[3,6]", "no axis 2");
    scan_with(x, NULL, RANDOM(5), 0, &yes);
    FAILED("state 0 of a scan becomes float64[6] from float64[5]");
    scan_with(x, NULL, h, 0, NULL);
    FAILED("gave no result number 0");
    scan_with(x, NULL, NULL, 0, &yes);
    FAILED("state 0 of a scan is NULL");
    (void)ig_scan(c, forgetful, &(ig_scan_args){0}, NULL);
    FAILED("0 inputs of a scan: 1 to 16 are possible");
}

IG_TESTS(TRACE_TEST(a_scan_is_the_c_loop_that_it_replaces),
         TRACE_TEST(a_trace_runs_at_every_length),
         TRACE_TEST(a_fixed_trace_agrees),
         TRACE_TEST(a_scan_is_saved_and_exported),
         TRACE_TEST(slopes_agree_with_differences),
         TRACE_TEST(traced_slopes_follow_the_length),
         TRACE_TEST(second_derivatives_agree),
         TRACE_TEST(what_a_scan_cannot_take_is_named))
