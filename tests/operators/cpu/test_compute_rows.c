/* Reductions, row normalisations and pooling of operators/cpu/compute.h against double
 * precision. */
#include "tests/operators/cpu/compute_support.h"

static double ref_identity(igi_reduction op)
{
    static const double identity[] = {0, 0, 0, 1, -INFINITY, INFINITY};
    return identity[op];
}

static double ref_step(igi_reduction op, double acc, double x)
{
    switch (op) {
    case IGI_REDUCE_SUM:
        return acc + x;
    case IGI_REDUCE_SUM_SQ:
        return acc + x * x;
    case IGI_REDUCE_SUM_ABS:
        return acc + fabs(x);
    case IGI_REDUCE_PROD:
        return acc * x;
    case IGI_REDUCE_MAX:
        return isnan(acc) || acc > x ? acc : x;
    default:
        return isnan(acc) || acc < x ? acc : x;
    }
}

static double ref_reduce(igi_reduction op, const float *x, int64_t n, int64_t step)
{
    double acc = ref_identity(op);
    for (int64_t i = 0; i < n; i++)
        acc = ref_step(op, acc, (double)x[i * step]);
    return acc;
}

/* Sums of n terms of both signs grow as sqrt(n), sums of positive terms as n; products
 * stay near 1 by choice of inputs. */
static double reduce_tolerance(igi_reduction op, int64_t n)
{
    if (op >= IGI_REDUCE_MAX)
        return 0;
    return op == IGI_REDUCE_SUM ? 8e-7 * sqrt((double)n + 1) : 2e-7 * (double)(n + 4);
}

static void fill_for(igi_reduction op, float *x, int64_t n)
{
    fill_random(x, n, 11);
    for (int64_t i = 0; op == IGI_REDUCE_PROD && i < n; i++)
        x[i] = 1.0f + x[i] * 1e-3f;
}

static void check_reduce(const igi_cpu_isa *isa)
{
    enum { N = 5000 };
    static float x[N];
    for (int op = 0; op < IGI_REDUCE_COUNT; op++) {
        fill_for((igi_reduction)op, x, N);
        for (int64_t n = 0; n <= N; n += n < 140 ? 1 : 457) {
            const float y = isa->reduce((igi_reduction)op, x, n);
            const double ref = ref_reduce((igi_reduction)op, x, n, 1);
            if (!is_near((double)y, ref, reduce_tolerance((igi_reduction)op, n)))
                fail_msg("%s op %d of %d: %g, expected %g", isa->name, op, (int)n,
                         (double)y, ref);
        }
    }
}
ISA_TEST(reductions_agree_at_any_length, check_reduce)

/* More blocks than the tree has slots: partials must have merged on the way. */
static void check_long_reduce(const igi_cpu_isa *isa)
{
    enum { N = 200 * IGI_REDUCE_BLOCK + 5 };
    float *x = new_floats(N);
    fill_random(x, N, 18);
    const double ref = ref_reduce(IGI_REDUCE_SUM_ABS, x, N, 1);
    const double y = (double)isa->reduce(IGI_REDUCE_SUM_ABS, x, N);
    free(x);
    assert_true(is_near(y, ref, 1e-6 * ref));
}
ISA_TEST(long_reductions_keep_their_accuracy, check_long_reduce)

static void check_reduce_nan(const igi_cpu_isa *isa)
{
    enum { N = 200 };
    float x[N];
    for (int op = 0; op < IGI_REDUCE_COUNT; op++) {
        for (int at = 0; at < N; at += 13) {
            fill_random(x, N, 12);
            x[at] = NAN;
            assert_true(isnan(isa->reduce((igi_reduction)op, x, N)));
        }
    }
    fill_random(x, N, 12);
    x[77] = INFINITY;
    x[5] = -INFINITY;
    assert_true(isa->reduce(IGI_REDUCE_MAX, x, N) == INFINITY);
    assert_true(isa->reduce(IGI_REDUCE_MIN, x, N) == -INFINITY);
    assert_true(isnan(isa->reduce(IGI_REDUCE_SUM, x, N)));
}
ISA_TEST(a_nan_anywhere_reaches_the_reduction, check_reduce_nan)

/* Threads that reduce blocks give the bits of one call. */
static void check_reduce_blocks(const igi_cpu_isa *isa)
{
    enum { N = 9 * IGI_REDUCE_BLOCK + 77, BLOCKS = 10 };
    static float x[N];
    for (int op = 0; op < IGI_REDUCE_COUNT; op++) {
        float partial[BLOCKS];
        fill_for((igi_reduction)op, x, N);
        isa->reduce_blocks((igi_reduction)op, partial, x, N, 4, BLOCKS);
        isa->reduce_blocks((igi_reduction)op, partial, x, N, 0, 4);
        const float split = isa->reduce_combine((igi_reduction)op, partial, BLOCKS);
        const float whole = isa->reduce((igi_reduction)op, x, N);
        assert_true(same_bits(&split, &whole, 1));
    }
}
ISA_TEST(blocks_of_a_reduction_combine_to_its_bits, check_reduce_blocks)

static void check_reduce_axis(const igi_cpu_isa *isa)
{
    enum { OUTER = 2, AXIS = 150, INNER = 140 };
    static float x[OUTER * AXIS * INNER], y[OUTER * INNER + 1];
    for (int op = 0; op < IGI_REDUCE_COUNT; op++) {
        fill_for((igi_reduction)op, x, OUTER * AXIS * INNER);
        for (int64_t inner = 1; inner <= INNER; inner += inner < 20 ? 1 : 24) {
            const int64_t axis = inner % 3 == 0 ? 1 : AXIS;
            y[OUTER * inner] = 55.0f;
            isa->reduce_axis((igi_reduction)op, y, x, OUTER, axis, inner);
            for (int64_t i = 0; i < OUTER * inner; i++) {
                const float *at = x + i / inner * axis * inner + i % inner;
                const double ref = ref_reduce((igi_reduction)op, at, axis, inner);
                assert_true(is_near((double)y[i], ref,
                                    reduce_tolerance((igi_reduction)op, axis)));
            }
            assert_true(y[OUTER * inner] == 55.0f);
        }
    }
}
ISA_TEST(reductions_over_a_middle_axis_agree, check_reduce_axis)

static void check_argmax(const igi_cpu_isa *isa)
{
    enum { N = 100 };
    float x[N];
    fill_random(x, N, 13);
    x[30] = x[60] = 2.0f;
    x[31] = x[61] = -2.0f;
    assert_int_equal(isa->argmax(x, N, false), 30);
    assert_int_equal(isa->argmax(x, N, true), 60);
    assert_int_equal(isa->argmin(x, N, false), 31);
    assert_int_equal(isa->argmin(x, N, true), 61);
    x[80] = x[90] = NAN;
    assert_int_equal(isa->argmax(x, N, false), 80);
    assert_int_equal(isa->argmin(x, N, true), 90);
    x[0] = INFINITY;
    assert_int_equal(isa->argmax(x, 1, true), 0);
}
ISA_TEST(argmax_takes_the_first_or_last_of_equals_and_nan, check_argmax)

/* Few different numbers, so that there are equal ones, and NaN. */
static void fill_with_ties(float *x, int64_t n)
{
    uint64_t state = 21;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t pick = random_bits(&state) % 12;
        x[i] = pick == 11 ? NAN : (float)pick;
    }
}

/* Columns against rows, these against one search over the first axis alone. */
static void check_arg_columns(const igi_cpu_isa *isa)
{
    enum { AXIS = 40, INNER = 83 };
    static float x[AXIS * INNER], row[AXIS];
    int64_t y[INNER + 1];
    fill_with_ties(x, AXIS * INNER);
    for (int64_t n = 1; n <= INNER; n++)
        for (int way = 0; way < 4; way++) {
            const bool least = way & 1, last = way & 2;
            y[n] = 55;
            isa->arg_columns(y, x, n % AXIS + 1, INNER, n, least, last);
            assert_int_equal(y[n], 55);
            for (int64_t j = 0; j < n; j++) {
                for (int64_t i = 0; i < AXIS; i++)
                    row[i] = x[i * INNER + j];
                assert_int_equal(
                    y[j], (least ? isa->argmin : isa->argmax)(row, n % AXIS + 1, last));
            }
        }
}
ISA_TEST(arg_columns_agree_with_rows, check_arg_columns)

static void check_key_above(const igi_cpu_isa *isa)
{
    enum { N = 77 };
    float x[N];
    int8_t bytes[N];
    for (int64_t i = 0; i < N; i++) {
        x[i] = -0.0f;
        bytes[i] = -128;
    }
    for (int64_t at = 0; at < N; at++) {
        x[at] = at % 2 ? NAN : 1e-45f;
        bytes[at] = -127;
        for (int64_t from = 0; from < N; from += 19) {
            const int64_t want = from <= at ? at : N;
            assert_int_equal(isa->key_above[IGI_KEY_F32](x, from, N, 0, 0), want);
            assert_int_equal(isa->key_above[IGI_KEY_I8](bytes, from, N, 0, -128), want);
        }
        assert_int_equal(isa->key_above[IGI_KEY_F32](x, at, N, -1, -1), N);
        x[at] = 0.0f;
        bytes[at] = -128;
    }
}
ISA_TEST(keys_above_a_bound_are_found, check_key_above)

static void check_softmax(const igi_cpu_isa *isa)
{
    enum { N = 2500 };
    static float x[N], y[N + 1], z[N];
    fill_random(x, N, 14);
    for (int i = 0; i < N; i++)
        x[i] = x[i] * 20.0f + 500.0f;
    for (int64_t n = 1; n <= N; n += n < 70 ? 1 : 405) {
        const double scale = n & 1 ? 0.125 : 1.0;
        const double max = ref_reduce(IGI_REDUCE_MAX, x, n, 1);
        double sum = 0, sum1 = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += exp(scale * ((double)x[i] - max));
            sum1 += exp((double)x[i] - max);
        }
        y[n] = 55.0f;
        isa->softmax_row(y, x, n, (float)scale);
        isa->log_softmax_row(z, x, n);
        for (int64_t i = 0; i < n; i++) {
            const double d = (double)x[i] - max, p = exp(scale * d) / sum;
            assert_true(is_near((double)y[i], p, 1e-6 * p + 1e-12));
            assert_true(is_near((double)z[i], d - log(sum1), 1e-5));
        }
        assert_true(y[n] == 55.0f);
        memcpy(z, x, sizeof(z));
        isa->softmax_row(z, z, n, (float)scale);
        assert_true(same_bits(y, z, n));
    }
}
ISA_TEST(softmax_rows_agree_at_any_length, check_softmax)

static void check_softmax_special(const igi_cpu_isa *isa)
{
    float x[3] = {-INFINITY, 1.0f, -INFINITY}, y[3];
    isa->softmax_row(y, x, 3, 1.0f);
    assert_true(y[0] == 0.0f && y[1] == 1.0f && y[2] == 0.0f);
    isa->log_softmax_row(y, x, 3);
    assert_true(y[0] == -INFINITY && y[1] == 0.0f);
    x[1] = -INFINITY;
    isa->softmax_row(y, x, 3, 1.0f);
    assert_true(isnan(y[0]) && isnan(y[1]));
    x[1] = 3.0e38f;
    x[2] = NAN;
    isa->softmax_row(y, x, 3, 1.0f);
    assert_true(isnan(y[0]) && isnan(y[1]) && isnan(y[2]));
}
ISA_TEST(softmax_handles_infinities_and_nan, check_softmax_special)

/* One row of n; `center` chooses layer norm, else RMS norm. */
static void check_norm_row(const igi_cpu_isa *isa, int64_t n, bool center, bool affine)
{
    enum { N = 3000 };
    static float x[N], y[N + 1], gamma[N], beta[N];
    fill_random(x, n, 15);
    fill_random(gamma, n, 16);
    fill_random(beta, n, 17);
    for (int64_t i = 0; i < n; i++)
        x[i] += 3.0f; /* a mean that E[x^2] - E[x]^2 would not survive */
    double mean = 0, var = 0;
    for (int64_t i = 0; center && i < n; i++)
        mean += (double)x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        var += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    const double inv = 1 / sqrt(var + (double)1e-5f);
    const igi_norm p = {
        .gamma = affine ? gamma : NULL, .beta = affine ? beta : NULL, .epsilon = 1e-5f};
    float mu = 0, s;
    y[n] = 55.0f;
    if (center)
        isa->layer_norm_row(y, x, n, &p, &mu, &s);
    else
        isa->rms_norm_row(y, x, n, &p, &s);
    assert_true(is_near((double)mu, mean, 1e-6));
    assert_true(is_near((double)s, inv, (n == 1 ? 1e-5 : 3e-6) * inv));
    for (int64_t i = 0; i < n; i++) {
        double ref = ((double)x[i] - mean) * inv;
        if (affine)
            ref = ref * (double)gamma[i] + (double)beta[i];
        assert_true(is_near((double)y[i], ref, n < 4 ? 1e-4 : 5e-6));
    }
    assert_true(y[n] == 55.0f);
}

static void check_norms(const igi_cpu_isa *isa)
{
    for (int64_t n = 1; n <= 3000; n += n < 70 ? 1 : 293)
        for (int kind = 0; kind < 4; kind++)
            check_norm_row(isa, n, kind & 1, kind & 2);
    float x[2] = {1, 2}, y[2];
    isa->layer_norm_row(y, x, 2, &(igi_norm){.epsilon = 1e-5f}, NULL, NULL);
    isa->rms_norm_row(y, x, 2, &(igi_norm){.epsilon = 1e-5f}, NULL);
}
ISA_TEST(norm_rows_agree_at_any_length, check_norms)

/* Numbers far from 0, in calls of any length: as the sums in double. */
static void check_moments(const igi_cpu_isa *isa)
{
    enum { N = 9000 };
    static float x[N];
    fill_random(x, N, 19);
    for (int64_t i = 0; i < N; i++)
        x[i] += 100.0f;
    for (int64_t n = 1; n <= N; n += n < 70 ? 1 : 1487) {
        igi_moments m = {0};
        double mean = 0, squares = 0;
        isa->moments(&m, x, n / 3 + 1);
        if (n > n / 3 + 1)
            isa->moments(&m, x + n / 3 + 1, n - n / 3 - 1);
        for (int64_t i = 0; i < n; i++)
            mean += (double)x[i] / (double)n;
        for (int64_t i = 0; i < n; i++)
            squares += ((double)x[i] - mean) * ((double)x[i] - mean);
        assert_true(m.n == (double)n);
        assert_true(is_near(m.mean, mean, 1e-7));
        assert_true(is_near(m.squares, squares, 1e-5 * squares + 1e-9));
    }
}
ISA_TEST(moments_agree_at_any_length, check_moments)

static void check_odd_moments(const igi_cpu_isa *isa)
{
    enum { N = 5000 };
    static float x[N];
    static const float same[] = {0.1f, 123.456f, -3e38f, 1e-30f};
    for (int s = 0; s < 4; s++) {
        igi_moments m = {0};
        for (int64_t i = 0; i < N; i++)
            x[i] = same[s];
        isa->moments(&m, x, N);
        assert_true((float)m.mean == same[s] && m.squares < 1e-20 * m.mean * m.mean);
    }
    x[77] = INFINITY;
    igi_moments m = {0};
    isa->moments(&m, x, N);
    assert_true(isnan(m.squares));
}
ISA_TEST(moments_of_equal_and_infinite_numbers, check_odd_moments)

/* ---- pooling ------------------------------------------------------------------------
 */

typedef struct pool_case {
    int64_t kernel, stride, dilation, pad_lo, pad_hi, out;
    bool count;
} pool_case;

/* out is larger than full windows allow in the last two: ceil mode. */
static const pool_case pool_cases[] = {
    {2, 2, 1, 0, 0, 4, false}, {3, 2, 1, 1, 1, 5, false}, {3, 1, 1, 1, 1, 9, true},
    {3, 1, 2, 2, 2, 9, true},  {2, 3, 1, 0, 0, 3, false}, {3, 3, 1, 1, 1, 4, true},
    {1, 1, 1, 0, 0, 9, false}, {2, 2, 3, 4, 4, 8, true},
};
enum { POOL_H = 9, POOL_W = 9, POOL_C_MAX = 67 };

static double ref_pool(const igi_pool *p, bool max, int64_t oy, int64_t ox, int64_t c)
{
    double acc = max ? -INFINITY : 0, taps = 0;
    for (int64_t i = 0; i < p->kernel_h; i++) {
        for (int64_t j = 0; j < p->kernel_w; j++) {
            const int64_t y = oy * p->stride_h - p->pad_top + i * p->dilation_h;
            const int64_t x = ox * p->stride_w - p->pad_left + j * p->dilation_w;
            const bool inside = y >= 0 && y < p->h && x >= 0 && x < p->w;
            const bool padded = y < p->h + p->pad_bottom && x < p->w + p->pad_right;
            taps += inside || (p->count_include_pad && padded);
            if (inside) {
                const double v = (double)p->x[y * p->x_row + x * p->x_pixel + c];
                acc = max ? fmax(acc, v) : acc + v;
            }
        }
    }
    return max ? acc : taps > 0 ? acc / taps : 0;
}

static void check_pool(const igi_cpu_isa *isa, const pool_case *k, int64_t channels)
{
    enum { Y_PIXEL = POOL_C_MAX + 2 };
    static float x[POOL_H * POOL_W * POOL_C_MAX], y[9 * 9 * Y_PIXEL];
    fill_random(x, POOL_H * POOL_W * POOL_C_MAX, 21);
    igi_pool p = {
        .x = x,
        .x_row = POOL_W * POOL_C_MAX,
        .x_pixel = POOL_C_MAX,
        .h = POOL_H,
        .w = POOL_W,
        .c = channels,
        .y = y,
        .y_row = k->out * Y_PIXEL,
        .y_pixel = Y_PIXEL,
        .out_w = k->out,
        .kernel_h = k->kernel,
        .kernel_w = k->kernel,
        .stride_h = k->stride,
        .stride_w = k->stride,
        .dilation_h = k->dilation,
        .dilation_w = k->dilation,
        .pad_top = k->pad_lo,
        .pad_left = k->pad_lo,
        .pad_bottom = k->pad_hi,
        .pad_right = k->pad_hi,
        .count_include_pad = k->count,
    };
    for (int max = 0; max < 2; max++) {
        y[channels] = 55.0f;
        for (int64_t oy = 0; oy < k->out; oy++) {
            (max ? isa->max_pool_row : isa->avg_pool_row)(&p, oy);
            for (int64_t i = 0; i < k->out * channels; i++) {
                const int64_t ox = i / channels, c = i % channels;
                const float at = y[oy * p.y_row + ox * Y_PIXEL + c];
                assert_true(is_near((double)at, ref_pool(&p, max, oy, ox, c), 1e-6));
            }
        }
        assert_true(y[channels] == 55.0f);
    }
}

static void check_pools(const igi_cpu_isa *isa)
{
    for (size_t i = 0; i < sizeof(pool_cases) / sizeof(pool_cases[0]); i++)
        for (int64_t c = 1; c <= POOL_C_MAX; c += 11)
            check_pool(isa, &pool_cases[i], c);
}
ISA_TEST(pooling_agrees_with_padding_stride_and_dilation, check_pools)

static void check_pool_nan(const igi_cpu_isa *isa)
{
    float x[8] = {1, NAN, 2, 3, NAN, 5, -INFINITY, 7}, y[2];
    const igi_pool p = {.x = x,
                        .x_row = 8,
                        .x_pixel = 2,
                        .h = 1,
                        .w = 4,
                        .c = 2,
                        .y = y,
                        .y_row = 2,
                        .y_pixel = 2,
                        .out_w = 1,
                        .kernel_h = 1,
                        .kernel_w = 4,
                        .stride_h = 1,
                        .stride_w = 1,
                        .dilation_h = 1,
                        .dilation_w = 1};
    isa->max_pool_row(&p, 0);
    assert_true(isnan(y[0]) && isnan(y[1]));
}
ISA_TEST(max_pooling_lets_nan_through, check_pool_nan)

static void check_global(const igi_cpu_isa *isa)
{
    enum { PIXELS = 49, STRIDE = 150 };
    static float x[PIXELS * STRIDE], y[STRIDE + 1];
    fill_random(x, PIXELS * STRIDE, 22);
    for (int64_t c = 1; c <= STRIDE; c += 7) {
        y[c] = 55.0f;
        isa->global_avg_pool(y, x, PIXELS, STRIDE, c);
        for (int64_t i = 0; i < c; i++)
            assert_true(is_near(
                (double)y[i],
                ref_reduce(IGI_REDUCE_SUM, x + i, PIXELS, STRIDE) / PIXELS, 1e-6));
        assert_true(y[c] == 55.0f);
    }
}
ISA_TEST(global_average_agrees_for_any_channels, check_global)

IG_TESTS(cmocka_unit_test(reductions_agree_at_any_length),
         cmocka_unit_test(long_reductions_keep_their_accuracy),
         cmocka_unit_test(a_nan_anywhere_reaches_the_reduction),
         cmocka_unit_test(blocks_of_a_reduction_combine_to_its_bits),
         cmocka_unit_test(reductions_over_a_middle_axis_agree),
         cmocka_unit_test(argmax_takes_the_first_or_last_of_equals_and_nan),
         cmocka_unit_test(arg_columns_agree_with_rows),
         cmocka_unit_test(keys_above_a_bound_are_found),
         cmocka_unit_test(softmax_rows_agree_at_any_length),
         cmocka_unit_test(softmax_handles_infinities_and_nan),
         cmocka_unit_test(norm_rows_agree_at_any_length),
         cmocka_unit_test(moments_agree_at_any_length),
         cmocka_unit_test(moments_of_equal_and_infinite_numbers),
         cmocka_unit_test(pooling_agrees_with_padding_stride_and_dilation),
         cmocka_unit_test(max_pooling_lets_nan_through),
         cmocka_unit_test(global_average_agrees_for_any_channels))
