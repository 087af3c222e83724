/* Combining a value with one in memory that other threads combine with too. */
#ifndef OPERATORS_GPU_ATOMIC_CUH
#define OPERATORS_GPU_ATOMIC_CUH

#include "operators/gpu/math.cuh"

#ifdef IG_GPU_HOST

template <class T, class F> void gpu_meet(T *p, gpu_compute<T> v, F f)
{
    *p = gpu_set<T>(f(gpu_get(*p), v));
}

#else

/* Whether the bits are equal: NaN is itself here, and -0 is not 0. */
template <class T> GPU_FN bool gpu_same_bits(T a, T b)
{
    using word = std::conditional_t<
        sizeof(T) == 8, uint64_t,
        std::conditional_t<sizeof(T) == 4, uint32_t,
                           std::conditional_t<sizeof(T) == 2, uint16_t, uint8_t>>>;
    return gpu_bits<word>(a) == gpu_bits<word>(b);
}

/* Compare and swap of any size; of bytes by the word around them. */
template <class T> GPU_FN T gpu_swap_if(T *p, T old, T fresh)
{
    if constexpr (sizeof(T) == 8) {
        return gpu_bits<T>(atomicCAS(reinterpret_cast<unsigned long long *>(p),
                                     gpu_bits<unsigned long long>(old),
                                     gpu_bits<unsigned long long>(fresh)));
    } else if constexpr (sizeof(T) == 4) {
        return gpu_bits<T>(atomicCAS(reinterpret_cast<unsigned *>(p), gpu_bits<unsigned>(old),
                                     gpu_bits<unsigned>(fresh)));
    } else if constexpr (sizeof(T) == 2) {
        return gpu_bits<T>(atomicCAS(reinterpret_cast<unsigned short *>(p),
                                     gpu_bits<unsigned short>(old),
                                     gpu_bits<unsigned short>(fresh)));
    } else {
        unsigned shift = (unsigned)((uintptr_t)p % 4 * 8), mask = 0xffu << shift;
        unsigned *word = reinterpret_cast<unsigned *>((uintptr_t)p / 4 * 4), seen = *word;
        while (gpu_bits<T>((uint8_t)(seen >> shift)) == old) {
            unsigned now = atomicCAS(
                word, seen, (seen & ~mask) | (unsigned)gpu_bits<uint8_t>(fresh) << shift);
            if (now == seen)
                return old;
            seen = now;
        }
        return gpu_bits<T>((uint8_t)(seen >> shift));
    }
}

/* *p = f(*p, v), as a whole. The order among threads is any. */
template <class T, class F> GPU_FN void gpu_meet(T *p, gpu_compute<T> v, F f)
{
    T seen = *p;
    for (;;) {
        T fresh = gpu_set<T>(f(gpu_get(seen), v));
        T now = gpu_swap_if(p, seen, fresh);
        if (gpu_same_bits(now, seen))
            return;
        seen = now;
    }
}

#endif

/* Sums of floats, by the hardware's own addition. */
template <class T> GPU_FN void gpu_meet_sum(T *p, T v)
{
#ifdef IG_GPU_HOST
    *p += v;
#else
    atomicAdd(p, v);
#endif
}

#endif
