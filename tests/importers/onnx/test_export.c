/* Graphs written as ONNX: reading them back gives the same graph; bytes repeat; what
 * ONNX cannot say is refused by name. */
#include "importers/onnx/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/file.h"
#include "tests/importers/onnx/support.h"

IG_USES_OP(Relu);

static igt_model m;
static ig_graph *g, *again;
static void *bytes, *bytes2;
static char folder[64];

static int fresh(void **state)
{
    (void)state;
    memset(&m, 0, sizeof(m));
    g = again = NULL;
    bytes = bytes2 = NULL;
    strcpy(folder, "/tmp/ingot-export-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* Between two rounds of one test. */
static void forget(void)
{
    ig_graph_free(g);
    ig_graph_free(again);
    igi_free(bytes);
    igi_free(bytes2);
    igt_end(&m);
    memset(&m, 0, sizeof(m));
    g = again = NULL;
    bytes = bytes2 = NULL;
}

static int drop(void **state)
{
    (void)state;
    char cmd[128];
    forget();
    snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
    return system(cmd);
}

/* Gemm, Relu, Split with attributes of several kinds, a large and a small constant. */
static void sample(void)
{
    igt_begin(&m, 18);
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){-1, 64});
    pb_tensor *w = igt_init(&m, "w", IG_FLOAT32, 2, (int64_t[]){8, 64});
    w->has_raw_data = true;
    w->raw_data = (ProtobufCBinaryData){8 * 64 * 4, igt_alloc(&m, 8 * 64 * 4)};
    w->raw_data.data[5] = 7;
    igt_init_floats(&m, "b", 8, (float[]){1, 2, 3, 4, 5, 6, 7, 8});
    pb_node *n = igt_node(&m, "Gemm", "x w b", "a");
    n->name = (char *)"dense";
    igt_int(&m, n, "transB", 1);
    igt_float(&m, n, "alpha", 0.5f);
    igt_node(&m, "Clip", "a - six", "c");
    igt_init(&m, "six", IG_FLOAT32, 0, NULL)->n_float_data = 1;
    m.graph.initializer[2]->float_data = igt_alloc(&m, 4);
    n = igt_node(&m, "Split", "c", "z z2");
    igt_int(&m, n, "num_outputs", 2);
    igt_int(&m, n, "axis", 1);
    igt_output(&m, "z", IG_FLOAT32);
    igt_output(&m, "z2", IG_FLOAT32);
    m.model.doc_string = (char *)"a sample";
    pb_entry *e = igt_alloc(&m, sizeof(*e));
    pb_entry **list = igt_alloc(&m, sizeof(*list));
    igi_onnx__string_string_entry__init(e);
    e->key = (char *)"author";
    e->value = (char *)"nobody";
    list[0] = e;
    m.model.metadata_props = list;
    m.model.n_metadata_props = 1;
    assert_status(igt_read(&m, &g), IG_OK);
}

static void same_graph(void)
{
    char *a, *b;
    assert_status(ig_graph_print(g, &a), IG_OK);
    assert_status(ig_graph_print(again, &b), IG_OK);
    int diff = strcmp(a, b);
    if (diff)
        print_error("%s\n---\n%s\n", a, b);
    ig_string_free(a);
    ig_string_free(b);
    assert_int_equal(diff, 0);
}

static void a_graph_survives_writing_and_reading(void **state)
{
    (void)state;
    size_t n;
    sample();
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    same_graph();
    assert_int_equal(again->opset, 18); /* the oldest that says it: Split */
    assert_string_equal(again->doc, "a sample");
    assert_int_equal(again->meta.n, 1);
    assert_string_equal(again->meta.p[0].value, "nobody");
    ig_tensor *w = ig_graph_value_constant(again, ig_graph_find(again, "w"));
    assert_int_equal(((const char *)ig_tensor_data(w))[5], 7);
}

static void the_same_graph_gives_the_same_bytes(void **state)
{
    (void)state;
    size_t n, n2;
    sample();
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igi_onnx_write(g, NULL, &bytes2, &n2), IG_OK);
    assert_int_equal(n, n2);
    assert_memory_equal(bytes, bytes2, n);
}

static void a_lower_opset_is_declared_when_it_says_the_same(void **state)
{
    (void)state;
    size_t n;
    sample();
    ig_save_opts o = {.opset = 18};
    assert_status(igi_onnx_write(g, &o, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    assert_int_equal(again->opset, 18);
    same_graph();
    o.opset = 17; /* Split got num_outputs in 18 */
    assert_status(igi_onnx_write(g, &o, &bytes2, &n), IG_UNSUPPORTED);
    assert_message("Split (needs opset 18)");
    o.opset = 29;
    assert_status(igi_onnx_write(g, &o, &bytes2, &n), IG_INVALID_ARGUMENT);
}

static void versions_that_only_added_types_are_not_asked_for(void **state)
{
    (void)state;
    size_t n;
    igt_begin(&m, 27); /* Range and Reshape are of 27 and 25 */
    igt_input(&m, "x", IG_FLOAT32, 1, (int64_t[]){4});
    igt_input(&m, "shape", IG_INT64, 1, (int64_t[]){2});
    igt_input(&m, "limit", IG_INT64, 0, NULL);
    igt_node(&m, "Reshape", "x shape", "y");
    igt_node(&m, "Range", "limit limit limit", "r");
    igt_output(&m, "y", IG_FLOAT32);
    igt_output(&m, "r", IG_INT64);
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    assert_int_equal(again->opset, 14);
    same_graph();
}

/* ONNX's own shape inference gives MaxPool with ceil_mode another shape before 22. */
static void an_attribute_that_changed_its_meaning_asks_for_the_newer_opset(void **state)
{
    (void)state;
    size_t n;
    for (int ceil = 0; ceil < 2; ceil++) {
        igt_begin(&m, 22);
        igt_input(&m, "x", IG_FLOAT32, 4, (int64_t[]){1, 1, 2, 2});
        pb_node *pool = igt_node(&m, "MaxPool", "x", "y");
        igt_ints(&m, pool, "kernel_shape", 2, (int64_t[]){1, 1});
        igt_ints(&m, pool, "strides", 2, (int64_t[]){2, 2});
        igt_int(&m, pool, "ceil_mode", ceil);
        igt_output(&m, "y", IG_FLOAT32);
        assert_status(igt_read(&m, &g), IG_OK);
        assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
        assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
        assert_int_equal(again->opset, ceil ? 22 : 13);
        forget();
    }
}

/* The opset that a model of one operator over tensors of this type is written with. */
static int64_t written_opset(const char *op, const char *in, int dtype, int64_t window)
{
    size_t n;
    igt_begin(&m, 28);
    igt_input(&m, "x", dtype, 4, (int64_t[]){1, 1, 2, 2});
    pb_node *node = igt_node(&m, op, in, "y");
    if (window) {
        igt_int(&m, node, "is_causal", 1);
        igt_int(&m, node, "local_window_size", window);
    }
    igt_output(&m, "y", dtype);
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    int64_t opset = again->opset;
    same_graph();
    ig_graph_free(g);
    ig_graph_free(again);
    igi_free(bytes);
    bytes = NULL;
    g = again = NULL;
    igt_end(&m);
    return opset;
}

static void a_newer_opset_is_asked_for_by_its_uses_alone(void **state)
{
    (void)state;
    assert_int_equal(written_opset("Celu", "x", IG_FLOAT32, 0), 13);
    assert_int_equal(written_opset("Celu", "x", IG_FLOAT16, 0), 28);
    assert_int_equal(written_opset("Attention", "x x x", IG_FLOAT32, 0), 24);
    assert_int_equal(written_opset("Attention", "x x x", IG_FLOAT32, 1), 25);
    assert_int_equal(written_opset("SwiGLU", "x x", IG_FLOAT32, 0), 28);
    assert_int_equal(written_opset("ReduceLogSum", "x", IG_FLOAT32, 0), 18);
}

static void outputs_keep_the_names_that_callers_use(void **state)
{
    (void)state;
    size_t n;
    ig_value_id x, y;
    assert_status(igi_graph_new(&g, "g", igt_registry(), NULL), IG_OK);
    assert_status(ig_graph_input(g, "x", IG_FLOAT32, 1, (int64_t[]){3}, &x), IG_OK);
    assert_status(ig_graph_make_named(g, "Relu", NULL, &x, 1, &y, 1), IG_OK);
    assert_status(ig_graph_output(g, "first", y), IG_OK);
    assert_status(ig_graph_output(g, "second", y), IG_OK); /* the same value again */
    assert_status(ig_graph_output(g, "third", x), IG_OK);  /* an input */
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    assert_int_equal(ig_graph_n_outputs(again), 3);
    assert_string_equal(again->output_names.p[0], "first");
    assert_string_equal(again->output_names.p[1], "second");
    assert_string_equal(again->output_names.p[2], "third");
    assert_string_equal(igt_ops(again), "Relu(x) Identity(first) Identity(x)");
}

/* Passes may leave nodes with one name; onnxruntime refuses them. */
static void names_of_nodes_are_written_once_each(void **state)
{
    (void)state;
    size_t n;
    ig_value_id x, y;
    ig_node_iter it;
    ig_node_id first = {0}, second = {0};
    const ig_call call = {.op = &ig_op_Relu, .name = "same", .n_in = 1, .n_out = 1};
    assert_status(igi_graph_new(&g, "g", igt_registry(), NULL), IG_OK);
    assert_status(ig_graph_input(g, "x", IG_FLOAT32, 1, (int64_t[]){3}, &x), IG_OK);
    assert_status(ig_graph_make(g, &call, &x, &y), IG_OK);
    assert_status(ig_graph_make(g, &call, &y, &y), IG_OK);
    assert_status(ig_graph_output(g, "y", y), IG_OK);
    it = ig_graph_nodes(g);
    assert_true(ig_node_next(&it, &first) && ig_node_next(&it, &second));
    igi_node_at(g, second)->name = igi_node_at(g, first)->name;
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    it = ig_graph_nodes(again);
    assert_true(ig_node_next(&it, &first) && ig_node_next(&it, &second));
    assert_string_equal(ig_graph_node_name(again, first), "same");
    assert_string_equal(ig_graph_node_name(again, second), "same_1");
}

/* Lists are read as far as they go: sanitizers see when they are exactly full. */
static void graphs_of_any_number_of_nodes_are_written(void **state)
{
    (void)state;
    for (int count = 0; count < 70; count++) {
        size_t n;
        ig_value_id v;
        assert_status(igi_graph_new(&g, "g", igt_registry(), NULL), IG_OK);
        assert_status(ig_graph_input(g, "x", IG_FLOAT32, 1, (int64_t[]){3}, &v), IG_OK);
        for (int i = 0; i < count; i++)
            assert_status(ig_graph_make_named(g, "Relu", NULL, &v, 1, &v, 1), IG_OK);
        assert_status(ig_graph_output(g, "y", v), IG_OK);
        assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
        assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
        int found = 0;
        ig_node_id id;
        for (ig_node_iter it = ig_graph_nodes(again); ig_node_next(&it, &id);)
            found++;
        assert_int_equal(found, count ? count : 1); /* without nodes, an Identity */
        forget();
    }
}

/* The Identity of an output that is an input takes sequences since opset 14. */
static void an_output_that_is_an_input_asks_for_its_opset(void **state)
{
    (void)state;
    size_t n;
    ig_value_id x;
    const ig_type elem = {.kind = IG_KIND_TENSOR, .dtype = IG_FLOAT32, .rank = -1};
    const ig_type list = {.kind = IG_KIND_SEQUENCE, .u.elem = &elem};
    assert_status(igi_graph_new(&g, "g", igt_registry(), NULL), IG_OK);
    assert_status(ig_graph_input_typed(g, "x", &list, &x), IG_OK);
    assert_status(ig_graph_output(g, "y", x), IG_OK);
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    assert_int_equal(again->opset, 14);
}

/* x -> op(x, x) -> y in domain ingot. */
static void own_graph(const char *op)
{
    ig_value_id x, y;
    assert_status(igi_graph_new(&g, "g", igt_registry(), NULL), IG_OK);
    assert_status(ig_graph_input(g, "x", IG_FLOAT32, 1, (int64_t[]){3}, &x), IG_OK);
    assert_status(ig_graph_make_named(g, op, NULL, (ig_value_id[]){x, x}, 2, &y, 1),
                  IG_OK);
    assert_status(ig_graph_output(g, "y", y), IG_OK);
}

static void operators_of_our_own_become_onnx(void **state)
{
    (void)state;
    size_t n;
    own_graph("ingot::ReluGrad");
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    assert_status(ig_graph_verify(again), IG_OK);
    assert_true(strncmp(igt_ops(again), "Less(x,#) Equal(x,#) Or(", 24) == 0);
}

static void sums_over_broadcast_axes_become_reductions(void **state)
{
    (void)state;
    size_t n;
    ig_value_id x, shape, y;
    ig_tensor *t;
    int64_t dims[] = {4, 3}, target[] = {1, 3}, two = 2;
    assert_status(igi_graph_new(&g, "g", igt_registry(), NULL), IG_OK);
    assert_status(ig_graph_input(g, "x", IG_FLOAT32, 2, dims, &x), IG_OK);
    assert_status(ig_tensor_new_copy(&t, IG_INT64, 1, &two, target, sizeof(target)),
                  IG_OK);
    assert_status(ig_graph_constant(g, "s", t, &shape), IG_OK);
    ig_tensor_unref(t);
    assert_status(ig_graph_make_named(g, "ingot::SumTo", NULL,
                                      (ig_value_id[]){x, shape}, 2, &y, 1),
                  IG_OK);
    assert_status(ig_graph_output(g, "y", y), IG_OK);
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    assert_true(strncmp(igt_ops(again), "ReduceSum(x,#) Reshape(", 23) == 0);
    assert_string_equal(igt_ints_of(again, 0, 1), "0");
}

/* x, of any rank when `rank` is -1, through the optimiser's pooling. */
static void pooled(int rank)
{
    ig_value_id x, w, y;
    assert_status(igi_graph_new(&g, "g", igt_registry(), NULL), IG_OK);
    assert_status(ig_graph_input(g, "x", IG_FLOAT32, rank, (int64_t[]){1, 4, 4}, &x),
                  IG_OK);
    assert_status(
        ig_graph_make_named(g, "ingot::GlobalAveragePool", NULL, &x, 1, &y, 1), IG_OK);
    assert_status(ig_graph_make_named(g, "Relu", NULL, &y, 1, &w, 1), IG_OK);
    assert_status(ig_graph_output(g, "y", w), IG_OK);
}

static void an_operator_of_ours_is_written_in_onnx(void **state)
{
    (void)state;
    size_t n;
    pooled(3);
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    assert_string_equal(igt_ops(again),
                        "Transpose(x) GlobalAveragePool(Transpose_1) "
                        "Transpose(GlobalAveragePool_2) Relu(GlobalAveragePool_1)");
}

static void what_onnx_cannot_say_is_refused_by_node_and_reason(void **state)
{
    (void)state;
    size_t n;
    pooled(-1);
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_UNSUPPORTED);
    assert_message("ingot::GlobalAveragePool");
    assert_message("its rank is not known");
}

static void an_opset_that_is_too_old_is_refused_with_the_one_it_takes(void **state)
{
    (void)state;
    size_t n;
    pooled(3);
    ig_save_opts o = {.opset = 13};
    assert_status(igi_onnx_write(g, &o, &bytes, &n), IG_UNSUPPORTED);
    assert_message("2 nodes cannot be written");
    assert_message("ingot::GlobalAveragePool (needs opset 14)");
}

static void read_back(const char *path)
{
    igi_source src;
    ig_read_opts o = {.registry = igt_registry()};
    assert_status(igi_source_open(&src, path, &o), IG_OK);
    ig_status rc = igi_onnx_read(&again, &src, &o);
    igi_source_close(&src); /* constants keep the mapping */
    assert_status(rc, IG_OK);
    same_graph();
    ig_tensor *w = ig_graph_value_constant(again, ig_graph_find(again, "w"));
    assert_int_equal(((const char *)ig_tensor_data(w))[5], 7);
}

static void a_file_is_saved_and_read(void **state)
{
    (void)state;
    char path[128];
    sample();
    snprintf(path, sizeof(path), "%s/m.onnx", folder);
    assert_status(igi_onnx_save(g, path, NULL), IG_OK);
    read_back(path);
}

static void external_data_lies_beside_the_file(void **state)
{
    (void)state;
    char path[128], data[128];
    struct igi_file *f;
    sample();
    snprintf(path, sizeof(path), "%s/m.onnx", folder);
    snprintf(data, sizeof(data), "%s/m.onnx.data", folder);
    ig_save_opts o = {.external_data = true};
    assert_status(igi_onnx_save(g, path, &o), IG_OK);
    assert_status(igi_file_read(&f, data, 0), IG_OK);
    assert_int_equal(f->size, 8 * 64 * 4); /* only the large one */
    igi_file_unref(f);
    assert_status(igi_file_read(&f, path, 0), IG_OK);
    assert_true(f->size < 1000);
    igi_file_unref(f);
    read_back(path);
    size_t n;
    assert_status(igi_onnx_write(g, &o, &bytes, &n), IG_INVALID_ARGUMENT);
}

static void a_folder_that_does_not_exist_is_an_error(void **state)
{
    (void)state;
    sample();
    assert_int_not_equal(igi_onnx_save(g, "/nonexistent/m.onnx", NULL), IG_OK);
}

/* T6: the graph is built in peace, writing meets the failing allocation. */
static void every_failing_allocation_ends_in_a_clean_error(void **state)
{
    (void)state;
    igt_registry_free();
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        ig_status rc = IG_OUT_OF_MEMORY;
        long k = 0;
        for (; rc != IG_OK && k < 2000; k++) {
            size_t n;
            igt_fail_begin();
            own_graph("ingot::ReluGrad");
            igt_fail_at(k, for_ever != 0);
            rc = igi_onnx_write(g, NULL, &bytes, &n);
            igt_fail_at(-1, false);
            if (rc != IG_OK && (rc != IG_OUT_OF_MEMORY || bytes))
                fail_msg("allocation %ld: status %d (%s)", k, (int)rc,
                         ig_error_message());
            igi_free(bytes);
            ig_graph_free(g);
            bytes = NULL;
            g = NULL;
            igt_registry_free();
            igt_fail_end();
        }
        assert_int_equal(rc, IG_OK);
        assert_true(k > 5);
    }
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fresh, drop)
IG_TESTS(TEST(a_graph_survives_writing_and_reading),
         TEST(the_same_graph_gives_the_same_bytes),
         TEST(a_lower_opset_is_declared_when_it_says_the_same),
         TEST(versions_that_only_added_types_are_not_asked_for),
         TEST(an_attribute_that_changed_its_meaning_asks_for_the_newer_opset),
         TEST(a_newer_opset_is_asked_for_by_its_uses_alone),
         TEST(names_of_nodes_are_written_once_each),
         TEST(graphs_of_any_number_of_nodes_are_written),
         TEST(an_output_that_is_an_input_asks_for_its_opset),
         TEST(outputs_keep_the_names_that_callers_use),
         TEST(operators_of_our_own_become_onnx),
         TEST(sums_over_broadcast_axes_become_reductions),
         TEST(an_operator_of_ours_is_written_in_onnx),
         TEST(what_onnx_cannot_say_is_refused_by_node_and_reason),
         TEST(an_opset_that_is_too_old_is_refused_with_the_one_it_takes),
         TEST(a_file_is_saved_and_read),
         TEST(external_data_lies_beside_the_file),
         TEST(a_folder_that_does_not_exist_is_an_error),
         TEST(every_failing_allocation_ends_in_a_clean_error))
