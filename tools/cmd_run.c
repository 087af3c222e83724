/* ingot run: a model on inputs from files, images or nothing at all. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/thread.h"
#include "tools/commands.h"
#include "tools/outputs.h"
#include "tools/print.h"

static const cli_option options[] = {
    {"out", 'o', "DIR", "Write each output to DIR/NAME.npy."},
    {"top", 0, "K", "Print the K largest elements of each row of the first output."},
    {"labels", 0, "FILE", "Names for --top, one a line."},
    {"values", 0, "N", "Values of each output in JSON (default: 1000)."},
    {"seed", 0, "N", "Seed of random operators that have none of their own."},
    {"timeout", 0, "S", "Stop the run after that many seconds."},
    {"profile", 0, "FILE", "Write a Chrome trace of the run."},
    {0},
};

typedef struct top_report {
    ranked *v;
    int64_t rows, k;
    labels names;
} top_report;

static const char *label_of(const top_report *t, int64_t index)
{
    return (uint64_t)index < t->names.n ? t->names.line[index] : "";
}

static exit_code make_top(top_report *t, const outputs *out, const cli_args *a)
{
    int64_t k = 0;
    const char *path = cli_value(a, "labels");
    exit_code code = cli_int(a, "top", 1, 1000000, &k);
    memset(t, 0, sizeof(*t));
    if (code != EXIT_OK)
        return code;
    if (path && labels_read(&t->names, path) != IG_OK)
        return say_failure(NULL);
    if (path && k == 0)
        k = 5;
    if (k == 0 || out->n == 0)
        return EXIT_OK;
    t->k = print_top(out->v[0], k, &t->v, &t->rows);
    if (t->k == 0)
        say_warning("--top needs a first output of numbers with at least one axis");
    return EXIT_OK;
}

static void top_fini(top_report *t)
{
    igi_free(t->v);
    labels_fini(&t->names);
}

static void print_top_text(const top_report *t)
{
    for (int64_t r = 0; r < t->rows; r++) {
        if (t->rows > 1)
            printf("row %" PRId64 "\n", r);
        for (int64_t i = 0; i < t->k; i++) {
            const ranked *x = &t->v[r * t->k + i];
            const char *label = label_of(t, x->index);
            printf("%3" PRId64 ". %6" PRId64 "  %.6g%s%s\n", i + 1, x->index, x->value,
                   *label ? "  " : "", label);
        }
    }
}

static void print_text(const outputs *out, const top_report *t)
{
    igi_text text = {0};
    if (t->k > 0) {
        print_top_text(t);
        return;
    }
    for (int i = 0; i < out->n; i++)
        print_value(&text, out->names[i], out->v[i]);
    if (!text.failed)
        (void)fwrite(text.p, 1, text.n, stdout);
    igi_text_fini(&text);
}

static void print_json(
    const outputs *out, const top_report *t, const inputs *in, double ms, int64_t most)
{
    json_out j = {0};
    json_begin(&j, '{');
    json_int(&j, "schema", 1);
    json_number(&j, "ms", ms);
    json_string(&j, "made_up", in->made_up);
    json_key(&j, "outputs");
    json_begin(&j, '[');
    for (int i = 0; i < out->n; i++)
        print_value_json(&j, out->names[i], out->v[i], most);
    json_end(&j, ']');
    if (t->k > 0) {
        json_key(&j, "top");
        json_begin(&j, '[');
        for (int64_t i = 0; i < t->rows * t->k; i++) {
            json_begin(&j, '{');
            json_int(&j, "row", i / t->k);
            json_int(&j, "index", t->v[i].index);
            json_number(&j, "value", t->v[i].value);
            json_string(&j, "label", label_of(t, t->v[i].index));
            json_end(&j, '}');
        }
        json_end(&j, ']');
    }
    json_end(&j, '}');
    json_print(&j);
}

static exit_code
report(const outputs *out, const inputs *in, const cli_args *a, double ms)
{
    top_report t;
    int64_t most = 1000;
    const char *dir = cli_value(a, "out");
    exit_code code = make_top(&t, out, a);
    if (code == EXIT_OK)
        code = cli_int(a, "values", 0, INT64_MAX, &most);
    if (code == EXIT_OK && dir)
        code = outputs_save(out, dir);
    if (code == EXIT_OK && cli_json(a))
        print_json(out, &t, in, ms, most);
    else if (code == EXIT_OK && (!dir || t.k > 0))
        print_text(out, &t);
    top_fini(&t);
    return code;
}

static exit_code run_main(const cli_args *a)
{
    ig_model *m = NULL;
    inputs in = {0};
    outputs out = {0};
    ig_run_opts o;
    double start = 0;
    exit_code code = run_options(&o, a);
    if (code == EXIT_OK)
        code = cli_model_load(&m, a, a->v.p[0], NULL);
    if (code == EXIT_OK)
        code = inputs_make(&in, m, a, 1);
    start = igi_now_s();
    if (code == EXIT_OK)
        code = outputs_run(&out, m, &in, &o);
    if (code == EXIT_OK) {
        double ms = (igi_now_s() - start) * 1e3;
        say_detail("ran in %.3f ms", ms);
        code = report(&out, &in, a, ms);
    }
    outputs_fini(&out);
    inputs_fini(&in);
    ig_model_free(m);
    return code;
}

const cli_command cmd_run = {
    .name = "run",
    .usage = "MODEL [INPUT...]",
    .summary = "run a model and print or save its outputs",
    .examples =
        "ingot run model.onnx                      # made-up inputs\n"
        "ingot run model.onnx photo.jpg --top 5 --labels names.txt\n"
        "ingot run model.onnx input_ids=ids.npy mask=ones --dim N=4 --out results\n"
        "ingot run model.onnx x=random:7 --json",
    .text =
        "INPUT is FILE, by position, or NAME=FILE. FILE is .npy, .npz, .pb (ONNX), an "
        "image (.png, .jpg, .jp2, .bmp, .tif, .webp, .ppm), .raw, or one of zeros, "
        "ones, random, random:SEED. Inputs that are not given are made up, with a "
        "note; sequences, optionals and maps hold one item then. Images are decoded, "
        "turned grey or RGB by the "
        "input's channel count, resized to its height and width (bilinear, "
        "antialiased, "
        "half-pixel centres, as Pillow), divided by 255 for float inputs, and laid out "
        "as "
        "the input's shape says. MODEL may be - for standard input.",
    .options = options,
    .groups = CLI_JSON | CLI_LOAD | CLI_DEVICE | CLI_INPUTS,
    .min = 1,
    .max = -1,
    .run = run_main,
};
