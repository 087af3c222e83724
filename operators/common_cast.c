// Conversion between any two element types.
//
// Elements pass through a block in one of three wide types (double, int64_t, uint64_t),
// so 26 types need 26 loads and 26 stores, not 676 loops. The rules (ONNX Cast, version
// 25): integers keep their low bits; floats become integers toward zero, saturating,
// NaN 0; anything but 0 is true; narrow floats round to nearest even once (a double
// first becomes a float with a sticky last bit, "round to odd", Boldo and Melquiond
// 2008, so that the second rounding is right); float8 and its saturation as in the
// tables of the operator.

#include "operators/common_cast.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *const igi_round_modes[] = {"up", "down", "nearest", NULL};

enum { BLOCK = 256 };
typedef enum { REAL, SIGNED, UNSIGNED } wide_kind;
typedef struct {
    wide_kind kind;
    int n;
    double f[BLOCK];
    int64_t s[BLOCK]; // UNSIGNED: the same bits
} block;

// ---- loading ----

#define LOAD_CASE(dtype_, T_, C_, LOAD_, STORE_, field_, kind_, W_)                    \
    case dtype_:                                                                       \
        b->kind = kind_;                                                               \
        for (int i = 0; i < b->n; i++)                                                 \
            b->field_[i] = (W_)LOAD_((const T_ *)p, at + i * step);                    \
        break;

static void load(block *b, ig_dtype type, const void *p, int64_t at, int64_t step)
{
    switch (type) {
        IGI_FLOAT_ROWS(LOAD_CASE, f, REAL, double)
        IGI_SIGNED_ROWS(LOAD_CASE, s, SIGNED, int64_t)
        IGI_UNSIGNED_ROWS(LOAD_CASE, s, UNSIGNED, int64_t)
    case IG_BOOL:
        b->kind = UNSIGNED;
        for (int i = 0; i < b->n; i++)
            b->s[i] = ((const uint8_t *)p)[at + i * step] != 0;
        break;
    default: // float8, float4 and packed integers, one by one
        b->kind = igi_dtype_is_float(type) ? REAL : SIGNED;
        for (int i = 0; i < b->n; i++) {
            if (b->kind == REAL)
                b->f[i] = igi_get_f64(type, p, at + i * step);
            else
                b->s[i] = igi_get_i64(type, p, at + i * step);
        }
    }
}

// ---- storing ----

// Toward the odd neighbour where inexact: keeps what a later rounding must know.
static float round_to_odd(double d)
{
    float f = (float)d;
    uint32_t bits;
    if ((double)f == d || d != d)
        return f;
    memcpy(&bits, &f, sizeof(bits));
    bits -= fabs((double)f) > fabs(d); // toward zero first
    bits |= 1;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static float narrow(const block *b, int i)
{
    if (b->kind == REAL)
        return round_to_odd(b->f[i]);
    return b->kind == SIGNED ? (float)b->s[i] : (float)(uint64_t)b->s[i];
}

static double real(const block *b, int i)
{
    if (b->kind == REAL)
        return b->f[i];
    return b->kind == SIGNED ? (double)b->s[i] : (double)(uint64_t)b->s[i];
}

// An integer of `bits` bits: reals saturate, integers keep their low bits (by the
// caller).
static int64_t whole_signed(const block *b, int i, int bits)
{
    if (b->kind != REAL)
        return b->s[i];
    int64_t v = igi_f64_to_i64(b->f[i]), max = (int64_t)(UINT64_MAX >> (65 - bits));
    return v > max ? max : v < -max - 1 ? -max - 1 : v;
}

static uint64_t whole_unsigned(const block *b, int i, int bits)
{
    if (b->kind != REAL)
        return (uint64_t)b->s[i];
    uint64_t v = igi_f64_to_u64(b->f[i]), max = UINT64_MAX >> (64 - bits);
    return v > max ? max : v;
}

// Packed integers take the low bits of floats too: so ONNX's cases have it (-9 to int4
// is 7).
static void store_packed(const block *b, ig_dtype type, uint8_t *p, int64_t at)
{
    int bits = ig_dtype_bits(type);
    for (int i = 0; i < b->n; i++) {
        unsigned v = type == IG_FLOAT4E2M1 ? igi_f32_to_f8(type, narrow(b, i), true)
                                           : (unsigned)whole_signed(b, i, 64);
        igi_packed_set(p, at + i, bits, v & ((1u << bits) - 1));
    }
}

static void store_float8(const block *b, ig_dtype type, uint8_t *p, igi_cast_mode mode)
{
    for (int i = 0; i < b->n; i++)
        p[i] = type == IG_FLOAT8E8M0
                   ? igi_f32_to_e8m0(narrow(b, i), mode.saturate, mode.round_mode)
                   : igi_f32_to_f8(type, narrow(b, i), mode.saturate);
}

#define STORE_CASE(dtype_, T_, C_, LOAD_, STORE_, value_)                              \
    case dtype_:                                                                       \
        for (int i = 0; i < b->n; i++) {                                               \
            enum { BITS = 8 * sizeof(T_) };                                            \
            STORE_(T_, (T_ *)p, at + i, value_);                                       \
        }                                                                              \
        break;

static ig_status store(ig_kernel_ctx *k,
                       const block *b,
                       ig_dtype type,
                       void *p,
                       int64_t at,
                       igi_cast_mode mode)
{
    switch (type) {
        STORE_CASE(IG_FLOAT32, float, , , IGI_STORE,
                   b->kind == REAL ? (float)b->f[i] : narrow(b, i))
        STORE_CASE(IG_FLOAT64, double, , , IGI_STORE, real(b, i))
        STORE_CASE(IG_FLOAT16, uint16_t, , , IGI_STORE_F16, narrow(b, i))
        STORE_CASE(IG_BFLOAT16, uint16_t, , , IGI_STORE_BF16, narrow(b, i))
        STORE_CASE(IG_BOOL, uint8_t, , , IGI_STORE,
                   b->kind == REAL ? b->f[i] != 0 : b->s[i] != 0)
        IGI_SIGNED_ROWS(STORE_CASE, whole_signed(b, i, BITS))
        IGI_UNSIGNED_ROWS(STORE_CASE, whole_unsigned(b, i, BITS))
    case IG_FLOAT8E4M3FN:
    case IG_FLOAT8E4M3FNUZ:
    case IG_FLOAT8E5M2:
    case IG_FLOAT8E5M2FNUZ:
    case IG_FLOAT8E8M0:
        store_float8(b, type, (uint8_t *)p + at, mode);
        break;
    case IG_UINT4:
    case IG_INT4:
    case IG_UINT2:
    case IG_INT2:
    case IG_FLOAT4E2M1:
        store_packed(b, type, p, at);
        break;
    default:
        return igi_bad_dtype(k, type);
    }
    return IG_OK;
}

// ---- text ----

static bool word_is(const igi_str *s, const char *word)
{
    size_t i = 0;
    for (; i < s->length && word[i]; i++)
        if ((s->text[i] | 32) != word[i])
            return false;
    return i == s->length && !word[i];
}

// One string into a block of one: whole numbers stay exact, "-0" keeps its sign, "true"
// and "false" are 1 and 0.
static bool load_string(block *b, const igi_str *s)
{
    char *end;
    if (!s || s->length == 0)
        return false;
    b->kind = SIGNED;
    b->s[0] = word_is(s, "true");
    if (b->s[0] || word_is(s, "false"))
        return true;
    errno = 0;
    b->s[0] = strtoll(s->text, &end, 10);
    if (errno == 0 && end != s->text && *end == 0) {
        if (b->s[0] == 0 && strchr(s->text, '-')) {
            b->kind = REAL;
            b->f[0] = -0.0;
        }
        return s->length == strlen(s->text);
    }
    errno = 0;
    b->s[0] = (int64_t)strtoull(s->text, &end, 10);
    b->kind = UNSIGNED;
    if (errno == 0 && end != s->text && *end == 0 && !strchr(s->text, '-'))
        return s->length == strlen(s->text);
    b->kind = REAL;
    return s->length == strlen(s->text) && igi_parse_real(s->text, s->length, &b->f[0]);
}

static ig_status from_strings(ig_kernel_ctx *k,
                              const ig_tensor *y,
                              const ig_tensor *x,
                              igi_cast_mode mode)
{
    const ig_tensor *t[2] = {y, x};
    block b = {.n = 1};
    int64_t done = 0;
    igi_pace pace = igi_pace_of(k);
    igi_walk w;
    for (igi_walk_tensors(&w, y, t, 2); w.rows > 0; igi_walk_next(&w))
        for (int64_t i = 0; i < w.inner; i++, done++) {
            IG_TRY(igi_pace_go(&pace, 512));
            const igi_str *s = ((igi_str **)ig_data(x))[w.at[1] + i * w.step[1]];
            if (!load_string(&b, s))
                return ig_kernel_fail(
                    k, IG_INVALID_ARGUMENT,
                    "element %" PRId64
                    " is \"%.60s\", which is no number; cannot become %s",
                    done, s ? s->text : "", ig_dtype_name(ig_dtype_of(y)));
            IG_TRY(store(k, &b, ig_dtype_of(y), ig_data(y), done, mode));
        }
    return IG_OK;
}

static void print_element(const block *b, int i, ig_dtype type, char *buf, size_t size)
{
    if (type == IG_BOOL)
        snprintf(buf, size, "%s", b->s[i] ? "True" : "False");
    else if (b->kind == REAL)
        igi_print_real(type, b->f[i], buf, size);
    else if (b->kind == SIGNED)
        snprintf(buf, size, "%" PRId64, b->s[i]);
    else
        snprintf(buf, size, "%" PRIu64, (uint64_t)b->s[i]);
}

static ig_status
store_strings(ig_kernel_ctx *k, const block *b, ig_dtype from, igi_str **slot)
{
    char text[64];
    for (int i = 0; i < b->n; i++) {
        print_element(b, i, from, text, sizeof(text));
        IG_TRY(igi_string_charge(k, strlen(text)));
        igi_str *s = igi_str_new(text, strlen(text));
        if (!s)
            return IG_OUT_OF_MEMORY;
        igi_string_put(&slot[i], s);
        igi_str_unref(s);
    }
    return IG_OK;
}

// ---- the operator ----

ig_status igi_cast_tensor(ig_kernel_ctx *k,
                          const ig_tensor *y,
                          const ig_tensor *x,
                          igi_cast_mode mode)
{
    const ig_tensor *t[2] = {y, x};
    const ig_dtype from = ig_dtype_of(x), to = ig_dtype_of(y);
    int64_t done = 0;
    igi_pace pace = igi_pace_of(k);
    igi_walk w;
    block b;
    if (from == to)
        return igi_copy_to_output(k, 0, 0);
    if (from == IG_STRING)
        return from_strings(k, y, x, mode);
    for (igi_walk_tensors(&w, y, t, 2); w.rows > 0; igi_walk_next(&w))
        for (int64_t i = 0; i < w.inner; i += b.n, done += b.n) {
            b.n = w.inner - i < BLOCK ? (int)(w.inner - i) : BLOCK;
            /* many digits are tried for the shortest text */
            IG_TRY(igi_pace_go(&pace, b.n * (to == IG_STRING ? 4096 : 8)));
            load(&b, from, ig_data(x), w.at[1] + i * w.step[1], w.step[1]);
            if (to == IG_STRING)
                IG_TRY(store_strings(k, &b, from, (igi_str **)ig_data(y) + done));
            else
                IG_TRY(store(k, &b, to, ig_data(y), done, mode));
        }
    return IG_OK;
}

ig_status igi_cast_gradient(ig_grad *g)
{
    ig_dtype from = (ig_dtype)ig_grad_in_type(g, 0)->dtype;
    ig_dtype to = (ig_dtype)ig_grad_out_type(g, 0)->dtype;
    if (igi_dtype_is_float(from) && igi_dtype_is_float(to))
        ig_grad_set(g, 0, igi_emit_cast(g, ig_grad_dy(g, 0), from));
    return IG_OK; // integers, bool and strings carry no derivative
}
