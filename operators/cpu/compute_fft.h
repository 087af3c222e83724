/* Discrete Fourier transforms of float32 lines, as many at once as a vector has lanes
 * (igi_cpu_isa.vector): part of compute.h, under its contract.
 *
 * Number i of all lines is two vectors, their real and imaginary parts: x[i][2][lane].
 * So a transform is one of vectors, without a shuffle, and each lane's bits are those
 * that it has beside any others. */
#ifndef OPERATORS_CPU_COMPUTE_FFT_H
#define OPERATORS_CPU_COMPUTE_FFT_H

#include "operators/cpu/compute.h"

/* Prime factors are at most 13 (two twos are one factor of 4). */
enum { IGI_FFT_FACTORS = 32 };

/* fft: x[n] := sum of x[k] exp(-2 pi i k j / n), by way of work[n]. Returns the one of
 * the two that holds the result. */
struct igi_fft_lines {
    int64_t n;
    int factors;
    int8_t factor[IGI_FFT_FACTORS];
    const float *root; /* n complex: exp(-2 pi i k / n) */
};

/* fft_times: y[i] := x[i] * by[i], or conjugate(x[i]) * by[i]; `by` has n complex
 * numbers that all lines share.
 *
 * fft_weigh: x[i] *= by[i] for n elements of 1 or 2 parts.
 *
 * fft_unpack: the transform y[bins] of 2 n real numbers from the transform x[n] of the
 * same numbers taken in pairs as complex ones; root: exp(-2 pi i k / (2 n)), k <= n;
 * bins: n + 1 or 2 n. y is not x. */

#endif
