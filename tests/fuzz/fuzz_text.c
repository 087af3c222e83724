/* Any bytes as graphs in words: the lines of ig_graph_make_text, read by the format of
 * examples/plugins/netlist.c. An error with a message, or a valid graph, that prints
 * and runs or says why not. */
#include <stdlib.h>

#include <ingot/ingot.h>
#include <ingot/plugin_abi.h>

#include "tests/support/fuzz.h"

#define LIMITS                                                                         \
    {                                                                                  \
        .memory_bytes = 1 << 24, .tensor_bytes = 1 << 20, .nodes = 500                 \
    }

/* Of examples/plugins/netlist.c. */
IG_API ig_status ig_plugin_init(const ig_plugin_api *api, ig_plugin *self);

static const ig_registry *registry(void)
{
    static ig_registry *r;
    if (!r && (ig_registry_new(&r) != IG_OK ||
               ig_registry_add_plugin(r, ig_plugin_init) != IG_OK))
        abort();
    return r;
}

static void check(ig_status rc)
{
    if (rc == IG_INTERNAL || (rc != IG_OK && !*ig_error_message()))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ig_graph *g = NULL;
    ig_model *m = NULL;
    char *text = NULL;
    ig_read_opts o = {.limits = LIMITS, .registry = registry()};
    ig_status rc = ig_graph_read_bytes(&g, data, size, NULL, NULL, &o);
    check(rc);
    if (rc == IG_OK) {
        if (ig_graph_verify(g) != IG_OK || ig_graph_print(g, &text) != IG_OK)
            abort();
        ig_string_free(text);
        rc = ig_model_from_graph(&m, g,
                                 &(ig_model_opts){.threads = 1, .limits = LIMITS});
        check(rc);
    }
    if (rc == IG_OK && ig_model_describe(m, &text) == IG_OK) /* plans it */
        ig_string_free(text);
    ig_model_free(m);
    ig_graph_free(g);
    return 0;
}
