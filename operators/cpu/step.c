/* Float32 SgdStep and AdamStep: one pass over parameter, gradient and state. Computed
 * in float: the formulas of the references, rounded at each operation. */
#include <math.h>
#include <string.h>

#include <ingot/ops.h>

#include "operators/common_step.h"
#include "operators/cpu/kernel.h"

/* Scalars may be of any float type. */
static float scalar(const ig_kernel_ctx *k, int i, double none)
{
    return (float)igi_scalar_f64(igi_kin(k, i), none);
}

static ig_status sgd_run(ig_kernel_ctx *k, int tid, int nth)
{
    const float *old = igi_kf32(igi_kin(k, 0)), *grad = igi_kf32(igi_kin(k, 1));
    const float *v_old = igi_kf32(igi_kin(k, 2));
    float *p = igi_kf32(igi_kout(k, 0)), *v = igi_kf32(igi_kout(k, 1));
    float lr = scalar(k, 3, 0), momentum = scalar(k, 4, 0), decay = scalar(k, 5, 0);
    float scale = scalar(k, 6, 1);
    bool nesterov = ((const ig_ingot_sgd_step_opts *)k->attrs)->nesterov != 0;
    int64_t lo, hi;
    ig_split(igi_tensor_count(igi_kout(k, 0)), IGI_GRAIN, tid, nth, &lo, &hi);
    if (!v || !v_old) {
        for (int64_t i = lo; i < hi; i++)
            p[i] = old[i] - lr * (scale * grad[i] + decay * old[i]);
        return IG_OK;
    }
    for (int64_t i = lo; i < hi; i++) {
        float g = scale * grad[i] + decay * old[i];
        float speed = momentum * v_old[i] + g;
        v[i] = speed;
        p[i] = old[i] - lr * (nesterov ? g + momentum * speed : speed);
    }
    return IG_OK;
}

static ig_status adam_run(ig_kernel_ctx *k, int tid, int nth)
{
    static const int in[3] = {0, 2, 3};
    float *state[3];
    const float *old[3];
    int64_t step = igi_scalar_i64(igi_kin(k, 4), 1), lo, hi;
    double lr = igi_scalar_f64(igi_kin(k, 5), 0);
    double beta1 = igi_scalar_f64(igi_kin(k, 6), 0.9);
    double beta2 = igi_scalar_f64(igi_kin(k, 7), 0.999);
    double decay = igi_scalar_f64(igi_kin(k, 9), 0);
    bool decoupled = ((const ig_ingot_adam_step_opts *)k->attrs)->decoupled != 0;
    if (step < 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "step is %lld; steps count from 1", (long long)step);
    ig_split(igi_tensor_count(igi_kout(k, 0)), IGI_GRAIN, tid, nth, &lo, &hi);
    for (int i = 0; i < 3; i++) {
        state[i] = igi_kf32(igi_kout(k, i)) + lo;
        old[i] = igi_kf32(igi_kin(k, in[i])) + lo;
    }
    const igi_adam r = {
        .keep = decoupled ? (float)(1 - lr * decay) : 1.0f,
        .decay = decoupled ? 0.0f : (float)decay,
        .beta1 = (float)beta1,
        .beta2 = (float)beta2,
        .rest1 = (float)(1 - beta1),
        .rest2 = (float)(1 - beta2),
        .rate = (float)(lr / (1 - pow(beta1, (double)step))),
        .root = (float)(1 / sqrt(1 - pow(beta2, (double)step))),
        .eps = scalar(k, 8, 1e-8),
        .scale = scalar(k, 10, 1),
    };
    igi_cpu_isa_best()->adam(&r, state, old, igi_kf32(igi_kin(k, 1)) + lo, hi - lo);
    return IG_OK;
}

/* ---- clipping ---- */

static ig_status clip_supports(const ig_kernel_ctx *k)
{
    for (int i = 1; i < k->n_in; i++)
        if (igi_kin(k, i)->v.type.dtype != IG_FLOAT32)
            return ig_reject("a gradient has another element type");
    return IG_OK;
}

static ig_status clip_run(ig_kernel_ctx *k)
{
    double sum = 0;
    for (int i = 1; i < k->n_in; i++)
        sum += (double)igi_cpu_isa_best()->reduce(IGI_REDUCE_SUM_SQ,
                                                  igi_kf32(igi_kin(k, i)),
                                                  igi_tensor_count(igi_kin(k, i)));
    igi_clip_results(k, sqrt(sum));
    return IG_OK;
}

/* All outputs are wanted, else the reference knows what to do. */
static ig_status adam_supports(const ig_kernel_ctx *k)
{
    for (int i = 0; i < 3; i++)
        if (!igi_kout(k, i))
            return ig_reject("a part of the state is not wanted");
    return IG_OK;
}

IG_KERNELS(step) = {
    {IG_KERNEL_HEAD, .op = "ingot::SgdStep", .name = "simd", .types = IG_T(FLOAT32),
     .run_team = sgd_run},
    {IG_KERNEL_HEAD, .op = "ingot::AdamStep", .name = "simd", .types = IG_T(FLOAT32),
     .supports = adam_supports, .run_team = adam_run},
    {IG_KERNEL_HEAD, .op = "ingot::ClipScale", .name = "simd",
     .supports = clip_supports, .run = clip_run},
    {0},
};
