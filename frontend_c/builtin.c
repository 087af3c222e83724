/* The composition root: the only file that names operators, CPU kernels and importers.
 *
 * It makes the registry of built-in operators (once, on first use) and joins importers
 * and runtime into the functions that open files. */
#include <string.h>

#include <ingot/plugin.h>

#include "frontend_c/module.h"
#include "graph/core/thread.h"
#include "graph/ir/graph.h"
#include "graph/ir/registry.h"
#include "graph/runtime/model.h"
#include "importers/data/safetensors.h"
#include "importers/import.h"
#include "importers/native/native.h"
#include "operators/cpu/host.h"

extern const ig_op_def *const igi_builtin_ops[];
extern const ig_kernel_def *const igi_cpu_kernels[];

static igi_once once = IGI_ONCE_INIT;
static ig_registry *builtin;
static igi_error failure;

static ig_status fill(ig_registry *r)
{
    for (int i = 0; igi_builtin_ops[i]; i++)
        IG_TRY(igi_registry_add(r, igi_builtin_ops[i]));
    for (int i = 0; igi_cpu_kernels[i]; i++)
        IG_TRY(igi_registry_add_kernels(r, 0, igi_cpu_kernels[i]));
    return igi_registry_set_host(r, igi_cpu_host());
}

static void make_registry(void)
{
    ig_registry *r = NULL;
    ig_status rc = igi_registry_new(&r);
    if (rc == IG_OK)
        rc = fill(r);
    if (rc == IG_OK) {
        builtin = r;
        return;
    }
    igi_registry_free(r);
    igi_error_get(&failure);
}

const ig_registry *ig_registry_builtin(void)
{
    igi_call_once(&once, make_registry);
    if (!builtin)
        (void)igi_error_set(&failure);
    return builtin;
}

ig_status ig_registry_new(ig_registry **out)
{
    IGI_NEEDS(out);
    ig_registry *r = NULL;
    igi_error_clear();
    *out = NULL;
    IG_TRY(igi_registry_new(&r));
    ig_status rc = fill(r);
    if (rc != IG_OK) {
        igi_registry_free(r);
        return rc;
    }
    *out = r;
    return IG_OK;
}

void ig_registry_free(ig_registry *r)
{
    igi_registry_free(r);
}

ig_status ig_graph_new(ig_graph **out, const char *name, const ig_registry *reg)
{
    IGI_NEEDS(out);
    igi_error_clear();
    *out = NULL;
    if (!reg)
        reg = ig_registry_builtin();
    return reg ? igi_graph_new(out, name, reg, NULL) : ig_error_status();
}

/* ---- files ---- */

/* A format of a plugin. */
static ig_status read_foreign(ig_graph **out,
                              const ig_frontend_def *f,
                              const igi_source *src,
                              const ig_registry *reg)
{
    ig_graph *g = NULL;
    ig_source s = {.struct_size = (uint32_t)sizeof(s),
                   .bytes = src->bytes,
                   .size = src->size,
                   .name = src->name,
                   .owner = src->owner};
    IG_TRY(igi_graph_new(&g, NULL, reg, NULL));
    ig_status rc = f->read(g, &s);
    if (rc == IG_OK)
        rc = ig_graph_verify(g);
    else if (ig_error_status() != rc)
        (void)ig_fail(rc, "it gave no reason");
    if (rc != IG_OK) {
        igi_graph_unref(g);
        return ig_fail_context("%s (%s)", src->name ? src->name : "the data", f->name);
    }
    *out = g;
    return IG_OK;
}

static ig_status
read_source(ig_graph **out, const igi_source *src, const ig_read_opts *opts)
{
    ig_read_opts o = opts ? *opts : (ig_read_opts){0};
    if (!o.registry)
        o.registry = ig_registry_builtin();
    if (!o.registry)
        return ig_error_status();
    if (o.limits.file_bytes && src->size > o.limits.file_bytes)
        return ig_fail(IG_LIMIT, "%s has %zu bytes, the limit file_bytes is %llu",
                       src->name ? src->name : "the data", src->size,
                       (unsigned long long)o.limits.file_bytes);
    const bool native = igi_native_sniff(src->bytes, src->size);
    if (!native && igi_onnx_sniff(src->bytes, src->size))
        return igi_onnx_read(out, src, &o);
    if (o.part != IG_READ_MODEL)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s is no ONNX file: opts->part asks for its training",
                       src->name ? src->name : "the data");
    if (native)
        return igi_native_read(out, src, &o);
    const ig_frontend_def *f = igi_registry_sniff(o.registry, src->bytes, src->size);
    if (f)
        return read_foreign(out, f, src, o.registry);
    return ig_fail(IG_INVALID_GRAPH, "%s is neither an ONNX model nor an .ingot file",
                   src->name ? src->name : "the data");
}

ig_status ig_graph_read(ig_graph **out, const char *path, const ig_read_opts *opts)
{
    IGI_NEEDS(out);
    igi_source src;
    igi_error_clear();
    *out = NULL;
    IG_TRY(igi_source_open(&src, path, opts));
    ig_status rc = read_source(out, &src, opts);
    igi_source_close(&src);
    return rc; /* importers put the path in front of their messages */
}

ig_status ig_graph_read_bytes(ig_graph **out,
                              const void *bytes,
                              size_t n,
                              ig_deleter deleter,
                              void *user,
                              const ig_read_opts *opts)
{
    IGI_NEEDS(out);
    ig_tensor *owner = NULL;
    int64_t dims[1] = {(int64_t)n};
    igi_error_clear();
    *out = NULL;
    if (deleter)
        IG_TRY(ig_tensor_wrap(&owner, IG_UINT8, 1, dims, (void *)(uintptr_t)bytes, n,
                              deleter, user));
    else
        IG_TRY(ig_tensor_new_copy(&owner, IG_UINT8, 1, dims, bytes, n));
    ig_tensor_share(owner);
    igi_source src = {.bytes = owner->data,
                      .size = n,
                      .owner = owner,
                      .dir = opts ? opts->data_dir : NULL};
    ig_status rc = read_source(out, &src, opts);
    ig_tensor_unref(owner);
    return rc;
}

ig_status ig_graph_save(const ig_graph *g, const char *path, const ig_save_opts *opts)
{
    IGI_NEEDS(g);
    IGI_NEEDS(path);
    const char *dot = strrchr(path, '.');
    igi_error_clear();
    if (dot && !strcmp(dot, ".ingot"))
        return igi_native_save(g, path, opts);
    if (dot && !strcmp(dot, ".onnx"))
        return igi_onnx_save(g, path, opts);
    return ig_fail(IG_INVALID_ARGUMENT, "%s ends neither in .ingot nor in .onnx", path);
}

/* ---- states of modules ---- */

ig_status igi_state_write(const char *path,
                          const char *const *names,
                          ig_tensor *const *tensors,
                          int n)
{
    return igi_safetensors_write(path, names, tensors, n);
}

ig_status igi_state_read(const char *path, igi_state_visit visit, void *user)
{
    return igi_safetensors_read(path, visit, user);
}

/* ---- models ---- */

static ig_read_opts read_opts_of(const ig_model_opts *o)
{
    ig_read_opts r = {0};
    if (!o)
        return r;
    r.limits = o->limits;
    r.data_dir = o->data_dir;
    r.private_copy = o->private_copy;
    r.registry = o->registry;
    r.feeds = o->feeds;
    r.warn = o->warn;
    r.user = o->user;
    return r;
}

ig_status ig_model_load(ig_model **out, const char *path, const ig_model_opts *opts)
{
    IGI_NEEDS(out);
    ig_graph *g = NULL;
    ig_read_opts r = read_opts_of(opts);
    *out = NULL;
    IG_TRY(ig_graph_read(&g, path, &r));
    return igi_model_take(out, g, opts);
}

ig_status ig_model_load_bytes(ig_model **out,
                              const void *bytes,
                              size_t n,
                              ig_deleter deleter,
                              void *user,
                              const ig_model_opts *opts)
{
    IGI_NEEDS(out);
    ig_graph *g = NULL;
    ig_read_opts r = read_opts_of(opts);
    *out = NULL;
    IG_TRY(ig_graph_read_bytes(&g, bytes, n, deleter, user, &r));
    return igi_model_take(out, g, opts);
}
