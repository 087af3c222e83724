/* ONNX files that say how they are trained: Gradient and training_info, run. */
#include <math.h>
#include <string.h>

#include <ingot/ingot.h>

#include "tests/importers/onnx/support.h"

enum { ROWS = 4, MOST = 8 };
#define TRAINING "ai.onnx.preview.training"

static igt_model m;
static ig_model *model;
static ig_tensor *value[2 * MOST];

static int setup(void **state)
{
    (void)state;
    igt_begin(&m, 17);
    igt_opset(&m, TRAINING, 1);
    model = NULL;
    memset(value, 0, sizeof(value));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ig_model_free(model);
    for (int i = 0; i < 2 * MOST; i++)
        ig_tensor_unref(value[i]);
    igt_end(&m);
    return 0;
}

#define T(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

static ig_graph *read_part(ig_read_part part)
{
    ig_graph *g = NULL;
    ig_read_opts o = {.part = part};
    igt_pack(&m);
    assert_status(ig_graph_read_bytes(&g, m.bytes, m.size, NULL, NULL, &o), IG_OK);
    return g;
}

static void load(ig_read_part part)
{
    ig_graph *g = read_part(part);
    ig_model_free(model);
    assert_status(ig_model_from_graph(&model, g, NULL), IG_OK);
    ig_graph_free(g);
}

static ig_tensor *floats(int rank, const int64_t *dims, const float *v)
{
    int64_t n = rank ? dims[0] * (rank > 1 ? dims[1] : 1) : 1;
    ig_tensor *t = NULL;
    assert_status(
        ig_tensor_new_copy(&t, IG_FLOAT32, rank, dims, v, (size_t)n * sizeof(float)),
        IG_OK);
    return t;
}

/* value[0 .. n_in) in, value[MOST .. MOST + n_out) out, new each time. */
static void run(int n_in, int n_out)
{
    ig_tensor **out[MOST];
    for (int i = 0; i < n_out; i++) {
        ig_tensor_unref(value[MOST + i]);
        value[MOST + i] = NULL;
        out[i] = &value[MOST + i];
    }
    assert_status(
        ig_model_run(model, (ig_inputs){n_in, value}, (ig_outputs){n_out, out}, NULL),
        IG_OK);
}

static double at(int i, int k)
{
    return (double)((const float *)ig_tensor_data(value[i]))[k];
}

static void near(double have, double want)
{
    if (!(fabs(have - want) <= 1e-5 * (1 + fabs(want))))
        fail_msg("%.9g, expected %.9g", have, want);
}

/* ---- Gradient ---- */

static void
gradient(const char *in, const char *out, const char *xs, const char *zs, const char *y)
{
    pb_node *n = igt_node(&m, TRAINING "::Gradient", in, out);
    igt_strings(&m, n, "xs", xs);
    if (*zs)
        igt_strings(&m, n, "zs", zs);
    igt_string(&m, n, "y", y);
}

static void feed(float a, float b)
{
    value[0] = floats(0, NULL, &a);
    value[1] = floats(0, NULL, &b);
}

/* y = a^2 b; dy/da = 2ab, and of that d/da = 2b, d/db = 2a. */
static void a_gradient_of_a_gradient_is_the_second_derivative(void **state)
{
    (void)state;
    igt_input(&m, "a", IG_FLOAT32, 0, NULL);
    igt_input(&m, "b", IG_FLOAT32, 0, NULL);
    igt_node(&m, "Mul", "a a", "q");
    igt_node(&m, "Mul", "q b", "y");
    gradient("a b", "da", "a", "b", "y");
    gradient("a b", "daa dab", "a b", "", "da");
    igt_output(&m, "da", IG_FLOAT32);
    igt_output(&m, "daa", IG_FLOAT32);
    igt_output(&m, "dab", IG_FLOAT32);
    load(IG_READ_MODEL);
    feed(3, 5);
    run(2, 3);
    near(at(MOST, 0), 30);
    near(at(MOST + 1, 0), 10);
    near(at(MOST + 2, 0), 6);
}

/* The derivative of h^2 b by h where h is b, not a + b; and by a alone where h, which
 * depends on a, is held fast. */
static void derivatives_are_taken_where_the_inputs_say(void **state)
{
    (void)state;
    igt_input(&m, "a", IG_FLOAT32, 0, NULL);
    igt_input(&m, "b", IG_FLOAT32, 0, NULL);
    igt_node(&m, "Add", "a b", "h");
    igt_node(&m, "Mul", "h h", "q");
    igt_node(&m, "Mul", "q a", "y");
    gradient("b a", "dh", "h", "a", "y");
    gradient("a h", "da", "a", "h", "y");
    igt_output(&m, "dh", IG_FLOAT32);
    igt_output(&m, "da", IG_FLOAT32);
    load(IG_READ_MODEL);
    feed(3, 5);
    run(2, 2);
    near(at(MOST, 0), 2 * 5 * 3);
    near(at(MOST + 1, 0), 8 * 8);
}

/* Only the second output is asked for. */
static void outputs_may_be_left_out(void **state)
{
    (void)state;
    igt_input(&m, "a", IG_FLOAT32, 0, NULL);
    igt_input(&m, "b", IG_FLOAT32, 0, NULL);
    igt_node(&m, "Mul", "a b", "y");
    gradient("a b", "- db", "a b", "", "y");
    igt_output(&m, "db", IG_FLOAT32);
    load(IG_READ_MODEL);
    feed(3, 5);
    run(2, 1);
    near(at(MOST, 0), 3);
}

/* ---- training_info ---- */

static void number(const char *name, float v)
{
    pb_tensor *t = igt_init(&m, name, IG_FLOAT32, 0, NULL);
    t->n_float_data = 1;
    t->float_data = igt_alloc(&m, sizeof(v));
    t->float_data[0] = v;
}

static void count(const char *name, int64_t v)
{
    pb_tensor *t = igt_init(&m, name, IG_INT64, 0, NULL);
    t->n_int64_data = 1;
    t->int64_data = igt_alloc(&m, sizeof(v));
    t->int64_data[0] = v;
}

static void zeros(const char *name)
{
    pb_tensor *t = igt_init(&m, name, IG_FLOAT32, 2, (int64_t[]){2, 1});
    t->n_float_data = 2;
    t->float_data = igt_alloc(&m, 2 * sizeof(float));
}

/* loss = mean((y - t)^2), and a step of Momentum on W. */
static pb_graph *algorithm(void)
{
    igt_input(&m, "t", IG_FLOAT32, 2, (int64_t[]){ROWS, 1});
    number("R", 0.1f);
    count("T", 0);
    count("one", 1);
    zeros("V");
    igt_node(&m, "Sub", "y t", "d");
    igt_node(&m, "Mul", "d d", "s");
    igt_int(&m, igt_node(&m, "ReduceMean", "s", "loss"), "keepdims", 0);
    gradient("W x t", "dW", "W", "x t", "loss");
    pb_node *n = igt_node(&m, TRAINING "::Momentum", "R T W dW V", "W_new V_new");
    igt_float(&m, n, "alpha", 0.5f);
    igt_float(&m, n, "beta", 0.9f);
    igt_float(&m, n, "norm_coefficient", 0);
    igt_string(&m, n, "mode", "standard");
    igt_node(&m, "Add", "T one", "T_new");
    igt_output(&m, "loss", IG_FLOAT32);
    igt_output(&m, "W_new", IG_FLOAT32);
    igt_output(&m, "V_new", IG_FLOAT32);
    igt_output(&m, "T_new", IG_INT64);
    return igt_take_graph(&m);
}

static pb_graph *initialization(void)
{
    const int64_t shape[2] = {2, 1};
    igt_ints(&m, igt_node(&m, "RandomNormal", "", "W_0"), "shape", 2, shape);
    igt_output(&m, "W_0", IG_FLOAT32);
    return igt_take_graph(&m);
}

static void linear_regression(void)
{
    pb_graph *first = initialization(), *step = algorithm();
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){ROWS, 2});
    zeros("W");
    igt_node(&m, "MatMul", "x W", "y");
    igt_output(&m, "y", IG_FLOAT32);
    igt_training(&m, first, "W=W_0", step, "W=W_new V=V_new T=T_new");
}

static const float x[ROWS][2] = {{1, 0}, {0, 1}, {1, 1}, {2, -1}};
static const float goal[2] = {3, -2};

static void feed_batch(void)
{
    float t[ROWS];
    for (int i = 0; i < ROWS; i++)
        t[i] = x[i][0] * goal[0] + x[i][1] * goal[1];
    value[0] = floats(2, (int64_t[]){ROWS, 2}, x[0]);
    value[1] = floats(2, (int64_t[]){ROWS, 1}, t);
}

static void expect_names(ig_graph *g, const char *in, const char *out)
{
    char text[256] = "";
    for (int i = 0; i < ig_graph_n_inputs(g); i++) {
        strcat(text, ig_graph_value_name(g, ig_graph_input_at(g, i)));
        strcat(text, " ");
    }
    assert_string_equal(text, in);
    text[0] = 0;
    for (int i = 0; i < ig_graph_n_outputs(g); i++) {
        strcat(text, ig_graph_output_name(g, i));
        strcat(text, " ");
    }
    assert_string_equal(text, out);
    ig_graph_free(g);
}

static void a_step_has_its_state_as_inputs_and_outputs(void **state)
{
    (void)state;
    linear_regression();
    expect_names(read_part(IG_READ_MODEL), "x ", "y ");
    expect_names(read_part(IG_READ_START), "", "W V T ");
    expect_names(read_part(IG_READ_STEP), "x t W V T ", "y loss W.next V.next T.next ");
}

/* The same step by hand. */
static double step_by_hand(double *w, double *v, int step)
{
    double loss = 0, d[2] = {0, 0};
    for (int i = 0; i < ROWS; i++) {
        double r = 0;
        for (int k = 0; k < 2; k++)
            r += (double)x[i][k] * (w[k] - (double)goal[k]);
        loss += r * r / ROWS;
        for (int k = 0; k < 2; k++)
            d[k] += 2 * r * (double)x[i][k] / ROWS;
    }
    for (int k = 0; k < 2; k++) {
        v[k] = 0.5 * v[k] + (step ? (double)0.9f : 1) * d[k];
        w[k] -= (double)0.1f * v[k];
    }
    return loss;
}

static void a_file_trains_from_its_start(void **state)
{
    (void)state;
    linear_regression();
    load(IG_READ_START);
    run(0, 3);
    double w[2] = {at(MOST, 0), at(MOST, 1)}, v[2] = {0, 0}, loss = 1;
    assert_true(fabs(w[0]) > 1e-3 && fabs(w[0] - w[1]) > 1e-3); /* drawn */
    near(at(MOST + 1, 0), 0);
    for (int i = 0; i < 3; i++) {
        value[2 + i] = value[MOST + i];
        value[MOST + i] = NULL;
    }
    feed_batch();
    load(IG_READ_STEP);
    for (int step = 0; step < 60; step++) {
        run(5, 5);
        loss = step_by_hand(w, v, step);
        near(at(MOST + 1, 0), loss);
        for (int i = 0; i < 3; i++) {
            ig_tensor_unref(value[2 + i]);
            value[2 + i] = value[MOST + 2 + i];
            value[MOST + 2 + i] = NULL;
        }
        near(at(2, 0), w[0]);
        near(at(2, 1), w[1]);
        assert_int_equal(*(const int64_t *)ig_tensor_data(value[4]), step + 1);
    }
    assert_true(loss < 1e-4);
}

/* Two algorithms that take turns: what one updates the other reads. */
static void what_another_step_updates_is_state_too(void **state)
{
    (void)state;
    linear_regression();
    number("S", 2);
    igt_node(&m, "Mul", "y S", "z");
    pb_graph *model_graph = igt_take_graph(&m);
    igt_node(&m, "Add", "S S", "S_new");
    igt_output(&m, "S_new", IG_FLOAT32);
    pb_graph *second = igt_take_graph(&m);
    m.graph = *model_graph;
    igt_training(&m, NULL, "", second, "S=S_new");
    expect_names(read_part(IG_READ_STEP), "x t W V T S ",
                 "y loss W.next V.next T.next S.next ");
    ig_graph *g = NULL;
    ig_read_opts o = {.part = IG_READ_START, .training = 1};
    assert_status(ig_graph_read_bytes(&g, m.bytes, m.size, NULL, NULL, &o), IG_OK);
    expect_names(g, "", "S W ");
}

static void a_step_is_saved_like_any_graph(void **state)
{
    (void)state;
    linear_regression();
    ig_graph *g = read_part(IG_READ_STEP), *again = NULL;
    assert_status(ig_graph_save(g, IG_BINARY_DIR "/training_step.onnx", NULL), IG_OK);
    ig_graph_free(g);
    assert_status(ig_graph_read(&again, IG_BINARY_DIR "/training_step.onnx", NULL),
                  IG_OK);
    ig_read_opts o = {.part = IG_READ_STEP};
    g = NULL;
    assert_status(ig_graph_read(&g, IG_BINARY_DIR "/training_step.onnx", &o),
                  IG_NOT_FOUND);
    expect_names(again, "x t W V T ", "y loss W.next V.next T.next ");
}

/* The algorithm is kept as bytes, so it must still mean the same: opset, names, domain.
 */
static void a_model_that_is_saved_again_can_still_be_trained(void **state)
{
    (void)state;
    linear_regression();
    ig_graph *g = read_part(IG_READ_MODEL);
    assert_status(ig_graph_save(g, IG_BINARY_DIR "/training_again.onnx", NULL), IG_OK);
    ig_graph_free(g);
    ig_read_opts o = {.part = IG_READ_STEP};
    assert_status(ig_graph_read(&g, IG_BINARY_DIR "/training_again.onnx", &o), IG_OK);
    assert_int_equal(g->opset, 17);
    expect_names(g, "x t W V T ", "y loss W.next V.next T.next ");
}

static void only_onnx_files_have_training(void **state)
{
    (void)state;
    ig_graph *g = NULL;
    linear_regression();
    g = read_part(IG_READ_MODEL);
    assert_status(ig_graph_save(g, IG_BINARY_DIR "/training_model.ingot", NULL), IG_OK);
    ig_graph_free(g);
    ig_read_opts o = {.part = IG_READ_STEP};
    assert_status(ig_graph_read(&g, IG_BINARY_DIR "/training_model.ingot", &o),
                  IG_INVALID_ARGUMENT);
    assert_message("is no ONNX file");
}

IG_TESTS(T(a_gradient_of_a_gradient_is_the_second_derivative),
         T(derivatives_are_taken_where_the_inputs_say),
         T(outputs_may_be_left_out),
         T(a_step_has_its_state_as_inputs_and_outputs),
         T(a_file_trains_from_its_start),
         T(what_another_step_updates_is_state_too),
         T(a_step_is_saved_like_any_graph),
         T(a_model_that_is_saved_again_can_still_be_trained),
         T(only_onnx_files_have_training))
