/* One node of an old opset over x float32[2,3,4,5], and what it becomes. */
#ifndef TESTS_IMPORTERS_ONNX_UPGRADE_SUPPORT_H
#define TESTS_IMPORTERS_ONNX_UPGRADE_SUPPORT_H

#include "importers/onnx/upgrade.h"

#include <stdio.h>
#include <string.h>

#include "tests/importers/onnx/fixture.h"

static inline void begin(int64_t opset)
{
    igt_end(&m);
    igt_begin(&m, opset);
    m.model.ir_version = 3;
    igt_input(&m, "x", IG_FLOAT32, 4, (int64_t[]){2, 3, 4, 5});
    igt_output(&m, "z", IG_FLOAT32);
}

static inline ig_status again(void)
{
    ig_graph_free(g);
    g = NULL;
    return igt_read(&m, &g);
}

/* Reads the model; the operators must be `ops`, verified. */
static inline void becomes(const char *ops)
{
    assert_status(again(), IG_OK);
    assert_status(ig_graph_verify(g), IG_OK);
    assert_string_equal(igt_ops(g), ops);
}

static inline void has_dims(int rank, const int64_t *dims)
{
    const ig_type *t = ig_graph_value_type(g, ig_graph_output_at(g, 0));
    assert_int_equal(t->rank, rank);
    assert_memory_equal(ig_type_dims(t), dims, (size_t)rank * sizeof(*dims));
}
#define HAS_DIMS(...)                                                                  \
    has_dims((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                \
             (const int64_t[]){__VA_ARGS__})

/* Value of the scalar or vector constant that input i of node k reads. */
static inline double constant(int k, int i)
{
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n = {0};
    for (int j = 0; j <= k; j++)
        assert_true(ig_node_next(&it, &n));
    ig_tensor *t = ig_graph_value_constant(g, ig_graph_node_in(g, n, i));
    assert_non_null(t);
    return ig_tensor_dtype(t) == IG_FLOAT32
               ? (double)ig_tensor_data_f32(t)[0]
               : (double)*(const uint8_t *)ig_tensor_data(t);
}

#endif
