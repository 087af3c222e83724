/* Discrete Fourier transforms of any length, and what DFT and its gradient share.
 *
 * Lengths whose prime factors are small go through Stockham passes (Swarztrauber 1984),
 * which need no bit reversal; others through Bluestein's convolution (1970) with a
 * power of two. The latter work in double, the
 * passes in double or, for tensors of float32 and below, in float32: errors are those
 * of that type times log2 n, as in NumPy. */
#ifndef OPERATORS_COMMON_FFT_H
#define OPERATORS_COMMON_FFT_H

#include "operators/common_float.h"

enum { IGI_FFT_LARGEST = 13 }; /* factor of a pass */
/* The factor of n > 1 that the next pass takes: one up to IGI_FFT_LARGEST, or n. */
int64_t igi_fft_factor(int64_t n);

typedef struct igi_fft {
    int64_t n;
    double *root;  /* n complex: exp(-2 pi i k / n) */
    double *work;  /* n complex */
    float *single; /* passes in float32: line, work and roots of n complex; or NULL */
    /* Bluestein: a transform of length m, the chirp and its transform. */
    struct igi_fft *inner;
    double *chirp, *kernel, *line; /* n, m and m complex */
    igi_pace *pace;                /* of the call */
} igi_fft;
/* n >= 1. Freed by igi_fft_free, also after an error. Polls, as igi_fft_run does. */
ig_status igi_fft_init(igi_fft *f, int64_t n, bool single, igi_pace *pace);
void igi_fft_free(igi_fft *f);
/* x[n] complex := sum of x[k] exp(-+2 pi i k j / n), + for `inverse`; not divided. */
ig_status igi_fft_run(igi_fft *f, double *x, bool inverse);

typedef struct igi_dft_attrs {
    uint32_t struct_size;
    int64_t inverse, onesided;
} igi_dft_attrs;
extern const ig_attr_def igi_dft_attr_rows[];

/* Axis and length of a call, for dims xd of the input of DFT. Inference: IG_OK with
 * *axis or *n -1 when they are not known. */
ig_status igi_dft_infer(ig_infer *x,
                        int length_port,
                        int axis_port,
                        int rank,
                        const int64_t *xd,
                        int *axis,
                        int64_t *n);
/* Dims of DFT's output. */
void igi_dft_dims(
    ig_infer *x, int rank, const int64_t *xd, int axis, int64_t n, int64_t *yd);

/* A call over tensors seen as [outer][line][inner][parts]. */
typedef struct igi_dft {
    int64_t n, outer, inner;
    int64_t x_line, y_line; /* elements of a line of DFT's input and output */
    int64_t x_parts, y_parts;
    bool inverse, onesided;
} igi_dft;
ig_status igi_dft_set(igi_dft *d,
                      const ig_kernel_ctx *k,
                      int length_port,
                      int axis_port,
                      const ig_tensor *x,
                      const ig_tensor *y);
/* Every line from one tensor to the other: loaded as n complex numbers, transformed
 * (with + in the exponent when `inverse`), stored. `first`: element of a line's first
 * number. */
typedef struct igi_dft_way {
    void (*load)(
        const igi_dft *d, ig_dtype type, const void *p, int64_t first, double *line);
    void (*store)(
        const igi_dft *d, ig_dtype type, void *p, int64_t first, const double *line);
    int64_t from, to; /* elements of a line: lengths times parts */
    bool inverse;
} igi_dft_way;
ig_status igi_dft_lines(ig_kernel_ctx *k,
                        const igi_dft *d,
                        const igi_dft_way *w,
                        const ig_tensor *from,
                        ig_tensor *to);

#endif
