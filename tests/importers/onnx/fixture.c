/* One model and what is read from it. */
#include "tests/importers/onnx/fixture.h"

#include <string.h>

igt_model m;
ig_graph *g;
igi_onnx_scan scan;
igi_onnx_data data;
ig_tensor *got;

int igt_setup(void **state)
{
    (void)state;
    igt_begin(&m, 17);
    g = NULL;
    scan = (igi_onnx_scan){0};
    data = (igi_onnx_data){.scan = &scan};
    got = NULL;
    return 0;
}

int igt_teardown(void **state)
{
    (void)state;
    ig_graph_free(g);
    ig_tensor_unref(got);
    igi_onnx_data_fini(&data);
    igi_onnx_scan_fini(&scan);
    igt_end(&m);
    return 0;
}

void igt_frame(void)
{
    igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){2, 3});
    igt_input(&m, "y", IG_FLOAT32, 2, (int64_t[]){2, 3});
    igt_output(&m, "z", IG_FLOAT32);
}

void igt_refused(ig_status rc, const char *part)
{
    assert_status(igt_read(&m, &g), rc);
    assert_message(part);
    assert_null(g);
}

pb_tensor *igt_tensor(int dtype, int rank, const int64_t *dims)
{
    return igt_init(&m, "t", dtype, rank, dims);
}

void igt_raw(pb_tensor *t, const void *p, size_t n)
{
    t->has_raw_data = true;
    t->raw_data = (ProtobufCBinaryData){n, igt_alloc(&m, n)};
    if (n)
        memcpy(t->raw_data.data, p, n);
}

void igt_tensor_refused(pb_tensor *t, ig_status rc, const char *part)
{
    assert_status(igi_onnx_tensor(&data, t, &got), rc);
    assert_message(part);
    assert_null(got);
}
