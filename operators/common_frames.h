/* Discrete Fourier transforms of frames, direct, in double: STFT and its gradient. */
#ifndef OPERATORS_COMMON_FRAMES_H
#define OPERATORS_COMMON_FRAMES_H

#include "operators/common_float.h"
#include "operators/common_move.h"

typedef struct igi_onesided_attrs {
    uint32_t struct_size;
    int64_t onesided;
} igi_onesided_attrs;
extern const ig_attr_def igi_onesided_options[];

/* Room for frames of n complex numbers and their transforms, and the roots of unity. */
typedef struct igi_frames {
    int64_t n, bins;
    double *cosine, *sine;           /* n */
    double *re, *im, *to_re, *to_im; /* n; bins (or n) */
    igi_pace pace;
} igi_frames;
/* Errors: OUT_OF_MEMORY, LIMIT. Freed by igi_frames_end. */
ig_status igi_frames_begin(ig_kernel_ctx *k, int64_t n, bool onesided, igi_frames *f);
void igi_frames_end(igi_frames *f);
/* to := transform of re + i im, `bins` of it; and its transpose, from bins to n. Both
 * poll. */
ig_status igi_frames_forward(igi_frames *f);
ig_status igi_frames_back(igi_frames *f);
/* Bins of a transform of n. */
int64_t igi_frames_bins(ig_symtab *s, int64_t n, bool onesided);

#endif
