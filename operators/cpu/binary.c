/* Float32 arithmetic of two inputs with broadcasting.
 *
 * Equal shapes are one vector loop. Otherwise axes are merged into a short index space
 * whose innermost axis runs over a row of both inputs (or repeats one element of one of
 * them); a thread takes whole rows. */
#include "operators/cpu/kernel.h"

typedef struct space {
    int rank; /* outer axes, the innermost excluded */
    int64_t dims[IG_RANK_MAX], a[IG_RANK_MAX], b[IG_RANK_MAX];
    int64_t row, rows; /* length of a row, number of rows */
    igi_binary_mode mode;
} space;

/* Stride of axis i (of the output) in an input, 0 where it repeats. */
static int64_t stride_of(const ig_tensor *t, int rank, int i)
{
    int at = i - (rank - igi_krank(t));
    return at < 0 || igi_kdims(t)[at] == 1 ? 0 : igi_strides(t)[at];
}

/* Outer axes first in s; an axis joins the one before it when both inputs walk on
 * evenly. */
static void build(space *s, const ig_tensor *a, const ig_tensor *b, const ig_tensor *y)
{
    int rank = igi_krank(y), n = 0;
    const int64_t *dims = igi_kdims(y);
    for (int i = 0; i < rank; i++) {
        int64_t sa = stride_of(a, rank, i), sb = stride_of(b, rank, i);
        if (dims[i] == 1)
            continue;
        if (n && s->a[n - 1] == sa * dims[i] && s->b[n - 1] == sb * dims[i]) {
            s->dims[n - 1] *= dims[i];
            s->a[n - 1] = sa;
            s->b[n - 1] = sb;
            continue;
        }
        s->dims[n] = dims[i];
        s->a[n] = sa;
        s->b[n++] = sb;
    }
    s->row = n ? s->dims[n - 1] : 1;
    s->mode = !n || (s->a[n - 1] && s->b[n - 1]) ? IGI_BINARY_VV
              : s->a[n - 1]                      ? IGI_BINARY_VS
                                                 : IGI_BINARY_SV;
    s->rank = n ? n - 1 : 0;
    s->rows = 1;
    for (int i = 0; i < s->rank; i++)
        s->rows *= s->dims[i];
}

static void run_rows(const space *s,
                     igi_binary_fn f,
                     float *y,
                     const float *a,
                     const float *b,
                     int64_t lo,
                     int64_t hi)
{
    int64_t at[IG_RANK_MAX], oa = 0, ob = 0, rest = lo;
    for (int i = s->rank - 1; i >= 0; i--) {
        at[i] = rest % s->dims[i];
        rest /= s->dims[i];
        oa += at[i] * s->a[i];
        ob += at[i] * s->b[i];
    }
    for (int64_t r = lo; r < hi; r++) {
        f(y + r * s->row, a + oa, b + ob, s->row);
        for (int i = s->rank - 1; i >= 0; i--) {
            oa += s->a[i];
            ob += s->b[i];
            if (++at[i] < s->dims[i])
                break;
            oa -= s->a[i] * s->dims[i];
            ob -= s->b[i] * s->dims[i];
            at[i] = 0;
        }
    }
}

static ig_status run_broadcast(ig_kernel_ctx *k, int tid, int nth, igi_binary op)
{
    const ig_tensor *a = igi_kin(k, 0), *b = igi_kin(k, 1);
    ig_tensor *y = igi_kout(k, 0);
    space s;
    int64_t lo, hi;
    if (igi_tensor_count(y) == 0)
        return IG_OK;
    build(&s, a, b, y);
    igi_binary_fn f = igi_cpu_isa_best()->binary[op][s.mode];
    if (s.rank == 0) { /* one row: split inside it */
        ig_split(s.row, IGI_GRAIN, tid, nth, &lo, &hi);
        f(igi_kf32(y) + lo, igi_kf32(a) + (s.mode == IGI_BINARY_SV ? 0 : lo),
          igi_kf32(b) + (s.mode == IGI_BINARY_VS ? 0 : lo), hi - lo);
        return IG_OK;
    }
    ig_split(s.rows, 1 + IGI_GRAIN / s.row, tid, nth, &lo, &hi);
    run_rows(&s, f, igi_kf32(y), igi_kf32(a), igi_kf32(b), lo, hi);
    return IG_OK;
}

static ig_status run_same(ig_kernel_ctx *k, int tid, int nth, igi_binary op)
{
    /* Both inputs and the output are there: selection has seen that. */
    const ig_tensor *a = (const ig_tensor *)k->in[0], *b = (const ig_tensor *)k->in[1];
    const ig_tensor *y = (const ig_tensor *)k->out[0];
    int64_t n = igi_tensor_count(a), lo = 0, hi = n;
    if (nth > 1)
        ig_split(n, IGI_GRAIN, tid, nth, &lo, &hi);
    igi_cpu_isa_best()->binary[op][IGI_BINARY_VV](
        (float *)(void *)y->data + lo, (const float *)(const void *)a->data + lo,
        (const float *)(const void *)b->data + lo, hi - lo);
    return IG_OK;
}

/* Max, Min and Sum take any number of inputs; two is the usual one. */
static ig_status two_inputs(const ig_kernel_ctx *k)
{
    return k->n_in == 2 ? IG_OK : ig_reject("only two inputs");
}

/* Pow's exponent may be of another type. */
static ig_status float_exponent(const ig_kernel_ctx *k)
{
    return k->in[1]->type.dtype == IG_FLOAT32
               ? IG_OK
               : ig_reject("the exponent is not float32");
}

#define BINARY(name_, op_)                                                             \
    static ig_status same_##name_(ig_kernel_ctx *k, int tid, int nth)                  \
    {                                                                                  \
        return run_same(k, tid, nth, op_);                                             \
    }                                                                                  \
    static ig_status broadcast_##name_(ig_kernel_ctx *k, int tid, int nth)             \
    {                                                                                  \
        return run_broadcast(k, tid, nth, op_);                                        \
    }
BINARY(add, IGI_BINARY_ADD)
BINARY(sub, IGI_BINARY_SUB)
BINARY(mul, IGI_BINARY_MUL)
BINARY(div, IGI_BINARY_DIV)
BINARY(min, IGI_BINARY_MIN)
BINARY(max, IGI_BINARY_MAX)
BINARY(pow, IGI_BINARY_POW)

#define ROWS(op_, name_, supports_)                                                    \
    {IG_KERNEL_HEAD,                                                                   \
     .op = op_,                                                                        \
     .name = "simd",                                                                   \
     .types = IG_T(FLOAT32),                                                           \
     .needs = IG_NEED_SAME_SHAPE,                                                      \
     .supports = supports_,                                                            \
     .run_team = same_##name_},                                                        \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "simd_broadcast", .types = IG_T(FLOAT32),   \
                        .supports = supports_, .run_team = broadcast_##name_           \
    }
IG_KERNELS(binary) = {
    ROWS("Add", add, NULL),
    ROWS("Sub", sub, NULL),
    ROWS("Mul", mul, NULL),
    ROWS("Div", div, NULL),
    ROWS("Min", min, two_inputs),
    ROWS("Max", max, two_inputs),
    ROWS("Sum", add, two_inputs),
    ROWS("Pow", pow, float_exponent),
    {0},
};
