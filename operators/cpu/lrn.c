/* Float32 LRN: a strip of neighbouring positions at a time, so that the sums over
 * channels are vector additions. */
#include <ingot/ops.h>

#include "operators/cpu/kernel.h"

enum { STRIP = 256 };

/* One channel over n positions; x is the item's first channel, `plane` apart. */
static void strip(const ig_lrn_opts *o,
                  const float *x,
                  float *y,
                  int64_t plane,
                  int64_t channels,
                  int64_t c,
                  int64_t n)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    float sum[STRIP] = {0}, square[STRIP];
    int64_t before = (o->size - 1) / 2, after = o->size - 1 - before;
    int64_t lo = c > before ? c - before : 0;
    int64_t hi = channels - 1 - c > after ? c + after : channels - 1;
    for (int64_t j = lo; j <= hi; j++) {
        const float *row = x + j * plane;
        isa->binary[IGI_BINARY_MUL][IGI_BINARY_VV](square, row, row, n);
        isa->binary[IGI_BINARY_ADD][IGI_BINARY_VV](sum, sum, square, n);
    }
    float scale = o->alpha / (float)o->size, power = -o->beta;
    isa->binary[IGI_BINARY_MUL][IGI_BINARY_VS](sum, sum, &scale, n);
    isa->binary[IGI_BINARY_ADD][IGI_BINARY_VS](sum, sum, &o->bias, n);
    isa->binary[IGI_BINARY_POW][IGI_BINARY_VS](sum, sum, &power, n);
    isa->binary[IGI_BINARY_MUL][IGI_BINARY_VV](y + c * plane, x + c * plane, sum, n);
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    const int64_t size = ((const ig_lrn_opts *)k->attrs)->size;
    int64_t channels = igi_kdims(x)[1], plane = igi_kcount(x, 2, igi_krank(x)), lo, hi,
            left = IGI_POLL_BLOCK;
    ig_split(igi_kdims(x)[0] * channels, 1, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        int64_t item = r / channels * channels * plane;
        for (int64_t i = 0; i < plane; i += STRIP) {
            const int64_t n = plane - i < STRIP ? plane - i : STRIP;
            IG_TRY(igi_kpace(k, &left, (size < channels ? size : channels) * (n + 8)));
            strip(k->attrs, igi_kf32(x) + item + i, igi_kf32(igi_kout(k, 0)) + item + i,
                  plane, channels, r % channels, n);
        }
    }
    return IG_OK;
}

IG_KERNELS(lrn) = {
    {IG_KERNEL_HEAD, .op = "LRN", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .run_team = run},
    {0},
};
