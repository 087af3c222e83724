/* Float32 row kernels: Softmax and LogSoftmax over the last axis (or one followed by
 * axes of size 1), LayerNormalization, RMSNormalization; a thread takes whole rows.
 * Softmax over another axis works on strips of neighbouring positions. */
#include <ingot/ops.h>

#include "operators/common_norm.h"
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
    /* supports() refuses n == 0. NOLINTNEXTLINE(clang-analyzer-core.DivideZero) */
    ig_split(igi_tensor_count(x) / n, 1 + IGI_GRAIN / 4 / n, tid, nth, lo, hi);
}

/* Polls now and then; row r, counted from the thread's first, has n elements. */
static ig_status poll_row(ig_kernel_ctx *k, int64_t r, int64_t n)
{
    return r > 0 && r % (1 + IGI_GRAIN / n) == 0 ? ig_poll(k) : IG_OK;
}

static ig_status softmax_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t n = row_length(x, ((const ig_softmax_opts *)k->attrs)->axis), lo, hi;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    my_rows(x, n, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        IG_TRY(poll_row(k, r - lo, n));
        isa->softmax_row(igi_kf32(igi_kout(k, 0)) + r * n, igi_kf32(x) + r * n, n,
                         1.0f);
    }
    return IG_OK;
}

static ig_status log_softmax_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t n = row_length(x, ((const ig_softmax_opts *)k->attrs)->axis), lo, hi;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    my_rows(x, n, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        IG_TRY(poll_row(k, r - lo, n));
        isa->log_softmax_row(igi_kf32(igi_kout(k, 0)) + r * n, igi_kf32(x) + r * n, n);
    }
    return IG_OK;
}

/* ---- softmax along an axis that others follow ---- */

enum { STRIP = 256 };

/* x[axis][inner], `inner` between steps of the axis. */
typedef struct strip {
    float *y;
    const float *x;
    int64_t axis, inner, n; /* positions [0, n) of `inner` */
    bool log;
} strip;

static void softmax_strip(const igi_cpu_isa *isa, const strip *s)
{
    float top[STRIP], sum[STRIP] = {0}, e[STRIP];
    const igi_binary_fn sub = isa->binary[IGI_BINARY_SUB][IGI_BINARY_VV];
    const int64_t n = s->n;
    isa->unary[IGI_UNARY_NONE](top, s->x, n, NULL);
    for (int64_t a = 1; a < s->axis; a++)
        isa->binary[IGI_BINARY_MAX][IGI_BINARY_VV](top, top, s->x + a * s->inner, n);
    for (int64_t a = 0; a < s->axis; a++) {
        float *y = s->y + a * s->inner, *exps = s->log ? e : y;
        sub(y, s->x + a * s->inner, top, n);
        isa->unary[IGI_UNARY_EXP](exps, y, n, NULL);
        isa->binary[IGI_BINARY_ADD][IGI_BINARY_VV](sum, sum, exps, n);
    }
    if (s->log)
        isa->unary[IGI_UNARY_LOG](sum, sum, n, NULL);
    const igi_binary_fn last =
        s->log ? sub : isa->binary[IGI_BINARY_DIV][IGI_BINARY_VV];
    for (int64_t a = 0; a < s->axis; a++)
        last(s->y + a * s->inner, s->y + a * s->inner, sum, n);
}

static ig_status run_strips(ig_kernel_ctx *k, int tid, int nth, bool log)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t at = ((const ig_softmax_opts *)k->attrs)->axis, lo, hi;
    int rank = igi_krank(x), a = (int)(at < 0 ? at + rank : at);
    int64_t axis = igi_kdims(x)[a], inner = igi_kcount(x, a + 1, rank);
    int64_t strips = (inner + STRIP - 1) / STRIP;
    ig_split(igi_kcount(x, 0, a) * strips, 1, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        IG_TRY(ig_poll(k));
        int64_t from = i % strips * STRIP, off = i / strips * axis * inner + from;
        strip s = {.y = igi_kf32(igi_kout(k, 0)) + off,
                   .x = igi_kf32(x) + off,
                   .axis = axis,
                   .inner = inner,
                   .n = inner - from < STRIP ? inner - from : STRIP,
                   .log = log};
        softmax_strip(igi_cpu_isa_best(), &s);
    }
    return IG_OK;
}

static ig_status softmax_middle(ig_kernel_ctx *k, int tid, int nth)
{
    return run_strips(k, tid, nth, false);
}

static ig_status log_softmax_middle(ig_kernel_ctx *k, int tid, int nth)
{
    return run_strips(k, tid, nth, true);
}

/* ---- LayerNormalization ---- */

static int64_t norm_length(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t axis = ((const igi_norm_attrs *)k->attrs)->axis;
    return igi_kcount(x, (int)(axis < 0 ? axis + igi_krank(x) : axis), igi_krank(x));
}

/* Whether t, if there, has one element for each of a row's, in their order: as many
 * are in a [3, 1, 4] that broadcasts over rows of a [3, 3, 4]. */
static bool is_a_row(const ig_kernel_ctx *k, const ig_tensor *t)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t axis = ((const igi_norm_attrs *)k->attrs)->axis, rank = igi_krank(x);
    int64_t axes = axis < 0 ? -axis : rank - axis;
    if (!t)
        return true;
    for (int64_t i = 1; i <= axes && i <= igi_krank(t); i++)
        if (igi_kdims(t)[igi_krank(t) - i] != igi_kdims(x)[rank - i])
            return false;
    return igi_tensor_count(t) == norm_length(k);
}

static ig_status norm_supports(const ig_kernel_ctx *k)
{
    if (!is_a_row(k, igi_kin(k, 1)) || !is_a_row(k, igi_kin(k, 2)))
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
                  ((const igi_norm_attrs *)k->attrs)->epsilon};
    my_rows(x, n, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        IG_TRY(poll_row(k, r - lo, n));
        isa->layer_norm_row(igi_kf32(igi_kout(k, 0)) + r * n, igi_kf32(x) + r * n, n,
                            &p, mean ? igi_kf32(mean) + r : NULL,
                            inv ? igi_kf32(inv) + r : NULL);
    }
    return IG_OK;
}

/* ---- RMSNormalization ---- */

static ig_status rms_supports(const ig_kernel_ctx *k)
{
    const ig_tensor *scale = igi_kin(k, 1);
    if (scale->v.type.dtype != IG_FLOAT32)
        return ig_reject("the scale is not float32");
    return is_a_row(k, scale) ? IG_OK : ig_reject("the scale is broadcast");
}

static ig_status rms_run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_tensor *x = igi_kin(k, 0);
    int64_t n = norm_length(k), lo, hi;
    igi_norm p = {igi_kf32(igi_kin(k, 1)), NULL,
                  ((const igi_norm_attrs *)k->attrs)->epsilon};
    my_rows(x, n, tid, nth, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        IG_TRY(poll_row(k, r - lo, n));
        igi_cpu_isa_best()->rms_norm_row(igi_kf32(igi_kout(k, 0)) + r * n,
                                         igi_kf32(x) + r * n, n, &p, NULL);
    }
    return IG_OK;
}

IG_KERNELS(rows) = {
    {IG_KERNEL_HEAD, .op = "Softmax", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = softmax_supports, .run_team = softmax_run},
    {IG_KERNEL_HEAD, .op = "Softmax", .name = "strips", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .run_team = softmax_middle},
    {IG_KERNEL_HEAD, .op = "LogSoftmax", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = softmax_supports,
     .run_team = log_softmax_run},
    {IG_KERNEL_HEAD, .op = "LogSoftmax", .name = "strips", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .run_team = log_softmax_middle},
    {IG_KERNEL_HEAD, .op = "RMSNormalization", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = rms_supports, .run_team = rms_run},
    {IG_KERNEL_HEAD, .op = "LayerNormalization", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = norm_supports, .run_team = norm_run},
    {0},
};
