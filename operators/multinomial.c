/* Multinomial: sample_size classes for each row of input[batch, classes], which holds
 * log-probabilities up to a constant of the row.
 *
 * A uniform number u picks the first class at which the running sum of e^(x - max)
 * passes u times the whole sum; so the class is the same for any shift of the row. */
#include "operators/common.h"
#include "operators/common_random.h"

typedef struct {
    uint32_t struct_size;
    float seed;
    int64_t dtype, sample_size;
} multinomial_attrs;
static const ig_attr_def attrs[] = {
    IGI_ATTR_SEED(multinomial_attrs),
    IG_ATTR_DTYPE(multinomial_attrs, dtype, IG_INT32, "int32 or int64."),
    IG_ATTR_INT(multinomial_attrs,
                sample_size,
                1,
                "Samples of each row.",
                .min = 0,
                .max = INT32_MAX),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Log-probabilities, not normalised [batch, classes]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'U', "Classes drawn [batch, sample_size]."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS}, {'U', IG_T(INT32) | IG_T(INT64)}, {0}};

static ig_status multinomial_infer(ig_infer *x)
{
    const multinomial_attrs *a = x->attrs;
    IG_TRY(igi_infer_seed(x, a->seed));
    IG_TRY(ig_infer_dtype(x, 0, a->dtype));
    if (x->in[0]->rank != 2)
        return ig_infer_fail(x, "input must have rank 2");
    if (ig_type_dims(x->in[0])[1] == 0 && a->sample_size)
        return ig_infer_fail(x, "there are no classes to draw from");
    return ig_infer_set(x, 0, 2,
                        (int64_t[]){ig_type_dims(x->in[0])[0], a->sample_size});
}

typedef struct {
    const ig_tensor *x;
    int64_t at, classes; /* of a row */
    double most, sum;
} row;

static double weight(const row *r, int64_t c)
{
    double v = igi_get_f64(ig_dtype_of(r->x), ig_data(r->x), r->at + c);
    return exp(v - r->most);
}

static ig_status set_row(ig_kernel_ctx *k, row *r)
{
    r->most = -(double)INFINITY;
    r->sum = 0;
    for (int64_t c = 0; c < r->classes; c++) {
        double v = igi_get_f64(ig_dtype_of(r->x), ig_data(r->x), r->at + c);
        r->most = v > r->most ? v : r->most;
    }
    for (int64_t c = 0; c < r->classes; c++)
        r->sum += weight(r, c);
    if (!isfinite(r->most) || !isfinite(r->sum))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "row %lld of input has no probabilities: NaN, infinity, "
                              "or -infinity everywhere",
                              (long long)(r->classes ? r->at / r->classes : 0));
    return IG_OK;
}

static int64_t pick(const row *r, double u)
{
    double below = 0;
    int64_t last = 0;
    for (int64_t c = 0; c < r->classes; c++) {
        double w = weight(r, c);
        below += w;
        if (w > 0)
            last = c;
        if (u * r->sum < below)
            return c;
    }
    return last; /* rounding: u is nearly 1 */
}

static ig_status multinomial_reference(ig_kernel_ctx *k)
{
    const multinomial_attrs *a = k->attrs;
    ig_tensor *y = ig_out(k, 0);
    row r = {.x = ig_in(k, 0), .classes = ig_dims(ig_in(k, 0))[1]};
    igi_random numbers;
    igi_pace pace = igi_pace_of(k);
    igi_random_begin(&numbers, k, igi_random_seed(a->seed));
    for (int64_t i = 0; a->sample_size && i < ig_dims(y)[0]; i++) {
        r.at = i * r.classes;
        IG_TRY(set_row(k, &r));
        for (int64_t s = i * a->sample_size; s < (i + 1) * a->sample_size; s++) {
            IG_TRY(igi_pace_go(&pace, 16 * r.classes));
            int64_t c = pick(&r, igi_random_next(&numbers, s));
            igi_put_f64(ig_dtype_of(y), ig_data(y), s, (double)c);
        }
    }
    return IG_OK;
}

static const multinomial_attrs many = {sizeof(multinomial_attrs), -1, IG_INT64, 7};
static const multinomial_attrs seeded = {sizeof(multinomial_attrs), 4, IG_INT32, 3};
static const multinomial_attrs no_samples = {sizeof(multinomial_attrs), -1, IG_INT32,
                                             0};
static const ig_sample samples[] = {
    {.name = "plain", IGI_INPUTS(IGI_IN(2, 4))},
    {.name = "many", .attrs = &many, IGI_INPUTS(IGI_IN(3, 5))},
    {.name = "seeded", .attrs = &seeded, IGI_INPUTS(IGI_IN(2, 3))},
    {.name = "one_class", .attrs = &many, IGI_INPUTS(IGI_IN(1, 1))},
    {.name = "no_samples", .attrs = &no_samples, IGI_INPUTS(IGI_IN(2, 3))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(Multinomial) = {
    IG_OP_HEAD,
    .name = "Multinomial",
    .since = 22,
    .doc = "Draws classes from rows of log-probabilities.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(multinomial_attrs),
    .flags = IG_OP_RANDOM,
    .infer = multinomial_infer,
    .gradient = ig_gradient_none,
    .reference = multinomial_reference,
    .samples = samples,
};
