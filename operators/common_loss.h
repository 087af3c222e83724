/* Losses over class labels: attributes, shapes and checked labels that they share.
 * scores[N, C, D1, ...], labels[N, D1, ...], weights[C]. */
#ifndef OPERATORS_COMMON_LOSS_H
#define OPERATORS_COMMON_LOSS_H

#include "operators/common_float.h"

enum { IGI_REDUCTION_NONE = 0, IGI_REDUCTION_SUM, IGI_REDUCTION_MEAN };
extern const char *const igi_reduction_names[];

#define IGI_IGNORE_NOTHING INT64_MIN /* ignore_index that is not given */

typedef struct igi_loss_attrs {
    uint32_t struct_size;
    int64_t ignore_index, reduction;
} igi_loss_attrs;

#define IGI_LOSS_TYPES                                                                 \
    {'T', IG_FLOATS},                                                                  \
    {                                                                                  \
        'L', IG_T(INT32) | IG_T(INT64)                                                 \
    }
#define IGI_LOSS_WEIGHT(name_)                                                         \
    IG_PORT(name_, 'T', "Weight of each class [C], a constant of the loss.",           \
            .flags = IG_OPTIONAL | IG_NODIFF)
#define IGI_LOSS_LABELS(name_)                                                         \
    IG_PORT(name_, 'L', "Classes [N, D1, ..., Dk].", .flags = IG_NODIFF)
#define IGI_LOSS_ATTRS                                                                 \
    IG_ATTR_INT(igi_loss_attrs, ignore_index, IGI_IGNORE_NOTHING,                      \
                "Label that adds nothing and may lie outside [0, C); absent: none."),  \
        IG_ATTR_ENUM(igi_loss_attrs, reduction, IGI_REDUCTION_MEAN,                    \
                     igi_reduction_names,                                              \
                     "none: a loss per label; sum; mean: sum / sum of the labels' "    \
                     "weights.")

/* Checks scores dims sd[rank], labels (port 1) and weights (port `weights`); writes the
 * dims of the loss and returns its rank in *out_rank. */
ig_status igi_loss_infer(
    ig_infer *x, int rank, const int64_t *sd, int weights, int *out_rank, int64_t *out);

typedef struct igi_loss {
    const ig_kernel_ctx *k;
    const ig_tensor *labels, *weights; /* weights NULL: all 1 */
    int64_t items, classes, inner;     /* items = N * inner */
    int64_t ignore, reduction;
} igi_loss;

void igi_loss_set(
    igi_loss *l, const ig_kernel_ctx *k, int rank, const int64_t *sd, int weights);
/* Label i, checked (V16): a class, or -1 when it is ignored. */
ig_status igi_loss_label(const igi_loss *l, int64_t i, int64_t *label);
double igi_loss_weight(const igi_loss *l, int64_t label); /* 0 for -1 */
/* Divisor of the reduction: the sum of all labels' weights for a mean, else 1. */
ig_status igi_loss_divisor(const igi_loss *l, double *out);
/* Position of (item i, class c) in scores. */
static inline int64_t igi_loss_at(const igi_loss *l, int64_t i, int64_t c)
{
    return (i / l->inner * l->classes + c) * l->inner + i % l->inner;
}

/* The loss v of item i: written as it is, or added to *sum for igi_loss_finish. */
IGI_INLINE void igi_loss_put(
    ig_dtype T, const igi_loss *l, int64_t i, double v, void *loss, double *sum)
{
    if (l->reduction == IGI_REDUCTION_NONE)
        igi_store(T, loss, i, v);
    *sum += v;
}
/* Writes the reduced loss; a mean over no weight is NaN. */
IGI_INLINE ig_status igi_loss_finish(ig_dtype T,
                                     const igi_loss *l,
                                     double sum,
                                     void *loss)
{
    double divisor;
    if (l->reduction == IGI_REDUCTION_NONE)
        return IG_OK;
    IG_TRY(igi_loss_divisor(l, &divisor));
    igi_store(T, loss, 0, divisor == 0 && sum == 0 ? (double)NAN : sum / divisor);
    return IG_OK;
}

/* Emits NllLossGrad of dloss for a loss with inputs (scores, labels, weights). */
ig_status igi_loss_gradient(ig_grad *g, ig_var dloss, ig_var *dscores);

/* Attributes in samples. */
extern const igi_loss_attrs igi_loss_sample_none, igi_loss_sample_sum,
    igi_loss_sample_mean;

#endif
