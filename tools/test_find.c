/* Finding test cases: folders with model.onnx and test_data_set_*, and light models,
 * which lie beside their expected output as X.onnx and X_output_0.pb. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/core/alloc.h"
#include "graph/core/status.h"
#include "graph/core/text.h"
#include "tools/test_suite.h"

typedef IGI_VEC(char *) paths;

static void paths_fini(paths *v)
{
    for (size_t i = 0; i < v->n; i++)
        igi_free(v->p[i]);
    IGI_VEC_FREE(v);
}

static char *join(const char *a, const char *b, const char *c)
{
    igi_text t = {0};
    char *out = NULL;
    igi_text_add(&t, "%s%s%s", a, b, c);
    return igi_text_take(&t, &out) == IG_OK ? out : NULL;
}

static bool exists(const char *folder, const char *name)
{
    struct stat st;
    char *path = join(folder, "/", name);
    bool yes = path && stat(path, &st) == 0;
    igi_free(path);
    return yes;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n > k && strcmp(s + n - k, end) == 0;
}

/* The part of `path` below `root`; the last component when they are the same. */
static const char *name_below(const char *root, const char *path)
{
    size_t n = strlen(root);
    while (n > 1 && root[n - 1] == '/')
        n--;
    const char *slash = strrchr(path, '/');
    if (strlen(path) > n && strncmp(path, root, n) == 0)
        return path + n + (path[n] == '/');
    return slash && slash[1] ? slash + 1 : path;
}

static ig_status add(test_list *list, test_case *c, const char *filter)
{
    const char *base = c->name ? strrchr(c->name, '/') : NULL;
    bool wanted = c->name && (!filter || fnmatch(filter, c->name, 0) == 0 ||
                              (base && fnmatch(filter, base + 1, 0) == 0));
    bool whole = c->name && c->model;
    if (wanted && whole && IGI_PUSH(list, *c))
        return IG_OK;
    igi_free(c->name);
    igi_free(c->folder);
    igi_free(c->model);
    igi_free(c->output);
    return wanted || !whole ? IG_OUT_OF_MEMORY : IG_OK;
}

static ig_status
add_folder(test_list *list, const char *root, const char *folder, const char *filter)
{
    test_case c = {.name = igi_strdup(name_below(root, folder)),
                   .folder = igi_strdup(folder),
                   .model = join(folder, "/", "model.onnx")};
    return add(list, &c, filter);
}

/* `file` is X.onnx in the folder; a case when X_output_0.pb is there too. */
static ig_status add_light(test_list *list,
                           const char *root,
                           const char *folder,
                           const char *file,
                           const char *filter)
{
    char stem[256];
    int n = (int)strlen(file) - (int)strlen(".onnx");
    (void)snprintf(stem, sizeof(stem), "%.*s", n < 240 ? n : 240, file);
    char *output = join(stem, "_output_0.pb", "");
    if (!output)
        return IG_OUT_OF_MEMORY;
    if (!exists(folder, output)) {
        igi_free(output);
        return IG_OK;
    }
    char *path = join(folder, "/", stem);
    test_case c = {.name = path ? igi_strdup(name_below(root, path)) : NULL,
                   .model = join(folder, "/", file),
                   .output = join(folder, "/", output)};
    igi_free(path);
    igi_free(output);
    return add(list, &c, filter);
}

/* What lies in one folder: cases go to the list, folders to the stack. */
static ig_status visit(test_list *list,
                       paths *stack,
                       const char *root,
                       const char *folder,
                       const char *filter)
{
    bool model = exists(folder, "model.onnx"), data = false;
    DIR *dir = opendir(folder);
    struct dirent *e;
    ig_status rc = IG_OK;
    if (!dir)
        return ig_fail(errno == ENOENT ? IG_NOT_FOUND : IG_IO,
                       "%s: cannot be opened: %s", folder, strerror(errno));
    while (rc == IG_OK && (e = readdir(dir)) != NULL) {
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        char *path = join(folder, "/", e->d_name);
        if (!path || lstat(path, &st) != 0)
            st.st_mode = 0;
        if (model && strncmp(e->d_name, "test_data_set_", 14) == 0)
            data = true;
        else if (S_ISDIR(st.st_mode) && IGI_PUSH(stack, path))
            path = NULL;
        else if (!model && ends_with(e->d_name, ".onnx"))
            rc = add_light(list, root, folder, e->d_name, filter);
        igi_free(path);
    }
    closedir(dir);
    if (rc == IG_OK && model && data)
        rc = add_folder(list, root, folder, filter);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const test_case *)a)->name, ((const test_case *)b)->name);
}

ig_status test_find(test_list *list, const char *path, const char *filter)
{
    paths stack = {0};
    size_t first = list->n;
    char *copy = igi_strdup(path);
    ig_status rc = copy && IGI_PUSH(&stack, copy) ? IG_OK : IG_OUT_OF_MEMORY;
    while (rc == IG_OK && stack.n > 0) {
        char *folder = stack.p[--stack.n];
        rc = visit(list, &stack, path, folder, filter);
        igi_free(folder);
    }
    paths_fini(&stack);
    if (rc == IG_OK && list->n > first)
        qsort(list->p + first, list->n - first, sizeof(list->p[0]), by_name);
    return rc;
}

void test_list_fini(test_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        igi_free(list->p[i].name);
        igi_free(list->p[i].folder);
        igi_free(list->p[i].model);
        igi_free(list->p[i].output);
        igi_free(list->p[i].message);
    }
    IGI_VEC_FREE(list);
}
