/* Outputs of a run; see outputs.h. */
#include "tools/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/core/tensor.h"

exit_code run_options(ig_run_opts *o, const cli_args *a)
{
    int64_t seed = 0;
    *o = (ig_run_opts){.cancel = &say_interrupted, .profile = cli_value(a, "profile")};
    exit_code code = cli_double(a, "timeout", 0, &o->deadline_s);
    if (code == EXIT_OK)
        code = cli_int(a, "seed", 0, INT64_MAX, &seed);
    if (code == EXIT_OK)
        code = cli_limits(&o->limits, a);
    o->seed = (uint64_t)seed;
    return code;
}

exit_code outputs_run(outputs *out, ig_model *m, const inputs *in, const ig_run_opts *o)
{
    int n = ig_model_n_outputs(m);
    memset(out, 0, sizeof(*out));
    out->names = igi_calloc((size_t)n + 1, sizeof(*out->names));
    out->v = igi_calloc((size_t)n + 1, sizeof(ig_value *));
    if (!out->names || !out->v)
        return say_failure(NULL);
    out->n = n;
    out->model = m;
    for (int i = 0; i < n; i++)
        out->names[i] = ig_model_output_name(m, i);
    ig_status rc =
        ig_model_run_values(m, in->names, in->v, in->n, out->names, out->v, n, o);
    return rc == IG_OK ? EXIT_OK : say_failure(NULL);
}

void outputs_fini(outputs *out)
{
    for (int i = 0; out->v && i < out->n; i++)
        ig_value_unref(out->v[i]);
    igi_free(out->v);
    igi_free(out->names);
    memset(out, 0, sizeof(*out));
}

/* ---- files ---- */

/* A name as a file name: no folder, nothing hidden. */
static void file_name(const char *name, char *buf, size_t size)
{
    size_t i = 0;
    for (; name[i] && i < size - 1; i++) {
        bool bad = name[i] == '/' || (unsigned char)name[i] < 0x20 ||
                   (i == 0 && name[i] == '.');
        buf[i] = bad ? '_' : name[i];
    }
    buf[i] = 0;
    if (i == 0)
        (void)snprintf(buf, size, "output");
}

/* Two names may differ in nothing but what no file name takes: then the later one is
 * called after its position. */
void outputs_file(const ig_model *m, int i, char buf[OUTPUT_FILE])
{
    char other[OUTPUT_FILE];
    file_name(ig_model_output_name(m, i), buf, OUTPUT_FILE);
    for (int k = 0; k < i; k++) {
        file_name(ig_model_output_name(m, k), other, OUTPUT_FILE);
        if (strcmp(other, buf) == 0) {
            (void)snprintf(buf, OUTPUT_FILE, "output_%d", i);
            return;
        }
    }
}

static bool npy_holds(ig_dtype dtype)
{
    return dtype <= IG_COMPLEX128;
}

static ig_status
save_tensor(ig_tensor *t, const char *dir, const char *file, const char *suffix)
{
    char path[4352];
    const char *ending = npy_holds(ig_tensor_dtype(t)) ? "npy" : "pb";
    (void)snprintf(path, sizeof(path), "%.4000s/%s%s.%s", dir, file, suffix, ending);
    IG_TRY(ig_tensor_save(t, path));
    say_detail("wrote %s", path);
    return IG_OK;
}

static ig_status save_value(const outputs *out, int i, const char *dir)
{
    char file[OUTPUT_FILE];
    const char *name = out->names[i];
    ig_value *v = out->v[i];
    outputs_file(out->model, i, file);
    if (ig_value_kind(v) == IG_KIND_OPTIONAL)
        v = ((igi_optional *)v)->item;
    if (!v)
        return IG_OK;
    if (ig_value_tensor(v))
        return save_tensor(ig_value_tensor(v), dir, file, "");
    if (ig_value_kind(v) != IG_KIND_SEQUENCE)
        return ig_fail(IG_UNSUPPORTED,
                       "output '%s' is of a kind that has no file format", name);
    const igi_sequence *s = (const igi_sequence *)v;
    for (int64_t k = 0; k < s->n; k++) {
        char suffix[32];
        (void)snprintf(suffix, sizeof(suffix), ".%lld", (long long)k);
        if (!ig_value_tensor(s->items[k]))
            return ig_fail(IG_UNSUPPORTED,
                           "output '%s' holds items that are no tensors", name);
        IG_TRY(save_tensor(ig_value_tensor(s->items[k]), dir, file, suffix));
    }
    return IG_OK;
}

exit_code outputs_save(const outputs *out, const char *dir)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        (void)ig_fail(IG_IO, "%s: cannot be made: %s", dir, strerror(errno));
        return say_failure(NULL);
    }
    for (int i = 0; i < out->n; i++)
        if (save_value(out, i, dir) != IG_OK)
            return say_failure(NULL);
    say_note("wrote %d output%s to %s", out->n, out->n == 1 ? "" : "s", dir);
    return EXIT_OK;
}
