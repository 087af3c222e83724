/* Normalizer: each row divided by its maximum, by the sum of its absolute values, or by
 * its Euclidean length; a row whose divisor is 0 stays. */
#include "operators/common_ml.h"

static const char *const norms[] = {"MAX", "L1", "L2", NULL};
enum { MAX, L1, L2 };
typedef struct {
    uint32_t struct_size;
    int64_t norm;
} normalizer_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(normalizer_attrs, norm, MAX, norms, "MAX, L1 or L2."), {0}};
static const ig_port inputs[] = {IG_PORT("X", 'T', "Rows [N, C], or one [C]."), {0}};
static const ig_port outputs[] = {IG_PORT("Y", 'F', "Shape of X."), {0}};
static const ig_type_rule types[] = {{'T', IGI_ML_NUMBERS}, {'F', IG_T(FLOAT32)}, {0}};

static ig_status normalizer_infer(ig_infer *x)
{
    int64_t rows, columns;
    IG_TRY(igi_ml_infer_matrix(x, 0, &rows, &columns));
    return ig_infer_same(x);
}

static double divisor(const ig_tensor *x, int64_t at, int64_t n, int64_t norm)
{
    double sum = norm == MAX ? -(double)INFINITY : 0;
    for (int64_t i = at; i < at + n; i++) {
        double v = igi_ml_at(x, i);
        if (norm == MAX)
            sum = v > sum ? v : sum;
        else
            sum += norm == L1 ? fabs(v) : v * v;
    }
    return norm == L2 ? sqrt(sum) : sum;
}

static ig_status normalizer_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    float *y = ig_data(ig_out(k, 0));
    int64_t rows, n;
    igi_ml_matrix(x, &rows, &n);
    for (int64_t r = 0; r < rows; r++) {
        double by = divisor(x, r * n, n, ((const normalizer_attrs *)k->attrs)->norm);
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            y[i] = (float)(by == 0 ? igi_ml_at(x, i) : igi_ml_at(x, i) / by);
    }
    return IG_OK;
}

static const normalizer_attrs l1 = {sizeof(normalizer_attrs), L1};
static const normalizer_attrs l2 = {sizeof(normalizer_attrs), L2};
#define ZEROS                                                                          \
    {                                                                                  \
        IG_SHAPE_IN(2, 2), .data = (const double[])                                    \
        {                                                                              \
            0, 0, 3, -4                                                                \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "max", IGI_INPUTS(IGI_IN(3, 4))},
    {.name = "l1", .attrs = &l1, IGI_INPUTS(IGI_IN(3, 4))},
    {.name = "l2", .attrs = &l2, IGI_INPUTS(ZEROS)},
    {.name = "vector", .attrs = &l2, IGI_INPUTS(IGI_IN(5))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1))},
    {.name = "empty", .attrs = &l1, IGI_INPUTS(IGI_IN(0, 3))},
    {.name = "no_columns", IGI_INPUTS(IGI_IN(2, 0))},
    {0},
};

IG_OPERATOR(Normalizer) = {
    IG_OP_HEAD,
    .domain = IGI_ML_DOMAIN,
    .name = "Normalizer",
    .since = 1,
    .doc = "Divides rows by their maximum, L1 norm or L2 norm.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(normalizer_attrs),
    .infer = normalizer_infer,
    .gradient = ig_gradient_forbidden,
    .reference = normalizer_reference,
    .samples = samples,
};
