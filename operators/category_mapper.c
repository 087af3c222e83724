/* CategoryMapper: strings to integers or back, by a table of pairs; the first pair that
 * fits counts. */
#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    ig_ints cats_int64s;
    ig_strings cats_strings;
    int64_t default_int64;
    const char *default_string;
} mapper_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(mapper_attrs, cats_int64s, "Integers of the table."),
    IG_ATTR_STRINGS(mapper_attrs, cats_strings, "Strings of the table."),
    IG_ATTR_INT(mapper_attrs, default_int64, -1, "For strings that are not there."),
    IG_ATTR_STRING(
        mapper_attrs, default_string, "_Unused", "For integers that are not there."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Strings or integers."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'U', "Integers or strings, in the shape of X."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_T(STRING) | IG_T(INT64)}, {'U', IG_T(STRING) | IG_T(INT64)}, {0}};

static ig_status mapper_infer(ig_infer *x)
{
    const mapper_attrs *a = x->attrs;
    if (a->cats_int64s.n != a->cats_strings.n)
        return ig_infer_fail(x, "cats_int64s has %lld items, cats_strings %lld",
                             (long long)a->cats_int64s.n, (long long)a->cats_strings.n);
    IG_TRY(ig_infer_dtype(x, 0, x->in[0]->dtype == IG_STRING ? IG_INT64 : IG_STRING));
    return x->in[0]->rank < 0 ? ig_infer_unknown(x, 0) : ig_infer_copy(x, 0, 0);
}

static int64_t find_string(const mapper_attrs *a, const igi_str *s)
{
    const char *text = s ? s->text : "";
    for (int64_t i = 0; i < a->cats_strings.n; i++)
        if (strcmp(a->cats_strings.v[i], text) == 0)
            return a->cats_int64s.v[i];
    return a->default_int64;
}

static const char *find_int(const mapper_attrs *a, int64_t v)
{
    for (int64_t i = 0; i < a->cats_int64s.n; i++)
        if (a->cats_int64s.v[i] == v)
            return a->cats_strings.v[i];
    return a->default_string ? a->default_string : "";
}

static ig_status mapper_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    const int64_t cats = ((const mapper_attrs *)k->attrs)->cats_int64s.n;
    igi_pace pace = igi_pace_of(k);
    for (int64_t i = 0; i < ig_numel(x); i++) {
        IG_TRY(igi_pace_go(&pace, cats + 1));
        if (ig_dtype_of(x) == IG_STRING) {
            ((int64_t *)ig_data(y))[i] =
                find_string(k->attrs, ((igi_str **)ig_data(x))[i]);
        } else {
            const char *text = find_int(k->attrs, ((const int64_t *)ig_data(x))[i]);
            IG_TRY(igi_labels_put(
                k, y, i, &(igi_labels){.strings = {1, (const char *const[]){text}}},
                0));
        }
    }
    return IG_OK;
}

static const mapper_attrs table = {
    .struct_size = sizeof(mapper_attrs),
    .cats_int64s = {3, (const int64_t[]){0, 2, 8}},
    .cats_strings = {3, (const char *const[]){"s0", "2", "x"}},
    .default_int64 = -7,
    .default_string = "none"};
#define SOME                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(2, 2), .data = (const double[])                                    \
        {                                                                              \
            0, 2, 8, 3                                                                 \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "table", .attrs = &table, IGI_INPUTS(SOME)},
    {.name = "no_table", IGI_INPUTS(IGI_IN(3))},
    {.name = "size_one", .attrs = &table, IGI_INPUTS(IGI_IN(1))},
    {.name = "empty", .attrs = &table, IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(CategoryMapper) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "CategoryMapper",
    .since = 1,
    .doc = "Maps strings to integers or integers to strings by a table.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(mapper_attrs),
    .flags = IG_OP_UNRANKED,
    .infer = mapper_infer,
    .gradient = ig_gradient_none,
    .reference = mapper_reference,
    .samples = samples,
};
