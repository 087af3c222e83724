/* Labels and shapes of classification losses. */
#include "operators/common_loss.h"

#include <inttypes.h>

IG_USES_OP(NllLossGrad);

const char *const igi_reduction_names[] = {"none", "sum", "mean", NULL};

ig_status igi_loss_infer(
    ig_infer *x, int rank, const int64_t *sd, int weights, int *out_rank, int64_t *out)
{
    const ig_type *labels = x->in[1], *w = weights < x->n_in ? x->in[weights] : NULL;
    if (rank < 2 || labels->rank != rank - 1)
        return ig_infer_fail(
            x, "scores [N, C, D...] need rank 2 at least and labels [N, D...] "
               "one axis less");
    for (int i = 0; i < rank - 1; i++)
        IG_TRY(ig_infer_equal(x, sd[i ? i + 1 : 0], ig_type_dims(labels)[i],
                              "dims of scores and labels", &out[i]));
    if (w && w->rank != 1)
        return ig_infer_fail(x, "weights must have rank 1");
    if (w)
        IG_TRY(ig_infer_equal(x, ig_type_dims(w)[0], sd[1],
                              "the weights and the number of classes", NULL));
    bool each = ((const igi_loss_attrs *)x->attrs)->reduction == IGI_REDUCTION_NONE;
    *out_rank = each ? rank - 1 : 0;
    return IG_OK;
}

void igi_loss_set(
    igi_loss *l, const ig_kernel_ctx *k, int rank, const int64_t *sd, int weights)
{
    const igi_loss_attrs *a = k->attrs;
    l->k = k;
    l->labels = ig_in(k, 1);
    l->weights = ig_in(k, weights);
    l->classes = sd[1];
    l->inner = 1;
    for (int i = 2; i < rank; i++)
        l->inner *= sd[i];
    l->items = sd[0] * l->inner;
    l->ignore = a->ignore_index;
    l->reduction = a->reduction;
}

ig_status igi_loss_label(const igi_loss *l, int64_t i, int64_t *label)
{
    int64_t v = ig_dtype_of(l->labels) == IG_INT32
                    ? ((const int32_t *)ig_data(l->labels))[i]
                    : ((const int64_t *)ig_data(l->labels))[i];
    if (l->ignore != IGI_IGNORE_NOTHING && v == l->ignore) {
        *label = -1;
        return IG_OK;
    }
    if (v < 0 || v >= l->classes)
        return ig_kernel_fail(l->k, IG_INVALID_ARGUMENT,
                              "label %" PRId64 " at position %" PRId64
                              " is outside [0, %" PRId64 ")",
                              v, i, l->classes);
    *label = v;
    return IG_OK;
}

double igi_loss_weight(const igi_loss *l, int64_t label)
{
    if (label < 0)
        return 0;
    return l->weights ? igi_get_f64(ig_dtype_of(l->weights), ig_data(l->weights), label)
                      : 1;
}

ig_status igi_loss_divisor(const igi_loss *l, double *out)
{
    int64_t label = 0;
    *out = 1;
    if (l->reduction != IGI_REDUCTION_MEAN)
        return IG_OK;
    *out = 0;
    for (int64_t i = 0; i < l->items; i++) {
        IG_TRY(igi_loss_label(l, i, &label));
        *out += igi_loss_weight(l, label);
    }
    return IG_OK;
}

ig_status igi_loss_gradient(ig_grad *g, ig_var dloss, ig_var *dscores)
{
    ig_var in[4] = {dloss, ig_grad_in(g, 1), ig_grad_in_shape(g, 0), ig_grad_in(g, 2)};
    return ig_emit_n(g, IG_OP(NllLossGrad), ig_grad_attrs(g), in, in[3].h ? 4 : 3,
                     dscores, 1);
}

#define HEAD .struct_size = sizeof(igi_loss_attrs)
const igi_loss_attrs igi_loss_sample_none = {HEAD, .ignore_index = -1};
const igi_loss_attrs igi_loss_sample_sum = {HEAD, .ignore_index = IGI_IGNORE_NOTHING,
                                            .reduction = IGI_REDUCTION_SUM};
const igi_loss_attrs igi_loss_sample_mean = {HEAD, .ignore_index = 1,
                                             .reduction = IGI_REDUCTION_MEAN};
