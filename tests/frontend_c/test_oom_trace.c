/* Out of memory anywhere in regions and in traces of several paths: an error, nothing
 * leaks. */
#include <ingot/ops.h>
#include <ingot/trace.h>

#include "graph/core/status.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

static bool is_positive(ig_ctx *c, ig_tensor *x)
{
    ig_tensor *zero = ig_scalar(c, IG_FLOAT64, 0);
    return ig_item(c, ig_op_greater(c, ig_sum(c, x, IG_ALL, false), zero)) != 0;
}

static ig_status negated(ig_ctx *c, ig_tensor *const *in, ig_tensor **out, void *user)
{
    (void)user;
    out[0] = ig_neg(c, ig_reshape(c, in[0], IG_SHAPE(ig_size(c, in[0], 0), 1)));
    return ig_ctx_status(c);
}

static ig_status cell(ig_ctx *c,
                      ig_tensor *const *h,
                      ig_tensor *const *x,
                      ig_tensor **next,
                      ig_tensor **y,
                      void *user)
{
    ig_tensor *column = ig_reshape(c, ig_add(c, x[0], h[0]), IG_SHAPE(-1, 1)),
              *z = NULL;
    ig_tensor *yes =
        ig_op_greater(c, ig_sum(c, column, IG_ALL, false), ig_scalar(c, IG_FLOAT64, 0));
    IG_TRY(ig_cond(c, yes, negated, negated, &column, &z, 1, user));
    next[0] = ig_reshape(c, z, IG_SHAPE(ig_size(c, x[0], 0)));
    y[0] = next[0];
    return ig_ctx_status(c);
}

static ig_tensor *scanned(ig_ctx *c, ig_tensor *const *in, void *user)
{
    ig_tensor *y = NULL, *x = in[0];
    ig_tensor *h = ig_zeros(c, IG_FLOAT64, IG_SHAPE(ig_size(c, x, 1)));
    ig_scan_args a = {&h, 1, &x, 1, &y, 1, 0, false};
    return ig_scan(c, cell, &a, user) == IG_OK ? y : NULL;
}

static ig_tensor *two_ways(ig_ctx *c, ig_tensor *const *in, void *user)
{
    (void)user;
    return is_positive(c, in[0]) ? ig_exp(c, in[0]) : ig_neg(c, in[0]);
}

/* The error of a context as that of the thread, for igi_failing_each. */
static ig_status status_of(const ig_ctx *c)
{
    return ig_ctx_status(c) == IG_OK
               ? IG_OK
               : ig_fail(ig_ctx_status(c), "%s", ig_ctx_message(c));
}

static ig_status regions(void *arg)
{
    ig_ctx *c = NULL;
    (void)arg;
    IG_TRY(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    ig_tensor *x = ig_full(c, IG_FLOAT64, IG_SHAPE(2, 3), 1);
    ig_tensor *none = ig_zeros(c, IG_FLOAT64, IG_SHAPE(0, 3));
    (void)scanned(c, &x, NULL);
    (void)scanned(c, &none, NULL);
    ig_trace_opts o = {.inputs = {{"x", x}}, .dynamic = "x: N,M", .no_self_test = true};
    ig_graph *g = x ? ig_trace(c, scanned, NULL, &o) : NULL;
    ig_status rc = status_of(c);
    ig_graph_free(g);
    ig_ctx_free(c);
    return rc;
}

static ig_status paths(void *arg)
{
    ig_ctx *c = NULL;
    (void)arg;
    IG_TRY(ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}));
    ig_tensor *x = ig_full(c, IG_FLOAT64, IG_SHAPE(3), 1);
    ig_tensor *other = ig_full(c, IG_FLOAT64, IG_SHAPE(3), -1);
    ig_trace_opts o = {.inputs = {{"x", x}}, .also = {&other}};
    ig_graph *g = x && other ? ig_trace(c, two_ways, NULL, &o) : NULL;
    ig_status rc = status_of(c);
    ig_graph_free(g);
    ig_ctx_free(c);
    return rc;
}

/* What the process keeps (the registry) is made before memory fails. */
static int once(void **state)
{
    (void)state;
    return ig_registry_builtin() == NULL;
}

static void regions_survive(void **state)
{
    (void)state;
    igi_failing_each(regions, NULL);
}

static void traces_of_paths_survive(void **state)
{
    (void)state;
    igi_failing_each(paths, NULL);
}

IG_TESTS(cmocka_unit_test_setup_teardown(regions_survive, once, NULL),
         cmocka_unit_test_setup_teardown(traces_of_paths_survive, once, NULL))
