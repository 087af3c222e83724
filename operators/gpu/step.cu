// Optimiser steps: ingot::SgdStep and ingot::AdamStep. Rates are numbers in the
// device's memory, so that a captured step follows a schedule.
#include "operators/gpu/math.cuh"

#include <ingot/ops.h>

namespace
{

// Number i of a scalar input, or `none` where it is absent.
struct scalar {
    gpu_any<double> v;
    double none;
    GPU_FN double get() const
    {
        return v.p ? v.get(0) : none;
    }
};

scalar scalar_of(const ig_kernel_ctx *k, int i, double none)
{
    return {gpu_any_of<double>(ig_in(k, i)), none};
}

template <class C> struct sgd {
    gpu_any<C> param, grad, velocity, param_out,
        velocity_out; // velocities: perhaps absent
    scalar lr, momentum, decay, scale;
    bool nesterov;

    GPU_FN void operator()(int64_t i) const
    {
        C x = param.get(i), g = (C)scale.get() * grad.get(i) + (C)decay.get() * x;
        if (velocity.p) {
            C m = (C)momentum.get(), speed = m * velocity.get(i) + g;
            velocity_out.put(i, speed);
            g = nesterov ? g + m * speed : speed;
        }
        param_out.put(i, x - (C)lr.get() * g);
    }
};

ig_status run_sgd(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        sgd<C> kernel = {gpu_any_of<C>(x),
                         gpu_any_of<C>(ig_in(k, 1)),
                         gpu_any_of<C>(ig_in(k, 2)),
                         gpu_any_of<C>(ig_out(k, 0)),
                         gpu_any_of<C>(ig_out(k, 1)),
                         scalar_of(k, 3, 0),
                         scalar_of(k, 4, 0),
                         scalar_of(k, 5, 0),
                         scalar_of(k, 6, 1),
                         ((const ig_ingot_sgd_step_opts *)k->attrs)->nesterov != 0};
        return gpu_each(k, ig_numel(x), kernel);
    });
}

// What is the same for all elements, computed once. go: the step is a valid one.
template <class C> struct rates {
    C lr, beta1, beta2, rest1, rest2, fix1, fix2, eps, decay, scale;
    int32_t go;
};

template <class C> struct set_rates {
    rates<C> *to;
    const int64_t *step;
    scalar lr, beta1, beta2, eps, decay, scale;
    gpu_report report;

    GPU_FN void operator()(int64_t) const
    {
        double b1 = beta1.get(), b2 = beta2.get();
        rates<C> r = {(C)lr.get(),
                      (C)b1,
                      (C)b2,
                      (C)(1 - b1),
                      (C)(1 - b2),
                      (C)(1 - pow(b1, (double)*step)),
                      (C)(1 - pow(b2, (double)*step)),
                      (C)eps.get(),
                      (C)decay.get(),
                      (C)scale.get(),
                      *step >= 1};
        if (!r.go)
            report(GPU_FAULT_STEP, *step, 1);
        *to = r;
    }
};

template <class C> struct adam {
    gpu_any<C> param, grad, m, v, param_out, m_out, v_out;
    const rates<C> *at;
    bool decoupled;

    GPU_FN void operator()(int64_t i) const
    {
        const rates<C> &r = *at;
        C x = param.get(i), g = r.scale * grad.get(i);
        if (!r.go)
            return;
        if (decoupled)
            x *= 1 - r.lr * r.decay;
        else
            g += r.decay * x;
        C mi = r.beta1 * m.get(i) + r.rest1 * g;
        C vi = r.beta2 * v.get(i) + r.rest2 * g * g;
        m_out.put(i, mi);
        v_out.put(i, vi);
        param_out.put(i, x - r.lr * (mi / r.fix1) / (sqrt(vi / r.fix2) + r.eps));
    }
};

ig_status prepare_adam(ig_kernel_ctx *k)
{
    k->scratch_bytes = sizeof(rates<double>);
    return IG_OK;
}

ig_status run_adam(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(x), [&]<class C>() {
        rates<C> *r = (rates<C> *)k->scratch;
        set_rates<C> first = {r,
                              (const int64_t *)ig_data(ig_in(k, 4)),
                              scalar_of(k, 5, 0),
                              scalar_of(k, 6, 0.9),
                              scalar_of(k, 7, 0.999),
                              scalar_of(k, 8, 1e-8),
                              scalar_of(k, 9, 0),
                              scalar_of(k, 10, 1),
                              gpu_report_of(k)};
        adam<C> kernel = {gpu_any_of<C>(x),
                          gpu_any_of<C>(ig_in(k, 1)),
                          gpu_any_of<C>(ig_in(k, 2)),
                          gpu_any_of<C>(ig_in(k, 3)),
                          gpu_any_of<C>(ig_out(k, 0)),
                          gpu_any_of<C>(ig_out(k, 1)),
                          gpu_any_of<C>(ig_out(k, 2)),
                          r,
                          ((const ig_ingot_adam_step_opts *)k->attrs)->decoupled != 0};
        IG_TRY(gpu_each(k, 1, first));
        return gpu_each(k, ig_numel(x), kernel);
    });
}

} // namespace

GPU_TABLE(gpu_step) = {
    gpu_row{"ingot::SgdStep", IG_FLOATS, run_sgd},
    gpu_row{"ingot::AdamStep", IG_FLOATS, run_adam, 0, gpu_supports_ranks,
            prepare_adam},
    {},
};
