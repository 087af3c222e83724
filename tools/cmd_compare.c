/* ingot compare: outputs of a run against saved ones. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "importers/data/data.h"
#include "tools/commands.h"
#include "tools/compare.h"
#include "tools/json.h"
#include "tools/outputs.h"

static const cli_option options[] = {
    {"rtol", 0, "X", "Relative tolerance (default: 0.001)."},
    {"atol", 0, "X", "Absolute tolerance (default: 1e-7)."},
    {"seed", 0, "N", "Seed of random operators that have none of their own."},
    {0},
};

/* Where expected values come from: a folder or an archive. */
typedef struct expected {
    const char *path;
    igi_npz *archive;
} expected;

static ig_status expected_open(expected *e, const char *path)
{
    struct stat st;
    igi_file *f = NULL;
    *e = (expected){.path = path};
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return IG_OK;
    IG_TRY(igi_file_read(&f, path, 0));
    ig_status rc = igi_npz_open(&e->archive, f, 0);
    igi_file_unref(f);
    return rc == IG_OK ? IG_OK : ig_fail_context("%s", path);
}

/* NAME.npy, NAME.pb, output_K.npy or output_K.pb of the folder; *out stays NULL when
 * there is none. */
static ig_status from_folder(const char *dir, const ig_model *m, int k, ig_value **out)
{
    char path[4608], file[OUTPUT_FILE], position[32];
    const char *const names[] = {file, position};
    struct stat st;
    outputs_file(m, k, file);
    (void)snprintf(position, sizeof(position), "output_%d", k);
    for (int form = 0; form < 4; form++) {
        (void)snprintf(path, sizeof(path), "%s/%s.%s", dir, names[form / 2],
                       form % 2 ? "pb" : "npy");
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
            return igi_value_load(out, path, ig_model_output_type(m, k), NULL);
    }
    return IG_OK;
}

static ig_status
expected_get(const expected *e, const ig_model *m, int k, ig_value **out)
{
    const char *name = ig_model_output_name(m, k);
    ig_tensor *t = NULL;
    char other[32];
    *out = NULL;
    if (!e->archive)
        return from_folder(e->path, m, k, out);
    (void)snprintf(other, sizeof(other), "arr_%d", k);
    for (int i = 0; i < igi_npz_count(e->archive); i++) {
        const char *have = igi_npz_name(e->archive, i);
        if (strcmp(have, name) != 0 && strcmp(have, other) != 0)
            continue;
        IG_TRY(igi_npz_read(e->archive, i, &t));
        *out = ig_tensor_value(t);
        break;
    }
    return IG_OK;
}

static void report_one(const cli_args *a,
                       json_out *j,
                       const char *name,
                       bool same,
                       const compare_result *r)
{
    if (cli_json(a)) {
        json_begin(j, '{');
        json_string(j, "name", name);
        json_bool(j, "equal", same);
        json_int(j, "count", r->count);
        json_int(j, "mismatches", r->mismatches);
        json_number(j, "max_abs", r->max_abs);
        json_number(j, "max_rel", r->max_rel);
        json_number(j, "cosine", r->cosine);
        json_string(j, "message", r->text);
        json_end(j, '}');
        return;
    }
    printf("%-9s %s: %" PRId64 " of %" PRId64
           " differ, max abs %.3g, max rel %.3g, cosine %.9f%s%s\n",
           same ? "equal" : "DIFFERENT", name, r->mismatches, r->count, r->max_abs,
           r->max_rel, r->cosine, same ? "" : "; ", r->text);
}

static exit_code compare_all(const cli_args *a,
                             const ig_model *m,
                             const outputs *out,
                             const expected *e,
                             const compare_opts *o)
{
    json_out j = {0};
    int compared = 0;
    exit_code code = EXIT_OK;
    json_begin(&j, '{');
    json_int(&j, "schema", 1);
    json_key(&j, "outputs");
    json_begin(&j, '[');
    for (int i = 0; i < out->n; i++) {
        ig_value *want = NULL;
        compare_result r;
        if (expected_get(e, m, i, &want) != IG_OK) {
            igi_text_fini(&j.text);
            return say_failure(NULL);
        }
        if (!want) {
            say_warning("%s holds nothing for output '%s'", e->path, out->names[i]);
            continue;
        }
        bool same = compare_values(out->v[i], want, o, &r);
        report_one(a, &j, out->names[i], same, &r);
        code = same ? code : EXIT_FAILED;
        compared++;
        ig_value_unref(want);
    }
    json_end(&j, ']');
    json_bool(&j, "equal", code == EXIT_OK && compared > 0);
    json_end(&j, '}');
    if (cli_json(a))
        json_print(&j);
    igi_text_fini(&j.text);
    if (compared == 0)
        say_error(
            "%s holds none of the model's outputs: expected NAME.npy or output_0.pb",
            e->path);
    return compared == 0 ? EXIT_FAILED : code;
}

static exit_code compare_main(const cli_args *a)
{
    ig_model *m = NULL;
    inputs in = {0};
    outputs out = {0};
    expected e = {0};
    ig_run_opts o;
    compare_opts c = {.rtol = 1e-3, .atol = 1e-7};
    exit_code code = run_options(&o, a);
    if (code == EXIT_OK)
        code = cli_double(a, "rtol", 0, &c.rtol);
    if (code == EXIT_OK)
        code = cli_double(a, "atol", 0, &c.atol);
    if (code == EXIT_OK && expected_open(&e, a->v.p[1]) != IG_OK)
        code = say_failure(NULL);
    if (code == EXIT_OK)
        code = cli_model_load(&m, a, a->v.p[0], NULL);
    if (code == EXIT_OK)
        code = inputs_make(&in, m, a, 2);
    if (code == EXIT_OK)
        code = outputs_run(&out, m, &in, &o);
    if (code == EXIT_OK)
        code = compare_all(a, m, &out, &e, &c);
    outputs_fini(&out);
    inputs_fini(&in);
    igi_npz_close(e.archive);
    ig_model_free(m);
    return code;
}

const cli_command cmd_compare = {
    .name = "compare",
    .usage = "MODEL EXPECTED [INPUT...]",
    .summary = "run a model and compare its outputs with saved ones",
    .examples = "ingot compare model.onnx reference.npz x=input.npy\n"
                "ingot run model.onnx --out before && ingot compare model.onnx before "
                "--level 0",
    .text = "EXPECTED is an .npz archive or a folder with NAME.npy, NAME.pb or "
            "output_K.pb of "
            "each output. Numbers agree when |got - expected| <= atol + rtol * "
            "|expected|, NaN "
            "with NaN; element types and shapes must be equal. Inputs as of 'ingot "
            "run'. Ends "
            "with 1 when something differs.",
    .options = options,
    .groups = CLI_JSON | CLI_LOAD | CLI_DEVICE | CLI_INPUTS,
    .min = 2,
    .max = -1,
    .run = compare_main,
};
