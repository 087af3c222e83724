// Elementwise functions of one input: y = f(x), both of one type.
//
// Floats are read 16 bytes at once; integers, which are rare here, one by one.
#include "operators/gpu/math.cuh"

namespace
{

// ---- the functions ----

GPU_FUNCTION(fn_acos, acos(a))
GPU_FUNCTION(fn_acosh, acosh(a))
GPU_FUNCTION(fn_asin, asin(a))
GPU_FUNCTION(fn_asinh, asinh(a))
GPU_FUNCTION(fn_atan, atan(a))
GPU_FUNCTION(fn_atanh, atanh(a))
GPU_FUNCTION(fn_ceil, ceil(a))
GPU_FUNCTION(fn_cos, cos(a))
GPU_FUNCTION(fn_cosh, cosh(a))
GPU_FUNCTION(fn_erf, erf(a))
GPU_FUNCTION(fn_exp, exp(a))
GPU_FUNCTION(fn_floor, floor(a))
GPU_FUNCTION(fn_log, log(a))
GPU_FUNCTION(fn_reciprocal, 1 / a)
GPU_FUNCTION(fn_round, nearbyint(a))
GPU_FUNCTION(fn_sin, sin(a))
GPU_FUNCTION(fn_sinh, sinh(a))
GPU_FUNCTION(fn_sqrt, sqrt(a))
GPU_FUNCTION(fn_tan, tan(a))
GPU_FUNCTION(fn_tanh, tanh(a))
GPU_FUNCTION(fn_sigmoid, gpu_sigmoid(a))
GPU_FUNCTION(fn_softplus, gpu_softplus(a))
GPU_FUNCTION(fn_softsign, a / (1 + fabs(a)))
GPU_FUNCTION(fn_mish, a *tanh(gpu_softplus(a)))
GPU_FUNCTION(fn_hard_swish, a *fmin(fmax(a / 6 + C(0.5), C(0)), C(1)))
GPU_FUNCTION(fn_relu, a <= 0 ? 0 : a)
GPU_FUNCTION(fn_not, a == 0)
GPU_FUNCTION(fn_bitwise_not, ~a)
GPU_FUNCTION(fn_neg, gpu_sub(C(0), a))

struct fn_abs {
    template <class C> GPU_FN C operator()(C a) const
    {
        if constexpr (std::is_floating_point_v<C>)
            return fabs(a);
        else
            return a < 0 ? gpu_sub(C(0), a) : a;
    }
};

struct fn_sign {
    template <class C> GPU_FN C operator()(C a) const
    {
        if constexpr (std::is_floating_point_v<C>)
            return a > 0 ? 1 : a < 0 ? -1 : a;
        else
            return (C)(a > 0) - (C)(a < 0);
    }
};

// Those with attributes are made from the call.
struct fn_gelu {
    bool by_tanh;
    explicit fn_gelu(const ig_kernel_ctx *k)
        : by_tanh(((const ig_gelu_opts *)k->attrs)->approximate ==
                  IG_GELU_APPROXIMATE_TANH)
    {
    }
    template <class C> GPU_FN C operator()(C a) const
    {
        return by_tanh ? gpu_gelu_tanh(a) : gpu_gelu_erf(a);
    }
};

struct fn_celu {
    float alpha;
    explicit fn_celu(const ig_kernel_ctx *k)
        : alpha(((const ig_celu_opts *)k->attrs)->alpha)
    {
    }
    template <class C> GPU_FN C operator()(C a) const
    {
        return a < 0 ? C(alpha) * expm1(a / C(alpha)) : a;
    }
};

struct fn_elu {
    float alpha;
    explicit fn_elu(const ig_kernel_ctx *k)
        : alpha(((const ig_elu_opts *)k->attrs)->alpha)
    {
    }
    template <class C> GPU_FN C operator()(C a) const
    {
        return a < 0 ? C(alpha) * expm1(a) : a;
    }
};

struct fn_leaky_relu {
    float alpha;
    explicit fn_leaky_relu(const ig_kernel_ctx *k)
        : alpha(((const ig_leaky_relu_opts *)k->attrs)->alpha)
    {
    }
    template <class C> GPU_FN C operator()(C a) const
    {
        return a < 0 ? C(alpha) * a : a;
    }
};

struct fn_thresholded_relu {
    float alpha;
    explicit fn_thresholded_relu(const ig_kernel_ctx *k)
        : alpha(((const ig_thresholded_relu_opts *)k->attrs)->alpha)
    {
    }
    template <class C> GPU_FN C operator()(C a) const
    {
        return a > C(alpha) ? a : 0;
    }
};

struct fn_selu {
    float alpha, gamma;
    explicit fn_selu(const ig_kernel_ctx *k)
        : alpha(((const ig_selu_opts *)k->attrs)->alpha),
          gamma(((const ig_selu_opts *)k->attrs)->gamma)
    {
    }
    template <class C> GPU_FN C operator()(C a) const
    {
        return C(gamma) * (a > 0 ? a : C(alpha) * expm1(a));
    }
};

struct fn_swish {
    float alpha;
    explicit fn_swish(const ig_kernel_ctx *k)
        : alpha(((const ig_swish_opts *)k->attrs)->alpha)
    {
    }
    template <class C> GPU_FN C operator()(C a) const
    {
        return a / (1 + exp(-C(alpha) * a));
    }
};

struct fn_hard_sigmoid {
    float alpha, beta;
    explicit fn_hard_sigmoid(const ig_kernel_ctx *k)
        : alpha(((const ig_hard_sigmoid_opts *)k->attrs)->alpha),
          beta(((const ig_hard_sigmoid_opts *)k->attrs)->beta)
    {
    }
    template <class C> GPU_FN C operator()(C a) const
    {
        C line = C(alpha) * a + C(beta);
        return line > 1 ? 1 : line < 0 ? 0 : line;
    }
};

// ---- the kernels ----

template <class T, class F> struct packs {
    const T *x;
    T *y;
    int64_t n;
    bool aligned;
    F f;

    GPU_FN void operator()(int64_t i) const
    {
        constexpr int step = gpu_pack<T>::n;
        int64_t lo = i * step, hi = lo + step;
        if (aligned && hi <= n) {
            gpu_pack<T> a = *reinterpret_cast<const gpu_pack<T> *>(x + lo);
            for (int j = 0; j < step; j++)
                a.v[j] = gpu_set<T>(f(gpu_get(a.v[j])));
            *reinterpret_cast<gpu_pack<T> *>(y + lo) = a;
        } else {
            for (int64_t j = lo; j < hi && j < n; j++)
                y[j] = gpu_set<T>(f(gpu_get(x[j])));
        }
    }
};

template <class C, class F> struct singles {
    gpu_any<C> x, y;
    F f;

    GPU_FN void operator()(int64_t i) const
    {
        y.put(i, f(x.get(i)));
    }
};

template <class F, unsigned set> ig_status run(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    ig_dtype type = ig_dtype_of(x);
    int64_t n = ig_numel(x);
    F f = gpu_make<F>(k);
    if constexpr ((set & GPU_FLOATS) != 0)
        if (IG_BIT(type) & IG_FLOATS)
            return gpu_by_float(k, type, [&]<class T>() {
                bool aligned = gpu_aligned(ig_data(x)) && gpu_aligned(ig_data(y));
                packs<T, F> kernel = {(const T *)ig_data(x), (T *)ig_data(y), n,
                                      aligned, f};
                return gpu_each(k, gpu_pack_count<T>(n), kernel);
            });
    return gpu_by_compute<set &(GPU_INTEGERS)>(k, type, [&]<class C>() {
        return gpu_each(k, n, singles<C, F>{gpu_any_of<C>(x), gpu_any_of<C>(y), f});
    });
}

} // namespace

template <class F, unsigned set> constexpr gpu_row row(const char *op)
{
    return {op, gpu_types(set), run<F, set>};
}

GPU_TABLE(gpu_unary) = {
    row<fn_abs, GPU_NUMBERS>("Abs"),
    row<fn_acos, GPU_FLOATS>("Acos"),
    row<fn_acosh, GPU_FLOATS>("Acosh"),
    row<fn_asin, GPU_FLOATS>("Asin"),
    row<fn_asinh, GPU_FLOATS>("Asinh"),
    row<fn_atan, GPU_FLOATS>("Atan"),
    row<fn_atanh, GPU_FLOATS>("Atanh"),
    row<fn_bitwise_not, GPU_INTEGERS>("BitwiseNot"),
    row<fn_ceil, GPU_FLOATS>("Ceil"),
    row<fn_celu, GPU_FLOATS>("Celu"),
    row<fn_cos, GPU_FLOATS>("Cos"),
    row<fn_cosh, GPU_FLOATS>("Cosh"),
    row<fn_elu, GPU_FLOATS>("Elu"),
    row<fn_erf, GPU_FLOATS>("Erf"),
    row<fn_exp, GPU_FLOATS>("Exp"),
    row<fn_floor, GPU_FLOATS>("Floor"),
    row<fn_gelu, GPU_FLOATS>("Gelu"),
    row<fn_hard_sigmoid, GPU_FLOATS>("HardSigmoid"),
    row<fn_hard_swish, GPU_FLOATS>("HardSwish"),
    row<fn_leaky_relu, GPU_FLOATS>("LeakyRelu"),
    row<fn_log, GPU_FLOATS>("Log"),
    row<fn_mish, GPU_FLOATS>("Mish"),
    row<fn_neg, GPU_FLOATS | GPU_SIGNED>("Neg"),
    gpu_row{"Not", IG_T(BOOL), run<fn_not, GPU_UNSIGNED>},
    row<fn_reciprocal, GPU_FLOATS>("Reciprocal"),
    row<fn_relu, GPU_FLOATS | GPU_SIGNED>("Relu"),
    row<fn_round, GPU_FLOATS>("Round"),
    row<fn_selu, GPU_FLOATS>("Selu"),
    row<fn_sigmoid, GPU_FLOATS>("Sigmoid"),
    row<fn_sign, GPU_NUMBERS>("Sign"),
    row<fn_sin, GPU_FLOATS>("Sin"),
    row<fn_sinh, GPU_FLOATS>("Sinh"),
    row<fn_softplus, GPU_FLOATS>("Softplus"),
    row<fn_softsign, GPU_FLOATS>("Softsign"),
    row<fn_sqrt, GPU_FLOATS>("Sqrt"),
    row<fn_swish, GPU_FLOATS>("Swish"),
    row<fn_tan, GPU_FLOATS>("Tan"),
    row<fn_tanh, GPU_FLOATS>("Tanh"),
    row<fn_thresholded_relu, GPU_FLOATS>("ThresholdedRelu"),
    {},
};
