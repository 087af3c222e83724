/* What a plugin brings, checked and added: all of it or nothing.
 *
 * Descriptors of a plugin are copied: an older plugin's are shorter, and the three ways
 * of having no gradient are recognised by address, which is another one in each plugin.
 */
#include <stdio.h>
#include <string.h>

#include <ingot/ingot.h>

#include "graph/core/alloc.h"
#include "graph/ir/registry_build.h"

ig_status igi_registry_copy_sized(
    void *dst, size_t size, const void *src, const char *what, const char *name)
{
    uint32_t given;
    memcpy(&given, src, sizeof(given));
    if (given < sizeof(given) || given > 65536)
        return ig_fail(IG_INVALID_ARGUMENT, "%s %s: struct_size is %u, not set", what,
                       name, given);
    for (size_t i = size; i < given; i++)
        if (((const char *)src)[i])
            return ig_fail(IG_UNSUPPORTED,
                           "%s %s uses a member that this version of Ingot does not "
                           "know",
                           what, name);
    memset(dst, 0, size);
    memcpy(dst, src, given < size ? given : size);
    memcpy(dst, &(uint32_t){(uint32_t)size}, sizeof(uint32_t));
    return IG_OK;
}

/* ---- operators ---- */

static void ours_for_theirs(ig_op_def *d, const ig_plugin *p)
{
    if (d->gradient == p->none)
        d->gradient = ig_gradient_none;
    else if (d->gradient == p->forbidden)
        d->gradient = ig_gradient_forbidden;
    else if (d->gradient == p->todo)
        d->gradient = ig_gradient_todo;
}

static ig_status add_op(ig_registry *r, const ig_op_def *given, const ig_plugin *p)
{
    igi_op *op = igi_calloc(1, sizeof(*op));
    ig_op_def *own = op ? igi_alloc(sizeof(*own)) : NULL;
    if (!own) {
        igi_free(op);
        return IG_OUT_OF_MEMORY;
    }
    ig_status rc = igi_registry_copy_sized(own, sizeof(*own), given, "operator",
                                           given->name ? given->name : "?");
    if (rc != IG_OK) {
        igi_free(own);
        igi_free(op);
        return rc;
    }
    ours_for_theirs(own, p);
    op->def = op->own = own;
    op->given = given;
    return igi_registry_put(r, op);
}

static void drop_ops(ig_registry *r, const ig_plugin *p, int n)
{
    for (int i = 0; i < n; i++)
        igi_registry_drop(r, (igi_op *)(uintptr_t)igi_registry_of(r, p->ops[i]));
}

static ig_status add_ops(ig_registry *r, const ig_plugin *p, int *n)
{
    for (*n = 0; p->ops && p->ops[*n]; ++*n) {
        ig_status rc = add_op(r, p->ops[*n], p);
        if (rc != IG_OK) {
            drop_ops(r, p, *n);
            return rc;
        }
    }
    return IG_OK;
}

/* Operators that rules emit: the plugin's own before all others, then by domain. As
 * their authors gave them, which every registry knows: copies belong to one. */
static const ig_op_def *
find_use(const ig_registry *r, const ig_plugin *p, const char *name)
{
    for (int i = 0; p->ops && p->ops[i]; i++)
        if (!strcmp(p->ops[i]->name, name))
            return p->ops[i];
    for (size_t i = 0; i < r->ops.n; i++)
        if (!strcmp(r->ops.p[i]->def->name, name))
            return r->ops.p[i]->given;
    return NULL;
}

/* Written once for all registries: rules may read it in other threads meanwhile. */
static ig_status resolve(ig_registry *r, const ig_plugin *p)
{
    for (ig_op_use *u = p->uses; u && u < p->uses_end; u++) {
        const ig_op_def *op = find_use(r, p, u->name);
        if (!op)
            return ig_fail(IG_UNSUPPORTED,
                           "it emits the operator %s, which is not here", u->name);
        if (u->op && u->op != op)
            return ig_fail(IG_UNSUPPORTED,
                           "it emits the operator %s, which another registry of this "
                           "process has from elsewhere",
                           u->name);
        if (!u->op)
            u->op = op;
    }
    return IG_OK;
}

/* ---- kernels, frontends ---- */

/* Rows stand as far apart as the plugin's struct is long. */
static const ig_kernel_def *row_of(const ig_kernel_def *table, int i)
{
    return (const ig_kernel_def *)(const void *)((const char *)table +
                                                 (size_t)i * table->struct_size);
}

static ig_status copy_table(const ig_kernel_def *table, ig_kernel_def **out)
{
    int n = 0;
    *out = NULL;
    if (table->op && table->struct_size >= sizeof(uint32_t) + sizeof(char *))
        while (row_of(table, n)->op)
            n++;
    if (n == 0)
        return ig_fail(IG_INVALID_ARGUMENT, "a table of kernels is empty, or its first "
                                            "row lacks IG_KERNEL_HEAD");
    ig_kernel_def *own = igi_calloc((size_t)n + 1, sizeof(*own));
    if (!own)
        return IG_OUT_OF_MEMORY;
    for (int i = 0; i < n; i++) {
        ig_status rc = igi_registry_copy_sized(&own[i], sizeof(*own), row_of(table, i),
                                               "kernel of", table->op);
        if (rc != IG_OK) {
            igi_free(own);
            return rc;
        }
    }
    *out = own;
    return IG_OK;
}

static ig_status add_table(ig_registry *r, const ig_plugin_kernels *k)
{
    ig_kernel_def *own;
    int device;
    IG_TRY(igi_registry_find_device(r, k->device, &device));
    if (!k->table)
        return ig_fail(IG_INVALID_ARGUMENT, "kernels for '%s': there is no table",
                       k->device);
    IG_TRY(copy_table(k->table, &own));
    ig_status rc = IGI_RESERVE(&r->tables, r->tables.n + 1)
                       ? igi_registry_prefer_kernels(r, device, own)
                       : IG_OUT_OF_MEMORY;
    if (rc != IG_OK) {
        igi_free(own);
        return rc;
    }
    r->tables.p[r->tables.n++] = own;
    return IG_OK;
}

static void drop_tables(ig_registry *r, size_t before)
{
    while (r->tables.n > before) {
        ig_kernel_def *own = r->tables.p[--r->tables.n];
        for (int d = 0; d < IGI_DEVICES; d++)
            igi_registry_drop_kernels(r, d, own);
        igi_free(own);
    }
}

static ig_status add_tables(ig_registry *r, const ig_plugin *p)
{
    for (int i = 0; p->kernels && p->kernels[i].device; i++)
        IG_TRY(add_table(r, &p->kernels[i]));
    return IG_OK;
}

static ig_status add_frontend(ig_registry *r, const ig_frontend_def *given)
{
    const char *name = given->name ? given->name : "?";
    ig_frontend_def *own = igi_alloc(sizeof(*own));
    if (!own || !IGI_RESERVE(&r->frontends, r->frontends.n + 1)) {
        igi_free(own);
        return IG_OUT_OF_MEMORY;
    }
    ig_status rc = igi_registry_copy_sized(own, sizeof(*own), given, "frontend", name);
    if (rc == IG_OK && !(own->name && own->doc && own->sniff && own->read))
        rc = ig_fail(IG_INVALID_ARGUMENT,
                     "frontend %s lacks one of name, doc, sniff, read", name);
    if (rc != IG_OK) {
        igi_free(own);
        return rc;
    }
    r->frontends.p[r->frontends.n++] = own;
    return IG_OK;
}

static void drop_frontends(ig_registry *r, size_t before)
{
    while (r->frontends.n > before)
        igi_free(r->frontends.p[--r->frontends.n]);
}

static ig_status add_frontends(ig_registry *r, const ig_plugin *p)
{
    for (int i = 0; p->frontends && p->frontends[i]; i++)
        IG_TRY(add_frontend(r, p->frontends[i]));
    return IG_OK;
}

const ig_frontend_def *
igi_registry_sniff(const ig_registry *r, const void *bytes, size_t size)
{
    for (size_t i = 0; i < r->frontends.n; i++)
        if (r->frontends.p[i]->sniff(bytes, size))
            return r->frontends.p[i];
    return NULL;
}

/* ---- the whole ---- */

static ig_status check(const ig_registry *r, const ig_plugin *p)
{
    if (!p->name || !*p->name)
        return ig_fail(IG_INVALID_ARGUMENT, "it has no name");
    if (p->abi == 0 || p->abi > IG_PLUGIN_ABI)
        return ig_fail(
            IG_UNSUPPORTED,
            "it needs plugin ABI %u, this Ingot has 1 to %u; build it with the "
            "headers of this version",
            p->abi, IG_PLUGIN_ABI);
    for (size_t i = 0; i < r->plugins.n; i++)
        if (!strcmp(r->plugins.p[i], p->name))
            return ig_fail(IG_INVALID_ARGUMENT, "it is loaded already");
    return IG_OK;
}

static ig_status add_all(ig_registry *r, const ig_plugin *p)
{
    size_t tables = r->tables.n, frontends = r->frontends.n;
    int n_ops = 0, devices = igi_registry_count_devices(r);
    IG_TRY(add_ops(r, p, &n_ops));
    ig_status rc = resolve(r, p);
    if (rc == IG_OK)
        rc = igi_registry_add_devices(r, p);
    if (rc == IG_OK)
        rc = add_tables(r, p);
    if (rc == IG_OK)
        rc = add_frontends(r, p);
    if (rc != IG_OK) {
        drop_frontends(r, frontends);
        drop_tables(r, tables);
        igi_registry_drop_devices(r, devices);
        drop_ops(r, p, n_ops);
    }
    return rc;
}

ig_status igi_registry_add_plugin(ig_registry *r, const ig_plugin *p)
{
    ig_status rc = check(r, p);
    char *name = rc == IG_OK ? igi_strdup(p->name) : NULL;
    if (rc == IG_OK && (!name || !IGI_RESERVE(&r->plugins, r->plugins.n + 1)))
        rc = IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = add_all(r, p);
    if (rc != IG_OK) {
        igi_free(name);
        return rc == IG_OUT_OF_MEMORY
                   ? rc
                   : ig_fail_context("plugin %s", p->name && *p->name ? p->name : "?");
    }
    r->plugins.p[r->plugins.n++] = name;
    return IG_OK;
}

int ig_registry_n_plugins(const ig_registry *r)
{
    return r ? (int)r->plugins.n : 0;
}

const char *ig_registry_plugin_name(const ig_registry *r, int i)
{
    return r && i >= 0 && (size_t)i < r->plugins.n ? r->plugins.p[i] : NULL;
}
