/* LinearRegressor: Y = X coefficients^T + intercepts, transformed. */
#include "operators/common_ml.h"

typedef struct {
    uint32_t struct_size;
    int64_t targets, post_transform;
    ig_floats coefficients, intercepts;
} regressor_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        regressor_attrs, targets, 1, "Number of targets.", .min = 1, .max = INT32_MAX),
    IGI_ATTR_POST(regressor_attrs),
    IG_ATTR_FLOATS(regressor_attrs, coefficients, "Weights [targets, F]."),
    IG_ATTR_FLOATS(regressor_attrs, intercepts, "One per target; absent: 0."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Features [N, F], or [F]."), {0}};
static const ig_port outputs[] = {IG_PORT("Y", 'F', "Results [N, targets]."), {0}};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS}, {'F', IG_T(FLOAT32)}, {0}};

static ig_status regressor_infer(ig_infer *x)
{
    const regressor_attrs *a = x->attrs;
    int64_t rows, columns;
    IG_TRY(igi_ml_infer_matrix(x, 0, &rows, &columns));
    if (a->intercepts.v && a->intercepts.n != a->targets)
        return ig_infer_fail(x, "%lld intercepts for %lld targets",
                             (long long)a->intercepts.n, (long long)a->targets);
    if (a->coefficients.n % a->targets)
        return ig_infer_fail(x, "%lld coefficients for %lld targets",
                             (long long)a->coefficients.n, (long long)a->targets);
    IG_TRY(ig_infer_equal(x, columns, a->coefficients.n / a->targets,
                          "the columns of X and the coefficients of a target", NULL));
    return ig_infer_set(x, 0, 2, (int64_t[]){rows, a->targets});
}

static ig_status regressor_reference(ig_kernel_ctx *k)
{
    const regressor_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    float *y = ig_data(ig_out(k, 0));
    int64_t rows, n;
    igi_ml_matrix(x, &rows, &n);
    double *s = igi_ml_alloc(a->targets);
    if (!s)
        return IG_OUT_OF_MEMORY;
    ig_status rc = IG_OK;
    igi_pace pace = igi_pace_of(k);
    for (int64_t r = 0; rc == IG_OK && r < rows; r++) {
        for (int64_t t = 0; t < a->targets; t++)
            s[t] = igi_ml_dot(x, r * n, a->coefficients.v + t * n, n) +
                   (a->intercepts.v ? (double)a->intercepts.v[t] : 0);
        igi_post_apply((igi_post)a->post_transform, s, a->targets);
        for (int64_t t = 0; t < a->targets; t++)
            y[r * a->targets + t] = (float)s[t];
        rc = igi_pace_go(&pace, a->coefficients.n);
    }
    igi_ml_free(s);
    return rc;
}

#define HEAD .struct_size = sizeof(regressor_attrs)
static const float weights[] = {0.5f, -1, 2, 1, 0.25f, -0.5f}, shifts[] = {1, -1};
static const regressor_attrs one = {HEAD, .targets = 1, .coefficients = {3, weights}};
#define TWO(name_, post_)                                                              \
    static const regressor_attrs name_ = {HEAD, .targets = 2, .post_transform = post_, \
                                          .coefficients = {6, weights},                \
                                          .intercepts = {2, shifts}}
TWO(two, IGI_POST_NONE);
TWO(two_softmax, IGI_POST_SOFTMAX);
TWO(two_zero, IGI_POST_SOFTMAX_ZERO);
TWO(two_logistic, IGI_POST_LOGISTIC);
#define ROWS_(name_)                                                                   \
    {                                                                                  \
        .name = #name_, .attrs = &name_, IGI_INPUTS(IGI_IN(2, 3))                      \
    }
static const ig_sample samples[] = {
    ROWS_(one),
    ROWS_(two),
    ROWS_(two_softmax),
    ROWS_(two_zero),
    ROWS_(two_logistic),
    {.name = "size_one", .attrs = &one, IGI_INPUTS(IGI_IN(1, 3))},
    {.name = "vector", .attrs = &two, IGI_INPUTS(IGI_IN(3))},
    {.name = "empty", .attrs = &two, IGI_INPUTS(IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(LinearRegressor) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "LinearRegressor",
    .since = 1,
    .doc = "A linear model with one or more targets.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(regressor_attrs),
    .infer = regressor_infer,
    .gradient = ig_gradient_forbidden,
    .reference = regressor_reference,
    .samples = samples,
};
