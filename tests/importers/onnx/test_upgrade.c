/* Old versions of operators read as the newest: what each family becomes. */
#include "tests/importers/onnx/upgrade_support.h"

static void the_table_is_sorted_and_knows_its_rows(void **state)
{
    (void)state;
    const igi_onnx_upgrade *row;
    for (size_t k = 1; (row = igi_onnx_upgrade_at(k)) != NULL; k++)
        if (strcmp(igi_onnx_upgrade_at(k - 1)->op, row->op) >= 0)
            fail_msg("%s stands behind %s", row->op, igi_onnx_upgrade_at(k - 1)->op);
    static const char *const ops[] = {"Abs",      "Add", "Where",
                                      "Constant", "LRN", "LayerNormalization"};
    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
        assert_non_null(igi_onnx_upgrade_find("", ops[i]));
    assert_null(igi_onnx_upgrade_find("", "Zzz"));
    assert_non_null(igi_onnx_upgrade_find("ai.onnx.ml", "LabelEncoder"));
    assert_null(igi_onnx_upgrade_find("", "LabelEncoder"));
    const igi_onnx_upgrade *u = igi_onnx_upgrade_find("", "Clip");
    assert_int_equal(igi_onnx_version(u, 5), 1);
    assert_int_equal(igi_onnx_version(u, 6), 6);
    assert_int_equal(igi_onnx_version(u, 27), 13);
    assert_int_equal(igi_onnx_version(igi_onnx_upgrade_find("", "Gelu"), 19), 0);
}

static void every_operator_that_is_registered_has_a_row_or_one_version(void **state)
{
    (void)state;
    const ig_registry *r = igt_registry();
    for (int i = 0; i < igi_registry_count(r); i++) {
        const ig_op_def *op = igi_registry_at(r, i)->def;
        const igi_onnx_upgrade *u =
            op->domain ? NULL : igi_onnx_upgrade_find("", op->name);
        if (!op->domain && !u && op->since < 20)
            fail_msg("%s (since %u) has no row in upgrade.c", op->name, op->since);
    }
}

static void unary_operators_drop_consumed_inputs(void **state)
{
    (void)state;
    begin(1);
    igt_ints(&m, igt_node(&m, "Relu", "x", "z"), "consumed_inputs", 1, (int64_t[]){0});
    becomes("Relu(x)");
    begin(6);
    igt_ints(&m, igt_node(&m, "Relu", "x", "z"), "consumed_inputs", 1, (int64_t[]){0});
    assert_status(again(), IG_INVALID_GRAPH);
}

static void old_broadcast_along_an_axis_becomes_unsqueeze(void **state)
{
    (void)state;
    static const char *const ops[] = {"Add", "Sub", "Mul", "Div", "Pow"};
    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
        char want[64];
        begin(6);
        igt_input(&m, "y", IG_FLOAT32, 2, (int64_t[]){3, 4});
        pb_node *n = igt_node(&m, ops[i], "x y", "z");
        igt_int(&m, n, "broadcast", 1);
        igt_int(&m, n, "axis", 1);
        snprintf(want, sizeof(want), "Unsqueeze(y,#) %s(x,Unsqueeze", ops[i]);
        assert_status(again(), IG_OK);
        assert_true(strncmp(igt_ops(g), want, strlen(want)) == 0);
        assert_string_equal(igt_ints_of(g, 0, 1), "2");
        HAS_DIMS(2, 3, 4, 5);
    }
}

static void old_broadcast_of_a_suffix_needs_nothing(void **state)
{
    (void)state;
    begin(6);
    igt_input(&m, "y", IG_FLOAT32, 2, (int64_t[]){4, 5});
    igt_int(&m, igt_node(&m, "Add", "x y", "z"), "broadcast", 1);
    becomes("Add(x,y)");
    HAS_DIMS(2, 3, 4, 5);
}

static void an_axis_without_room_is_refused(void **state)
{
    (void)state;
    begin(6);
    igt_input(&m, "y", IG_FLOAT32, 2, (int64_t[]){4, 5});
    pb_node *n = igt_node(&m, "Add", "x y", "z");
    igt_int(&m, n, "broadcast", 1);
    igt_int(&m, n, "axis", 3);
    assert_status(again(), IG_INVALID_GRAPH);
    assert_message("axis 3 leaves no room");
    n->attribute[n->n_attribute - 1]->i = INT64_MAX; /* where a sum would overflow */
    igt_refused(IG_INVALID_GRAPH, "leaves no room");
}

static void comparisons_and_logic_broadcast_too(void **state)
{
    (void)state;
    begin(1);
    m.graph.output[0]->type->tensor_type->elem_type = IG_BOOL;
    igt_input(&m, "y", IG_FLOAT32, 1, (int64_t[]){3});
    pb_node *n = igt_node(&m, "Less", "x y", "z");
    igt_int(&m, n, "broadcast", 1);
    igt_int(&m, n, "axis", 1);
    assert_status(again(), IG_OK);
    assert_string_equal(igt_ints_of(g, 0, 1), "1,2");
    HAS_DIMS(2, 3, 4, 5);
}

static void bounds_of_clip_become_inputs(void **state)
{
    (void)state;
    begin(6);
    pb_node *n = igt_node(&m, "Clip", "x", "z");
    igt_float(&m, n, "max", 6);
    becomes("Clip(x,-,#)");
    assert_true(constant(0, 2) == 6);
    igt_float(&m, n, "min", -1);
    becomes("Clip(x,#,#)");
    assert_true(constant(0, 1) == -1);
    begin(6);
    igt_node(&m, "Clip", "x", "z");
    becomes("Clip(x)");
}

static void cast_1_spells_its_type(void **state)
{
    (void)state;
    begin(1);
    m.graph.output[0]->type->tensor_type->elem_type = IG_FLOAT64;
    pb_node *n = igt_node(&m, "Cast", "x", "z");
    igt_string(&m, n, "to", "DOUBLE");
    becomes("Cast(x)");
    n->n_attribute = 0;
    igt_string(&m, n, "to", "NONSENSE");
    assert_status(again(), IG_INVALID_GRAPH);
    assert_message("NONSENSE");
}

static void axes_of_reductions_become_an_input(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        int old, now;
    } ops[] = {{"ReduceSum", 11, 13}, {"ReduceMean", 17, 18}, {"ReduceMax", 17, 18}};
    for (size_t i = 0; i < 3; i++) {
        begin(ops[i].old);
        pb_node *n = igt_node(&m, ops[i].op, "x", "z");
        igt_ints(&m, n, "axes", 2, (int64_t[]){1, 3});
        igt_int(&m, n, "keepdims", 0);
        assert_status(again(), IG_OK);
        assert_string_equal(igt_ints_of(g, 0, 1), "1,3");
        HAS_DIMS(2, 4);
        m.model.opset_import[0]->version = ops[i].now;
        assert_status(again(), IG_INVALID_GRAPH);
        assert_message("axes");
    }
    begin(11);
    igt_node(&m, "ReduceSum", "x", "z");
    becomes("ReduceSum(x)");
}

static void old_softmax_sees_a_matrix(void **state)
{
    (void)state;
    begin(11);
    pb_node *n = igt_node(&m, "Softmax", "x", "z");
    assert_status(again(), IG_OK);
    assert_true(strstr(igt_ops(g), "Flatten(x)"));
    assert_true(strncmp(igt_ops(g), "Shape(x) Flatten(x) Softmax(", 28) == 0);
    HAS_DIMS(2, 3, 4, 5);
    igt_int(&m, n, "axis", 3);
    becomes("Softmax(x)");
    n->n_attribute = 0;
    igt_int(&m, n, "axis", -1);
    becomes("Softmax(x)");
}

/* Where an upgrade makes all operators itself, too. */
static void attributes_that_nobody_reads_are_refused(void **state)
{
    (void)state;
    begin(11);
    pb_node *n = igt_node(&m, "Softmax", "x", "z");
    igt_int(&m, n, "bogus", 3);
    assert_status(again(), IG_INVALID_GRAPH);
    assert_message("no attribute bogus");
}

static void reshape_1_had_its_shape_as_an_attribute(void **state)
{
    (void)state;
    begin(1);
    pb_node *n = igt_node(&m, "Reshape", "x", "z");
    assert_status(again(), IG_INVALID_GRAPH);
    assert_message("shape is required");
    igt_ints(&m, n, "shape", 2, (int64_t[]){0, -1});
    becomes("Reshape(x,#)");
    assert_string_equal(igt_ints_of(g, 0, 1), "0,-1");
    HAS_DIMS(2, 60);
}

static void concat_1_has_a_default_axis(void **state)
{
    (void)state;
    begin(1);
    igt_node(&m, "Concat", "x x", "z");
    becomes("Concat(x,x)");
    HAS_DIMS(2, 6, 4, 5);
}

static void sizes_of_split_become_an_input(void **state)
{
    (void)state;
    begin(2);
    pb_node *n = igt_node(&m, "Split", "x", "z w");
    igt_int(&m, n, "axis", 3);
    igt_ints(&m, n, "split", 2, (int64_t[]){2, 3});
    becomes("Split(x,#)");
    HAS_DIMS(2, 3, 4, 2);
    begin(13);
    igt_node(&m, "Split", "x", "z w"); /* two equal parts of axis 0 */
    becomes("Split(x)");
    HAS_DIMS(1, 3, 4, 5);
}

static void bounds_of_slice_become_inputs(void **state)
{
    (void)state;
    begin(1);
    pb_node *n = igt_node(&m, "Slice", "x", "z");
    igt_ints(&m, n, "starts", 2, (int64_t[]){1, 0});
    assert_status(again(), IG_INVALID_GRAPH);
    assert_message("ends is required");
    igt_ints(&m, n, "ends", 2, (int64_t[]){3, -1});
    becomes("Slice(x,#,#)");
    HAS_DIMS(1, 2, 4, 5);
    igt_ints(&m, n, "axes", 2, (int64_t[]){2, 3});
    becomes("Slice(x,#,#,#)");
    HAS_DIMS(2, 3, 2, 4);
}

static void axes_of_squeeze_and_unsqueeze_become_inputs(void **state)
{
    (void)state;
    begin(11);
    igt_ints(&m, igt_node(&m, "Unsqueeze", "x", "w"), "axes", 2, (int64_t[]){0, -1});
    igt_ints(&m, igt_node(&m, "Squeeze", "w", "z"), "axes", 1, (int64_t[]){0});
    becomes("Unsqueeze(x,#) Squeeze(w,#)");
    HAS_DIMS(2, 3, 4, 5, 1);
    begin(11);
    igt_node(&m, "Unsqueeze", "x", "z");
    assert_status(again(), IG_INVALID_GRAPH);
}

static void pads_and_value_become_inputs(void **state)
{
    (void)state;
    static const int64_t pads[] = {0, 1, 0, 0, 0, 0, 2, 0};
    for (int opset = 1; opset <= 2; opset++) {
        begin(opset);
        pb_node *n = igt_node(&m, "Pad", "x", "z");
        igt_ints(&m, n, opset == 1 ? "paddings" : "pads", 8, pads);
        becomes("Pad(x,#)");
        igt_float(&m, n, "value", 1.5f);
        igt_string(&m, n, "mode", "constant");
        becomes("Pad(x,#,#)");
        assert_true(constant(0, 2) == 1.5);
        HAS_DIMS(2, 4, 6, 5);
    }
}

static void gemm_drops_broadcast(void **state)
{
    (void)state;
    igt_end(&m);
    igt_begin(&m, 6);
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){2, 3});
    igt_input(&m, "y", IG_FLOAT32, 2, (int64_t[]){3, 4});
    igt_input(&m, "w", IG_FLOAT32, 1, (int64_t[]){4});
    igt_output(&m, "z", IG_FLOAT32);
    igt_int(&m, igt_node(&m, "Gemm", "x y w", "z"), "broadcast", 1);
    becomes("Gemm(x,y,w)");
    HAS_DIMS(2, 4);
}

static pb_node *batch_norm(int opset, const char *out)
{
    begin(opset);
    for (const char *name = "abcd"; *name; name++)
        igt_init_floats(&m, (char[]){*name, 0}, 3, (float[]){1, 2, 3});
    return igt_node(&m, "BatchNormalization", "x a b c d", out);
}

static void batch_norm_for_inference_has_one_output(void **state)
{
    (void)state;
    pb_node *n = batch_norm(6, "z");
    igt_int(&m, n, "is_test", 1);
    becomes("BatchNormalization(x,#,#,#,#)");
    batch_norm(9, "z");
    becomes("BatchNormalization(x,#,#,#,#)");
    n = batch_norm(1, "z");
    igt_ints(&m, n, "consumed_inputs", 5, (int64_t[]){0, 0, 0, 1, 1});
    igt_int(&m, n, "is_test", 1);
    becomes("BatchNormalization(x,#,#,#,#)");
}

static void batch_norm_for_training_keeps_its_statistics(void **state)
{
    (void)state;
    batch_norm(9, "z rm rv");
    becomes("BatchNormalization(x,#,#,#,#)");
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    assert_true(ig_node_next(&it, &n));
    assert_int_equal(ig_graph_node_n_out(g, n), 3);
    batch_norm(9, "z rm rv sm sv"); /* the last two are those of the batch */
    assert_status(again(), IG_OK);
    assert_true(strncmp(igt_ops(g), "ReduceMean(x,#) ReduceMean(x,#) Sub(", 36) == 0);
}

static void batch_norm_per_feature_becomes_arithmetic(void **state)
{
    (void)state;
    begin(7);
    for (const char *name = "abcd"; *name; name++) {
        int64_t dims[] = {3, 4, 5};
        pb_tensor *t = igt_init(&m, (char[]){*name, 0}, IG_FLOAT32, 3, dims);
        t->n_float_data = 60;
        t->float_data = igt_alloc(&m, 240);
    }
    igt_int(&m, igt_node(&m, "BatchNormalization", "x a b c d", "z"), "spatial", 0);
    assert_status(again(), IG_OK);
    assert_true(strncmp(igt_ops(g), "Sub(x,#) Add(#,#) Sqrt(", 23) == 0);
    HAS_DIMS(2, 3, 4, 5);
}

static void old_dropout_drops_only_in_training(void **state)
{
    (void)state;
    begin(6);
    pb_node *n = igt_node(&m, "Dropout", "x", "z");
    igt_float(&m, n, "ratio", 0.25f);
    becomes("Dropout(x,#,#)"); /* is_test 0: training */
    assert_true(constant(0, 1) == 0.25);
    assert_true(constant(0, 2) == 1);
    igt_int(&m, n, "is_test", 1);
    becomes("Dropout(x,#)");
    begin(7);
    igt_node(&m, "Dropout", "x", "z");
    becomes("Dropout(x,#)");
}

static void the_mask_of_old_dropout_has_the_type_of_the_data(void **state)
{
    (void)state;
    begin(7);
    igt_node(&m, "Dropout", "x", "y z");
    assert_status(again(), IG_OK);
    assert_int_equal(ig_graph_value_type(g, ig_graph_output_at(g, 0))->dtype,
                     IG_FLOAT32);
    assert_true(strncmp(igt_ops(g), "Dropout(x,#) Cast(", 18) == 0);
}

static void lists_of_inputs_lose_their_limits(void **state)
{
    (void)state;
    static const char *const ops[] = {"Sum", "Min", "Max"};
    for (size_t i = 0; i < 3; i++) {
        char want[32];
        begin(1);
        igt_ints(&m, igt_node(&m, ops[i], "x x x", "z"), "consumed_inputs", 3,
                 (int64_t[]){0, 0, 0});
        snprintf(want, sizeof(want), "%s(x,x,x)", ops[i]);
        becomes(want);
    }
}

IG_TESTS(IGT_TEST(the_table_is_sorted_and_knows_its_rows),
         IGT_TEST(every_operator_that_is_registered_has_a_row_or_one_version),
         IGT_TEST(unary_operators_drop_consumed_inputs),
         IGT_TEST(old_broadcast_along_an_axis_becomes_unsqueeze),
         IGT_TEST(old_broadcast_of_a_suffix_needs_nothing),
         IGT_TEST(an_axis_without_room_is_refused),
         IGT_TEST(comparisons_and_logic_broadcast_too),
         IGT_TEST(bounds_of_clip_become_inputs),
         IGT_TEST(cast_1_spells_its_type),
         IGT_TEST(axes_of_reductions_become_an_input),
         IGT_TEST(old_softmax_sees_a_matrix),
         IGT_TEST(attributes_that_nobody_reads_are_refused),
         IGT_TEST(reshape_1_had_its_shape_as_an_attribute),
         IGT_TEST(concat_1_has_a_default_axis),
         IGT_TEST(sizes_of_split_become_an_input),
         IGT_TEST(bounds_of_slice_become_inputs),
         IGT_TEST(axes_of_squeeze_and_unsqueeze_become_inputs),
         IGT_TEST(pads_and_value_become_inputs),
         IGT_TEST(gemm_drops_broadcast),
         IGT_TEST(batch_norm_for_inference_has_one_output),
         IGT_TEST(batch_norm_for_training_keeps_its_statistics),
         IGT_TEST(batch_norm_per_feature_becomes_arithmetic),
         IGT_TEST(old_dropout_drops_only_in_training),
         IGT_TEST(the_mask_of_old_dropout_has_the_type_of_the_data),
         IGT_TEST(lists_of_inputs_lose_their_limits))
