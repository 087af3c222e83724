/* SoftmaxCrossEntropyLoss: NegativeLogLikelihoodLoss of LogSoftmax(scores) over axis 1,
 * and those log probabilities as a second output.
 *
 * Gradient: with p = exp(log_prob) and dl = NllLossGrad(dy) + d log_prob,
 *   d scores = dl - p * (sum of dl over the classes). */
#include "operators/common_grad.h"
#include "operators/common_loss.h"
#include "operators/common_softmax.h"

IG_USES_OP(Exp);

static const ig_port inputs[] = {
    IG_PORT("scores", 'T', "Scores [N, C, D1, ..., Dk]."),
    IGI_LOSS_LABELS("labels"),
    IGI_LOSS_WEIGHT("weights"),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Scalar, or the shape of labels without reduction."),
    IG_PORT("log_prob", 'T', "LogSoftmax of scores over axis 1.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_type_rule types[] = {IGI_LOSS_TYPES, {0}};
static const ig_attr_def attrs[] = {IGI_LOSS_ATTRS, {0}};

static ig_status cross_entropy_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank;
    IG_TRY(igi_loss_infer(x, x->in[0]->rank, ig_type_dims(x->in[0]), 2, &rank, dims));
    IG_TRY(ig_infer_set(x, 0, rank, dims));
    return ig_infer_copy(x, 1, 0);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(2, IG_BIT(0)),
    IG_SAVE_OUT(1, IG_BIT(0)),
    {0},
};

static ig_status cross_entropy_gradient(ig_grad *g)
{
    const int64_t classes = 1;
    ig_var dl = {0}, log_prob = ig_grad_out(g, 1);
    if (ig_grad_dy(g, 0).h)
        IG_TRY(igi_loss_gradient(g, ig_grad_dy(g, 0), &dl));
    dl = igi_emit_add(g, dl, ig_grad_dy(g, 1));
    ig_var p = ig_emit1(g, IG_OP(Exp), NULL, log_prob);
    ig_var sum = igi_emit_sum(g, dl, &classes, 1);
    ig_grad_set(g, 0, igi_emit_sub(g, dl, igi_emit_mul(g, p, sum)));
    return IG_OK;
}

IGI_INLINE ig_status
cross_entropy(ig_dtype T, const igi_loss *l, const void *x, void *loss, void *log_prob)
{
    int64_t label;
    double total = 0, high;
    for (int64_t i = 0; i < l->items; i++) {
        int64_t first = igi_loss_at(l, i, 0);
        double sum = igi_exp_sum(T, x, first, l->classes, l->inner, &high);
        double base = high + log(sum); /* x - base are log probabilities */
        for (int64_t c = 0; log_prob && c < l->classes; c++) {
            int64_t at = igi_loss_at(l, i, c);
            igi_store(T, log_prob, at, igi_load(T, x, at) - base);
        }
        IG_TRY(igi_loss_label(l, i, &label));
        double v = 0;
        if (label >= 0)
            v = igi_loss_weight(l, label) *
                (base - igi_load(T, x, igi_loss_at(l, i, label)));
        igi_loss_put(T, l, i, v, loss, &total);
    }
    return igi_loss_finish(T, l, total, loss);
}

static ig_status cross_entropy_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *loss = ig_out(k, 0), *log_prob = ig_out(k, 1);
    void *p = log_prob ? ig_data(log_prob) : NULL;
    igi_loss l;
    igi_loss_set(&l, k, ig_rank(x), ig_dims(x), 2);
    IGI_EACH_FLOAT(k, ig_dtype_of(x),
                   return cross_entropy(T, &l, ig_data(x), ig_data(loss), p));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "mean", IGI_INPUTS(IGI_IN(3, 4), IGI_IN_INTS(0, 3, 1))},
    {.name = "mean_and_log_prob",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 3), IGI_IN_INTS(2, 0))},
    {.name = "none_ignoring",
     .attrs = &igi_loss_sample_none,
     IGI_INPUTS(IGI_IN(2, 3, 2),
                {IG_SHAPE_IN(2, 2), IGI_DATA(IG_INT32, 0, -1, 2, 1)},
                IGI_IN_POSITIVE(3))},
    {.name = "weighted_sum",
     .attrs = &igi_loss_sample_sum,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 3, 1, 2),
                {IG_SHAPE_IN(2, 1, 2), IGI_DATA(IG_INT64, 0, 1, 2, 1)},
                IGI_IN_POSITIVE(3))},
    {.name = "weighted_mean_ignoring",
     .attrs = &igi_loss_sample_mean,
     IGI_INPUTS(IGI_IN(4, 3), IGI_IN_INTS(0, 1, 2, 2), IGI_IN_POSITIVE(3))},
    {.name = "empty_batch",
     .attrs = &igi_loss_sample_sum,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(0, 3), {IG_SHAPE_IN(0), .dtype = IG_INT64})},
    {0},
};

IG_OPERATOR(SoftmaxCrossEntropyLoss) = {
    IG_OP_HEAD,
    .name = "SoftmaxCrossEntropyLoss",
    .since = 13,
    .doc = "-weights[t] * LogSoftmax(scores)[n, t, d] for each label t, with optional "
           "reduction. A mean divides by the weights of the labels that are not "
           "ignored (NaN when there are none).",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_loss_attrs),
    .infer = cross_entropy_infer,
    .gradient = cross_entropy_gradient,
    .saves = saves,
    .reference = cross_entropy_reference,
    .samples = samples,
};
