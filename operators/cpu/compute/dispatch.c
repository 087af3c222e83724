/* Chooses the variant: the best level that both the build and the running CPU have. The
 * compiler's run-time library has read cpuid (and what the system saves) at program
 * start, so nothing is cached here. */
#include "operators/cpu/compute/isa.h"

const igi_cpu_isa *igi_cpu_isa_get(igi_cpu_level level)
{
    if (level == IGI_CPU_PORTABLE)
        return igi_cpu_isa_portable();
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("f16c");
    if (level == IGI_CPU_AVX2 && avx2)
        return igi_cpu_isa_avx2();
    if (level == IGI_CPU_AVX512 && avx2 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return igi_cpu_isa_avx512();
#endif
    return NULL;
}

const igi_cpu_isa *igi_cpu_isa_best(void)
{
    const igi_cpu_isa *isa = NULL;
#if defined(__x86_64__)
    if (!igi_cpu_isa_get(IGI_CPU_AVX2))
        return igi_cpu_isa_portable();
    if (__builtin_cpu_supports("avx512f"))
        isa = igi_cpu_isa_get(IGI_CPU_AVX512);
    return isa ? isa : igi_cpu_isa_avx2();
#else
    return isa ? isa : igi_cpu_isa_portable();
#endif
}
