/* CumSum: some lines at a time, so that their sums do not wait for each other.
 *
 * Lines along an axis that others follow are neighbours, and a strip of them is a
 * vector loop; along the last axis a few rows go side by side. Sums are those of the
 * reference: of floats in double, of integers modulo 2^64. */
#include <inttypes.h>

#include "graph/core/checked.h"
#include "operators/common_scan.h"
#include "operators/cpu/kernel.h"

enum { STRIP = 64, SIDE_BY_SIDE = 4 };

/* `lines` lines that are `apart`; elements of a line are `step` apart, backwards when
 * that is negative. */
typedef struct strip {
    void *y;
    const void *x; /* both at the first element of the first line */
    int64_t lines, apart, n, step;
    bool exclusive;
} strip;

/* Each element is read before it is written, since y may be x. */
#define CUM_LOOP(T_, S_, apart_)                                                       \
    for (int64_t i = 0; i < s->n; i++, to += s->step, from += s->step)                 \
        for (int64_t j = 0; j < lines; j++) {                                          \
            const S_ next = sum[j] + (S_)from[j * (apart_)];                           \
            to[j * (apart_)] = (T_)(s->exclusive ? sum[j] : next);                     \
            sum[j] = next;                                                             \
        }
#define CUM(name_, T_, S_)                                                             \
    static void name_(const strip *s)                                                  \
    {                                                                                  \
        T_ *to = s->y;                                                                 \
        const T_ *from = s->x;                                                         \
        const int64_t lines = s->lines;                                                \
        S_ sum[STRIP] = {0};                                                           \
        if (s->apart == 1)                                                             \
            CUM_LOOP(T_, S_, 1)                                                        \
        else                                                                           \
            CUM_LOOP(T_, S_, s->apart)                                                 \
    }
CUM(cum_f32, float, double)
CUM(cum_f64, double, double)
CUM(cum_i32, uint32_t, uint64_t)
CUM(cum_i64, uint64_t, uint64_t)

static void cumulate(ig_dtype type, const strip *s)
{
    (type == IG_FLOAT32   ? cum_f32
     : type == IG_FLOAT64 ? cum_f64
     : type == IG_INT32   ? cum_i32
                          : cum_i64)(s);
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0), *y = igi_kout(k, 0);
    const ig_dtype type = ig_dtype_of(x);
    const igi_cum_attrs *o = k->attrs;
    const int64_t size = ig_dtype_bits(type) / 8;
    int64_t lo, hi, left = IGI_POLL_BLOCK;
    igi_lines l;
    IG_TRY(igi_scan_lines(k, x, 1, &l));
    ig_split(l.count, l.step > 1 ? 16 : 1, tid, nth, &lo, &hi);
    for (int64_t i = lo, n; i < hi; i += n) {
        const int64_t rest = l.step - i % l.step,
                      most = l.step > 1 ? STRIP : SIDE_BY_SIDE;
        n = hi - i < most ? hi - i : most;
        n = l.step > 1 && rest < n ? rest : n;
        const int64_t at =
            (igi_lines_at(&l, i) + (o->reverse ? (l.n - 1) * l.step : 0)) * size;
        IG_TRY(igi_kpace(k, &left, n * l.n));
        cumulate(type, &(strip){.y = y->data + at,
                                .x = x->data + at,
                                .lines = n,
                                .apart = l.step > 1 ? 1 : l.n,
                                .n = l.n,
                                .step = o->reverse ? -l.step : l.step,
                                .exclusive = o->exclusive});
    }
    return IG_OK;
}

#define TYPES (IG_T(FLOAT32) | IG_T(FLOAT64) | IG_T(INT32) | IG_T(INT64))
IG_KERNELS(cum_sum) = {
    {IG_KERNEL_HEAD, .op = "CumSum", .name = "strips", .types = TYPES,
     .needs = IG_NEED_NONEMPTY, .run_team = run},
    {0},
};
