/* CastMap: the values of a map in ascending order of its keys, converted: all of them
 * side by side (dense), or each at the place that its key says (sparse). */
#include "operators/common_cast.h"
#include "operators/common_flow.h"
#include "operators/common_ml.h"

static const char *const targets[] = {"TO_FLOAT", "TO_STRING", "TO_INT64", NULL};
static const char *const forms[] = {"DENSE", "SPARSE", NULL};
enum { TO_FLOAT, TO_STRING, TO_INT64 };
enum { DENSE, SPARSE };
typedef struct {
    uint32_t struct_size;
    int64_t cast_to, map_form, max_map;
} cast_map_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(cast_map_attrs,
                 cast_to,
                 TO_FLOAT,
                 targets,
                 "Element type of Y: TO_FLOAT, TO_STRING or TO_INT64."),
    IG_ATTR_ENUM(cast_map_attrs,
                 map_form,
                 DENSE,
                 forms,
                 "DENSE: one element per key; SPARSE: max_map elements."),
    IG_ATTR_INT(cast_map_attrs,
                max_map,
                1,
                "Sparse: the length of Y; keys are below it.",
                .min = 0,
                .max = INT32_MAX),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("X", 'T', "From int64 to scalars.", .flags = IG_MAP), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y",
            'U',
            "[1, n]; what no key names is 0 or an empty string.",
            .flags = IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_T(FLOAT32) | IG_T(STRING)},
    {'U', IG_T(FLOAT32) | IG_T(STRING) | IG_T(INT64)},
    {0},
};

static ig_status cast_map_infer(ig_infer *x)
{
    static const ig_dtype made[] = {IG_FLOAT32, IG_STRING, IG_INT64};
    const cast_map_attrs *a = x->attrs;
    if (x->in[0]->dtype != IG_INT64)
        return ig_infer_fail(x, "X must have keys of int64, not %s",
                             ig_dtype_name((ig_dtype)x->in[0]->dtype));
    IG_TRY(ig_infer_dtype(x, 0, made[a->cast_to]));
    const int64_t dims[2] = {1,
                             a->map_form == DENSE ? ig_dim_fresh(x->syms) : a->max_map};
    return ig_infer_set(x, 0, 2, dims);
}

static ig_status put_string(ig_tensor *y, int64_t at, const char *s)
{
    igi_str *made = igi_str_new(s, strlen(s));
    if (!made)
        return IG_OUT_OF_MEMORY;
    igi_string_put((igi_str **)ig_data(y) + at, made);
    igi_str_unref(made);
    return IG_OK;
}

/* Element `at` of y := the number or text v. */
static ig_status put(ig_kernel_ctx *k, ig_tensor *y, int64_t at, const ig_tensor *v)
{
    const bool text = ig_dtype_of(v) == IG_STRING;
    const igi_str *s = text ? *(igi_str *const *)ig_data(v) : NULL;
    double number = text ? 0 : igi_ml_at(v, 0);
    char buf[64];
    if (ig_dtype_of(y) == IG_STRING) {
        if (!text)
            igi_print_real(IG_FLOAT32, number, buf, sizeof(buf));
        return put_string(y, at, !text ? buf : s ? s->text : "");
    }
    if (text && !igi_parse_real(s ? s->text : "", s ? s->length : 0, &number))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "'%.40s' is no number",
                              s ? s->text : "");
    if (ig_dtype_of(y) == IG_INT64)
        ((int64_t *)ig_data(y))[at] = igi_f64_to_i64(number);
    else
        ((float *)ig_data(y))[at] = (float)number;
    return IG_OK;
}

static ig_status cast_map_reference(ig_kernel_ctx *k)
{
    const cast_map_attrs *a = k->attrs;
    const igi_dict *map = (const igi_dict *)k->in[0];
    const int64_t dims[2] = {1, a->map_form == DENSE ? map->n : a->max_map};
    IG_TRY(ig_out_alloc(k, 0, 2, dims));
    ig_tensor *y = ig_out(k, 0);
    if (ig_dtype_of(y) != IG_STRING)
        memset(ig_data(y), 0, ig_tensor_nbytes(y));
    for (int64_t i = 0; i < map->n; i++) {
        const int64_t from = map->sorted[i];
        const int64_t key = ((const int64_t *)ig_data(map->keys))[from];
        const ig_tensor *v = ig_value_tensor(map->items[from]);
        if (ig_numel(v) != 1)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "the value of key %lld has %lld elements",
                                  (long long)key, (long long)ig_numel(v));
        if (a->map_form == SPARSE && (key < 0 || key >= a->max_map))
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "key %lld is outside [0, %lld), which max_map allows",
                                  (long long)key, (long long)a->max_map);
        IG_TRY(put(k, y, a->map_form == SPARSE ? key : i, v));
    }
    return IG_OK;
}

#define ATTRS(to_, form_)                                                              \
    {                                                                                  \
        sizeof(cast_map_attrs), to_, form_, 5                                          \
    }
static const cast_map_attrs strings = ATTRS(TO_STRING, DENSE),
                            integers = ATTRS(TO_INT64, DENSE),
                            sparse = ATTRS(TO_FLOAT, SPARSE),
                            sparse_strings = ATTRS(TO_STRING, SPARSE);
#define KEYS(n_, ...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(n_), IGI_DATA(IG_INT64, __VA_ARGS__)                               \
    }
#define VALUE(v_)                                                                      \
    {                                                                                  \
        .rank = 0, .data = (const double[])                                            \
        {                                                                              \
            v_                                                                         \
        }                                                                              \
    }
#define THREE IGI_INPUTS(IGI_IN_MAP(KEYS(3, 4, 0, 2), VALUE(1.5), VALUE(-2), VALUE(7)))
static const ig_sample samples[] = {
    {.name = "floats", THREE},
    {.name = "strings", .attrs = &strings, THREE},
    {.name = "integers", .attrs = &integers, THREE},
    {.name = "sparse", .attrs = &sparse, THREE},
    {.name = "sparse_strings", .attrs = &sparse_strings, THREE},
    {.name = "one_key",
     IGI_INPUTS(
         IGI_IN_MAP(KEYS(1, -3), {IG_SHAPE_IN(1), .data = (const double[]){4}}))},
    {.name = "empty", IGI_INPUTS(IGI_IN_MAP({IG_SHAPE_IN(0), .dtype = IG_INT64}))},
    {0},
};

IG_OPERATOR(CastMap) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "CastMap",
    .since = 1,
    .doc = "The values of a map as a tensor, in the order of its keys.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(cast_map_attrs),
    .infer = cast_map_infer,
    .gradient = ig_gradient_forbidden,
    .reference = cast_map_reference,
    .samples = samples,
};
