/* Any bytes as an ONNX model and as test data: an error, or a valid graph that can be
 * written. */
#include <stdlib.h>

#include "graph/core/alloc.h"
#include "graph/ir/graph.h"
#include "importers/import.h"
#include "tests/fuzz/fuzz_operators.h"

static void read_values(const uint8_t *data, size_t size)
{
    static const ig_type elem = {
        .kind = IG_KIND_TENSOR, .dtype = IG_FLOAT32, .rank = -1};
    static const ig_kind kinds[] = {IG_KIND_TENSOR, IG_KIND_SEQUENCE, IG_KIND_OPTIONAL,
                                    IG_KIND_MAP};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        ig_type want = {.kind = (uint8_t)kinds[i],
                        .dtype = kinds[i] == IG_KIND_MAP ? IG_STRING : 0,
                        .rank = -1,
                        .u.elem = &elem};
        ig_value *v = NULL;
        (void)igi_onnx_read_value(data, size, &want, &v);
        ig_value_unref(v);
    }
}

static void read_part(const uint8_t *data, size_t size, ig_read_part part)
{
    ig_graph *g = NULL;
    ig_read_opts o = {
        .registry = igi_fuzz_operators(),
        .limits = {.memory_bytes = 1 << 24, .tensor_bytes = 1 << 22, .nodes = 10000},
        .part = part,
    };
    igi_source src = {.bytes = data, .size = size};
    if (igi_onnx_read(&g, &src, &o) == IG_OK) {
        void *bytes = NULL;
        size_t n = 0;
        if (ig_graph_verify(g) != IG_OK)
            abort();
        (void)igi_onnx_write(g, NULL, &bytes, &n);
        igi_free(bytes);
    } else if (g || !*ig_error_message()) {
        abort();
    }
    ig_graph_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_part(data, size, IG_READ_MODEL);
    read_part(data, size, IG_READ_STEP);
    read_part(data, size, IG_READ_START);
    if (size < 4096)
        read_values(data, size);
    return 0;
}
