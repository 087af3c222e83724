/* Chooses the variant: the best level that both the build and the running CPU have. The
 * compiler's run-time library has read cpuid (and what the system saves) at program
 * start; the choice is made once, because small kernels ask in every call. */
#include <stdatomic.h>

#include "operators/cpu/compute/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* By cpuid itself: not every compiler's run-time library knows the name. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
}
#endif

const igi_cpu_isa *igi_cpu_isa_get(igi_cpu_level level)
{
    if (level == IGI_CPU_PORTABLE)
        return igi_cpu_isa_portable();
#if defined(__x86_64__)
    const bool avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    if (level == IGI_CPU_AVX2 && avx2)
        return igi_cpu_isa_avx2();
    if (level == IGI_CPU_AVX512 && avx2 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return igi_cpu_isa_avx512();
#endif
    return NULL;
}

static const igi_cpu_isa *choose(void)
{
    const igi_cpu_isa *isa = igi_cpu_isa_get(IGI_CPU_AVX512);
    if (!isa)
        isa = igi_cpu_isa_get(IGI_CPU_AVX2);
    return isa ? isa : igi_cpu_isa_portable();
}

const igi_cpu_isa *igi_cpu_isa_best(void)
{
    static _Atomic(const igi_cpu_isa *) best; /* threads that race find the same */
    const igi_cpu_isa *isa = atomic_load_explicit(&best, memory_order_relaxed);
    if (isa)
        return isa;
    isa = choose();
    atomic_store_explicit(&best, isa, memory_order_relaxed);
    return isa;
}
