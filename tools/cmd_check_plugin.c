/* ingot check-plugin: the operator suite on what a plugin brings.
 *
 * Everything of the plugin runs in child processes: one for loading, one for each
 * operator, one for its file formats. Children run under guard bytes; further rounds of
 * the same checks must leave no more memory behind. */
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "graph/core/file.h"
#include "graph/ir/registry_build.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/suite/canary_alloc.h"
#include "tools/suite/suite.h"

static const cli_option options[] = {
    {"file", 0, "FILE",
     "A file in a format of the plugin: read it, and damaged copies of it."},
    {0},
};

typedef struct checking {
    const char *path, *file;
    json_out j;
    int passed, failed;
    int device; /* whose kernels are checked */
} checking;

/* In children: a registry with the plugin, under guard bytes. */
static ig_registry *load(const char *path)
{
    ig_registry *r = NULL;
    if (ig_registry_new(&r) == IG_OK && ig_registry_load_plugin(r, path) == IG_OK)
        return r;
    (void)say_failure(NULL);
    ig_registry_free(r);
    return NULL;
}

/* ---- one operator ---- */

static size_t heap_in_use(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* What grew in each of the last three rounds, 0 when it did not: caches, the C
 * library's own lists among them, fill in the rounds before. */
static size_t growth(const size_t *v, int n, size_t least)
{
    for (int i = n - 3; i < n; i++)
        if (v[i] < v[i - 1] + least)
            return 0;
    return v[n - 1] - v[n - 2];
}

static bool leaks(const igi_op *op)
{
    /* The smallest leak a call: the C library's lists move by less in a round. */
    enum { ROUNDS = 7, CALLS = 32, LEAST = 32 * CALLS };
    size_t blocks[ROUNDS], bytes[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        (void)suite_operator(op);
        blocks[i] = igi_canary_live();
        bytes[i] = heap_in_use();
    }
    if (growth(blocks, ROUNDS, 1))
        fprintf(stderr, "%s: each round of checks leaves %zu more tensors or blocks\n",
                op->def->name, growth(blocks, ROUNDS, 1));
    else if (growth(bytes, ROUNDS, LEAST))
        fprintf(stderr, "%s: each round of checks leaves %zu more bytes of the heap\n",
                op->def->name, growth(bytes, ROUNDS, LEAST));
    return growth(blocks, ROUNDS, 1) || growth(bytes, ROUNDS, LEAST);
}

static bool check_operator(const checking *c, const char *full)
{
    igi_canary_install();
    suite_where.registry = load(c->path);
    const igi_op *op = suite_where.registry
                           ? igi_registry_find_full(suite_where.registry, full)
                           : NULL;
    return op && suite_operator(op) == 0 && !leaks(op);
}

/* ---- kernels of a device ---- */

#define NO_HARDWARE 2 /* exit code of a child */

/* A device is opened in children only: what it holds does not survive a fork. */
static bool check_opens(const checking *c, const char *unused)
{
    void *queue = NULL;
    (void)unused;
    ig_registry *r = load(c->path);
    const ig_device_def *d = r ? igi_registry_device(r, c->device) : NULL;
    ig_status rc = d ? d->open(d, &queue) : IG_INTERNAL;
    if (rc == IG_OK) {
        d->close(queue);
        return true;
    }
    say_note("%s", ig_error_message());
    _exit(rc == IG_UNSUPPORTED ? NO_HARDWARE : 1);
}

static bool check_operator_there(const checking *c, const char *full)
{
    suite_where.registry = load(c->path);
    const igi_op *op = suite_where.registry
                           ? igi_registry_find_full(suite_where.registry, full)
                           : NULL;
    return op && suite_operator_on(op, c->device) == 0;
}

/* ---- formats ---- */

/* Reads n bytes as the plugin's formats do; the verdict of reading does not matter. */
static ig_status read_bytes(const ig_registry *r, const void *bytes, size_t n)
{
    ig_graph *g = NULL;
    ig_read_opts o = {.registry = r};
    ig_status rc = ig_graph_read_bytes(&g, bytes, n, NULL, NULL, &o);
    if (rc == IG_OK)
        rc = ig_graph_verify(g);
    ig_graph_free(g);
    return rc;
}

static bool sniffs_anything(const ig_registry *r)
{
    static const char *const others[] = {"", "\x08\x0d\x12", "ingot", "PK\x03\x04"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        const ig_frontend_def *f = igi_registry_sniff(r, others[i], strlen(others[i]));
        if (f)
            fprintf(stderr, "format %s takes files that are of another format\n",
                    f->name);
        if (f)
            return true;
    }
    return false;
}

static bool damaged(const ig_registry *r, const igi_file *f)
{
    char *copy = igi_alloc(f->size ? f->size : 1);
    if (!copy)
        return false;
    size_t step = f->size / 2048 + 1;
    for (size_t n = 0; n < f->size; n += step) {
        memcpy(copy, f->data, f->size);
        (void)read_bytes(r, copy, n); /* cut off */
        for (int bit = 0; bit < 8; bit++) {
            copy[n] = (char)(((const char *)f->data)[n] ^ (1 << bit));
            (void)read_bytes(r, copy, f->size);
        }
    }
    igi_free(copy);
    return true;
}

static bool check_formats(const checking *c, const char *unused)
{
    igi_file *f = NULL;
    (void)unused;
    igi_canary_install();
    ig_registry *r = load(c->path);
    if (!r || sniffs_anything(r))
        return false;
    if (!c->file)
        return true;
    if (igi_file_read(&f, c->file, 0) != IG_OK ||
        read_bytes(r, f->data, f->size) != IG_OK) {
        (void)say_failure(c->file);
        return false;
    }
    size_t before = igi_canary_live();
    bool ok = damaged(r, f);
    igi_file_unref(f);
    if (ok && igi_canary_live() > before)
        fprintf(stderr, "damaged files leave %zu blocks behind\n",
                igi_canary_live() - before);
    return ok && igi_canary_live() <= before && igi_canary_check();
}

/* ---- processes ---- */

#define NO_FILE 3 /* exit code of a child */

/* A file that cannot be had is no check that failed: then nothing of it has run, and
 * the parent says why, as all commands do. */
static bool check_load(const checking *c, const char *unused)
{
    ig_registry *r = NULL;
    (void)unused;
    if (ig_registry_new(&r) == IG_OK && ig_registry_load_plugin(r, c->path) == IG_OK)
        return true;
    if (!strchr(c->path, '/') || !dlopen(c->path, RTLD_LAZY | RTLD_NOLOAD))
        _exit(NO_FILE);
    (void)say_failure(NULL);
    return false;
}

/* The exit code of the check, -1: a signal. */
static int child_code(const checking *c,
                      bool (*check)(const checking *, const char *),
                      const char *name)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        say_set_json(false); /* the report is the parent's */
        _exit(check(c, name) ? 0 : 1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    if (WIFSIGNALED(status))
        say_error("%s: it crashed with signal %d (%s)", name, WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool in_child(const checking *c,
                     bool (*check)(const checking *, const char *),
                     const char *name)
{
    return child_code(c, check, name) == 0;
}

static void record(checking *c, const cli_args *a, const char *what, bool ok)
{
    *(ok ? &c->passed : &c->failed) += 1;
    json_begin(&c->j, '{');
    json_string(&c->j, "name", what);
    json_bool(&c->j, "passed", ok);
    json_end(&c->j, '}');
    if (!cli_json(a))
        printf("%-40s %s\n", what, ok ? "passed" : "FAILED");
}

static bool has_kernel(const ig_registry *r, const igi_op *op, int device)
{
    for (int k = 0; k < op->n_kernels[device]; k++)
        for (size_t t = 0; t < r->tables.n; t++)
            if (igi_kernel_in(op->kernels[device][k], r->tables.p[t]))
                return true;
    return false;
}

/* Of the plugin, or with a kernel of the plugin for the CPU. */
static bool concerned(const ig_registry *r, const igi_op *op)
{
    return op->own || has_kernel(r, op, 0);
}

/* A device's kernels, each operator in a process of its own; on a machine without the
 * hardware only that it says so. */
static void check_device(checking *c, const cli_args *a, const ig_registry *r, int d)
{
    char name[160], label[256];
    const char *device = igi_registry_device(r, d)->name;
    c->device = d;
    int code = child_code(c, check_opens, device);
    if (code == NO_HARDWARE) {
        say_note("the kernels of device %s are not checked", device);
        return;
    }
    snprintf(label, sizeof(label), "device %s", device);
    record(c, a, label, code == 0);
    for (int i = 0; i < igi_registry_count(r); i++) {
        const igi_op *op = igi_registry_at(r, i);
        if (!op->n_kernels[d])
            continue;
        (void)igi_op_full_name(op->def, name, sizeof(name));
        snprintf(label, sizeof(label), "%s on %s", name, device);
        record(c, a, label, in_child(c, check_operator_there, name));
    }
}

static void check_all(checking *c, const cli_args *a, const ig_registry *r)
{
    char name[160];
    for (int d = 1; d < IGI_DEVICES && igi_registry_device(r, d); d++)
        check_device(c, a, r, d);
    for (int i = 0; i < igi_registry_count(r); i++) {
        const igi_op *op = igi_registry_at(r, i);
        if (!concerned(r, op))
            continue;
        (void)igi_op_full_name(op->def, name, sizeof(name));
        record(c, a, name, in_child(c, check_operator, name));
    }
    if (r->frontends.n)
        record(c, a, "formats", in_child(c, check_formats, "formats"));
}

/* *loads: whether a child could load the plugin. Not EXIT_OK: a file is not there. */
static exit_code find_files(const checking *c, bool *loads)
{
    igi_file *f = NULL;
    if (c->file && igi_file_read(&f, c->file, 0) != IG_OK)
        return say_failure(NULL);
    igi_file_unref(f);
    int code = child_code(c, check_load, c->path);
    *loads = code == 0;
    if (code != NO_FILE)
        return EXIT_OK;
    ig_registry *r = NULL; /* fails here as it did in the child */
    bool here =
        ig_registry_new(&r) == IG_OK && ig_registry_load_plugin(r, c->path) == IG_OK;
    exit_code rc = here ? EXIT_OK : say_failure(NULL);
    ig_registry_free(r);
    return rc;
}

static exit_code check_plugin_main(const cli_args *a)
{
    checking c = {.path = a->v.p[0], .file = cli_value(a, "file")};
    bool loads = false;
    exit_code code = find_files(&c, &loads);
    if (code != EXIT_OK)
        return code;
    json_begin(&c.j, '{');
    json_int(&c.j, "schema", 1);
    json_key(&c.j, "checks");
    json_begin(&c.j, '[');
    record(&c, a, "loads", loads);
    ig_registry *r = loads ? load(c.path) : NULL;
    if (r)
        check_all(&c, a, r);
    ig_registry_free(r);
    json_end(&c.j, ']');
    json_int(&c.j, "passed", c.passed);
    json_int(&c.j, "failed", c.failed);
    json_end(&c.j, '}');
    if (cli_json(a))
        json_print(&c.j);
    else
        printf("%d passed, %d failed\n", c.passed, c.failed);
    igi_text_fini(&c.j.text);
    return c.failed ? EXIT_FAILED : EXIT_OK;
}

const cli_command cmd_check_plugin = {
    .name = "check-plugin",
    .usage = "PLUGIN.so",
    .summary = "run the operator suite on a plugin",
    .examples = "ingot check-plugin ./square_plus.so\n"
                "ingot check-plugin ./netlist.so --file model.netlist",
    .text =
        "Each operator of the plugin, and each operator for which it brings a "
        "kernel, runs its samples through every way a call can take: kernels against "
        "the reference, inferred against produced shapes, types against each other, "
        "first and second gradients against finite differences, eager code against "
        "traces, nets and saved files; under guard bytes, twice, counting what is "
        "left behind. A format must refuse files of other formats and, with --file, "
        "survive damaged ones. Everything runs in processes of its own. A plugin is "
        "code: check only what you would run.",
    .options = options,
    .groups = CLI_JSON,
    .min = 1,
    .max = 1,
    .run = check_plugin_main,
};
