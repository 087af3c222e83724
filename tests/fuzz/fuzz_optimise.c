/* Any bytes as an ONNX model that is optimised at both levels and not run: an error, or
 * a graph that is valid, and still is when it is optimised once more. Constant folding
 * runs operators already here. */
#include <stdlib.h>

#include <ingot/ingot.h>

#include "graph/core/alloc.h"
#include "graph/runtime/net.h"
#include "tests/support/fuzz.h"

#define LIMITS                                                                         \
    {                                                                                  \
        .memory_bytes = 1 << 24, .tensor_bytes = 1 << 20, .nodes = 500                 \
    }

static void optimise(const ig_graph *g, int level, int times)
{
    ig_net *net = NULL;
    ig_net_opts o = {.threads = 1, .level = level, .limits = LIMITS};
    ig_status rc = ig_net_new(&net, g, NULL, &o);
    if (rc == IG_INTERNAL || (rc != IG_OK && !*ig_error_message()))
        abort();
    if (rc == IG_OK && ig_graph_verify(net->graph) != IG_OK)
        abort();
    if (rc == IG_OK && times > 1)
        optimise(net->graph, level, times - 1);
    ig_net_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ig_graph *g = NULL;
    ig_read_opts o = {.limits = LIMITS};
    ig_status rc = ig_graph_read_bytes(&g, data, size, NULL, NULL, &o);
    if (rc == IG_INTERNAL || (rc != IG_OK && !*ig_error_message()))
        abort();
    for (int level = 1; rc == IG_OK && level <= 2; level++)
        optimise(g, level, 2);
    ig_graph_free(g);
    return 0;
}
