// Constant: a tensor given by an attribute. Importers turn it into a constant of the
// graph, so it is met mostly in graphs that people build.
//
// Exactly one attribute is given. Single numbers have no "absent" of their own, so two
// odd defaults stand for it; a constant of just that value has to use `value`. A
// sparse_value is made dense by the importer.

#include "operators/common_move.h"

#define ABSENT_INT   (INT64_MIN + 1000003)
#define ABSENT_FLOAT 0x1.2a5b16p-131f

typedef struct constant_attrs {
    uint32_t struct_size;
    float value_float;
    int64_t value_int;
    ig_tensor *value;
    const char *value_string;
    ig_ints value_ints;
    ig_floats value_floats;
    ig_strings value_strings;
} constant_attrs;

static const ig_port inputs[] = {{0}};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "The constant.", .flags = IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_ALL_TYPES}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_TENSOR(constant_attrs, value, "Any tensor."),
    IG_ATTR_INT(constant_attrs, value_int, ABSENT_INT, "An int64 scalar."),
    IG_ATTR_INTS(constant_attrs, value_ints, "An int64 vector."),
    IG_ATTR_FLOAT(constant_attrs, value_float, ABSENT_FLOAT, "A float32 scalar."),
    IG_ATTR_FLOATS(constant_attrs, value_floats, "A float32 vector."),
    IG_ATTR_STRING(constant_attrs, value_string, NULL, "A string scalar."),
    IG_ATTR_STRINGS(constant_attrs, value_strings, "A vector of strings."),
    {0},
};

typedef enum source {
    NONE,
    TENSOR,
    INT,
    INTS,
    FLOAT,
    FLOATS,
    STRING,
    STRINGS,
    MANY
} source;

static source source_of(const constant_attrs *o)
{
    const float absent = ABSENT_FLOAT;
    source s = NONE;
    int n = 0;
#define GIVEN(test_, which_)                                                           \
    if (test_)                                                                         \
    n++, s = which_
    GIVEN(o->value, TENSOR);
    GIVEN(o->value_int != ABSENT_INT, INT);
    GIVEN(o->value_ints.v, INTS);
    GIVEN(o->value_float != absent, FLOAT); // true for NaN
    GIVEN(o->value_floats.v, FLOATS);
    GIVEN(o->value_string, STRING);
    GIVEN(o->value_strings.v, STRINGS);
#undef GIVEN
    return n > 1 ? MANY : s;
}

static ig_status infer_vector(ig_infer *x, ig_dtype dtype, int rank, int64_t n)
{
    IG_TRY(ig_infer_dtype(x, 0, dtype));
    return ig_infer_set(x, 0, rank, &n);
}

static ig_status constant_infer(ig_infer *x)
{
    const constant_attrs *o = x->attrs;
    switch (source_of(o)) {
    case TENSOR:
        IG_TRY(ig_infer_dtype(x, 0, ig_dtype_of(o->value)));
        return ig_infer_set(x, 0, ig_rank(o->value), ig_dims(o->value));
    case INT:
        return infer_vector(x, IG_INT64, 0, 0);
    case INTS:
        return infer_vector(x, IG_INT64, 1, o->value_ints.n);
    case FLOAT:
        return infer_vector(x, IG_FLOAT32, 0, 0);
    case FLOATS:
        return infer_vector(x, IG_FLOAT32, 1, o->value_floats.n);
    case STRING:
        return infer_vector(x, IG_STRING, 0, 0);
    case STRINGS:
        return infer_vector(x, IG_STRING, 1, o->value_strings.n);
    case MANY:
        return ig_infer_fail(x, "more than one value attribute is given");
    default:
        return ig_infer_fail(x, "no value attribute is given");
    }
}

static int constant_values(ig_infer *x, int64_t *out, int cap)
{
    const constant_attrs *o = x->attrs;
    source s = source_of(o);
    int64_t n = s == INTS ? o->value_ints.n : 1;
    if (s == TENSOR && ig_rank(o->value) <= 1 &&
        (ig_dtype_of(o->value) == IG_INT64 || ig_dtype_of(o->value) == IG_INT32))
        return igi_read_ints(o->value, out, cap);
    if ((s != INT && s != INTS) || n > cap)
        return IG_INTS_UNKNOWN;
    for (int64_t i = 0; i < n; i++)
        out[i] = s == INT ? o->value_int : o->value_ints.v[i];
    return (int)n;
}

static ig_status put_string(igi_str **at, const char *text)
{
    igi_str *s = text && *text ? igi_str_new(text, strlen(text)) : NULL;
    if (!s && text && *text)
        return IG_OUT_OF_MEMORY;
    igi_string_put(at, s);
    igi_str_unref(s);
    return IG_OK;
}

static ig_status copy_value(const ig_tensor *value, const ig_tensor *y)
{
    igi_copy_nd(ig_dtype_of(y), ig_rank(y), ig_dims(y), ig_data(y), 0, ig_strides(y),
                ig_data(value), 0, ig_strides(value));
    return IG_OK;
}

static ig_status constant_reference(ig_kernel_ctx *k)
{
    const constant_attrs *o = k->attrs;
    ig_tensor *y = ig_out(k, 0);
    int64_t n = ig_numel(y);
    switch (source_of(o)) {
    case TENSOR:
        return copy_value(o->value, y);
    case INT:
        *(int64_t *)ig_data(y) = o->value_int;
        return IG_OK;
    case INTS:
        for (int64_t i = 0; i < n; i++)
            ((int64_t *)ig_data(y))[i] = o->value_ints.v[i];
        return IG_OK;
    case FLOAT:
        *(float *)ig_data(y) = o->value_float;
        return IG_OK;
    case FLOATS:
        for (int64_t i = 0; i < n; i++)
            ((float *)ig_data(y))[i] = o->value_floats.v[i];
        return IG_OK;
    case STRING:
        return put_string(ig_data(y), o->value_string);
    case STRINGS:
        for (int64_t i = 0; i < n; i++)
            IG_TRY(put_string((igi_str **)ig_data(y) + i, o->value_strings.v[i]));
        return IG_OK;
    default:
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "no value attribute, or several");
    }
}

#define OPTIONS  .struct_size = sizeof(constant_attrs)
#define NO_INT   .value_int = ABSENT_INT
#define NO_FLOAT .value_float = ABSENT_FLOAT
static const constant_attrs an_int = {OPTIONS, NO_FLOAT, .value_int = -7};
static const constant_attrs ints = {OPTIONS, NO_FLOAT, NO_INT,
                                    .value_ints = {3, (const int64_t[]){4, -5, 6}}};
static const constant_attrs a_float = {OPTIONS, NO_INT, .value_float = 0.5f};
static const constant_attrs floats = {OPTIONS, NO_FLOAT, NO_INT,
                                      .value_floats = {2, (const float[]){1.5f, -2}}};
static const constant_attrs a_string = {OPTIONS, NO_FLOAT, NO_INT,
                                        .value_string = "word"};
static const constant_attrs strings = {
    OPTIONS, NO_FLOAT, NO_INT, .value_strings = {2, (const char *const[]){"two", ""}}};
static const ig_sample samples[] = {
    {.name = "int", .attrs = &an_int},
    {.name = "ints", .attrs = &ints},
    {.name = "float", .attrs = &a_float},
    {.name = "floats", .attrs = &floats},
    {.name = "string", .attrs = &a_string},
    {.name = "strings", .attrs = &strings},
    {0},
};

IG_OPERATOR(Constant) = {
    IG_OP_HEAD,
    .name = "Constant",
    .since = 25,
    .doc = "The tensor, number, string or vector given by one attribute.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(constant_attrs),
    .infer = constant_infer,
    .values = constant_values,
    .gradient = ig_gradient_none,
    .reference = constant_reference,
    .samples = samples,
};
