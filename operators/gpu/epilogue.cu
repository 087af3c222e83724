/* Bias, residual and activation over a finished product or convolution. */
#include "operators/gpu/epilogue.h"
#include "operators/gpu/math.cuh"

#include "operators/common_act_kind.h"

namespace
{

/* igi_act of operators/common_act.c. */
template <class C> GPU_FN C activate(int64_t kind, C a, C b, C x)
{
    switch (kind) {
    case IGI_ACT_RELU:
        return x < 0 ? C(0) : x;
    case IGI_ACT_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case IGI_ACT_CLIP:
        x = x < a ? a : x;
        return x > b ? b : x;
    case IGI_ACT_SIGMOID:
        return gpu_sigmoid(x);
    case IGI_ACT_TANH:
        return tanh(x);
    case IGI_ACT_SILU:
        return x * gpu_sigmoid(x);
    case IGI_ACT_GELU_ERF:
        return gpu_gelu_erf(x);
    case IGI_ACT_GELU_TANH:
        return gpu_gelu_tanh(x);
    case IGI_ACT_ELU:
        return x < 0 ? a * expm1(x) : x;
    case IGI_ACT_SOFTPLUS:
        return gpu_softplus(x);
    case IGI_ACT_HARD_SIGMOID:
        return activate<C>(IGI_ACT_CLIP, 0, 1, a * x + b);
    case IGI_ACT_HARD_SWISH:
        return x * activate<C>(IGI_ACT_CLIP, 0, 1, x / 6 + C(0.5));
    default:
        return x;
    }
}

template <class T> struct finish {
    using C = gpu_compute<T>;
    const T *v, *bias, *residual;
    T *y;
    int64_t channels, inner, kind;
    C a, b;
    bool after;

    GPU_FN void operator()(int64_t i) const
    {
        C x = gpu_get(v[i]);
        if (bias)
            x += gpu_get(bias[i / inner % channels]);
        if (residual && !after)
            x += gpu_get(residual[i]);
        x = activate<C>(kind, a, b, x);
        if (residual && after)
            x += gpu_get(residual[i]);
        y[i] = gpu_set<T>(x);
    }
};

struct launch {
    const ig_kernel_ctx *k;
    const gpu_epilogue *e;

    template <class T> ig_status operator()() const
    {
        using C = gpu_compute<T>;
        finish<T> f = {(const T *)e->v, (const T *)e->bias, (const T *)e->residual,
                       (T *)e->y,       e->channels,        e->inner,
                       e->act.kind,     (C)e->act.a,        (C)e->act.b,
                       e->act.after};
        return gpu_each(k, e->n, f);
    }
};

} // namespace

ig_status gpu_epilogue_run(const ig_kernel_ctx *k, const gpu_epilogue *e)
{
    return gpu_by_float(k, e->type, launch{k, e});
}
