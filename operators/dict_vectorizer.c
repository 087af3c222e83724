/* DictVectorizer: the values of a map in the order of a vocabulary; keys that the map
 * lacks give 0 or an empty string, keys that the vocabulary lacks are left out. */
#include "operators/common_flow.h"
#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    ig_ints int64_vocabulary;
    ig_strings string_vocabulary;
} vectorizer_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(vectorizer_attrs, int64_vocabulary, "Keys; one list must be given."),
    IG_ATTR_STRINGS(vectorizer_attrs, string_vocabulary, "Keys that are strings."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("X", 'T', "From int64 or strings to scalars.", .flags = IG_MAP), {0}};
static const ig_port outputs[] = {IG_PORT("Y", 'T', "[1, keys of the vocabulary]."),
                                  {0}};
static const ig_type_rule types[] = {
    {'T', IG_T(FLOAT32) | IG_T(FLOAT64) | IG_T(INT64) | IG_T(STRING)}, {0}};

static ig_status vectorizer_infer(ig_infer *x)
{
    const vectorizer_attrs *a = x->attrs;
    const bool strings = a->string_vocabulary.v != NULL;
    if (!a->int64_vocabulary.v != strings)
        return ig_infer_fail(
            x, "one of int64_vocabulary and string_vocabulary must be given");
    if (x->in[0]->dtype != (strings ? IG_STRING : IG_INT64))
        return ig_infer_fail(x, "the vocabulary is of %s, but X has keys of %s",
                             strings ? "string" : "int64",
                             ig_dtype_name((ig_dtype)x->in[0]->dtype));
    const int64_t dims[2] = {1,
                             strings ? a->string_vocabulary.n : a->int64_vocabulary.n};
    return ig_infer_set(x, 0, 2, dims);
}

static ig_status vectorizer_reference(ig_kernel_ctx *k)
{
    const vectorizer_attrs *a = k->attrs;
    const igi_dict *map = (const igi_dict *)k->in[0];
    const ig_tensor *y = ig_out(k, 0);
    const bool strings = a->string_vocabulary.v != NULL;
    const int64_t one = 1;
    if (ig_dtype_of(y) != IG_STRING)
        memset(ig_data(y), 0, ig_tensor_nbytes(y));
    for (int64_t i = 0; i < ig_numel(y); i++) {
        int64_t at = igi_dict_find(map, strings ? 0 : a->int64_vocabulary.v[i],
                                   strings ? a->string_vocabulary.v[i] : NULL);
        const ig_tensor *v = at < 0 ? NULL : ig_value_tensor(map->items[at]);
        if (v && ig_numel(v) != 1)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "value %lld has %lld elements, expected one",
                                  (long long)at, (long long)ig_numel(v));
        if (v)
            igi_copy_nd(ig_dtype_of(y), 1, &one, ig_data(y), i, &one, ig_data(v), 0,
                        &one);
    }
    return IG_OK;
}

static const vectorizer_attrs by_number = {.struct_size = sizeof(vectorizer_attrs),
                                           .int64_vocabulary = IGI_INTS(5, 1, 3, -4)};
static const vectorizer_attrs by_name = {
    .struct_size = sizeof(vectorizer_attrs),
    .string_vocabulary = {3, (const char *const[]){"1", "x", "20"}}};
#define KEYS(dtype_, n_, ...)                                                          \
    {                                                                                  \
        IG_SHAPE_IN(n_), IGI_DATA(dtype_, __VA_ARGS__)                                 \
    }
#define NO_KEYS(dtype_)                                                                \
    {                                                                                  \
        IG_SHAPE_IN(0), .dtype = dtype_                                                \
    }
static const ig_sample samples[] = {
    {.name = "numbers",
     .attrs = &by_number,
     IGI_INPUTS(IGI_IN_MAP(
         KEYS(IG_INT64, 3, 3, 5, 8), IGI_IN_SCALAR, IGI_IN_SCALAR, IGI_IN_SCALAR))},
    {.name = "strings",
     .attrs = &by_name,
     IGI_INPUTS(IGI_IN_MAP(KEYS(IG_STRING, 2, 20, 1), IGI_IN_SCALAR, IGI_IN_SCALAR))},
    {.name = "one_key",
     .attrs = &by_number,
     IGI_INPUTS(IGI_IN_MAP(KEYS(IG_INT64, 1, 3), IGI_IN(1)))},
    {.name = "empty", .attrs = &by_name, IGI_INPUTS(IGI_IN_MAP(NO_KEYS(IG_STRING)))},
    {0},
};

IG_OPERATOR(DictVectorizer) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "DictVectorizer",
    .since = 1,
    .doc = "The values of a map in the order of a vocabulary.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(vectorizer_attrs),
    .infer = vectorizer_infer,
    .gradient = ig_gradient_forbidden,
    .reference = vectorizer_reference,
    .samples = samples,
};
