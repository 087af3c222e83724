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
    for (int64_t m; lo < hi; lo += m) {
        m = hi - lo < IGI_POLL_BLOCK ? hi - lo : IGI_POLL_BLOCK;
        igi_cpu_isa_best()->unary[f](igi_kf32(igi_kout(k, 0)) + lo, igi_kf32(x) + lo, m,
                                     params);
        if (m < hi - lo)
            IG_TRY(ig_poll(k));
    }
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
UNARY(mish, IGI_UNARY_MISH)
UNARY(softsign, IGI_UNARY_SOFTSIGN)
UNARY(silu, IGI_UNARY_SILU)
UNARY(floor, IGI_UNARY_FLOOR)
UNARY(ceil, IGI_UNARY_CEIL)
UNARY(round, IGI_UNARY_ROUND)
UNARY(sign, IGI_UNARY_SIGN)
UNARY(sin, IGI_UNARY_SIN)
UNARY(cos, IGI_UNARY_COS)
UNARY(tan, IGI_UNARY_TAN)
UNARY(asin, IGI_UNARY_ASIN)
UNARY(acos, IGI_UNARY_ACOS)
UNARY(atan, IGI_UNARY_ATAN)
UNARY(sinh, IGI_UNARY_SINH)
UNARY(cosh, IGI_UNARY_COSH)
UNARY(asinh, IGI_UNARY_ASINH)
UNARY(acosh, IGI_UNARY_ACOSH)
UNARY(atanh, IGI_UNARY_ATANH)

static ig_status run_leaky_relu(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, IGI_UNARY_LEAKY_RELU,
               &((const ig_leaky_relu_opts *)k->attrs)->alpha);
}

static ig_status run_elu(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, IGI_UNARY_ELU, &((const ig_elu_opts *)k->attrs)->alpha);
}

static ig_status run_selu(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_selu_opts *o = k->attrs;
    const float params[2] = {o->alpha, o->gamma};
    return run(k, tid, nth, IGI_UNARY_SELU, params);
}

static ig_status celu_supports(const ig_kernel_ctx *k)
{
    return ((const ig_celu_opts *)k->attrs)->alpha > 0
               ? IG_OK
               : ig_reject("alpha is not positive");
}

static ig_status run_celu(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, IGI_UNARY_CELU, &((const ig_celu_opts *)k->attrs)->alpha);
}

static ig_status run_thresholded_relu(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, IGI_UNARY_THRESHOLDED_RELU,
               &((const ig_thresholded_relu_opts *)k->attrs)->alpha);
}

static ig_status run_hard_sigmoid(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_hard_sigmoid_opts *o = k->attrs;
    const float params[2] = {o->alpha, o->beta};
    return run(k, tid, nth, IGI_UNARY_HARD_SIGMOID, params);
}

static ig_status swish_supports(const ig_kernel_ctx *k)
{
    return ((const ig_swish_opts *)k->attrs)->alpha == 1 ? IG_OK
                                                         : ig_reject("alpha is not 1");
}

/* PRelu(x, slope): one slope, or one per channel (axis 1). */
static ig_status prelu_supports(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0), *slope = igi_kin(k, 1);
    int shift = igi_krank(x) - igi_krank(slope);
    bool fits = true;
    for (int i = 0; i < igi_krank(slope); i++)
        fits = fits && (igi_kdims(slope)[i] == 1 || shift + i == 1);
    return fits ? IG_OK : ig_reject("slopes differ along other axes than 1");
}

static ig_status run_prelu(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *slope = igi_kin(k, 1);
    if (igi_tensor_count(slope) == 1)
        return run(k, tid, nth, IGI_UNARY_LEAKY_RELU, igi_kf32(slope));
    int64_t c = igi_kdims(x)[1], plane = igi_kcount(x, 2, igi_krank(x)), lo, hi,
            left = IGI_POLL_BLOCK;
    ig_split(igi_kdims(x)[0] * c, IGI_GRAIN / (plane + 1) + 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        IG_TRY(igi_kpace(k, &left, plane + 8));
        igi_cpu_isa_best()->unary[IGI_UNARY_LEAKY_RELU](
            igi_kf32(igi_kout(k, 0)) + i * plane, igi_kf32(x) + i * plane, plane,
            igi_kf32(slope) + i % c);
    }
    return IG_OK;
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

#define ROW(op_, ... /* run, and what differs */)                                      \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "simd", .types = IG_T(FLOAT32),             \
                        .run_team = __VA_ARGS__                                        \
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
    ROW("Elu", run_elu),
    ROW("HardSigmoid", run_hard_sigmoid),
    ROW("Mish", run_mish),
    ROW("PRelu", run_prelu, .supports = prelu_supports),
    ROW("Softsign", run_softsign),
    ROW("Swish", run_silu, .supports = swish_supports),
    ROW("Floor", run_floor),
    ROW("Ceil", run_ceil),
    ROW("Round", run_round),
    ROW("Sign", run_sign),
    ROW("Sin", run_sin),
    ROW("Cos", run_cos),
    ROW("Tan", run_tan),
    ROW("Asin", run_asin),
    ROW("Acos", run_acos),
    ROW("Atan", run_atan),
    ROW("Sinh", run_sinh),
    ROW("Cosh", run_cosh),
    ROW("Asinh", run_asinh),
    ROW("Acosh", run_acosh),
    ROW("Atanh", run_atanh),
    ROW("Selu", run_selu),
    ROW("Celu", run_celu, .supports = celu_supports),
    ROW("ThresholdedRelu", run_thresholded_relu),
    {0},
};
