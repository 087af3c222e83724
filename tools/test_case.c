/* One case of the ONNX test suite: load, run on each data set, compare. */
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/core/status.h"
#include "graph/core/tensor.h"
#include "importers/data/data.h"
#include "tools/test_suite.h"

#define VALUES_MAX 256

typedef struct values {
    ig_value *v[VALUES_MAX];
    const char *names[VALUES_MAX];
    int n;
} values;

static void values_fini(values *s)
{
    for (int i = 0; i < s->n; i++)
        ig_value_unref(s->v[i]);
    s->n = 0;
}

/* What the importer says about unsupported operators, whole. */
typedef struct collected {
    char *text;
    size_t size;
} collected;

static void collect(const char *text, void *user)
{
    collected *c = user;
    const char *list = strstr(text, "not supported: ");
    if (list)
        (void)snprintf(c->text, c->size, "%s", list);
}

/* The test's own data sets hold nothing but what was asked for; random contents by
 * name. */
static bool is_random(const test_case *c)
{
    const char *base = strrchr(c->name, '/');
    return strncmp(base ? base + 1 : c->name, "test_bernoulli", 14) == 0;
}

/* Of those: zeros and ones, as many ones as input 0 says, give or take six standard
 * deviations. The expanded form is the function in ONNX's schema, which gives ones with
 * probability 1 - p. */
static test_status check_distribution(
    const test_case *c, const ig_value *in, ig_value *got, char *text, size_t size)
{
    const ig_tensor *p = ig_value_tensor((ig_value *)(uintptr_t)in);
    const ig_tensor *y = ig_value_tensor(got);
    const bool inverted = strstr(c->name, "_expanded") != NULL;
    double ones = 0, expected = 0, variance = 0;
    for (int64_t i = 0; i < ig_tensor_numel(p); i++) {
        double chance = igi_get_f64(p->v.type.dtype, p->data, i);
        double v = igi_get_f64(y->v.type.dtype, y->data, i);
        if (v != 0 && v != 1) {
            (void)snprintf(text, size, "element %" PRId64 " is %g, not 0 or 1", i, v);
            return TEST_FAILED;
        }
        ones += v;
        expected += inverted ? 1 - chance : chance;
        variance += chance * (1 - chance);
    }
    if (fabs(ones - expected) <= 6 * sqrt(variance) + 1e-6)
        return TEST_PASSED;
    (void)snprintf(text, size, "%g ones, %g expected, standard deviation %g", ones,
                   expected, sqrt(variance));
    return TEST_FAILED;
}

static test_status verdict_of_error(const char *what, char *text, size_t size)
{
    ig_status status = ig_error_status();
    if (!text[0])
        (void)snprintf(text, size, "%s%s", what, ig_error_message());
    return status == IG_UNSUPPORTED ? TEST_UNSUPPORTED : TEST_FAILED;
}

/* Files PREFIX_0.pb, PREFIX_1.pb, ... of one folder, as the types of the model's ports.
 */
static ig_status read_files(
    values *out, const char *folder, const char *prefix, ig_model *m, bool inputs)
{
    int ports = inputs ? ig_model_n_inputs(m) : ig_model_n_outputs(m);
    for (;;) {
        char path[4096];
        struct stat st;
        int i = out->n;
        (void)snprintf(path, sizeof(path), "%.4000s/%.16s_%d.pb", folder, prefix, i);
        if (stat(path, &st) != 0)
            return IG_OK;
        if (i >= ports || i >= VALUES_MAX)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "the data set has %s_%d.pb, the model has %d %ss", prefix, i,
                           ports, prefix);
        const ig_type *want =
            inputs ? ig_model_input_type(m, i) : ig_model_output_type(m, i);
        IG_TRY(igi_value_load(&out->v[i], path, want, NULL));
        out->names[i] = inputs ? ig_model_input_name(m, i) : ig_model_output_name(m, i);
        out->n++;
    }
}

static test_status compare_all(ig_model *m,
                               const values *got,
                               const values *want,
                               const compare_opts *o,
                               char *text,
                               size_t size)
{
    for (int i = 0; i < want->n; i++) {
        compare_result r;
        if (got->v[i] && compare_values(got->v[i], want->v[i], o, &r))
            continue;
        if (!got->v[i])
            (void)snprintf(text, size, "output '%s' is missing",
                           ig_model_output_name(m, i));
        else
            (void)snprintf(text, size,
                           "output '%s': %s; %" PRId64 " of %" PRId64
                           " differ, at most by %g (relative %g)",
                           ig_model_output_name(m, i), r.text, r.mismatches, r.count,
                           r.max_abs, r.max_rel);
        return TEST_FAILED;
    }
    return TEST_PASSED;
}

static test_status run_and_compare(ig_model *m,
                                   const test_case *c,
                                   const values *in,
                                   const values *want,
                                   const compare_opts *o,
                                   char *text,
                                   size_t size)
{
    values got = {0};
    test_status status;
    for (int i = 0; i < want->n; i++) {
        got.names[i] = ig_model_output_name(m, i);
        got.v[i] = NULL;
    }
    ig_status rc = ig_model_run_values(m, in->names, in->v, in->n, got.names, got.v,
                                       want->n, NULL);
    got.n = want->n;
    if (rc != IG_OK)
        status = verdict_of_error("run: ", text, size);
    else
        status = compare_all(m, &got, want, o, text, size);
    if (status == TEST_PASSED && is_random(c))
        status = check_distribution(c, in->v[0], got.v[0], text, size);
    values_fini(&got);
    return status;
}

static test_status run_data_set(ig_model *m,
                                const test_case *c,
                                const char *folder,
                                const compare_opts *o,
                                char *text,
                                size_t size)
{
    values in = {0}, want = {0};
    test_status status;
    if (read_files(&in, folder, "input", m, true) != IG_OK ||
        read_files(&want, folder, "output", m, false) != IG_OK)
        status = verdict_of_error("data set: ", text, size);
    else if (want.n == 0) {
        (void)snprintf(text, size, "%s holds no output_0.pb", folder);
        status = TEST_FAILED;
    } else {
        status = run_and_compare(m, c, &in, &want, o, text, size);
    }
    values_fini(&in);
    values_fini(&want);
    return status;
}

static test_status run_data_sets(
    ig_model *m, const test_case *c, const compare_opts *o, char *text, size_t size)
{
    test_status status = TEST_PASSED;
    int sets = 0;
    for (int k = 0; status == TEST_PASSED; k++) {
        char folder[4096];
        struct stat st;
        (void)snprintf(folder, sizeof(folder), "%.4000s/test_data_set_%d", c->folder,
                       k);
        if (stat(folder, &st) != 0)
            break;
        sets++;
        status = run_data_set(m, c, folder, o, text, size);
    }
    if (sets == 0) {
        (void)snprintf(text, size, "there is no test_data_set_0");
        status = TEST_FAILED;
    }
    return status;
}

/* ---- light models ---- */

/* The one input: element i of n is i/n. */
static ig_status ramp(ig_model *m, values *in)
{
    const ig_type *type = ig_model_input_type(m, 0);
    ig_tensor *t = NULL;
    if (ig_model_n_inputs(m) != 1 || !type || type->kind != IG_KIND_TENSOR ||
        type->dtype != IG_FLOAT32 || type->rank < 0)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "a light model has one float32 input of known rank");
    IG_TRY(ig_tensor_new(&t, IG_FLOAT32, type->rank, ig_type_dims(type)));
    float *p = ig_tensor_data(t);
    int64_t n = ig_tensor_numel(t);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)i / (float)n;
    in->v[0] = ig_tensor_value(t);
    in->names[0] = ig_model_input_name(m, 0);
    in->n = 1;
    return IG_OK;
}

static test_status run_light(
    ig_model *m, const test_case *c, const compare_opts *o, char *text, size_t size)
{
    values in = {0}, want = {0};
    test_status status;
    ig_status rc = ramp(m, &in);
    if (rc == IG_OK && ig_model_n_outputs(m) < 1)
        rc = ig_fail(IG_INVALID_GRAPH, "the model has no output");
    if (rc == IG_OK)
        rc = igi_value_load(&want.v[0], c->output, ig_model_output_type(m, 0), NULL);
    if (rc == IG_OK) {
        want.n = 1;
        want.names[0] = ig_model_output_name(m, 0);
        status = run_and_compare(m, c, &in, &want, o, text, size);
    } else {
        status = verdict_of_error("data: ", text, size);
    }
    values_fini(&in);
    values_fini(&want);
    return status;
}

/* ---- loading ---- */

static ig_status same_ports(const ig_graph *a, const ig_graph *b)
{
    int n_in = ig_graph_n_inputs(a), n_out = ig_graph_n_outputs(a);
    if (n_in != ig_graph_n_inputs(b) || n_out != ig_graph_n_outputs(b))
        return ig_fail(IG_INVALID_GRAPH, "%d inputs and %d outputs came back as %d, %d",
                       n_in, n_out, ig_graph_n_inputs(b), ig_graph_n_outputs(b));
    for (int i = 0; i < n_in; i++) {
        const char *x = ig_graph_value_name(a, ig_graph_input_at(a, i));
        const char *y = ig_graph_value_name(b, ig_graph_input_at(b, i));
        if (strcmp(x, y) != 0)
            return ig_fail(IG_INVALID_GRAPH, "input '%s' came back as '%s'", x, y);
    }
    for (int i = 0; i < n_out; i++) {
        const ig_type *x = ig_graph_value_type(a, ig_graph_output_at(a, i));
        const ig_type *y = ig_graph_value_type(b, ig_graph_output_at(b, i));
        if (strcmp(ig_graph_output_name(a, i), ig_graph_output_name(b, i)) != 0)
            return ig_fail(IG_INVALID_GRAPH, "output '%s' came back as '%s'",
                           ig_graph_output_name(a, i), ig_graph_output_name(b, i));
        if (x->kind != y->kind || x->dtype != y->dtype ||
            (x->kind == IG_KIND_TENSOR && x->rank != y->rank))
            return ig_fail(IG_INVALID_GRAPH, "output '%s' of rank %d came back with %d",
                           ig_graph_output_name(a, i), x->rank, y->rank);
    }
    return IG_OK;
}

/* The model as a file of that format gives it, which ours has written. */
static ig_status load_round_trip(ig_model **m,
                                 const char *path,
                                 const test_opts *o,
                                 const ig_model_opts *opts)
{
    const char *folder = getenv("TMPDIR");
    char file[4096];
    ig_graph *g = NULL;
    const ig_read_opts read = {.limits = opts->limits,
                               .warn = opts->warn,
                               .user = opts->user,
                               .registry = opts->registry};
    IG_TRY(ig_graph_read(&g, path, &read));
    (void)snprintf(file, sizeof(file), "%.4000s/ingot_test_XXXXXX.%s",
                   folder && *folder ? folder : "/tmp", o->round_trip);
    int fd = mkstemps(file, (int)strlen(o->round_trip) + 1);
    ig_status rc = fd < 0 ? ig_fail(IG_IO, "%s cannot be made", file) : IG_OK;
    if (fd >= 0)
        (void)close(fd);
    if (rc == IG_OK)
        rc = ig_graph_save(g, file, NULL);
    if (rc == IG_OK)
        rc = ig_model_load(m, file, opts);
    if (rc == IG_OK)
        rc = same_ports(g, ig_model_graph(*m));
    if (fd >= 0)
        (void)unlink(file);
    ig_graph_free(g);
    return rc == IG_OK ? IG_OK : ig_fail_context("as .%s", o->round_trip);
}

test_status
test_run_case(const test_case *c, const test_opts *o, char *text, size_t size)
{
    ig_model *m = NULL;
    collected list = {text, size};
    ig_model_opts opts = o->model;
    compare_opts compare = o->compare;
    test_status status;
    text[0] = 0;
    opts.warn = collect;
    opts.user = &list;
    compare.types_only = is_random(c);
    ig_status rc = o->round_trip ? load_round_trip(&m, c->model, o, &opts)
                                 : ig_model_load(&m, c->model, &opts);
    if (rc != IG_OK) {
        status = verdict_of_error("load: ", text, size);
        ig_model_free(m);
        return status;
    }
    text[0] = 0;
    if (c->folder)
        status = run_data_sets(m, c, &compare, text, size);
    else
        status = run_light(m, c, &compare, text, size);
    ig_model_free(m);
    return status;
}
