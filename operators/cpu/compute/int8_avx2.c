/* The int8 table of AVX2: pairs of 16-bit numbers. */
#include "operators/cpu/compute/int8_isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define QNAME    "avx2"
#define QTABLE   igi_int8_isa_avx2
#define QNV      2
#define QMR      4
#define QELEMENT 2

#include "operators/cpu/compute/int8_vec256.inc.h"

/* Two pairs of 16-bit numbers: exact, unlike vpmaddubsw. */
Q_INLINE qi qi_dot(qi acc, qi a, qi b)
{
    return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
}

#include "operators/cpu/compute/int8.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
