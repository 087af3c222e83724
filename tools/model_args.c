/* From the shared options of commands to the options of a load. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/thread.h"
#include "graph/ir/registry.h"
#include "graph/runtime/net.h"
#include "tools/cli.h"
#include "tools/devices.h"

typedef struct limit_row {
    const char *name;
    size_t at;
    bool wide; /* 64 bits */
} limit_row;

static const limit_row limit_rows[] = {
    {"file_bytes", offsetof(ig_limits, file_bytes), true},
    {"memory_bytes", offsetof(ig_limits, memory_bytes), true},
    {"tensor_bytes", offsetof(ig_limits, tensor_bytes), true},
    {"nodes", offsetof(ig_limits, nodes), true},
    {"depth", offsetof(ig_limits, depth), false},
    {"name_bytes", offsetof(ig_limits, name_bytes), false},
    {"loop_iterations", offsetof(ig_limits, loop_iterations), true},
};
#define N_LIMITS (sizeof(limit_rows) / sizeof(limit_rows[0]))

/* For models from strangers on a machine with other work to do. */
static const ig_limits hostile = {
    .file_bytes = 1u << 30,
    .memory_bytes = (uint64_t)2 << 30,
    .tensor_bytes = 1u << 30,
    .nodes = 100000,
    .depth = 32,
    .name_bytes = 1024,
    .loop_iterations = 1000000,
};

static const char *limit_name(int i, const void *user)
{
    (void)user;
    return i < (int)N_LIMITS    ? limit_rows[i].name
           : i == (int)N_LIMITS ? "hostile"
                                : NULL;
}

static exit_code set_limit(ig_limits *out, const cli_args *a, char *item)
{
    char *value = strchr(item, '=');
    uint64_t v = 0;
    if (strcmp(item, "hostile") == 0) {
        *out = hostile;
        return EXIT_OK;
    }
    if (value)
        *value++ = 0;
    for (size_t i = 0; i < N_LIMITS; i++) {
        if (strcmp(limit_rows[i].name, item) != 0)
            continue;
        if (!value || !cli_size(value, &v) || v == 0 ||
            (!limit_rows[i].wide && v > UINT32_MAX))
            return say_usage(a->command->name,
                             "--limits %s needs a size, as %s=1000 or 1G", item, item);
        char *to = (char *)out + limit_rows[i].at;
        uint32_t narrow = (uint32_t)v;
        if (limit_rows[i].wide)
            memcpy(to, &v, sizeof(v));
        else
            memcpy(to, &narrow, sizeof(narrow));
        return EXIT_OK;
    }
    const char *near = cli_nearest(item, limit_name, NULL);
    return say_usage(a->command->name, "--limits knows no '%s'%s%s%s", item,
                     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

exit_code cli_limits(ig_limits *out, const cli_args *a)
{
    const char *list;
    for (int k = 0; (list = cli_value_at(a, "limits", k)) != NULL; k++) {
        char *copy = igi_strdup(list), *rest = copy, *item;
        exit_code rc = copy ? EXIT_OK : say_failure(NULL);
        while (rc == EXIT_OK && (item = strsep(&rest, ",")) != NULL)
            rc = set_limit(out, a, item);
        igi_free(copy);
        if (rc != EXIT_OK)
            return rc;
    }
    return EXIT_OK;
}

exit_code cli_plugins(ig_registry **out, const cli_args *a)
{
    const char *path;
    *out = NULL;
    for (int k = 0; (path = cli_value_at(a, "plugin", k)) != NULL; k++) {
        if ((!*out && ig_registry_new(out) != IG_OK) ||
            ig_registry_load_plugin(*out, path) != IG_OK) {
            exit_code rc = say_failure(NULL);
            ig_registry_free(*out);
            *out = NULL;
            return rc;
        }
    }
    return EXIT_OK;
}

exit_code cli_model_opts(cli_model *m, const cli_args *a)
{
    int64_t threads = 0, level = 2;
    const char *dim;
    memset(m, 0, sizeof(*m));
    exit_code rc = cli_int(a, "threads", 0, 1024, &threads);
    if (rc == EXIT_OK)
        rc = cli_int(a, "level", 0, 2, &level);
    if (rc == EXIT_OK)
        rc = cli_limits(&m->opts.limits, a);
    for (int k = 0; rc == EXIT_OK && (dim = cli_value_at(a, "dim", k)) != NULL; k++) {
        if (!strchr(dim, '=') || dim[0] == '=')
            rc = say_usage(a->command->name, "--dim is '%s', expected NAME=N", dim);
        else if (!IGI_PUSH(&m->dims, dim))
            rc = say_failure(NULL);
    }
    if (rc == EXIT_OK && !IGI_PUSH(&m->dims, NULL))
        rc = say_failure(NULL);
    if (rc == EXIT_OK)
        rc = cli_plugins(&m->registry, a);
    if (rc == EXIT_OK)
        rc = cli_device(&m->registry, a);
    m->opts.registry = m->registry;
    m->opts.device = cli_value(a, "device");
    m->opts.threads = (int)threads;
    m->opts.level = level == 0 ? -1 : (int)level;
    m->opts.data_dir = cli_value(a, "data-dir");
    m->opts.exact_conv = cli_flag(a, "exact-conv");
    m->opts.small_memory = cli_flag(a, "small-memory");
    m->opts.strict_qdq = cli_flag(a, "strict-qdq");
    m->opts.capture = cli_flag(a, "capture");
    m->opts.tf32 = cli_flag(a, "tf32");
    m->opts.dims = m->dims.p;
    m->opts.warn = say_loader_warning;
    return rc;
}

void cli_model_fini(cli_model *m)
{
    IGI_VEC_FREE(&m->dims);
    ig_registry_free(m->registry);
}

/* ---- loading ---- */

/* Standard input, up to the limit. */
static ig_status read_stdin(char **out, size_t *n, uint64_t max_bytes)
{
    IGI_VEC(char) v = {0};
    for (;;) {
        if (!IGI_RESERVE(&v, v.n + 65536))
            break;
        ssize_t got = read(STDIN_FILENO, v.p + v.n, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            (void)ig_fail(IG_IO, "standard input cannot be read: %s", strerror(errno));
            break;
        }
        v.n += (size_t)got;
        if (v.n > max_bytes) {
            (void)ig_fail(
                IG_LIMIT,
                "standard input is longer than %llu bytes, the limit file_bytes",
                (unsigned long long)max_bytes);
            break;
        }
        if (got == 0) {
            *out = v.p;
            *n = v.n;
            return IG_OK;
        }
    }
    IGI_VEC_FREE(&v);
    return ig_error_status();
}

static ig_status load_stdin(ig_model **out, const ig_model_opts *o)
{
    char *bytes = NULL;
    size_t n = 0;
    uint64_t most = o->limits.file_bytes ? o->limits.file_bytes : (uint64_t)1 << 36;
    IG_TRY(read_stdin(&bytes, &n, most));
    ig_status rc = ig_model_load_bytes(out, bytes, n, NULL, NULL, o);
    igi_free(bytes);
    return rc;
}

exit_code
cli_model_load(ig_model **out, const cli_args *a, const char *path, double *seconds)
{
    cli_model m;
    exit_code rc = cli_model_opts(&m, a);
    double start = igi_now_s();
    if (rc == EXIT_OK) {
        bool from_stdin = strcmp(path, "-") == 0;
        if ((from_stdin ? load_stdin(out, &m.opts)
                        : ig_model_load(out, path, &m.opts)) != IG_OK)
            rc = say_failure(from_stdin ? "standard input" : NULL);
    }
    if (seconds)
        *seconds = igi_now_s() - start;
    if (rc == EXIT_OK)
        say_detail("loaded %s in %.3f s", path, igi_now_s() - start);
    cli_model_fini(&m);
    return rc;
}

exit_code cli_graph_read(ig_graph **out, const cli_args *a, const char *path)
{
    ig_registry *r = NULL;
    ig_read_opts o = {.data_dir = cli_value(a, "data-dir"), .warn = say_loader_warning};
    exit_code rc = cli_limits(&o.limits, a);
    if (rc == EXIT_OK)
        rc = cli_plugins(&r, a);
    o.registry = r;
    if (rc == EXIT_OK && ig_graph_read(out, path, &o) != IG_OK)
        rc = say_failure(NULL);
    ig_registry_free(r); /* the graph holds it */
    return rc;
}
