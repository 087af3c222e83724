/* Test data: tensors, sequences, optionals, maps. */
#include "importers/onnx/tensor.h"

#include <string.h>

#include "graph/core/dtype.h"
#include "tests/importers/onnx/fixture.h"

static const float numbers[] = {0, 1, 2, 3};

static void tensors_of_every_type_survive_writing_and_reading(void **state)
{
    (void)state;
    for (int dtype = 1; dtype < IG_DTYPE_COUNT; dtype++) {
        ig_tensor *t;
        int64_t dims[] = {2, 3};
        assert_status(ig_tensor_new(&t, (ig_dtype)dtype, 2, dims), IG_OK);
        for (int i = 0; i < 6 && dtype != IG_STRING; i++)
            igi_put_i64((ig_dtype)dtype, ig_tensor_data(t), i, i % 2);
        void *bytes;
        size_t n;
        ig_value *v;
        assert_status(igi_onnx_write_tensor(t, "t", &bytes, &n), IG_OK);
        assert_status(igi_onnx_read_value(bytes, n, NULL, &v), IG_OK);
        assert_int_equal(v->type.dtype, dtype);
        assert_memory_equal(ig_tensor_dims(ig_value_tensor(v)), dims, sizeof(dims));
        if (dtype != IG_STRING)
            assert_memory_equal(ig_tensor_data(ig_value_tensor(v)), ig_tensor_data(t),
                                ig_tensor_nbytes(t));
        igi_free(bytes);
        ig_value_unref(v);
        ig_tensor_unref(t);
    }
}

static void sequences_and_optionals_are_read(void **state)
{
    (void)state;
    pb_tensor *t = igt_tensor(IG_FLOAT32, DIMS(1));
    pb_tensor *items[] = {t, t};
    igt_raw(t, numbers, 4);
    pb_sequence_data s = IGI_ONNX__SEQUENCE_DATA__INIT;
    s.has_elem_type = true;
    s.elem_type = 1;
    s.n_tensor_values = 2;
    s.tensor_values = items;
    uint8_t buf[256];
    size_t n = igi_onnx__sequence_data__pack(&s, buf);
    ig_type elem = {.kind = IG_KIND_TENSOR, .dtype = IG_FLOAT32, .rank = -1};
    ig_type want = {.kind = IG_KIND_SEQUENCE, .u.elem = &elem};
    ig_value *v;
    assert_status(igi_onnx_read_value(buf, n, &want, &v), IG_OK);
    assert_int_equal(ig_value_kind(v), IG_KIND_SEQUENCE);
    assert_int_equal(((igi_sequence *)v)->n, 2);
    ig_value_unref(v);
    pb_optional_data o = IGI_ONNX__OPTIONAL_DATA__INIT;
    o.has_elem_type = true;
    o.elem_type = 3;
    o.sequence_value = &s;
    n = igi_onnx__optional_data__pack(&o, buf);
    want = (ig_type){.kind = IG_KIND_OPTIONAL, .u.elem = &elem};
    assert_status(igi_onnx_read_value(buf, n, &want, &v), IG_OK);
    assert_int_equal(((igi_sequence *)((igi_optional *)v)->item)->n, 2);
    ig_value_unref(v);
    o.sequence_value = NULL;
    o.elem_type = 0;
    n = igi_onnx__optional_data__pack(&o, buf);
    assert_status(igi_onnx_read_value(buf, n, &want, &v), IG_OK);
    assert_null(((igi_optional *)v)->item);
    ig_value_unref(v);
}

/* From two keys to two of the numbers. */
static pb_map_data two_keys(pb_sequence_data *values, pb_tensor **items)
{
    static int64_t keys[] = {7, -2};
    for (int i = 0; i < 2; i++) {
        items[i] = igt_tensor(IG_FLOAT32, 0, NULL);
        igt_raw(items[i], numbers + 1 + i, 4);
    }
    *values = (pb_sequence_data)IGI_ONNX__SEQUENCE_DATA__INIT;
    values->has_elem_type = true;
    values->elem_type = 1;
    values->n_tensor_values = 2;
    values->tensor_values = items;
    pb_map_data m_ = IGI_ONNX__MAP_DATA__INIT;
    m_.has_key_type = true;
    m_.key_type = IG_INT64;
    m_.n_keys = 2;
    m_.keys = keys;
    m_.values = values;
    return m_;
}

static ig_status read_map(const pb_map_data *p, ig_value **v)
{
    uint8_t buf[512];
    size_t n = igi_onnx__map_data__pack(p, buf);
    ig_type value = {.dtype = IG_FLOAT32, .rank = -1};
    ig_type want = {.kind = IG_KIND_MAP, .dtype = IG_INT64, .u.elem = &value};
    return igi_onnx_read_value(buf, n, &want, v);
}

static void maps_are_read(void **state)
{
    (void)state;
    pb_sequence_data values;
    pb_tensor *items[2];
    pb_map_data p = two_keys(&values, items);
    ig_value *v;
    assert_status(read_map(&p, &v), IG_OK);
    assert_int_equal(ig_value_size(v), 2);
    assert_true(*ig_tensor_data_f32(ig_value_tensor(ig_map_get(v, -2))) == 2);
    ig_value_unref(v);
    p.key_type = IG_STRING;
    p.n_keys = 0;
    ProtobufCBinaryData names[2] = {{1, (uint8_t *)"a"}, {2, (uint8_t *)"bc"}};
    p.n_string_keys = 2;
    p.string_keys = names;
    assert_status(read_map(&p, &v), IG_OK);
    assert_true(*ig_tensor_data_f32(ig_value_tensor(ig_map_get_string(v, "bc"))) == 2);
    ig_value_unref(v);
    p = (pb_map_data)IGI_ONNX__MAP_DATA__INIT;
    p.has_key_type = true;
    p.key_type = IG_INT64;
    assert_status(read_map(&p, &v), IG_OK);
    assert_int_equal(ig_value_size(v), 0);
    assert_int_equal(v->type.u.elem->dtype, IG_FLOAT32); /* as wanted */
    ig_value_unref(v);
}

static void sequences_of_maps_are_read(void **state)
{
    (void)state;
    uint8_t buf[512];
    pb_sequence_data values, s = IGI_ONNX__SEQUENCE_DATA__INIT;
    pb_tensor *items[2];
    pb_map_data p = two_keys(&values, items), *maps[2] = {&p, &p};
    ig_type map = {.kind = IG_KIND_MAP},
            want = {.kind = IG_KIND_SEQUENCE, .u.elem = &map};
    ig_value *v;
    s.has_elem_type = true;
    s.elem_type = 4;
    s.n_map_values = 2;
    s.map_values = maps;
    size_t n = igi_onnx__sequence_data__pack(&s, buf);
    assert_status(igi_onnx_read_value(buf, n, &want, &v), IG_OK);
    assert_int_equal(ig_value_size(ig_value_item(v, 1)), 2);
    ig_value_unref(v);
}

static void broken_maps_are_refused(void **state)
{
    (void)state;
    pb_sequence_data values;
    pb_tensor *items[2];
    pb_map_data p = two_keys(&values, items);
    ig_value *v;
    p.key_type = IG_FLOAT32;
    assert_status(read_map(&p, &v), IG_INVALID_GRAPH);
    assert_message("no keys of type 1");
    p.key_type = 99;
    assert_status(read_map(&p, &v), IG_INVALID_GRAPH);
    p.key_type = IG_UINT8;
    assert_status(read_map(&p, &v), IG_INVALID_GRAPH);
    assert_message("key -2 of a map is no uint8");
    p.key_type = IG_STRING;
    assert_status(read_map(&p, &v), IG_INVALID_GRAPH);
    assert_message("keys of two types");
    p.key_type = IG_INT64;
    p.n_keys = 1;
    assert_status(read_map(&p, &v), IG_INVALID_GRAPH);
    assert_message("1 keys and 2 values");
    p.n_keys = 2;
    p.keys = (int64_t[]){5, 5};
    assert_status(read_map(&p, &v), IG_INVALID_ARGUMENT);
    assert_message("the key 5 twice");
}

/* ---- in models ---- */

static pb_type *map_type(int key, int value_)
{
    pb_type *t = igt_alloc(&m, sizeof(*t)), *of = igt_alloc(&m, sizeof(*of));
    igi_onnx__type__init(t);
    igi_onnx__type__init(of);
    t->map_type = igt_alloc(&m, sizeof(*t->map_type));
    igi_onnx__type__map__init(t->map_type);
    t->map_type->has_key_type = true;
    t->map_type->key_type = key;
    t->map_type->value_type = of;
    of->tensor_type = igt_alloc(&m, sizeof(*of->tensor_type));
    igi_onnx__type__tensor_type__init(of->tensor_type);
    of->tensor_type->has_elem_type = true;
    of->tensor_type->elem_type = value_;
    return t;
}

static void inputs_may_be_maps(void **state)
{
    (void)state;
    char text[160];
    igt_opset(&m, "ai.onnx.ml", 1);
    igt_input(&m, "x", IG_FLOAT32, 0, NULL);
    m.graph.input[0]->type = map_type(IG_STRING, IG_FLOAT32);
    igt_strings(&m, igt_node(&m, "ai.onnx.ml::DictVectorizer", "x", "y"),
                "string_vocabulary", "a b");
    igt_output(&m, "y", IG_FLOAT32);
    assert_status(igt_read(&m, &g), IG_OK);
    const ig_type *t = ig_graph_value_type(g, ig_graph_input_at(g, 0));
    assert_string_equal(igi_type_print(t, NULL, text, sizeof(text)),
                        "map(string,float32[...])");
    ig_graph_free(g);
    g = NULL;
    m.graph.input[0]->type = map_type(IG_FLOAT64, IG_FLOAT32);
    igt_refused(IG_INVALID_GRAPH, "a map has no keys of type 11");
    m.graph.input[0]->type = map_type(IG_INT64, IG_FLOAT32);
    igt_refused(IG_INVALID_GRAPH, "X has keys of int64");
    m.graph.input[0]->type->map_type->value_type = NULL;
    igt_refused(IG_INVALID_GRAPH, "type is missing");
}

static void deep_optionals_are_refused(void **state)
{
    (void)state;
    uint8_t buf[64];
    size_t n = 0;
    for (int i = 0; i < 10; i++) {
        memmove(buf + 2, buf, n);
        buf[0] = 0x3a; /* optional_value */
        buf[1] = (uint8_t)n;
        n += 2;
    }
    ig_type want = {.kind = IG_KIND_OPTIONAL};
    ig_value *v;
    assert_status(igi_onnx_read_value(buf, n, &want, &v), IG_LIMIT);
}

IG_TESTS(IGT_TEST(tensors_of_every_type_survive_writing_and_reading),
         IGT_TEST(sequences_and_optionals_are_read),
         IGT_TEST(maps_are_read),
         IGT_TEST(sequences_of_maps_are_read),
         IGT_TEST(broken_maps_are_refused),
         IGT_TEST(inputs_may_be_maps),
         IGT_TEST(deep_optionals_are_refused))
