/* Inputs of a run; see inputs.h. */
#include "tools/inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/sym.h"
#include "graph/core/tensor.h"
#include "graph/core/text.h"
#include "importers/data/data.h"
#include "tools/image.h"

typedef struct maker {
    inputs *in;
    ig_model *m;
    const cli_args *a;
    ig_limits limits;
    image_opts image;
    int64_t *
        dims; /* per symbol of the model's table: the size that inputs gave it, or -1 */
    int n_dims;
    int position; /* of the next input that is given without a name */
} maker;

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcasecmp(s + n - k, end) == 0;
}

static bool is_picture(const char *path)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".jp2", ".j2k",
                                          ".bmp", ".tif", ".tiff", ".pbm", ".pgm",
                                          ".ppm", ".pnm", ".webp"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
        if (ends_with(path, endings[i]))
            return true;
    return false;
}

static exit_code usage(const maker *k, const char *word, const char *what)
{
    return say_usage(k->a->command->name, "%s: %s", word, what);
}

/* ---- symbolic dims ---- */

static const ig_symtab *symbols(const maker *k)
{
    return ig_graph_symbols(ig_model_graph(k->m));
}

/* Learns sizes of symbols from a tensor that was given. */
static void learn_dims(maker *k, const ig_type *type, const ig_tensor *t)
{
    if (!type || type->kind != IG_KIND_TENSOR || type->rank != ig_tensor_rank(t))
        return;
    for (int i = 0; i < type->rank; i++)
        for (int s = 0; s < k->n_dims; s++)
            if (ig_type_dims(type)[i] == igi_symtab_at(symbols(k), s) && k->dims[s] < 0)
                k->dims[s] = ig_tensor_dims(t)[i];
}

/* The type with numbers for all dims, those that nobody knows being 1, and with
 * `open_rank` dims where nobody knows how many; *guessed says so. */
static ig_status concrete(
    const maker *k, const ig_type *type, int open_rank, ig_type *out, bool *guessed)
{
    int64_t dims[IG_RANK_MAX];
    *guessed = type->rank < 0;
    int rank = type->rank < 0 ? open_rank : type->rank;
    for (int i = 0; i < rank; i++) {
        int64_t d = type->rank < 0 ? -1 : ig_type_dims(type)[i];
        if (ig_dim_is_symbol(d))
            d = igi_dim_eval(symbols(k), d, k->dims, k->n_dims);
        *guessed |= d < 0;
        dims[i] = d < 0 ? 1 : d;
    }
    return igi_type_set(out, (ig_dtype)type->dtype, rank, dims);
}

/* ---- one value ---- */

static exit_code put(maker *k, int i, ig_value *v)
{
    if (k->in->v[i]) {
        ig_value_unref(v);
        return say_usage(k->a->command->name, "input '%s' is given twice",
                         ig_model_input_name(k->m, i));
    }
    k->in->v[i] = v;
    if (ig_value_tensor(v))
        learn_dims(k, ig_model_input_type(k->m, i), ig_value_tensor(v));
    return EXIT_OK;
}

/* A map of one key: 0 or an empty string. */
static ig_status map_around(ig_value **out, ig_dtype key, ig_value *item)
{
    ig_tensor *keys = NULL;
    IG_TRY(ig_tensor_new(&keys, key, 1, (const int64_t[]){1}));
    ig_status rc = ig_map_new(out, keys, &item);
    ig_tensor_unref(keys);
    return rc;
}

/* A value of the type. Sequences, optionals and maps hold one item, with which more
 * models run than with none; what maps hold is a scalar unless its type has dims. */
static ig_status make_value(
    maker *k, ig_value **out, const ig_type *type, int open_rank, const char *word)
{
    ig_value *item = NULL;
    *out = NULL;
    if (type->kind == IG_KIND_TENSOR && type->dtype) {
        ig_type own = {0};
        ig_tensor *t = NULL;
        bool guessed;
        IG_TRY(concrete(k, type, open_rank, &own, &guessed));
        ig_status rc = inputs_synthesise(&t, &own, word);
        igi_type_fini(&own);
        *out = t ? ig_tensor_value(t) : NULL;
        return rc;
    }
    if (type->kind == IG_KIND_TENSOR || type->kind == IG_KIND_SPARSE || !type->u.elem)
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "no value can be made up without an element type, and none that is "
            "sparse: give a file");
    ig_status rc =
        make_value(k, &item, type->u.elem, type->kind == IG_KIND_MAP ? 0 : 1, word);
    if (rc == IG_OK)
        rc = type->kind == IG_KIND_SEQUENCE   ? ig_sequence_new(out, &item, 1, NULL)
             : type->kind == IG_KIND_OPTIONAL ? ig_optional_new(out, item, NULL)
                                              : map_around(out, type->dtype, item);
    ig_value_unref(item);
    return rc;
}

static exit_code put_word(maker *k, int i, const char *word)
{
    const ig_type *type = ig_model_input_type(k->m, i);
    ig_value *v = NULL;
    if (!type)
        return usage(k, word, "the model does not say of what type the input is");
    if (make_value(k, &v, type, 1, word) != IG_OK) {
        exit_code code = say_failure(ig_model_input_name(k->m, i));
        ig_value_unref(v);
        return code;
    }
    return put(k, i, v);
}

static ig_status
load_image(maker *k, ig_tensor **out, const char *path, const ig_type *type)
{
    igi_file *f = NULL;
    image im = {0};
    IG_TRY(igi_file_read(&f, path, k->limits.file_bytes));
    ig_status rc = image_decode(&im, f->data, f->size);
    igi_file_unref(f);
    if (rc == IG_OK)
        rc = image_to_tensor(out, &im, type, &k->image);
    image_fini(&im);
    return rc == IG_OK ? IG_OK : ig_fail_context("%s", path);
}

/* Whole numbers separated by commas; -1: malformed or too many. */
static int number_list(const char *text, int64_t *out, int cap)
{
    int n = 0;
    for (char *end = NULL; n < cap; text = end + 1) {
        errno = 0;
        out[n++] = strtoll(text, &end, 10);
        if (errno || end == text || (*end && *end != ','))
            return -1;
        if (!*end)
            return n;
    }
    return -1;
}

static ig_status
load_raw(maker *k, ig_tensor **out, const char *path, const ig_type *type)
{
    ig_type own = {0};
    bool guessed;
    const char *list = cli_value(k->a, "raw-dims");
    if (list) {
        int64_t dims[IG_RANK_MAX];
        int rank = number_list(list, dims, IG_RANK_MAX);
        if (rank < 0)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "--raw-dims is '%s', expected numbers as 1,3,224,224", list);
        return igi_raw_load(out, path, (ig_dtype)type->dtype, rank, dims, &k->limits);
    }
    IG_TRY(concrete(k, type, 1, &own, &guessed));
    ig_status rc = igi_raw_load(out, path, (ig_dtype)type->dtype, own.rank,
                                ig_type_dims(&own), &k->limits);
    igi_type_fini(&own);
    return rc == IG_OK || !guessed
               ? rc
               : ig_fail_context(
                     "the model leaves the shape open (--raw-dims says it)");
}

static exit_code put_file(maker *k, int i, const char *path)
{
    const ig_type *type = ig_model_input_type(k->m, i);
    ig_tensor *t = NULL;
    ig_value *v = NULL;
    ig_status rc;
    if (is_picture(path))
        rc = load_image(k, &t, path, type);
    else if (ends_with(path, ".raw") || ends_with(path, ".bin"))
        rc = load_raw(k, &t, path, type);
    else
        rc = igi_value_load(&v, path, type, &k->limits);
    if (rc != IG_OK)
        return say_failure(NULL);
    return put(k, i, t ? ig_tensor_value(t) : v);
}

static int input_named(const maker *k, const char *name, size_t n)
{
    for (int i = 0; i < k->in->n; i++) {
        const char *own = ig_model_input_name(k->m, i);
        if (strlen(own) == n && memcmp(own, name, n) == 0)
            return i;
    }
    return -1;
}

/* Arrays of an archive go to inputs by name, or by position when they are called arr_0,
 * ... */
static exit_code put_archive(maker *k, const char *path)
{
    igi_file *f = NULL;
    igi_npz *z = NULL;
    exit_code code = EXIT_OK;
    ig_status rc = igi_file_read(&f, path, k->limits.file_bytes);
    if (rc == IG_OK)
        rc = igi_npz_open(&z, f, k->limits.memory_bytes);
    igi_file_unref(f);
    for (int e = 0; rc == IG_OK && code == EXIT_OK && e < igi_npz_count(z); e++) {
        const char *name = igi_npz_name(z, e);
        ig_tensor *t = NULL;
        int i = input_named(k, name, strlen(name));
        if (i < 0 && strncmp(name, "arr_", 4) == 0 && k->position < k->in->n)
            i = k->position++;
        if (i < 0) {
            code = say_usage(k->a->command->name,
                             "%s holds '%s', the model has no such input", path, name);
            continue;
        }
        rc = igi_npz_read(z, e, &t);
        if (rc == IG_OK)
            code = put(k, i, ig_tensor_value(t));
    }
    igi_npz_close(z);
    return rc != IG_OK ? say_failure(path) : code;
}

/* ---- all ---- */

static const char *input_name(int i, const void *user)
{
    const ig_model *m = user;
    return i < ig_model_n_inputs(m) ? ig_model_input_name(m, i) : NULL;
}

static exit_code unknown_input(const maker *k, const char *word, size_t n)
{
    char name[128];
    n = n < sizeof(name) - 1 ? n : sizeof(name) - 1;
    memcpy(name, word, n);
    name[n] = 0;
    const char *near = cli_nearest(name, input_name, k->m);
    if (!near && k->in->n == 1)
        near = ig_model_input_name(k->m, 0);
    return say_usage(k->a->command->name, "the model has no input '%s'%s%s%s", name,
                     near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
}

static exit_code take_argument(maker *k, const char *word)
{
    const char *equals = strchr(word, '=');
    int i;
    if (equals && access(word, F_OK) != 0) {
        i = input_named(k, word, (size_t)(equals - word));
        if (i < 0)
            return unknown_input(k, word, (size_t)(equals - word));
        word = equals + 1;
    } else if (ends_with(word, ".npz")) {
        return put_archive(k, word);
    } else {
        while (k->position < k->in->n && k->in->v[k->position])
            k->position++;
        i = k->position++;
        if (i >= k->in->n)
            return say_usage(k->a->command->name,
                             "'%s' is too much: the model has %d input%s", word,
                             k->in->n, k->in->n == 1 ? "" : "s");
    }
    return inputs_is_word(word) ? put_word(k, i, word) : put_file(k, i, word);
}

/* Whatever nobody gave: random floats, and a line about it. */
static exit_code make_up(maker *k)
{
    igi_text note = {0};
    exit_code code = EXIT_OK;
    for (int i = 0; code == EXIT_OK && i < k->in->n; i++) {
        char type[300];
        if (k->in->v[i])
            continue;
        code = put_word(k, i, "random:0");
        if (code == EXIT_OK)
            igi_text_add(&note, "%s%s %s", note.n ? ", " : "",
                         ig_model_input_name(k->m, i),
                         igi_type_print(&k->in->v[i]->type, NULL, type, sizeof(type)));
    }
    if (code == EXIT_OK && note.n && igi_text_take(&note, &k->in->made_up) != IG_OK)
        code = say_failure(NULL);
    igi_text_fini(&note);
    if (k->in->made_up)
        say_note("made up (random:0): %s", k->in->made_up);
    return code;
}

static exit_code floats(const cli_args *a, const char *name, float *out, int *n)
{
    const char *text = cli_value(a, name);
    *n = 0;
    while (text && *n < 4) {
        char *end;
        out[(*n)++] = strtof(text, &end);
        if (end == text || (*end && *end != ','))
            return say_usage(a->command->name, "--%s needs numbers as 0.5,0.5,0.5",
                             name);
        text = *end ? end + 1 : NULL;
    }
    return text ? say_usage(a->command->name, "--%s has more than 4 numbers", name)
                : EXIT_OK;
}

exit_code inputs_make(inputs *in, ig_model *m, const cli_args *a, size_t first)
{
    maker k = {.in = in, .m = m, .a = a};
    int n = ig_model_n_inputs(m);
    memset(in, 0, sizeof(*in));
    in->n = n;
    in->names = igi_calloc((size_t)n + 1, sizeof(*in->names));
    in->v = igi_calloc((size_t)n + 1, sizeof(ig_value *));
    k.n_dims = igi_symtab_count(symbols(&k));
    k.dims = igi_alloc_array((size_t)k.n_dims + 1, sizeof(int64_t));
    if (!in->names || !in->v || !k.dims) {
        igi_free(k.dims);
        return say_failure(NULL);
    }
    for (int i = 0; i < k.n_dims; i++)
        k.dims[i] = -1;
    for (int i = 0; i < n; i++)
        in->names[i] = ig_model_input_name(m, i);
    exit_code code = cli_limits(&k.limits, a);
    if (code == EXIT_OK)
        code = floats(a, "mean", k.image.mean, &k.image.n_mean);
    if (code == EXIT_OK)
        code = floats(a, "std", k.image.std, &k.image.n_std);
    for (size_t i = first; code == EXIT_OK && i < a->v.n; i++)
        code = take_argument(&k, a->v.p[i]);
    if (code == EXIT_OK)
        code = make_up(&k);
    igi_free(k.dims);
    return code;
}

void inputs_fini(inputs *in)
{
    for (int i = 0; in->v && i < in->n; i++)
        ig_value_unref(in->v[i]);
    igi_free(in->v);
    igi_free(in->names);
    igi_free(in->made_up);
    memset(in, 0, sizeof(*in));
}
