/* What plans know before a run, and what they keep. */
#include "graph/core/tensor.h"
#include "graph/runtime/model.h"
#include "tests/models/support.h"
#include "tests/support/failing_alloc.h"

static void a_profile_that_cannot_be_written_leaves_no_results(void **state)
{
    (void)state;
    (void)ig_registry_builtin(); /* made once, never freed */
    igi_failing_install();
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_value_id id;
    ig_tensor *x = floats(1, (int64_t[]){3}), *y = NULL;
    OK(ig_graph_new(&g, "relu", NULL));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 1, ig_tensor_dims(x), &id));
    OK(ig_graph_make_text(g, "y = Relu(x)", &id));
    OK(ig_graph_output(g, "y", id));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1}));
    ig_run_opts o = {.profile = "/no/such/folder/profile.json"};
    assert_int_equal(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), &o), IG_IO);
    assert_null(y);
    ig_model_free(m);
    ig_graph_free(g);
    ig_tensor_unref(x);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

/* Sizes by way of floats, as detectors scale images: all after them was late. */
static void sizes_that_floats_decide_are_known_before_the_run(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "s = Shape(x)",     "f = Cast(s) to=1",   "g = Mul(f, half)", "h = Floor(g)",
        "n = Cast(h) to=7", "e = Expand(one, n)", "y = Add(e, e)",
    };
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_value_id id;
    ig_tensor *half = floats(1, (int64_t[]){2}), *one = floats(2, (int64_t[]){1, 1});
    ((float *)ig_tensor_data(half))[0] = ((float *)ig_tensor_data(half))[1] = 0.5f;
    OK(ig_graph_new(&g, "sizes", NULL));
    int64_t rows, columns;
    OK(ig_graph_dim(g, "H", &rows));
    OK(ig_graph_dim(g, "W", &columns));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 2, (int64_t[]){rows, columns}, &id));
    OK(ig_graph_constant(g, "half", half, &id));
    OK(ig_graph_constant(g, "one", one, &id));
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        OK(ig_graph_make_text(g, lines[i], &id));
    OK(ig_graph_output(g, "y", id));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1}));
    for (int64_t k = 5; k < 9; k++) {
        ig_tensor *x = floats(2, (int64_t[]){k, 2 * k}), *y = NULL;
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
        assert_int_equal(ig_tensor_dim(y, 0), k / 2);
        assert_int_equal(ig_tensor_dim(y, 1), k);
        assert_false(m->idle.p[0]->last->has_late);
        ig_tensor_unref(x), ig_tensor_unref(y);
    }
    ig_model_free(m);
    ig_graph_free(g);
    ig_tensor_unref(half), ig_tensor_unref(one);
}

/* Rows whose number follows from data, as boxes of a detector: the weights that they
 * meet were packed again in every run. */
static void weights_behind_sizes_from_data_are_packed_once(void **state)
{
    (void)state;
    static const char *const lines[] = {"n = NonZero(x)", "t = Transpose(n)",
                                        "f = Cast(t) to=1", "y = MatMul(f, w)"};
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_value_id id;
    ig_tensor *w = floats(2, (int64_t[]){2, 96});
    OK(ig_graph_new(&g, "late", NULL));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 2, (int64_t[]){-1, 6}, &id));
    OK(ig_graph_constant(g, "w", w, &id));
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        OK(ig_graph_make_text(g, lines[i], &id));
    OK(ig_graph_output(g, "y", id));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1}));
    for (int64_t rows = 2; rows < 6; rows++) {
        ig_tensor *x = floats(2, (int64_t[]){rows, 6}), *y = NULL;
        const float *b = ig_tensor_data(w);
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
        assert_int_equal(ig_tensor_dim(y, 0), rows * 6);
        for (int64_t i = 0; i < rows * 6; i++)
            for (int64_t j = 0; j < 96; j++)
                assert_float_equal(((float *)ig_tensor_data(y))[i * 96 + j],
                                   (float)(i / 6) * b[j] + (float)(i % 6) * b[96 + j],
                                   1e-5);
        ig_tensor_unref(x), ig_tensor_unref(y);
        assert_int_equal(m->idle.p[0]->net->weights->packs.entries.n, 1);
    }
    ig_model_free(m);
    ig_graph_free(g);
    ig_tensor_unref(w);
}

/* What a graph of the lines gives for x at a level: the input x, float32[C], and the
 * constants zero, two and the input k, int64[1]. */
static ig_tensor *of_lines(const char *const *lines, int level, int64_t c, int64_t k)
{
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_value_id id;
    int64_t symbol;
    ig_tensor *x = floats(1, (int64_t[]){c}), *y = NULL, *number[2], *in = NULL;
    for (int i = 0; i < 2; i++)
        OK(ig_tensor_new_copy(&number[i], IG_INT64, 1, (int64_t[]){1},
                              (int64_t[]){2 * i}, sizeof(int64_t)));
    OK(ig_tensor_new_copy(&in, IG_INT64, 1, (int64_t[]){1}, &k, sizeof(k)));
    OK(ig_graph_new(&g, "lines", NULL));
    OK(ig_graph_dim(g, "C", &symbol));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 1, &symbol, &id));
    OK(ig_graph_input(g, "k", IG_INT64, 1, (int64_t[]){1}, &id));
    OK(ig_graph_constant(g, "zero", number[0], &id));
    OK(ig_graph_constant(g, "two", number[1], &id));
    for (; *lines; lines++)
        OK(ig_graph_make_text(g, *lines, &id));
    OK(ig_graph_output(g, "y", id));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1, .level = level}));
    OK(ig_model_run(m, IG_INPUTS(x, in), IG_OUTPUTS(&y), NULL));
    ig_model_free(m);
    ig_graph_free(g);
    ig_tensor_unref(x), ig_tensor_unref(in);
    ig_tensor_unref(number[0]), ig_tensor_unref(number[1]);
    return y;
}

/* Integers that shapes lead to were taken for sizes, which are never negative: a
 * minimum was decided before the run. Integers are divided towards zero. */
static void integers_of_unknown_sign_are_no_sizes(void **state)
{
    (void)state;
    static const char *const least[] = {"n = Shape(x)", "a = Neg(n)",
                                        "y = Min(a, zero)", NULL};
    static const char *const given[] = {"n = Shape(x)",
                                        "both = Concat(k, n) axis=0",
                                        "g = Gather(both, zero)",
                                        "e = Add(n, g)",
                                        "m = Min(e, n)",
                                        "y = Slice(x, zero, m)",
                                        NULL};
    static const char *const half[] = {
        "n = Shape(x)",  "h = Div(n, two)",       "a = Neg(h)", "e = Add(n, a)",
        "m = Min(e, n)", "y = Slice(x, zero, m)", NULL};
    static const char *const divided[] = {
        "n = Shape(x)",           "both = Concat(k, n) axis=0",
        "g = Gather(both, zero)", "s = Add(g, two)",
        "a = Div(s, two)",        "b = Div(g, two)",
        "y = Sub(a, b)",          NULL};
    for (int level = -1; level < 3; level++) {
        ig_tensor *y = of_lines(least, level, 6, 0);
        assert_int_equal(*(int64_t *)ig_tensor_data(y), -6);
        ig_tensor_unref(y);
        y = of_lines(given, level, 6, -2);
        assert_int_equal(ig_tensor_numel(y), 4);
        ig_tensor_unref(y);
        y = of_lines(half, level, 6, 0);
        assert_int_equal(ig_tensor_numel(y), 3);
        ig_tensor_unref(y);
        y = of_lines(divided, level, 6, -1); /* 1 / 2 - -1 / 2 */
        assert_int_equal(*(int64_t *)ig_tensor_data(y), 0);
        ig_tensor_unref(y);
    }
}

/* Numbers in a key of plans stood for a type of a later one, which then ran for others'
 * shapes: it read behind an empty input. */
static void keys_of_plans_with_integers_and_without_differ(void **state)
{
    (void)state;
    enum {
        LONG = 100,
        RANK_1 = IG_FLOAT32 << 8 | 2 << 16,
        RANK_3 = RANK_1 + (2 << 16)
    };
    static const int64_t sizes[][2] = {{0, 0}, {1, 0},      {2, 0},  {3, 0},
                                       {4, 0}, {RANK_3, 0}, {77, 0}, {5, 0}};
    const ig_type open = {.dtype = IG_FLOAT32, .rank = -1};
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_value_id id;
    ig_tensor *x = floats(1, (int64_t[]){LONG}), *s = NULL, *empty = NULL;
    OK(ig_tensor_new(&empty, IG_FLOAT32, 3, (int64_t[]){0, RANK_1, LONG}));
    OK(ig_graph_new(&g, "keys", NULL));
    OK(ig_graph_input(g, "s", IG_INT64, 1, (int64_t[]){2}, &id));
    OK(ig_graph_input_typed(g, "x", &open, &id));
    OK(ig_graph_make_text(g, "c = ConstantOfShape(s)", &id));
    OK(ig_graph_output(g, "c", id));
    OK(ig_graph_make_text(g, "y = Neg(x)", &id));
    OK(ig_graph_output(g, "y", id));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1}));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        ig_tensor *in = i == 7 ? empty : x, *c = NULL, *y = NULL;
        OK(ig_tensor_new_copy(&s, IG_INT64, 1, (int64_t[]){2}, sizes[i],
                              sizeof(*sizes)));
        OK(ig_model_run(m, IG_INPUTS(s, in), IG_OUTPUTS(&c, &y), NULL));
        assert_int_equal(ig_tensor_numel(y), ig_tensor_numel(in));
        ig_tensor_unref(s), ig_tensor_unref(c), ig_tensor_unref(y);
    }
    ig_model_free(m);
    ig_graph_free(g);
    ig_tensor_unref(x), ig_tensor_unref(empty);
}

IG_TESTS(cmocka_unit_test(a_profile_that_cannot_be_written_leaves_no_results),
         cmocka_unit_test(sizes_that_floats_decide_are_known_before_the_run),
         cmocka_unit_test(weights_behind_sizes_from_data_are_packed_once),
         cmocka_unit_test(integers_of_unknown_sign_are_no_sizes),
         cmocka_unit_test(keys_of_plans_with_integers_and_without_differ))
