/* Calls that random nodes (tests/fuzz/fuzz_nodes.c) found to be taken though they are
 * wrong: each is refused now, with a message that says why. */
#include <math.h>
#include <string.h>

#include <ingot/ingot.h>
#include <ingot/ops.h>

#include "graph/ir/body.h"
#include "graph/ir/graph.h"
#include "graph/runtime/invoke.h"
#include "operators/common_deform.h"
#include "operators/common_einsum.h"
#include "operators/common_resize.h"
#include "tests/support/test_main.h"

#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)
#define DIMS(...)                                                                      \
    IG_COUNT_(__VA_ARGS__), (const int64_t[])                                          \
    {                                                                                  \
        __VA_ARGS__                                                                    \
    }

static ig_graph *graph(void)
{
    ig_graph *g = NULL;
    OK(ig_graph_new(&g, "wrong", NULL));
    return g;
}

static ig_value_id input(ig_graph *g, ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_value_id id;
    OK(ig_graph_input(g, NULL, dtype, rank, dims, &id));
    return id;
}

static void refused(ig_graph *g,
                    const char *op,
                    const void *attrs,
                    const ig_value_id *in,
                    int n,
                    const char *why)
{
    ig_value_id out;
    assert_int_equal(ig_graph_make_named(g, op, attrs, in, n, &out, 1),
                     IG_INVALID_ARGUMENT);
    if (!strstr(ig_error_message(), why))
        fail_msg("'%s' does not say '%s'", ig_error_message(), why);
}

/* It read beyond a matrix, one row of it apart. */
static void dims_to_divide_by_are_a_list(void **state)
{
    (void)state;
    ig_graph *g = graph();
    ig_value_id x = input(g, IG_FLOAT32, DIMS(3));
    ig_value_id matrix = input(g, IG_INT64, DIMS(1, 6)),
                list = input(g, IG_INT64, DIMS(2));
    refused(g, "ingot::DivByDims", NULL, (ig_value_id[]){x, matrix}, 2, "shape");
    refused(g, "ingot::DivByDims", NULL, (ig_value_id[]){x, list, matrix}, 3, "axes");
    ig_graph_free(g);
}

/* Letters of all operands behind an ellipsis were written beyond the result's labels.
 */
static void an_implied_result_has_no_more_labels_than_tensors_have_dims(void **state)
{
    (void)state;
    static const igi_einsum_attrs all = {
        sizeof(all), "...,abcdefghijklmnopqrstuvwxyz,ABCDEFGHIJKLMNOPQRSTUVWXYZ"};
    int64_t ones[IG_RANK_MAX];
    for (int i = 0; i < IG_RANK_MAX; i++)
        ones[i] = 1;
    ig_graph *g = graph();
    ig_value_id in[3] = {input(g, IG_FLOAT32, IG_RANK_MAX, ones),
                         input(g, IG_FLOAT32, 26, ones),
                         input(g, IG_FLOAT32, 26, ones)};
    refused(g, "Einsum", &all, in, 3, "too many labels");
    ig_graph_free(g);
}

static ig_tensor *numbers(ig_dtype dtype, int64_t n, const void *data, size_t bytes)
{
    ig_tensor *t = NULL;
    OK(ig_tensor_new_copy(&t, dtype, 1, &n, data, bytes));
    return t;
}

/* The set of node 0 has no end, so there is none for node 1; it was an empty one. */
static void each_member_node_of_a_tree_has_a_set(void **state)
{
    (void)state;
    static const int64_t zero[1], zeros[2], next[2] = {1, 0}, leaf[2] = {0, 1},
                                            ones[2] = {1, 1};
    static const uint8_t member[2] = {6, 6};
    static const float none[2], weight[1] = {1}, set[2] = {3, 4};
    ig_tensor *modes = numbers(IG_UINT8, 2, member, sizeof(member)),
              *splits = numbers(IG_FLOAT32, 2, none, sizeof(none)),
              *weights = numbers(IG_FLOAT32, 1, weight, sizeof(weight)),
              *sets = numbers(IG_FLOAT32, 2, set, sizeof(set));
    const struct {
        uint32_t struct_size;
        int64_t aggregate_function, post_transform, n_targets;
        ig_ints roots, features, yes, no, yes_leaf, no_leaf, missing, targets;
        ig_tensor *modes, *splits, *hitrates, *weights, *sets;
    } a = {sizeof(a), 1,          0,         1,         {1, zero}, {2, zeros},
           {2, next}, {2, zeros}, {2, leaf}, {2, ones}, {0},       {1, zero},
           modes,     splits,     NULL,      weights,   sets};
    ig_graph *g = graph();
    ig_value_id x = input(g, IG_FLOAT32, DIMS(1, 1));
    refused(g, "ai.onnx.ml::TreeEnsemble", &a, &x, 1, "no set for node 1");
    ig_graph_free(g);
    ig_tensor_unref(modes);
    ig_tensor_unref(splits);
    ig_tensor_unref(weights);
    ig_tensor_unref(sets);
}

/* Runs `op` on tensors of its own: a call that only the kernel can refuse. */
static void fails_of(const igi_op *found,
                     const void *attrs,
                     ig_tensor *const *in,
                     int n,
                     const char *why)
{
    ig_call call = {.op = found->def, .attrs = attrs, .n_in = n, .n_out = 1};
    ig_value *values[8] = {0}, *out[1] = {0};
    igi_invoker v;
    igi_invoker_init(&v, ig_registry_builtin(), NULL, 1);
    for (int i = 0; i < n; i++)
        values[i] = in[i] ? ig_tensor_value(in[i]) : NULL;
    assert_int_equal(igi_invoke(&v, found, &call, values, out), IG_INVALID_ARGUMENT);
    if (!strstr(ig_error_message(), why))
        fail_msg("'%s' does not say '%s'", ig_error_message(), why);
    for (int i = 0; i < n; i++)
        ig_tensor_unref(in[i]);
    igi_invoker_fini(&v);
}

static void fails(const char *op, ig_tensor *const *in, int n, const char *why)
{
    fails_of(igi_registry_find_full(ig_registry_builtin(), op), NULL, in, n, why);
}

static ig_tensor *tensor(ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    OK(ig_tensor_new(&t, dtype, rank, dims));
    return t;
}

/* It read the first of no elements. */
static void a_threshold_is_one_number(void **state)
{
    (void)state;
    fails("NonMaxSuppression",
          (ig_tensor *[]){tensor(IG_FLOAT32, DIMS(1, 2, 4)),
                          tensor(IG_FLOAT32, DIMS(1, 1, 2)), tensor(IG_INT64, DIMS(0))},
          3, "must be one number");
    fails("NonMaxSuppression",
          (ig_tensor *[]){tensor(IG_FLOAT32, DIMS(1, 2, 4)),
                          tensor(IG_FLOAT32, DIMS(1, 1, 2)), tensor(IG_INT64, DIMS(1)),
                          tensor(IG_FLOAT32, DIMS(0))},
          4, "must be one number");
}

/* It read the one element of a scalar from a list of none. */
static void a_slice_has_the_rank_of_what_was_sliced(void **state)
{
    (void)state;
    fails("ingot::SliceGrad",
          (ig_tensor *[]){tensor(IG_FLOAT32, DIMS(0)), tensor(IG_INT64, DIMS(0)),
                          tensor(IG_INT64, DIMS(0)), tensor(IG_INT64, DIMS(0))},
          4, "dy has rank 1, what was sliced 0");
}

/* Rows that nobody can count were of unknown number, and the kernel made none. */
static void blocks_beyond_all_numbers_overflow(void **state)
{
    (void)state;
    ig_tensor *block = tensor(IG_INT64, DIMS(2));
    memcpy(block->data, (const int64_t[]){1, INT64_MAX}, 2 * sizeof(int64_t));
    fails("ingot::Im2Col", (ig_tensor *[]){tensor(IG_FLOAT32, DIMS(1, 6, 3, 4)), block},
          2, "sizes overflow");
}

/* A scalar has no dims that a shape of the run could contradict, so it went on. */
static void convolutions_have_axes(void **state)
{
    (void)state;
    ig_graph *g = graph();
    ig_value_id x = input(g, IG_FLOAT32, 0, NULL), n = input(g, IG_INT64, DIMS(3));
    const ig_value_id in[3] = {x, x, n};
    refused(g, "ingot::ConvGradWeight", NULL, in, 3, "the same rank, at least 3");
    refused(g, "ingot::ConvGradInput", NULL, in, 3, "the same rank, at least 3");
    refused(g, "ingot::GridSampleGrad", NULL, in, 3, "one rank, at least 3");
    refused(g, "ingot::AveragePoolGrad", NULL, in + 1, 2, "rank 3 or more");
    refused(g, "ingot::DFTGrad", NULL, in + 1, 2, "rank 2 or more");
    ig_graph_free(g);
}

/* It said that the kernel had made nothing, an internal error. */
static ig_status no_size(ig_infer *x)
{
    return ig_infer_fresh(x, 0, 4);
}

static void a_size_may_not_follow_from_the_inputs(void **state)
{
    (void)state;
    igi_op stft = *igi_registry_find_full(ig_registry_builtin(), "STFT");
    ig_op_def careless = *stft.def;
    careless.infer = no_size;
    stft.def = &careless;
    fails_of(&stft, NULL,
             (ig_tensor *[]){tensor(IG_FLOAT32, DIMS(1, 7, 1)),
                             tensor(IG_INT64, DIMS(1)), tensor(IG_FLOAT32, DIMS(3))},
             3, "the size of output 0 does not follow");
}

static void a_length_is_one_number(void **state)
{
    (void)state;
    ig_graph *g = graph();
    ig_value_id none = input(g, IG_INT64, DIMS(0));
    refused(g, "HannWindow", NULL, &none, 1, "must be a scalar");
    refused(g, "Range", NULL, (ig_value_id[]){none, none, none}, 3,
            "start must be a scalar");
    const ig_value_id signal = input(g, IG_FLOAT32, DIMS(1, 7, 1)),
                      step = input(g, IG_INT64, 0, NULL),
                      window = input(g, IG_FLOAT32, DIMS(3)),
                      matrix = input(g, IG_INT64, DIMS(1, 1));
    refused(g, "STFT", NULL, (ig_value_id[]){signal, step, window, matrix}, 4,
            "frame_length must be one number");
    refused(g, "STFT", NULL, (ig_value_id[]){signal, matrix, window}, 3,
            "frame_step must be one number");
    refused(g, "STFT", NULL, (ig_value_id[]){signal, none, window}, 3,
            "frame_step must be one number");
    const ig_value_id flat = input(g, IG_FLOAT32, DIMS(7)),
                      pairs = input(g, IG_FLOAT32, DIMS(1, 7, 3));
    refused(g, "STFT", NULL, (ig_value_id[]){flat, step, window}, 3,
            "signal must be [N, length] or [N, length, 1 or 2]");
    refused(g, "STFT", NULL, (ig_value_id[]){pairs, step, window}, 3,
            "signal must be [N, length] or [N, length, 1 or 2]");
    refused(g, "DFT", NULL, (ig_value_id[]){signal, none}, 2,
            "dft_length must be a number");
    ig_graph_free(g);
}

/* A tensor whose rank is not known yet was another than its gradient. */
static void an_unknown_rank_may_be_the_right_one(void **state)
{
    (void)state;
    ig_graph *g = graph();
    ig_value_id out[2],
        in[5] = {input(g, IG_FLOAT32, 0, NULL), input(g, IG_INT64, 0, NULL),
                 input(g, IG_FLOAT32, -1, NULL), input(g, IG_FLOAT32, DIMS(2)),
                 input(g, IG_FLOAT32, DIMS(2))};
    OK(ig_graph_make_named(g, "ai.onnx.preview.training::Adagrad", NULL, in, 5, out,
                           2));
    in[3] = input(g, IG_FLOAT64, DIMS(2));
    assert_int_equal(ig_graph_make_named(g, "ai.onnx.preview.training::Adagrad", NULL,
                                         in, 5, out, 2),
                     IG_INVALID_ARGUMENT);
    ig_graph_free(g);
}

/* Its result was a sequence of tensors in the graph, of maps in the run. */
static void rows_of_unknown_rank_are_maps_too(void **state)
{
    (void)state;
    ig_graph *g = graph();
    ig_ai_onnx_ml_zip_map_opts a = IG_AI_ONNX_ML_ZIP_MAP_OPTS_INIT;
    a.classlabels_strings = (ig_strings){2, (const char *const[]){"cat", "dog"}};
    ig_value_id out, x = input(g, IG_FLOAT32, -1, NULL);
    OK(ig_graph_make_named(g, "ai.onnx.ml::ZipMap", &a, &x, 1, &out, 1));
    const ig_type *t = ig_graph_value_type(g, out);
    assert_int_equal(t->kind, IG_KIND_SEQUENCE);
    assert_int_equal(t->dtype, 0);
    assert_int_equal(t->u.elem->kind, IG_KIND_MAP);
    ig_graph_free(g);
}

/* The graph was made, and no longer valid. */
static void constants_are_not_overwritten(void **state)
{
    (void)state;
    ig_graph *g = graph();
    ig_value_id in[3] = {{0}}, out;
    ig_tensor *w = tensor(IG_FLOAT32, DIMS(2));
    OK(ig_graph_constant(g, "w", w, &in[0]));
    in[1] = input(g, IG_FLOAT32, DIMS(2));
    in[2] = input(g, IG_FLOAT32, 0, NULL);
    assert_int_equal(ig_graph_make_named(g, "ingot::SgdStep", NULL, in, 3, &out, 1),
                     IG_INVALID_GRAPH);
    assert_non_null(strstr(ig_error_message(), "would overwrite the constant 'w'"));
    assert_int_equal(ig_graph_verify(g), IG_OK);
    ig_tensor_unref(w);
    ig_graph_free(g);
}

/* An arm that hands on its one input, of type float32[2]. */
static ig_graph *arm(void)
{
    ig_graph *g = graph();
    OK(ig_graph_output(g, "y", input(g, IG_FLOAT32, DIMS(2))));
    return g;
}

typedef struct arms { /* attributes of If */
    uint32_t struct_size;
    ig_graph *then_branch, *else_branch;
} arms;

static void
refuse_if(ig_graph *g, ig_value_id cond, ig_value_id capture, const char *why)
{
    arms a = {sizeof(a), arm(), arm()};
    const ig_op_def *def = igi_registry_find_full(ig_registry_builtin(), "If")->def;
    ig_call call = {.op = def, .attrs = &a, .n_in = 2, .n_captures = 1, .n_out = 1};
    ig_value_id out;
    assert_int_equal(ig_graph_make(g, &call, (ig_value_id[]){cond, capture}, &out),
                     IG_INVALID_ARGUMENT);
    if (!strstr(ig_error_message(), why))
        fail_msg("'%s' does not say '%s'", ig_error_message(), why);
    ig_graph_free(a.then_branch);
    ig_graph_free(a.else_branch);
}

static void a_condition_is_one_element(void **state)
{
    (void)state;
    ig_graph *g = graph();
    refuse_if(g, input(g, IG_BOOL, DIMS(3)), input(g, IG_FLOAT32, DIMS(2)),
              "one element, not 3");
    ig_graph_free(g);
}

/* Optimised, such a graph ran; as written, it did not. */
static void a_capture_has_the_shape_that_the_body_declares(void **state)
{
    (void)state;
    ig_graph *g = graph();
    refuse_if(g, input(g, IG_BOOL, 0, NULL), input(g, IG_FLOAT32, DIMS(3)),
              "is float32[2], but is given float32[3]");
    ig_graph_free(g);
}

/* Its gradient made as many means as there are groups: 2^31 of nothing. */
static void no_channels_have_no_groups(void **state)
{
    (void)state;
    ig_graph *g = graph();
    ig_group_normalization_opts o = IG_GROUP_NORMALIZATION_OPTS_INIT;
    o.num_groups = INT32_MAX;
    const ig_value_id none = input(g, IG_FLOAT32, DIMS(0));
    refused(g, "GroupNormalization", &o,
            (ig_value_id[]){input(g, IG_FLOAT32, DIMS(2, 0, 3)), none, none}, 3,
            "do not divide 0 channels");
    ig_graph_free(g);
}

/* Coordinates were NaN, and so were the bounds of cells. */
static void a_scale_of_regions_is_finite(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct {
        uint32_t struct_size;
        ig_ints pooled_shape;
        float spatial_scale;
    } o = {sizeof(o), {2, (const int64_t[]){1, 1}}, 0};
    ig_graph *g = graph();
    const ig_value_id in[2] = {input(g, IG_FLOAT32, DIMS(1, 1, 4, 4)),
                               input(g, IG_FLOAT32, DIMS(1, 5))};
    for (int i = 0; i < 3; i++) {
        o.spatial_scale = bad[i];
        refused(g, "MaxRoiPool", &o, in, 2, "spatial_scale is");
    }
    ig_graph_free(g);
}

/* 4 * 2^62 is no size; as an integer it was any number, a symbol too. */
static void a_ratio_keeps_sizes_that_are_numbers(void **state)
{
    (void)state;
    igi_resize_attrs o = {.struct_size = sizeof(o), .keep_aspect_ratio_policy = 2};
    ig_tensor *t = tensor(IG_INT64, DIMS(2));
    memcpy(t->data, (const int64_t[]){1ll << 62, 1}, 2 * sizeof(int64_t));
    ig_graph *g = graph();
    ig_value_id in[4] = {input(g, IG_FLOAT32, DIMS(1, 4))};
    OK(ig_graph_constant(g, "sizes", t, &in[3]));
    refused(g, "Resize", &o, in, 4, "too large");
    ig_tensor_unref(t);
    ig_graph_free(g);
}

/* Attributes alone say how many places a window has: their number overflowed. */
static void places_of_a_window_are_a_size(void **state)
{
    (void)state;
    static const int64_t places[2] = {INT32_MAX, INT32_MAX};
    const igi_deform_attrs o = {
        .struct_size = sizeof(o), .kernel_shape = {2, places}, .offset_group = 2};
    ig_tensor *shape = tensor(IG_INT64, DIMS(4));
    memcpy(shape->data, (const int64_t[]){0, 2, 3, 4}, 4 * sizeof(int64_t));
    fails_of(igi_registry_find_full(ig_registry_builtin(), "ingot::DeformColumnsGrad"),
             &o,
             (ig_tensor *[]){tensor(IG_FLOAT32, DIMS(0, 2, 3, 4)),
                             tensor(IG_FLOAT32, DIMS(0, 2, 3, 4)), shape},
             3, "no tensor can hold");
}

IG_TESTS(cmocka_unit_test(a_scale_of_regions_is_finite),
         cmocka_unit_test(a_ratio_keeps_sizes_that_are_numbers),
         cmocka_unit_test(dims_to_divide_by_are_a_list),
         cmocka_unit_test(an_implied_result_has_no_more_labels_than_tensors_have_dims),
         cmocka_unit_test(each_member_node_of_a_tree_has_a_set),
         cmocka_unit_test(a_threshold_is_one_number),
         cmocka_unit_test(a_slice_has_the_rank_of_what_was_sliced),
         cmocka_unit_test(blocks_beyond_all_numbers_overflow),
         cmocka_unit_test(convolutions_have_axes),
         cmocka_unit_test(a_size_may_not_follow_from_the_inputs),
         cmocka_unit_test(a_length_is_one_number),
         cmocka_unit_test(an_unknown_rank_may_be_the_right_one),
         cmocka_unit_test(rows_of_unknown_rank_are_maps_too),
         cmocka_unit_test(constants_are_not_overwritten),
         cmocka_unit_test(no_channels_have_no_groups),
         cmocka_unit_test(a_condition_is_one_element),
         cmocka_unit_test(places_of_a_window_are_a_size),
         cmocka_unit_test(a_capture_has_the_shape_that_the_body_declares))
