/* Test data: tensors, sequences, optionals. */
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
         IGT_TEST(deep_optionals_are_refused))
