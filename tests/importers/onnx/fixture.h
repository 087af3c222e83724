/* What tests of models and of their tensors start from: an empty model m, and places
 * for what is read from it, freed afterwards. */
#ifndef TESTS_IMPORTERS_ONNX_FIXTURE_H
#define TESTS_IMPORTERS_ONNX_FIXTURE_H

#include "importers/onnx/tensor.h"
#include "tests/importers/onnx/support.h"

extern igt_model m; /* of opset 17 */
extern ig_graph *g;
extern igi_onnx_scan scan;
extern igi_onnx_data data; /* of scan */
extern ig_tensor *got;

int igt_setup(void **state);
int igt_teardown(void **state);
#define IGT_TEST(name_) cmocka_unit_test_setup_teardown(name_, igt_setup, igt_teardown)

/* x, y float32[2,3] as inputs of m, z as its output. */
void igt_frame(void);
/* Reading m fails with `rc` and a message that contains `part`. */
void igt_refused(ig_status rc, const char *part);

/* An initialiser "t" of m, and contents for it. */
pb_tensor *igt_tensor(int dtype, int rank, const int64_t *dims);
void igt_raw(pb_tensor *t, const void *p, size_t n);
/* Reading t fails with `rc` and a message that contains `part`. */
void igt_tensor_refused(pb_tensor *t, ig_status rc, const char *part);
/* Rank and dims as two arguments. */
#define DIMS(...)                                                                      \
    ((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))),                       \
        ((const int64_t[]){__VA_ARGS__})

#endif
