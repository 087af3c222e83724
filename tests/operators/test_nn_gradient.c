/* Gradients of convolution, pooling, normalisation and losses over symbolic dims: no
 * dim may become a number, and optional outputs that a rule reads are made when needed.
 */
#include "operators/common_fused.h"
#include "operators/common_loss.h"
#include "tests/operators/op_gradient.h"

#define INTS(...)                                                                      \
    {                                                                                  \
        (int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                 \
            (const int64_t[])                                                          \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }

static void gradients_keep_a_symbolic_batch(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(N, 4, 6, W)), w = graph_input(DIMS(8, 2, 3, 3));
    ig_value_id c = graph_input(DIMS(4)), s = graph_input(DIMS(6, W));
    const igi_conv_attrs conv = {.struct_size = sizeof(conv),
                                 .group = 2,
                                 .pads = INTS(1, 1, 1, 1),
                                 .strides = INTS(1, 2)};
    const igi_average_pool_attrs pool = {.struct_size = sizeof(pool),
                                         .kernel_shape = INTS(2, 2)};
    const igi_max_pool_attrs max = {.struct_size = sizeof(max),
                                    .kernel_shape = INTS(3, 3),
                                    .strides = INTS(2, 2),
                                    .ceil_mode = 1};
    const struct {
        uint32_t struct_size;
        float epsilon, momentum;
        int64_t training_mode;
    } train = {sizeof(train), 1e-5f, 0.9f, 1};
    const struct {
        uint32_t struct_size;
        int64_t axis;
        float epsilon;
        int64_t stash_type;
    } layer = {sizeof(layer), 2, 1e-5f, IG_FLOAT32};
    ig_value_id y[] = {
        NODE("Conv", &conv, x, w),
        NODE("AveragePool", &pool, x),
        NODE("MaxPool", &max, x),
        NODE("GlobalAveragePool", NULL, x),
        NODE("BatchNormalization", NULL, x, c, c, c, c),
        NODE("BatchNormalization", &train, x, c, c, c, c),
        NODE("LayerNormalization", &layer, x, s),
        NODE("Softmax", NULL, x),
        NODE("LogSoftmax", NULL, x),
        NODE("MatMul", NULL, graph_input(DIMS(3, 6)), x),
    };
    for (size_t i = 0; i < sizeof(y) / sizeof(y[0]); i++)
        assert_type(gradient_of(y[i], x), "float32[N,4,6,W]");
    assert_type(gradient_of(y[0], w), "float32[8,2,3,3]");
    assert_type(gradient_of(y[5], c), "float32[4]");
    assert_type(gradient_of(y[6], s), "float32[6,W]");
}

/* Where only they are used, their gradient is one number a row or channel: it is
 * repeated, not taken for all of x. */
static void means_alone_have_a_gradient(void **state)
{
    (void)state;
    const struct {
        uint32_t struct_size;
        float epsilon, momentum;
        int64_t training_mode;
    } train = {sizeof(train), 1e-5f, 0.9f, 1};
    ig_value_id x = graph_input(DIMS(N, 4, W)), c = graph_input(DIMS(4)), y[2];
    const ig_value_id batch[5] = {x, c, c, c, c}, layer[2] = {x, graph_input(DIMS(W))};
    assert_int_equal(
        ig_graph_make_named(g, "BatchNormalization", &train, batch, 5, y, 2), IG_OK);
    assert_type(gradient_of(y[1], x), "float32[N,4,W]");
    assert_int_equal(ig_graph_make_named(g, "LayerNormalization", NULL, layer, 2, y, 2),
                     IG_OK);
    assert_type(gradient_of(y[1], x), "float32[N,4,W]");
}

static void a_global_mean_over_symbolic_axes_divides_at_run_time(void **state)
{
    (void)state;
    ig_value_id x = graph_input(DIMS(N, 4, W));
    (void)gradient_of(NODE("GlobalAveragePool", NULL, x), x);
    assert_int_equal(count_nodes("DivByDims"), 1);
}

static void max_pooling_makes_its_indices_for_the_gradient(void **state)
{
    (void)state;
    const igi_max_pool_attrs a = {.struct_size = sizeof(a), .kernel_shape = INTS(2)};
    ig_value_id x = graph_input(DIMS(N, 2, 8)), y = NODE("MaxPool", &a, x);
    ig_node_id pool = ig_graph_value_producer(g, y);
    assert_int_equal(ig_graph_node_n_out(g, pool), 1);
    assert_type(gradient_of(y, x), "float32[N,2,8]");
    assert_int_equal(ig_graph_node_n_out(g, pool), 2);
    assert_type(ig_graph_node_out(g, pool, 1), "int64[N,2,7]");
}

static void cross_entropy_makes_its_log_probabilities_for_the_gradient(void **state)
{
    (void)state;
    const int64_t batch[1] = {N};
    ig_value_id labels = {0}, x = graph_input(DIMS(N, 5));
    assert_int_equal(ig_graph_input(g, "labels", IG_INT64, 1, batch, &labels), IG_OK);
    ig_value_id y = NODE("SoftmaxCrossEntropyLoss", NULL, x, labels);
    assert_type(y, "float32[]");
    assert_type(gradient_of(y, x), "float32[N,5]");
    assert_int_equal(ig_graph_node_n_out(g, ig_graph_value_producer(g, y)), 2);
    assert_int_equal(count_nodes("NllLossGrad"), 1);
}

static void a_convolution_is_differentiated_by_its_two_transposes(void **state)
{
    (void)state;
    const igi_conv_attrs a = {.struct_size = sizeof(a), .group = 1};
    ig_value_id x = graph_input(DIMS(N, 2, 5)), w = graph_input(DIMS(3, 2, 3));
    ig_value_id dx = gradient_of(NODE("Conv", &a, x, w), x);
    assert_int_equal(count_nodes("ConvGradInput"), 1);
    assert_int_equal(count_nodes("ConvGradWeight"), 0);
    assert_type(gradient_of(dx, w), "float32[3,2,3]");
    assert_int_equal(count_nodes("ConvGradWeight"), 1);
    assert_int_equal(count_nodes("Conv"), 1);
}

#define TEST(name_)                                                                    \
    cmocka_unit_test_setup_teardown(name_, op_graph_setup, op_graph_teardown)
IG_TESTS(TEST(gradients_keep_a_symbolic_batch),
         TEST(means_alone_have_a_gradient),
         TEST(a_global_mean_over_symbolic_axes_divides_at_run_time),
         TEST(max_pooling_makes_its_indices_for_the_gradient),
         TEST(cross_entropy_makes_its_log_probabilities_for_the_gradient),
         TEST(a_convolution_is_differentiated_by_its_two_transposes))
