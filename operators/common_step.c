// Shapes of optimiser steps, and the end of ClipScale.

#include "operators/common_step.h"

static ig_status same_shape(ig_infer *x, int i)
{
    const ig_type *param = x->in[0], *t = x->in[i];
    if (t->rank != param->rank)
        return ig_infer_fail(x, "%s and param differ in rank", x->op->inputs[i].name);
    for (int d = 0; d < t->rank; d++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(param)[d], ig_type_dims(t)[d],
                              x->op->inputs[i].name, NULL));
    return IG_OK;
}

ig_status igi_step_infer(ig_infer *x, int first_scalar)
{
    for (int i = 1; i < x->n_in; i++) {
        if (!x->in[i])
            continue;
        if (i < first_scalar) {
            IG_TRY(same_shape(x, i));
        } else {
            int64_t count = ig_infer_count(x, i, 0, x->in[i]->rank);
            if (count >= 0 && count != 1)
                return ig_infer_fail(x, "%s must be a scalar", x->op->inputs[i].name);
        }
    }
    return ig_infer_same(x);
}

void igi_clip_results(ig_kernel_ctx *k, double norm)
{
    double max = igi_scalar_f64(ig_in(k, 0), 0);
    if (k->out[0])
        *(double *)ig_data(ig_out(k, 0)) = norm;
    if (k->n_out > 1 && k->out[1])
        *(double *)ig_data(ig_out(k, 1)) = norm > max ? max / norm : 1;
}
