/* Element types: one row of facts per type, and conversions of single elements.
 *
 * All float formats convert through float or double with round to nearest even; ONNX
 * Cast's saturation and rounding modes are parameters. ORDER: dtype. */
#ifndef GRAPH_CORE_DTYPE_H
#define GRAPH_CORE_DTYPE_H

#include <ingot/base.h>

static inline bool igi_dtype_valid(int dtype)
{
    return dtype > IG_UNDEFINED && dtype < IG_DTYPE_COUNT;
}

/* Any float format, complex excluded. */
static inline bool igi_dtype_is_float(ig_dtype dtype)
{
    const uint64_t floats = 1ull << IG_FLOAT32 | 1ull << IG_FLOAT16 |
                            1ull << IG_FLOAT64 | 1ull << IG_BFLOAT16 |
                            1ull << IG_FLOAT8E4M3FN | 1ull << IG_FLOAT8E4M3FNUZ |
                            1ull << IG_FLOAT8E5M2 | 1ull << IG_FLOAT8E5M2FNUZ |
                            1ull << IG_FLOAT4E2M1 | 1ull << IG_FLOAT8E8M0;
    return igi_dtype_valid((int)dtype) && floats >> dtype & 1;
}

/* Bits of an element, as ig_dtype_bits, without a call. */
extern const uint8_t igi_dtype_bits[IG_DTYPE_COUNT];

/* Alignment in bytes that loads of one element need, at least 1. */
size_t igi_dtype_align(ig_dtype dtype);

float igi_f16_to_f32(uint16_t h);
uint16_t igi_f32_to_f16(float f);
float igi_bf16_to_f32(uint16_t h);
uint16_t igi_f32_to_bf16(float f);
/* float8 and float4 formats by their dtype number. saturate: out of range becomes the
 * largest finite value, else NaN/inf as ONNX Cast says. */
float igi_f8_to_f32(ig_dtype dtype, uint8_t b);
uint8_t igi_f32_to_f8(ig_dtype dtype, float f, bool saturate);
/* e8m0: mode 0 up, 1 down, 2 nearest (ONNX round_mode). */
uint8_t igi_f32_to_e8m0(float f, bool saturate, int mode);

/* Raw element i of packed types: 2- and 4-bit fields, low bits first. */
static inline unsigned igi_packed_get(const uint8_t *p, int64_t i, int bits)
{
    int64_t per = 8 / bits;
    return (unsigned)(p[i / per] >> ((i % per) * bits)) & ((1u << bits) - 1u);
}
static inline void igi_packed_set(uint8_t *p, int64_t i, int bits, unsigned v)
{
    int64_t per = 8 / bits;
    int shift = (int)(i % per) * bits;
    unsigned mask = ((1u << bits) - 1u) << shift;
    p[i / per] = (uint8_t)((p[i / per] & ~mask) | ((v << shift) & mask));
}

/* Element i of a contiguous array as double / int64 (saturating from floats, NaN 0);
 * not for strings; complex gives the real part. And back, rounding to nearest, integers
 * saturating. */
double igi_get_f64(ig_dtype dtype, const void *p, int64_t i);
int64_t igi_get_i64(ig_dtype dtype, const void *p, int64_t i);
void igi_put_f64(ig_dtype dtype, void *p, int64_t i, double v);
void igi_put_i64(ig_dtype dtype, void *p, int64_t i, int64_t v);
bool igi_dtype_is_int(ig_dtype dtype); /* integers incl. packed; bool excluded */
bool igi_dtype_is_signed(ig_dtype dtype);

#endif
