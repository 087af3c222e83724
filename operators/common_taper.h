/* HannWindow, HammingWindow, BlackmanWindow: sums of cosines over a vector.
 *
 *   y[i] = a0 - a1 cos(2 pi i / n) + a2 cos(4 pi i / n),  n = size, or size - 1
 * (symmetric)
 */
#ifndef OPERATORS_COMMON_TAPER_H
#define OPERATORS_COMMON_TAPER_H

#include "operators/common_move.h"

typedef struct igi_taper_attrs {
    uint32_t struct_size;
    int64_t output_datatype, periodic;
} igi_taper_attrs;
extern const ig_port igi_taper_inputs[], igi_taper_outputs[];
extern const ig_type_rule igi_taper_types[];
extern const ig_attr_def igi_taper_options[];
extern const ig_sample igi_taper_samples[];

ig_status igi_taper_infer(ig_infer *x);
ig_status igi_taper(ig_kernel_ctx *k, double a0, double a1, double a2);

/* Element i of t := v; integers by cutting fractions off. */
void igi_put_cut(const ig_tensor *t, int64_t i, double v);
/* The number of a scalar VALUE input as a size: *out is -1 when it is not known yet. */
ig_status igi_infer_size(ig_infer *x, int port, int64_t *out);

#endif
