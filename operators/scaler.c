/* Scaler: (X - offset) * scale, column by column or with one pair for all. */
#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    ig_floats offset, scale;
} scaler_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOATS(scaler_attrs, offset, "One, or one per column; absent: 0."),
    IG_ATTR_FLOATS(scaler_attrs, scale, "One, or one per column; absent: 1."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Numbers [..., F]."), {0}};
static const ig_port outputs[] = {IG_PORT("Y", 'F', "Shape of X."), {0}};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS}, {'F', IG_T(FLOAT32)}, {0}};

static ig_status scaler_infer(ig_infer *x)
{
    const scaler_attrs *a = x->attrs;
    const int64_t n[] = {a->offset.n, a->scale.n};
    int rank = x->in[0]->rank;
    for (int i = 0; i < 2; i++) {
        if (n[i] > 1 && rank < 1)
            return ig_infer_fail(x, "%lld values for a scalar", (long long)n[i]);
        if (n[i] > 1)
            IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[0])[rank - 1], n[i],
                                  "the columns of X and offset or scale", NULL));
    }
    return ig_infer_same(x);
}

static double of_column(const ig_floats *f, int64_t i, double none)
{
    return f->n ? (double)f->v[i % f->n] : none;
}

static ig_status scaler_reference(ig_kernel_ctx *k)
{
    const scaler_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    float *y = ig_data(ig_out(k, 0));
    for (int64_t i = 0; i < ig_numel(x); i++)
        y[i] = (float)((igi_ml_at(x, i) - of_column(&a->offset, i, 0)) *
                       of_column(&a->scale, i, 1));
    return IG_OK;
}

static const scaler_attrs one = {.struct_size = sizeof(scaler_attrs),
                                 .offset = {1, (const float[]){1}},
                                 .scale = {1, (const float[]){0.5f}}};
static const scaler_attrs each = {.struct_size = sizeof(scaler_attrs),
                                  .offset = {3, (const float[]){1, 2, 3}},
                                  .scale = {3, (const float[]){0.5f, 2, -1}}};
static const ig_sample samples[] = {
    {.name = "plain", IGI_INPUTS(IGI_IN(2, 3))},
    {.name = "one", .attrs = &one, IGI_INPUTS(IGI_IN(2, 3))},
    {.name = "each", .attrs = &each, IGI_INPUTS(IGI_IN(2, 3))},
    {.name = "vector", .attrs = &each, IGI_INPUTS(IGI_IN(3))},
    {.name = "size_one", .attrs = &one, IGI_INPUTS(IGI_IN(1, 1))},
    {.name = "empty", .attrs = &each, IGI_INPUTS(IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(Scaler) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "Scaler",
    .since = 1,
    .doc = "(X - offset) * scale, as float32.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(scaler_attrs),
    .infer = scaler_infer,
    .gradient = ig_gradient_forbidden,
    .reference = scaler_reference,
    .samples = samples,
};
