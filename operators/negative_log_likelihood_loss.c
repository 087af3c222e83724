/* NegativeLogLikelihoodLoss: loss[n, d] = -weight[t] * input[n, t, d], t = target[n,
 * d], then none, sum or mean. It is linear in `input`; its transpose is
 * ingot::NllLossGrad, and the two are each other's gradients. */
#include "operators/common_loss.h"

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Log probabilities [N, C, D1, ..., Dk]."),
    IGI_LOSS_LABELS("target"),
    IGI_LOSS_WEIGHT("weight"),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("loss", 'T', "Scalar, or the shape of target without reduction."),
    {0},
};
static const ig_type_rule types[] = {IGI_LOSS_TYPES, {0}};
static const ig_attr_def attrs[] = {IGI_LOSS_ATTRS, {0}};

static ig_status nll_loss_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank;
    IG_TRY(igi_loss_infer(x, x->in[0]->rank, ig_type_dims(x->in[0]), 2, &rank, dims));
    return ig_infer_set(x, 0, rank, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(2, IG_BIT(0)),
    {0},
};

static ig_status nll_loss_gradient(ig_grad *g)
{
    ig_var dx = {0};
    IG_TRY(igi_loss_gradient(g, ig_grad_dy(g, 0), &dx));
    ig_grad_set(g, 0, dx);
    return IG_OK;
}

IGI_INLINE ig_status nll_loss(ig_dtype T, const igi_loss *l, const void *x, void *loss)
{
    int64_t label;
    double sum = 0;
    for (int64_t i = 0; i < l->items; i++) {
        IG_TRY(igi_loss_label(l, i, &label));
        double v = label < 0 ? 0
                             : -igi_loss_weight(l, label) *
                                   igi_load(T, x, igi_loss_at(l, i, label));
        igi_loss_put(T, l, i, v, loss, &sum);
    }
    return igi_loss_finish(T, l, sum, loss);
}

static ig_status nll_loss_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    igi_loss l;
    igi_loss_set(&l, k, ig_rank(x), ig_dims(x), 2);
    IGI_EACH_FLOAT(k, ig_dtype_of(x),
                   return nll_loss(T, &l, ig_data(x), ig_data(ig_out(k, 0))));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "mean", IGI_INPUTS(IGI_IN(3, 4), IGI_IN_INTS(0, 3, 1))},
    {.name = "none_ignoring",
     .attrs = &igi_loss_sample_none,
     IGI_INPUTS(IGI_IN(2, 3, 2),
                {IG_SHAPE_IN(2, 2), IGI_DATA(IG_INT32, 0, -1, 2, 1)},
                IGI_IN_POSITIVE(3))},
    {.name = "weighted_sum",
     .attrs = &igi_loss_sample_sum,
     IGI_INPUTS(IGI_IN(2, 3, 1, 2),
                {IG_SHAPE_IN(2, 1, 2), IGI_DATA(IG_INT64, 0, 1, 2, 1)},
                IGI_IN_POSITIVE(3))},
    {.name = "weighted_mean_ignoring",
     .attrs = &igi_loss_sample_mean,
     IGI_INPUTS(IGI_IN(4, 3), IGI_IN_INTS(0, 1, 2, 2), IGI_IN_POSITIVE(3))},
    {.name = "empty_batch",
     .attrs = &igi_loss_sample_sum,
     IGI_INPUTS(IGI_IN(0, 3), {IG_SHAPE_IN(0), .dtype = IG_INT64})},
    {0},
};

IG_OPERATOR(NegativeLogLikelihoodLoss) = {
    IG_OP_HEAD,
    .name = "NegativeLogLikelihoodLoss",
    .since = 22,
    .doc = "-weight[t] * input[n, t, d] for each target t, with optional reduction. A "
           "mean divides by the weights of the targets that are not ignored (NaN when "
           "there are none).",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_loss_attrs),
    .infer = nll_loss_infer,
    .gradient = nll_loss_gradient,
    .saves = saves,
    .reference = nll_loss_reference,
    .samples = samples,
};
