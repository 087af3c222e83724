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

typedef struct table {
    struct row *p;
    size_t n, cap;
} table;

typedef struct row {
    const char *name, *kernel;
    int64_t count;
    double ms;
    table inside; /* what bodies ran: part of its time */
} row;

static row *row_of(table *t, const char *name, const char *kernel)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->p[i].name, name) && !strcmp(t->p[i].kernel, kernel))
            return &t->p[i];
    row r = {.name = name, .kernel = kernel};
    return IGI_PUSH(t, r) ? &t->p[t->n - 1] : NULL;
}

static int slowest_first(const void *a, const void *b)
{
    double x = ((const row *)a)->ms, y = ((const row *)b)->ms;
    return x < y ? 1 : -(x > y);
}

/* Bodies nest as deep as the loader allows. */
static void fill(table *t, const json_value *nodes, bool by_node)
{
    for (const json_value *n = nodes ? nodes->child : NULL; n; n = n->next) {
        row *r = row_of(t, json_get_string(n, by_node ? "name" : "op"),
                        json_get_string(n, "kernel"));
        if (!r)
            return; /* without memory the table is shorter */
        r->count += (int64_t)json_get_number(n, "count", 0);
        r->ms += json_get_number(n, "ms", 0);
        fill(&r->inside, json_get(n, "inside"), by_node);
    }
    if (t->n)
        qsort(t->p, t->n, sizeof(t->p[0]), slowest_first);
}

static void table_free(table *t)
{
    for (size_t i = 0; i < t->n; i++)
        table_free(&t->p[i].inside);
    IGI_VEC_FREE(t);
}

static double total_of(const table *t)
{
    double ms = 0;
    for (size_t i = 0; i < t->n; i++)
        ms += t->p[i].ms;
    return ms;
}

static void print_rows(const table *t, int64_t top, double total, int indent)
{
    for (size_t i = 0; i < t->n && (int64_t)i < top; i++) {
        const row *r = &t->p[i];
        printf("%10.3f %6.1f%% %6lld  %*s%s (%s)\n", r->ms,
               total > 0 ? 100 * r->ms / total : 0, (long long)r->count, indent, "",
               r->name, r->kernel);
        print_rows(&r->inside, top, total, indent + 2);
    }
}

static void print_table(const table *t, int64_t top, bool by_node)
{
    double total = total_of(t);
    printf("%10s %7s %6s  %s\n", "ms", "share", "count",
           by_node ? "node (kernel)" : "operator (kernel)");
    print_rows(t, top, total, 0);
    printf("%10.3f %6.1f%%         all %zu rows\n", total, 100.0, t->n);
}

static void put_rows(json_out *j, const table *t)
{
    json_begin(j, '[');
    for (size_t i = 0; i < t->n; i++) {
        json_begin(j, '{');
        json_string(j, "name", t->p[i].name);
        json_string(j, "kernel", t->p[i].kernel);
        json_int(j, "count", t->p[i].count);
        json_number(j, "ms", t->p[i].ms);
        if (t->p[i].inside.n) {
            json_key(j, "inside");
            put_rows(j, &t->p[i].inside);
        }
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void print_json(const table *t)
{
    json_out j = {0};
    json_begin(&j, '{');
    json_int(&j, "schema", 1);
    json_number(&j, "total_ms", total_of(t));
    json_key(&j, "rows");
    put_rows(&j, t);
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
    fill(&t, json_get(doc.root, "nodes"), by_node);
    if (cli_json(a))
        print_json(&t);
    else
        print_table(&t, top, by_node);
    table_free(&t);
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
            "the sums for each operator and kernel; what the bodies of a Loop or If "
            "ran stands "
            "indented below it and is part of its time. Inputs as of 'ingot run'.",
    .options = options,
    .groups = CLI_JSON | CLI_LOAD | CLI_DEVICE | CLI_INPUTS,
    .min = 1,
    .max = -1,
    .run = profile_main,
};
