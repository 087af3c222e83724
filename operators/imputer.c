/* Imputer: elements equal to one value become another, of their column or of all. A
 * value to replace that is NaN stands for every NaN. */
#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    float replaced_value_float;
    ig_floats imputed_value_floats;
    ig_ints imputed_value_int64s;
    int64_t replaced_value_int64;
} imputer_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(imputer_attrs, replaced_value_float, 0, "What to replace in floats."),
    IG_ATTR_FLOATS(
        imputer_attrs, imputed_value_floats, "Values instead: one, or one per column."),
    IG_ATTR_INTS(
        imputer_attrs, imputed_value_int64s, "Values instead: one, or one per column."),
    IG_ATTR_INT(imputer_attrs, replaced_value_int64, 0, "What to replace in integers."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Numbers [..., F]."), {0}};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Shape of X.", .alias = IG_MAY_ALIAS(0)), {0}};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS}, {0}};

static bool is_real(ig_dtype d)
{
    return d == IG_FLOAT32 || d == IG_FLOAT64;
}

static ig_status imputer_infer(ig_infer *x)
{
    const imputer_attrs *a = x->attrs;
    const bool real = is_real((ig_dtype)x->in[0]->dtype);
    const int64_t n = real ? a->imputed_value_floats.n : a->imputed_value_int64s.n;
    int rank = x->in[0]->rank;
    if (n == 0)
        return ig_infer_fail(x, "%s is needed for this element type",
                             real ? "imputed_value_floats" : "imputed_value_int64s");
    if (n > 1 && rank < 1)
        return ig_infer_fail(x, "%lld values for a scalar", (long long)n);
    if (n > 1)
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[0])[rank - 1], n,
                              "the columns of X and the imputed values", NULL));
    return ig_infer_same(x);
}

static ig_status imputer_reference(ig_kernel_ctx *k)
{
    const imputer_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    const ig_dtype type = ig_dtype_of(x);
    const bool real = is_real(type);
    const double old = (double)a->replaced_value_float;
    const int64_t n = real ? a->imputed_value_floats.n : a->imputed_value_int64s.n;
    for (int64_t i = 0; i < ig_numel(x); i++) {
        int64_t column = i % n;
        if (real) {
            double v = igi_get_f64(type, ig_data(x), i);
            bool hit = isnan(old) ? isnan(v) : v == old;
            igi_put_f64(type, ig_data(y), i,
                        hit ? (double)a->imputed_value_floats.v[column] : v);
        } else {
            int64_t v = igi_get_i64(type, ig_data(x), i);
            igi_put_i64(type, ig_data(y), i,
                        v == a->replaced_value_int64 ? a->imputed_value_int64s.v[column]
                                                     : v);
        }
    }
    return IG_OK;
}

static const imputer_attrs one = {.struct_size = sizeof(imputer_attrs),
                                  .imputed_value_floats = {1, (const float[]){9}},
                                  .imputed_value_int64s = {1, (const int64_t[]){9}}};
static const imputer_attrs each = {
    .struct_size = sizeof(imputer_attrs),
    .replaced_value_float = 2,
    .replaced_value_int64 = 2,
    .imputed_value_floats = {3, (const float[]){7, 8, 9}},
    .imputed_value_int64s = {3, (const int64_t[]){7, 8, 9}}};
static const imputer_attrs missing = {.struct_size = sizeof(imputer_attrs),
                                      .replaced_value_float = NAN,
                                      .imputed_value_floats = {1, (const float[]){5}}};
#define SOME                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(2, 3), .data = (const double[])                                    \
        {                                                                              \
            0, 2, 3, 2, 2, 0                                                           \
        }                                                                              \
    }
#define GAPS                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(4), .data = (const double[])                                       \
        {                                                                              \
            0, NAN, 3, NAN                                                             \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "one", .attrs = &one, IGI_INPUTS(SOME)},
    {.name = "each", .attrs = &each, IGI_INPUTS(SOME)},
    {.name = "missing",
     .attrs = &missing,
     IGI_INPUTS(GAPS),
     .types = IG_T(FLOAT32) | IG_T(FLOAT64)},
    {.name = "scalar", .attrs = &one, IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "size_one", .attrs = &one, IGI_INPUTS(IGI_IN(1, 1))},
    {.name = "empty", .attrs = &each, IGI_INPUTS(IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(Imputer) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "Imputer",
    .since = 1,
    .doc = "Replaces one value by others, column by column.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(imputer_attrs),
    .infer = imputer_infer,
    .gradient = ig_gradient_forbidden,
    .reference = imputer_reference,
    .samples = samples,
};
