/* Every code of every small format is decoded by its definition (with doubles), and
 * encoding is checked on each code, on each midpoint of two neighbours (ties to even)
 * and on the floats next to the midpoint. */
#include "tests/support/test_main.h"

#include <math.h>
#include <string.h>

#include "graph/core/dtype.h"

typedef struct format {
    ig_dtype dtype;
    int codes, exponent_bits, mantissa_bits, bias;
    int largest; /* code of the largest finite value */
    int inf;     /* code of infinity, 0: none */
    bool uz;     /* no -0 */
} format;

static const format formats[] = {
    {IG_FLOAT16, 65536, 5, 10, 15, 0x7bff, 0x7c00, false},
    {IG_BFLOAT16, 65536, 8, 7, 127, 0x7f7f, 0x7f80, false},
    {IG_FLOAT8E4M3FN, 256, 4, 3, 7, 0x7e, 0, false},
    {IG_FLOAT8E4M3FNUZ, 256, 4, 3, 8, 0x7f, 0, true},
    {IG_FLOAT8E5M2, 256, 5, 2, 15, 0x7b, 0x7c, false},
    {IG_FLOAT8E5M2FNUZ, 256, 5, 2, 16, 0x7f, 0, true},
    {IG_FLOAT4E2M1, 16, 2, 1, 1, 0x7, 0, false},
};
#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static float decode(ig_dtype dtype, int code)
{
    if (dtype == IG_FLOAT16)
        return igi_f16_to_f32((uint16_t)code);
    if (dtype == IG_BFLOAT16)
        return igi_bf16_to_f32((uint16_t)code);
    return igi_f8_to_f32(dtype, (uint8_t)code);
}

static int encode(ig_dtype dtype, float f, bool saturate)
{
    if (dtype == IG_FLOAT16)
        return igi_f32_to_f16(f);
    if (dtype == IG_BFLOAT16)
        return igi_f32_to_bf16(f);
    return igi_f32_to_f8(dtype, f, saturate);
}

/* Magnitude of a finite code without sign. */
static double by_definition(const format *m, int code)
{
    int e = code >> m->mantissa_bits, fraction = code & ((1 << m->mantissa_bits) - 1);
    double unit = ldexp(1, -m->mantissa_bits);
    return e == 0 ? ldexp(fraction * unit, 1 - m->bias)
                  : ldexp(1 + fraction * unit, e - m->bias);
}

static void every_code_decodes_to_its_definition(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FORMATS; i++) {
        const format *m = &formats[i];
        int half = m->codes / 2;
        for (int code = 0; code < m->codes; code++) {
            int positive = code % half;
            double sign = code >= half ? -1 : 1, v = decode(m->dtype, code);
            if (m->uz && code == half) {
                assert_true(isnan(v));
            } else if (positive <= m->largest) {
                assert_true(v == sign * by_definition(m, positive));
                assert_true(signbit(v) == (code >= half));
            } else if (m->inf && positive == m->inf) {
                assert_true(v == sign * INFINITY);
            } else {
                assert_true(isnan(v));
            }
        }
    }
}

static void every_value_encodes_to_its_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FORMATS; i++) {
        const format *m = &formats[i];
        for (int code = 0; code < m->codes; code++) {
            float v = decode(m->dtype, code);
            int back = encode(m->dtype, v, false);
            if (isnan(v))
                assert_true(isnan(decode(m->dtype, back)));
            else
                assert_int_equal(back, code);
        }
    }
}

static void ties_round_to_even_and_others_to_the_nearest(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FORMATS; i++) {
        const format *m = &formats[i];
        int half = m->codes / 2;
        for (int code = 0; code < m->largest; code++) {
            double lo = by_definition(m, code), hi = by_definition(m, code + 1);
            float middle = (float)((lo + hi) / 2);
            int even = code % 2 == 0 ? code : code + 1;
            assert_true(middle == (lo + hi) / 2);
            assert_int_equal(encode(m->dtype, middle, true), even);
            assert_int_equal(encode(m->dtype, nextafterf(middle, 0), true), code);
            assert_int_equal(encode(m->dtype, nextafterf(middle, INFINITY), true),
                             code + 1);
            int minus = m->uz && even == 0 ? 0 : even + half;
            assert_int_equal(encode(m->dtype, -middle, true), minus);
        }
    }
}

static void values_out_of_range_follow_the_table_of_onnx_cast(void **state)
{
    (void)state;
    static const struct {
        ig_dtype dtype;
        int largest, over, infinite,
            not_a_number; /* the last three without saturation */
    } rows[] = {
        {IG_FLOAT8E4M3FN, 0x7e, 0x7f, 0x7f, 0x7f},
        {IG_FLOAT8E4M3FNUZ, 0x7f, 0x80, 0x80, 0x80},
        {IG_FLOAT8E5M2, 0x7b, 0x7c, 0x7c, 0x7e},
        {IG_FLOAT8E5M2FNUZ, 0x7f, 0x80, 0x80, 0x80},
        {IG_FLOAT4E2M1, 0x7, 0x7, 0x7, -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ig_dtype d = rows[i].dtype;
        int sign = d == IG_FLOAT4E2M1 ? 8 : 0x80;
        assert_int_equal(encode(d, 1e30f, true), rows[i].largest);
        assert_int_equal(encode(d, INFINITY, true), rows[i].largest);
        assert_int_equal(encode(d, -INFINITY, true), rows[i].largest | sign);
        assert_int_equal(encode(d, 1e30f, false), rows[i].over);
        assert_int_equal(encode(d, INFINITY, false), rows[i].infinite);
        assert_int_equal(encode(d, -1e30f, false), rows[i].over | sign);
        if (rows[i].not_a_number >= 0) {
            assert_int_equal(encode(d, NAN, true), rows[i].not_a_number);
            assert_int_equal(encode(d, NAN, false), rows[i].not_a_number);
        }
    }
    assert_int_equal(igi_f32_to_f16(65519.996f), 0x7bff);
    assert_int_equal(igi_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(igi_f32_to_f16(-1e30f), 0xfc00);
    assert_int_equal(igi_f32_to_bf16(3.4028234e38f), 0x7f80);
}

static void a_nan_stays_a_nan_when_only_low_bits_are_set(void **state)
{
    (void)state;
    uint32_t bits = 0x7f800001u;
    float nan;
    memcpy(&nan, &bits, sizeof(nan));
    assert_true(isnan(igi_bf16_to_f32(igi_f32_to_bf16(nan))));
    assert_true(isnan(igi_f16_to_f32(igi_f32_to_f16(nan))));
}

static void e8m0_rounds_as_its_modes_say(void **state)
{
    (void)state;
    enum { UP, DOWN, NEAREST };
    for (int code = 0; code < 255; code++) {
        float v = igi_f8_to_f32(IG_FLOAT8E8M0, (uint8_t)code);
        assert_true(v == (float)ldexp(1, code - 127));
        for (int mode = UP; mode <= NEAREST; mode++)
            assert_int_equal(igi_f32_to_e8m0(v, true, mode), code);
        if (code == 254)
            break;
        assert_int_equal(igi_f32_to_e8m0(v * 1.25f, true, UP), code + 1);
        assert_int_equal(igi_f32_to_e8m0(v * 1.75f, true, DOWN), code);
        assert_int_equal(igi_f32_to_e8m0(v * 1.25f, true, NEAREST), code);
        assert_int_equal(igi_f32_to_e8m0(v * 1.5f, true, NEAREST), code + 1);
    }
    assert_true(isnan(igi_f8_to_f32(IG_FLOAT8E8M0, 255)));
    assert_int_equal(igi_f32_to_e8m0(NAN, true, UP), 255);
    assert_int_equal(igi_f32_to_e8m0(INFINITY, true, UP), 254);
    assert_int_equal(igi_f32_to_e8m0(INFINITY, false, NEAREST), 255);
    assert_int_equal(igi_f32_to_e8m0(3.0e38f, true, UP), 254);
    assert_int_equal(igi_f32_to_e8m0(3.0e38f, false, UP), 255);
    assert_int_equal(igi_f32_to_e8m0(0, true, UP), 0);
    assert_int_equal(igi_f32_to_e8m0(0, false, NEAREST), 255);
    assert_int_equal(igi_f32_to_e8m0(1e-45f, true, DOWN), 0);
    assert_int_equal(igi_f32_to_e8m0(1e-45f, false, DOWN), 255);
}

IG_TESTS(cmocka_unit_test(every_code_decodes_to_its_definition),
         cmocka_unit_test(every_value_encodes_to_its_code),
         cmocka_unit_test(ties_round_to_even_and_others_to_the_nearest),
         cmocka_unit_test(values_out_of_range_follow_the_table_of_onnx_cast),
         cmocka_unit_test(a_nan_stays_a_nan_when_only_low_bits_are_set),
         cmocka_unit_test(e8m0_rounds_as_its_modes_say))
