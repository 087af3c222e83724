/* Float32 BatchNormalization. A channel of an item is one row; a thread takes whole
 * channels, so that the statistics of training need nobody else. */
#include <math.h>

#include <ingot/ops.h>

#include "operators/cpu/kernel.h"

typedef struct channels {
    ig_kernel_ctx *k;
    int64_t left; /* until the next poll */
    const igi_cpu_isa *isa;
    const float *x;
    float *y;
    int64_t batch, count, inner;
} channels;

static ig_status all_float32(const ig_kernel_ctx *k)
{
    for (int i = 1; i < 5; i++)
        if (igi_kin(k, i)->v.type.dtype != IG_FLOAT32)
            return ig_reject("scale, bias or statistics are not float32");
    return IG_OK;
}

static ig_status statistics(channels *v, int64_t c, float *mean, float *var)
{
    igi_moments m = {0};
    for (int64_t n = 0; n < v->batch; n++) {
        IG_TRY(igi_kpace(v->k, &v->left, v->inner + 16));
        v->isa->moments(&m, v->x + (n * v->count + c) * v->inner, v->inner);
    }
    *mean = (float)m.mean;
    *var = (float)(m.squares / m.n);
    return IG_OK;
}

static ig_status normalise(channels *v, int64_t c, float mean, float factor, float add)
{
    for (int64_t n = 0; n < v->batch; n++) {
        int64_t at = (n * v->count + c) * v->inner;
        IG_TRY(igi_kpace(v->k, &v->left, v->inner + 16));
        v->isa->standard_row(v->y + at, v->x + at, v->inner, mean, factor, add);
    }
    return IG_OK;
}

/* new = old * momentum + batch * (1 - momentum), when wanted. */
static void put_running(
    const ig_kernel_ctx *k, int out, int in, int64_t c, float momentum, float batch)
{
    if (igi_kout(k, out))
        igi_kf32(igi_kout(k, out))[c] =
            igi_kf32(igi_kin(k, in))[c] * momentum + batch * (1 - momentum);
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const ig_batch_normalization_opts *o = k->attrs;
    const ig_tensor *x = igi_kin(k, 0);
    int rank = igi_krank(x);
    channels v = {.k = k,
                  .left = IGI_POLL_BLOCK,
                  .isa = igi_cpu_isa_best(),
                  .x = igi_kf32(x),
                  .y = igi_kf32(igi_kout(k, 0)),
                  .batch = igi_kdims(x)[0],
                  .count = rank > 1 ? igi_kdims(x)[1] : 1,
                  .inner = rank > 2 ? igi_kcount(x, 2, rank) : 1};
    int64_t lo, hi;
    ig_split(v.count, 1, tid, nth, &lo, &hi);
    for (int64_t c = lo; c < hi; c++) {
        float mean = igi_kf32(igi_kin(k, 3))[c], var = igi_kf32(igi_kin(k, 4))[c];
        if (o->training_mode) {
            IG_TRY(statistics(&v, c, &mean, &var));
            put_running(k, 1, 3, c, o->momentum, mean);
            put_running(k, 2, 4, c, o->momentum, var);
        }
        float factor = igi_kf32(igi_kin(k, 1))[c] / sqrtf(var + o->epsilon);
        IG_TRY(normalise(&v, c, mean, factor, igi_kf32(igi_kin(k, 2))[c]));
    }
    return IG_OK;
}

IG_KERNELS(batch_norm) = {
    {IG_KERNEL_HEAD, .op = "BatchNormalization", .name = "simd", .types = IG_T(FLOAT32),
     .needs = IG_NEED_NONEMPTY, .supports = all_float32, .run_team = run},
    {0},
};
