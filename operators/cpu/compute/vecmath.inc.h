/* Pointwise functions on vectors, and the array loops over them.
 *
 * exp: x = n ln2 + r, |r| <= ln2/2, e^x = 2^n (1 + q) with q = r + r^2 P(r); the same q
 * gives expm1 = 2^n q + (2^n - 1), from which tanh needs no second branch near 0.
 * Polynomials are minimax fits of degree noted at each (relative error of the result
 * below 1e-8); measured errors stand in tests/operators/cpu/test_compute.c. Inputs are
 * clamped where results have saturated, or large arguments would turn into NaN inside;
 * the order of operands in vmin/vmax lets NaN through. */

typedef struct exp_parts {
    vf q; /* e^r - 1 */
    vf n;
} exp_parts;

VEC_INLINE exp_parts v_exp_parts(vf x)
{
    vf n = vround(vmul(x, vset1(1.44269504f)));
    vf r = vfnma(n, vset1(0.693145751953125f), x); /* exact: 9 low bits are 0 */
    r = vfnma(n, vset1(1.428606765330187e-06f), r);
    vf p = vset1(1.394653111e-03f);
    p = vfma(p, r, vset1(8.366631344e-03f));
    p = vfma(p, r, vset1(4.166628048e-02f));
    p = vfma(p, r, vset1(1.666654199e-01f));
    p = vfma(p, r, vset1(0.5f));
    return (exp_parts){.q = vfma(vmul(r, r), p, r), .n = n};
}

/* For x <= 88. */
VEC_INLINE vf v_exp_small(vf x)
{
    exp_parts e = v_exp_parts(vmax(vset1(-104.0f), x));
    return vscale(vadd(vset1(1.0f), e.q), e.n);
}

VEC_INLINE vf v_exp(vf x)
{
    return v_exp_small(vmin(vset1(89.0f), x));
}

/* For -87 <= x <= 88. */
VEC_INLINE vf v_expm1(vf x)
{
    exp_parts e = v_exp_parts(x);
    vf s = vpow2(e.n);
    return vfma(s, e.q, vsub(s, vset1(1.0f)));
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)); log(1 + f) = f - f^2/2 + f^3 P(f), f = m
 * - 1. */
VEC_INLINE vf v_log(vf x)
{
    vm tiny = vlt(x, vset1(1.17549435e-38f));
    vf scaled = vsel(tiny, vmul(x, vset1(8388608.0f)), x);
    vi above = visub(vbits(scaled), viset1(0x3f3504f3));
    vf e = vadd(vfromexponent(above), vsel(tiny, vset1(-23.0f), vset1(0.0f)));
    vf f = vsub(vfrombits(visub(vbits(scaled), viexponent(above))), vset1(1.0f));
    vf p = vset1(6.746657938e-02f);
    p = vfma(p, f, vset1(-1.167564988e-01f));
    p = vfma(p, f, vset1(1.188815311e-01f));
    p = vfma(p, f, vset1(-1.240558848e-01f));
    p = vfma(p, f, vset1(1.421955377e-01f));
    p = vfma(p, f, vset1(-1.666799635e-01f));
    p = vfma(p, f, vset1(2.000211924e-01f));
    p = vfma(p, f, vset1(-2.500000894e-01f));
    p = vfma(p, f, vset1(3.333331347e-01f));
    vf f2 = vmul(f, f);
    vf y = vfma(vmul(p, f), f2, vmul(e, vset1(1.428606765330187e-06f)));
    y = vadd(f, vfma(f2, vset1(-0.5f), y));
    y = vfma(e, vset1(0.693145751953125f), y);
    y = vsel(vlt(x, vset1(INFINITY)), y, x); /* inf and NaN */
    y = vsel(vlt(x, vset1(0.0f)), vset1(NAN), y);
    return vsel(veq(x, vset1(0.0f)), vset1(-INFINITY), y);
}

VEC_INLINE vf v_tanh(vf x)
{
    vf a = vmin(vset1(10.0f), vabs(x)); /* tanh(10) rounds to 1 */
    vf t = v_expm1(vadd(a, a));
    return vcopysign(vdiv(t, vadd(t, vset1(2.0f))), x);
}

/* e^-|x|, which cannot overflow. */
VEC_INLINE vf v_exp_neg_abs(vf x)
{
    return v_exp(vneg(vabs(x)));
}

/* x * sigmoid(u); u < 0 takes e^u / (1 + e^u), accurate down to denormals. */
VEC_INLINE vf v_times_sigmoid(vf x, vf u)
{
    vf z = v_exp_neg_abs(u);
    vf num = vsel(vlt(u, vset1(0.0f)), vmul(x, z), x);
    return vdiv(num, vadd(z, vset1(1.0f)));
}

VEC_INLINE vf v_sigmoid(vf x)
{
    return v_times_sigmoid(vset1(1.0f), x);
}

VEC_INLINE vf v_silu(vf x)
{
    return v_times_sigmoid(x, x);
}

/* 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3). */
VEC_INLINE vf v_gelu_tanh(vf x)
{
    vf u = vfma(vmul(x, x), vset1(0.0713548162726f), vset1(1.59576912161f));
    return v_times_sigmoid(x, vmul(u, x));
}

/* erf(a) = a + a P(a^2) for 0 <= a < 1. */
VEC_INLINE vf v_erf_small(vf a)
{
    vf y = vmul(a, a);
    vf p = vset1(7.823976193e-05f);
    p = vfma(p, y, vset1(-8.002793766e-04f));
    p = vfma(p, y, vset1(5.187676754e-03f));
    p = vfma(p, y, vset1(-2.685357258e-02f));
    p = vfma(p, y, vset1(1.128358170e-01f));
    p = vfma(p, y, vset1(-3.761262596e-01f));
    p = vfma(p, y, vset1(1.283791661e-01f));
    return vfma(p, a, a);
}

/* erfc(a) = t exp(P(t) - a^2) with t = 1 / (1 + a / 2), for a >= 1; P is the polynomial
 * of degree 7 through log(erfc(a) e^(a^2) / t) at Chebyshev's nodes of 1 <= a <= 10.5,
 * 4e-8 from it, so that the whole tail keeps its digits down to denormals. */
VEC_INLINE vf v_erfc_large(vf a)
{
    vf t = vdiv(vset1(1.0f), vfma(a, vset1(0.5f), vset1(1.0f)));
    vf p = vset1(-1.494737808e-01f);
    p = vfma(p, t, vset1(6.658233894e-01f));
    p = vfma(p, t, vset1(-9.360576720e-01f));
    p = vfma(p, t, vset1(3.378286125e-01f));
    p = vfma(p, t, vset1(-4.819779652e-02f));
    p = vfma(p, t, vset1(3.988995504e-01f));
    p = vfma(p, t, vset1(9.976455266e-01f));
    p = vfma(p, t, vset1(-1.265415254e+00f));
    return vmul(t, v_exp(vfma(vneg(a), a, p)));
}

VEC_INLINE vf v_erf(vf x)
{
    vf a = vabs(x);
    vf large = vsub(vset1(1.0f), v_erfc_large(a));
    return vcopysign(vsel(vlt(a, vset1(1.0f)), v_erf_small(a), large), x);
}

/* 0.5 x erfc(-x / sqrt(2)): the erfc of a negative argument keeps the left tail's
 * digits. */
VEC_INLINE vf v_gelu_erf(vf x)
{
    vf u = vmul(x, vset1(0.70710678118f));
    vf a = vabs(u);
    vf small = vsub(vset1(1.0f), v_erf_small(a));
    vf c = vsel(vlt(a, vset1(1.0f)), small, v_erfc_large(a));
    c = vsel(vlt(u, vset1(0.0f)), c, vsub(vset1(2.0f), c));
    return vmul(vmul(x, vset1(0.5f)), c);
}

/* max(x, 0) + log1p(e^-|x|); the second term of log1p gives back what 1 + z rounds
 * away. */
VEC_INLINE vf v_softplus(vf x)
{
    vf z = v_exp_neg_abs(x);
    vf u = vadd(vset1(1.0f), z);
    vf lost = vsub(z, vsub(u, vset1(1.0f)));
    return vadd(vmax(vset1(0.0f), x), vadd(v_log(u), vdiv(lost, u)));
}

VEC_INLINE vf v_clip(vf x, vf low, vf high)
{
    return vmin(high, vmax(low, x));
}

VEC_INLINE vf v_hard_sigmoid(vf x, vf alpha, vf beta)
{
    return v_clip(vfma(x, alpha, beta), vset1(0.0f), vset1(1.0f));
}

VEC_INLINE vf v_elu(vf x, vf alpha)
{
    vf low = vmul(alpha, v_expm1(vmin(vset1(0.0f), vmax(vset1(-25.0f), x))));
    return vsel(vlt(x, vset1(0.0f)), low, x);
}

/* x tanh(log(1 + z)) = x (z^2 + 2 z) / (z^2 + 2 z + 2), z = e^x; 1 beyond 20. */
VEC_INLINE vf v_mish(vf x)
{
    vf z = v_exp(vmin(vset1(20.0f), x));
    vf n = vmul(z, vadd(z, vset1(2.0f)));
    return vmul(x, vdiv(n, vadd(n, vset1(2.0f))));
}

/* alpha > 0 */
VEC_INLINE vf v_celu(vf x, vf alpha)
{
    vf z = vmin(vset1(0.0f), vmax(vset1(-25.0f), vdiv(x, alpha)));
    return vsel(vlt(x, vset1(0.0f)), vmul(alpha, v_expm1(z)), x);
}

#include "operators/cpu/compute/vectrig.inc.h"

/* An array function and its form for tiles, rows of c at stride ld in place: there the
 * constants are loaded once for all rows. EXPR uses x, and p0, p1 (the parameters)
 * where it needs them. */
#define UNARY_LINE(name_, expr_)                                                       \
    VEC_INLINE void line_##name_(float *y, const float *px, int64_t n, vf p0, vf p1)   \
    {                                                                                  \
        (void)p0;                                                                      \
        (void)p1;                                                                      \
        int64_t i = 0;                                                                 \
        for (; i + VW <= n; i += VW) {                                                 \
            vf x = vload(px + i);                                                      \
            vstore(y + i, expr_);                                                      \
        }                                                                              \
        if (i < n) {                                                                   \
            vm tail = vtail(n - i);                                                    \
            vf x = vload_tail(px + i, tail);                                           \
            vstore_tail(y + i, tail, expr_);                                           \
        }                                                                              \
    }
#define UNARY_PARAMS(name_, nparams_, expr_)                                           \
    UNARY_LINE(name_, expr_)                                                           \
    static void unary_##name_(float *y, const float *x, int64_t n,                     \
                              const float *params)                                     \
    {                                                                                  \
        vf p0 = vset1((nparams_) > 0 ? params[0] : 0.0f);                              \
        vf p1 = vset1((nparams_) > 1 ? params[1] : 0.0f);                              \
        (void)params;                                                                  \
        line_##name_(y, x, n, p0, p1);                                                 \
    }                                                                                  \
    static void tile_##name_(float *c, int64_t ld, int64_t rows, int64_t cols,         \
                             const float *params)                                      \
    {                                                                                  \
        vf p0 = vset1(params[0]), p1 = vset1(params[1]);                               \
        for (int64_t i = 0; i < rows; i++)                                             \
            line_##name_(c + i * ld, c + i * ld, cols, p0, p1);                        \
    }
#define UNARY(name_, expr_) UNARY_PARAMS(name_, 0, expr_)

/* Of angles: f_ of libm for those that the expression cannot turn. */
#define UNARY_ANGLE(name_, expr_, f_)                                                  \
    UNARY_LINE(name_, expr_)                                                           \
    static void unary_##name_(float *y, const float *x, int64_t n,                     \
                              const float *params)                                     \
    {                                                                                  \
        const vf no = vset1(0.0f);                                                     \
        (void)params;                                                                  \
        for (int64_t i = 0, m; i < n; i += m) {                                        \
            m = n - i < TRIG_RUN ? n - i : TRIG_RUN;                                   \
            const int64_t step = v_any_far(x + i, m) ? 1 : m;                          \
            for (int64_t k = i; k < i + m; k += step) {                                \
                if (step == 1 && fabsf(x[k]) > TRIG_LIMIT)                             \
                    y[k] = (float)f_((double)x[k]);                                    \
                else                                                                   \
                    line_##name_(y + k, x + k, step, no, no);                          \
            }                                                                          \
        }                                                                              \
    }                                                                                  \
    static void tile_##name_(float *c, int64_t ld, int64_t rows, int64_t cols,         \
                             const float *params)                                      \
    {                                                                                  \
        for (int64_t i = 0; i < rows; i++)                                             \
            unary_##name_(c + i * ld, c + i * ld, cols, params);                       \
    }

UNARY(none, x)
UNARY(exp, v_exp(x))
UNARY(log, v_log(x))
UNARY(tanh, v_tanh(x))
UNARY(sigmoid, v_sigmoid(x))
UNARY(erf, v_erf(x))
UNARY(gelu_erf, v_gelu_erf(x))
UNARY(gelu_tanh, v_gelu_tanh(x))
UNARY(silu, v_silu(x))
UNARY(relu, vmax(vset1(0.0f), x))
UNARY_PARAMS(leaky_relu, 1, vsel(vlt(x, vset1(0.0f)), vmul(p0, x), x))
UNARY_PARAMS(clip, 2, v_clip(x, p0, p1))
UNARY(abs, vabs(x))
UNARY(neg, vneg(x))
UNARY(sqrt, vsqrt(x))
UNARY(reciprocal, vdiv(vset1(1.0f), x))
UNARY_PARAMS(elu, 1, v_elu(x, p0))
UNARY(softplus, v_softplus(x))
UNARY_PARAMS(hard_sigmoid, 2, v_hard_sigmoid(x, p0, p1))
UNARY(hard_swish, vmul(x, v_hard_sigmoid(x, vset1(1.0f / 6.0f), vset1(0.5f))))
UNARY(mish, v_mish(x))
UNARY(softsign, vdiv(x, vadd(vset1(1.0f), vabs(x))))
UNARY(floor, v_floor(x))
UNARY(ceil, v_ceil(x))
UNARY(round, v_rint(x))
UNARY(sign, v_sign(x))
UNARY_ANGLE(sin, v_sin(x), sin)
UNARY_ANGLE(cos, v_cos(x), cos)
UNARY_ANGLE(tan, v_tan(x), tan)
UNARY(asin, v_asin(x))
UNARY(acos, v_acos(x))
UNARY(atan, v_atan(x))
UNARY(sinh, v_sinh(x))
UNARY(cosh, v_cosh(x))
UNARY(asinh, v_asinh(x))
UNARY(acosh, v_acosh(x))
UNARY(atanh, v_atanh(x))
UNARY_PARAMS(selu, 2, vmul(p1, v_elu(x, p0)))
UNARY_PARAMS(celu, 1, v_celu(x, p0))
UNARY_PARAMS(thresholded_relu, 1, vsel(vlt(p0, x), x, vset1(0.0f)))
#undef UNARY
#undef UNARY_ANGLE
#undef UNARY_LINE
#undef UNARY_PARAMS
#undef TRIG_LIMIT
#undef TRIG_RUN

typedef void (*tile_fn)(
    float *c, int64_t ld, int64_t rows, int64_t cols, const float *params);

#define UNARY_ROW(enum_, name_) [IGI_UNARY_##enum_] = UNARY_FORM(name_)
/* ORDER: unary */
#define UNARY_TABLE                                                                    \
    {                                                                                  \
        UNARY_ROW(NONE, none), UNARY_ROW(EXP, exp), UNARY_ROW(LOG, log),               \
            UNARY_ROW(TANH, tanh), UNARY_ROW(SIGMOID, sigmoid), UNARY_ROW(ERF, erf),   \
            UNARY_ROW(GELU_ERF, gelu_erf), UNARY_ROW(GELU_TANH, gelu_tanh),            \
            UNARY_ROW(SILU, silu), UNARY_ROW(RELU, relu),                              \
            UNARY_ROW(LEAKY_RELU, leaky_relu), UNARY_ROW(CLIP, clip),                  \
            UNARY_ROW(ABS, abs), UNARY_ROW(NEG, neg), UNARY_ROW(SQRT, sqrt),           \
            UNARY_ROW(RECIPROCAL, reciprocal), UNARY_ROW(ELU, elu),                    \
            UNARY_ROW(SOFTPLUS, softplus), UNARY_ROW(HARD_SIGMOID, hard_sigmoid),      \
            UNARY_ROW(HARD_SWISH, hard_swish), UNARY_ROW(MISH, mish),                  \
            UNARY_ROW(SOFTSIGN, softsign), UNARY_ROW(FLOOR, floor),                    \
            UNARY_ROW(CEIL, ceil), UNARY_ROW(ROUND, round), UNARY_ROW(SIGN, sign),     \
            UNARY_ROW(SIN, sin), UNARY_ROW(COS, cos), UNARY_ROW(TAN, tan),             \
            UNARY_ROW(ASIN, asin), UNARY_ROW(ACOS, acos), UNARY_ROW(ATAN, atan),       \
            UNARY_ROW(SINH, sinh), UNARY_ROW(COSH, cosh), UNARY_ROW(ASINH, asinh),     \
            UNARY_ROW(ACOSH, acosh), UNARY_ROW(ATANH, atanh), UNARY_ROW(SELU, selu),   \
            UNARY_ROW(CELU, celu), UNARY_ROW(THRESHOLDED_RELU, thresholded_relu),      \
    }
#define UNARY_FORM(name_) tile_##name_
static const tile_fn unary_tiles[IGI_UNARY_COUNT] = UNARY_TABLE;
#undef UNARY_FORM
#define UNARY_FORM(name_) unary_##name_
