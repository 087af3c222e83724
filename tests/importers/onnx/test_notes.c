/* What a file says that no operator reads: it comes back when it is written and read.
 */
#include "graph/ir/note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/importers/onnx/fixture.h"

static ig_graph *again;
static char text[4096];

static int drop(void **state)
{
    ig_graph_free(again);
    again = NULL;
    return igt_teardown(state);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, igt_setup, drop)

static pb_entry **entry(const char *key, const char *value)
{
    pb_entry **list = igt_alloc(&m, sizeof(*list));
    list[0] = igt_alloc(&m, sizeof(**list));
    igi_onnx__string_string_entry__init(list[0]);
    list[0]->key = (char *)(uintptr_t)key;
    list[0]->value = (char *)(uintptr_t)value;
    return list;
}

#define META(p_, key_, value_)                                                         \
    ((p_)->metadata_props = entry(key_, value_), (p_)->n_metadata_props = 1)

/* ---- a model that says everything ---- */

static void say_of_node(pb_node *n)
{
    IgiOnnx__NodeDeviceConfiguration *c = igt_alloc(&m, sizeof(*c));
    igi_onnx__node_device_configuration__init(c);
    c->configuration_id = (char *)"two";
    n->name = (char *)"sum";
    n->doc_string = (char *)"adds";
    META(n, "layer", "1");
    n->device_configurations = igt_alloc(&m, sizeof(void *));
    n->device_configurations[0] = c;
    n->n_device_configurations = 1;
}

static void say_of_model(void)
{
    IgiOnnx__DeviceConfiguration *c = igt_alloc(&m, sizeof(*c));
    IgiOnnx__TrainingInfo *t = igt_alloc(&m, sizeof(*t));
    igi_onnx__device_configuration__init(c);
    igi_onnx__training_info__init(t);
    c->name = (char *)"two";
    c->has_num_devices = true;
    c->num_devices = 2;
    m.model.configuration = igt_alloc(&m, sizeof(void *));
    m.model.configuration[0] = c;
    m.model.n_configuration = 1;
    t->update_binding = entry("w", "w_new");
    t->n_update_binding = 1;
    m.model.training_info = igt_alloc(&m, sizeof(void *));
    m.model.training_info[0] = t;
    m.model.n_training_info = 1;
    m.model.domain = (char *)"org.test";
    m.model.has_model_version = true;
    m.model.model_version = 7;
    m.model.doc_string = (char *)"a model";
    META(&m.model, "author", "nobody");
    m.graph.doc_string = (char *)"a graph";
    META(&m.graph, "stage", "last");
}

static void say_of_values(void)
{
    pb_tensor *w = igt_init_floats(&m, "w", 3, (float[]){1, 2, 3});
    pb_value *v = igt_value_info(&m, "h", IG_FLOAT32, 2, (int64_t[]){2, 3});
    IgiOnnx__TensorAnnotation *q = igt_alloc(&m, sizeof(*q));
    w->doc_string = (char *)"weights";
    META(w, "from", "file");
    v->doc_string = (char *)"hidden";
    META(v, "seen", "yes");
    META(m.graph.input[0], "range", "0..1");
    m.graph.output[0]->doc_string = (char *)"result";
    igi_onnx__tensor_annotation__init(q);
    q->tensor_name = (char *)"h";
    q->quant_parameter_tensor_names = entry("SCALE_TENSOR", "w");
    q->n_quant_parameter_tensor_names = 1;
    m.graph.quantization_annotation = igt_alloc(&m, sizeof(void *));
    m.graph.quantization_annotation[0] = q;
    m.graph.n_quantization_annotation = 1;
}

static void talkative(void)
{
    igt_frame();
    say_of_values();
    say_of_node(igt_node(&m, "Add", "x w", "h"));
    igt_node(&m, "Add", "h y", "z");
    say_of_model();
    assert_status(igt_read(&m, &g), IG_OK);
}

/* ---- what is known, as text ---- */

static void list_notes(const ig_graph *of, const char *subject, const igi_notes *list)
{
    for (uint32_t i = list->first; i; i = igi_note_at(of, i)->next) {
        const igi_note *n = igi_note_at(of, i);
        size_t at = strlen(text);
        snprintf(text + at, sizeof(text) - at, "%s %s %s=", subject,
                 igi_note_name(n->kind), n->key);
        at = strlen(text);
        if (igi_note_is_text(n->kind))
            snprintf(text + at, sizeof(text) - at, "%s\n", n->value);
        else
            snprintf(text + at, sizeof(text) - at, "%zu bytes\n", n->bytes);
    }
}

static const char *all_notes(const ig_graph *of)
{
    ig_node_iter it = ig_graph_nodes(of);
    ig_node_id n;
    text[0] = 0;
    list_notes(of, "graph", &of->own_notes);
    while (ig_node_next(&it, &n))
        list_notes(of, ig_graph_node_name(of, n), &igi_node_at(of, n)->notes);
    static const char *const values[] = {"x", "y", "w", "h", "z"};
    for (size_t i = 0; i < 5; i++) {
        ig_value_id v = ig_graph_find(of, values[i]);
        if (v.i)
            list_notes(of, values[i], &igi_value_at(of, v)->notes);
        if (v.i && igi_value_at(of, v)->declared)
            strcat(text, "declared\n");
    }
    return text;
}

static const char everything[] = "graph doc =a graph\n"
                                 "graph metadata stage=last\n"
                                 "graph model domain=org.test\n"
                                 "graph model model_version=7\n"
                                 "graph configuration =7 bytes\n"
                                 "graph training =12 bytes\n"
                                 "sum doc =adds\n"
                                 "sum metadata layer=1\n"
                                 "sum devices =5 bytes\n"
                                 "x metadata range=0..1\n"
                                 "w tensor doc =weights\n"
                                 "w tensor metadata from=file\n"
                                 "h doc =hidden\n"
                                 "h metadata seen=yes\n"
                                 "h quantization SCALE_TENSOR=w\n"
                                 "declared\n"
                                 "z doc =result\n";

static void all_that_a_model_says_is_read(void **state)
{
    (void)state;
    talkative();
    assert_string_equal(all_notes(g), everything);
    assert_string_equal(g->doc, "a model");
    assert_status(ig_graph_verify(g), IG_OK);
}

static void it_comes_back_when_written(void **state)
{
    (void)state;
    void *bytes;
    size_t n;
    talkative();
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    ig_status rc = igt_read_bytes(bytes, n, &again);
    igi_free(bytes);
    assert_status(rc, IG_OK);
    assert_string_equal(all_notes(again), everything);
    assert_string_equal(again->doc, "a model");
    assert_string_equal(again->meta.p[0].key, "author");
}

static void a_clone_keeps_it(void **state)
{
    (void)state;
    talkative();
    assert_status(ig_graph_clone(&again, g), IG_OK);
    assert_string_equal(all_notes(again), everything);
    assert_status(ig_graph_verify(again), IG_OK);
}

static void a_graph_without_notes_gets_none_by_being_saved(void **state)
{
    (void)state;
    void *bytes;
    size_t n;
    igt_frame();
    igt_node(&m, "Add", "x y", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_string_equal(all_notes(g), "");
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    ig_status rc = igt_read_bytes(bytes, n, &again);
    igi_free(bytes);
    assert_status(rc, IG_OK);
    assert_string_equal(all_notes(again), "");
    assert_int_equal(again->notes.n, 0);
}

static void what_is_said_of_functions_becomes_metadata(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "twice", "a", "b");
    f->doc_string = (char *)"doubles";
    META(f, "by", "hand");
    igt_function_node(&m, f, igt_new_node(&m, "Add", "a a", "b"));
    pb_node *call = igt_node(&m, "twice", "x", "z");
    call->domain = f->domain;
    assert_status(igt_read(&m, &g), IG_OK);
    assert_int_equal(g->meta.n, 2);
    assert_non_null(strstr(g->meta.p[0].key, "twice:doc_string"));
    assert_string_equal(g->meta.p[0].value, "doubles");
    assert_non_null(strstr(g->meta.p[1].key, "twice:by"));
}

/* ---- declared types ---- */

static int warned;
static void count(const char *what, void *user)
{
    (void)user;
    assert_non_null(strstr(what, "value 'h'"));
    warned++;
}

static ig_status read_warning(void)
{
    igi_source src;
    ig_read_opts o = {.registry = igt_registry(), .warn = count};
    igt_pack(&m);
    src = (igi_source){.bytes = m.bytes, .size = m.size};
    warned = 0;
    return igi_onnx_read(&g, &src, &o);
}

/* h of a shape that only a run can tell: x reshaped as y says. */
static void reshaped(void)
{
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){2, 3});
    igt_input(&m, "y", IG_INT64, 1, (int64_t[]){2});
    igt_output(&m, "z", IG_FLOAT32);
    igt_node(&m, "Reshape", "x y", "h");
    igt_node(&m, "Relu", "h", "z");
}

static void
a_declared_shape_says_rank_and_symbols_where_inference_knows_nothing(void **state)
{
    (void)state;
    reshaped();
    igt_value_info(&m, "h", IG_FLOAT32, 2, (int64_t[]){3, -1});
    assert_status(read_warning(), IG_OK);
    assert_int_equal(warned, 0);
    const ig_type *t = ig_graph_value_type(g, ig_graph_find(g, "z"));
    assert_int_equal(t->rank, 2);        /* and what follows from it too */
    assert_true(ig_type_dims(t)[0] < 0); /* the number may be that of an example */
    assert_string_equal(igi_symtab_label(ig_graph_symbols(g), ig_type_dims(t)[1]), "N");
}

/* Files name what a detector finds as the batch: the names print alike, in the files
 * that are written too, but nothing may conclude that the sizes are equal. */
static void a_declared_name_proves_nothing(void **state)
{
    (void)state;
    void *bytes;
    size_t n;
    char type[64];
    igt_input(&m, "x", IG_FLOAT32, 1, (int64_t[]){-1});
    igt_output(&m, "h", IG_INT64);
    igt_node(&m, "NonZero", "x", "h");
    igt_value_info(&m, "h", IG_INT64, 2, (int64_t[]){1, -1});
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    igi_free(bytes);
    for (int i = 0; i < 2; i++) {
        const ig_graph *of = i ? again : g;
        const ig_type *x = ig_graph_value_type(of, ig_graph_find(of, "x")),
                      *h = ig_graph_value_type(of, ig_graph_find(of, "h"));
        igi_type_print(h, of->syms, type, sizeof(type));
        assert_string_equal(type, "int64[1,N]");
        assert_string_equal(igi_symtab_name(of->syms, ig_type_dims(x)[0]), "N");
        assert_int_not_equal(ig_type_dims(h)[1], ig_type_dims(x)[0]);
    }
}

static void a_shape_that_the_graph_contradicts_is_a_warning(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Add", "x y", "h");
    igt_node(&m, "Relu", "h", "z");
    igt_value_info(&m, "h", IG_FLOAT32, 2, (int64_t[]){2, 4});
    assert_status(read_warning(), IG_OK);
    assert_int_equal(warned, 1);
    const ig_type *t = ig_graph_value_type(g, ig_graph_find(g, "h"));
    assert_int_equal(ig_type_dims(t)[1], 3);
}

static void an_element_type_that_the_graph_contradicts_is_an_error(void **state)
{
    (void)state;
    igt_frame();
    igt_node(&m, "Add", "x y", "h");
    igt_node(&m, "Relu", "h", "z");
    igt_value_info(&m, "h", IG_INT64, 2, (int64_t[]){2, 3});
    igt_refused(IG_INVALID_GRAPH, "value_info 'h': declared as int64[2,3]");
}

static ig_status write_and_read(void *arg)
{
    ig_graph *r = NULL;
    void *bytes = NULL;
    size_t n;
    ig_status rc = igi_onnx_write(arg, NULL, &bytes, &n);
    if (rc == IG_OK)
        rc = igt_read_bytes(bytes, n, &r);
    igi_free(bytes);
    ig_graph_free(r);
    return rc;
}

/* T6 */
static void every_failing_allocation_ends_in_a_clean_error(void **state)
{
    (void)state;
    ig_status rc = IG_OUT_OF_MEMORY;
    talkative();
    size_t n = m.size;
    void *bytes = malloc(n);
    assert_non_null(bytes);
    memcpy(bytes, m.bytes, n);
    igt_teardown(NULL);
    igt_registry_free();
    for (long k = 0; rc == IG_OUT_OF_MEMORY; k++) {
        igt_fail_begin();
        (void)igt_registry();
        igt_fail_at(k, k % 2);
        rc = igt_read_bytes(bytes, n, &g);
        if (rc == IG_OK)
            rc = write_and_read(g);
        igt_fail_at(-1, false);
        ig_graph_free(g);
        g = NULL;
        igt_registry_free();
        igt_fail_end();
    }
    free(bytes);
    assert_status(rc, IG_OK);
    igt_setup(NULL);
}

/* Written, read again: whether the initialiser "w", which no node reads, is there. */
static bool keeps_w(void)
{
    void *bytes;
    size_t n;
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    ig_graph_free(g);
    g = NULL;
    ig_graph_free(again);
    again = NULL;
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    igi_free(bytes);
    return ig_graph_find(again, "w").i != 0;
}

static void initialisers_that_only_notes_name_are_written(void **state)
{
    (void)state;
    igt_frame();
    (void)igt_init_floats(&m, "w", 1, (float[]){0.5f});
    igt_node(&m, "Add", "x y", "z");
    assert_false(keeps_w());
    IgiOnnx__TensorAnnotation *q = igt_alloc(&m, sizeof(*q));
    igi_onnx__tensor_annotation__init(q);
    q->tensor_name = (char *)"x";
    q->quant_parameter_tensor_names = entry("SCALE_TENSOR", "w");
    q->n_quant_parameter_tensor_names = 1;
    m.graph.quantization_annotation = &q;
    m.graph.n_quantization_annotation = 1;
    assert_true(keeps_w());
    m.graph.n_quantization_annotation = 0;
    say_of_model(); /* a training_info: it may name any */
    assert_true(keeps_w());
}

static void long_names_of_dims_are_written_whole(void **state)
{
    (void)state;
    static char names[2][301];
    void *bytes;
    size_t n;
    for (int i = 0; i < 2; i++) { /* equal but for the end */
        memset(names[i], 'n', 299);
        names[i][299] = (char)('0' + i);
        igt_input(&m, i ? "y" : "x", IG_FLOAT32, 1, (int64_t[]){-1});
        pb_dimension *d = m.graph.input[i]->type->tensor_type->shape->dim[0];
        d->dim_param = names[i];
        d->has_dim_value = false;
    }
    igt_node(&m, "Identity", "x", "z");
    igt_output(&m, "z", IG_FLOAT32);
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(igi_onnx_write(g, NULL, &bytes, &n), IG_OK);
    assert_status(igt_read_bytes(bytes, n, &again), IG_OK);
    igi_free(bytes);
    for (int i = 0; i < 2; i++) {
        const ig_type *t = ig_graph_value_type(again, ig_graph_input_at(again, i));
        assert_string_equal(igi_symtab_name(again->syms, ig_type_dims(t)[0]), names[i]);
    }
}

IG_TESTS(TEST(all_that_a_model_says_is_read),
         TEST(it_comes_back_when_written),
         TEST(initialisers_that_only_notes_name_are_written),
         TEST(long_names_of_dims_are_written_whole),
         TEST(a_clone_keeps_it),
         TEST(a_graph_without_notes_gets_none_by_being_saved),
         TEST(what_is_said_of_functions_becomes_metadata),
         TEST(a_declared_shape_says_rank_and_symbols_where_inference_knows_nothing),
         TEST(a_declared_name_proves_nothing),
         TEST(a_shape_that_the_graph_contradicts_is_a_warning),
         TEST(an_element_type_that_the_graph_contradicts_is_an_error),
         TEST(every_failing_allocation_ends_in_a_clean_error))
