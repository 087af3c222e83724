/* Products with matrices of few bits: part of compute.h, under its contract. */
#ifndef OPERATORS_CPU_COMPUTE_NBITS_H
#define OPERATORS_CPU_COMPUTE_NBITS_H

#include "operators/cpu/compute.h"

/* A product whose right matrix is integers of 2, 4 or 8 bits, in blocks along k:
 * B[k][n] = (code - zero point) * scale, one scale and zero point a column and block.
 * All lie in panels of gemm_panel columns, filled up with zeros: codes as
 * [panel][word][column] (igi_nbits_pack), a word being 32 / bits codes of one column,
 * the first in the lowest bits; scales and zero points as [panel][block][column]. Zero
 * points are whole numbers below 2^22. */
struct igi_nbits {
    igi_gemm g; /* b and ldb are not read; a_step is 1 */
    int bits;
    int64_t block; /* a multiple of 32 / bits, or at least k */
    const uint32_t *codes;
    const float *scale, *zero; /* zero NULL: `middle` everywhere */
    float middle;
};

/* Integers of `bits` bits one after another, the first in the lowest bits of a byte, as
 * B[k][n] at strides (rs, cs) in elements. Signed ones become unsigned codes, larger by
 * half the range. */
typedef struct igi_nbits_source {
    const void *b;
    int bits;
    bool is_signed;
    int64_t rs, cs;
    int64_t n, k;
} igi_nbits_source;
/* Words of all codes and floats of all scales; false when one overflows. */
bool igi_nbits_packed_size(const igi_cpu_isa *isa,
                           const igi_nbits_source *s,
                           int64_t block,
                           size_t *words,
                           size_t *scales);
/* The codes of panels [panel_lo, panel_hi), at their places in dst. */
void igi_nbits_pack(const igi_cpu_isa *isa,
                    uint32_t *dst,
                    const igi_nbits_source *s,
                    int64_t panel_lo,
                    int64_t panel_hi);
/* Panels of b as floats, each multiplied where the last one was: `room` holds k *
 * gemm_panel floats. For many rows. */
void igi_nbits_run(const igi_cpu_isa *isa,
                   const igi_nbits *b,
                   float *room,
                   int64_t panel_lo,
                   int64_t panel_hi,
                   igi_stop *stop);

#endif
