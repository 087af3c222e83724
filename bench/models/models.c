/* The table of models. A model's place in it seeds its weights: add new ones at the
 * end.
 */
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
    {"gpt2", m_gpt2},
    {"yolov8n", m_yolov8n},
};

const char *b_model_name(size_t i)
{
    return i < sizeof(models) / sizeof(models[0]) ? models[i].name : NULL;
}

ig_status b_model(ig_graph **out, const char *name, bool tiny)
{
    *out = NULL;
    for (size_t i = 0; b_model_name(i); i++) {
        if (strcmp(models[i].name, name) != 0)
            continue;
        builder b = {.seed = 1 + i, .tiny = tiny};
        b.rc = ig_graph_new(&b.g, name, NULL);
        models[i].make(&b);
        if (b.rc)
            ig_graph_free(b.g);
        else
            *out = b.g;
        return b.rc;
    }
    return IG_NOT_FOUND;
}
