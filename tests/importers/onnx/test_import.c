/* Whole models: V5, V9, and what messages say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/importers/onnx/fixture.h"

static void a_model_becomes_a_graph(void **state)
{
    (void)state;
    igt_frame();
    pb_node *n = igt_node(&m, "Add", "x y", "w");
    n->name = (char *)"sum";
    igt_node(&m, "Relu", "w", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(ig_graph_verify(g), IG_OK);
    assert_string_equal(igt_ops(g), "Add(x,y) Relu(w)");
    assert_string_equal(ig_graph_name(g), "g");
    assert_int_equal(ig_graph_n_inputs(g), 2);
    assert_string_equal(ig_graph_value_name(g, ig_graph_output_at(g, 0)), "z");
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id id;
    assert_true(ig_node_next(&it, &id));
    assert_string_equal(ig_graph_node_name(g, id), "sum");
}

static void nodes_in_any_order_are_sorted(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Relu", "w", "z");
    igt_node(&m, "Add", "x y", "w");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_string_equal(igt_ops(g), "Add(x,y) Relu(w)");
}

static void equal_names_of_dims_are_equal_dims(void **state)
{
    (void)state;
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){-1, 3});
    igt_input(&m, "y", IG_FLOAT32, 2, (int64_t[]){-1, 1});
    igt_node(&m, "Add", "x y", "z");
    igt_output(&m, "z", IG_FLOAT32);
    assert_status(igt_read(&m, &g), IG_OK);
    const int64_t *x = ig_type_dims(ig_graph_value_type(g, ig_graph_find(g, "x")));
    const int64_t *z = ig_type_dims(ig_graph_value_type(g, ig_graph_find(g, "z")));
    assert_true(x[0] < -1);
    assert_true(x[0] == z[0]);
    assert_string_equal(igi_symtab_name(ig_graph_symbols(g), x[0]), "N");
}

static void an_initialiser_among_the_inputs_is_a_constant(void **state)
{
    (void)state;
    igt_frame();
    igt_init_floats(&m, "y", 3, (float[]){1, 2, 3});
    igt_node(&m, "Add", "x y", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_int_equal(ig_graph_n_inputs(g), 1);
    ig_tensor *y = ig_graph_value_constant(g, ig_graph_find(g, "y"));
    assert_non_null(y);
    assert_true(y->st->flags & IGI_READONLY); /* though it is a copy */
}

static void constant_nodes_become_constants(void **state)
{
    (void)state;
    igt_frame();
    igt_float(&m, igt_node(&m, "Constant", "", "c"), "value_float", 2.5f);
    igt_node(&m, "Add", "x c", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    ig_tensor *t = ig_graph_value_constant(g, ig_graph_find(g, "c"));
    assert_true(t && ig_tensor_rank(t) == 0 && ig_tensor_data_f32(t)[0] == 2.5f);
    assert_true(t->st->flags & IGI_READONLY);
}

static void a_constant_of_the_wrong_kind_is_refused(void **state)
{
    (void)state;
    igt_frame();
    igt_int(&m, igt_node(&m, "Constant", "", "z"), "value_float", 2);
    igt_refused(IG_INVALID_GRAPH, "value_float");
}

/* ---- V9 ---- */

static void a_file_without_ir_version_or_graph_is_refused(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Add", "x y", "z");
    m.model.has_ir_version = false;
    igt_refused(IG_INVALID_GRAPH, "IR version");
    m.model.has_ir_version = true;
    m.model.graph = NULL;
    igt_refused(IG_INVALID_GRAPH, "no graph");
}

static void undefined_inputs_and_outputs_are_named(void **state)
{
    (void)state;
    igt_frame();
    pb_node *n = igt_node(&m, "Add", "x nowhere", "z");
    n->name = (char *)"plus";
    igt_refused(IG_INVALID_GRAPH, "input 'nowhere' is defined nowhere");
    assert_message("node 'plus' (Add, byte ");
    n->input[1] = (char *)"y";
    n->output[0] = (char *)"other";
    igt_refused(IG_INVALID_GRAPH, "output 'z' is defined nowhere");
}

static void a_cycle_is_named(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Add", "x b", "a")->name = (char *)"first";
    igt_node(&m, "Add", "a y", "b");
    igt_node(&m, "Relu", "b", "z");
    igt_refused(IG_INVALID_GRAPH, "part of a cycle");
}

static void names_must_be_defined_once(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Relu", "x", "z");
    pb_node *n = igt_node(&m, "Relu", "y", "z");
    igt_refused(IG_INVALID_GRAPH, "'z' is defined already");
    n->output[0] = (char *)"x";
    igt_refused(IG_INVALID_GRAPH, "'x' is defined already");
    n->output[0] = (char *)"w";
    igt_input(&m, "x", IG_FLOAT32, 0, NULL);
    igt_refused(IG_INVALID_GRAPH, "'x' is taken");
}

static void two_initialisers_of_one_name_are_refused(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Add", "x y", "z");
    igt_init_floats(&m, "c", 1, (float[]){1});
    igt_init_floats(&m, "c", 1, (float[]){1});
    igt_refused(IG_INVALID_GRAPH, "two initialisers are named 'c'");
}

static void two_outputs_of_one_name_are_refused(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Add", "x y", "z");
    igt_output(&m, "z", IG_FLOAT32);
    igt_refused(IG_INVALID_GRAPH, "two outputs 'z'");
}

static void declared_output_types_are_checked(void **state)
{
    (void)state;
    igt_input(&m, "x", IG_FLOAT32, 1, (int64_t[]){2});
    igt_node(&m, "Relu", "x", "z");
    igt_output(&m, "z", IG_INT64);
    igt_refused(IG_INVALID_GRAPH,
                "output 'z': declared as int64[...], but the graph makes float32[2]");
}

static void inputs_need_a_type(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Add", "x y", "z");
    m.graph.input[0]->type->tensor_type->elem_type = 99;
    igt_refused(IG_INVALID_GRAPH, "input 'x'");
    m.graph.input[0]->type->tensor_type = NULL;
    igt_refused(IG_INVALID_GRAPH, "input 'x'");
    m.graph.input[0]->type = NULL;
    igt_refused(IG_INVALID_GRAPH, "input 'x'");
}

static void attributes_must_exist_and_fit(void **state)
{
    (void)state;
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){2, 3});
    igt_output(&m, "z", IG_FLOAT32);
    pb_node *n = igt_node(&m, "Transpose", "x", "z");
    igt_int(&m, n, "nonsense", 1);
    igt_refused(IG_INVALID_GRAPH, "nonsense");
    n->n_attribute = 0;
    igt_int(&m, n, "perm", 1);
    igt_refused(IG_INVALID_GRAPH, "perm");
    n->n_attribute = 0;
    igt_ints(&m, n, "perm", 2, (int64_t[]){1, 0});
    igt_ints(&m, n, "perm", 2, (int64_t[]){1, 0});
    igt_refused(IG_INVALID_GRAPH, "given twice");
    n->n_attribute = 1;
    n->attribute[0]->has_i = true;
    igt_refused(IG_INVALID_GRAPH, "has type 7 but a value of type 2");
    n->attribute[0]->has_i = false;
    n->attribute[0]->has_type = false; /* IR 1: the type is derived */
    assert_status(igt_read(&m, &g), IG_OK);
}

static void required_attributes_are_required(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Concat", "x y", "z");
    igt_refused(IG_INVALID_GRAPH, "attribute axis is required");
}

static void an_attribute_reference_outside_a_function_is_refused(void **state)
{
    (void)state;
    igt_frame();
    pb_node *n = igt_node(&m, "Concat", "x y", "z");
    igt_attr(&m, n, "axis", PB_ATTR_INT)->ref_attr_name = (char *)"a";
    igt_refused(IG_INVALID_GRAPH, "only functions");
}

/* ---- opsets
 * --------------------------------------------------------------------------------- */

static void an_operator_named_like_a_row_of_a_table_is_unknown(void **state)
{
    (void)state;
    static const char *const names[] = {"ai.onnx.ml::LabelEncoder",
                                        "com.microsoft::GridSample"};
    igt_frame();
    pb_node *n = igt_node(&m, "Add", "x y", "z");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        n->op_type = (char *)(uintptr_t)names[i];
        igt_refused(IG_UNSUPPORTED, names[i]);
    }
}

static void everything_unsupported_is_listed_at_once(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Quux", "x", "a");
    igt_node(&m, "Quux", "a", "b");
    igt_node(&m, "com.example::Frob", "b", "c");
    igt_node(&m, "Gelu", "c", "z"); /* since 20 */
    igt_refused(IG_UNSUPPORTED, "3 operators of this model are not supported");
    assert_message("Quux (opset 17) x2");
    assert_message("com.example::Frob (its domain is not imported) x1");
    assert_message("Gelu (opset 17) x1");
}

static void operators_in_bodies_are_listed_too(void **state)
{
    (void)state;
    igt_frame();
    pb_node *n = igt_node(&m, "If", "x", "z");
    pb_graph *body = igt_alloc(&m, sizeof(*body));
    igi_onnx__graph__init(body);
    pb_node *inner = igt_new_node(&m, "Inner", "x", "r");
    body->n_node = 1;
    body->node = &inner;
    igt_attr(&m, n, "then_branch", PB_ATTR_GRAPH)->g = body;
    assert_int_equal(igt_read(&m, &g), IG_UNSUPPORTED);
    assert_message("Inner (opset 17) x1");
}

static void a_domain_is_imported_in_one_version(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Add", "x y", "z");
    igt_opset(&m, "", 17); /* converters repeat themselves */
    assert_status(igt_read(&m, &g), IG_OK);
    ig_graph_free(g);
    g = NULL;
    m.model.opset_import[1]->version = 16;
    igt_refused(IG_INVALID_GRAPH, "imported as opset 17 and as 16");
    m.model.opset_import[0]->version = m.model.opset_import[1]->version = 0;
    igt_refused(IG_INVALID_GRAPH, "opset 0");
}

static ig_status read_fed(const char *const *feeds)
{
    igt_pack(&m);
    ig_read_opts o = {.registry = igt_registry(), .feeds = feeds};
    return igi_onnx_read(&g, &(igi_source){.bytes = m.bytes, .size = m.size}, &o);
}

static void an_initialiser_that_is_an_input_can_be_overridden(void **state)
{
    (void)state;
    igt_frame();
    igt_init_floats(&m, "y", 3, (float[]){1, 2, 3});
    igt_init_floats(&m, "c", 3, (float[]){1, 2, 3});
    igt_node(&m, "Add", "x y", "w");
    igt_node(&m, "Add", "w c", "z");
    assert_status(read_fed((const char *const[]){"y", NULL}), IG_OK);
    assert_int_equal(ig_graph_n_inputs(g), 2);
    assert_null(ig_graph_value_constant(g, ig_graph_find(g, "y")));
    ig_graph_free(g);
    g = NULL;
    assert_status(read_fed((const char *const[]){"c", NULL}), IG_NOT_FOUND);
    assert_message("'c' is no input");
    assert_status(read_fed((const char *const[]){"x", NULL}), IG_NOT_FOUND);
    assert_message("'x' is no initialiser");
}

static void sparse_constants_become_dense(void **state)
{
    (void)state;
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){2, 3});
    igt_output(&m, "z", IG_FLOAT32);
    pb_sparse *s = igt_alloc(&m, sizeof(*s));
    igi_onnx__sparse_tensor__init(s);
    s->values = igt_init_floats(&m, "s", 2, (float[]){5, 7});
    s->indices = igt_init(&m, "at", IG_INT64, 2, (int64_t[]){2, 2});
    s->indices->n_int64_data = 4;
    s->indices->int64_data = (int64_t[]){0, 1, 1, 2};
    s->n_dims = 2;
    s->dims = (int64_t[]){2, 3};
    m.graph.n_initializer = 0;
    m.graph.sparse_initializer = igt_alloc(&m, sizeof(void *));
    m.graph.sparse_initializer[0] = s;
    m.graph.n_sparse_initializer = 1;
    pb_node *c = igt_node(&m, "Constant", "", "k");
    igt_attr(&m, c, "sparse_value", PB_ATTR_SPARSE_TENSOR)->sparse_tensor = s;
    igt_node(&m, "Add", "x s", "w");
    igt_node(&m, "Add", "w k", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    static const char *const names[] = {"s", "k"};
    for (int i = 0; i < 2; i++) {
        ig_tensor *t = ig_graph_value_constant(g, ig_graph_find(g, names[i]));
        assert_non_null(t);
        assert_memory_equal(ig_tensor_data(t), ((float[]){0, 5, 0, 0, 0, 7}), 24);
    }
}

static int warnings;
static void count_warning(const char *text, void *user)
{
    (void)text;
    (void)user;
    warnings++;
}

/* Reads m->bytes as they are. */
static ig_status read_counting(void)
{
    ig_read_opts o = {.registry = igt_registry(), .warn = count_warning};
    igi_source src = {.bytes = m.bytes, .size = m.size};
    warnings = 0;
    return igi_onnx_read(&g, &src, &o);
}

static void a_newer_opset_is_read_with_a_warning(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Add", "x y", "z");
    m.model.opset_import[0]->version = 28;
    igt_pack(&m);
    assert_status(read_counting(), IG_OK);
    assert_int_equal(warnings, 1);
    m.model.opset_import[0]->version = 99;
    igt_pack(&m);
    ig_graph_free(g);
    assert_status(read_counting(), IG_OK);
    assert_int_equal(warnings, 1);
    ig_graph_free(g);
    g = NULL;
    m.graph.node[0]->op_type = (char *)"AddOfTheFuture";
    igt_pack(&m);
    assert_status(read_counting(), IG_UNSUPPORTED);
    assert_message("AddOfTheFuture (opset 99)");
}

static void an_operator_is_known_from_its_opset_on(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "SwiGLU", "x y", "z");
    m.model.opset_import[0]->version = 27;
    igt_refused(IG_UNSUPPORTED, "SwiGLU (opset 27)");
    m.model.opset_import[0]->version = 28;
    assert_status(igt_read(&m, &g), IG_OK);
    assert_string_equal(igt_ops(g), "SwiGLU(x,y)");
}

static void a_newer_ir_is_read_with_a_warning_unless_what_is_new_is_used(void **state)
{
    (void)state;
    static const unsigned char field_999[] = {0xb8, 0x3e, 1};
    igt_frame();
    igt_node(&m, "Add", "x y", "z");
    m.model.ir_version = 99;
    igt_pack(&m);
    assert_status(read_counting(), IG_OK);
    assert_int_equal(warnings, 1);
    ig_graph_free(g);
    g = NULL;
    void *longer = igi_realloc(m.bytes, m.size + sizeof(field_999));
    assert_non_null(longer);
    m.bytes = longer;
    memcpy((char *)longer + m.size, field_999, sizeof(field_999));
    m.size += sizeof(field_999);
    assert_status(read_counting(), IG_UNSUPPORTED);
    assert_message("999");
}

/* ---- resources
 * -------------------------------------------------------------------------------- */

/* T6: allocation n fails, once or for ever; whatever happens is clean. */
static void every_failing_allocation_ends_in_a_clean_error(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "Join", "a b", "c");
    pb_node *inner = igt_new_node(&m, "Concat", "a b", "c");
    igt_int(&m, inner, "axis", 0);
    igt_function_node(&m, f, inner);
    float *v = igt_alloc(&m, 4000);
    igt_init_floats(&m, "big", 1000, v);
    igt_node(&m, "local::Join", "x y", "w");
    igt_node(&m, "Relu", "w", "z");
    igt_pack(&m);
    size_t n = m.size;
    void *bytes = malloc(n); /* not ours: the allocator changes */
    memcpy(bytes, m.bytes, n);
    igt_end(&m);
    igt_registry_free();
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        ig_status rc = IG_OUT_OF_MEMORY;
        long k = 0;
        for (; rc != IG_OK && k < 5000; k++) {
            igt_fail_begin();
            (void)igt_registry();
            igt_fail_at(k, for_ever != 0);
            rc = igt_read_bytes(bytes, n, &g);
            if (rc != IG_OK && rc != IG_OUT_OF_MEMORY)
                fail_msg("allocation %ld: status %d (%s)", k, (int)rc,
                         ig_error_message());
            igt_fail_at(-1, false);
            ig_graph_free(g);
            g = NULL;
            igt_registry_free();
            igt_fail_end();
        }
        assert_int_equal(rc, IG_OK);
        assert_true(k > 20);
    }
    free(bytes);
    igt_begin(&m, 17);
}

static void sniffing_tells_models_from_other_files(void **state)
{
    (void)state;
    igt_frame();
    igt_pack(&m);
    assert_true(igi_onnx_sniff(m.bytes, m.size));
    assert_false(igi_onnx_sniff("PK\3\4", 4));
    assert_false(igi_onnx_sniff("", 0));
}

IG_TESTS(IGT_TEST(a_model_becomes_a_graph),
         IGT_TEST(nodes_in_any_order_are_sorted),
         IGT_TEST(equal_names_of_dims_are_equal_dims),
         IGT_TEST(an_initialiser_among_the_inputs_is_a_constant),
         IGT_TEST(constant_nodes_become_constants),
         IGT_TEST(a_constant_of_the_wrong_kind_is_refused),
         IGT_TEST(a_file_without_ir_version_or_graph_is_refused),
         IGT_TEST(undefined_inputs_and_outputs_are_named),
         IGT_TEST(a_cycle_is_named),
         IGT_TEST(names_must_be_defined_once),
         IGT_TEST(two_initialisers_of_one_name_are_refused),
         IGT_TEST(two_outputs_of_one_name_are_refused),
         IGT_TEST(declared_output_types_are_checked),
         IGT_TEST(inputs_need_a_type),
         IGT_TEST(attributes_must_exist_and_fit),
         IGT_TEST(required_attributes_are_required),
         IGT_TEST(an_attribute_reference_outside_a_function_is_refused),
         IGT_TEST(everything_unsupported_is_listed_at_once),
         IGT_TEST(operators_in_bodies_are_listed_too),
         IGT_TEST(a_domain_is_imported_in_one_version),
         IGT_TEST(an_initialiser_that_is_an_input_can_be_overridden),
         IGT_TEST(sparse_constants_become_dense),
         IGT_TEST(a_newer_opset_is_read_with_a_warning),
         IGT_TEST(an_operator_is_known_from_its_opset_on),
         IGT_TEST(an_operator_named_like_a_row_of_a_table_is_unknown),
         IGT_TEST(a_newer_ir_is_read_with_a_warning_unless_what_is_new_is_used),
         IGT_TEST(every_failing_allocation_ends_in_a_clean_error),
         IGT_TEST(sniffing_tells_models_from_other_files))
