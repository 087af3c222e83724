/* Arithmetic of two inputs of integers, comparisons, and Mod of float32, with any
 * broadcasting and strides. */
#include <math.h>
#include <string.h>

#include <ingot/ops.h>

#include "operators/common.h"
#include "operators/cpu/kernel.h"

/* Elements [lo, hi) of a row of the walk over y, a and b. */
typedef void (*pair_fn)(const ig_tensor *const *t,
                        const igi_walk *w,
                        int64_t lo,
                        int64_t hi);

/* Steps are constants in each loop, so that it becomes vectors. */
#define PAIR_LOOP(sa_, sb_, how_)                                                      \
    for (int64_t i = lo; i < hi; i++)                                                  \
        y[i] = how_(pa[i * (sa_)], pb[i * (sb_)]);
#define PAIR(name_, T_, Y_, how_)                                                      \
    static void name_(const ig_tensor *const *t, const igi_walk *w, int64_t lo,        \
                      int64_t hi)                                                      \
    {                                                                                  \
        Y_ *y = (Y_ *)(void *)t[0]->data + w->at[0];                                   \
        const T_ *pa = (const T_ *)(const void *)t[1]->data + w->at[1];                \
        const T_ *pb = (const T_ *)(const void *)t[2]->data + w->at[2];                \
        const int64_t sa = w->step[1], sb = w->step[2];                                \
        if (sa == 1 && sb == 1)                                                        \
            PAIR_LOOP(1, 1, how_)                                                      \
        else if (sa == 1 && sb == 0)                                                   \
            PAIR_LOOP(1, 0, how_)                                                      \
        else if (sa == 0 && sb == 1)                                                   \
            PAIR_LOOP(0, 1, how_)                                                      \
        else                                                                           \
            PAIR_LOOP(sa, sb, how_)                                                    \
    }

/* Threads share rows, or the one row that there is. */
static ig_status run_pairs(ig_kernel_ctx *k, pair_fn f, int tid, int nth)
{
    const ig_tensor *t[3] = {(const ig_tensor *)k->out[0], (const ig_tensor *)k->in[0],
                             (const ig_tensor *)k->in[1]};
    igi_walk w;
    int64_t lo, hi, left = IGI_POLL_BLOCK;
    igi_walk_tensors(&w, t[0], t, 3);
    const int64_t rows = w.rows;
    if (rows == 1)
        ig_split(w.inner, IGI_GRAIN, tid, nth, &lo, &hi);
    else
        ig_split(rows, 1 + IGI_GRAIN / (w.inner ? w.inner : 1), tid, nth, &lo, &hi);
    for (; w.rows > 0 && rows - w.rows < hi; igi_walk_next(&w)) {
        IG_TRY(igi_kpace(k, &left, w.inner + 8));
        const bool mine = rows == 1 || rows - w.rows >= lo;
        const int64_t from = rows == 1 ? lo : 0, to = rows == 1 ? hi : w.inner;
        if (mine) /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): f is there */
            f(t, &w, from, to);
    }
    return IG_OK;
}

/* run_*: the function of the inputs' `type`. */
#define RUN(name_, ...)                                                                \
    static ig_status run_##name_(ig_kernel_ctx *k, int tid, int nth)                   \
    {                                                                                  \
        const ig_dtype type = (ig_dtype)k->in[0]->type.dtype;                          \
        return run_pairs(k, __VA_ARGS__, tid, nth);                                    \
    }

/* ---- integers: sums and products wrap around ---- */

#define ADD(a_, b_) ((a_) + (b_))
#define SUB(a_, b_) ((a_) - (b_))
#define MUL(a_, b_) ((a_) * (b_))
#define MAX(a_, b_) ((a_) > (b_) ? (a_) : (b_))
#define MIN(a_, b_) ((a_) < (b_) ? (a_) : (b_))
#define ARITHMETIC(name_, prefix_, how_)                                               \
    PAIR(name_##_32, prefix_##32_t, prefix_##32_t, how_)                               \
    PAIR(name_##_64, prefix_##64_t, prefix_##64_t, how_)                               \
    RUN(name_, type == IG_INT32 ? name_##_32 : name_##_64)
ARITHMETIC(add, uint, ADD)
ARITHMETIC(sub, uint, SUB)
ARITHMETIC(mul, uint, MUL)
ARITHMETIC(max, int, MAX)
ARITHMETIC(min, int, MIN)

/* ---- comparisons ---- */

#define EQ(a_, b_) ((a_) == (b_))
#define LT(a_, b_) ((a_) < (b_))
#define LE(a_, b_) ((a_) <= (b_))
#define GT(a_, b_) ((a_) > (b_))
#define GE(a_, b_) ((a_) >= (b_))
#define COMPARISON(name_, how_)                                                        \
    PAIR(name_##_i32, int32_t, uint8_t, how_)                                          \
    PAIR(name_##_i64, int64_t, uint8_t, how_)                                          \
    PAIR(name_##_f32, float, uint8_t, how_)                                            \
    RUN(name_, type == IG_INT32   ? name_##_i32                                        \
               : type == IG_INT64 ? name_##_i64                                        \
                                  : name_##_f32)
COMPARISON(equal, EQ)
COMPARISON(less, LT)
COMPARISON(less_or_equal, LE)
COMPARISON(greater, GT)
COMPARISON(greater_or_equal, GE)

/* ---- Mod ---- */

enum { FMOD_BLOCK = 256 };

/* A quotient below 2^24 is truncated right in double, for it is at least 2^-24 away
 * from the next whole number or is one; its product and the difference are exact. What
 * is left, infinite and NaN divisors too, is for the library. */
static bool plain(float a, float b)
{
    return fabs((double)a / (double)b) < 0x1p24 && fabsf(b) < INFINITY;
}
static float quick_fmod(float a, float b)
{
    const double q = (double)a / (double)b;
    const int32_t whole = fabs(q) < 0x1p24 ? (int32_t)q : 0;
    return copysignf((float)((double)a - whole * (double)b), a);
}
#define FMOD(a_, b_) (quick_fmod(a_, b_))
PAIR(fmod_rows, float, float, FMOD)

/* y may be a or b: where the quick way does not do is seen before it is written. */
static void
fmod_row(const ig_tensor *const *t, const igi_walk *w, int64_t lo, int64_t hi)
{
    float *y = igi_kf32(t[0]) + w->at[0], rest[FMOD_BLOCK];
    const float *a = igi_kf32(t[1]) + w->at[1], *b = igi_kf32(t[2]) + w->at[2];
    const int64_t sa = w->step[1], sb = w->step[2];
    for (int64_t n; lo < hi; lo += n) {
        n = hi - lo < FMOD_BLOCK ? hi - lo : FMOD_BLOCK;
        int64_t other = 0;
        for (int64_t i = 0; i < n; i++)
            other += !plain(a[(lo + i) * sa], b[(lo + i) * sb]);
        for (int64_t i = 0; other && i < n; i++)
            rest[i] = fmodf(a[(lo + i) * sa], b[(lo + i) * sb]);
        if (other)
            memcpy(y + lo, rest, (size_t)n * sizeof(*y));
        else
            fmod_rows(t, w, lo, lo + n);
    }
}
RUN(mod, type == IG_FLOAT32 ? fmod_row : NULL)

/* ---- rows ---- */

static ig_status two_inputs(const ig_kernel_ctx *k)
{
    return k->n_in == 2 ? IG_OK : ig_reject("only two inputs");
}

#define WHOLE (IG_T(INT32) | IG_T(INT64))
#define ROW(op_, types_, supports_, name_)                                             \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "pairs", .types = types_,                   \
                        .needs = IG_KERNEL_STRIDED, .supports = supports_,             \
                        .run_team = run_##name_                                        \
    }
IG_KERNELS(pairs) = {
    ROW("Add", WHOLE, NULL, add),
    ROW("Sub", WHOLE, NULL, sub),
    ROW("Mul", WHOLE, NULL, mul),
    ROW("Max", WHOLE, two_inputs, max),
    ROW("Min", WHOLE, two_inputs, min),
    ROW("Equal", WHOLE | IG_T(FLOAT32), NULL, equal),
    ROW("Less", WHOLE | IG_T(FLOAT32), NULL, less),
    ROW("LessOrEqual", WHOLE | IG_T(FLOAT32), NULL, less_or_equal),
    ROW("Greater", WHOLE | IG_T(FLOAT32), NULL, greater),
    ROW("GreaterOrEqual", WHOLE | IG_T(FLOAT32), NULL, greater_or_equal),
    ROW("Mod", IG_T(FLOAT32), NULL, mod),
    {0},
};
