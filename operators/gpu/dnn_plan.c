/* Plans of cuDNN's backend: its heuristics propose, the rules choose, and running one.
 */
#include <stdio.h>
#include <string.h>

#include "operators/gpu/cuda.h"
#include "operators/gpu/dnn.h"

enum { PROPOSALS = 24 }; /* looked at of each kind of heuristics */

typedef struct search {
    dnn_graph g;
    const dnn_target *t;
    dnn_rules rules;
    dnn_desc graph;
    char why[160]; /* the last refusal */
} search;

static bool ok(search *s, cudnnStatus_t st, const char *what)
{
    if (st == CUDNN_STATUS_SUCCESS)
        return true;
    (void)snprintf(s->why, sizeof(s->why), "%s: %s", what, cudnnGetErrorString(st));
    return false;
}

static bool put(search *s,
                dnn_desc d,
                cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type,
                int64_t n,
                const void *v)
{
    return ok(s, cudnnBackendSetAttribute(d, name, type, n, v), "an attribute");
}

static dnn_desc create(search *s, cudnnBackendDescriptorType_t type)
{
    dnn_desc d = NULL;
    return ok(s, cudnnBackendCreateDescriptor(type, &d), "a descriptor") ? d : NULL;
}

static void destroy(dnn_desc d)
{
    if (d)
        (void)cudnnBackendDestroyDescriptor(d);
}

static bool make_graph(search *s)
{
    s->graph = create(s, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    return s->graph &&
           put(s, s->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS,
               CUDNN_TYPE_BACKEND_DESCRIPTOR, s->g.n_ops, s->g.op) &&
           (!s->t->handle || put(s, s->graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE,
                                 CUDNN_TYPE_HANDLE, 1, &s->t->handle)) &&
           ok(s, cudnnBackendFinalize(s->graph), "the graph");
}

/* ---- proposals ---- */

static bool allowed(search *s, dnn_desc config)
{
    cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    int64_t n = 0;
    dnn_desc engine = create(s, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    bool good =
        engine &&
        ok(s,
           cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine),
           "an engine") &&
        ok(s,
           cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                    CUDNN_TYPE_NUMERICAL_NOTE,
                                    CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n, notes),
           "an engine");
    /* A newer library may count notes that were not asked for. */
    for (int64_t i = 0; good && i < n && i < CUDNN_NUMERICAL_NOTE_TYPE_COUNT; i++)
        if (s->rules.forbidden >> notes[i] & 1) {
            (void)snprintf(s->why, sizeof(s->why),
                           "only algorithms that round more or do not repeat");
            good = false;
        }
    destroy(engine);
    return good;
}

static dnn_plan *finish_plan(search *s, dnn_desc d, int64_t workspace)
{
    dnn_plan *p = gpu_heap(1, sizeof(*p));
    if (!p) {
        destroy(d);
        (void)snprintf(s->why, sizeof(s->why), "out of memory");
        return NULL;
    }
    p->plan = d;
    p->workspace = workspace;
    p->n = s->g.n_memory;
    memcpy(p->host, s->g.host, sizeof(p->host));
    memcpy(p->number, s->g.number, sizeof(p->number));
    return p;
}

static dnn_plan *try_config(search *s, dnn_desc config)
{
    int64_t workspace = 0, n;
    if (!allowed(s, config))
        return NULL;
    dnn_desc d = create(s, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    bool good = d &&
                put(s, d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config) &&
                (s->t->handle ? put(s, d, CUDNN_ATTR_EXECUTION_PLAN_HANDLE,
                                    CUDNN_TYPE_HANDLE, 1, &s->t->handle)
                              : put(s, d, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
                                    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &s->t->device)) &&
                ok(s, cudnnBackendFinalize(d), "a plan") &&
                ok(s,
                   cudnnBackendGetAttribute(d, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                            CUDNN_TYPE_INT64, 1, &n, &workspace),
                   "a plan");
    if (good && workspace > s->rules.workspace) {
        (void)snprintf(s->why, sizeof(s->why), "it needs more than %lld bytes",
                       (long long)s->rules.workspace);
        good = false;
    }
    if (!good) {
        destroy(d);
        return NULL;
    }
    return finish_plan(s, d, workspace);
}

static dnn_desc ask(search *s, cudnnBackendHeurMode_t mode)
{
    dnn_desc h = create(s, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    bool good =
        h &&
        put(s, h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR,
            1, &s->graph) &&
        put(s, h, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode) &&
        (!s->t->device || put(s, h, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
                              CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &s->t->device)) &&
        ok(s, cudnnBackendFinalize(h), "heuristics");
    if (good)
        return h;
    destroy(h);
    return NULL;
}

static dnn_plan *propose(search *s, cudnnBackendHeurMode_t mode)
{
    dnn_desc config[PROPOSALS] = {NULL}, h = ask(s, mode);
    dnn_plan *found = NULL;
    int64_t n = 0;
    int made = 0;
    while (h && made < PROPOSALS &&
           (config[made] = create(s, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)) != NULL)
        made++;
    if (made > 0 &&
        ok(s,
           cudnnBackendGetAttribute(h, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                    CUDNN_TYPE_BACKEND_DESCRIPTOR, made, &n, config),
           "heuristics"))
        for (int64_t i = 0; i < n && i < made && !found; i++)
            found = try_config(s, config[i]);
    while (made > 0)
        destroy(config[--made]);
    destroy(h);
    return found;
}

static ig_status make_plan(
    dnn_plan **out, dnn_recipe recipe, const dnn_target *t, dnn_rules rules, bool loose)
{
    search s = {.t = t, .rules = rules, .g.loose = loose};
    *out = NULL;
    recipe.build(&s.g, recipe.user);
    if (s.g.failed != CUDNN_STATUS_SUCCESS) {
        (void)ok(&s, s.g.failed, s.g.where);
    } else if (make_graph(&s)) {
        (void)snprintf(s.why, sizeof(s.why), "it proposes nothing");
        *out = propose(&s, CUDNN_HEUR_MODE_A);
        if (!*out)
            *out = propose(&s, CUDNN_HEUR_MODE_FALLBACK);
    }
    destroy(s.graph);
    dnn_free(&s.g);
    if (!*out)
        return ig_fail(IG_UNSUPPORTED, "cuDNN: %s", s.why);
    (*out)->recipe = recipe;
    (*out)->rules = rules;
    return IG_OK;
}

ig_status
dnn_plan_make(dnn_plan **out, dnn_recipe recipe, const dnn_target *t, dnn_rules rules)
{
    return make_plan(out, recipe, t, rules, false);
}

ig_status dnn_plan_for(const ig_kernel_ctx *k, dnn_plan **out, dnn_recipe r, ig_dtype t)
{
    dnn_target target = {.handle = gpu_cudnn(k)};
    *out = NULL;
    if (!target.handle)
        return ig_error_status();
    return make_plan(out, r, &target, dnn_rules_of(t, k->flags), false);
}

void dnn_plan_free(dnn_plan *p)
{
    if (!p)
        return;
    dnn_plan_free(p->loose);
    destroy(p->plan);
    gpu_heap_free(p);
}

/* ---- running ---- */

/* The plan for addresses that not all are aligned to 16 bytes; in the same workspace.
 */
static ig_status loosen(cudnnHandle_t handle, dnn_plan *p)
{
    dnn_target t = {.handle = handle};
    dnn_rules r = p->rules;
    r.workspace = p->workspace;
    return p->loose ? IG_OK : make_plan(&p->loose, p->recipe, &t, r, true);
}

static cudnnStatus_t
fill_pack(dnn_desc pack, const dnn_plan *p, void *const *memory, void *workspace)
{
    void *at[DNN_MEMORY];
    int64_t id[DNN_MEMORY];
    for (int i = 0, m = 0; i < p->n; i++) {
        id[i] = i + 1;
        at[i] = p->host[i] ? (void *)(uintptr_t)&p->number[i] : memory[m++];
    }
    cudnnStatus_t s = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                                               CUDNN_TYPE_INT64, p->n, id);
    if (s == CUDNN_STATUS_SUCCESS)
        s = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                     CUDNN_TYPE_VOID_PTR, p->n, at);
    if (s == CUDNN_STATUS_SUCCESS)
        s = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                                     CUDNN_TYPE_VOID_PTR, 1, &workspace);
    return s == CUDNN_STATUS_SUCCESS ? cudnnBackendFinalize(pack) : s;
}

ig_status
dnn_plan_run(const ig_kernel_ctx *k, dnn_plan *p, void *const *memory, void *workspace)
{
    dnn_desc pack = NULL;
    cudnnHandle_t handle = gpu_cudnn(k);
    if (!handle)
        return ig_error_status();
    for (int i = 0, m = 0; i < p->n; i++)
        if (!p->host[i] && (uintptr_t)memory[m++] % 16) {
            IG_TRY(loosen(handle, p));
            p = p->loose;
            break;
        }
    cudnnStatus_t s =
        cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
    if (s == CUDNN_STATUS_SUCCESS)
        s = fill_pack(pack, p, memory, workspace);
    if (s == CUDNN_STATUS_SUCCESS)
        s = cudnnBackendExecute(handle, p->plan, pack);
    destroy(pack);
    return gpu_dnn_status(k, s, "cuDNN");
}
