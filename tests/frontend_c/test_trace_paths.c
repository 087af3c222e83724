/* Traces of several examples: paths through C code become decisions of one graph. */
#include <stdio.h>
#include <unistd.h>

#include <ingot/ops.h>

#include "importers/import.h"
#include "tests/frontend_c/trace_support.h"

static bool is_positive(ig_ctx *k, ig_tensor *x)
{
    ig_tensor *zero = ig_scalar(k, IG_FLOAT64, 0);
    return ig_item(k, ig_op_greater(k, ig_sum(k, x, IG_ALL, false), zero)) != 0;
}

/* w is large, and shared by the paths. */
static ig_tensor *two_ways(ig_ctx *k, ig_tensor *const *in, void *w)
{
    ig_tensor *h = ig_matmul(k, in[0], w);
    if (is_positive(k, h))
        return ig_exp(k, ig_matmul(k, h, w));
    return ig_mul(k, ig_matmul(k, ig_neg(k, h), w), h);
}

/* A branch in a branch, and code behind both. */
static ig_tensor *nested(ig_ctx *k, ig_tensor *const *in, void *w)
{
    ig_tensor *h = in[0];
    if (is_positive(k, h)) {
        h = ig_mul_scalar(k, h, 2);
        if (is_positive(k, ig_slice(k, h, 1, 0, 1, 1)))
            h = ig_add(k, h, ig_matmul(k, h, w));
        else
            h = ig_matmul(k, h, w);
    }
    return ig_add_scalar(k, ig_matmul(k, h, w), 1);
}

/* As many rounds as a small integer says. */
static ig_tensor *counted(ig_ctx *k, ig_tensor *const *in, void *w)
{
    ig_tensor *h = in[0], *first = ig_slice(k, ig_slice(k, h, 0, 0, 1, 1), 1, 0, 1, 1);
    int64_t n = (int64_t)ig_item(k, ig_cast(k, first, IG_INT64));
    for (int64_t i = 0; i < n; i++)
        h = ig_matmul(k, h, w);
    return h;
}

static ig_tensor *straight(ig_ctx *k, ig_tensor *const *in, void *w)
{
    return ig_relu(k, ig_matmul(k, in[0], w));
}

/* x of the given first row; the others are random. */
static ig_tensor *starting(double a, double b)
{
    ig_tensor *x = RANDOM(2, 9);
    double *v = ig_tensor_data(x);
    for (int i = 0; i < 18; i++)
        v[i] = 0.01 * v[i];
    v[0] = a;
    v[10] = b;
    return x;
}

static ig_tensor *weight(void)
{
    return ig_mul_scalar(c, RANDOM(9, 9), 0.3);
}

static void paths_of(ig_trace_fn fn, void *user, ig_tensor **x, int n)
{
    ig_trace_opts o = {.inputs = {{"x", x[0]}}, .outputs = {"score"}};
    ig_tensor *sets[IG_TRACE_PATHS_MAX][1];
    for (int i = 1; i < n; i++) {
        sets[i - 1][0] = x[i];
        o.also[i - 1] = sets[i - 1];
    }
    g = ig_trace(c, fn, user, &o);
    if (g)
        assert_string_equal(ig_graph_output_name(g, 0), "score");
}

/* The sign of the sum of h is that of x w; examples of both are searched. */
static ig_tensor *of_sign(ig_tensor *w, bool positive)
{
    for (;;) {
        ig_tensor *x = RANDOM(2, 9);
        if (is_positive(c, w ? ig_matmul(c, x, w) : x) == positive)
            return x;
    }
}

static int count_constants(int64_t elements)
{
    int n = 0;
    for (size_t i = 1; i < g->values.n; i++)
        n += g->values.p[i].live && g->values.p[i].constant &&
             ig_tensor_numel(g->values.p[i].constant) == elements;
    return n;
}

static int count_nodes(const ig_graph *of, const char *name)
{
    int n = 0;
    for (size_t i = 1; i < of->nodes.n; i++)
        n += of->nodes.p[i].live && !strcmp(of->nodes.p[i].op->def->name, name);
    return n;
}

static ig_status run(ig_tensor *x)
{
    ig_model *m = NULL;
    ig_tensor *y = NULL;
    assert_int_equal(ig_model_from_graph(&m, g, NULL), IG_OK);
    ig_status rc = ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL);
    ig_tensor_unref(y);
    ig_model_free(m);
    return rc;
}

static void save_and_read(void)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/paths-%ld.ingot", IG_BINARY_DIR, (long)getpid());
    assert_int_equal(ig_graph_save(g, path, NULL), IG_OK);
    ig_graph_free(g);
    assert_int_equal(ig_graph_read(&g, path, NULL), IG_OK);
    unlink(path);
}

static void both_sides_of_a_branch_are_one_graph(void **state)
{
    (void)state;
    ig_tensor *w = weight(), *x[] = {of_sign(w, true), of_sign(w, false)};
    paths_of(two_ways, w, x, 2);
    FINE();
    assert_int_equal(count_constants(81), 1);
    assert_int_equal(count_nodes(g, "If"), 1);
    assert_int_equal(count_nodes(g, "Covered"), 0);
    assert_int_equal(count_nodes(g, "MatMul"), 1); /* before the decision */
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 8; i++)
            check_at(two_ways, w, of_sign(w, i % 2));
        save_and_read();
    }
}

static void both_sides_are_exported(void **state)
{
    (void)state;
    void *bytes = NULL;
    size_t n = 0;
    ig_tensor *w = weight(), *x[] = {of_sign(w, true), of_sign(w, false)};
    paths_of(two_ways, w, x, 2);
    FINE();
    assert_int_equal(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    ig_graph_free(g);
    assert_int_equal(ig_graph_read_bytes(&g, bytes, n, NULL, NULL, NULL), IG_OK);
    igi_free(bytes);
    for (int i = 0; i < 8; i++)
        check_at(two_ways, w, of_sign(w, i % 2));
}

/* Two parameters that are equal when traced stay two. */
static ig_tensor *twins(ig_ctx *k, ig_tensor *const *in, void *user)
{
    ig_nn_linear *const *l = user;
    ig_tensor *h = ig_nn_linear_apply(k, l[0], in[0]);
    return is_positive(k, h) ? ig_nn_linear_apply(k, l[1], h) : h;
}

static void parameters_keep_their_names(void **state)
{
    (void)state;
    ig_nn_linear_opts f64 = {.dtype = IG_FLOAT64};
    ig_module *m = ig_module_new(c, "net");
    ig_nn_linear *l[2] = {ig_nn_linear_new(m, "fc1", 9, 9, &f64),
                          ig_nn_linear_new(m, "fc2", 9, 9, &f64)};
    size_t bytes = ig_tensor_nbytes(l[0]->weight);
    memcpy(ig_tensor_data(l[1]->weight), ig_tensor_data(l[0]->weight), bytes);
    ig_tensor *x[] = {starting(40, 40), starting(-40, -40)};
    paths_of(twins, l, x, 2);
    FINE();
    assert_int_equal(count_constants(81), 2);
    assert_true(ig_graph_find(g, "fc1.weight").i && ig_graph_find(g, "fc2.weight").i);
    ig_module_free(m);
}

static void a_branch_in_a_branch_is_a_decision_in_an_arm(void **state)
{
    (void)state;
    ig_tensor *w = weight();
    ig_tensor *x[] = {starting(1, 0), starting(-1, 0), starting(-1, 2), starting(2, 0)};
    paths_of(nested, w, x, 4);
    FINE();
    assert_int_equal(count_constants(81), 1);
    for (int i = 0; i < 4; i++)
        check_at(nested, w, x[i]);
    check_at(nested, w, starting(-3, 1));
    check_at(nested, w, starting(-3, 9));
    check_at(nested, w, starting(3, 9));
}

static void a_path_that_no_example_took_is_an_error_by_name(void **state)
{
    (void)state;
    ig_tensor *w = weight(), *x[] = {starting(1, 0), starting(-1, 0)};
    paths_of(nested, w, x, 2); /* not: positive, but not in its first column */
    FINE();
    check_at(nested, w, starting(2, 1));
    check_at(nested, w, starting(-2, 1));
    void *bytes = NULL;
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(run(starting(-1, 2)), IG_UNSUPPORTED);
        assert_non_null(strstr(ig_error_message(), "test_trace_paths.c:"));
        assert_non_null(strstr(ig_error_message(), "read the value 0"));
        assert_non_null(strstr(ig_error_message(), "no example of the trace"));
        if (!pass)
            save_and_read();
    }
    assert_int_equal(igi_onnx_write(g, NULL, &bytes, &n), IG_UNSUPPORTED);
    assert_non_null(strstr(ig_error_message(), "Covered"));
}

static void integers_choose_among_many_paths(void **state)
{
    (void)state;
    ig_tensor *w = weight();
    ig_tensor *x[] = {starting(3, 0), starting(0, 0), starting(1, 0), starting(-2, 0),
                      starting(3, 1)};
    paths_of(counted, w, x, 5);
    FINE();
    assert_int_equal(count_constants(81), 1);
    for (int i = 0; i < 5; i++)
        check_at(counted, w, x[i]);
    check_at(counted, w, starting(3.5, 2));
    assert_int_equal(run(starting(2, 0)), IG_UNSUPPORTED);
    assert_non_null(strstr(ig_error_message(), "read the value 2,"));
}

/* By a view that is older than the write into its base. */
static ig_tensor *by_an_old_view(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *y = ig_sum(k, in[0], 1, false);
    ig_tensor *m = ig_mul_scalar(k, y, 1), *first = ig_slice(k, m, 0, 0, 1, 1);
    (void)ig_mul_(k, m, ig_scalar(k, IG_FLOAT64, -1));
    return ig_item(k, ig_cast(k, ig_op_sign(k, first), IG_INT64)) > 0 ? ig_neg(k, y)
                                                                      : y;
}

static ig_tensor *by_an_old_views_item(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    ig_tensor *y = ig_sum(k, in[0], 1, false);
    ig_tensor *m = ig_op_sign(k, y), *first = ig_slice(k, m, 0, 0, 1, 1);
    (void)ig_mul_(k, m, ig_scalar(k, IG_FLOAT64, -1));
    return ig_item(k, first) > 0 ? ig_neg(k, y) : y;
}

static void a_decision_reads_what_a_view_sees_now(void **state)
{
    (void)state;
    ig_tensor *x[] = {starting(9, 0), starting(-9, 0)};
    ig_trace_fn fns[] = {by_an_old_view, by_an_old_views_item};
    for (int f = 0; f < 2; f++) {
        ig_graph_free(g);
        paths_of(fns[f], NULL, x, 2);
        FINE();
        for (int i = 0; i < 2; i++)
            check_at(fns[f], NULL, x[i]);
    }
}

static void examples_that_agree_are_the_plain_graph(void **state)
{
    (void)state;
    ig_tensor *w = weight(), *x[] = {RANDOM(2, 9), RANDOM(2, 9), RANDOM(2, 9)};
    paths_of(straight, w, x, 3);
    FINE();
    assert_int_equal(g->order.n, 2);
    check_at(straight, w, RANDOM(2, 9));
    ig_graph_free(g);
    x[0] = of_sign(w, true), x[1] = of_sign(w, true);
    paths_of(two_ways, w, x, 2); /* one path, which a run must not leave */
    FINE();
    assert_int_equal(count_nodes(g, "If"), 0);
    check_at(two_ways, w, of_sign(w, true));
    assert_int_equal(run(of_sign(w, false)), IG_UNSUPPORTED);
}

/* d/dx sum(f), by the tape and in the merged graph. */
static void a_merged_graph_is_differentiated(void **state)
{
    (void)state;
    ig_tensor *w = weight(), *x[] = {of_sign(w, true), of_sign(w, false)};
    paths_of(two_ways, w, x, 2);
    FINE();
    ig_value_id in = ig_graph_input_at(g, 0), y = ig_graph_output_at(g, 0), total, dx;
    const struct {
        uint32_t struct_size;
        int64_t keepdims, noop;
    } whole = {sizeof(whole), 0, 0};
    assert_int_equal(ig_graph_make_named(g, "ReduceSum", &whole, &y, 1, &total, 1),
                     IG_OK);
    assert_int_equal(ig_graph_gradient(g, &total, NULL, 1, &in, &dx, 1), IG_OK);
    assert_int_equal(ig_graph_output(g, "dx", dx), IG_OK);
    ig_model *m = NULL;
    assert_int_equal(ig_model_from_graph(&m, g, NULL), IG_OK);
    for (int i = 0; i < 6; i++) {
        ig_tensor *at = ig_requires_grad(c, of_sign(w, i % 2), true), *want = NULL;
        ig_tensor *value = NULL, *got = NULL, *sum_of = sum(two_ways(c, &at, w));
        assert_int_equal(ig_grad(c, &sum_of, 1, &at, 1, &want, NULL), IG_OK);
        if (ig_model_run(m, IG_INPUTS(at), IG_OUTPUTS(&value, &got), NULL) != IG_OK)
            fail_msg("%s", ig_error_message());
        check_values(got, 18, ig_tensor_data_f64(want), "dx");
        ig_tensor_unref(value), ig_tensor_unref(got);
    }
    ig_model_free(m);
}

static int calls;
static ig_tensor *fickle(ig_ctx *k, ig_tensor *const *in, void *user)
{
    (void)user;
    return calls++ % 2 ? ig_exp(k, in[0]) : ig_neg(k, in[0]);
}

static void what_cannot_be_merged_is_named(void **state)
{
    (void)state;
    ig_tensor *w = weight(), *x[] = {RANDOM(2, 9), RANDOM(2, 9)};
    calls = 0;
    paths_of(fickle, w, x, 2);
    assert_null(g);
    FAILED("two examples of the trace part", "test_trace_paths.c");
    x[1] = RANDOM(3, 9);
    paths_of(straight, w, x, 2);
    FAILED("input x is float64[3,9] in set 0", "float64[2,9] in the first");
    ig_trace_opts o = {.inputs = {{"x", x[0]}}, .also = {x}, .dynamic = "x: N,9"};
    assert_null(ig_trace(c, straight, w, &o));
    FAILED("several paths", "dynamic");
}

IG_TESTS(TRACE_TEST(both_sides_of_a_branch_are_one_graph),
         TRACE_TEST(both_sides_are_exported),
         TRACE_TEST(parameters_keep_their_names),
         TRACE_TEST(a_branch_in_a_branch_is_a_decision_in_an_arm),
         TRACE_TEST(a_path_that_no_example_took_is_an_error_by_name),
         TRACE_TEST(integers_choose_among_many_paths),
         TRACE_TEST(a_decision_reads_what_a_view_sees_now),
         TRACE_TEST(examples_that_agree_are_the_plain_graph),
         TRACE_TEST(a_merged_graph_is_differentiated),
         TRACE_TEST(what_cannot_be_merged_is_named))
