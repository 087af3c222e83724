/* ingot::NllLossGrad: dx[n, t, d] = -weight[t] * dloss / divisor at t = target[n, d],
 * zero elsewhere: the gradient of NegativeLogLikelihoodLoss and its transpose. */
#include "operators/common_loss.h"
#include "operators/common_move.h"

IG_USES_OP(NegativeLogLikelihoodLoss);

static const ig_port inputs[] = {
    IG_PORT("dloss", 'T', "Gradient of the loss."),
    IGI_LOSS_LABELS("target"),
    IG_PORT("shape", 'I', "Shape of the log probabilities.", .flags = IG_VALUE),
    IGI_LOSS_WEIGHT("weight"),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Gradient of the log probabilities [N, C, D1, ..., Dk]."),
    {0},
};
static const ig_type_rule types[] = {IGI_LOSS_TYPES, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {IGI_LOSS_ATTRS, {0}};

static ig_status nll_loss_grad_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX], loss[IG_RANK_MAX];
    int rank, n = igi_infer_sizes(x, 2, dims);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if (n == IG_INTS_UNKNOWN)
        return ig_infer_fresh(x, 0, x->in[1]->rank + 1);
    IG_TRY(igi_loss_infer(x, n, dims, 3, &rank, loss));
    if (x->in[0]->rank != rank)
        return ig_infer_fail(x, "dloss must have the shape of the loss");
    for (int i = 0; i < rank; i++)
        IG_TRY(ig_infer_equal(x, loss[i], ig_type_dims(x->in[0])[i],
                              "dims of dloss and of the loss", NULL));
    return ig_infer_set(x, 0, n, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(3, IG_BIT(0)),
    {0},
};

static ig_status nll_loss_grad_gradient(ig_grad *g)
{
    ig_var in[3] = {ig_grad_dy(g, 0), ig_grad_in(g, 1), ig_grad_in(g, 3)}, dloss = {0};
    IG_TRY(ig_emit_n(g, IG_OP(NegativeLogLikelihoodLoss), ig_grad_attrs(g), in,
                     in[2].h ? 3 : 2, &dloss, 1));
    ig_grad_set(g, 0, dloss);
    return IG_OK;
}

IGI_INLINE ig_status
scatter(ig_dtype T, const igi_loss *l, const void *dloss, void *dx, int64_t total)
{
    int64_t label;
    double divisor;
    IG_TRY(igi_loss_divisor(l, &divisor));
    for (int64_t i = 0; i < total; i++)
        igi_store(T, dx, i, 0);
    for (int64_t i = 0; i < l->items; i++) {
        IG_TRY(igi_loss_label(l, i, &label));
        double w = igi_loss_weight(l, label);
        double d = igi_load(T, dloss, l->reduction == IGI_REDUCTION_NONE ? i : 0);
        if (label >= 0)
            igi_store(T, dx, igi_loss_at(l, i, label), -w * d / divisor);
    }
    return IG_OK;
}

static ig_status nll_loss_grad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *dloss = ig_in(k, 0);
    ig_tensor *dx = ig_out(k, 0);
    igi_loss l;
    igi_loss_set(&l, k, ig_rank(dx), ig_dims(dx), 3);
    IGI_EACH_FLOAT(k, ig_dtype_of(dx),
                   return scatter(T, &l, ig_data(dloss), ig_data(dx), ig_numel(dx)));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "mean", IGI_INPUTS({.rank = 0}, IGI_IN_INTS(0, 3, 1), IGI_IN_INTS(3, 4))},
    {.name = "none_ignoring",
     .attrs = &igi_loss_sample_none,
     IGI_INPUTS(IGI_IN(2, 2),
                {IG_SHAPE_IN(2, 2), IGI_DATA(IG_INT64, 0, -1, 2, 1)},
                IGI_IN_INTS(2, 3, 2),
                IGI_IN_POSITIVE(3))},
    {.name = "weighted_sum",
     .attrs = &igi_loss_sample_sum,
     IGI_INPUTS({.rank = 0},
                {IG_SHAPE_IN(2, 1, 2), IGI_DATA(IG_INT64, 0, 1, 2, 1)},
                IGI_IN_INTS(2, 3, 1, 2),
                IGI_IN_POSITIVE(3))},
    {.name = "weighted_mean_ignoring",
     .attrs = &igi_loss_sample_mean,
     IGI_INPUTS(
         {.rank = 0}, IGI_IN_INTS(0, 1, 2, 2), IGI_IN_INTS(4, 3), IGI_IN_POSITIVE(3))},
    {.name = "empty_batch",
     .attrs = &igi_loss_sample_sum,
     IGI_INPUTS({.rank = 0}, {IG_SHAPE_IN(0), .dtype = IG_INT64}, IGI_IN_INTS(0, 3))},
    {0},
};

IG_OPERATOR(NllLossGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "NllLossGrad",
    .since = 1,
    .doc = "Gradient of NegativeLogLikelihoodLoss with respect to its input. "
           "Attributes are those of the loss.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_loss_attrs),
    .infer = nll_loss_grad_infer,
    .gradient = nll_loss_grad_gradient,
    .saves = saves,
    .reference = nll_loss_grad_reference,
    .samples = samples,
};
