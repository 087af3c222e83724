/* Where companions lie, and the dynamic linker. */
#include "graph/core/companion.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/status.h"

/* From the folder of commands to that of libraries; the build says it. */
#ifndef IG_BIN_TO_LIB
#define IG_BIN_TO_LIB "../lib"
#endif

/* The folder of the file that holds this code: libingot.so, or the program that it was
 * linked into. */
static bool own_folder(char *out, size_t size)
{
    Dl_info info;
    struct link_map *map = NULL;
    char path[PATH_MAX];
    if (!dladdr1((void *)(uintptr_t)igi_companion_find, &info, (void **)&map,
                 RTLD_DL_LINKMAP))
        return false;
    if (map && map->l_name[0]) {
        (void)snprintf(path, sizeof(path), "%s", map->l_name);
    } else { /* the program itself, which the linker knows by argv[0] only */
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        if (n <= 0)
            return false;
        path[n] = 0;
    }
    char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    *slash = 0;
    return snprintf(out, size, "%s", path) < (int)size;
}

static ig_status open_file(void **out, const char *path, const char *symbol)
{
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!lib)
        return ig_fail(IG_IO, "%s", dlerror());
    *out = dlsym(lib, symbol);
    (void)dlclose(lib); /* NODELETE: the code stays */
    if (!*out)
        return ig_fail(IG_IO, "%s has no %s: it is of another version of Ingot", path,
                       symbol);
    return IG_OK;
}

ig_status igi_companion_find(void **out, const char *name, const char *symbol)
{
    static const char *const places[] = {".", IG_BIN_TO_LIB};
    char folder[PATH_MAX], path[2 * PATH_MAX];
    const char *named = secure_getenv("INGOT_COMPANIONS");
    *out = NULL;
    if (named && *named) {
        (void)snprintf(path, sizeof(path), "%s/%s", named, name);
        if (access(path, R_OK) == 0)
            return open_file(out, path, symbol);
        return ig_fail(IG_UNSUPPORTED, "%s does not exist", path);
    }
    if (!own_folder(folder, sizeof(folder)))
        return ig_fail(IG_UNSUPPORTED, "the folder of Ingot's library is not known");
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s/ingot/%s", folder, places[i], name);
        if (access(path, R_OK) == 0)
            return open_file(out, path, symbol);
    }
    return ig_fail(IG_UNSUPPORTED, "%s/ingot/%s does not exist", folder, name);
}
