/* The int8 table of AVX-512 with VNNI: four products an instruction and lane. */
#include "operators/cpu/compute/int8_isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")
#endif

#define QNAME    "vnni"
#define QTABLE   igi_int8_isa_vnni
#define QNV      2
#define QMR      14
#define QELEMENT 1

#include "operators/cpu/compute/int8_vec512.inc.h"

/* Four bytes, unsigned by signed. As assembly, because gcc 12 spills every accumulator
 * of the intrinsic. */
Q_INLINE qi qi_dot(qi acc, qi a, qi b)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
}

#include "operators/cpu/compute/int8.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
