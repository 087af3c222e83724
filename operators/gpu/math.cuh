/* Functions of one number that several kernels use: each is a struct with a templated
 * operator(), for float and double. Formulas are those of the references
 * (operators/<name>.c), arranged so that nothing overflows on the way. */
#ifndef OPERATORS_GPU_MATH_CUH
#define OPERATORS_GPU_MATH_CUH

#include <ingot/ops.h>

#include "operators/gpu/element.cuh"

/* f(a) as a functor without parameters. */
#define GPU_FUNCTION(name_, ... /* expression in a of type C */)                       \
    struct name_ {                                                                     \
        template <class C> GPU_FN C operator()(C a) const                              \
        {                                                                              \
            return __VA_ARGS__;                                                        \
        }                                                                              \
    };

template <class C> GPU_FN C gpu_sigmoid(C a)
{
    C e = exp(-fabs(a)), r = 1 / (1 + e);
    return a < 0 ? e * r : r;
}

template <class C> GPU_FN C gpu_softplus(C a)
{
    return (a > 0 ? a : 0) + log1p(exp(-fabs(a)));
}

template <class C> GPU_FN C gpu_gelu_erf(C a)
{
    return C(0.5) * a * erfc(-a * C(0.70710678118654752440));
}

/* sqrt(2 / pi) (a + 0.044715 a^3) */
template <class C> GPU_FN C gpu_gelu_inner(C a)
{
    return C(0.79788456080286535588) * (a + C(0.044715) * a * a * a);
}

template <class C> GPU_FN C gpu_gelu_tanh(C a)
{
    return C(0.5) * a * (1 + tanh(gpu_gelu_inner(a)));
}

template <class C> GPU_FN C gpu_nan()
{
    return gpu_bits<float>(0x7fc00000u);
}

template <class C> GPU_FN C gpu_infinity()
{
    return gpu_bits<float>(0x7f800000u);
}

/* Where NaN wins, as in the references of Max and Min. */
template <class C> GPU_FN C gpu_max(C a, C b)
{
    return a != a || a > b ? a : b;
}
template <class C> GPU_FN C gpu_min(C a, C b)
{
    return a != a || a < b ? a : b;
}

struct gpu_plus {
    template <class C> GPU_FN C operator()(C a, C b) const
    {
        return a + b;
    }
};
struct gpu_larger {
    template <class C> GPU_FN C operator()(C a, C b) const
    {
        return gpu_max(a, b);
    }
};

/* An element and where it stood; at -1: none yet. */
template <class C> struct gpu_placed {
    C v;
    int64_t at;
};

/* The better of two: the larger (smaller) one, NaN before all; of equals the first
 * (last). */
struct gpu_best {
    bool least = false, last = false;

    template <class C> GPU_FN bool before(C a, C b) const
    {
        if (a != a || b != b)
            return b == b;
        return least ? a < b : a > b;
    }
    template <class C>
    GPU_FN gpu_placed<C> operator()(gpu_placed<C> a, gpu_placed<C> b) const
    {
        if (a.at < 0 || b.at < 0)
            return a.at < 0 ? b : a;
        if (before(a.v, b.v))
            return a;
        if (before(b.v, a.v))
            return b;
        return (a.at < b.at) != last ? a : b;
    }
};

/* Wrapping integer arithmetic. */
template <class C> GPU_FN C gpu_add(C a, C b)
{
    if constexpr (std::is_integral_v<C>)
        return (C)((uint64_t)a + (uint64_t)b);
    else
        return a + b;
}
template <class C> GPU_FN C gpu_sub(C a, C b)
{
    if constexpr (std::is_integral_v<C>)
        return (C)((uint64_t)a - (uint64_t)b);
    else
        return a - b;
}
template <class C> GPU_FN C gpu_mul(C a, C b)
{
    if constexpr (std::is_integral_v<C>)
        return (C)((uint64_t)a * (uint64_t)b);
    else
        return a * b;
}

/* Float to integer as Cast does it: toward zero, saturating, NaN gives 0. */
GPU_FN int64_t gpu_to_i64(double x)
{
    if (x != x)
        return 0;
    if (x >= 9223372036854775808.0)
        return INT64_MAX;
    return x < -9223372036854775808.0 ? INT64_MIN : (int64_t)x;
}
GPU_FN uint64_t gpu_to_u64(double x)
{
    if (!(x > 0))
        return 0;
    return x >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)x;
}

/* The stream (seed, draw) of a call, element by element as the references draw it. */
struct gpu_random {
    uint64_t key;

    explicit gpu_random(const ig_kernel_ctx *k)
        : key(mix(mix(k->seed + golden) ^ (k->draw * golden + 1)))
    {
    }
    static constexpr uint64_t golden = 0x9e3779b97f4a7c15u;
    static GPU_BOTH uint64_t mix(uint64_t x)
    {
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        return x ^ x >> 31;
    }
    /* Uniform in [0, 1). */
    GPU_FN double unit(uint64_t i) const
    {
        return (double)(mix(key + (i + 1) * golden) >> 11) * 0x1p-53;
    }
};

#endif
