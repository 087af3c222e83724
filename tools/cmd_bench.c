/* ingot bench: how long a model takes, warm, with percentiles. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/file.h"
#include "graph/core/thread.h"
#include "graph/runtime/model.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/outputs.h"

static const cli_option options[] = {
    {"runs", 'n', "N", "Timed runs (default: 20)."},
    {"warmup", 'w', "N", "Runs before them (default: 3)."},
    {"seed", 0, "N", "Seed of random operators that have none of their own."},
    {0},
};

typedef struct bench {
    double *ms; /* in order of the runs */
    int64_t runs, warmup;
    double median, p99, least, load_ms;
    int64_t peak_rss;
    size_t arena, packed;
} bench;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Of this program alone: getrusage counts what the parent had before exec, too. */
static int64_t peak_rss(void)
{
    char status[4096];
    int n = igi_file_peek("/proc/self/status", status, sizeof(status) - 1);
    const char *line = NULL;
    if (n > 0) {
        status[n] = 0;
        line = strstr(status, "VmHWM:");
    }
    return line ? strtoll(line + strlen("VmHWM:"), NULL, 10) * 1024 : 0;
}

static exit_code summarise(bench *b)
{
    double *sorted = igi_alloc_array((size_t)b->runs, sizeof(double));
    if (!sorted)
        return say_failure(NULL);
    memcpy(sorted, b->ms, (size_t)b->runs * sizeof(double));
    qsort(sorted, (size_t)b->runs, sizeof(double), ascending);
    int64_t n = b->runs, last = (n * 99 + 99) / 100 - 1; /* nearest rank */
    b->median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    b->p99 = sorted[last];
    b->least = sorted[0];
    igi_free(sorted);
    b->peak_rss = peak_rss();
    return EXIT_OK;
}

static exit_code measure(bench *b, ig_model *m, const inputs *in, const ig_run_opts *o)
{
    exit_code code = EXIT_OK;
    for (int64_t i = -b->warmup; code == EXIT_OK && i < b->runs; i++) {
        outputs out = {0};
        double start = igi_now_s();
        code = outputs_run(&out, m, in, o);
        if (i >= 0)
            b->ms[i] = (igi_now_s() - start) * 1e3;
        outputs_fini(&out);
        say_progress(i < 0 ? "warm-up" : "running", i + b->warmup + 1,
                     b->runs + b->warmup);
    }
    say_progress_end();
    return code;
}

static void print_json(const bench *b)
{
    json_out j = {0};
    json_begin(&j, '{');
    json_int(&j, "schema", 1);
    json_key(&j, "runs_ms");
    json_begin(&j, '[');
    for (int64_t i = 0; i < b->runs; i++)
        json_number(&j, NULL, b->ms[i]);
    json_end(&j, ']');
    json_number(&j, "median_ms", b->median);
    json_number(&j, "p99_ms", b->p99);
    json_number(&j, "min_ms", b->least);
    json_number(&j, "load_ms", b->load_ms);
    json_int(&j, "peak_rss_bytes", b->peak_rss);
    json_int(&j, "arena_bytes", (int64_t)b->arena);
    json_int(&j, "packed_bytes", (int64_t)b->packed);
    json_end(&j, '}');
    json_print(&j);
}

static void print_text(const bench *b)
{
    printf("median    %10.3f ms\np99       %10.3f ms\nminimum   %10.3f ms  of %" PRId64
           " runs\n",
           b->median, b->p99, b->least, b->runs);
    printf("load      %10.3f ms\npeak RSS  %10.1f MiB\narena     %10.1f MiB\npacked    "
           "%10.1f MiB\n",
           b->load_ms, (double)b->peak_rss / 0x1p20, (double)b->arena / 0x1p20,
           (double)b->packed / 0x1p20);
}

static exit_code bench_main(const cli_args *a)
{
    bench b = {.runs = 20, .warmup = 3};
    ig_model *m = NULL;
    inputs in = {0};
    ig_run_opts o;
    double load = 0;
    exit_code code = run_options(&o, a);
    if (code == EXIT_OK)
        code = cli_int(a, "runs", 1, 10000000, &b.runs);
    if (code == EXIT_OK)
        code = cli_int(a, "warmup", 0, 10000000, &b.warmup);
    b.ms = igi_calloc((size_t)b.runs, sizeof(double));
    if (!b.ms)
        return say_failure(NULL);
    if (code == EXIT_OK)
        code = cli_model_load(&m, a, a->v.p[0], &load);
    b.load_ms = load * 1e3;
    if (code == EXIT_OK)
        code = inputs_make(&in, m, a, 1);
    if (code == EXIT_OK)
        code = measure(&b, m, &in, &o);
    if (code == EXIT_OK)
        code = summarise(&b);
    if (code == EXIT_OK) {
        igi_model_memory(m, &b.arena, &b.packed);
        if (cli_json(a))
            print_json(&b);
        else
            print_text(&b);
    }
    inputs_fini(&in);
    ig_model_free(m);
    igi_free(b.ms);
    return code;
}

const cli_command cmd_bench = {
    .name = "bench",
    .usage = "MODEL [INPUT...]",
    .summary = "measure how long a model takes",
    .examples = "ingot bench model.onnx --threads 1\n"
                "ingot bench model.onnx --dim N=8 --runs 100 --json > result.json",
    .text = "Loads the model once, runs it a few times to warm up, then times each "
            "run. Inputs "
            "as of 'ingot run'. Times vary with the machine's load: compare medians "
            "and minima "
            "of several calls.",
    .options = options,
    .groups = CLI_JSON | CLI_LOAD | CLI_DEVICE | CLI_INPUTS,
    .min = 1,
    .max = -1,
    .run = bench_main,
};
