/* SVMRegressor: rho + sum of coefficients times kernels of the support vectors; without
 * support vectors a linear model; one_class gives 1 or -1. */
#include "operators/common_svm.h"

typedef struct {
    uint32_t struct_size;
    int64_t kernel_type, post_transform, n_supports, one_class;
    ig_floats kernel_params, coefficients, support_vectors, rho;
} svm_attrs;
static const ig_attr_def attrs[] = {
    IGI_SVM_ATTRS(svm_attrs),
    IG_ATTR_INT(svm_attrs,
                n_supports,
                0,
                "Number of support vectors; 0: a linear model.",
                .min = 0,
                .max = INT32_MAX),
    IG_ATTR_INT(svm_attrs,
                one_class,
                0,
                "1: only whether the result is positive, as 1 or -1.",
                .min = 0,
                .max = 1),
    {0},
};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Features [N, F], or [F]."), {0}};
static const ig_port outputs[] = {IG_PORT("Y", 'F', "Results [N, 1]."), {0}};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS}, {'F', IG_T(FLOAT32)}, {0}};

static ig_status svm_infer(ig_infer *x)
{
    const svm_attrs *a = x->attrs;
    int64_t rows, columns, n = a->n_supports;
    IG_TRY(igi_ml_infer_matrix(x, 0, &rows, &columns));
    if (a->rho.n < 1)
        return ig_infer_fail(x, "rho is needed");
    if (n && (a->coefficients.n != n || a->support_vectors.n % n))
        return ig_infer_fail(x,
                             "%lld coefficients and %lld numbers of vectors for %lld "
                             "support vectors",
                             (long long)a->coefficients.n,
                             (long long)a->support_vectors.n, (long long)n);
    IG_TRY(ig_infer_equal(x, columns, n ? a->support_vectors.n / n : a->coefficients.n,
                          "the columns of X and the model's features", NULL));
    return ig_infer_set(x, 0, 2, (int64_t[]){rows, 1});
}

static double result(const svm_attrs *a, const ig_tensor *x, int64_t at, int64_t n)
{
    double sum = (double)a->rho.v[0];
    if (!a->n_supports)
        sum += igi_ml_dot(x, at, a->coefficients.v, n);
    for (int64_t j = 0; j < a->n_supports; j++)
        sum += (double)a->coefficients.v[j] *
               igi_svm_kernel_of((igi_svm_kernel)a->kernel_type, &a->kernel_params, x,
                                 at, a->support_vectors.v + j * n, n);
    if (a->one_class)
        return sum > 0 ? 1 : -1;
    igi_post_apply((igi_post)a->post_transform, &sum, 1);
    return sum;
}

static ig_status svm_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    float *y = ig_data(ig_out(k, 0));
    int64_t rows, n;
    igi_ml_matrix(x, &rows, &n);
    for (int64_t r = 0; r < rows; r++) {
        IG_TRY(ig_poll(k));
        y[r] = (float)result(k->attrs, x, r * n, n);
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(svm_attrs), .rho = {1, shift}
static const float shift[] = {0.25f}, weights[] = {0.5f, -1, 0.75f};
static const float vectors[] = {1, 0, 1, -1, 2, 0}, params[] = {0.5f, 1, 2};
#define KERNEL(name_, kind_, ...)                                                      \
    static const svm_attrs name_ = {HEAD,                                              \
                                    .kernel_type = kind_,                              \
                                    .n_supports = 3,                                   \
                                    .kernel_params = {3, params},                      \
                                    .coefficients = {3, weights},                      \
                                    .support_vectors = {6, vectors},                   \
                                    __VA_ARGS__}
KERNEL(linear, IGI_SVM_LINEAR, .post_transform = IGI_POST_NONE);
KERNEL(poly, IGI_SVM_POLY, .post_transform = IGI_POST_LOGISTIC);
KERNEL(rbf, IGI_SVM_RBF, .one_class = 1);
KERNEL(sigmoid, IGI_SVM_SIGMOID, .post_transform = IGI_POST_NONE);
static const svm_attrs plain = {HEAD, .coefficients = {2, weights}};
#define ROWS_(name_)                                                                   \
    {                                                                                  \
        .name = #name_, .attrs = &name_, IGI_INPUTS(IGI_IN(4, 2))                      \
    }
static const ig_sample samples[] = {
    ROWS_(linear),
    ROWS_(poly),
    ROWS_(rbf),
    ROWS_(sigmoid),
    ROWS_(plain),
    {.name = "vector", .attrs = &rbf, IGI_INPUTS(IGI_IN(2))},
    {.name = "size_one", .attrs = &plain, IGI_INPUTS(IGI_IN(1, 2))},
    {.name = "empty", .attrs = &linear, IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(SVMRegressor) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "SVMRegressor",
    .since = 1,
    .doc = "Regression by a support vector machine.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(svm_attrs),
    .infer = svm_infer,
    .gradient = ig_gradient_forbidden,
    .reference = svm_reference,
    .samples = samples,
};
