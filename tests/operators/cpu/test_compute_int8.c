/* operators/cpu/compute_int8.h on every instruction set: products are exact for the
 * extremes that saturating instructions get wrong, bytes are those of the formula. */
#include "tests/operators/cpu/compute_support.h"

#include "operators/cpu/compute_int8.h"

enum { MAX_ROWS = 14 };

static void on_each_level(void (*check)(const igi_int8_isa *isa))
{
    for (int level = 0; level < IGI_INT8_LEVELS; level++) {
        const igi_int8_isa *isa = igi_int8_get((igi_int8_level)level);
        if (isa)
            check(isa);
    }
}
#define LEVEL_TEST(name_, check_)                                                      \
    static void name_(void **state)                                                    \
    {                                                                                  \
        (void)state;                                                                   \
        on_each_level(check_);                                                         \
    }

/* Mostly extremes: 255 * -128 four times is what 16-bit sums cannot hold. */
static uint8_t extreme(uint64_t *seed)
{
    static const uint8_t often[] = {255, 128, 127, 0};
    uint32_t r = random_bits(seed);
    return r & 8 ? often[r & 3] : (uint8_t)(r >> 8);
}

static void check_product(const igi_int8_isa *isa,
                          int64_t m,
                          int64_t n,
                          int64_t k,
                          bool a_signed,
                          bool b_signed)
{
    uint64_t seed = (uint64_t)(m * 7 + n * 3 + k);
    uint8_t *a = malloc((size_t)(m * k)), *b = malloc((size_t)(k * n));
    for (int64_t i = 0; i < m * k; i++)
        a[i] = extreme(&seed);
    for (int64_t i = 0; i < k * n; i++)
        b[i] = extreme(&seed);
    igi_int8_source s = {.b = b,
                         .is_signed = b_signed,
                         .n = n,
                         .step_n = 1,
                         .count = {1, 1, k},
                         .step = {0, 0, n}};
    size_t bytes;
    assert_true(igi_int8_packed_bytes(isa, &s, &bytes));
    char *packed = malloc(bytes);
    memset(packed, 0x77, bytes); /* packing must write all of it */
    igi_int8_pack(isa, packed, &s, 0, igi_int8_panels(isa, n));
    const int64_t ld = igi_int8_padded(isa, k) * isa->element;
    char *rows = malloc((size_t)(m * ld));
    int32_t sums[MAX_ROWS], *c = malloc((size_t)(isa->rows * isa->panel) * sizeof(*c));
    for (int64_t i = 0; i < m; i++)
        sums[i] = igi_int8_copy_row(isa, rows + i * ld, a + i * k, k, a_signed);
    for (int64_t p = 0; p < igi_int8_panels(isa, n); p++) {
        isa->tile(&(igi_int8_tile){.m = m,
                                   .a = rows,
                                   .lda = ld,
                                   .segments = 1,
                                   .steps = ld / 4,
                                   .b = igi_int8_panel(isa, packed, &s, p),
                                   .c = c});
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < isa->panel && p * isa->panel + j < n; j++) {
                int64_t col = p * isa->panel + j, want = 0, row_sum = 0;
                for (int64_t q = 0; q < k; q++) {
                    int u = a_signed ? a[i * k + q] ^ 0x80 : a[i * k + q];
                    int v = (int8_t)(b_signed ? b[q * n + col] : b[q * n + col] ^ 0x80);
                    want += u * v;
                    row_sum += u;
                }
                assert_int_equal(c[i * isa->panel + j], want);
                assert_int_equal(sums[i], row_sum);
            }
    }
    free(a), free(b), free(packed), free(rows), free(c);
}

static void check_products(const igi_int8_isa *isa)
{
    for (int64_t m = 1; m <= isa->rows; m++)
        for (int flags = 0; flags < 4; flags++)
            check_product(isa, m, 37 + m, 1 + 11 * m, flags & 1, flags & 2);
}
LEVEL_TEST(products_of_extremes_are_exact, check_products)

static void check_finish(const igi_int8_isa *isa)
{
    enum { N = 32 };
    int32_t acc[N], bias[N], b_zero[N];
    float factor[N];
    uint8_t y[N + 1], residual[N];
    uint64_t seed = 5;
    for (int64_t n = 1; n <= isa->panel && n <= N; n++) {
        for (int i = 0; i < N; i++) {
            acc[i] = (int32_t)random_bits(&seed) >> (i % 20);
            bias[i] = (int32_t)random_bits(&seed) >> 8;
            b_zero[i] = (int32_t)(random_bits(&seed) % 256) - 128;
            factor[i] = i == 3 ? NAN : i == 4 ? INFINITY : random_float(&seed) * 1e-3f;
            residual[i] = (uint8_t)random_bits(&seed);
        }
        igi_int8_finish f = {.bias = bias,
                             .b_zero = b_zero,
                             .factor = factor,
                             .zero = 7,
                             .low = 0,
                             .high = 255,
                             .residual_zero = 100,
                             .residual_factor = 0.37f,
                             .sum_low = -90,
                             .sum_high = 80};
        y[n] = 0x5a;
        const int32_t row_sum = 1234;
        isa->finish(&f, &(igi_int8_rows){.acc = acc,
                                         .m = 1,
                                         .n = n,
                                         .y = y,
                                         .residual = residual,
                                         .row_sums = &row_sum});
        assert_int_equal(y[n], 0x5a);
        for (int64_t i = 0; i < n; i++) {
            int32_t s = (int32_t)((uint32_t)acc[i] + (uint32_t)bias[i] -
                                  (uint32_t)b_zero[i] * 1234u);
            float v = (float)s * factor[i];
            v = v > -90.0f ? v : -90.0f;
            v = v < 80.0f ? v : 80.0f;
            v = v + ((float)residual[i] - 100.0f) * 0.37f;
            float r = rintf(v) + 7.0f;
            r = r > 0.0f ? r : 0.0f;
            assert_int_equal(y[i], (int)(r < 255.0f ? r : 255.0f));
        }
    }
}
LEVEL_TEST(sums_become_bytes_by_the_formula, check_finish)

static void check_quantize(const igi_int8_isa *isa)
{
    float x[67], back[67], low, high;
    uint8_t y[67];
    uint64_t seed = 9;
    for (int i = 0; i < 67; i++)
        x[i] = random_float(&seed) * 300;
    x[11] = NAN, x[12] = INFINITY, x[13] = -INFINITY, x[14] = 2.5f, x[15] = 3.5f;
    isa->quantize(y, x, 67, 1.0f, -3, -128, 127);
    for (int i = 0; i < 67; i++) {
        float r = rintf(x[i]) - 3;
        r = r > -128 ? r : -128;
        assert_int_equal((int8_t)y[i], (int)(r < 127 ? r : 127));
    }
    isa->dequantize(back, y, true, 67, -3, 0.25f);
    for (int i = 0; i < 67; i++)
        assert_true(!(back[i] < (float)((int8_t)y[i] + 3) * 0.25f) &&
                    !(back[i] > (float)((int8_t)y[i] + 3) * 0.25f));
    x[12] = 300.5f, x[13] = -301.5f;
    isa->range(x, 67, &low, &high);
    assert_float_equal(low, -301.5, 0);
    assert_float_equal(high, 300.5, 0);
}
LEVEL_TEST(rounding_ties_and_no_numbers_quantize_as_specified, check_quantize)

static void check_add(const igi_int8_isa *isa)
{
    uint8_t a[53], b[53], y[53];
    uint64_t seed = 3;
    const igi_int8_add p = {.a_signed = true,
                            .a_zero = -4,
                            .a_scale = 0.11f,
                            .b_zero = 120,
                            .b_scale = 0.07f,
                            .scale = 0.13f,
                            .zero = 128,
                            .low = 128,
                            .high = 255};
    for (int i = 0; i < 53; i++) {
        a[i] = (uint8_t)random_bits(&seed);
        b[i] = (uint8_t)random_bits(&seed);
    }
    isa->add(y, a, b, 53, &p);
    for (int i = 0; i < 53; i++) {
        float u = ((float)(int8_t)a[i] + 4) * 0.11f, v = ((float)b[i] - 120) * 0.07f;
        float r = rintf((u + v) / 0.13f) + 128;
        r = r > 128 ? r : 128;
        assert_int_equal(y[i], (int)(r < 255 ? r : 255));
    }
}
LEVEL_TEST(bytes_are_added_with_every_rounding, check_add)

IG_TESTS(cmocka_unit_test(products_of_extremes_are_exact),
         cmocka_unit_test(sums_become_bytes_by_the_formula),
         cmocka_unit_test(rounding_ties_and_no_numbers_quantize_as_specified),
         cmocka_unit_test(bytes_are_added_with_every_rounding))
