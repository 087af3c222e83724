/* Discrete Fourier transforms of frames, in double: STFT and its gradient. */
#ifndef OPERATORS_COMMON_FRAMES_H
#define OPERATORS_COMMON_FRAMES_H

#include "operators/common_fft.h"
#include "operators/common_move.h"

typedef struct igi_onesided_attrs {
    uint32_t struct_size;
    int64_t onesided;
} igi_onesided_attrs;
extern const ig_attr_def igi_onesided_options[];

/* Room for the n complex numbers of a frame, and its transform. */
typedef struct igi_frames {
    int64_t n, bins;
    double *line; /* n complex */
    igi_fft fft;
    igi_pace pace;
} igi_frames;
/* Errors: OUT_OF_MEMORY, LIMIT, those of polling. Freed by igi_frames_end. */
ig_status igi_frames_begin(ig_kernel_ctx *k, int64_t n, bool onesided, igi_frames *f);
void igi_frames_end(igi_frames *f);
/* line := its transform, `bins` of it count; and the transpose, from bins to n. Both
 * poll. */
ig_status igi_frames_forward(igi_frames *f);
ig_status igi_frames_back(igi_frames *f);
/* Elements of `t` from `at` on, of 1 or 2 parts, as line[n]; and back. */
void igi_frames_load(igi_frames *f, const ig_tensor *t, int64_t at, int64_t parts);
void igi_frames_store(
    const igi_frames *f, const ig_tensor *t, int64_t at, int64_t n, int64_t parts);
/* Bins of a transform of n. */
int64_t igi_frames_bins(ig_symtab *s, int64_t n, bool onesided);

/* A call of STFT. */
typedef struct igi_stft {
    int64_t n, step, bins; /* of a frame */
    int64_t signals, length, parts, frames;
} igi_stft;
/* Error: INVALID_ARGUMENT when the frames do not fit. */
ig_status igi_stft_set(const ig_kernel_ctx *k, igi_stft *s);

#endif
