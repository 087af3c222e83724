/* Element types on the device: how each is stored, what it is computed in, and how a
 * kernel is chosen for one.
 *
 * Two ways. A kernel over a type T reads by gpu_get and writes by gpu_set<T>: for what
 * runs often, the four float types. A kernel over a computing type C reads and writes
 * through gpu_any<C>, which knows the stored type at run time: one kernel for all
 * integers, or all floats. That switch is the same for all threads and costs less than
 * the memory access beside it, while each kernel costs time to compile.
 *
 * Computing types as in the references: float for float32, float16 and bfloat16, double
 * for float64, int64_t and uint64_t for integers and bool. Storing an integer keeps its
 * low bits. */
#ifndef OPERATORS_GPU_ELEMENT_CUH
#define OPERATORS_GPU_ELEMENT_CUH

#include <cmath>
#include <cstring>

#ifndef IG_GPU_HOST
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

#include "operators/gpu/launch.cuh"

#ifdef IG_GPU_HOST // the overloads for float, which CUDA has in the global namespace
using std::acos, std::acosh, std::asin, std::asinh, std::atan, std::atanh, std::ceil;
using std::cos, std::cosh, std::erf, std::erfc, std::exp, std::expm1, std::fabs;
using std::floor, std::fmax, std::fmin, std::fmod, std::log, std::log1p, std::nearbyint;
using std::pow, std::sin, std::sinh, std::sqrt, std::tan, std::tanh;
#endif

struct gpu_half {
    uint16_t bits;
};
struct gpu_brain {
    uint16_t bits;
};
struct alignas(16) gpu_u128 {
    uint64_t w[2];
};

/* ---- half types; the host reads a few numbers of them too ---- */

template <class To, class From> GPU_BOTH To gpu_bits(From v)
{
    static_assert(sizeof(To) == sizeof(From));
    To r;
    memcpy(&r, &v, sizeof(r));
    return r;
}

GPU_BOTH float gpu_from_half(uint16_t h)
{
#ifdef __CUDA_ARCH__
    return __half2float(__ushort_as_half(h));
#else
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ffu;
    if (e == 0) { /* subnormal: m / 2^24 */
        float v = (float)m * 0x1p-24f;
        return sign ? -v : v;
    }
    uint32_t exponent = e == 31 ? 255 : e + 112;
    return gpu_bits<float>(sign | exponent << 23 | m << 13);
#endif
}

/* Nearest, ties to even; the bits below the last one round it. */
GPU_BOTH uint16_t gpu_to_half(float v)
{
#ifdef __CUDA_ARCH__
    return __half_as_ushort(__float2half_rn(v));
#else
    uint32_t b = gpu_bits<uint32_t>(v), sign = b >> 16 & 0x8000, a = b & 0x7fffffffu;
    if (a > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00);
    if (a >= 0x477ff000u) /* 65520 and above */
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000u) { /* below the smallest normal: the sum shifts the bits */
        float shifted = gpu_bits<float>(a) + 0.5f;
        return (uint16_t)(sign | (gpu_bits<uint32_t>(shifted) - 0x3f000000u));
    }
    a += 0xfffu + (a >> 13 & 1);
    return (uint16_t)(sign | ((a - 0x38000000u) >> 13));
#endif
}

GPU_BOTH float gpu_from_brain(uint16_t h)
{
    return gpu_bits<float>((uint32_t)h << 16);
}

GPU_BOTH uint16_t gpu_to_brain(float v)
{
#ifdef __CUDA_ARCH__
    return __bfloat16_as_ushort(__float2bfloat16_rn(v));
#else
    uint32_t b = gpu_bits<uint32_t>(v);
    if ((b & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(b >> 16 | 0x40);
    return (uint16_t)((b + 0x7fffu + (b >> 16 & 1)) >> 16);
#endif
}

/* ---- one element ---- */

template <class T> struct gpu_elem {
    using compute = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
};
template <> struct gpu_elem<float> {
    using compute = float;
};
template <> struct gpu_elem<double> {
    using compute = double;
};
template <> struct gpu_elem<gpu_half> {
    using compute = float;
};
template <> struct gpu_elem<gpu_brain> {
    using compute = float;
};
template <class T> using gpu_compute = typename gpu_elem<T>::compute;

template <class T> GPU_FN gpu_compute<T> gpu_get(T v)
{
    if constexpr (std::is_same_v<T, gpu_half>)
        return gpu_from_half(v.bits);
    else if constexpr (std::is_same_v<T, gpu_brain>)
        return gpu_from_brain(v.bits);
    else
        return (gpu_compute<T>)v;
}

template <class T> GPU_FN T gpu_set(gpu_compute<T> v)
{
    if constexpr (std::is_same_v<T, gpu_half>)
        return {gpu_to_half(v)};
    else if constexpr (std::is_same_v<T, gpu_brain>)
        return {gpu_to_brain(v)};
    else
        return (T)v;
}

/* 16 bytes that are read and written at once. */
template <class T> struct alignas(16) gpu_pack {
    static constexpr int n = 16 / (int)sizeof(T);
    T v[n];
};

inline bool gpu_aligned(const void *p)
{
    return (uintptr_t)p % 16 == 0;
}
/* Packs that n elements fill, the last one perhaps in part. */
template <class T> constexpr int64_t gpu_pack_count(int64_t n)
{
    return (n + gpu_pack<T>::n - 1) / gpu_pack<T>::n;
}

/* ---- a tensor whose type is known at run time ---- */

template <class C> struct gpu_any {
    char *p = nullptr;
    int type = 0;

    GPU_FN C get(int64_t i) const
    {
        if constexpr (std::is_floating_point_v<C>) {
            switch (type) {
            case IG_FLOAT64:
                return (C) reinterpret_cast<const double *>(p)[i];
            case IG_FLOAT16:
                return (C)gpu_from_half(reinterpret_cast<const uint16_t *>(p)[i]);
            case IG_BFLOAT16:
                return (C)gpu_from_brain(reinterpret_cast<const uint16_t *>(p)[i]);
            default:
                return (C) reinterpret_cast<const float *>(p)[i];
            }
        } else {
            switch (type) {
            case IG_INT8:
                return (C) reinterpret_cast<const int8_t *>(p)[i];
            case IG_INT16:
                return (C) reinterpret_cast<const int16_t *>(p)[i];
            case IG_INT32:
                return (C) reinterpret_cast<const int32_t *>(p)[i];
            case IG_UINT16:
                return (C) reinterpret_cast<const uint16_t *>(p)[i];
            case IG_UINT32:
                return (C) reinterpret_cast<const uint32_t *>(p)[i];
            case IG_UINT8:
                return (C) reinterpret_cast<const uint8_t *>(p)[i];
            case IG_BOOL:
                return (C)(reinterpret_cast<const uint8_t *>(p)[i] != 0);
            default:
                return (C) reinterpret_cast<const int64_t *>(p)[i];
            }
        }
    }

    GPU_FN void put(int64_t i, C v) const
    {
        if constexpr (std::is_floating_point_v<C>) {
            switch (type) {
            case IG_FLOAT64:
                reinterpret_cast<double *>(p)[i] = (double)v;
                break;
            case IG_FLOAT16:
                reinterpret_cast<uint16_t *>(p)[i] = gpu_to_half((float)v);
                break;
            case IG_BFLOAT16:
                reinterpret_cast<uint16_t *>(p)[i] = gpu_to_brain((float)v);
                break;
            default:
                reinterpret_cast<float *>(p)[i] = (float)v;
            }
        } else {
            switch (type) {
            case IG_INT8:
            case IG_UINT8:
                reinterpret_cast<uint8_t *>(p)[i] = (uint8_t)v;
                break;
            case IG_INT16:
            case IG_UINT16:
                reinterpret_cast<uint16_t *>(p)[i] = (uint16_t)v;
                break;
            case IG_INT32:
            case IG_UINT32:
                reinterpret_cast<uint32_t *>(p)[i] = (uint32_t)v;
                break;
            case IG_BOOL:
                reinterpret_cast<uint8_t *>(p)[i] = v != 0;
                break;
            default:
                reinterpret_cast<uint64_t *>(p)[i] = (uint64_t)v;
            }
        }
    }
};

/* NULL where t is NULL. */
template <class C> gpu_any<C> gpu_any_of(const ig_tensor *t)
{
    gpu_any<C> a;
    if (t) {
        a.p = static_cast<char *>(ig_data(t));
        a.type = ig_dtype_of(t);
    }
    return a;
}

/* ---- choosing ---- */

enum { /* sets of computing types, for gpu_by_compute */
       GPU_F32 = 1,
       GPU_F64 = 2,
       GPU_FLOATS = GPU_F32 | GPU_F64,
       GPU_SIGNED = 4,
       GPU_UNSIGNED = 8,
       GPU_INTEGERS = GPU_SIGNED | GPU_UNSIGNED,
       GPU_NUMBERS = GPU_FLOATS | GPU_INTEGERS
};

/* The types of the table's row for a set. */
constexpr uint64_t gpu_types(unsigned set)
{
    return (set & GPU_F32 ? IG_T(FLOAT32) | IG_F16S : 0) |
           (set & GPU_F64 ? IG_T(FLOAT64) : 0) | (set & GPU_SIGNED ? IG_INT_SIGNED : 0) |
           (set & GPU_UNSIGNED ? IG_INT_UNSIGNED : 0);
}

inline ig_status gpu_bad_type(const ig_kernel_ctx *k, ig_dtype type)
{
    return ig_kernel_fail(k, IG_UNSUPPORTED, "no GPU kernel for %s", ig_dtype_name(type));
}

/* f.operator()<C>() with the computing type of `type`, which is in the set. */
template <unsigned set, class F>
ig_status gpu_by_compute(const ig_kernel_ctx *k, ig_dtype type, F f)
{
    if constexpr (set & GPU_F32)
        if (type == IG_FLOAT32 || type == IG_FLOAT16 || type == IG_BFLOAT16)
            return f.template operator()<float>();
    if constexpr (set & GPU_F64)
        if (type == IG_FLOAT64)
            return f.template operator()<double>();
    if constexpr (set & GPU_SIGNED)
        if (IG_BIT(type) & IG_INT_SIGNED)
            return f.template operator()<int64_t>();
    if constexpr (set & GPU_UNSIGNED)
        if (IG_BIT(type) & (IG_INT_UNSIGNED | IG_T(BOOL)))
            return f.template operator()<uint64_t>();
    return gpu_bad_type(k, type);
}

/* A functor as the attributes of the call say, or one without attributes. */
template <class F> F gpu_make(const ig_kernel_ctx *k)
{
    if constexpr (std::is_constructible_v<F, const ig_kernel_ctx *>)
        return F(k);
    else
        return F();
}

/* f.operator()<T>() with the stored type, one of the four floats. */
template <class F> ig_status gpu_by_float(const ig_kernel_ctx *k, ig_dtype type, F f)
{
    switch (type) {
    case IG_FLOAT32:
        return f.template operator()<float>();
    case IG_FLOAT64:
        return f.template operator()<double>();
    case IG_FLOAT16:
        return f.template operator()<gpu_half>();
    case IG_BFLOAT16:
        return f.template operator()<gpu_brain>();
    default:
        return gpu_bad_type(k, type);
    }
}

/* Whether a type is moved as whole bytes: no strings, nothing packed. */
constexpr uint64_t GPU_MOVABLE =
    IG_NUMERIC | IG_COMPLEXES | IG_T(BOOL) | IG_FLOAT8S | IG_T(FLOAT8E8M0);

inline int64_t gpu_bytes(ig_dtype type)
{
    return ig_dtype_bits(type) / 8;
}

/* f.operator()<T>() with an unsigned type of that many bytes. */
template <class F> ig_status gpu_by_bytes(const ig_kernel_ctx *k, int64_t bytes, F f)
{
    switch (bytes) {
    case 1:
        return f.template operator()<uint8_t>();
    case 2:
        return f.template operator()<uint16_t>();
    case 4:
        return f.template operator()<uint32_t>();
    case 8:
        return f.template operator()<uint64_t>();
    case 16:
        return f.template operator()<gpu_u128>();
    default:
        return ig_fail(IG_UNSUPPORTED, "no GPU kernel moves elements of %d bytes%s%s",
                       (int)bytes, k->op ? ": " : "", k->op ? k->op->name : "");
    }
}

#endif
