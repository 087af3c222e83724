/* ingot test: the ONNX test suite, each case in a process of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/file.h"
#include "graph/core/map.h"
#include "graph/core/thread.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/test_suite.h"

static const cli_option options[] = {
    {"rtol", 0, "X", "Relative tolerance (default: 0.001)."},
    {"atol", 0, "X", "Absolute tolerance (default: 1e-7)."},
    {"jobs", 'j', "N", "Processes at a time, 0 for one a CPU (default: 0)."},
    {"timeout", 0, "S", "Seconds for one case (default: 120)."},
    {"filter", 0, "GLOB", "Only cases whose path or last component matches."},
    {"round-trip", 0, "FORMAT",
     "Save each model as ingot or onnx and test what is read back."},
    {"json", 0, "FILE", "Write the results of all cases there, - for standard output."},
    {"list", 0, NULL, "List the cases, run nothing."},
    {0},
};

/* ---- what is unsupported, by operator ---- */

typedef struct count_row {
    char name[100];
    int cases;
} count_row;

typedef struct counts {
    IGI_VEC(count_row) v;
} counts;

static ig_status count(counts *c, const char *name, size_t n)
{
    count_row row = {.cases = 1};
    n = n < sizeof(row.name) - 1 ? n : sizeof(row.name) - 1;
    memcpy(row.name, name, n);
    for (size_t i = 0; i < c->v.n; i++)
        if (strcmp(c->v.p[i].name, row.name) == 0) {
            c->v.p[i].cases++;
            return IG_OK;
        }
    return IGI_PUSH(&c->v, row) ? IG_OK : IG_OUT_OF_MEMORY;
}

/* "not supported: A (opset 13) x2, B (...) x1" counts A and B; other texts count whole.
 */
static ig_status count_message(counts *c, const char *text)
{
    static const char head[] = "not supported: ";
    if (strncmp(text, head, sizeof(head) - 1) != 0) {
        const char *op = strchr(text, '('), *end = op ? strchr(op, ')') : NULL;
        bool node = strstr(text, "node '") && end;
        return node ? count(c, op + 1, (size_t)(end - op - 1))
                    : count(c, text, strcspn(text, ";"));
    }
    for (const char *p = text + sizeof(head) - 1; *p;) {
        size_t n = strcspn(p, " ");
        IG_TRY(count(c, p, n));
        p = strstr(p, ", ");
        if (!p)
            break;
        p += 2;
    }
    return IG_OK;
}

static int most_first(const void *a, const void *b)
{
    const count_row *x = a, *y = b;
    return x->cases != y->cases ? y->cases - x->cases : strcmp(x->name, y->name);
}

static ig_status count_unsupported(counts *c, const test_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->p[i].status == TEST_UNSUPPORTED && list->p[i].message)
            IG_TRY(count_message(c, list->p[i].message));
    if (c->v.n)
        qsort(c->v.p, c->v.n, sizeof(c->v.p[0]), most_first);
    return IG_OK;
}

/* ---- reports ---- */

static void print_cases(const test_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const test_case *c = &list->p[i];
        if (c->status == TEST_PASSED ? say_level() > 1
                                     : c->status != TEST_UNSUPPORTED || say_level() > 1)
            printf("%-11s %s%s%s\n", test_status_name(c->status), c->name,
                   c->message ? ": " : "", c->message ? c->message : "");
    }
}

static void print_counts(const counts *c, const int *n, size_t total)
{
    if (c->v.n)
        printf("unsupported, by operator (cases):\n");
    for (size_t i = 0; i < c->v.n; i++)
        printf("  %5d %s\n", c->v.p[i].cases, c->v.p[i].name);
    for (int s = TEST_FAILED; s < TEST_STATUS_COUNT; s++)
        if (n[s])
            printf("%d %s\n", n[s], test_status_name((test_status)s));
    printf("%d passed, %d failed\n", n[TEST_PASSED], (int)total - n[TEST_PASSED]);
}

static ig_status
write_json(const test_list *list, const counts *c, const int *n, const char *path)
{
    json_out j = {0};
    json_begin(&j, '{');
    json_int(&j, "schema", 1);
    json_key(&j, "cases");
    json_begin(&j, '[');
    for (size_t i = 0; i < list->n; i++) {
        const test_case *t = &list->p[i];
        json_begin(&j, '{');
        json_string(&j, "name", t->name);
        json_string(&j, "status", test_status_name(t->status));
        json_string(&j, "message", t->message ? t->message : "");
        json_number(&j, "ms", t->ms);
        json_end(&j, '}');
    }
    json_end(&j, ']');
    for (int s = 0; s < TEST_STATUS_COUNT; s++)
        json_int(&j, test_status_name((test_status)s), n[s]);
    json_key(&j, "unsupported_operators");
    json_begin(&j, '{');
    for (size_t i = 0; i < c->v.n; i++)
        json_int(&j, c->v.p[i].name, c->v.p[i].cases);
    json_end(&j, '}');
    json_end(&j, '}');
    if (strcmp(path, "-") == 0) {
        json_print(&j);
        return IG_OK;
    }
    ig_status rc = j.text.failed
                       ? ig_fail(IG_OUT_OF_MEMORY, "out of memory for the report")
                       : igi_file_write_atomic(path, j.text.p, j.text.n);
    igi_text_fini(&j.text);
    return rc;
}

/* ---- the command ---- */

static exit_code read_options(test_opts *o, const cli_args *a)
{
    int64_t jobs = 0;
    *o = (test_opts){.compare = {.rtol = 1e-3, .atol = 1e-7}, .timeout_s = 120};
    exit_code rc = cli_double(a, "rtol", 0, &o->compare.rtol);
    if (rc == EXIT_OK)
        rc = cli_double(a, "atol", 0, &o->compare.atol);
    if (rc == EXIT_OK)
        rc = cli_double(a, "timeout", 0.001, &o->timeout_s);
    if (rc == EXIT_OK)
        rc = cli_int(a, "jobs", 0, 256, &jobs);
    o->round_trip = cli_value(a, "round-trip");
    if (rc == EXIT_OK && o->round_trip && strcmp(o->round_trip, "ingot") != 0 &&
        strcmp(o->round_trip, "onnx") != 0)
        rc = say_usage(a->command->name, "--round-trip is '%s', expected ingot or onnx",
                       o->round_trip);
    o->jobs = jobs ? (int)jobs : igi_cpu_budget();
    return rc;
}

static exit_code report(test_list *list, const cli_args *a)
{
    counts c = {0};
    int n[TEST_STATUS_COUNT] = {0};
    const char *path = cli_value(a, "json");
    exit_code code = EXIT_OK;
    for (size_t i = 0; i < list->n; i++)
        n[list->p[i].status]++;
    if (count_unsupported(&c, list) != IG_OK ||
        (path && write_json(list, &c, n, path) != IG_OK))
        code = say_failure(NULL);
    if (!path || strcmp(path, "-") != 0) {
        print_cases(list);
        print_counts(&c, n, list->n);
    }
    IGI_VEC_FREE(&c.v);
    if (code != EXIT_OK)
        return code;
    return n[TEST_PASSED] == (int)list->n ? EXIT_OK : EXIT_FAILED;
}

static exit_code run_cases(test_list *list, const cli_args *a, test_opts *o)
{
    cli_model m;
    exit_code rc = cli_model_opts(&m, a);
    o->model = m.opts;
    if (!cli_value(a, "threads"))
        o->model.threads = 1; /* cases run side by side already */
    say_note("running %zu cases, %d at a time", list->n, o->jobs);
    if (rc == EXIT_OK && !ig_registry_builtin())
        rc = say_failure(NULL);
    if (rc == EXIT_OK && !test_run_all(list, o))
        rc = EXIT_INTERRUPTED;
    cli_model_fini(&m);
    return rc;
}

static exit_code test_main(const cli_args *a)
{
    test_opts o;
    test_list list = {0};
    exit_code rc = read_options(&o, a);
    for (size_t i = 0; rc == EXIT_OK && i < a->v.n; i++)
        if (test_find(&list, a->v.p[i], cli_value(a, "filter")) != IG_OK)
            rc = say_failure(NULL);
    if (rc == EXIT_OK && list.n == 0) {
        say_error("no test cases were found: a case is a folder with model.onnx and "
                  "test_data_set_0/");
        rc = EXIT_FAILED;
    }
    if (rc == EXIT_OK && cli_flag(a, "list")) {
        for (size_t i = 0; i < list.n; i++)
            printf("%s\n", list.p[i].name);
    } else if (rc == EXIT_OK) {
        rc = run_cases(&list, a, &o);
        if (rc == EXIT_OK)
            rc = report(&list, a);
    }
    test_list_fini(&list);
    return rc;
}

const cli_command cmd_test = {
    .name = "test",
    .usage = "PATH...",
    .summary = "run ONNX test cases and report each",
    .examples =
        "ingot test build/onnx-tests\n"
        "ingot test build/onnx-tests --filter 'test_conv*' --json results.json\n"
        "ingot test my-model-case --rtol 1e-4 --level 0",
    .text = "A case is a folder with model.onnx and test_data_set_0/input_0.pb, "
            "output_0.pb and "
            "so on, or a light model X.onnx beside X_output_0.pb, which gets the one "
            "input i/n. "
            "Each case runs in a process of its own. The last line is 'N passed, M "
            "failed'; "
            "what is unsupported counts as failed and is listed by operator.",
    .options = options,
    .groups = CLI_LOAD | CLI_DEVICE | CLI_FORKS,
    .min = 1,
    .max = -1,
    .run = test_main,
};
