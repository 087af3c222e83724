// Normalisation within instances and groups of channels.

#include "operators/common_group.h"

#include <inttypes.h>

#include "operators/common_move.h"

IG_USES_OP(Reshape);

const ig_type_rule igi_group_types[] = {{'T', IG_FLOATS}, {0}};
const ig_save igi_group_saves[] = {
    IG_SAVE_IN(0, IG_BIT(0) | IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(0)),
    {0},
};

ig_status igi_group_infer(ig_infer *x, int64_t groups)
{
    int64_t same;
    if (x->in[0]->rank < 2)
        return ig_infer_fail(x, "the input must have rank >= 2");
    int64_t c = ig_type_dims(x->in[0])[1];
    /* Groups of no channels have no mean, and may be as many as there are numbers. */
    if (groups < 0 || (groups > 0 && c >= 0 && c % groups != 0) ||
        (groups > 1 && c == 0))
        return ig_infer_fail(x, "%" PRId64 " groups do not divide %" PRId64 " channels",
                             groups, c);
    for (int i = 1; i < 3; i++) {
        if (x->in[i]->rank != 1)
            return ig_infer_fail(x, "%s must be a vector", x->op->inputs[i].name);
        IG_TRY(ig_infer_equal(x, c, ig_type_dims(x->in[i])[0], "a number per channel",
                              &same));
    }
    return ig_infer_copy(x, 0, 0);
}

ig_status igi_group_normalize(ig_kernel_ctx *k, int64_t groups, double epsilon)
{
    const ig_tensor *x = ig_in(k, 0), *scale = ig_in(k, 1), *bias = ig_in(k, 2);
    const ig_tensor *y = ig_out(k, 0);
    int64_t c = ig_dims(x)[1], plane = 1;
    if (ig_numel(x) == 0)
        return IG_OK;
    for (int i = 2; i < ig_rank(x); i++)
        plane *= ig_dims(x)[i];
    groups = groups ? groups : c;
    int64_t n = c / groups * plane;
    IGI_EACH_FLOAT(k, ig_dtype_of(x), {
        for (int64_t j = 0; j < ig_dims(x)[0] * groups; j++) {
            double mean = 0, var = 0;
            for (int64_t i = j * n; i < (j + 1) * n; i++)
                mean += igi_load(T, ig_data(x), i) / (double)n;
            for (int64_t i = j * n; i < (j + 1) * n; i++) {
                double d = igi_load(T, ig_data(x), i) - mean;
                var += d * d / (double)n;
            }
            double inverse = 1 / sqrt(var + epsilon);
            for (int64_t i = j * n; i < (j + 1) * n; i++) {
                int64_t channel = i / plane % c;
                double v = (igi_load(T, ig_data(x), i) - mean) * inverse;
                igi_store(T, ig_data(y), i,
                          v * igi_load(T, ig_data(scale), channel) +
                              igi_load(T, ig_data(bias), channel));
            }
        }
    })
    return IG_OK;
}

// As [N, groups, all the rest].
static ig_var grouped(ig_grad *g, ig_var v, int64_t groups)
{
    const int64_t dims[3] = {0, groups ? groups : 0, -1};
    return ig_emit2(g, IG_OP(Reshape), NULL, v, ig_grad_ints(g, dims, 3));
}

ig_status igi_group_gradient(ig_grad *g, int64_t groups, double epsilon)
{
    static const int64_t last[1] = {2};
    int rank = ig_grad_in_type(g, 0)->rank;
    int64_t spatial[IG_RANK_MAX];
    ig_var dy = ig_grad_dy(g, 0), shape = ig_grad_in_shape(g, 0);
    if (rank < 2)
        return ig_grad_fail(g, IG_UNSUPPORTED, "the rank is not known");
    for (int i = 0; i < rank - 2; i++)
        spatial[i] = 1 + i;
    igi_standard s =
        igi_emit_standard(g, grouped(g, ig_grad_in(g, 0), groups), last, 1, epsilon);
    if (ig_grad_wants(g, 0)) {
        ig_var scale = igi_emit_unsqueeze(g, ig_grad_in(g, 1), spatial, rank - 2);
        ig_var h = grouped(g, igi_emit_mul(g, dy, scale), groups);
        ig_grad_set(
            g, 0, igi_emit_reshape(g, igi_emit_standard_dx(g, &s, h, last, 1), shape));
    }
    if (ig_grad_wants(g, 1)) {
        ig_var n = igi_emit_reshape(g, s.n, shape);
        ig_grad_set(g, 1, ig_emit_sum_except(g, igi_emit_mul(g, dy, n), 1));
    }
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, ig_emit_sum_except(g, dy, 1));
    return IG_OK;
}
