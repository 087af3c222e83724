/* Modules: a tree of named parameters, and the lists that optimisers and files take. */
#include "frontend_c/module.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"

static void drop_list(igi_param_list *l)
{
    for (size_t i = 0; i < l->names.n; i++)
        igi_free(l->names.p[i]);
    l->names.n = l->tensors.n = 0;
}

static ig_module *module_make(ig_ctx *c, ig_module *parent, const char *name)
{
    ig_module *m = igi_calloc(1, sizeof(*m));
    char *own = m ? igi_strdup(name) : NULL;
    if (!own) {
        igi_free(m);
        (void)igi_ctx_record(c, NULL, IG_OUT_OF_MEMORY);
        return NULL;
    }
    m->c = c;
    m->name = own;
    m->parent = parent;
    m->changed = true;
    return m;
}

static ig_module *root_of(ig_module *m)
{
    while (m->parent)
        m = m->parent;
    return m;
}

/* Next module of a depth-first walk below `root`; children in the order they were
 * added. */
static ig_module *walk(const ig_module *root, ig_module *m)
{
    if (m->children)
        return m->children;
    while (m != root && !m->next)
        m = m->parent;
    return m == root ? NULL : m->next;
}

/* "fc1.weight": module path below `root`, then the entry. */
static bool full_name(const ig_module *root,
                      const ig_module *m,
                      const char *entry,
                      char *buf,
                      size_t size)
{
    const ig_module *path[64];
    int depth = 0;
    size_t at = 0;
    for (; m != root && depth < 64; m = m->parent)
        path[depth++] = m;
    if (m != root)
        return false;
    while (depth-- > 0) {
        int n = snprintf(buf + at, size - at, "%s.", path[depth]->name);
        if (n < 0 || (size_t)n >= size - at)
            return false;
        at += (size_t)n;
    }
    int n = snprintf(buf + at, size - at, "%s", entry);
    return n >= 0 && (size_t)n < size - at;
}

/* A traced parameter's name, looked up when it is captured: never in a hot path. */
static const char *param_name(ig_ctx *c, const ig_tensor *t)
{
    for (ig_module *root = c->modules; root; root = root->next) {
        ig_params p = ig_module_state(root);
        for (int i = 0; i < p.n; i++)
            if (p.v[i] == t)
                return p.names[i];
    }
    return NULL;
}

ig_module *ig_module_new(ig_ctx *c, const char *name)
{
    ig_module *m = igi_misses(c, NULL, "a module's name", name)
                       ? NULL
                       : module_make(c, NULL, name);
    if (!m)
        return NULL;
    m->next = c->modules;
    c->modules = m;
    c->param_name = param_name;
    return m;
}

static bool name_taken(const ig_module *m, const char *name)
{
    for (const ig_module *k = m->children; k; k = k->next)
        if (!strcmp(k->name, name))
            return true;
    for (size_t i = 0; i < m->entries.n; i++)
        if (!strcmp(m->entries.p[i].name, name))
            return true;
    return false;
}

ig_module *ig_module_child(ig_module *parent, const char *name)
{
    if (!parent || igi_misses(parent->c, NULL, "a module's name", name))
        return NULL;
    if (name_taken(parent, name)) {
        (void)ig_ctx_fail(parent->c, NULL, IG_INVALID_ARGUMENT,
                          "module %s has a '%s' already", parent->name, name);
        return NULL;
    }
    ig_module *m = module_make(parent->c, parent, name), **at = &parent->children;
    if (!m)
        return NULL;
    while (*at)
        at = &(*at)->next;
    *at = m;
    return m;
}

static void free_one(ig_module *m)
{
    for (size_t i = 0; i < m->entries.n; i++) {
        ig_tensor_unref(m->entries.p[i].t);
        igi_free(m->entries.p[i].name);
    }
    IGI_VEC_FREE(&m->entries);
    drop_list(&m->params);
    drop_list(&m->state);
    IGI_VEC_FREE(&m->params.names);
    IGI_VEC_FREE(&m->params.tensors);
    IGI_VEC_FREE(&m->state.names);
    IGI_VEC_FREE(&m->state.tensors);
    igi_free(m->layer);
    igi_free(m->name);
    igi_free(m);
}

void ig_module_free(ig_module *root)
{
    if (!root || root->parent)
        return;
    ig_module *none = NULL; /* of a context that was freed before */
    for (ig_module **at = root->c ? &root->c->modules : &none; *at; at = &(*at)->next) {
        if (*at == root) {
            *at = root->next;
            break;
        }
    }
    for (ig_module *m = root; m;) { /* leaves first, without recursion */
        if (m->children) {
            ig_module *child = m->children;
            m->children = child->next;
            child->next = NULL;
            m = child;
            continue;
        }
        ig_module *up = m == root ? NULL : m->parent;
        free_one(m);
        m = up;
    }
}

ig_ctx *ig_module_ctx(const ig_module *m)
{
    return m ? m->c : NULL;
}

static ig_tensor *add_entry(ig_module *m, const char *name, ig_tensor *t, bool param)
{
    if (!m || igi_refuses(m->c, NULL, "a parameter or buffer", t) ||
        igi_misses(m->c, NULL, "the name of a parameter or buffer", name))
        return NULL;
    if (name_taken(m, name)) {
        (void)ig_ctx_fail(m->c, NULL, IG_INVALID_ARGUMENT,
                          "module %s has a '%s' already", m->name, name);
        return NULL;
    }
    if (param && !ig_requires_grad_at(NULL, m->c, t, true))
        return NULL;
    igi_module_entry e = {igi_strdup(name), t, param};
    if (!e.name || !IGI_PUSH(&m->entries, e)) {
        igi_free(e.name);
        (void)igi_ctx_record(m->c, NULL, IG_OUT_OF_MEMORY);
        return NULL;
    }
    root_of(m)->changed = true;
    for (ig_module *up = m; up; up = up->parent)
        up->changed = true;
    return ig_tensor_ref(t);
}

ig_tensor *ig_module_param(ig_module *m, const char *name, ig_tensor *t)
{
    return add_entry(m, name, t, true);
}

ig_tensor *ig_module_buffer(ig_module *m, const char *name, ig_tensor *t)
{
    return add_entry(m, name, t, false);
}

/* ---- lists ---- */

static bool list_add(igi_param_list *l, const char *name, ig_tensor *t)
{
    char *own = igi_strdup(name);
    if (own && IGI_RESERVE(&l->names, l->names.n + 1) &&
        IGI_RESERVE(&l->tensors, l->tensors.n + 1)) {
        l->names.p[l->names.n++] = own;
        l->tensors.p[l->tensors.n++] = t;
        return true;
    }
    igi_free(own);
    return false;
}

static bool list_has(const igi_param_list *l, const ig_tensor *t)
{
    for (size_t i = 0; i < l->tensors.n; i++)
        if (l->tensors.p[i] == t)
            return true;
    return false;
}

/* A parameter with two names (tied weights) is two in files, and one for optimisers. */
static bool collect(ig_module *root)
{
    char name[1024];
    drop_list(&root->params);
    drop_list(&root->state);
    for (ig_module *m = root; m; m = walk(root, m)) {
        for (size_t i = 0; i < m->entries.n; i++) {
            const igi_module_entry *e = &m->entries.p[i];
            if (!full_name(root, m, e->name, name, sizeof(name)) ||
                !list_add(&root->state, name, e->t) ||
                (e->param && !list_has(&root->params, e->t) &&
                 !list_add(&root->params, name, e->t)))
                return false;
        }
    }
    root->changed = false;
    return true;
}

static ig_params list_of(ig_module *m, bool params)
{
    ig_params none = {.c = m ? m->c : NULL};
    if (!m) /* what failed to make it is the error */
        return none;
    if (m->changed && !collect(m)) {
        (void)ig_ctx_fail(
            m->c, NULL, IG_OUT_OF_MEMORY,
            "module %s: no memory for its parameter list, or a name is too long",
            m->name);
        return none;
    }
    igi_param_list *l = params ? &m->params : &m->state;
    return (ig_params){m->c, (int)l->tensors.n, l->tensors.p,
                       (const char *const *)l->names.p};
}

ig_params ig_module_params(ig_module *m)
{
    return list_of(m, true);
}

ig_params ig_module_state(ig_module *m)
{
    return list_of(m, false);
}

void ig_module_clear_grads(ig_module *m)
{
    ig_params p = ig_module_params(m);
    for (int i = 0; i < p.n; i++)
        ig_tensor_clear_grad(p.v[i]);
}
