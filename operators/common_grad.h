/* Pieces of gradient rules: emitted, so that they differentiate and stay symbolic. */
#ifndef OPERATORS_COMMON_GRAD_H
#define OPERATORS_COMMON_GRAD_H

#include <ingot/plugin.h>

/* a * b, a + b, a - b, with {0} for an operand that is absent in sums. */
ig_var igi_emit_mul(ig_grad *g, ig_var a, ig_var b);
ig_var igi_emit_add(ig_grad *g, ig_var a, ig_var b);
ig_var igi_emit_sub(ig_grad *g, ig_var a, ig_var b);
/* factor * v; v itself when factor is 1. */
ig_var igi_emit_scale(ig_grad *g, ig_var v, double factor);
/* Sums and means over `axes`, dims kept as 1. */
ig_var igi_emit_sum(ig_grad *g, ig_var v, const int64_t *axes, int n);
ig_var igi_emit_mean(ig_grad *g, ig_var v, const int64_t *axes, int n);
/* v / m, m = number of elements of input i over `axes`; v has those axes as 1 or is
 * scalar. */
ig_var igi_emit_div_count(ig_grad *g, ig_var v, int i, const int64_t *axes, int n);
/* v with dims of size 1 at `axes` of the result, or without those dims. */
ig_var igi_emit_unsqueeze(ig_grad *g, ig_var v, const int64_t *axes, int n);
ig_var igi_emit_squeeze(ig_grad *g, ig_var v, const int64_t *axes, int n);

/* Normalisation, dims kept as 1: d = x - mean(x), inv = (mean(d^2) + epsilon)^-1/2 and
 * n = d * inv over `axes`. */
typedef struct igi_standard {
    ig_var d, inv, n;
} igi_standard;
igi_standard igi_emit_standard(
    ig_grad *g, ig_var x, const int64_t *axes, int n_axes, double epsilon);
/* (v + epsilon)^-1/2. */
ig_var igi_emit_inverse_root(ig_grad *g, ig_var v, double epsilon);
/* dx for dn = h: inv * (h - mean(h) - n * mean(h * n)). */
ig_var igi_emit_standard_dx(
    ig_grad *g, const igi_standard *s, ig_var h, const int64_t *axes, int n_axes);

#endif
