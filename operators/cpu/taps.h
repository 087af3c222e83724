/* Weighted sums of a few elements of a plane, planned once and run over many planes:
 * samples at computed places. */
#ifndef OPERATORS_CPU_TAPS_H
#define OPERATORS_CPU_TAPS_H

#include <stddef.h>
#include <stdint.h>

/* Sum p has count[p] taps, at [p * most, p * most + count[p]). Elements whose weight
 * is 0 need not be among them: then they do not make NaN of an infinity. */
typedef struct igi_taps {
    int64_t n;
    int most;
    int32_t *count; /* [n] */
    int32_t *index; /* [n][most]: elements of a plane */
    float *weight;  /* [n][most] */
} igi_taps;

/* Bytes that a plan of n sums needs, and the plan in them. */
size_t igi_taps_bytes(int64_t n, int most);
igi_taps igi_taps_in(void *memory, int64_t n, int most);
/* y[c * ld_y + p] for planes c at x + c * ld_x; no taps give 0, a single one of most 1
 * is copied. */
void igi_taps_run(const igi_taps *t,
                  int64_t planes,
                  const float *x,
                  int64_t ld_x,
                  float *y,
                  int64_t ld_y);

#endif
