// Random numbers of the run's stream: RandomNormal, RandomUniform, their Like forms and
// Bernoulli. A seed of the operator's own asks for NumPy's generator, which is a
// sequence: the host has it.
#include "operators/gpu/math.cuh"

#include <ingot/ops.h>

namespace
{

template <class C> struct draw {
    gpu_any<C> y;
    gpu_random random;
    double a, b; // a + b u
    bool normal;

    GPU_FN void operator()(int64_t i) const
    {
        y.put(i,
              (C)(a + b * (normal ? gaussian((uint64_t)i) : random.unit((uint64_t)i))));
    }
    // Box and Muller's transform: two uniforms give a normal.
    GPU_FN double gaussian(uint64_t i) const
    {
        double u = 1 - random.unit(2 * i), v = random.unit(2 * i + 1);
        return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
    }
};

template <class O> ig_status supports(const ig_kernel_ctx *k)
{
    return ((const O *)k->attrs)->seed >= 0
               ? ig_reject("a seed of its own asks for NumPy's generator")
               : IG_OK;
}

ig_status run(ig_kernel_ctx *k, double a, double b, bool normal)
{
    const ig_tensor *y = ig_out(k, 0);
    return gpu_by_compute<GPU_FLOATS>(k, ig_dtype_of(y), [&]<class C>() {
        return gpu_each(k, ig_numel(y),
                        draw<C>{gpu_any_of<C>(y), gpu_random(k), a, b, normal});
    });
}

template <class O> ig_status run_normal(ig_kernel_ctx *k)
{
    const O *o = (const O *)k->attrs;
    return run(k, (double)o->mean, (double)o->scale, true);
}

template <class O> ig_status run_uniform(ig_kernel_ctx *k)
{
    const O *o = (const O *)k->attrs;
    return run(k, (double)o->low, (double)o->high - (double)o->low, false);
}

// Y: what the result is stored through.
template <class Y> struct bernoulli {
    gpu_any<double> x;
    gpu_any<Y> y;
    gpu_random random;
    gpu_report report;

    GPU_FN void operator()(int64_t i) const
    {
        double p = x.get(i);
        if (!(p >= 0 && p <= 1))
            return report(GPU_FAULT_PROBABILITY, i, 0);
        y.put(i, random.unit((uint64_t)i) < p);
    }
};

ig_status supports_bernoulli(const ig_kernel_ctx *k)
{
    if (!(IG_BIT(ig_dtype_of(ig_out(k, 0))) & (IG_NUMERIC | IG_T(BOOL))))
        return ig_reject("no kernel for this element type");
    return supports<ig_bernoulli_opts>(k);
}

ig_status run_bernoulli(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    return gpu_by_compute<GPU_NUMBERS>(k, ig_dtype_of(y), [&]<class Y>() {
        return gpu_each(k, ig_numel(x),
                        bernoulli<Y>{gpu_any_of<double>(x), gpu_any_of<Y>(y),
                                     gpu_random(k), gpu_report_of(k)});
    });
}

template <class O>
constexpr gpu_row row(const char *op, ig_status (*run)(ig_kernel_ctx *), uint64_t types)
{
    return {op, types, run, 0, supports<O>};
}

} // namespace

GPU_TABLE(gpu_random) = {
    row<ig_random_normal_opts>("RandomNormal", run_normal<ig_random_normal_opts>, 0),
    row<ig_random_uniform_opts>("RandomUniform",
                                run_uniform<ig_random_uniform_opts>,
                                0),
    row<ig_random_normal_like_opts>("RandomNormalLike",
                                    run_normal<ig_random_normal_like_opts>,
                                    GPU_MOVABLE),
    row<ig_random_uniform_like_opts>("RandomUniformLike",
                                     run_uniform<ig_random_uniform_like_opts>,
                                     GPU_MOVABLE),
    gpu_row{"Bernoulli", IG_FLOATS, run_bernoulli, 0, supports_bernoulli},
    {},
};
