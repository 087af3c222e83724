/* Devices that plugins bring: --device NAME finds the plugin that was installed with
 * the command.
 *
 * The place is fixed, beside the library (../lib/ingot/ingot_NAME.so from the command's
 * own folder), and no model and no variable can name another. Only files are loaded
 * that nobody else may have written: of root or of this user, and neither file nor
 * folder writable by group or others. Everything else needs --plugin. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/ir/registry.h"
#include "tools/cli.h"
#include "tools/devices.h"

/* A word that can be part of a file's name and nothing else. */
static bool is_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");
    return n > 0 && n <= 32 && !name[n];
}

/* The folder of plugins, absolute and without links; false when there is none. */
static bool plugin_folder(char *out)
{
    char self[PATH_MAX], place[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0)
        return false;
    self[n] = 0;
    char *slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = 0;
    n = snprintf(place, sizeof(place), "%s/%s", self, IG_PLUGIN_PLACE);
    return n > 0 && (size_t)n < sizeof(place) && realpath(place, out);
}

static ig_status check_owner(const char *path, bool folder)
{
    struct stat s;
    if (lstat(path, &s) != 0)
        return ig_fail(IG_DEVICE, "%s: there is no such file", path);
    if (folder ? !S_ISDIR(s.st_mode) : !S_ISREG(s.st_mode))
        return ig_fail(IG_DEVICE, "%s is no %s", path,
                       folder ? "folder" : "regular file");
    if ((s.st_uid != 0 && s.st_uid != geteuid()) || s.st_mode & (S_IWGRP | S_IWOTH))
        return ig_fail(
            IG_DEVICE,
            "%s is not loaded by itself: others may have written it. Name it "
            "with --plugin if you trust it",
            path);
    return IG_OK;
}

ig_status device_plugin(const char *device, char *path, size_t size)
{
    char folder[PATH_MAX];
    *path = 0;
    if (!is_name(device) || !plugin_folder(folder))
        return IG_OK;
    int n = snprintf(path, size, "%s/ingot_%s.so", folder, device);
    if (n <= 0 || (size_t)n >= size || access(path, F_OK) != 0) {
        *path = 0;
        return IG_OK;
    }
    IG_TRY(check_owner(folder, true));
    return check_owner(path, false);
}

/* Loads the plugin of a device that the registry lacks; *r may be NULL and stay so. */
static ig_status find_plugin(ig_registry **r, const char *name)
{
    char path[PATH_MAX];
    int device;
    if (igi_registry_find_device(*r ? *r : ig_registry_builtin(), name, &device) ==
        IG_OK)
        return IG_OK;
    IG_TRY(device_plugin(name, path, sizeof(path)));
    if (!*path)
        return IG_OK;
    if (!*r)
        IG_TRY(ig_registry_new(r));
    return ig_registry_load_plugin(*r, path);
}

/* Whether the device is there; `open`: and its hardware, so that its lack is told apart
 * from a model's faults. */
static ig_status try_device(const ig_registry *r, const char *name, bool open)
{
    char why[IG_ERROR_TEXT_MAX];
    void *queue = NULL;
    int device;
    IG_TRY(igi_registry_find_device(r, name, &device));
    const ig_device_def *d = igi_registry_device(r, device);
    if (!d || !open) /* NULL: the CPU */
        return IG_OK;
    if (d->open(d, &queue) == IG_OK) {
        d->close(queue);
        return IG_OK;
    }
    (void)snprintf(why, sizeof(why), "%s", ig_error_message());
    return ig_fail(IG_DEVICE, "device '%s': %s", name, why);
}

exit_code cli_device(ig_registry **r, const cli_args *a)
{
    const char *name = cli_value(a, "device");
    if (!name)
        return EXIT_OK;
    ig_status rc = find_plugin(r, name);
    if (rc == IG_OK)
        rc = try_device(*r ? *r : ig_registry_builtin(), name,
                        !(a->command->groups & CLI_FORKS));
    return rc == IG_OK ? EXIT_OK : say_failure(NULL);
}

void device_lines(void (*line)(const char *name, const char *text, void *user),
                  void *user)
{
    static const char *const known[] = {"cuda", NULL}; /* of our own plugins */
    for (int i = 0; known[i]; i++) {
        char path[PATH_MAX], text[IG_ERROR_TEXT_MAX] = "";
        ig_registry *r = NULL;
        int device;
        ig_status rc = device_plugin(known[i], path, sizeof(path));
        if (rc == IG_OK && !*path)
            continue; /* not installed */
        if (rc == IG_OK)
            rc = ig_registry_new(&r);
        if (rc == IG_OK)
            rc = ig_registry_load_plugin(r, path);
        if (rc == IG_OK)
            rc = igi_registry_find_device(r, known[i], &device);
        const ig_device_def *d = rc == IG_OK ? igi_registry_device(r, device) : NULL;
        if (d && d->describe)
            d->describe(d, text, sizeof(text));
        line(known[i], d ? text : ig_error_message(), user);
        ig_registry_free(r);
    }
}
