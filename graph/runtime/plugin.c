/* Loading plugins: the table of functions that they get, and the dynamic linker.
 *
 * A plugin stays loaded for ever: tensors that it made, with deleters in its code, may
 * outlive every registry. */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include <ingot/ingot.h>
#include <ingot/plugin.h>

#include "graph/core/checked.h"
#include "graph/core/tensor.h"
#include "graph/core/thread.h"
#include "graph/ir/registry.h"

#define MEMBER(name_) .name_ = ig_##name_,
static const ig_plugin_api table = {.abi = IG_PLUGIN_ABI,
                                    .struct_size = (uint32_t)sizeof(ig_plugin_api),
                                    IG_PLUGIN_API_LIST(MEMBER)};

/* A plugin has variables of its own (its table of functions, the operators that its
 * rules emit), which all registries share. */
static igi_mutex adding = IGI_MUTEX_INIT;

ig_status ig_registry_add_plugin(ig_registry *r, ig_plugin_init_fn init)
{
    ig_plugin p = {.struct_size = (uint32_t)sizeof(p)};
    igi_error_clear();
    if (!r || !init)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "ig_registry_add_plugin: no registry, or no "
                       "init function");
    igi_mutex_lock(&adding);
    ig_status rc = init(&table, &p);
    if (rc == IG_OK)
        rc = igi_registry_add_plugin(r, &p);
    else if (ig_error_status() != rc)
        rc =
            ig_fail(rc, "the plugin's ig_plugin_init failed: %s", ig_status_string(rc));
    igi_mutex_unlock(&adding);
    return rc;
}

ig_status ig_registry_load_plugin(ig_registry *r, const char *path)
{
    igi_error_clear();
    if (!r || !path || !*path)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "ig_registry_load_plugin: no registry, or no "
                       "path");
    if (!strchr(path, '/')) /* the linker would search its own folders */
        return ig_fail(IG_INVALID_ARGUMENT,
                       "plugin '%s': give the path of the file, as ./%s", path, path);
    if (access(path, R_OK) != 0)
        return ig_fail(IG_NOT_FOUND,
                       "plugin %s: there is no such file, or it cannot be "
                       "read",
                       path);
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!lib)
        return ig_fail(IG_IO, "plugin %s", dlerror());
    union {
        void *object;
        ig_plugin_init_fn function;
    } init = {dlsym(lib, "ig_plugin_init")};
    ig_status rc = init.object
                       ? ig_registry_add_plugin(r, init.function)
                       : ig_fail(IG_INVALID_ARGUMENT,
                                 "it exports no ig_plugin_init: IG_PLUGIN_OPS or "
                                 "IG_PLUGIN_EXPORT is missing");
    (void)dlclose(lib); /* NODELETE: the code stays */
    return rc == IG_OK ? rc : ig_fail_context("%s", path);
}

ig_status ig_source_tensor(const ig_source *s,
                           size_t offset,
                           ig_dtype dtype,
                           int rank,
                           const int64_t *dims,
                           ig_tensor **out)
{
    int64_t count;
    size_t bytes;
    *out = NULL;
    if (dtype == IG_STRING || ig_dtype_bits(dtype) == 0)
        return ig_fail(IG_INVALID_ARGUMENT, "a tensor of %s cannot lie in a file",
                       ig_dtype_name(dtype));
    if (rank < 0 || rank > IG_RANK_MAX || !igi_dims_count(rank, dims, &count) ||
        !igi_dtype_bytes(dtype, count, &bytes))
        return ig_fail(IG_INVALID_GRAPH, "a tensor at byte %zu has impossible dims",
                       offset);
    if (offset > s->size || bytes > s->size - offset)
        return ig_fail(IG_INVALID_GRAPH,
                       "a tensor of %zu bytes at byte %zu ends beyond the %zu bytes of "
                       "the file",
                       bytes, offset, s->size);
    char *at = (char *)(uintptr_t)s->bytes + offset;
    size_t step = (size_t)ig_dtype_bits(dtype) / 8;
    if (!s->owner || (step > 1 && (uintptr_t)at % step))
        return ig_tensor_new_copy(out, dtype, rank, dims, at, bytes);
    IG_TRY(igi_tensor_header(out, NULL, dtype, rank, dims));
    (*out)->data = at;
    (*out)->st = igi_storage_ref(s->owner->st);
    (*out)->v.flags |= IGI_READONLY;
    return IG_OK;
}
