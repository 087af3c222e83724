// ReduceLogSumExp: log(sum(e^x)) over axes, in one pass that no term overflows: `sum`
// is relative to e^most, and is rescaled when a larger element comes. Integers are
// truncated.

#include <math.h>

#include "operators/common_grad.h"
#include "operators/common_reduce.h"

IG_USES_OP(Exp);

// The larger of two equal infinities minus itself is no number: their term is 1 (or 0).
static double add(double sum, double *most, double v)
{
    if (v == *most)
        return sum + (v > -(double)INFINITY);
    if (v > *most) {
        double scaled = sum * exp(*most - v);
        *most = v;
        return scaled + 1;
    }
    return sum + exp(v - *most);
}
#define LOG_SUM_EXP(dtype_, T_, C_, LOAD_, STORE_, convert_)                           \
    case dtype_: {                                                                     \
        T_ *to = ig_data(y);                                                           \
        IGI_REDUCE_EACH(k, r, T_, ig_data(x), double sum = 0;                          \
                        double most = -(double)INFINITY,                               \
                        sum = add(sum, &most, (double)LOAD_(p, i)),                    \
                        STORE_(T_, to, o, convert_(most + log(sum))))                  \
        return IG_OK;                                                                  \
    }

static ig_status reduce_log_sum_exp_gradient(ig_grad *g)
{
    ig_var y = igi_reduce_restore(g, ig_grad_out(g, 0));
    ig_var share = ig_emit1(g, IG_OP(Exp), NULL, igi_emit_sub(g, ig_grad_in(g, 0), y));
    ig_grad_set(g, 0, igi_emit_mul(g, igi_reduce_restore(g, ig_grad_dy(g, 0)), share));
    return IG_OK;
}

static ig_status reduce_log_sum_exp_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_reduce space, *r = &space;
    IG_TRY(igi_reduce_read(k, r));
    switch (ig_dtype_of(x)) {
        IGI_FLOAT_ROWS(LOG_SUM_EXP, )
        IGI_INTEGER_ROWS(LOG_SUM_EXP, igi_f64_to_i64)
    default:
        return igi_bad_dtype(k, ig_dtype_of(x));
    }
}

IG_OPERATOR(ReduceLogSumExp) = {
    IG_OP_HEAD,
    .name = "ReduceLogSumExp",
    .since = 18,
    .doc =
        "log(sum(e^x)) over `axes`, without overflow; those of integers are truncated.",
    .inputs = igi_reduce_inputs,
    .outputs = igi_reduce_outputs,
    .types = igi_sum_types,
    .attrs = igi_reduce_options,
    .attrs_size = sizeof(igi_reduce_attrs),
    .flags = IG_OP_STRIDED,
    .infer = igi_reduce_infer,
    .gradient = reduce_log_sum_exp_gradient,
    .saves = igi_reduce_saves_all,
    .reference = reduce_log_sum_exp_reference,
    .samples = igi_reduce_samples,
};
