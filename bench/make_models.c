/* make_models FOLDER [--tiny] [NAME...]: writes the benchmark models as ONNX files with
 * seeded random weights; all of them when no name is given. Tiny ones serve the tests.
 */
#include <stdio.h>
#include <string.h>

#include "bench/models/builder.h"

static int write_model(const char *name, const char *folder, bool tiny)
{
    char path[4096];
    ig_graph *g;
    snprintf(path, sizeof(path), "%s/%s.onnx", folder, name);
    ig_status rc = b_model(&g, name, tiny);
    if (rc == IG_NOT_FOUND) {
        fprintf(stderr, "there is no model %s\n", name);
        return 1;
    }
    if (!rc)
        rc = ig_graph_save(g, path, NULL);
    if (rc)
        fprintf(stderr, "%s: %s\n", name, ig_error_message());
    else
        fprintf(stderr, "wrote %s\n", path);
    ig_graph_free(g);
    return rc != IG_OK;
}

int main(int argc, char **argv)
{
    bool tiny = false, named = false;
    int failed = 0;
    if (argc < 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: make_models FOLDER [--tiny] [NAME...]\nmodels:");
        for (size_t i = 0; b_model_name(i); i++)
            fprintf(stderr, " %s", b_model_name(i));
        fprintf(stderr, "\n");
        return 2;
    }
    for (int a = 2; a < argc; a++)
        tiny = tiny || !strcmp(argv[a], "--tiny");
    for (int a = 2; a < argc; a++) {
        if (strcmp(argv[a], "--tiny") != 0) {
            named = true;
            failed += write_model(argv[a], argv[1], tiny);
        }
    }
    for (size_t i = 0; !named && b_model_name(i); i++)
        failed += write_model(b_model_name(i), argv[1], tiny);
    return failed != 0;
}
