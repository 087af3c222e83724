/* The AVX2 + FMA variant. The target is set in the file, so no build flag is needed and
 * only these functions use the instructions; system headers come before it. */
#include "operators/cpu/compute/isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "graph/core/dtype.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))),                 \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#define VEC_INLINE    static inline __attribute__((always_inline))
#define VEC_HAS_256   1
#define IGI_CPU_TABLE igi_cpu_isa_avx2

#include "operators/cpu/compute/vec_avx2.h"

#include "operators/cpu/compute/body.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
