/* Operators that ONNX does not define: what is refused, and how. That they compute what
 * they mean is shown by tests/versions. */
#include "importers/onnx/contrib.h"

#include <string.h>

#include "tests/importers/onnx/fixture.h"

static pb_node *begin(const char *op, const char *in)
{
    igt_end(&m);
    igt_begin(&m, 21);
    igt_opset(&m, "com.microsoft", 1);
    m.model.ir_version = 10;
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){2, 32});
    igt_output(&m, "z", IG_FLOAT32);
    pb_node *n = igt_node(&m, op, in, "z");
    n->domain = "com.microsoft";
    return n;
}

static ig_status again(void)
{
    ig_graph_free(g);
    g = NULL;
    return igt_read(&m, &g);
}

static void the_table_is_sorted(void **state)
{
    (void)state;
    const igi_onnx_upgrade *row, *last = NULL;
    for (size_t i = 0; (row = igi_onnx_contrib_at(i)); i++, last = row)
        if (last && strcmp(last->op, row->op) >= 0)
            fail_msg("%s is out of order", row->op);
    assert_non_null(igi_onnx_contrib_find("com.microsoft", "Gelu"));
    assert_null(igi_onnx_contrib_find("com.microsoft", "Nothing"));
}

static void compositions_are_operators_of_ours(void **state)
{
    (void)state;
    begin("FastGelu", "x x");
    assert_status(again(), IG_OK);
    assert_string_equal(igt_ops(g), "Add(x,x) Gelu(Add_1)");
}

static void attributes_and_inputs_that_nobody_reads_are_refused(void **state)
{
    (void)state;
    igt_int(&m, begin("FastGelu", "x"), "surprise", 1);
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("attribute surprise is not supported");
    assert_message("com.microsoft::FastGelu");
    begin("FastGelu", "x x x");
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("input 2 is not supported");
}

/* onnxruntime's transformer optimiser forgets to. */
static void the_domain_need_not_be_imported(void **state)
{
    (void)state;
    begin("FastGelu", "x");
    m.model.n_opset_import = 1;
    assert_status(again(), IG_OK);
    begin("Nothing", "x");
    m.model.n_opset_import = 1;
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("its domain is not imported");
}

static pb_node *few_bits(int64_t n, int64_t k, int64_t block)
{
    pb_node *node = begin("MatMulNBits", "x b s");
    igt_int(&m, node, "N", n);
    igt_int(&m, node, "K", k);
    igt_int(&m, node, "block_size", block);
    igt_init_floats(&m, "s", 2, (const float[]){1, 2});
    pb_tensor *b = igt_init(&m, "b", IG_UINT8, 3, (int64_t[]){1, 2, 8});
    b->raw_data.data = igt_alloc(&m, 16);
    b->raw_data.len = 16;
    b->has_raw_data = true;
    return node;
}

static void weights_of_few_bits_fit_their_bytes(void **state)
{
    (void)state;
    few_bits(1, 32, 16);
    assert_status(again(), IG_OK);
    few_bits(2, 32, 16);
    assert_status(again(), IG_INVALID_GRAPH);
    assert_message("B holds 16 bytes");
    few_bits(INT64_MAX, INT64_MAX / 4, 16);
    assert_status(again(), IG_INVALID_GRAPH);
    few_bits(1, 32, 17);
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("block_size");
    few_bits(1, 32, 16)->input[1] = "x";
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("B must be a constant");
}

static pb_node *four_bit_floats(int64_t n, int64_t k)
{
    static char name[] = "MatMulBnb4";
    pb_node *node = few_bits(n, k, 16);
    node->op_type = name;
    igt_int(&m, node, "quant_type", 1);
    return node;
}

static void floats_of_four_bits_fit_their_bytes(void **state)
{
    (void)state;
    four_bit_floats(1, 32);
    assert_status(again(), IG_OK);
    four_bit_floats(1, 33);
    assert_status(again(), IG_INVALID_GRAPH);
    assert_message("B holds 16 bytes");
    four_bit_floats(INT64_MAX / 2, 32);
    assert_status(again(), IG_UNSUPPORTED);
    igt_int(&m, four_bit_floats(1, 32), "transB", 0);
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("transB must be 1");
}

static void heads_must_be_given(void **state)
{
    (void)state;
    begin("MultiHeadAttention", "x x x");
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("num_heads must be given");
    igt_int(&m, begin("MultiHeadAttention", "x x x"), "num_heads", INT64_C(1) << 32);
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("num_heads must be given");
}

static void filters_of_the_blocked_layout_are_whole_blocks(void **state)
{
    (void)state;
    igt_end(&m);
    igt_begin(&m, 17);
    igt_opset(&m, "com.microsoft.nchwc", 1);
    m.model.ir_version = 8;
    igt_input(&m, "x", IG_FLOAT32, 4, (int64_t[]){1, 3, 4, 4});
    igt_output(&m, "z", IG_FLOAT32);
    pb_tensor *w = igt_init(&m, "w", IG_FLOAT32, 4, (int64_t[]){5, 3, 1, 1});
    w->raw_data.data = igt_alloc(&m, 60);
    w->raw_data.len = 60;
    w->has_raw_data = true;
    igt_node(&m, "Conv", "x w", "z")->domain = "com.microsoft.nchwc";
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("in blocks of 8");
}

static void a_body_is_no_attribute_of_theirs(void **state)
{
    (void)state;
    pb_node *n = begin("FusedConv", "x x");
    pb_graph *body = igt_alloc(&m, sizeof(*body));
    pb_value *untyped = igt_alloc(&m, sizeof(*untyped));
    igi_onnx__graph__init(body);
    igi_onnx__value_info__init(untyped);
    untyped->name = (char *)"q";
    body->n_input = 1;
    body->input = &untyped;
    igt_attr(&m, n, "body", PB_ATTR_GRAPH)->g = body;
    igt_refused(IG_INVALID_GRAPH, "no graph attribute body");
}

IG_TESTS(IGT_TEST(a_body_is_no_attribute_of_theirs),
         IGT_TEST(the_table_is_sorted),
         IGT_TEST(compositions_are_operators_of_ours),
         IGT_TEST(attributes_and_inputs_that_nobody_reads_are_refused),
         IGT_TEST(the_domain_need_not_be_imported),
         IGT_TEST(weights_of_few_bits_fit_their_bytes),
         IGT_TEST(floats_of_four_bits_fit_their_bytes),
         IGT_TEST(heads_must_be_given),
         IGT_TEST(filters_of_the_blocked_layout_are_whole_blocks))
