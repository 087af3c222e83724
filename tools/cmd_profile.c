/* ingot profile: where the time of a run goes, as a Chrome trace and as a table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/file.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/outputs.h"

static const cli_option options[] = {
    {"out", 'o', "FILE", "Keep the Chrome trace there; open it with Perfetto."},
    {"top", 0, "K", "Rows of the table (default: 20)."},
    {"by-node", 0, NULL, "One row a node instead of one an operator and kernel."},
    {"warmup", 'w', "N", "Runs before the traced one (default: 3)."},
    {"seed", 0, "N", "Seed of random operators that have none of their own."},
    {0},
};

typedef struct row {
    const char *name, *kernel;
    int64_t count;
    double ms;
} row;

typedef struct table {
    IGI_VEC(row) v;
    double total;
} table;

static void add(table *t, const char *name, const char *kernel, double ms)
{
    t->total += ms;
    for (size_t i = 0; i < t->v.n; i++)
        if (!strcmp(t->v.p[i].name, name) && !strcmp(t->v.p[i].kernel, kernel)) {
            t->v.p[i].count++;
            t->v.p[i].ms += ms;
            return;
        }
    row r = {name, kernel, 1, ms};
    (void)IGI_PUSH(&t->v, r);
}

static int slowest_first(const void *a, const void *b)
{
    double x = ((const row *)a)->ms, y = ((const row *)b)->ms;
    return x < y ? 1 : -(x > y);
}

static void fill(table *t, const json_value *root, bool by_node)
{
    const json_value *events = json_get(root, "traceEvents");
    for (const json_value *e = events ? events->child : NULL; e; e = e->next)
        if (strcmp(json_get_string(e, "ph"), "X") == 0)
            add(t, json_get_string(e, by_node ? "name" : "cat"),
                json_get_string(json_get(e, "args"), "kernel"),
                json_get_number(e, "dur", 0) / 1e3);
    if (t->v.n)
        qsort(t->v.p, t->v.n, sizeof(t->v.p[0]), slowest_first);
}

static void print_table(const table *t, int64_t top, bool by_node)
{
    printf("%10s %7s %6s  %s\n", "ms", "share", "count",
           by_node ? "node (kernel)" : "operator (kernel)");
    for (size_t i = 0; i < t->v.n && (int64_t)i < top; i++) {
        const row *r = &t->v.p[i];
        printf("%10.3f %6.1f%% %6lld  %s (%s)\n", r->ms,
               t->total > 0 ? 100 * r->ms / t->total : 0, (long long)r->count, r->name,
               r->kernel);
    }
    printf("%10.3f %6.1f%%         all %zu rows\n", t->total, 100.0, t->v.n);
}

static void print_json(const table *t)
{
    json_out j = {0};
    json_begin(&j, '{');
    json_int(&j, "schema", 1);
    json_number(&j, "total_ms", t->total);
    json_key(&j, "rows");
    json_begin(&j, '[');
    for (size_t i = 0; i < t->v.n; i++) {
        json_begin(&j, '{');
        json_string(&j, "name", t->v.p[i].name);
        json_string(&j, "kernel", t->v.p[i].kernel);
        json_int(&j, "count", t->v.p[i].count);
        json_number(&j, "ms", t->v.p[i].ms);
        json_end(&j, '}');
    }
    json_end(&j, ']');
    json_end(&j, '}');
    json_print(&j);
}

static exit_code report(const char *path, const cli_args *a, int64_t top)
{
    igi_file *f = NULL;
    json_doc doc = {0};
    table t = {0};
    bool by_node = cli_flag(a, "by-node");
    if (igi_file_read(&f, path, 0) != IG_OK || !json_parse(&doc, f->data, f->size)) {
        igi_file_unref(f);
        return say_failure("the trace");
    }
    fill(&t, doc.root, by_node);
    if (cli_json(a))
        print_json(&t);
    else
        print_table(&t, top, by_node);
    IGI_VEC_FREE(&t.v);
    json_free(&doc);
    igi_file_unref(f);
    return EXIT_OK;
}

static exit_code run_traced(
    ig_model *m, const inputs *in, int64_t warmup, ig_run_opts o, const char *path)
{
    exit_code code = EXIT_OK;
    for (int64_t i = 0; code == EXIT_OK && i <= warmup; i++) {
        outputs out = {0};
        o.profile = i == warmup ? path : NULL;
        code = outputs_run(&out, m, in, &o);
        outputs_fini(&out);
    }
    return code;
}

static exit_code profile_main(const cli_args *a)
{
    const char *path = cli_value(a, "out");
    char scratch[] = "/tmp/ingot-profile-XXXXXX";
    ig_model *m = NULL;
    inputs in = {0};
    ig_run_opts o;
    int64_t warmup = 3, top = 20;
    exit_code code = run_options(&o, a);
    if (code == EXIT_OK)
        code = cli_int(a, "warmup", 0, 1000000, &warmup);
    if (code == EXIT_OK)
        code = cli_int(a, "top", 1, INT64_MAX, &top);
    if (code == EXIT_OK)
        code = cli_model_load(&m, a, a->v.p[0], NULL);
    if (code == EXIT_OK)
        code = inputs_make(&in, m, a, 1);
    if (code == EXIT_OK && !path) {
        int fd = mkstemp(scratch);
        if (fd < 0) {
            (void)ig_fail(IG_IO, "no file can be made in /tmp: say --out FILE");
            code = say_failure(NULL);
        }
        igi_file_close(fd);
    }
    if (code == EXIT_OK)
        code = run_traced(m, &in, warmup, o, path ? path : scratch);
    if (code == EXIT_OK)
        code = report(path ? path : scratch, a, top);
    if (!path)
        (void)unlink(scratch);
    else if (code == EXIT_OK)
        say_note("wrote %s: open it at https://ui.perfetto.dev or chrome://tracing",
                 path);
    inputs_fini(&in);
    ig_model_free(m);
    return code;
}

const cli_command cmd_profile = {
    .name = "profile",
    .usage = "MODEL [INPUT...]",
    .summary = "show where the time of a run goes",
    .examples =
        "ingot profile model.onnx --threads 1\n"
        "ingot profile model.onnx photo.png --out trace.json --by-node --top 10",
    .text = "Runs the model a few times, then once with a time span for each node, and "
            "prints "
            "the sums for each operator and kernel. Inputs as of 'ingot run'.",
    .options = options,
    .groups = CLI_JSON | CLI_LOAD | CLI_DEVICE | CLI_INPUTS,
    .min = 1,
    .max = -1,
    .run = profile_main,
};
