/* Shared by the tests of operators/cpu/compute.h: random numbers, errors in units of
 * the last place, buffers with guards, and tests on each instruction set. */
#ifndef TESTS_OPERATORS_CPU_COMPUTE_SUPPORT_H
#define TESTS_OPERATORS_CPU_COMPUTE_SUPPORT_H

#include "tests/support/test_main.h"

#include "operators/cpu/compute.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every level that this CPU and build have. */
static inline void on_each_isa(void (*check)(const igi_cpu_isa *isa))
{
    for (int level = 0; level < IGI_CPU_LEVELS; level++) {
        const igi_cpu_isa *isa = igi_cpu_isa_get((igi_cpu_level)level);
        if (isa)
            check(isa);
    }
}

/* A cmocka test `name_` that runs `check_(isa)` on each of them. */
#define ISA_TEST(name_, check_)                                                        \
    static void name_(void **state)                                                    \
    {                                                                                  \
        (void)state;                                                                   \
        on_each_isa(check_);                                                           \
    }

static inline uint32_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* Uniform in -1..1, never 0. */
static inline float random_float(uint64_t *state)
{
    return ((float)(random_bits(state) >> 8) + 0.5f) * (1.0f / 8388608.0f) - 1.0f;
}

static inline void fill_random(float *x, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = random_float(&seed);
}

static inline float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* |y - ref| in units of the last place of a float near ref; 0 for the same NaN-ness,
 * infinity or overflow, huge otherwise. */
static inline double ulps(float y, double ref)
{
    if (isnan(ref) || isnan(y))
        return isnan(ref) && isnan(y) ? 0 : 1e30;
    if (isinf(y) || isinf((float)ref))
        return y == (float)ref ? 0 : 1e30;
    int e;
    frexp(ref, &e);
    const double ulp = ldexp(1.0, e - 24 < -149 ? -149 : e - 24);
    return fabs((double)y - ref) / ulp;
}

/* |y - ref| <= tolerance, NaN agreeing with NaN and infinities with themselves. */
static inline bool is_near(double y, double ref, double tolerance)
{
    if (isnan(ref) || isnan(y))
        return isnan(ref) && isnan(y);
    return y == ref || fabs(y - ref) <= tolerance;
}

static inline bool same_bits(const void *a, const void *b, int64_t floats)
{
    return floats == 0 || memcmp(a, b, (size_t)floats * sizeof(float)) == 0;
}

/* Heap memory that ends with the process: a failed assert leaves by longjmp. */
static inline float *new_floats(int64_t n)
{
    float *p = calloc((size_t)n + 1, sizeof(float));
    if (!p)
        fail_msg("out of memory for %lld floats", (long long)n);
    return p;
}

#endif
