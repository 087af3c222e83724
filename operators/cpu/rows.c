/* Float32 row kernels: Softmax and LogSoftmax over the last axis (or one followed by
 * axes of size 1), LayerNormalization. A thread takes whole rows. */
#include <ingot/ops.h>

#include "operators/cpu/kernel.h"

/* LogSoftmax has the same options. Rows x length when everything after `axis` has size
 * 1; length 0: not so. */
static int64_t row_length(const ig_tensor *x, int64_t axis)
{
    int rank = igi_krank(x);
    int a = (int)(axis < 0 ? axis + rank : axis);
    return igi_kcount(x, a + 1, rank) == 1 ? igi_kdims(x)[a] : 0;
}

static ig_status softmax_supports(const ig_kernel_ctx *k)
{
    if (row_length(igi_kin(k, 0), ((const ig_softmax_opts *)k->attrs)->axis) == 0)
        return ig_reject("the axis is not the last one, or empty");
    return IG_OK;
}

static void
my_rows(const ig_tensor *x, int64_t n, int tid, int nth, int64_t *lo, int64_t *hi)
{
    ig_split(igi_tensor_count(x) / n, 1 + IGI_GRAIN / 4 / n, tid, nth, lo, hi);
}

static ig_status softmax_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t n = row_length(x, ((const ig_softmax_opts *)k->attrs)->axis), lo, hi;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    my_rows(x, n, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++)
        isa->softmax_row(igi_kf32(igi_kout(k, 0)) + r * n, igi_kf32(x) + r * n, n,
                         1.0f);
    return IG_OK;
}

static ig_status log_softmax_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t n = row_length(x, ((const ig_softmax_opts *)k->attrs)->axis), lo, hi;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    my_rows(x, n, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++)
        isa->log_softmax_row(igi_kf32(igi_kout(k, 0)) + r * n, igi_kf32(x) + r * n, n);
    return IG_OK;
}

static int64_t norm_length(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t axis = ((const ig_layer_normalization_opts *)k->attrs)->axis;
    return igi_kcount(x, (int)(axis < 0 ? axis + igi_krank(x) : axis), igi_krank(x));
}

static ig_status norm_supports(const ig_kernel_ctx *k)
{
    int64_t n = norm_length(k);
    const ig_tensor *bias = igi_kin(k, 2);
    if (igi_tensor_count(igi_kin(k, 1)) != n || (bias && igi_tensor_count(bias) != n))
        return ig_reject("scale or bias is broadcast");
    for (int i = 1; i <= 2; i++)
        if (igi_kout(k, i) && igi_kout(k, i)->v.type.dtype != IG_FLOAT32)
            return ig_reject("the statistics are not float32");
    return IG_OK;
}

static ig_status norm_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    ig_tensor *mean = igi_kout(k, 1), *inv = igi_kout(k, 2);
    int64_t n = norm_length(k), lo, hi;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    igi_norm p = {igi_kf32(igi_kin(k, 1)), igi_kf32(igi_kin(k, 2)),
                  ((const ig_layer_normalization_opts *)k->attrs)->epsilon};
    my_rows(x, n, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++)
        isa->layer_norm_row(igi_kf32(igi_kout(k, 0)) + r * n, igi_kf32(x) + r * n, n,
                            &p, mean ? igi_kf32(mean) + r : NULL,
                            inv ? igi_kf32(inv) + r : NULL);
    return IG_OK;
}

IG_KERNELS(rows) = {
    {IG_KERNEL_HEAD, .op = "Softmax", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = softmax_supports, .run_team = softmax_run},
    {IG_KERNEL_HEAD, .op = "LogSoftmax", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = softmax_supports,
     .run_team = log_softmax_run},
    {IG_KERNEL_HEAD, .op = "LayerNormalization", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = norm_supports, .run_team = norm_run},
    {0},
};
