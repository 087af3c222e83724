/* Bernoulli: 1 with probability `input`, else 0, element by element.
 *
 * The function body in ONNX's schema compares the other way round; its text, its test
 * and this say ones with probability p. With a seed of its own a node repeats NumPy's
 * RandomState(seed).binomial(1, p): for p > 1/2 the numbers below p give 1, otherwise
 * those above 1 - p. */
#include "operators/common.h"
#include "operators/common_random.h"

typedef struct {
    uint32_t struct_size;
    float seed;
    int64_t dtype;
} bernoulli_attrs;
static const ig_attr_def attrs[] = {
    IGI_ATTR_SEED(bernoulli_attrs),
    IG_ATTR_DTYPE(bernoulli_attrs, dtype, 0, "Element type; 0: that of input."),
    {0},
};
static const ig_port inputs[] = {IG_PORT("input", 'T', "Probabilities in [0, 1]."),
                                 {0}};
static const ig_port outputs[] = {
    IG_PORT("output", 'U', "0 or 1, in the shape of input.", .flags = IG_NODIFF),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS}, {'U', IG_NUMERIC | IG_T(BOOL)}, {0}};

static ig_status bernoulli_infer(ig_infer *x)
{
    const bernoulli_attrs *a = x->attrs;
    IG_TRY(igi_infer_seed(x, a->seed));
    IG_TRY(igi_infer_random_dtype(x, a->dtype));
    return x->in[0]->rank < 0 ? ig_infer_unknown(x, 0) : ig_infer_copy(x, 0, 0);
}

static bool happens(igi_random *r, int64_t i, double p)
{
    double u = igi_random_next(r, i);
    return r->own && p <= 0.5 ? u > 1 - p : r->own ? u <= p : u < p;
}

static ig_status bernoulli_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    igi_random r;
    igi_random_begin(&r, k, igi_random_seed(((const bernoulli_attrs *)k->attrs)->seed));
    for (int64_t i = 0; i < ig_numel(x); i++) {
        double p = igi_get_f64(ig_dtype_of(x), ig_data(x), i);
        if (!(p >= 0 && p <= 1))
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "input[%lld] is %g, not a probability", (long long)i,
                                  p);
        igi_put_f64(ig_dtype_of(y), ig_data(y), i, happens(&r, i, p));
    }
    return IG_OK;
}

static const bernoulli_attrs seeded = {sizeof(bernoulli_attrs), 5, 0};
static const bernoulli_attrs to_bool = {sizeof(bernoulli_attrs), -1, IG_BOOL};
static const bernoulli_attrs to_int = {sizeof(bernoulli_attrs), -1, IG_INT8};
#define PROBABILITIES                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(2, 3), .data = (const double[])                                    \
        {                                                                              \
            0, 0.25, 0.5, 0.75, 1, 0.125                                               \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "plain", IGI_INPUTS(PROBABILITIES)},
    {.name = "seeded", .attrs = &seeded, IGI_INPUTS(PROBABILITIES)},
    {.name = "to_bool", .attrs = &to_bool, IGI_INPUTS(PROBABILITIES)},
    {.name = "to_int", .attrs = &to_int, IGI_INPUTS(PROBABILITIES)},
    {.name = "scalar", IGI_INPUTS({.rank = 0, .fill = IG_FILL_ZERO_ONE})},
    {.name = "size_one", IGI_INPUTS({IG_SHAPE_IN(1, 1), .fill = IG_FILL_ZERO_ONE})},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(Bernoulli) = {
    IG_OP_HEAD,
    .name = "Bernoulli",
    .since = 22,
    .doc = "1 with the probability that the element of input says, else 0.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(bernoulli_attrs),
    .flags = IG_OP_RANDOM | IG_OP_UNRANKED,
    .infer = bernoulli_infer,
    .gradient = ig_gradient_none,
    .reference = bernoulli_reference,
    .samples = samples,
};
