/* Fixture of trace tests: one graph, compared with the function that it was traced
 * from. */
#ifndef TESTS_FRONTEND_C_TRACE_SUPPORT_H
#define TESTS_FRONTEND_C_TRACE_SUPPORT_H

#include "frontend_c/trace.h"
#include "graph/core/dtype.h"
#include "tests/frontend_c/support.h"

static ig_graph *g;

static inline int drop_graph(void **state)
{
    ig_graph_free(g);
    g = NULL;
    return ctx_teardown(state);
}

#define TRACE_TEST(name_) cmocka_unit_test_setup_teardown(name_, ctx_setup, drop_graph)

static inline ig_trace_opts options(ig_tensor *x, const char *dynamic)
{
    return (ig_trace_opts){.inputs = {{"x", x}}, .dynamic = dynamic};
}

static inline void
trace_of(ig_trace_fn fn, void *user, ig_tensor *x, const char *dynamic)
{
    ig_trace_opts o = options(x, dynamic);
    g = ig_trace(c, fn, user, &o);
}

/* Runs g on x and compares with the function itself. */
static inline void check_at(ig_trace_fn fn, void *user, ig_tensor *x)
{
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_net *net = NULL;
    ig_tensor *y = NULL, *want = NULL;
    if (ig_net_new(&net, g, ws, NULL) != IG_OK ||
        ig_workspace_feed(ws, "x", x) != IG_OK || ig_net_run(net, ws, NULL) != IG_OK ||
        ig_workspace_fetch(ws, ig_graph_output_name(g, 0), &y) != IG_OK)
        fail_msg("%s", ig_error_message());
    want = fn(c, &x, user);
    FINE();
    ig_tensor *flat = NULL;
    assert_int_equal(igi_tensor_contiguous_copy(&flat, NULL, want), IG_OK);
    assert_true(igi_type_equal(&y->v.type, &want->v.type));
    for (int64_t i = 0; i < ig_tensor_numel(y); i++) {
        double a = igi_get_f64(ig_tensor_dtype(y), y->data, i),
               b = igi_get_f64(ig_tensor_dtype(y), flat->data, i);
        if (!(fabs(a - b) <= 1e-6 * (1 + fabs(b))))
            fail_msg("element %lld is %g, eager gives %g", (long long)i, a, b);
    }
    ig_tensor_unref(flat);
    ig_tensor_unref(y);
    ig_net_free(net);
    ig_workspace_free(ws);
}

static ig_tensor *random_of(int rank, const int64_t *dims)
{
    return ig_randn(c, IG_FLOAT64, (ig_shape){rank, dims});
}
#define RANDOM(...)                                                                    \
    random_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),               \
              (const int64_t[]){__VA_ARGS__})

static inline void assert_type(ig_value_id v, const char *want)
{
    char text[128];
    igi_type_print(ig_graph_value_type(g, v), g->syms, text, sizeof(text));
    assert_string_equal(text, want);
}

/* A dynamic trace over axis 0 agrees with the function at sizes it has never seen. */
static inline void check_dynamic(ig_trace_fn fn, void *user)
{
    trace_of(fn, user, RANDOM(4, 6), "x: N,6");
    FINE();
    assert_type(ig_graph_input_at(g, 0), "float64[N,6]");
    static const int64_t sizes[] = {1, 2, 4, 16, 97};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_at(fn, user, RANDOM(sizes[i], 6));
}

/* Two layers; user: weight, bias, weight. */
static inline ig_tensor *mlp(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_tensor *const *w = user;
    return ig_softmax(
        k, ig_linear(k, ig_relu(k, ig_linear(k, in[0], w[0], w[1])), w[2], NULL), -1);
}

#endif
