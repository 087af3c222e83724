/* Pointwise functions of operators/cpu/compute.h against double precision of libm:
 * errors over the whole range of floats, special values, tails, and forms with a scalar
 * operand. */
#include "tests/operators/cpu/compute_support.h"

static double ref_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static const float params[2] = {0.25f, 0.75f};

static double reference(igi_unary f, double x)
{
    switch (f) {
    case IGI_UNARY_NONE:
        return x;
    case IGI_UNARY_EXP:
        return exp(x);
    case IGI_UNARY_LOG:
        return log(x);
    case IGI_UNARY_TANH:
        return tanh(x);
    case IGI_UNARY_SIGMOID:
        return ref_sigmoid(x);
    case IGI_UNARY_ERF:
        return erf(x);
    case IGI_UNARY_GELU_ERF:
        return 0.5 * x * erfc(-x * sqrt(0.5));
    case IGI_UNARY_GELU_TANH:
        return x * ref_sigmoid(2 * sqrt(2 / 3.14159265358979324) *
                               (x + 0.044715 * x * x * x));
    case IGI_UNARY_SILU:
        return x * ref_sigmoid(x);
    case IGI_UNARY_RELU:
        return x < 0 ? 0 : x;
    case IGI_UNARY_LEAKY_RELU:
        return x < 0 ? (double)params[0] * x : x;
    case IGI_UNARY_CLIP:
        return x < (double)params[0]   ? (double)params[0]
               : x > (double)params[1] ? (double)params[1]
                                       : x;
    case IGI_UNARY_ABS:
        return fabs(x);
    case IGI_UNARY_NEG:
        return -x;
    case IGI_UNARY_SQRT:
        return sqrt(x);
    case IGI_UNARY_RECIPROCAL:
        return 1 / x;
    case IGI_UNARY_ELU:
        return x < 0 ? (double)params[0] * expm1(x) : x;
    case IGI_UNARY_SOFTPLUS:
        return isnan(x) ? x : fmax(x, 0) + log1p(exp(-fabs(x)));
    case IGI_UNARY_HARD_SIGMOID:
        x = (double)params[0] * x + (double)params[1];
        return x < 0 ? 0 : x > 1 ? 1 : x;
    case IGI_UNARY_HARD_SWISH:
        return x <= -3 ? (isinf(x) ? NAN : 0) : x >= 3 ? x : x * (x + 3) / 6;
    case IGI_UNARY_MISH:
        return isnan(x) ? x : x * tanh(fmax(x, 0) + log1p(exp(-fabs(x))));
    case IGI_UNARY_SOFTSIGN:
        return x / (1 + fabs(x));
    case IGI_UNARY_FLOOR:
        return floor(x);
    case IGI_UNARY_CEIL:
        return ceil(x);
    case IGI_UNARY_ROUND:
        return nearbyint(x);
    case IGI_UNARY_SIGN:
        return x > 0 ? 1 : x < 0 ? -1 : x;
    case IGI_UNARY_SIN:
        return sin(x);
    case IGI_UNARY_COS:
        return cos(x);
    case IGI_UNARY_TAN:
        return tan(x);
    case IGI_UNARY_ASIN:
        return asin(x);
    case IGI_UNARY_ACOS:
        return acos(x);
    case IGI_UNARY_ATAN:
        return atan(x);
    case IGI_UNARY_SINH:
        return sinh(x);
    case IGI_UNARY_COSH:
        return cosh(x);
    case IGI_UNARY_ASINH:
        return asinh(x);
    case IGI_UNARY_ACOSH:
        return acosh(x);
    case IGI_UNARY_ATANH:
        return atanh(x);
    case IGI_UNARY_SELU:
        return (double)params[1] * (x < 0 ? (double)params[0] * expm1(x) : x);
    case IGI_UNARY_CELU:
        return x < 0 ? (double)params[0] * expm1(x / (double)params[0]) : x;
    case IGI_UNARY_THRESHOLDED_RELU:
        return x > (double)params[0] ? x : 0;
    default:
        return NAN;
    }
}

/* Largest error accepted, in ulp; `absolute` (times max(1, |x|)) excuses more near
 * zeros of the function. */
typedef struct limit {
    igi_unary f;
    const char *name;
    double ulp;      /* with fused multiply-add */
    double ulp_base; /* the portable variant rounds products */
    double absolute;
} limit;

static const limit limits[] = {
    {IGI_UNARY_NONE, "none", 0, 0, 0},
    {IGI_UNARY_EXP, "exp", 1.1, 1.1, 0},
    {IGI_UNARY_LOG, "log", 1.1, 1.1, 0},
    {IGI_UNARY_TANH, "tanh", 2.5, 3, 0},
    {IGI_UNARY_SIGMOID, "sigmoid", 2.5, 2.5, 0},
    {IGI_UNARY_ERF, "erf", 1.2, 1.5, 0},
    {IGI_UNARY_GELU_ERF, "gelu_erf", 2.5, 3, 3e-7},
    {IGI_UNARY_GELU_TANH, "gelu_tanh", 2.5, 3, 3e-7},
    {IGI_UNARY_SILU, "silu", 3.5, 3.5, 1e-43},
    {IGI_UNARY_RELU, "relu", 0, 0, 0},
    {IGI_UNARY_LEAKY_RELU, "leaky_relu", 0.5, 0.5, 0},
    {IGI_UNARY_CLIP, "clip", 0, 0, 0},
    {IGI_UNARY_ABS, "abs", 0, 0, 0},
    {IGI_UNARY_NEG, "neg", 0, 0, 0},
    {IGI_UNARY_SQRT, "sqrt", 0.5, 0.5, 0},
    {IGI_UNARY_RECIPROCAL, "reciprocal", 0.5, 0.5, 0},
    {IGI_UNARY_ELU, "elu", 2.5, 3, 0},
    {IGI_UNARY_SOFTPLUS, "softplus", 2.5, 2.5, 0},
    {IGI_UNARY_HARD_SIGMOID, "hard_sigmoid", 0.5, 1, 1.2e-7},
    {IGI_UNARY_HARD_SWISH, "hard_swish", 2, 2, 3e-7},
    {IGI_UNARY_MISH, "mish", 4, 5, 1e-37},
    {IGI_UNARY_SOFTSIGN, "softsign", 2, 2, 0},
    {IGI_UNARY_FLOOR, "floor", 0, 0, 0},
    {IGI_UNARY_CEIL, "ceil", 0, 0, 0},
    {IGI_UNARY_ROUND, "round", 0, 0, 0},
    {IGI_UNARY_SIGN, "sign", 0, 0, 0},
    {IGI_UNARY_SIN, "sin", 3, 3, 0},
    {IGI_UNARY_COS, "cos", 3, 3, 0},
    {IGI_UNARY_TAN, "tan", 4, 4, 0},
    {IGI_UNARY_ASIN, "asin", 4, 4, 0},
    {IGI_UNARY_ACOS, "acos", 4, 4, 0},
    {IGI_UNARY_ATAN, "atan", 4, 4, 0},
    {IGI_UNARY_SINH, "sinh", 4, 4, 0},
    {IGI_UNARY_COSH, "cosh", 4, 4, 0},
    {IGI_UNARY_ASINH, "asinh", 4, 4, 0},
    {IGI_UNARY_ACOSH, "acosh", 4, 4, 0},
    {IGI_UNARY_ATANH, "atanh", 4, 4, 0},
    {IGI_UNARY_SELU, "selu", 4, 4, 0},
    {IGI_UNARY_CELU, "celu", 4, 4, 0},
    {IGI_UNARY_THRESHOLDED_RELU, "thresholded_relu", 4, 4, 0},
};
enum { LIMITS = sizeof(limits) / sizeof(limits[0]) };

#ifndef STRIDE
#define STRIDE 16381
#endif
enum { CHUNK = 4096 };

static void check_limit(const igi_cpu_isa *isa, const limit *lim)
{
    static float x[CHUNK], y[CHUNK];
    double worst = 0;
    float at = 0;
    uint32_t bits = 0;
    const uint32_t stride = STRIDE; /* prime: all exponents, signs, NaNs */
    for (int64_t done = 0; done < (INT64_C(1) << 32) / STRIDE; done += CHUNK) {
        for (int i = 0; i < CHUNK; i++, bits += stride)
            x[i] = from_bits(bits);
        isa->unary[lim->f](y, x, CHUNK, params);
        for (int i = 0; i < CHUNK; i++) {
            const double ref = reference(lim->f, (double)x[i]);
            double e = ulps(y[i], ref);
            const double slack = lim->absolute * fmax(1, fabs((double)x[i]));
            if (slack > 0 && is_near((double)y[i], ref, slack))
                e = 0;
            if (e > worst) {
                worst = e;
                at = x[i];
            }
        }
    }
    const double allowed = isa->level == IGI_CPU_PORTABLE ? lim->ulp_base : lim->ulp;
    if (getenv("IG_TEST_VERBOSE"))
        print_message("%s %s: %.3f ulp at %a\n", isa->name, lim->name, worst,
                      (double)at);
    if (worst > allowed)
        fail_msg("%s %s: %g ulp at %a, at most %g", isa->name, lim->name, worst,
                 (double)at, allowed);
}

static void check_limits(const igi_cpu_isa *isa)
{
    assert_int_equal(LIMITS, IGI_UNARY_COUNT);
    for (int i = 0; i < LIMITS; i++)
        check_limit(isa, &limits[i]);
}
ISA_TEST(unary_functions_are_accurate_over_all_floats, check_limits)

static void check_special_values(const igi_cpu_isa *isa)
{
    static const float x[] = {
        0.0f,    -0.0f,   NAN,     -NAN,      INFINITY,   -INFINITY, 1e-45f,
        -1e-45f, 1e-39f,  -1e-39f, 1.17e-38f, 3.4028e38f, -3.4e38f,  1e30f,
        -1e30f,  88.72f,  88.73f,  -87.34f,   -103.9f,    -104.5f,   -150.0f,
        1000.0f, -1000.f, 9.02f,   -9.02f,    4.0f,       -4.0f,     1.0f,
    };
    enum { N = sizeof(x) / sizeof(x[0]) };
    for (int f = 0; f < LIMITS; f++) {
        float y[N];
        isa->unary[limits[f].f](y, x, N, params);
        for (int i = 0; i < N; i++) {
            /* -inf times 0 is NaN, as in the formulas of these operators. */
            const double ref = reference(limits[f].f, (double)x[i]);
            const double slack = limits[f].absolute * fmax(1, fabs((double)x[i]));
            if (ulps(y[i], ref) > 3 && !is_near((double)y[i], ref, slack))
                fail_msg("%s %s(%a) = %a, expected %a", isa->name, limits[f].name,
                         (double)x[i], (double)y[i], ref);
        }
    }
}
ISA_TEST(unary_functions_treat_special_values, check_special_values)

/* A result near zero keeps its digits: networks with scales of their own read them. */
static void check_gelu_tail(const igi_cpu_isa *isa)
{
    float x[CHUNK], y[CHUNK];
    for (int i = 0; i < CHUNK; i++)
        x[i] = -1 - 11.5f * (float)i / CHUNK;
    isa->unary[IGI_UNARY_GELU_ERF](y, x, CHUNK, params);
    for (int i = 0; i < CHUNK; i++) {
        const double ref = reference(IGI_UNARY_GELU_ERF, (double)x[i]);
        if (fabs((double)y[i] / ref - 1) > 2e-5)
            fail_msg("%s gelu_erf(%a) = %a, expected %a", isa->name, (double)x[i],
                     (double)y[i], ref);
    }
}
ISA_TEST(gelu_keeps_the_digits_of_its_tail, check_gelu_tail)

static void check_zero_signs(const igi_cpu_isa *isa)
{
    static const igi_unary odd[] = {
        IGI_UNARY_TANH, IGI_UNARY_ERF,   IGI_UNARY_NONE,  IGI_UNARY_SILU,
        IGI_UNARY_SQRT, IGI_UNARY_ROUND, IGI_UNARY_FLOOR, IGI_UNARY_CEIL,
        IGI_UNARY_SIGN, IGI_UNARY_SIN,   IGI_UNARY_TAN,   IGI_UNARY_ASIN,
        IGI_UNARY_ATAN, IGI_UNARY_SINH,  IGI_UNARY_ASINH, IGI_UNARY_ATANH};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        const float x[2] = {-0.0f, 0.0f};
        float y[2];
        isa->unary[odd[i]](y, x, 2, params);
        assert_true(signbit(y[0]) && !signbit(y[1]));
    }
}
ISA_TEST(odd_functions_keep_the_sign_of_zero, check_zero_signs)

/* An element's bits must not depend on where it stands or how long the array is. */
static void check_tails(const igi_cpu_isa *isa)
{
    enum { N = 68, GUARD = 7 };
    float x[N], whole[N], y[N + GUARD];
    fill_random(x, N, 3);
    for (int i = 0; i < N;
         i++) /* angles far out go another way than their neighbours */
        x[i] *= i % 9 == 4 ? 6e5f : 6.0f;
    for (int f = 0; f < IGI_UNARY_COUNT; f++) {
        for (int i = 0; i < N; i++)
            isa->unary[f](&whole[i], &x[i], 1, params);
        for (int n = 0; n < N; n++) {
            for (int i = 0; i < N + GUARD; i++)
                y[i] = 77.0f;
            isa->unary[f](y, x, n, params);
            assert_true(same_bits(y, whole, n));
            for (int i = n; i < n + GUARD; i++)
                assert_true(y[i] == 77.0f);
        }
        memcpy(y, x, sizeof(x));
        isa->unary[f](y, y, N, params);
        assert_true(same_bits(y, whole, N));
    }
}
ISA_TEST(tails_have_the_bits_of_whole_vectors, check_tails)

static float ref_binary(igi_binary f, float a, float b)
{
    switch (f) {
    case IGI_BINARY_ADD:
        return a + b;
    case IGI_BINARY_SUB:
        return a - b;
    case IGI_BINARY_MUL:
        return a * b;
    case IGI_BINARY_DIV:
        return a / b;
    case IGI_BINARY_MIN:
        return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
    case IGI_BINARY_MAX:
        return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
    default:
        return (float)pow((double)a, (double)b);
    }
}

static bool equal_values(igi_binary f, float y, float ref)
{
    if (isnan(y) || isnan(ref))
        return isnan(y) && isnan(ref);
    return y == ref || (f == IGI_BINARY_POW && ulps(y, (double)ref) <= 2);
}

enum { BINARY_N = 68 };

/* One function on arrays of n elements; *sa and *sb are the scalar operands. */
static void check_binary(const igi_cpu_isa *isa,
                         igi_binary f,
                         const float *a,
                         const float *b,
                         const float *sa,
                         const float *sb,
                         int n)
{
    float y[3][BINARY_N + 1];
    for (int mode = 0; mode < IGI_BINARY_MODES; mode++)
        y[mode][n] = 77.0f;
    isa->binary[f][IGI_BINARY_VV](y[0], a, b, n);
    isa->binary[f][IGI_BINARY_VS](y[1], a, sb, n);
    isa->binary[f][IGI_BINARY_SV](y[2], sa, b, n);
    for (int i = 0; i < n; i++) {
        assert_true(equal_values(f, y[0][i], ref_binary(f, a[i], b[i])));
        assert_true(equal_values(f, y[1][i], ref_binary(f, a[i], *sb)));
        assert_true(equal_values(f, y[2][i], ref_binary(f, *sa, b[i])));
    }
    for (int mode = 0; mode < IGI_BINARY_MODES; mode++)
        assert_true(y[mode][n] == 77.0f);
}

static void check_binaries(const igi_cpu_isa *isa)
{
    static const float special[] = {NAN,   INFINITY, -INFINITY, 0.0f,
                                    -0.0f, 2.0f,     3.0f,      1e38f};
    float a[BINARY_N], b[BINARY_N];
    fill_random(a, BINARY_N, 5);
    fill_random(b, BINARY_N, 6);
    for (int i = 0; i < 8; i++) {
        a[7 * i] = special[i];
        b[5 * i + 1] = special[7 - i];
    }
    for (int f = 0; f < IGI_BINARY_COUNT; f++)
        for (int n = 0; n < BINARY_N; n++)
            for (int s = 0; s < 8; s++)
                check_binary(isa, (igi_binary)f, a, b, &special[s], &special[7 - s], n);
}
ISA_TEST(binary_functions_agree_in_all_modes_and_lengths, check_binaries)

static void the_best_level_is_one_that_get_returns(void **state)
{
    (void)state;
    const igi_cpu_isa *best = igi_cpu_isa_best();
    assert_non_null(igi_cpu_isa_get(IGI_CPU_PORTABLE));
    assert_ptr_equal(best, igi_cpu_isa_get(best->level));
    for (int level = (int)best->level + 1; level < IGI_CPU_LEVELS; level++)
        assert_null(igi_cpu_isa_get((igi_cpu_level)level));
    assert_null(igi_cpu_isa_get(IGI_CPU_LEVELS));
}

IG_TESTS(cmocka_unit_test(unary_functions_are_accurate_over_all_floats),
         cmocka_unit_test(unary_functions_treat_special_values),
         cmocka_unit_test(gelu_keeps_the_digits_of_its_tail),
         cmocka_unit_test(odd_functions_keep_the_sign_of_zero),
         cmocka_unit_test(tails_have_the_bits_of_whole_vectors),
         cmocka_unit_test(binary_functions_agree_in_all_modes_and_lengths),
         cmocka_unit_test(the_best_level_is_one_that_get_returns))
