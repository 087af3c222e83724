/* LabelEncoder: each element becomes the value whose key it equals, by two parallel
 * lists; the last of equal keys counts. Any NaN equals a NaN key. */
#include <inttypes.h>

#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    float default_float;
    ig_ints keys_int64s, values_int64s;
    ig_floats keys_floats, values_floats;
    ig_strings keys_strings, values_strings;
    ig_tensor *keys_tensor, *values_tensor, *default_tensor;
    int64_t default_int64;
    const char *default_string;
} encoder_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(encoder_attrs, default_float, -0.0, "Value of unknown elements."),
    IG_ATTR_INTS(encoder_attrs, keys_int64s, "Keys."),
    IG_ATTR_INTS(encoder_attrs, values_int64s, "Values."),
    IG_ATTR_FLOATS(encoder_attrs, keys_floats, "Keys."),
    IG_ATTR_FLOATS(encoder_attrs, values_floats, "Values."),
    IG_ATTR_STRINGS(encoder_attrs, keys_strings, "Keys."),
    IG_ATTR_STRINGS(encoder_attrs, values_strings, "Values."),
    IG_ATTR_TENSOR(encoder_attrs, keys_tensor, "Keys, a vector."),
    IG_ATTR_TENSOR(encoder_attrs, values_tensor, "Values, a vector."),
    IG_ATTR_TENSOR(encoder_attrs,
                   default_tensor,
                   "Value of unknown elements, one, of values_tensor's type; absent: "
                   "-1, -0.0 or _Unused."),
    IG_ATTR_INT(encoder_attrs, default_int64, -1, "Value of unknown elements."),
    IG_ATTR_STRING(
        encoder_attrs, default_string, "_Unused", "Value of unknown elements."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Elements of the keys' type."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y",
            'U',
            "Elements of the values' type, in the shape of X.",
            .flags = IG_NODIFF),
    {0},
};
#define ENCODED                                                                        \
    (IG_T(FLOAT32) | IG_T(FLOAT64) | IG_T(INT16) | IG_T(INT32) | IG_T(INT64) |         \
     IG_T(STRING))
static const ig_type_rule types[] = {{'T', ENCODED}, {'U', ENCODED}, {0}};

/* One of the two lists, whichever attribute it came from. */
typedef struct {
    ig_ints ints;
    ig_floats floats;
    ig_strings strings;
    const ig_tensor *tensor;
    ig_dtype dtype; /* IG_UNDEFINED: none is given, or several */
    int64_t n;
} list;

static list list_of(ig_ints i, ig_floats f, ig_strings s, const ig_tensor *t)
{
    list l = {.ints = i, .floats = f, .strings = s, .tensor = t};
    int given = (i.v != NULL) + (f.v != NULL) + (s.v != NULL) + (t != NULL);
    l.n = i.v ? i.n : f.v ? f.n : s.v ? s.n : t ? ig_numel(t) : 0;
    l.dtype = given != 1 ? IG_UNDEFINED
              : i.v      ? IG_INT64
              : f.v      ? IG_FLOAT32
              : s.v      ? IG_STRING
                         : ig_dtype_of(t);
    return l;
}
static list keys_of(const encoder_attrs *a)
{
    return list_of(a->keys_int64s, a->keys_floats, a->keys_strings, a->keys_tensor);
}
static list values_of(const encoder_attrs *a)
{
    return list_of(a->values_int64s, a->values_floats, a->values_strings,
                   a->values_tensor);
}

static ig_status encoder_infer(ig_infer *x)
{
    const encoder_attrs *a = x->attrs;
    list keys = keys_of(a), values = values_of(a);
    if (keys.dtype == IG_UNDEFINED || values.dtype == IG_UNDEFINED)
        return ig_infer_fail(x, "one list of keys and one of values are needed");
    if (keys.n != values.n)
        return ig_infer_fail(x, "%" PRId64 " keys for %" PRId64 " values", keys.n,
                             values.n);
    if (keys.dtype != (ig_dtype)x->in[0]->dtype)
        return ig_infer_fail(x, "the keys are %s, the elements %s",
                             ig_dtype_name(keys.dtype),
                             ig_dtype_name((ig_dtype)x->in[0]->dtype));
    if (a->default_tensor && (ig_dtype_of(a->default_tensor) != values.dtype ||
                              ig_numel(a->default_tensor) != 1))
        return ig_infer_fail(x, "default_tensor must be one element of type %s",
                             ig_dtype_name(values.dtype));
    IG_TRY(ig_infer_dtype(x, 0, values.dtype));
    return x->in[0]->rank < 0 ? ig_infer_unknown(x, 0) : ig_infer_copy(x, 0, 0);
}

/* ---- elements ---- */

static double number_at(const list *l, int64_t i)
{
    return l->floats.v ? (double)l->floats.v[i] : igi_ml_at(l->tensor, i);
}
static int64_t int_at(const list *l, int64_t i)
{
    return l->ints.v ? l->ints.v[i] : igi_get_i64(l->dtype, ig_data(l->tensor), i);
}
static const char *text_at(const list *l, int64_t i)
{
    if (l->strings.v)
        return l->strings.v[i];
    const igi_str *s = ((igi_str **)ig_data(l->tensor))[i];
    return s ? s->text : "";
}

static bool is_real(ig_dtype d)
{
    return d == IG_FLOAT32 || d == IG_FLOAT64;
}

/* Order of keys: by value, NaN behind all. */
static int compare_real(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}
static int compare_keys(const list *l, int64_t a, int64_t b)
{
    if (is_real(l->dtype))
        return compare_real(number_at(l, a), number_at(l, b));
    if (l->dtype == IG_STRING)
        return strcmp(text_at(l, a), text_at(l, b));
    int64_t x = int_at(l, a), y = int_at(l, b);
    return (x > y) - (x < y);
}
/* Element i of x against key b. */
static int compare_element(const list *l, const ig_tensor *x, int64_t i, int64_t b)
{
    if (is_real(l->dtype))
        return compare_real(igi_ml_at(x, i), number_at(l, b));
    if (l->dtype == IG_STRING) {
        const igi_str *s = ((igi_str **)ig_data(x))[i];
        return strcmp(s ? s->text : "", text_at(l, b));
    }
    int64_t v = igi_get_i64(l->dtype, ig_data(x), i), y = int_at(l, b);
    return (v > y) - (v < y);
}

/* ---- the sorted table ---- */

/* Merge sort, stable: of equal keys the last one stays last. */
static ig_status
sort_keys(igi_pace *pace, const list *l, int64_t *order, int64_t *room, int64_t n)
{
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n;
            int64_t hi = mid + width < n ? mid + width : n, i = lo, j = mid;
            for (int64_t k = lo; k < hi; k++) {
                IG_TRY(igi_pace_go(pace, 64));
                bool left =
                    j >= hi || (i < mid && compare_keys(l, order[i], order[j]) <= 0);
                room[k] = order[left ? i++ : j++];
            }
        }
        memcpy(order, room, (size_t)n * sizeof(*order));
    }
    return IG_OK;
}

/* The last key that is not above element i; -1 when it is not the same. */
static int64_t find(const list *l, const int64_t *order, const ig_tensor *x, int64_t i)
{
    int64_t lo = 0, hi = l->n; /* order[hi] is above */
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (compare_element(l, x, i, order[mid]) >= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 && compare_element(l, x, i, order[lo - 1]) == 0 ? order[lo - 1] : -1;
}

/* ---- values ---- */

static ig_status put_text(ig_kernel_ctx *k, ig_tensor *y, int64_t i, const char *text)
{
    return igi_labels_put(k, y, i, &(igi_labels){.strings = {1, &text}}, 0);
}

static ig_status put(ig_kernel_ctx *k, const list *values, int64_t i, int64_t at)
{
    const encoder_attrs *a = k->attrs;
    ig_tensor *y = ig_out(k, 0);
    const ig_tensor *d = a->default_tensor;
    if (values->dtype == IG_STRING) {
        list fallback = {.tensor = d};
        return put_text(k, y, i,
                        at >= 0             ? text_at(values, at)
                        : d                 ? text_at(&fallback, 0)
                        : values->tensor    ? "_Unused"
                        : a->default_string ? a->default_string
                                            : "");
    }
    if (is_real(values->dtype)) {
        double none = d                ? igi_ml_at(d, 0)
                      : values->tensor ? -0.0
                                       : (double)a->default_float;
        igi_put_f64(values->dtype, ig_data(y), i,
                    at >= 0 ? number_at(values, at) : none);
        return IG_OK;
    }
    int64_t none = d                ? igi_get_i64(values->dtype, ig_data(d), 0)
                   : values->tensor ? -1
                                    : a->default_int64;
    igi_put_i64(values->dtype, ig_data(y), i, at >= 0 ? int_at(values, at) : none);
    return IG_OK;
}

static ig_status encoder_reference(ig_kernel_ctx *k)
{
    const encoder_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    list keys = keys_of(a), values = values_of(a);
    int64_t *order = igi_ml_ints(2 * keys.n);
    if (!order)
        return IG_OUT_OF_MEMORY;
    for (int64_t i = 0; i < keys.n; i++)
        order[i] = i;
    igi_pace pace = igi_pace_of(k);
    ig_status rc = sort_keys(&pace, &keys, order, order + keys.n, keys.n);
    for (int64_t i = 0; rc == IG_OK && i < ig_numel(x); i++) {
        rc = igi_pace_go(&pace, 1024);
        if (rc == IG_OK)
            rc = put(k, &values, i, find(&keys, order, x, i));
    }
    igi_ml_free(order);
    return rc;
}

/* ---- samples ---- */

#define HEAD                                                                           \
    .struct_size = sizeof(encoder_attrs), .default_int64 = -1, .default_float = -0.0f, \
    .default_string = "_Unused"
#define INTS(...)                                                                      \
    {                                                                                  \
        4, (const int64_t[])                                                           \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
#define REALS(...)                                                                     \
    {                                                                                  \
        4, (const float[])                                                             \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
#define TEXTS(...)                                                                     \
    {                                                                                  \
        4, (const char *const[])                                                       \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
static const encoder_attrs texts_to_ints = {
    HEAD, .keys_strings = TEXTS("8", "2", "0", "2"), .values_int64s = INTS(1, 2, 3, 4)};
static const encoder_attrs ints_to_texts = {HEAD, .keys_int64s = INTS(8, 2, 0, -5),
                                            .values_strings = TEXTS("a", "", "c", "d")};
static const encoder_attrs reals_to_ints = {HEAD, .keys_floats = REALS(8, NAN, 0, 2),
                                            .values_int64s = INTS(1, 2, 3, 4)};
static const encoder_attrs reals_to_reals = {HEAD, .keys_floats = REALS(8, 2, 0, 2),
                                             .values_floats = REALS(1, 2, 3, 4)};
#define SOME                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(2, 3), .data = (const double[])                                    \
        {                                                                              \
            0, 2, 8, 3, 2, 0                                                           \
        }                                                                              \
    }
#define GAPS                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(4), .data = (const double[])                                       \
        {                                                                              \
            0, NAN, 8, 1                                                               \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "texts_to_ints",
     .attrs = &texts_to_ints,
     IGI_INPUTS(SOME),
     .types = IG_T(STRING)},
    {.name = "ints_to_texts",
     .attrs = &ints_to_texts,
     IGI_INPUTS(SOME),
     .types = IG_T(INT64)},
    {.name = "reals_to_ints",
     .attrs = &reals_to_ints,
     IGI_INPUTS(GAPS),
     .types = IG_T(FLOAT32)},
    {.name = "reals_to_reals",
     .attrs = &reals_to_reals,
     IGI_INPUTS(SOME),
     .types = IG_T(FLOAT32)},
    {.name = "size_one",
     .attrs = &reals_to_reals,
     IGI_INPUTS(IGI_IN(1, 1)),
     .types = IG_T(FLOAT32)},
    {.name = "empty",
     .attrs = &texts_to_ints,
     IGI_INPUTS(IGI_IN(0, 2)),
     .types = IG_T(STRING)},
    {0},
};

IG_OPERATOR(LabelEncoder) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "LabelEncoder",
    .since = 4,
    .doc = "Maps elements to values by a table of keys.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(encoder_attrs),
    .flags = IG_OP_UNRANKED,
    .infer = encoder_infer,
    .gradient = ig_gradient_none,
    .reference = encoder_reference,
    .samples = samples,
};
