/* Workspaces: a hash map of names over an array of counted values. */
#include "graph/runtime/workspace.h"

#include "graph/core/alloc.h"
#include "graph/runtime/instance.h"

ig_workspace *ig_workspace_new(ig_workspace *parent)
{
    igi_error_clear();
    ig_workspace *ws = igi_calloc(1, sizeof(*ws));
    if (!ws)
        return NULL;
    ws->refs = 1;
    if (igi_packs_init(&ws->packs) != IG_OK) {
        igi_free(ws);
        return NULL;
    }
    ws->parent = igi_workspace_ref(parent);
    return ws;
}

ig_workspace *igi_workspace_ref(ig_workspace *ws)
{
    if (ws)
        __atomic_add_fetch(&ws->refs, 1, __ATOMIC_RELAXED);
    return ws;
}

void igi_workspace_unref(ig_workspace *ws)
{
    while (ws && __atomic_sub_fetch(&ws->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        ig_workspace *parent = ws->parent;
        for (size_t i = 0; i < ws->values.n; i++) {
            ig_value_unref(ws->values.p[i].value);
            igi_free(ws->values.p[i].name);
        }
        IGI_VEC_FREE(&ws->values);
        igi_map_fini(&ws->names);
        igi_packs_fini(&ws->packs);
        igi_free(ws);
        ws = parent;
    }
}

/* Instances die with the owner's handle, not with the last reference: an instance
 * retains its net, which retains its weights, and those may be this workspace. */
void ig_workspace_free(ig_workspace *ws)
{
    if (!ws)
        return;
    for (size_t i = 0; i < ws->instances.n; i++)
        igi_instance_free(ws->instances.p[i]);
    IGI_VEC_FREE(&ws->instances);
    igi_workspace_unref(ws);
}

ig_value *igi_workspace_own(const ig_workspace *ws, const char *name)
{
    uint32_t at = igi_map_get(&ws->names, name);
    return at ? ws->values.p[at - 1].value : NULL;
}

ig_value *igi_workspace_find(const ig_workspace *ws, const char *name)
{
    ig_value *v = NULL;
    for (; ws && !v; ws = ws->parent)
        v = igi_workspace_own(ws, name);
    return v;
}

ig_status ig_workspace_feed_value(ig_workspace *ws, const char *name, ig_value *v)
{
    igi_error_clear();
    if (!ws || !name || !v)
        return ig_fail(IG_INVALID_ARGUMENT, "ig_workspace_feed: %s is NULL",
                       !ws     ? "the workspace"
                       : !name ? "the name"
                               : "the value");
    uint32_t at = igi_map_get(&ws->names, name);
    if (at) {
        ig_value *old = ws->values.p[at - 1].value;
        ws->values.p[at - 1].value = ig_value_ref(igi_value_share(v));
        ig_value_unref(old);
        return IG_OK;
    }
    char *own = igi_strdup(name);
    if (!own || !IGI_RESERVE(&ws->values, ws->values.n + 1) ||
        igi_map_put(&ws->names, own, (uint32_t)ws->values.n + 1) != IG_OK) {
        igi_free(own);
        return IG_OUT_OF_MEMORY;
    }
    ws->values.p[ws->values.n++] = (igi_named){own, ig_value_ref(igi_value_share(v))};
    return IG_OK;
}

ig_status ig_workspace_feed(ig_workspace *ws, const char *name, ig_tensor *t)
{
    return ig_workspace_feed_value(ws, name, t ? ig_tensor_value(t) : NULL);
}

ig_status
ig_workspace_fetch_value(const ig_workspace *ws, const char *name, ig_value **out)
{
    IGI_NEEDS(out);
    igi_error_clear();
    *out = NULL;
    ig_value *v = name ? igi_workspace_find(ws, name) : NULL;
    if (!v)
        return ig_fail(IG_NOT_FOUND, "the workspace has no value named '%s'",
                       name ? name : "(NULL)");
    if (ig_value_tensor(v))
        IG_TRY(igi_tensor_settle(ig_value_tensor(v)));
    *out = ig_value_ref(v);
    return IG_OK;
}

ig_status ig_workspace_fetch(const ig_workspace *ws, const char *name, ig_tensor **out)
{
    IGI_NEEDS(out);
    ig_value *v;
    *out = NULL;
    IG_TRY(ig_workspace_fetch_value(ws, name, &v));
    *out = ig_value_tensor(v);
    if (*out)
        return IG_OK;
    ig_value_unref(v);
    return ig_fail(IG_INVALID_ARGUMENT,
                   "the value '%s' is no tensor: use ig_workspace_fetch_value", name);
}

ig_status ig_workspace_remove(ig_workspace *ws, const char *name)
{
    igi_error_clear();
    uint32_t at = name ? igi_map_get(&ws->names, name) : 0;
    if (!at)
        return ig_fail(IG_NOT_FOUND, "the workspace has no value named '%s'",
                       name ? name : "(NULL)");
    igi_named gone = ws->values.p[at - 1], last = ws->values.p[ws->values.n - 1];
    if (at != ws->values.n)
        IG_TRY(igi_map_put(&ws->names, last.name,
                           at)); /* overwrites: cannot fail half-way */
    igi_map_remove(&ws->names, gone.name);
    ws->values.p[at - 1] = last;
    ws->values.n--;
    ig_value_unref(gone.value);
    igi_free(gone.name);
    return IG_OK;
}

ig_status igi_workspace_instance(ig_workspace *ws, ig_net *net, igi_instance **out)
{
    for (size_t i = 0; i < ws->instances.n; i++) {
        if (igi_instance_net(ws->instances.p[i]) == net) {
            *out = ws->instances.p[i];
            return IG_OK;
        }
    }
    if (!IGI_RESERVE(&ws->instances, ws->instances.n + 1))
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_instance_new(out, net));
    ws->instances.p[ws->instances.n++] = *out;
    return IG_OK;
}
