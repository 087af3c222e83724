/* Conversions of the small float formats, in integer arithmetic.
 *
 * Encoding rounds to nearest even by adding half of the last kept bit (less one when
 * that bit is even) to the float's bits and cutting: a carry out of the mantissa raises
 * the exponent, as it should. Results below the smallest normal number are cut at a
 * fixed place instead. */
#include <math.h>
#include <string.h>

#include "graph/core/dtype.h"

static uint32_t bits_of(float f)
{
    uint32_t b;
    memcpy(&b, &f, sizeof(b));
    return b;
}

static float float_of(uint32_t b)
{
    float f;
    memcpy(&f, &b, sizeof(f));
    return f;
}

float igi_bf16_to_f32(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

uint16_t igi_f32_to_bf16(float f)
{
    uint32_t b = bits_of(f);
    if ((b & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(b >> 16 | 0x40); /* NaN: quiet, so that it stays one */
    return (uint16_t)((b + 0x7fffu + (b >> 16 & 1)) >> 16);
}

float igi_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ff;
    if (e == 31)
        return float_of(sign | 0x7f800000u | m << 13);
    if (e == 0) { /* zero and subnormal: m * 2^-24 is exact */
        float f = (float)m * 0x1p-24f;
        return float_of(sign | bits_of(f));
    }
    return float_of(sign | (e + 112) << 23 | m << 13);
}

uint16_t igi_f32_to_f16(float f)
{
    uint32_t b = bits_of(f), sign = b >> 16 & 0x8000, a = b & 0x7fffffffu;
    if (a > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x3ff));
    if (a >= 0x477ff000u) /* rounds to 65536 or more */
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000u) { /* subnormal: adding 0.5 leaves units of 2^-24 in the last
                              bits */
        uint32_t r = bits_of(float_of(a) + 0.5f) - bits_of(0.5f);
        return (uint16_t)(sign | r);
    }
    a += 0xfffu + (a >> 13 & 1);
    return (uint16_t)(sign | (a - 0x38000000u) >> 13);
}

/* A format with `m` mantissa bits. `max` is the code of the largest finite value, `nan`
 * and `inf` codes without sign (0: the format has none); uz: no -0, 0x80 is the one
 * NaN. */
typedef struct small_format {
    int m, bias;
    uint8_t max, nan, inf, sign;
    bool uz;
} small_format;

static const small_format *format_of(ig_dtype dtype)
{
    static const small_format e4m3fn = {3, 7, 0x7e, 0x7f, 0, 0x80, false};
    static const small_format e4m3fnuz = {3, 8, 0x7f, 0x80, 0, 0x80, true};
    static const small_format e5m2 = {2, 15, 0x7b, 0x7e, 0x7c, 0x80, false};
    static const small_format e5m2fnuz = {2, 16, 0x7f, 0x80, 0, 0x80, true};
    static const small_format e2m1 = {1, 1, 0x7, 0, 0, 0x8, false};
    switch (dtype) {
    case IG_FLOAT8E4M3FN:
        return &e4m3fn;
    case IG_FLOAT8E4M3FNUZ:
        return &e4m3fnuz;
    case IG_FLOAT8E5M2:
        return &e5m2;
    case IG_FLOAT8E5M2FNUZ:
        return &e5m2fnuz;
    case IG_FLOAT4E2M1:
        return &e2m1;
    default:
        return NULL;
    }
}

float igi_f8_to_f32(ig_dtype dtype, uint8_t b)
{
    if (dtype == IG_FLOAT8E8M0)
        return b == 0xff ? NAN : b == 0 ? 0x1p-127f : float_of((uint32_t)b << 23);
    const small_format *s = format_of(dtype);
    if (!s)
        return NAN;
    if (s->uz && b == s->nan)
        return NAN;
    bool minus = (b & s->sign) != 0;
    uint32_t code = b & (uint32_t)(s->sign - 1), e = code >> s->m;
    float v;
    if (s->inf && code == s->inf)
        v = INFINITY;
    else if (code > s->max)
        v = NAN;
    else if (e == 0)
        v = ldexpf((float)code, 1 - s->bias - s->m);
    else
        v = float_of((e + 127u - (uint32_t)s->bias) << 23 | (code & ((1u << s->m) - 1))
                                                                << (23 - s->m));
    return minus ? -v : v;
}

/* Code of a finite magnitude, rounded to nearest even; may exceed the largest finite
 * code. */
static uint32_t encode(const small_format *s, uint32_t a)
{
    int shift = 23 - s->m;
    uint32_t smallest = (uint32_t)(128 - s->bias)
                        << 23; /* the smallest normal number */
    if (a >= smallest) {
        a += (1u << (shift - 1)) - 1 + (a >> shift & 1);
        return (a - (smallest - (1u << 23))) >> shift;
    }
    /* Subnormal: a number of this size has its last bit at 2^(1 - bias - m). */
    float unit = ldexpf(1, 1 - s->bias - s->m + 23);
    return bits_of(float_of(a) + unit) - bits_of(unit);
}

uint8_t igi_f32_to_f8(ig_dtype dtype, float f, bool saturate)
{
    if (dtype == IG_FLOAT8E8M0)
        return igi_f32_to_e8m0(f, saturate, 0);
    const small_format *s = format_of(dtype);
    if (!s)
        return 0;
    uint32_t b = bits_of(f), a = b & 0x7fffffffu, sign = b >> 31 ? s->sign : 0;
    if (a > 0x7f800000u) /* without a NaN (float4): -0 as ml_dtypes has it, for lack of
                            a rule */
        return s->uz ? s->nan : s->nan ? (uint8_t)(sign | s->nan) : (uint8_t)(sign ^ 8);
    uint32_t code = a == 0x7f800000u ? UINT32_MAX : encode(s, a);
    if (code > s->max) {
        if (saturate || !(s->nan || s->inf))
            code = s->max;
        else if (s->uz)
            return s->nan;
        else
            code = s->inf ? s->inf : s->nan;
    }
    return s->uz && code == 0 ? 0 : (uint8_t)(sign | code);
}

/* 2^(code - 127); the sign is ignored, since the result of negative values is
 * unspecified. */
uint8_t igi_f32_to_e8m0(float f, bool saturate, int mode)
{
    uint32_t a = bits_of(f) & 0x7fffffffu;
    if (a > 0x7f800000u)
        return 0xff;
    if (a == 0x7f800000u)
        return saturate ? 0xfe : 0xff;
    if (a == 0)
        return saturate ? 0 : 0xff;
    uint32_t e = a >> 23, fraction = a & 0x7fffffu, half = 0x400000u;
    if (e ==
        0) { /* [2^-127, 2^-126) has the code 0; below, only rounding up reaches it */
        if (a < half)
            return saturate || mode == 0 || (mode == 2 && a >= half / 2 + half / 4)
                       ? 0
                       : 0xff;
        fraction = (a - half) << 1;
    }
    bool up = mode == 0 ? fraction != 0 : mode == 2 && fraction >= half;
    e += up;
    if (e > 0xfe)
        return saturate ? 0xfe : 0xff;
    return (uint8_t)e;
}
