/* make_models FOLDER [--tiny] [NAME...]: writes the benchmark models as ONNX files with
 * seeded random weights; all of them when no name is given. Tiny ones serve the tests.
 */
#include <stdio.h>
#include <string.h>

#include "bench/models/builder.h"

static const struct {
    const char *name;
    void (*make)(builder *b);
} models[] = {
    {"resnet18", m_resnet18},
    {"resnet50", m_resnet50},
    {"mobilenet_v2", m_mobilenet_v2},
    {"efficientnet_b0", m_efficientnet_b0},
    {"squeezenet", m_squeezenet},
    {"bert_base", m_bert_base},
    {"vit_b16", m_vit_b16},
    {"mlp", m_mlp},
    {"chain_add", m_chain_add},
    {"chain_tanh", m_chain_tanh},
    {"big", m_big},
};
#define N_MODELS (sizeof(models) / sizeof(models[0]))

static int write_model(size_t i, const char *folder, bool tiny)
{
    char path[4096];
    builder b = {.seed = 1 + i, .tiny = tiny};
    snprintf(path, sizeof(path), "%s/%s.onnx", folder, models[i].name);
    b.rc = ig_graph_new(&b.g, models[i].name, NULL);
    models[i].make(&b);
    if (!b.rc)
        b.rc = ig_graph_save(b.g, path, NULL);
    if (b.rc)
        fprintf(stderr, "%s: %s\n", models[i].name, ig_error_message());
    else
        fprintf(stderr, "wrote %s\n", path);
    ig_graph_free(b.g);
    return b.rc != IG_OK;
}

int main(int argc, char **argv)
{
    bool tiny = false, named = false;
    int failed = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: make_models FOLDER [--tiny] [NAME...]\n");
        return 2;
    }
    for (int a = 2; a < argc; a++)
        tiny = tiny || !strcmp(argv[a], "--tiny");
    for (int a = 2; a < argc; a++) {
        bool known = !strcmp(argv[a], "--tiny");
        named = named || !known;
        for (size_t i = 0; i < N_MODELS; i++)
            if (!strcmp(argv[a], models[i].name))
                known = true, failed += write_model(i, argv[1], tiny);
        if (!known) {
            fprintf(stderr, "there is no model %s\n", argv[a]);
            failed++;
        }
    }
    for (size_t i = 0; !named && i < N_MODELS; i++)
        failed += write_model(i, argv[1], tiny);
    return failed != 0;
}
