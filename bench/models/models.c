/* The table of models. A model's place in it seeds its weights: add new ones at the
 * end.
 */
#include <string.h>

#include "bench/models/builder.h"

static const struct {
    const char *name;
    void (*make)(builder *b);
    double step;
} models[] = {
    {"resnet18", m_resnet18, 0},
    {"resnet50", m_resnet50, 0},
    {"mobilenet_v2", m_mobilenet_v2, 0},
    {"efficientnet_b0", m_efficientnet_b0, 0},
    {"squeezenet", m_squeezenet, 0},
    {"bert_base", m_bert_base, 0},
    {"vit_b16", m_vit_b16, 0},
    {"mlp", m_mlp, 0},
    {"chain_add", m_chain_add, 0},
    {"chain_tanh", m_chain_tanh, 0},
    {"big", m_big, 0},
    {"gpt2", m_gpt2, 0},
    {"yolov8n", m_yolov8n, 0},
    {"resnet50_qdq", m_resnet50_qdq, 3 * 8.0 / 255},
    {"lstm", m_lstm, 0},
    {"nbits", m_nbits, 0},
};

const char *b_model_name(size_t i)
{
    return i < sizeof(models) / sizeof(models[0]) ? models[i].name : NULL;
}

double b_model_step(const char *name)
{
    for (size_t i = 0; b_model_name(i); i++)
        if (strcmp(models[i].name, name) == 0)
            return models[i].step;
    return 0;
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
