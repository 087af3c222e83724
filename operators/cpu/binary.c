/* Arithmetic of two inputs, float32 or float64, with broadcasting.
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

/* f over n elements at these offsets, in the element type of y. */
typedef struct loop {
    const igi_cpu_isa *isa;
    igi_binary op;
    bool f64;
    const ig_tensor *y, *a, *b;
} loop;

static loop loop_of(const ig_kernel_ctx *k, igi_binary op)
{
    loop l = {.isa = igi_cpu_isa_best(),
              .op = op,
              .y = (const ig_tensor *)k->out[0],
              .a = (const ig_tensor *)k->in[0],
              .b = (const ig_tensor *)k->in[1]};
    l.f64 = l.y->v.type.dtype == IG_FLOAT64;
    return l;
}

static inline __attribute__((always_inline)) void
part(const loop *l, igi_binary_mode mode, int64_t y, int64_t a, int64_t b, int64_t n)
{
    if (l->f64)
        l->isa->binary_f64[l->op][mode]((double *)(void *)l->y->data + y,
                                        (const double *)(const void *)l->a->data + a,
                                        (const double *)(const void *)l->b->data + b,
                                        n);
    else
        l->isa->binary[l->op][mode]((float *)(void *)l->y->data + y,
                                    (const float *)(const void *)l->a->data + a,
                                    (const float *)(const void *)l->b->data + b, n);
}

/* Elements [lo, hi) of one long row. */
static ig_status
run_line(ig_kernel_ctx *k, const loop *l, igi_binary_mode mode, int64_t lo, int64_t hi)
{
    for (int64_t n; lo < hi; lo += n) {
        n = hi - lo < IGI_POLL_BLOCK ? hi - lo : IGI_POLL_BLOCK;
        part(l, mode, lo, mode == IGI_BINARY_SV ? 0 : lo,
             mode == IGI_BINARY_VS ? 0 : lo, n);
        if (n < hi - lo)
            IG_TRY(ig_poll(k));
    }
    return IG_OK;
}

static ig_status
run_rows(ig_kernel_ctx *k, const space *s, const loop *l, int64_t lo, int64_t hi)
{
    int64_t at[IG_RANK_MAX], oa = 0, ob = 0, rest = lo;
    for (int i = s->rank - 1; i >= 0; i--) {
        at[i] = rest % s->dims[i];
        rest /= s->dims[i];
        oa += at[i] * s->a[i];
        ob += at[i] * s->b[i];
    }
    int64_t left = IGI_POLL_BLOCK;
    for (int64_t r = lo; r < hi; r++) {
        if ((left -= s->row + 8) < 0) {
            IG_TRY(ig_poll(k));
            left = IGI_POLL_BLOCK;
        }
        part(l, s->mode, r * s->row, oa, ob, s->row);
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
    return IG_OK;
}

static ig_status run_broadcast(ig_kernel_ctx *k, int tid, int nth, igi_binary op)
{
    const loop l = loop_of(k, op);
    space s;
    int64_t lo, hi;
    if (igi_tensor_count(l.y) == 0)
        return IG_OK;
    build(&s, l.a, l.b, l.y);
    if (s.rank == 0) { /* one row: split inside it */
        ig_split(s.row, IGI_GRAIN, tid, nth, &lo, &hi);
        return run_line(k, &l, s.mode, lo, hi);
    }
    ig_split(s.rows, 1 + IGI_GRAIN / s.row, tid, nth, &lo, &hi);
    return run_rows(k, &s, &l, lo, hi);
}

/* What takes long enough to be asked whether it should stop. Not in line: the short way
 * is counted in instructions. */
static __attribute__((noinline)) ig_status
run_long(ig_kernel_ctx *k, igi_binary op, int64_t lo, int64_t hi)
{
    const loop l = loop_of(k, op);
    return run_line(k, &l, IGI_BINARY_VV, lo, hi);
}

static ig_status run_same(ig_kernel_ctx *k, int tid, int nth, igi_binary op)
{
    /* Both inputs and the output are there: selection has seen that. */
    const loop l = loop_of(k, op);
    int64_t n = igi_tensor_count(l.a), lo = 0, hi = n;
    if (nth > 1)
        ig_split(n, IGI_GRAIN, tid, nth, &lo, &hi);
    if (hi - lo > IGI_POLL_BLOCK)
        return run_long(k, op, lo, hi);
    part(&l, IGI_BINARY_VV, lo, lo, lo, hi - lo);
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
    return k->in[0]->type.dtype == IG_FLOAT32 && k->in[1]->type.dtype == IG_FLOAT32
               ? IG_OK
               : ig_reject("base or exponent is not float32");
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
     .types = IG_T(FLOAT32) | IG_T(FLOAT64),                                           \
     .needs = IG_NEED_SAME_SHAPE,                                                      \
     .supports = supports_,                                                            \
     .run_team = same_##name_},                                                        \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "simd_broadcast",                           \
                        .types = IG_T(FLOAT32) | IG_T(FLOAT64), .supports = supports_, \
                        .run_team = broadcast_##name_                                  \
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
