/* Element types: the table of facts, and loads and stores of single elements.
 *
 * Stores from double into a float format below 32 bits go through a float that is
 * rounded to odd (the last bit keeps "something was cut off"), so that the second
 * rounding, to nearest even, gives the result of one rounding. ORDER: dtype. */
#include "graph/core/dtype.h"

#include <math.h>
#include <string.h>

enum { NONE, FLOAT, SIGNED, UNSIGNED, OTHER };

typedef struct dtype_row {
    const char *name, *onnx;
    uint8_t kind;
} dtype_row;

static const dtype_row rows[IG_DTYPE_COUNT] = {
    [IG_UNDEFINED] = {"undefined", "undefined", NONE},
    [IG_FLOAT32] = {"float32", "float", FLOAT},
    [IG_UINT8] = {"uint8", "uint8", UNSIGNED},
    [IG_INT8] = {"int8", "int8", SIGNED},
    [IG_UINT16] = {"uint16", "uint16", UNSIGNED},
    [IG_INT16] = {"int16", "int16", SIGNED},
    [IG_INT32] = {"int32", "int32", SIGNED},
    [IG_INT64] = {"int64", "int64", SIGNED},
    [IG_STRING] = {"string", "string", OTHER},
    [IG_BOOL] = {"bool", "bool", OTHER},
    [IG_FLOAT16] = {"float16", "float16", FLOAT},
    [IG_FLOAT64] = {"float64", "double", FLOAT},
    [IG_UINT32] = {"uint32", "uint32", UNSIGNED},
    [IG_UINT64] = {"uint64", "uint64", UNSIGNED},
    [IG_COMPLEX64] = {"complex64", "complex64", OTHER},
    [IG_COMPLEX128] = {"complex128", "complex128", OTHER},
    [IG_BFLOAT16] = {"bfloat16", "bfloat16", FLOAT},
    [IG_FLOAT8E4M3FN] = {"float8e4m3fn", "float8e4m3fn", FLOAT},
    [IG_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", "float8e4m3fnuz", FLOAT},
    [IG_FLOAT8E5M2] = {"float8e5m2", "float8e5m2", FLOAT},
    [IG_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", "float8e5m2fnuz", FLOAT},
    [IG_UINT4] = {"uint4", "uint4", UNSIGNED},
    [IG_INT4] = {"int4", "int4", SIGNED},
    [IG_FLOAT4E2M1] = {"float4e2m1", "float4e2m1", FLOAT},
    [IG_FLOAT8E8M0] = {"float8e8m0", "float8e8m0", FLOAT},
    [IG_UINT2] = {"uint2", "uint2", UNSIGNED},
    [IG_INT2] = {"int2", "int2", SIGNED},
};

const uint8_t igi_dtype_bits[IG_DTYPE_COUNT] = {
    [IG_UNDEFINED] = 0,      [IG_FLOAT32] = 32,   [IG_UINT8] = 8,
    [IG_INT8] = 8,           [IG_UINT16] = 16,    [IG_INT16] = 16,
    [IG_INT32] = 32,         [IG_INT64] = 64,     [IG_STRING] = 64,
    [IG_BOOL] = 8,           [IG_FLOAT16] = 16,   [IG_FLOAT64] = 64,
    [IG_UINT32] = 32,        [IG_UINT64] = 64,    [IG_COMPLEX64] = 64,
    [IG_COMPLEX128] = 128,   [IG_BFLOAT16] = 16,  [IG_FLOAT8E4M3FN] = 8,
    [IG_FLOAT8E4M3FNUZ] = 8, [IG_FLOAT8E5M2] = 8, [IG_FLOAT8E5M2FNUZ] = 8,
    [IG_UINT4] = 4,          [IG_INT4] = 4,       [IG_FLOAT4E2M1] = 4,
    [IG_FLOAT8E8M0] = 8,     [IG_UINT2] = 2,      [IG_INT2] = 2,
};

static const dtype_row *row_of(ig_dtype dtype)
{
    return &rows[igi_dtype_valid((int)dtype) ? (int)dtype : 0];
}

const char *ig_dtype_name(ig_dtype dtype)
{
    return row_of(dtype)->name;
}

ig_dtype ig_dtype_parse(const char *name)
{
    for (int i = 1; name && i < IG_DTYPE_COUNT; i++) {
        if (strcmp(name, rows[i].name) == 0 || strcmp(name, rows[i].onnx) == 0)
            return (ig_dtype)i;
    }
    return IG_UNDEFINED;
}

size_t igi_dtype_align(ig_dtype dtype)
{
    size_t bytes = (size_t)ig_dtype_bits(dtype) / 8;
    if (dtype == IG_COMPLEX64 || dtype == IG_COMPLEX128)
        bytes /= 2;
    return bytes > 1 ? bytes : 1;
}

int ig_dtype_bits(ig_dtype dtype)
{
    return igi_dtype_valid((int)dtype) ? igi_dtype_bits[dtype] : 0;
}

bool igi_dtype_is_int(ig_dtype dtype)
{
    return row_of(dtype)->kind == SIGNED || row_of(dtype)->kind == UNSIGNED;
}

bool igi_dtype_is_signed(ig_dtype dtype)
{
    return row_of(dtype)->kind == SIGNED ||
           (row_of(dtype)->kind == FLOAT && dtype != IG_FLOAT8E8M0);
}

/* ---- loads ---- */

/* Sign-extended field of a 2- or 4-bit signed type. */
static int packed_signed(const void *p, int64_t i, int bits)
{
    int v = (int)igi_packed_get(p, i, bits);
    return v >= 1 << (bits - 1) ? v - (1 << bits) : v;
}

/* Element i of an integer or bool type; uint64 beyond int64 saturates. */
static int64_t load_int(ig_dtype dtype, const void *p, int64_t i)
{
    switch (dtype) {
    case IG_UINT8:
        return ((const uint8_t *)p)[i];
    case IG_BOOL:
        return ((const uint8_t *)p)[i] != 0;
    case IG_INT8:
        return ((const int8_t *)p)[i];
    case IG_UINT16:
        return ((const uint16_t *)p)[i];
    case IG_INT16:
        return ((const int16_t *)p)[i];
    case IG_INT32:
        return ((const int32_t *)p)[i];
    case IG_UINT32:
        return ((const uint32_t *)p)[i];
    case IG_INT64:
        return ((const int64_t *)p)[i];
    case IG_UINT64: {
        uint64_t v = ((const uint64_t *)p)[i];
        return v > INT64_MAX ? INT64_MAX : (int64_t)v;
    }
    case IG_UINT4:
        return igi_packed_get(p, i, 4);
    case IG_UINT2:
        return igi_packed_get(p, i, 2);
    case IG_INT4:
        return packed_signed(p, i, 4);
    case IG_INT2:
        return packed_signed(p, i, 2);
    default:
        return 0;
    }
}

/* Element i of a float or complex type (its real part). */
static double load_float(ig_dtype dtype, const void *p, int64_t i)
{
    switch (dtype) {
    case IG_FLOAT32:
        return ((const float *)p)[i];
    case IG_FLOAT64:
        return ((const double *)p)[i];
    case IG_FLOAT16:
        return igi_f16_to_f32(((const uint16_t *)p)[i]);
    case IG_BFLOAT16:
        return igi_bf16_to_f32(((const uint16_t *)p)[i]);
    case IG_COMPLEX64:
        return ((const float *)p)[2 * i];
    case IG_COMPLEX128:
        return ((const double *)p)[2 * i];
    case IG_FLOAT4E2M1:
        return igi_f8_to_f32(dtype, (uint8_t)igi_packed_get(p, i, 4));
    case IG_FLOAT8E4M3FN:
    case IG_FLOAT8E4M3FNUZ:
    case IG_FLOAT8E5M2:
    case IG_FLOAT8E5M2FNUZ:
    case IG_FLOAT8E8M0:
        return igi_f8_to_f32(dtype, ((const uint8_t *)p)[i]);
    default:
        return 0;
    }
}

static bool is_int_or_bool(ig_dtype dtype)
{
    return igi_dtype_is_int(dtype) || dtype == IG_BOOL;
}

double igi_get_f64(ig_dtype dtype, const void *p, int64_t i)
{
    if (dtype == IG_UINT64)
        return (double)((const uint64_t *)p)[i];
    return is_int_or_bool(dtype) ? (double)load_int(dtype, p, i)
                                 : load_float(dtype, p, i);
}

/* Truncated towards zero, saturating; NaN gives 0. */
static int64_t f64_to_i64(double v)
{
    if (isnan(v))
        return 0;
    if (v >= 0x1p63)
        return INT64_MAX;
    return v < -0x1p63 ? INT64_MIN : (int64_t)v;
}

int64_t igi_get_i64(ig_dtype dtype, const void *p, int64_t i)
{
    return is_int_or_bool(dtype) ? load_int(dtype, p, i)
                                 : f64_to_i64(load_float(dtype, p, i));
}

/* ---- stores ---- */

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static void store_int(ig_dtype dtype, void *p, int64_t i, int64_t v)
{
    switch (dtype) {
    case IG_UINT8:
        ((uint8_t *)p)[i] = (uint8_t)clamp(v, 0, UINT8_MAX);
        break;
    case IG_INT8:
        ((int8_t *)p)[i] = (int8_t)clamp(v, INT8_MIN, INT8_MAX);
        break;
    case IG_UINT16:
        ((uint16_t *)p)[i] = (uint16_t)clamp(v, 0, UINT16_MAX);
        break;
    case IG_INT16:
        ((int16_t *)p)[i] = (int16_t)clamp(v, INT16_MIN, INT16_MAX);
        break;
    case IG_INT32:
        ((int32_t *)p)[i] = (int32_t)clamp(v, INT32_MIN, INT32_MAX);
        break;
    case IG_UINT32:
        ((uint32_t *)p)[i] = (uint32_t)clamp(v, 0, UINT32_MAX);
        break;
    case IG_INT64:
        ((int64_t *)p)[i] = v;
        break;
    case IG_UINT64:
        ((uint64_t *)p)[i] = (uint64_t)clamp(v, 0, INT64_MAX);
        break;
    case IG_UINT4:
        igi_packed_set(p, i, 4, (unsigned)clamp(v, 0, 15));
        break;
    case IG_UINT2:
        igi_packed_set(p, i, 2, (unsigned)clamp(v, 0, 3));
        break;
    case IG_INT4:
        igi_packed_set(p, i, 4, (unsigned)clamp(v, -8, 7) & 15u);
        break;
    case IG_INT2:
        igi_packed_set(p, i, 2, (unsigned)clamp(v, -2, 1) & 3u);
        break;
    default:
        break;
    }
}

/* v as a float, rounded to odd: exact, or cut off with the last bit set. */
static float f64_to_f32_odd(double v)
{
    float f = (float)v;
    double back = f;
    if (back == v || isnan(v) || isinf(v))
        return f;
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    if (fabs(back) > fabs(v))
        bits--; /* towards zero: one step down in magnitude, from infinity too */
    bits |= 1;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static void store_float(ig_dtype dtype, void *p, int64_t i, double v)
{
    float odd = f64_to_f32_odd(v);
    switch (dtype) {
    case IG_FLOAT32:
        ((float *)p)[i] = (float)v;
        break;
    case IG_FLOAT64:
        ((double *)p)[i] = v;
        break;
    case IG_FLOAT16:
        ((uint16_t *)p)[i] = igi_f32_to_f16(odd);
        break;
    case IG_BFLOAT16:
        ((uint16_t *)p)[i] = igi_f32_to_bf16(odd);
        break;
    case IG_COMPLEX64:
        ((float *)p)[2 * i] = (float)v;
        ((float *)p)[2 * i + 1] = 0;
        break;
    case IG_COMPLEX128:
        ((double *)p)[2 * i] = v;
        ((double *)p)[2 * i + 1] = 0;
        break;
    case IG_FLOAT4E2M1:
        igi_packed_set(p, i, 4, igi_f32_to_f8(dtype, odd, true));
        break;
    case IG_FLOAT8E4M3FN:
    case IG_FLOAT8E4M3FNUZ:
    case IG_FLOAT8E5M2:
    case IG_FLOAT8E5M2FNUZ:
        ((uint8_t *)p)[i] = igi_f32_to_f8(dtype, odd, true);
        break;
    case IG_FLOAT8E8M0:
        ((uint8_t *)p)[i] = igi_f32_to_e8m0(odd, true, 2);
        break;
    default:
        break;
    }
}

void igi_put_f64(ig_dtype dtype, void *p, int64_t i, double v)
{
    if (dtype == IG_BOOL)
        ((uint8_t *)p)[i] = v != 0;
    else if (dtype == IG_UINT64)
        ((uint64_t *)p)[i] = !(v > 0)      ? 0
                             : v >= 0x1p64 ? UINT64_MAX
                                           : (uint64_t)nearbyint(v);
    else if (igi_dtype_is_int(dtype))
        store_int(dtype, p, i, f64_to_i64(nearbyint(v)));
    else
        store_float(dtype, p, i, v);
}

void igi_put_i64(ig_dtype dtype, void *p, int64_t i, int64_t v)
{
    if (dtype == IG_BOOL) {
        ((uint8_t *)p)[i] = v != 0;
    } else if (igi_dtype_is_int(dtype)) {
        store_int(dtype, p, i, v);
    } else if (dtype == IG_FLOAT64 || dtype == IG_COMPLEX128) {
        store_float(dtype, p, i, (double)v);
    } else {
        /* Beyond 2^53 the low bits are merged into one, so that the double is exact and
         * the only rounding is the last. */
        bool exact = v >= -(INT64_C(1) << 53) && v <= INT64_C(1) << 53;
        if (!exact)
            v = (int64_t)(((uint64_t)v & ~UINT64_C(0x7ff)) |
                          (uint64_t)((v & 0x7ff) != 0) << 11);
        store_float(dtype, p, i, (double)v);
    }
}
