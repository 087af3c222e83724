/* Convolution, pooling, products, normalisation and losses: sizes, refusals, and values
 * that samples and conformance cases do not pin down. */
#include <math.h>

#include "operators/common_fused.h"
#include "operators/common_loss.h"
#include "tests/operators/op_graph.h"

#define INTS(...)                                                                      \
    {                                                                                  \
        (int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                 \
            (const int64_t[])                                                          \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }

/* Tensors of one test; freed by its teardown. */
static ig_tensor *made[32];
static int n_made;

static int teardown(void **state)
{
    while (n_made > 0)
        ig_tensor_unref(made[--n_made]);
    return op_graph_teardown(state);
}

static ig_tensor *tensor(ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    assert_true(n_made < 32);
    assert_int_equal(ig_tensor_new(&t, dtype, rank, dims), IG_OK);
    made[n_made++] = t;
    return t;
}

/* A float64 tensor of small numbers without a pattern. */
static ig_tensor *noise(int rank, const int64_t *dims)
{
    static uint32_t seed = 1;
    ig_tensor *t = tensor(IG_FLOAT64, rank, dims);
    double *p = ig_tensor_data(t);
    for (int64_t i = 0; i < ig_tensor_numel(t); i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (double)(seed >> 8) / 8388608.0 - 1;
    }
    return t;
}

static ig_tensor *like(const ig_tensor *t)
{
    return tensor(IG_FLOAT64, ig_tensor_rank(t), ig_tensor_dims(t));
}

static ig_tensor *shape_of(const ig_tensor *t)
{
    int64_t n = ig_tensor_rank(t);
    ig_tensor *s = tensor(IG_INT64, 1, &n);
    memcpy(ig_tensor_data(s), ig_tensor_dims(t), (size_t)n * sizeof(int64_t));
    return s;
}

static double dot(const ig_tensor *a, const ig_tensor *b)
{
    const double *x = ig_tensor_data_f64(a), *y = ig_tensor_data_f64(b);
    double sum = 0;
    assert_int_equal(ig_tensor_numel(a), ig_tensor_numel(b));
    for (int64_t i = 0; i < ig_tensor_numel(a); i++)
        sum += x[i] * y[i];
    return sum;
}

static void assert_close(double a, double b)
{
    if (!(fabs(a - b) <= 1e-10 * (1 + fabs(a))))
        fail_msg("%.17g is not %.17g", a, b);
}

static void
run(const char *op, const void *a, ig_tensor *const *in, int n, ig_tensor *out)
{
    if (run_reference(op, a, in, n, out) != IG_OK)
        fail_msg("%s: %s", op, ig_error_message());
}
#define RUN(op_, attrs_, out_, ...)                                                    \
    run(op_, attrs_, (ig_tensor *[]){__VA_ARGS__},                                     \
        (int)(sizeof((ig_tensor *[]){__VA_ARGS__}) / sizeof(ig_tensor *)), out_)

/* ---- sizes ---- */

static void convolution_sizes_follow_the_padding_rule(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(N, 4, 15, W)), w = graph_input(DIMS(8, 4, 3, 3));
    igi_conv_attrs a = {.struct_size = sizeof(a), .group = 1};
    assert_type(NODE("Conv", &a, x, w), "float32[N,8,13,W - 2]");
    a.pads = (ig_ints)INTS(1, 1, 1, 1);
    assert_type(NODE("Conv", &a, x, w), "float32[N,8,15,W]");
    a.strides = (ig_ints)INTS(2, 1);
    a.dilations = (ig_ints)INTS(3, 2);
    assert_type(NODE("Conv", &a, x, w), "float32[N,8,6,W - 2]");
    a.auto_pad = IGI_PAD_SAME_UPPER;
    assert_type(NODE("Conv", &a, x, w), "float32[N,8,8,W]");
    a.auto_pad = IGI_PAD_VALID;
    assert_type(NODE("Conv", &a, x, w), "float32[N,8,5,W - 4]");
}

static void ceil_mode_starts_no_window_in_the_padding(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(1, 1, 5, 6));
    igi_max_pool_attrs a = {.struct_size = sizeof(a),
                            .kernel_shape = INTS(2, 2),
                            .strides = INTS(2, 2),
                            .ceil_mode = 1};
    assert_type(NODE("MaxPool", &a, x), "float32[1,1,3,3]");
    a.pads = (ig_ints)INTS(0, 0, 1, 1); /* a window at 6 would hold padding only */
    assert_type(NODE("MaxPool", &a, x), "float32[1,1,3,3]");
    a.pads = (ig_ints)INTS(1, 1, 1, 1);
    assert_type(NODE("MaxPool", &a, x), "float32[1,1,3,4]");
}

static void matrix_products_take_vectors_and_broadcast_batches(void **state)
{
    (void)state;
    ig_value_id v = graph_input(DIMS(3)), m = graph_input(DIMS(N, 1, 2, 3));
    ig_value_id k = graph_input(DIMS(4, 3, 5));
    assert_type(NODE("MatMul", NULL, v, v), "float32[]");
    assert_type(NODE("MatMul", NULL, m, v), "float32[N,1,2]");
    assert_type(NODE("MatMul", NULL, v, k), "float32[4,5]");
    assert_type(NODE("MatMul", NULL, m, k), "float32[N,4,2,5]");
    REFUSED("MatMul", NULL, "differ: 5 and 3", k, k);
    REFUSED("MatMul", NULL, "batch dims", k, graph_input(DIMS(3, 5, 2)));
    REFUSED("MatMul", NULL, "scalars", graph_input(0, NULL), v);
}

/* ---- refusals ---- */

static void windows_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(1, 4, 5, 5)), w = graph_input(DIMS(6, 4, 3, 3));
    igi_conv_attrs a = {.struct_size = sizeof(a), .group = 1};
    a.dilations = (ig_ints)INTS(1, 3);
    REFUSED("Conv", &a, "spans 7 positions of spatial axis 1, which has 5", x, w);
    a.dilations = (ig_ints)INTS(1);
    REFUSED("Conv", &a, "dilations has 1 items, but 2", x, w);
    a.dilations = (ig_ints){0};
    a.strides = (ig_ints)INTS(1, 0);
    REFUSED("Conv", &a, "strides", x, w);
    a.strides = (ig_ints){0};
    a.pads = (ig_ints)INTS(0, 0, 0, INT64_MAX);
    REFUSED("Conv", &a, "pads", x, w);
    a.pads = (ig_ints){0};
    a.kernel_shape = (ig_ints)INTS(3, 2);
    REFUSED("Conv", &a, "kernel_shape", x, w);
    a.kernel_shape = (ig_ints){0};
    a.group = 2;
    REFUSED("Conv", &a, "group", x, w);
    a.group = 4;
    REFUSED("Conv", &a, "not divisible", x, graph_input(DIMS(6, 1, 3, 3)));
    igi_average_pool_attrs p = {
        .struct_size = sizeof(p), .kernel_shape = INTS(2, 2), .pads = INTS(0, 2, 0, 0)};
    REFUSED("AveragePool", &p, "smaller than the window", x);
}

static void statistics_of_inference_are_refused(void **state)
{
    (void)state;
    ig_value_id c = graph_input(DIMS(3));
    ig_value_id in[] = {graph_input(DIMS(2, 3)), c, c, c, c}, out[3];
    assert_int_equal(ig_graph_make_named(g, "BatchNormalization", NULL, in, 5, out, 3),
                     IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "running_mean"));
    in[2] = graph_input(DIMS(4));
    REFUSED("BatchNormalization", NULL, "channels", in[0], c, in[2], c, c);
}

static void labels_outside_the_classes_are_refused(void **state)
{
    (void)state;
    int64_t two = 2, dims[2] = {2, 3};
    ig_tensor *x = noise(2, dims), *labels = tensor(IG_INT64, 1, &two);
    ig_tensor *loss = tensor(IG_FLOAT64, 0, NULL);
    igi_loss_attrs a = {sizeof(a), IGI_IGNORE_NOTHING, IGI_REDUCTION_MEAN};
    int64_t *label = ig_tensor_data(labels);
    const int64_t bad[] = {3, -1, INT64_MIN, INT64_MAX};
    label[0] = 2;
    for (int i = 0; i < 4; i++) {
        label[1] = bad[i];
        assert_int_equal(run_reference("SoftmaxCrossEntropyLoss", &a,
                                       (ig_tensor *[]){x, labels}, 2, loss),
                         IG_INVALID_ARGUMENT);
        assert_non_null(strstr(ig_error_message(), "at position 1"));
    }
    a.ignore_index = INT64_MAX; /* now the last one adds nothing */
    RUN("SoftmaxCrossEntropyLoss", &a, loss, x, labels);
    const double *s = ig_tensor_data_f64(x);
    double sum = exp(s[0]) + exp(s[1]) + exp(s[2]);
    assert_close(*ig_tensor_data_f64(loss), log(sum) - s[2]);
}

static void pooling_indices_outside_the_input_are_refused(void **state)
{
    (void)state;
    const int64_t dims[3] = {1, 1, 2}, in[3] = {1, 1, 4};
    ig_tensor *dy = noise(3, dims), *index = tensor(IG_INT64, 3, dims);
    ig_tensor *dx = tensor(IG_FLOAT64, 3, in), *shape = shape_of(dx);
    ((int64_t *)ig_tensor_data(index))[1] = 4;
    assert_int_equal(run_reference("ingot::MaxPoolGrad", NULL,
                                   (ig_tensor *[]){dy, index, shape}, 3, dx),
                     IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "outside [0, 4)"));
}

/* ---- values ---- */

typedef struct {
    int rank;
    int64_t x[5], w[5], y[5];
    igi_conv_attrs a;
} geometry;

static const geometry geometries[] = {
    {4,
     {2, 2, 5, 4},
     {3, 2, 3, 2},
     {2, 3, 3, 4},
     {.struct_size = sizeof(igi_conv_attrs),
      .group = 1,
      .pads = INTS(1, 0, 2, 1),
      .strides = INTS(2, 1)}},
    {4,
     {1, 4, 6, 7},
     {6, 2, 2, 3},
     {1, 6, 3, 3},
     {.struct_size = sizeof(igi_conv_attrs),
      .group = 2,
      .dilations = INTS(3, 2),
      .strides = INTS(1, 1)}},
    {3,
     {1, 3, 600},
     {3, 1, 5},
     {1, 3, 300}, /* rows longer than the references' chunks */
     {.struct_size = sizeof(igi_conv_attrs),
      .group = 3,
      .auto_pad = IGI_PAD_SAME_LOWER,
      .strides = INTS(2)}},
    {5,
     {1, 1, 3, 4, 3},
     {2, 1, 2, 3, 2},
     {1, 2, 2, 2, 4},
     {.struct_size = sizeof(igi_conv_attrs),
      .group = 1,
      .pads = INTS(0, 1, 1, 0, 0, 1),
      .strides = INTS(1, 2, 1)}},
};
#define N_GEOMETRIES ((int)(sizeof(geometries) / sizeof(geometries[0])))

/* <conv(x, w), dy> = <x, grad_input(dy, w)> = <w, grad_weight(dy, x)>. */
static void convolution_and_its_gradients_are_adjoint(void **state)
{
    (void)state;
    for (int i = 0; i < N_GEOMETRIES; i++) {
        const geometry *c = &geometries[i];
        ig_tensor *x = noise(c->rank, c->x), *w = noise(c->rank, c->w);
        ig_tensor *dy = noise(c->rank, c->y), *y = like(dy), *dx = like(x),
                  *dw = like(w);
        RUN("Conv", &c->a, y, x, w);
        RUN("ingot::ConvGradInput", &c->a, dx, dy, w, shape_of(x));
        RUN("ingot::ConvGradWeight", &c->a, dw, dy, x, shape_of(w));
        assert_close(dot(y, dy), dot(x, dx));
        assert_close(dot(y, dy), dot(w, dw));
        while (n_made > 0)
            ig_tensor_unref(made[--n_made]);
    }
}

/* The same tensor with its channels last. */
static ig_tensor *channels_last(const ig_tensor *t)
{
    int rank = ig_tensor_rank(t);
    int64_t dims[5], strides[5];
    igi_dims_to_nhwc(rank, ig_tensor_dims(t), dims);
    igi_dims_to_nhwc(rank, ig_tensor_strides(t), strides);
    ig_tensor *to = tensor(IG_FLOAT64, rank, dims);
    igi_copy_nd(IG_FLOAT64, rank, dims, ig_tensor_data(to), 0, ig_tensor_strides(to),
                ig_tensor_data(t), 0, strides);
    return to;
}

static void convolution_with_channels_last_gives_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < N_GEOMETRIES; i++) {
        const geometry *c = &geometries[i];
        igi_nhwc_conv_attrs a = {.struct_size = sizeof(a),
                                 .auto_pad = c->a.auto_pad,
                                 .dilations = c->a.dilations,
                                 .group = c->a.group,
                                 .pads = c->a.pads,
                                 .strides = c->a.strides};
        ig_tensor *x = noise(c->rank, c->x), *w = noise(c->rank, c->w);
        ig_tensor *y = tensor(IG_FLOAT64, c->rank, c->y), *want, *have;
        RUN("Conv", &c->a, y, x, w);
        want = channels_last(y);
        have = like(want);
        RUN("ingot::Conv", &a, have, channels_last(x), w);
        assert_memory_equal(ig_tensor_data(have), ig_tensor_data(want),
                            ig_tensor_nbytes(want));
        while (n_made > 0)
            ig_tensor_unref(made[--n_made]);
    }
}

static void an_average_counts_padding_only_when_asked(void **state)
{
    (void)state;
    const int64_t in[3] = {1, 1, 3}, out[3] = {1, 1, 3};
    ig_tensor *x = tensor(IG_FLOAT64, 3, in), *y = tensor(IG_FLOAT64, 3, out);
    const double *v = ig_tensor_data(y);
    for (int i = 0; i < 3; i++)
        ((double *)ig_tensor_data(x))[i] = 6;
    igi_average_pool_attrs a = {.struct_size = sizeof(a),
                                .kernel_shape = INTS(3),
                                .strides = INTS(2),
                                .pads = INTS(2, 2),
                                .ceil_mode = 1};
    RUN("AveragePool", &a, y, x);
    assert_true(v[0] == 6 && v[1] == 6 && v[2] == 6);
    a.count_include_pad = 1;
    RUN("AveragePool", &a, y, x);
    assert_true(v[0] == 2 && v[1] == 6 && v[2] == 2);
    a.strides = (ig_ints)INTS(3); /* the last window reaches one beyond the padding */
    a.pads = (ig_ints)INTS(2, 0);
    const int64_t two[3] = {1, 1, 2};
    y = tensor(IG_FLOAT64, 3, two);
    v = ig_tensor_data(y);
    RUN("AveragePool", &a, y, x);
    assert_true(v[0] == 2 && v[1] == 6);
}

static void not_a_number_wins_a_maximum(void **state)
{
    (void)state;
    const int64_t in[3] = {1, 1, 4}, out[3] = {1, 1, 3};
    ig_tensor *x = tensor(IG_FLOAT64, 3, in), *y = tensor(IG_FLOAT64, 3, out);
    const double values[4] = {-INFINITY, -INFINITY, NAN, 5};
    memcpy(ig_tensor_data(x), values, sizeof(values));
    igi_max_pool_attrs a = {.struct_size = sizeof(a), .kernel_shape = INTS(2)};
    RUN("MaxPool", &a, y, x);
    const double *v = ig_tensor_data(y);
    assert_true(v[0] == -(double)INFINITY && isnan(v[1]) && isnan(v[2]));
}

static void log_softmax_of_large_scores_is_finite(void **state)
{
    (void)state;
    int64_t two = 2;
    ig_tensor *x = tensor(IG_FLOAT64, 1, &two), *y = like(x);
    ((double *)ig_tensor_data(x))[1] = 1e4;
    RUN("LogSoftmax", NULL, y, x);
    assert_true(ig_tensor_data_f64(y)[0] == -1e4 && ig_tensor_data_f64(y)[1] == 0);
    RUN("Softmax", NULL, y, x);
    assert_true(ig_tensor_data_f64(y)[0] == 0 && ig_tensor_data_f64(y)[1] == 1);
}

static void products_of_integers_wrap(void **state)
{
    (void)state;
    const int64_t dims[2] = {1, 1};
    ig_tensor *a = tensor(IG_INT32, 2, dims), *y = tensor(IG_INT32, 2, dims);
    *(int32_t *)ig_tensor_data(a) = INT32_MAX;
    RUN("MatMul", NULL, y, a, a);
    assert_int_equal(*ig_tensor_data_i32(y), 1); /* (2^31 - 1)^2 mod 2^32 */
}

static void activations_keep_not_a_number(void **state)
{
    (void)state;
    for (int64_t kind = 0; kind < IGI_ACT_COUNT; kind++) {
        assert_non_null(igi_act_names[kind]);
        assert_true(isnan(igi_act(kind, 0, 6, (double)NAN)));
        assert_true(isfinite(igi_act(kind, 0.5, 6, -800)));
    }
    assert_null(igi_act_names[IGI_ACT_COUNT]);
    assert_true(igi_act_finish(IGI_ACT_RELU, 0, 0, false, -3, 2) == 0);
    assert_true(igi_act_finish(IGI_ACT_RELU, 0, 0, true, -3, 2) == 2);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, op_graph_setup, teardown)
IG_TESTS(TEST(convolution_sizes_follow_the_padding_rule),
         TEST(ceil_mode_starts_no_window_in_the_padding),
         TEST(matrix_products_take_vectors_and_broadcast_batches),
         TEST(windows_that_do_not_fit_are_refused),
         TEST(statistics_of_inference_are_refused),
         TEST(labels_outside_the_classes_are_refused),
         TEST(pooling_indices_outside_the_input_are_refused),
         TEST(convolution_and_its_gradients_are_adjoint),
         TEST(convolution_with_channels_last_gives_the_same),
         TEST(an_average_counts_padding_only_when_asked),
         TEST(not_a_number_wins_a_maximum),
         TEST(log_softmax_of_large_scores_is_finite),
         TEST(products_of_integers_wrap),
         TEST(activations_keep_not_a_number))
