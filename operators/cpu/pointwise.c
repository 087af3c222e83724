/* Pointwise operators whose types differ or whose formulas stand alone: Where with any
 * broadcasting, tests and casts, and the gradients of Relu and Gelu over equal shapes.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include <ingot/ops.h>

#include "operators/common.h"
#include "operators/cpu/kernel.h"

static int64_t my_part(const ig_kernel_ctx *k, int tid, int nth, int64_t *lo)
{
    int64_t hi, n = igi_tensor_count(igi_kout(k, 0));
    ig_split(n, IGI_GRAIN, tid, nth, lo, &hi);
    return hi;
}

/* ---- Where ---- */

static ig_status moves_words(const ig_kernel_ctx *k)
{
    ig_dtype dtype = (ig_dtype)igi_kout(k, 0)->v.type.dtype;
    int bits = ig_dtype_bits(dtype);
    return dtype != IG_STRING && (bits == 32 || bits == 64)
               ? IG_OK
               : ig_reject("elements are not of 4 or 8 bytes");
}

/* One row; steps are constants in each loop, so that it becomes vectors. */
#define WHERE_LOOP(sy_, sn_)                                                           \
    for (int64_t i = lo; i < hi; i++)                                                  \
        y[i] = c[i] ? yes[i * (sy_)] : no[i * (sn_)];
#define WHERE(name_, T_)                                                               \
    static void name_(const ig_tensor *const *t, const igi_walk *w, int64_t lo,        \
                      int64_t hi)                                                      \
    {                                                                                  \
        T_ *y = (T_ *)(void *)t[0]->data + w->at[0];                                   \
        const uint8_t *c = (const uint8_t *)t[1]->data + w->at[1];                     \
        const T_ *yes = (const T_ *)(const void *)t[2]->data + w->at[2];               \
        const T_ *no = (const T_ *)(const void *)t[3]->data + w->at[3];                \
        const int64_t sc = w->step[1], sy = w->step[2], sn = w->step[3];               \
        if (sc == 1 && sy == 1 && sn == 1)                                             \
            WHERE_LOOP(1, 1)                                                           \
        else if (sc == 1 && sy == 0 && sn == 1)                                        \
            WHERE_LOOP(0, 1)                                                           \
        else if (sc == 1 && sy == 1 && sn == 0)                                        \
            WHERE_LOOP(1, 0)                                                           \
        else                                                                           \
            for (int64_t i = lo; i < hi; i++)                                          \
                y[i] = c[i * sc] ? yes[i * sy] : no[i * sn];                           \
    }
WHERE(where_32, uint32_t)
WHERE(where_64, uint64_t)

/* Threads share rows, or the one row that there is. */
static ig_status where_run(ig_kernel_ctx *k, int tid, int nth)
{
    /* All four are there: selection has seen that. */
    const ig_tensor *t[4] = {(const ig_tensor *)k->out[0], (const ig_tensor *)k->in[0],
                             (const ig_tensor *)k->in[1], (const ig_tensor *)k->in[2]};
    const bool word = ig_dtype_bits((ig_dtype)t[0]->v.type.dtype) == 32;
    igi_walk w;
    int64_t lo, hi;
    igi_walk_tensors(&w, t[0], t, 4);
    const int64_t rows = w.rows;
    if (rows == 1)
        ig_split(w.inner, IGI_GRAIN, tid, nth, &lo, &hi);
    else
        ig_split(rows, 1 + IGI_GRAIN / (w.inner ? w.inner : 1), tid, nth, &lo, &hi);
    for (; w.rows > 0; igi_walk_next(&w)) {
        const int64_t row = rows - w.rows;
        if (rows == 1)
            (word ? where_32 : where_64)(t, &w, lo, hi);
        else if (row >= lo && row < hi)
            (word ? where_32 : where_64)(t, &w, 0, w.inner);
    }
    return IG_OK;
}

/* ---- IsNaN, IsInf ---- */

static ig_status is_nan_run(ig_kernel_ctx *k, int tid, int nth)
{
    const float *x = igi_kf32(igi_kin(k, 0));
    uint8_t *y = (uint8_t *)igi_kout(k, 0)->data;
    int64_t lo, hi = my_part(k, tid, nth, &lo);
    for (int64_t i = lo; i < hi; i++)
        y[i] = x[i] != x[i];
    return IG_OK;
}

static ig_status is_inf_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_is_inf_opts *o = k->attrs;
    const float *x = igi_kf32(igi_kin(k, 0));
    /* What no float is above or below is not asked for. */
    const float below = o->detect_negative ? -FLT_MAX : -INFINITY;
    const float above = o->detect_positive ? FLT_MAX : INFINITY;
    uint8_t *y = (uint8_t *)igi_kout(k, 0)->data;
    int64_t lo, hi = my_part(k, tid, nth, &lo);
    for (int64_t i = lo; i < hi; i++)
        y[i] = (x[i] < below) | (x[i] > above);
    return IG_OK;
}

/* ---- Cast ---- */

static bool is_half(ig_dtype t)
{
    return t == IG_FLOAT16 || t == IG_BFLOAT16;
}

/* Float32 to integers is toward zero, saturated, NaN to 0. */
static ig_status cast_supports(const ig_kernel_ctx *k)
{
    ig_dtype from = (ig_dtype)k->in[0]->type.dtype,
             to = (ig_dtype)k->out[0]->type.dtype;
    bool wide = to == IG_INT64 || to == IG_INT32 || to == IG_BOOL || is_half(to);
    if (from == IG_FLOAT32 ? wide : to == IG_FLOAT32)
        return IG_OK;
    return ig_reject("no such pair of types");
}

#define CAST(name_, from_, to_, expr_)                                                 \
    static void name_(const void *px, void *py, int64_t lo, int64_t hi)                \
    {                                                                                  \
        const from_ *x = px;                                                           \
        to_ *y = py;                                                                   \
        for (int64_t i = lo; i < hi; i++)                                              \
            y[i] = (to_)(expr_);                                                       \
    }
CAST(f32_i64, float, int64_t, igi_f64_to_i64((double)x[i]))
CAST(f32_bool, float, uint8_t, x[i]<0 || x[i]> 0 || isnan(x[i]))
CAST(i64_f32, int64_t, float, x[i])
CAST(i32_f32, int32_t, float, x[i])
CAST(bool_f32, uint8_t, float, x[i] != 0)

static void f32_i32(const void *px, void *py, int64_t lo, int64_t hi)
{
    const float *x = px;
    int32_t *y = py;
    for (int64_t i = lo; i < hi; i++)
        y[i] = x[i] >= 2147483648.0f    ? INT32_MAX
               : x[i] >= -2147483648.0f ? (int32_t)x[i]
               : isnan(x[i])            ? 0
                                        : INT32_MIN;
}

static void cast_half(const ig_tensor *x, const ig_tensor *y, int64_t lo, int64_t hi)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    if (x->v.type.dtype == IG_FLOAT32)
        (y->v.type.dtype == IG_FLOAT16 ? isa->narrow_f16 : isa->narrow_bf16)(
            (uint16_t *)(void *)y->data + lo, igi_kf32(x) + lo, hi - lo);
    else
        (x->v.type.dtype == IG_FLOAT16 ? isa->widen_f16 : isa->widen_bf16)(
            igi_kf32(y) + lo, (const uint16_t *)(const void *)x->data + lo, hi - lo);
}

static ig_status cast_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    ig_dtype from = (ig_dtype)x->v.type.dtype, to = (ig_dtype)y->v.type.dtype;
    int64_t lo, hi = my_part(k, tid, nth, &lo);
    if (is_half(from) || is_half(to))
        cast_half(x, y, lo, hi);
    else if (from == IG_FLOAT32)
        (to == IG_INT64   ? f32_i64
         : to == IG_INT32 ? f32_i32
                          : f32_bool)(x->data, y->data, lo, hi);
    else
        (from == IG_INT64   ? i64_f32
         : from == IG_INT32 ? i32_f32
                            : bool_f32)(x->data, y->data, lo, hi);
    return IG_OK;
}

/* ---- gradients ---- */

static ig_status relu_grad_run(ig_kernel_ctx *k, int tid, int nth)
{
    const float *dy = igi_kf32(igi_kin(k, 0)), *x = igi_kf32(igi_kin(k, 1));
    float *dx = igi_kf32(igi_kout(k, 0));
    const float alpha = ((const ig_ingot_relu_grad_opts *)k->attrs)->alpha;
    int64_t lo, hi = my_part(k, tid, nth, &lo);
    igi_cpu_isa_best()->relu_grad(dx + lo, dy + lo, x + lo, alpha, hi - lo);
    return IG_OK;
}

enum { CHUNK = 256 };

/* f := 0.5 (1 + erf(x / sqrt 2)) + x exp(-x^2 / 2) / sqrt(2 pi) */
static void slope_exact(const igi_cpu_isa *isa, float *f, const float *x, int64_t n)
{
    float bell[CHUNK];
    for (int64_t i = 0; i < n; i++) {
        f[i] = x[i] * 0.70710678f;
        bell[i] = -0.5f * x[i] * x[i];
    }
    isa->unary[IGI_UNARY_ERF](f, f, n, NULL);
    isa->unary[IGI_UNARY_EXP](bell, bell, n, NULL);
    for (int64_t i = 0; i < n; i++) {
        float tail = bell[i] > 0 || isnan(x[i]) ? x[i] * bell[i] : 0;
        f[i] = 0.5f + 0.5f * f[i] + 0.39894228f * tail;
    }
}

/* With u = c (x + d x^3), t = tanh u: (1 + t) / 2 + x / 2 (1 - t^2) u' */
static void slope_tanh(const igi_cpu_isa *isa, float *f, const float *x, int64_t n)
{
    const float c = 0.79788456f, d = 0.044715f;
    for (int64_t i = 0; i < n; i++)
        f[i] = c * (x[i] + d * x[i] * x[i] * x[i]);
    isa->unary[IGI_UNARY_TANH](f, f, n, NULL);
    for (int64_t i = 0; i < n; i++) {
        float t = f[i], rest = 1 - t * t, u1 = c * (1 + 3 * d * x[i] * x[i]);
        /* Far out rest is 0 and x u1 may overflow: 0 is the limit of their product. */
        bool flat = rest <= 0;
        f[i] = 0.5f * (1 + t) + (flat ? 0 : 0.5f * x[i] * rest * u1);
    }
}

static ig_status gelu_grad_run(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const float *dy = igi_kf32(igi_kin(k, 0)), *x = igi_kf32(igi_kin(k, 1));
    float *dx = igi_kf32(igi_kout(k, 0)), f[CHUNK];
    bool by_tanh = ((const ig_ingot_gelu_grad_opts *)k->attrs)->approximate == 1;
    int64_t lo, hi = my_part(k, tid, nth, &lo);
    for (int64_t i = lo; i < hi; i += CHUNK) {
        int64_t n = hi - i < CHUNK ? hi - i : CHUNK;
        if (by_tanh)
            slope_tanh(isa, f, x + i, n);
        else
            slope_exact(isa, f, x + i, n);
        isa->binary[IGI_BINARY_MUL][IGI_BINARY_VV](dx + i, dy + i, f, n);
    }
    return IG_OK;
}

#define ROW(op_, types_, needs_, supports_, run_)                                      \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "loop", .types = types_, .needs = needs_,   \
                        .supports = supports_, .run_team = run_                        \
    }
#define F32 IG_T(FLOAT32)
IG_KERNELS(pointwise) = {
    ROW("Where", 0, IG_KERNEL_STRIDED, moves_words, where_run),
    ROW("Cast",
        F32 | IG_F16S | IG_T(INT64) | IG_T(INT32) | IG_T(BOOL),
        0,
        cast_supports,
        cast_run),
    ROW("IsNaN", F32, 0, NULL, is_nan_run),
    ROW("IsInf", F32, 0, NULL, is_inf_run),
    ROW("ingot::ReluGrad", F32, IG_NEED_SAME_SHAPE, NULL, relu_grad_run),
    ROW("ingot::GeluGrad", F32, IG_NEED_SAME_SHAPE, NULL, gelu_grad_run),
    {0},
};
