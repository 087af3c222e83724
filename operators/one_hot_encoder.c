/* OneHotEncoder: each element becomes a vector with a 1 at its category. Numbers are
 * truncated to integers first; NaN is none, so it has no category. */
#include <inttypes.h>

#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    ig_ints cats_int64s;
    ig_strings cats_strings;
    int64_t zeros;
} encoder_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(encoder_attrs, cats_int64s, "Categories of numbers."),
    IG_ATTR_STRINGS(encoder_attrs, cats_strings, "Categories of strings."),
    IG_ATTR_INT(encoder_attrs,
                zeros,
                1,
                "1: all zeros for what is no category; 0: an error.",
                .min = 0,
                .max = 1),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Categories."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'F', "Shape of X and one axis more.", .flags = IG_NODIFF), {0}};
static const ig_type_rule types[] = {
    {'T', IGI_ML_NUMBERS | IG_T(STRING)}, {'F', IG_T(FLOAT32)}, {0}};

static int64_t categories(const encoder_attrs *a, bool strings)
{
    return strings ? a->cats_strings.n : a->cats_int64s.n;
}

static ig_status encoder_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    const bool strings = x->in[0]->dtype == IG_STRING;
    int rank = x->in[0]->rank;
    int64_t n = categories(x->attrs, strings);
    if (n == 0)
        return ig_infer_fail(x, "%s is needed for this element type",
                             strings ? "cats_strings" : "cats_int64s");
    if (rank == IG_RANK_MAX)
        return ig_infer_fail(x, "X has rank %d, there is no room for an axis", rank);
    for (int i = 0; i < rank; i++)
        dims[i] = ig_type_dims(x->in[0])[i];
    dims[rank] = n;
    return ig_infer_set(x, 0, rank + 1, dims);
}

static int64_t find(const encoder_attrs *a, const ig_tensor *x, int64_t i)
{
    const bool strings = ig_dtype_of(x) == IG_STRING;
    const igi_str *s = strings ? ((igi_str **)ig_data(x))[i] : NULL;
    if (!strings && isnan(igi_ml_at(x, i)))
        return -1;
    const int64_t v = strings                      ? 0
                      : ig_dtype_of(x) == IG_INT64 ? ((const int64_t *)ig_data(x))[i]
                                                   : igi_f64_to_i64(igi_ml_at(x, i));
    for (int64_t c = 0; c < categories(a, strings); c++)
        if (strings ? strcmp(a->cats_strings.v[c], s ? s->text : "") == 0
                    : a->cats_int64s.v[c] == v)
            return c;
    return -1;
}

static ig_status encoder_reference(ig_kernel_ctx *k)
{
    const encoder_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    float *y = ig_data(ig_out(k, 0));
    const bool strings = ig_dtype_of(x) == IG_STRING;
    const int64_t n = categories(a, strings);
    igi_pace pace = igi_pace_of(k);
    for (int64_t i = 0; i < ig_numel(x); i++) {
        IG_TRY(igi_pace_go(&pace, n * (strings ? 64 : 2)));
        int64_t hit = find(a, x, i);
        if (hit < 0 && !a->zeros)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "element %" PRId64 " is in none of the categories",
                                  i);
        for (int64_t c = 0; c < n; c++)
            y[i * n + c] = c == hit;
    }
    return IG_OK;
}

#define CATS                                                                           \
    .cats_int64s = {3, (const int64_t[]){0, 2, 8}},                                    \
    .cats_strings = {3, (const char *const[]){"0", "2", "8"}}
static const encoder_attrs lenient = {
    .struct_size = sizeof(encoder_attrs), CATS, .zeros = 1};
static const encoder_attrs strict = {.struct_size = sizeof(encoder_attrs), CATS};
#define SOME                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(2, 2), .data = (const double[])                                    \
        {                                                                              \
            0, 2, 8, 3                                                                 \
        }                                                                              \
    }
#define KNOWN                                                                          \
    {                                                                                  \
        IG_SHAPE_IN(3), .data = (const double[])                                       \
        {                                                                              \
            8, 2, 8                                                                    \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "lenient", .attrs = &lenient, IGI_INPUTS(SOME)},
    {.name = "strict", .attrs = &strict, IGI_INPUTS(KNOWN)},
    {.name = "scalar", .attrs = &lenient, IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "size_one", .attrs = &lenient, IGI_INPUTS(IGI_IN(1, 1))},
    {.name = "empty", .attrs = &strict, IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(OneHotEncoder) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "OneHotEncoder",
    .since = 1,
    .doc = "Elements as vectors with a 1 at their category.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(encoder_attrs),
    .infer = encoder_infer,
    .gradient = ig_gradient_none,
    .reference = encoder_reference,
    .samples = samples,
};
