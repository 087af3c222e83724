/* Softmax and LogSoftmax: their table, and the stable sum that both divide by. */
#ifndef OPERATORS_COMMON_SOFTMAX_H
#define OPERATORS_COMMON_SOFTMAX_H

#include "operators/common_float.h"

extern const ig_port igi_softmax_inputs[], igi_softmax_outputs[];
extern const ig_attr_def igi_softmax_options[]; /* igi_axis_attrs */
extern const ig_sample igi_softmax_samples[];

/* The shape of the input; the axis must exist. */
ig_status igi_softmax_infer(ig_infer *x);

/* The lines of a tensor along one axis. */
typedef struct igi_lines {
    int64_t count, n, step; /* lines, elements of a line, their distance */
} igi_lines;
igi_lines igi_lines_of(const ig_tensor *t, int64_t axis);
/* First element of line i. */
static inline int64_t igi_lines_at(const igi_lines *l, int64_t i)
{
    return i / l->step * l->n * l->step + i % l->step;
}

/* Sum of exp(x - high) over a line, high being its largest element: no term overflows.
 * NaN anywhere, or nothing but -inf, gives NaN. */
IGI_INLINE double igi_exp_sum(
    ig_dtype T, const void *x, int64_t at, int64_t n, int64_t step, double *high)
{
    double sum = 0;
    *high = -(double)INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double v = igi_load(T, x, at + i * step);
        if (v > *high || isnan(v))
            *high = v;
    }
    for (int64_t i = 0; i < n; i++)
        sum += exp(igi_load(T, x, at + i * step) - *high);
    return sum;
}

#endif
