/* ingot info: what a model takes, gives, holds, and what would run it. Everything comes
 * from ig_model_describe; this file only lays it out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/commands.h"
#include "tools/json.h"
#include "tools/outline.h"

static const cli_option options[] = {
    {"nodes", 0, NULL,
     "List every node with its kernel and why faster ones were refused."},
    {0},
};

/* ---- rows of "count name" ---- */

typedef struct row {
    char text[200];
    int64_t count;
} row;

typedef struct rows {
    IGI_VEC(row) v;
} rows;

static void add_row(rows *r, const char *text, int64_t count)
{
    for (size_t i = 0; i < r->v.n; i++)
        if (strcmp(r->v.p[i].text, text) == 0) {
            r->v.p[i].count += count;
            return;
        }
    row one = {.count = count};
    (void)snprintf(one.text, sizeof(one.text), "%s", text);
    (void)IGI_PUSH(&r->v, one); /* without memory the list is shorter */
}

static int most_first(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1)
                                : strcmp(x->text, y->text);
}

static void print_rows(rows *r, int indent)
{
    if (r->v.n)
        qsort(r->v.p, r->v.n, sizeof(r->v.p[0]), most_first);
    for (size_t i = 0; i < r->v.n; i++)
        printf("  %*s%6" PRId64 "  %s\n", indent, "", r->v.p[i].count, r->v.p[i].text);
    IGI_VEC_FREE(&r->v);
}

/* ---- the text ---- */

static void print_ports(const json_value *list, const char *title)
{
    printf("%s\n", title);
    for (const json_value *p = list ? list->child : NULL; p; p = p->next) {
        const json_value *shape = json_get(p, "shape");
        printf("  %s  %s", json_get_string(p, "name"), json_get_string(p, "type"));
        if (shape && shape->kind == JSON_NULL)
            printf(" (unknown rank)");
        if (shape && shape->kind == JSON_ARRAY) {
            printf("[");
            for (const json_value *d = shape->child; d; d = d->next) {
                if (d->kind == JSON_STRING)
                    printf("%s", d->string);
                else
                    printf("%.0f", d->number);
                printf("%s", d->next ? "," : "");
            }
            printf("]");
        }
        printf("\n");
    }
}

static int64_t count_operators(const json_value *root, const char *key, rows *r)
{
    int64_t total = 0;
    const json_value *ops = json_get(root, key);
    for (const json_value *o = ops ? ops->child : NULL; o; o = o->next) {
        add_row(r, o->key, (int64_t)o->number);
        total += (int64_t)o->number;
    }
    return total;
}

static void print_operators(const json_value *root)
{
    rows r = {0}, inside = {0};
    int64_t total = count_operators(root, "operators", &r),
            more = count_operators(root, "body_operators", &inside);
    printf("operators  %" PRId64 " nodes\n", total);
    print_rows(&r, 0);
    if (more)
        printf("    and %" PRId64 " in bodies\n", more);
    print_rows(&inside, 4);
}

static void count_kernels(const json_value *node, rows *r, rows *inside)
{
    const json_value *nodes = json_get(node, "nodes");
    for (const json_value *n = nodes ? nodes->child : NULL; n; n = n->next) {
        const json_value *bodies = json_get(n, "bodies");
        const char *kernel = json_get_string(n, "kernel");
        char text[200];
        (void)snprintf(text, sizeof(text), "%s: %s", json_get_string(n, "op"),
                       *kernel ? kernel : "not known before a run");
        add_row(r, text, 1);
        for (const json_value *b = bodies ? bodies->child : NULL; b; b = b->next)
            count_kernels(b, inside, inside); /* nesting is bounded by the loader */
    }
}

static void print_kernels(const json_value *root)
{
    rows r = {0}, inside = {0};
    count_kernels(root, &r, &inside);
    if (!r.v.n) {
        printf("kernels    not known before a run\n");
        return;
    }
    printf("kernels    after optimisation level %.0f, %.0f threads, symbolic dims "
           "taken as 1\n",
           json_get_number(root, "level", 0), json_get_number(root, "threads", 0));
    print_rows(&r, 0);
    if (inside.v.n)
        printf("    and in bodies\n");
    print_rows(&inside, 4);
    printf("views %.0f, folded %.0f, arena %.1f MiB\n",
           json_get_number(root, "views", 0), json_get_number(root, "folded", 0),
           json_get_number(root, "arena_bytes", 0) / 0x1p20);
}

static void print_nodes(const json_value *in, int indent)
{
    const json_value *nodes = json_get(in, "nodes");
    for (const json_value *n = nodes ? nodes->child : NULL; n; n = n->next) {
        const json_value *bodies = json_get(n, "bodies");
        const char *origin = json_get_string(n, "origin"),
                   *why = json_get_string(n, "why"),
                   *kernel = json_get_string(n, "kernel");
        printf("%*s%s  %s  %s%s%s%s\n", indent, "", json_get_string(n, "name"),
               json_get_string(n, "op"), *kernel ? kernel : "?",
               *origin ? "  (from " : "", origin, *origin ? ")" : "");
        while (*why) {
            int length = (int)strcspn(why, "\n");
            printf("%*s    %.*s\n", indent, "", length, why);
            why += length + (why[length] == '\n');
        }
        for (const json_value *b = bodies ? bodies->child : NULL; b; b = b->next) {
            printf("%*s  %s\n", indent, "", json_get_string(b, "attribute"));
            print_nodes(b, indent + 4);
        }
    }
}

static int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* What the file says, loaded or not. */
static void print_head(const json_value *root, const char *path, int64_t bytes)
{
    printf("%s", path);
    if (bytes >= 0)
        printf("  %.1f MiB", (double)bytes / 0x1p20);
    if (json_get_number(root, "ir_version", 0) > 0)
        printf(", ONNX IR %.0f, opset %.0f", json_get_number(root, "ir_version", 0),
               json_get_number(root, "opset", 0));
    if (*json_get_string(root, "producer"))
        printf(", by %s", json_get_string(root, "producer"));
    printf("\n");
    print_ports(json_get(root, "inputs"), "inputs");
    print_ports(json_get(root, "outputs"), "outputs");
    printf("weights    %.0f", json_get_number(root, "constants", 0));
    if (json_get(root, "constant_bytes"))
        printf(", %.1f MiB", json_get_number(root, "constant_bytes", 0) / 0x1p20);
    printf("\n");
    print_operators(root);
}

static void
print_text(const json_value *root, const char *path, int64_t bytes, bool nodes)
{
    const json_value *meta = json_get(root, "metadata");
    print_head(root, path, bytes);
    print_kernels(root);
    for (const json_value *k = meta ? meta->child : NULL; k; k = k->next)
        printf("metadata   %s: %s\n", k->key, k->kind == JSON_STRING ? k->string : "");
    const json_value *notes = json_get(root, "notes");
    for (const json_value *k = notes ? notes->child : NULL; k; k = k->next)
        printf("%s%.0f %s%s", k == notes->child ? "notes      " : "", k->number, k->key,
               k->next ? ", " : "\n");
    if (nodes)
        print_nodes(root, 0);
}

/* ---- models that cannot be loaded ---- */

/* The importer's list, "not supported: A (opset 13) x2, ..."; kept whole. */
typedef struct missing {
    char *text;
} missing;

static void on_warning(const char *text, void *user)
{
    missing *k = user;
    const char *list = strstr(text, "not supported: ");
    if (!list) {
        say_warning("%s", text);
        return;
    }
    igi_free(k->text);
    k->text = igi_strdup(list + strlen("not supported: "));
}

/* The list's items, one after another. */
static void each_missing(const missing *k, json_out *j, bool print)
{
    for (const char *list = k->text; *list;) {
        const char *end = strstr(list, ", ");
        size_t n = end ? (size_t)(end - list) : strlen(list);
        char *one = igi_strndup(list, n);
        if (print)
            printf("  %s\n", one ? one : "");
        else
            json_string(j, NULL, one);
        igi_free(one);
        list += n + (end ? 2 : 0);
    }
}

static exit_code report_missing(const missing *k,
                                const cli_args *a,
                                const char *path,
                                const ig_limits *limits)
{
    char *outline = NULL;
    json_doc doc = {0};
    json_out j = {0};
    bool known = outline_describe(&outline, path, limits) == IG_OK &&
                 json_parse(&doc, outline, strlen(outline));
    if (cli_json(a)) {
        json_begin(&j, '{');
        json_int(&j, "schema", 1);
        json_string(&j, "path", path);
        json_bool(&j, "supported", false);
        json_key(&j, "unsupported");
        json_begin(&j, '[');
        each_missing(k, &j, false);
        json_end(&j, ']');
        json_raw(&j, "model", known ? outline : "null");
        json_end(&j, '}');
        json_print(&j);
    } else {
        if (known)
            print_head(doc.root, path, file_size(path));
        printf("unsupported\n");
        each_missing(k, NULL, true);
    }
    json_free(&doc);
    igi_free(outline);
    return EXIT_UNSUPPORTED;
}

/* ---- the command ---- */

static exit_code describe(ig_model *m, const cli_args *a, const char *path)
{
    char *json = NULL;
    json_doc doc = {0};
    exit_code code = EXIT_OK;
    if (ig_model_describe(m, &json) != IG_OK)
        return say_failure(path);
    if (cli_json(a)) {
        json_out j = {0};
        json_begin(&j, '{');
        json_int(&j, "schema", 1);
        json_string(&j, "path", path);
        json_bool(&j, "supported", true);
        json_int(&j, "file_bytes", file_size(path));
        json_raw(&j, "model", json);
        json_end(&j, '}');
        json_print(&j);
    } else if (json_parse(&doc, json, strlen(json))) {
        print_text(doc.root, path, file_size(path), cli_flag(a, "nodes"));
    } else {
        code = say_failure("the description of the model");
    }
    json_free(&doc);
    ig_string_free(json);
    return code;
}

static exit_code info_main(const cli_args *a)
{
    const char *path = a->v.p[0];
    cli_model k;
    ig_model *m = NULL;
    missing list = {0};
    exit_code code = cli_model_opts(&k, a);
    k.opts.warn = on_warning;
    k.opts.user = &list;
    if (code == EXIT_OK && ig_model_load(&m, path, &k.opts) != IG_OK)
        code = list.text && ig_error_status() == IG_UNSUPPORTED
                   ? report_missing(&list, a, path, &k.opts.limits)
                   : say_failure(NULL);
    else if (code == EXIT_OK)
        code = describe(m, a, path);
    igi_free(list.text);
    ig_model_free(m);
    cli_model_fini(&k);
    return code;
}

const cli_command cmd_info = {
    .name = "info",
    .usage = "MODEL",
    .summary = "show inputs, outputs, operators, weights and kernels of a model",
    .examples = "ingot info model.onnx\n"
                "ingot info model.onnx --dim N=8 --nodes\n"
                "ingot info model.onnx --json",
    .text = "Lists all that is unsupported when something is, and then ends with 4. "
            "Which kernel "
            "serves a node depends on shapes: symbolic dims that --dim does not set "
            "count as 1.",
    .options = options,
    .groups = CLI_JSON | CLI_LOAD | CLI_DEVICE,
    .min = 1,
    .max = 1,
    .run = info_main,
};
