// CrossEntropyGrad: the gradient of SoftmaxCrossEntropyLoss's loss by its scores.
//
//   dx[n, c, d] = f (exp(log_prob[n, c, d]) - [c is the label]),
//   f = weight[label] dloss / divisor, 0 for an ignored label
// Made by passes of what the loss's rule emits: NllLossGrad, Exp, ReduceSum, Mul, Sub.

#include "operators/common_loss.h"

static const ig_port inputs[] = {
    IG_PORT("dloss", 'T', "Gradient of the loss.", .flags = IG_NODIFF),
    IGI_LOSS_LABELS("labels"),
    IG_PORT(
        "log_prob", 'T', "Log probabilities [N, C, D1, ..., Dk].", .flags = IG_NODIFF),
    IGI_LOSS_WEIGHT("weights"),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Gradient of the scores.", .alias = IG_MAY_ALIAS(2)),
    {0},
};
static const ig_type_rule types[] = {IGI_LOSS_TYPES, {0}};
static const ig_attr_def attrs[] = {IGI_LOSS_ATTRS, {0}};

static ig_status cross_entropy_grad_infer(ig_infer *x)
{
    int64_t loss[IG_RANK_MAX];
    int rank;
    IG_TRY(igi_loss_infer(x, x->in[2]->rank, ig_type_dims(x->in[2]), 3, &rank, loss));
    if (x->in[0]->rank != rank)
        return ig_infer_fail(x, "dloss must have the shape of the loss");
    for (int i = 0; i < rank; i++)
        IG_TRY(ig_infer_equal(x, loss[i], ig_type_dims(x->in[0])[i],
                              "dims of dloss and of the loss", NULL));
    return ig_infer_copy(x, 0, 2);
}

IGI_INLINE ig_status
slope(ig_dtype T, const igi_loss *l, const void *dloss, const void *log_prob, void *dx)
{
    int64_t label;
    double divisor;
    IG_TRY(igi_loss_divisor(l, &divisor));
    for (int64_t i = 0; i < l->items; i++) {
        IG_TRY(igi_loss_label(l, i, &label));
        double d = igi_load(T, dloss, l->reduction == IGI_REDUCTION_NONE ? i : 0);
        double f = label < 0 ? 0 : igi_loss_weight(l, label) * d / divisor;
        for (int64_t c = 0; c < l->classes; c++) {
            int64_t at = igi_loss_at(l, i, c);
            igi_store(T, dx, at, f * (exp(igi_load(T, log_prob, at)) - (c == label)));
        }
    }
    return IG_OK;
}

static ig_status cross_entropy_grad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *log_prob = ig_in(k, 2);
    igi_loss l;
    igi_loss_set(&l, k, ig_rank(log_prob), ig_dims(log_prob), 3);
    IGI_EACH_FLOAT(k, ig_dtype_of(log_prob),
                   return slope(T, &l, ig_data(ig_in(k, 0)), ig_data(log_prob),
                                ig_data(ig_out(k, 0))));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "mean", IGI_INPUTS({.rank = 0}, IGI_IN_INTS(0, 3, 1), IGI_IN(3, 4))},
    {.name = "none_ignoring",
     .attrs = &igi_loss_sample_none,
     IGI_INPUTS(IGI_IN(2, 2),
                {IG_SHAPE_IN(2, 2), IGI_DATA(IG_INT64, 0, -1, 2, 1)},
                IGI_IN(2, 3, 2),
                IGI_IN_POSITIVE(3))},
    {.name = "weighted_sum",
     .attrs = &igi_loss_sample_sum,
     IGI_INPUTS({.rank = 0},
                {IG_SHAPE_IN(2, 1, 2), IGI_DATA(IG_INT64, 0, 1, 2, 1)},
                IGI_IN(2, 3, 1, 2),
                IGI_IN_POSITIVE(3))},
    {.name = "weighted_mean_ignoring",
     .attrs = &igi_loss_sample_mean,
     IGI_INPUTS(
         {.rank = 0}, IGI_IN_INTS(0, 1, 2, 2), IGI_IN(4, 3), IGI_IN_POSITIVE(3))},
    {.name = "empty_batch",
     .attrs = &igi_loss_sample_sum,
     IGI_INPUTS({.rank = 0}, {IG_SHAPE_IN(0), .dtype = IG_INT64}, IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(CrossEntropyGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "CrossEntropyGrad",
    .since = 1,
    .doc = "Gradient of the loss of SoftmaxCrossEntropyLoss, from its log "
           "probabilities. Attributes are those of the loss.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_loss_attrs),
    .infer = cross_entropy_grad_infer,
    .gradient = ig_gradient_forbidden,
    .reference = cross_entropy_grad_reference,
    .samples = samples,
};
