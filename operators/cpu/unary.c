/* Pointwise float32 operators of one input: a row of the compute table each. */
#include <math.h>

#include <ingot/ops.h>

#include "operators/cpu/kernel.h"

static ig_status
run(ig_kernel_ctx *k, int tid, int nth, igi_unary f, const float *params)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t n = igi_tensor_count(x), lo, hi;
    ig_split(n, IGI_GRAIN, tid, nth, &lo, &hi);
    igi_cpu_isa_best()->unary[f](igi_kf32(igi_kout(k, 0)) + lo, igi_kf32(x) + lo,
                                 hi - lo, params);
    return IG_OK;
}

#define UNARY(name_, f_)                                                               \
    static ig_status run_##name_(ig_kernel_ctx *k, int tid, int nth)                   \
    {                                                                                  \
        return run(k, tid, nth, f_, NULL);                                             \
    }
UNARY(exp, IGI_UNARY_EXP)
UNARY(log, IGI_UNARY_LOG)
UNARY(tanh, IGI_UNARY_TANH)
UNARY(sigmoid, IGI_UNARY_SIGMOID)
UNARY(erf, IGI_UNARY_ERF)
UNARY(relu, IGI_UNARY_RELU)
UNARY(abs, IGI_UNARY_ABS)
UNARY(neg, IGI_UNARY_NEG)
UNARY(sqrt, IGI_UNARY_SQRT)
UNARY(reciprocal, IGI_UNARY_RECIPROCAL)
UNARY(softplus, IGI_UNARY_SOFTPLUS)
UNARY(hard_swish, IGI_UNARY_HARD_SWISH)

static ig_status run_leaky_relu(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, IGI_UNARY_LEAKY_RELU,
               &((const ig_leaky_relu_opts *)k->attrs)->alpha);
}

static ig_status run_gelu(ig_kernel_ctx *k, int tid, int nth)
{
    bool tanh_form =
        ((const ig_gelu_opts *)k->attrs)->approximate == IG_GELU_APPROXIMATE_TANH;
    return run(k, tid, nth, tanh_form ? IGI_UNARY_GELU_TANH : IGI_UNARY_GELU_ERF, NULL);
}

/* Clip(x, min?, max?): bounds are tensors of one element. */
static ig_status run_clip(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *lo = igi_kin(k, 1), *hi = igi_kin(k, 2);
    float bounds[2] = {lo ? *igi_kf32(lo) : -INFINITY, hi ? *igi_kf32(hi) : INFINITY};
    if (isnan(bounds[0]) ||
        isnan(bounds[1])) /* the row's min and max do not spread NaN */
        return tid ? IG_OK : k->op->reference(k);
    return run(k, tid, nth, IGI_UNARY_CLIP, bounds);
}

#define ROW(op_, run_)                                                                 \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "simd", .types = IG_T(FLOAT32),             \
                        .run_team = run_                                               \
    }
IG_KERNELS(unary) = {
    ROW("Exp", run_exp),
    ROW("Log", run_log),
    ROW("Tanh", run_tanh),
    ROW("Sigmoid", run_sigmoid),
    ROW("Erf", run_erf),
    ROW("Relu", run_relu),
    ROW("Abs", run_abs),
    ROW("Neg", run_neg),
    ROW("Sqrt", run_sqrt),
    ROW("Reciprocal", run_reciprocal),
    ROW("Softplus", run_softplus),
    ROW("HardSwish", run_hard_swish),
    ROW("LeakyRelu", run_leaky_relu),
    ROW("Gelu", run_gelu),
    ROW("Clip", run_clip),
    {0},
};
