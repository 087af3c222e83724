// Dropout: in training output = data * mask / (1 - ratio), mask being 1 with
// probability 1 - ratio; otherwise a copy and a mask of ones.
//
// Element i is kept when its number of the stream (seed, draw) of the run reaches the
// ratio, so the mask depends neither on threads nor on the order of evaluation. A node
// with a seed of its own draws from MT19937 instead, as ONNX's recorded cases do: the
// same mask each time. Gradient: dy / (1 - ratio) where the mask is set.

#include "operators/common.h"
#include "operators/common_random.h"

IG_USES_OP(Div);
IG_USES_OP(Mul);
IG_USES_OP(Sub);
IG_USES_OP(Where);

typedef struct {
    uint32_t struct_size;
    int64_t seed;
} dropout_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(dropout_attrs, seed, -1, "Fixes the mask; negative: the run's seed."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("data", 'T', "Input tensor."),
    IG_PORT("ratio",
            'R',
            "Scalar in [0, 1), probability of dropping; absent: 0.5.",
            .flags = IG_OPTIONAL | IG_NODIFF),
    IG_PORT("training_mode", 'B', "Scalar; absent: false.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Same shape as data.", .alias = IG_MAY_ALIAS(0)),
    IG_PORT("mask", 'B', "True where kept.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS | IG_FLOAT8S},
    {'R', IG_FLOATS | IG_FLOAT8S},
    {'B', IG_T(BOOL)},
    {0},
};
static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(2, IG_BIT(0)),
    IG_SAVE_OUT(1, IG_BIT(0)),
    {0},
};

#define SAMPLE_(name_, n_, outs_, ...)                                                 \
    {                                                                                  \
        .name = name_, .n_in = n_, .n_out = outs_, .in = (const ig_sample_in[])        \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
static const ig_sample samples[] = {
    SAMPLE_("default", 1, 1, {IG_SHAPE_IN(3, 5)}),
    SAMPLE_("default_mask", 1, 2, {IG_SHAPE_IN(3, 5)}),
    SAMPLE_("ratio", 2, 2, {IG_SHAPE_IN(3, 5)}, IGI_IN_NUMBER(IG_FLOAT32, 0.5)),
    SAMPLE_("training",
            3,
            2,
            {IG_SHAPE_IN(4, 5)},
            IGI_IN_NUMBER(IG_FLOAT32, 0.5),
            IGI_IN_NUMBER(IG_BOOL, 1)),
    SAMPLE_("training_one_output",
            3,
            1,
            {IG_SHAPE_IN(4, 5)},
            IGI_IN_NUMBER(IG_FLOAT32, 0.5),
            IGI_IN_NUMBER(IG_BOOL, 1)),
    SAMPLE_("training_default_ratio",
            3,
            2,
            {IG_SHAPE_IN(4, 5)},
            {.rank = -1},
            IGI_IN_NUMBER(IG_BOOL, 1)),
    SAMPLE_("training_ratio_zero",
            3,
            2,
            {IG_SHAPE_IN(4, 5)},
            IGI_IN_NUMBER(IG_FLOAT32, 0),
            IGI_IN_NUMBER(IG_BOOL, 1)),
    SAMPLE_("not_training",
            3,
            2,
            {IG_SHAPE_IN(3, 5)},
            IGI_IN_NUMBER(IG_FLOAT32, 0.5),
            IGI_IN_NUMBER(IG_BOOL, 0)),
    SAMPLE_("size_one",
            3,
            2,
            {IG_SHAPE_IN(1, 1)},
            IGI_IN_NUMBER(IG_FLOAT32, 0.5),
            IGI_IN_NUMBER(IG_BOOL, 1)),
    SAMPLE_("scalar", 1, 2, {.rank = 0}),
    SAMPLE_("empty",
            3,
            2,
            {IG_SHAPE_IN(0, 5)},
            IGI_IN_NUMBER(IG_FLOAT32, 0.5),
            IGI_IN_NUMBER(IG_BOOL, 1)),
    {0},
};
#undef SAMPLE_

static ig_status dropout_infer(ig_infer *x)
{
    for (int i = 1; i < x->n_in; i++) {
        int64_t count = x->in[i] ? ig_infer_count(x, i, 0, x->in[i]->rank) : 1;
        if (count >= 0 && count != 1)
            return ig_infer_fail(x, "%s must be a scalar", inputs[i].name);
    }
    return ig_infer_same(x);
}

static ig_status dropout_gradient(ig_grad *g)
{
    ig_var dy = ig_grad_dy(g, 0), ratio = ig_grad_in(g, 1), training = ig_grad_in(g, 2);
    if (!dy.h || !training.h) { // nothing flowed, or never training: a copy
        ig_grad_set(g, 0, dy);
        return IG_OK;
    }
    ig_var one = igi_grad_const(g, 1);
    ratio = ratio.h ? igi_emit_cast(g, ratio, (ig_dtype)ig_grad_in_type(g, 0)->dtype)
                    : igi_grad_const(g, 0.5);
    ig_var kept = ig_emit2(g, IG_OP(Sub), NULL, one, ratio);
    ig_var scale = ig_emit3(g, IG_OP(Where), NULL, training,
                            ig_emit2(g, IG_OP(Div), NULL, one, kept), one);
    ig_var scaled = ig_emit2(g, IG_OP(Mul), NULL, dy, scale);
    ig_grad_set(g, 0, igi_emit_masked(g, ig_grad_out(g, 1), scaled));
    return IG_OK;
}

static void keep_all(uint8_t *mask, int64_t n)
{
    if (mask && n > 0)
        memset(mask, 1, (size_t)n);
}

static void
drop(const ig_tensor *y, const ig_tensor *x, uint8_t *mask, double ratio, igi_random *s)
{
    const ig_tensor *t[2] = {y, x};
    const ig_dtype type = ig_dtype_of(x);
    const double scale = 1 / (1 - ratio);
    int64_t done = 0;
    igi_walk w;
    for (igi_walk_tensors(&w, y, t, 2); w.rows > 0; igi_walk_next(&w))
        for (int64_t i = 0; i < w.inner; i++, done++) {
            bool keep = igi_random_next(s, done) >= ratio;
            double v = igi_get_f64(type, ig_data(x), w.at[1] + i * w.step[1]);
            igi_put_f64(type, ig_data(y), w.at[0] + i * w.step[0],
                        keep ? v * scale : 0);
            if (mask)
                mask[done] = keep;
        }
}

static ig_status dropout_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    uint8_t *mask = ig_out(k, 1) ? ig_data(ig_out(k, 1)) : NULL;
    double ratio = igi_scalar_f64(ig_in(k, 1), 0.5);
    int64_t seed = ((const dropout_attrs *)k->attrs)->seed;
    if (!igi_scalar_i64(ig_in(k, 2), 0) || ratio == 0) {
        keep_all(mask, ig_numel(x));
        return igi_copy_to_output(k, 0, 0);
    }
    if (!(ratio > 0 && ratio < 1))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "ratio is %g, not in [0, 1)",
                              ratio);
    igi_random s;
    igi_random_begin(&s, k, seed);
    drop(ig_out(k, 0), x, mask, ratio, &s);
    return IG_OK;
}

IG_OPERATOR(Dropout) = {
    IG_OP_HEAD,
    .name = "Dropout",
    .since = 22,
    .doc = "In training_mode drops elements with probability ratio and scales the "
           "others by 1 / (1 - ratio); otherwise copies.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(dropout_attrs),
    .flags = IG_OP_STRIDED | IG_OP_RANDOM,
    .infer = dropout_infer,
    .gradient = dropout_gradient,
    .saves = saves,
    .reference = dropout_reference,
    .samples = samples,
};
