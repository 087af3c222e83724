/* Tensors of files: V10 (one storage, exact sizes), V11 (sparse), V20 (external data),
 * and the reader and writer of test data. */
#include "importers/onnx/tensor.h"

#include <string.h>

#include "graph/core/dtype.h"
#include "tests/importers/onnx/fixture.h"

static void ints(pb_tensor *t, size_t n, const int32_t *v)
{
    t->n_int32_data = n;
    t->int32_data = igt_alloc(&m, n * sizeof(*v));
    memcpy(t->int32_data, v, n * sizeof(*v));
}

/* ---- V10 ---- */

static void an_unknown_element_type_is_refused(void **state)
{
    (void)state;
    igt_tensor_refused(igt_tensor(0, DIMS(1)), IG_INVALID_GRAPH, "data_type 0");
    igt_tensor_refused(igt_tensor(27, DIMS(1)), IG_INVALID_GRAPH, "data_type 27");
    igt_tensor_refused(igt_tensor(-1, DIMS(1)), IG_INVALID_GRAPH, "data_type -1");
}

static void negative_and_huge_dims_are_refused(void **state)
{
    (void)state;
    igt_tensor_refused(igt_tensor(IG_FLOAT32, DIMS(-1)), IG_INVALID_GRAPH,
                       "dim 0 is -1");
    igt_tensor_refused(igt_tensor(IG_FLOAT32, DIMS(2, INT64_MAX)), IG_INVALID_GRAPH,
                       "dim 1");
    igt_tensor_refused(igt_tensor(IG_FLOAT32, DIMS(1ll << 40, 1ll << 40)), IG_LIMIT,
                       "tensor_bytes");
    int64_t dims[65] = {0};
    igt_tensor_refused(igt_tensor(IG_FLOAT32, 65, dims), IG_LIMIT, "rank 65");
}

static void a_tensor_over_the_limit_of_bytes_is_refused(void **state)
{
    (void)state;
    static const float v[4];
    for (uint64_t most = 15; most <= 17; most++) {
        data.limits.tensor_bytes = most;
        pb_tensor *t = igt_tensor(IG_FLOAT32, DIMS(4));
        igt_raw(t, v, 16);
        assert_int_equal(igi_onnx_tensor(&data, t, &got), most < 16 ? IG_LIMIT : IG_OK);
        ig_tensor_unref(got);
        got = NULL;
    }
}

static void raw_data_must_have_the_size_of_the_dims(void **state)
{
    (void)state;
    static const char bytes[20];
    pb_tensor *t = igt_tensor(IG_FLOAT32, DIMS(4));
    igt_raw(t, bytes, 15);
    igt_tensor_refused(t, IG_INVALID_GRAPH, "holds 15 bytes, the dims ask for 16");
    igt_raw(t, bytes, 17);
    igt_tensor_refused(t, IG_INVALID_GRAPH, "17");
    igt_raw(t, bytes, 16);
    assert_status(igi_onnx_tensor(&data, t, &got), IG_OK);
}

static void packed_types_round_up_to_whole_bytes(void **state)
{
    (void)state;
    pb_tensor *t = igt_tensor(IG_UINT4, DIMS(3));
    igt_raw(t, "\x21\x03", 2);
    assert_status(igi_onnx_tensor(&data, t, &got), IG_OK);
    assert_int_equal(igi_get_i64(IG_UINT4, ig_tensor_data(got), 0), 1);
    assert_int_equal(igi_get_i64(IG_UINT4, ig_tensor_data(got), 2), 3);
    ig_tensor_unref(got);
    got = NULL;
    t = igt_tensor(IG_INT2, DIMS(5));
    igt_raw(t, "\x1b", 1);
    igt_tensor_refused(t, IG_INVALID_GRAPH, "the dims ask for 2");
}

static void two_sets_of_data_are_refused(void **state)
{
    (void)state;
    static const float v = 1;
    pb_tensor *t = igt_tensor(IG_FLOAT32, DIMS(1));
    igt_raw(t, &v, 4);
    t->n_float_data = 1;
    t->float_data = igt_alloc(&m, 4);
    igt_tensor_refused(t, IG_INVALID_GRAPH, "data in both raw_data and float_data");
}

static void elements_without_data_are_refused(void **state)
{
    (void)state;
    igt_tensor_refused(igt_tensor(IG_FLOAT32, DIMS(2)), IG_INVALID_GRAPH,
                       "2 elements and no data");
    assert_status(igi_onnx_tensor(&data, igt_tensor(IG_FLOAT32, DIMS(2, 0)), &got),
                  IG_OK);
    assert_int_equal(ig_tensor_numel(got), 0);
}

static void data_in_the_field_of_another_type_is_refused(void **state)
{
    (void)state;
    pb_tensor *t = igt_tensor(IG_FLOAT32, DIMS(1));
    ints(t, 1, (const int32_t[]){1});
    igt_tensor_refused(t, IG_INVALID_GRAPH,
                       "float32 data in int32_data, expected float_data");
}

static void segments_are_refused(void **state)
{
    (void)state;
    static const float v = 1;
    pb_tensor *t = igt_tensor(IG_FLOAT32, DIMS(1));
    igt_raw(t, &v, 4);
    t->segment = igt_alloc(&m, sizeof(*t->segment));
    igt_tensor_refused(t, IG_UNSUPPORTED, "segments");
}

static void typed_counts_must_match(void **state)
{
    (void)state;
    pb_tensor *t = igt_tensor(IG_INT32, DIMS(2));
    ints(t, 1, (const int32_t[]){1});
    igt_tensor_refused(t, IG_INVALID_GRAPH, "holds 1 entries, the dims ask for 2");
    ints(t, 3, (const int32_t[]){1, 2, 3});
    igt_tensor_refused(t, IG_INVALID_GRAPH, "holds 3 entries, the dims ask for 2");
}

static void values_outside_a_narrow_type_are_refused(void **state)
{
    (void)state;
    pb_tensor *t = igt_tensor(IG_INT8, DIMS(1));
    ints(t, 1, (const int32_t[]){128});
    igt_tensor_refused(t, IG_INVALID_GRAPH, "is 128, which is no int8");
    t = igt_tensor(IG_UINT8, DIMS(1));
    ints(t, 1, (const int32_t[]){-1});
    igt_tensor_refused(t, IG_INVALID_GRAPH, "is -1, which is no uint8");
    t = igt_tensor(IG_FLOAT16, DIMS(1));
    ints(t, 1, (const int32_t[]){65536});
    igt_tensor_refused(t, IG_INVALID_GRAPH, "65536");
}

static void narrow_types_come_from_int32_data(void **state)
{
    (void)state;
    pb_tensor *t = igt_tensor(IG_FLOAT16, DIMS(2));
    ints(t, 2, (const int32_t[]){0x3c00, 0xc000});
    assert_status(igi_onnx_tensor(&data, t, &got), IG_OK);
    assert_true(igi_get_f64(IG_FLOAT16, ig_tensor_data(got), 0) == 1.0);
    assert_true(igi_get_f64(IG_FLOAT16, ig_tensor_data(got), 1) == -2.0);
}

static void bools_become_zero_or_one(void **state)
{
    (void)state;
    pb_tensor *t = igt_tensor(IG_BOOL, DIMS(3));
    igt_raw(t, "\x00\x02\xff", 3);
    assert_status(igi_onnx_tensor(&data, t, &got), IG_OK);
    assert_memory_equal(ig_tensor_data(got), "\x00\x01\x01", 3);
}

static void strings_lie_in_string_data_only(void **state)
{
    (void)state;
    pb_tensor *t = igt_tensor(IG_STRING, DIMS(2));
    igt_raw(t, "abcdefghijklmnop", 16);
    igt_tensor_refused(t, IG_INVALID_GRAPH, "strings in raw_data");
    t = igt_tensor(IG_STRING, DIMS(2));
    t->n_string_data = 2;
    t->string_data = igt_alloc(&m, 2 * sizeof(*t->string_data));
    t->string_data[0] = (ProtobufCBinaryData){3, (uint8_t *)"a\0b"};
    igt_tensor_refused(t, IG_INVALID_GRAPH, "zero byte");
    t->string_data[0] = (ProtobufCBinaryData){2, (uint8_t *)"hi"};
    assert_status(igi_onnx_tensor(&data, t, &got), IG_OK);
    assert_string_equal(ig_tensor_string(got, 0), "hi");
    assert_string_equal(ig_tensor_string(got, 1), "");
}

static void the_memory_limit_counts_all_tensors(void **state)
{
    (void)state;
    static const char bytes[600];
    data.limits.memory_bytes = 1000;
    pb_tensor *t = igt_tensor(IG_UINT8, DIMS(600));
    igt_raw(t, bytes, 600);
    assert_status(igi_onnx_tensor(&data, t, &got), IG_OK);
    ig_tensor *second = NULL;
    assert_status(igi_onnx_tensor(&data, t, &second), IG_LIMIT);
    assert_message("memory_bytes");
}

/* ---- data in place ---- */

/* Reads a packed model of one initialiser from a buffer that an owner keeps alive. */
static ig_tensor *read_in_place(int dtype, int64_t n, size_t shift, char **base)
{
    size_t bytes = (size_t)n * (size_t)ig_dtype_bits((ig_dtype)dtype) / 8;
    pb_tensor *t = igt_tensor(dtype, 1, &n);
    char *v = igt_alloc(&m, bytes);
    for (size_t i = 0; i < bytes; i++)
        v[i] = (char)(i % 2);
    igt_raw(t, v, bytes);
    igt_pack(&m);
    int64_t size = (int64_t)(m.size + shift);
    ig_tensor *owner;
    assert_status(ig_tensor_new(&owner, IG_UINT8, 1, &size), IG_OK);
    ig_tensor_share(owner);
    *base = ig_tensor_data(owner);
    memcpy(*base + shift, m.bytes, m.size);
    assert_status(igi_onnx_scan_run(&scan, &igi_onnx__model__descriptor, *base + shift,
                                    m.size, NULL),
                  IG_OK);
    ProtobufCMessage *msg;
    assert_status(igi_onnx_unpack(&scan, &igi_onnx__model__descriptor, NULL, &msg),
                  IG_OK);
    data.src = (igi_source){.bytes = *base + shift, .size = m.size, .owner = owner};
    assert_status(
        igi_onnx_tensor(&data, ((pb_model *)msg)->graph->initializer[0], &got), IG_OK);
    ig_tensor_unref(owner); /* got may keep it alive */
    return got;
}

static void an_aligned_payload_is_used_in_place(void **state)
{
    (void)state;
    char *base;
    int in_place = 0;
    for (size_t shift = 0; shift < 4; shift++) {
        ig_tensor *t = read_in_place(IG_FLOAT32, 1000, shift, &base);
        char *p = ig_tensor_data(t);
        in_place += p > base && p < base + m.size + shift;
        assert_int_equal((uintptr_t)p % 4, 0);
        assert_int_equal(p[1], 1);
        igt_teardown(state);
        igt_setup(state);
    }
    assert_int_equal(in_place, 1);
}

static void bytes_are_used_in_place_at_any_address(void **state)
{
    (void)state;
    char *base;
    char *p = ig_tensor_data(read_in_place(IG_UINT8, 5000, 1, &base));
    assert_true(p > base && p < base + m.size + 1);
}

/* ---- V11 ---- */

static pb_sparse *sparse(int64_t n, const int64_t *index, int index_rank)
{
    pb_sparse *s = igt_alloc(&m, sizeof(*s));
    igi_onnx__sparse_tensor__init(s);
    float *v = igt_alloc(&m, 64);
    for (int i = 0; i < 16; i++)
        v[i] = (float)(i + 1);
    s->values = igt_tensor(IG_FLOAT32, 1, &n);
    igt_raw(s->values, v, (size_t)n * 4);
    s->indices = igt_tensor(IG_INT64, index_rank, (const int64_t[]){n, 2});
    igt_raw(s->indices, index, (size_t)(n * index_rank) * 8);
    s->n_dims = 2;
    s->dims = igt_alloc(&m, 16);
    s->dims[0] = 2;
    s->dims[1] = 3;
    return s;
}

static void sparse_tensors_become_dense(void **state)
{
    (void)state;
    static const float want[] = {0, 1, 0, 0, 0, 2};
    assert_status(igi_onnx_sparse(&data, sparse(2, (const int64_t[]){1, 5}, 1), &got),
                  IG_OK);
    assert_memory_equal(ig_tensor_data(got), want, sizeof(want));
    ig_tensor_unref(got);
    got = NULL;
    assert_status(
        igi_onnx_sparse(&data, sparse(2, (const int64_t[]){0, 1, 1, 2}, 2), &got),
        IG_OK);
    assert_memory_equal(ig_tensor_data(got), want, sizeof(want));
}

static void sparse_indices_are_checked(void **state)
{
    (void)state;
    static const struct {
        int64_t index[4];
        int rank;
        const char *part;
    } bad[] = {
        {{1, 6}, 1, "outside"},       {{-1, 2}, 1, "outside"},
        {{3, 1}, 1, "sorted"},        {{2, 2}, 1, "sorted"},
        {{0, 3, 1, 0}, 2, "outside"}, {{0, -1, 1, 0}, 2, "outside"},
        {{1, 0, 0, 0}, 2, "sorted"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_status(
            igi_onnx_sparse(&data, sparse(2, bad[i].index, bad[i].rank), &got),
            IG_INVALID_GRAPH);
        assert_message(bad[i].part);
    }
    pb_sparse *s = sparse(2, (const int64_t[]){0, 1}, 1);
    s->indices = NULL;
    assert_status(igi_onnx_sparse(&data, s, &got), IG_INVALID_GRAPH);
}

static void dense_forms_of_sparse_tensors_share_a_limit(void **state)
{
    (void)state;
    pb_sparse *s = sparse(2, (const int64_t[]){1, 5}, 1);
    s->dims[0] = 1 << 26; /* of 2^28 bytes each */
    s->dims[1] = 1;
    for (int i = 0; i < 4; i++) {
        assert_status(igi_onnx_sparse(&data, s, &got), IG_OK);
        ig_tensor_unref(got);
        got = NULL;
    }
    assert_status(igi_onnx_sparse(&data, s, &got), IG_LIMIT);
    assert_message("limits.tensor_bytes");
}

/* The model at an odd address of a buffer, of which tensors become views. */
static void read_at(size_t shift)
{
    const ig_read_opts opts = {.registry = igt_registry()};
    int64_t size = (int64_t)(m.size + shift);
    ig_tensor *owner;
    assert_status(ig_tensor_new(&owner, IG_UINT8, 1, &size), IG_OK);
    ig_tensor_share(owner);
    char *p = (char *)ig_tensor_data(owner) + shift;
    memcpy(p, m.bytes, m.size);
    const igi_source src = {.bytes = p, .size = m.size, .owner = owner};
    assert_status(igi_onnx_read(&g, &src, &opts), IG_OK);
    ig_tensor_unref(owner);
}

static void attributes_are_read_at_any_address(void **state)
{
    (void)state;
    static int64_t dims[2] = {200, 100}, numbers[20000], positions[10000];
    pb_tensor keys, values, fallback, entries, indices;
    pb_tensor *all[] = {&keys, &values, &fallback, &entries, &indices};
    IgiOnnx__SparseTensor sparse = IGI_ONNX__SPARSE_TENSOR__INIT, *list = &sparse;
    int64_t counts[] = {5000, 2};
    for (int64_t i = 0; i < 20000; i++)
        numbers[i] = i;
    for (int64_t i = 0; i < 5000; i++) {
        positions[2 * i] = i;
        positions[2 * i + 1] = 0;
    }
    for (size_t i = 0; i < 5; i++) {
        igi_onnx__tensor__init(all[i]);
        all[i]->has_data_type = all[i]->has_raw_data = true;
        all[i]->data_type = IG_INT64;
        all[i]->dims = i < 2 ? dims : counts;
        all[i]->n_dims = 2;
        all[i]->raw_data = (ProtobufCBinaryData){160000, (uint8_t *)numbers};
    }
    fallback.n_dims = 0;
    fallback.raw_data.len = 8;
    entries.n_dims = 1;
    entries.raw_data.len = 40000;
    entries.name = (char *)"w";
    indices.raw_data = (ProtobufCBinaryData){80000, (uint8_t *)positions};
    sparse.values = &entries;
    sparse.indices = &indices;
    sparse.dims = counts;
    sparse.n_dims = 2;
    igt_opset(&m, "ai.onnx.ml", 4);
    igt_input(&m, "x", IG_INT64, 1, (int64_t[]){2});
    igt_output(&m, "y", IG_INT64);
    igt_output(&m, "w", IG_INT64);
    m.graph.sparse_initializer = &list;
    m.graph.n_sparse_initializer = 1;
    pb_node *n = igt_node(&m, "ai.onnx.ml::LabelEncoder", "x", "y");
    igt_attr(&m, n, "keys_tensor", PB_ATTR_TENSOR)->t = &keys;
    igt_attr(&m, n, "values_tensor", PB_ATTR_TENSOR)->t = &values;
    igt_attr(&m, n, "default_tensor", PB_ATTR_TENSOR)->t = &fallback;
    igt_pack(&m);
    for (size_t shift = 0; shift < 8; shift++) {
        read_at(shift);
        const void *attrs = ig_graph_node_attrs(g, g->order.p[0]);
        const ig_op_def *op = ig_graph_node_op(g, g->order.p[0]);
        const ig_tensor *t =
            *(ig_tensor *const *)igi_attr_at(igi_attr_find(op, "keys_tensor"), attrs);
        assert_int_equal((uintptr_t)t->data % 8, 0);
        assert_int_equal(((const int64_t *)(const void *)t->data)[19999], 19999);
        ig_graph_free(g);
        g = NULL;
    }
}

IG_TESTS(IGT_TEST(an_unknown_element_type_is_refused),
         IGT_TEST(negative_and_huge_dims_are_refused),
         IGT_TEST(a_tensor_over_the_limit_of_bytes_is_refused),
         IGT_TEST(raw_data_must_have_the_size_of_the_dims),
         IGT_TEST(packed_types_round_up_to_whole_bytes),
         IGT_TEST(two_sets_of_data_are_refused),
         IGT_TEST(elements_without_data_are_refused),
         IGT_TEST(data_in_the_field_of_another_type_is_refused),
         IGT_TEST(segments_are_refused),
         IGT_TEST(typed_counts_must_match),
         IGT_TEST(values_outside_a_narrow_type_are_refused),
         IGT_TEST(narrow_types_come_from_int32_data),
         IGT_TEST(bools_become_zero_or_one),
         IGT_TEST(strings_lie_in_string_data_only),
         IGT_TEST(the_memory_limit_counts_all_tensors),
         IGT_TEST(an_aligned_payload_is_used_in_place),
         IGT_TEST(bytes_are_used_in_place_at_any_address),
         IGT_TEST(attributes_are_read_at_any_address),
         IGT_TEST(sparse_tensors_become_dense),
         IGT_TEST(dense_forms_of_sparse_tensors_share_a_limit),
         IGT_TEST(sparse_indices_are_checked))
