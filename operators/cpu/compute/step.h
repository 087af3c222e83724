/* Of training: part of compute.h. */
#ifndef OPERATORS_CPU_COMPUTE_STEP_H
#define OPERATORS_CPU_COMPUTE_STEP_H

#include <stdint.h>

/* With g = scale grad + decay p: m = beta1 m + rest1 g, v = beta2 v + rest2 g^2,
 * p = keep p - rate m / (root sqrt(v) + eps). */
typedef struct igi_adam {
    float keep, decay, beta1, beta2, rest1, rest2, rate, root, eps, scale;
} igi_adam;
/* dx = x <= 0 ? alpha dy : dy; 0 where alpha is 0, whatever dy. */
typedef void (*igi_relu_grad_fn)(
    float *dx, const float *dy, const float *x, float alpha, int64_t n);
/* n elements; state and old: parameter, m, v. */
typedef void (*igi_adam_fn)(const igi_adam *r,
                            float *const *state,
                            const float *const *old,
                            const float *grad,
                            int64_t n);

#endif
