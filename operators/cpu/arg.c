/* Float32 ArgMax and ArgMin: rows along the last axis, strips of neighbouring positions
 * along another one. */
#include "operators/common_arg.h"
#include "operators/cpu/kernel.h"

enum { STRIP = 512 };

/* x[outer][axis][inner] */
typedef struct geometry {
    int64_t outer, axis, inner;
} geometry;

static geometry read_call(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0);
    const int rank = igi_krank(x);
    if (rank == 0)
        return (geometry){1, 1, 1};
    const int axis = (int)igi_index(((const igi_arg_attrs *)k->attrs)->axis, rank);
    return (geometry){igi_kcount(x, 0, axis), igi_kdims(x)[axis],
                      igi_kcount(x, axis + 1, rank)};
}

static ig_status supports(const ig_kernel_ctx *k)
{
    const geometry g = read_call(k);
    return g.inner == 1 || g.axis <= IGI_ARG_MAX ? IG_OK
                                                 : ig_reject("the axis is too long");
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth, bool least)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const geometry g = read_call(k);
    const float *x = igi_kf32(igi_kin(k, 0));
    int64_t *y = (int64_t *)(void *)igi_kout(k, 0)->data;
    const bool last = ((const igi_arg_attrs *)k->attrs)->select_last_index;
    const int64_t width = g.inner < STRIP ? g.inner : STRIP;
    const int64_t strips = (g.inner + STRIP - 1) / STRIP;
    int64_t lo, hi, left = IGI_POLL_BLOCK;
    ig_split(g.outer * strips, 1 + IGI_GRAIN / (g.axis * width), tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        const int64_t o = i / strips, c = i % strips * STRIP;
        const float *from = x + o * g.axis * g.inner + c;
        int64_t *to = y + o * g.inner + c;
        IG_TRY(igi_kpace(k, &left, g.axis * width + 16));
        if (g.inner == 1)
            *to = (least ? isa->argmin : isa->argmax)(from, g.axis, last);
        else
            isa->arg_columns(to, from, g.axis, g.inner,
                             g.inner - c < STRIP ? g.inner - c : STRIP, least, last);
    }
    return IG_OK;
}

static ig_status run_max(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, false);
}

static ig_status run_min(ig_kernel_ctx *k, int tid, int nth)
{
    return run(k, tid, nth, true);
}

IG_KERNELS(arg) = {
    {IG_KERNEL_HEAD, .op = "ArgMax", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = supports, .run_team = run_max},
    {IG_KERNEL_HEAD, .op = "ArgMin", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = supports, .run_team = run_min},
    {0},
};
