/* Resize: attributes and, per axis, where an output position takes its value from.
 *
 * Resize is linear in x and separable: along an axis, position o of the output is a
 * weighted sum of `taps` positions of the input. The table of an axis holds indices
 * (clamped to the input) and weights of all positions; Resize and its gradient walk the
 * same tables. Coordinates are computed in double. */
#ifndef OPERATORS_COMMON_RESIZE_H
#define OPERATORS_COMMON_RESIZE_H

#include "operators/common_float.h"

enum { IGI_RESIZE_NEAREST, IGI_RESIZE_LINEAR, IGI_RESIZE_CUBIC }; /* ORDER: modes */

typedef struct igi_resize_attrs {
    uint32_t struct_size;
    int64_t antialias;
    ig_ints axes;
    int64_t coordinate_transformation_mode;
    float cubic_coeff_a;
    int64_t exclude_outside;
    float extrapolation_value;
    int64_t keep_aspect_ratio_policy, mode, nearest_mode;
} igi_resize_attrs;
extern const ig_attr_def igi_resize_attr_rows[];

/* Ports of roi, scales and sizes. */
typedef struct igi_resize_ports {
    int roi, scales, sizes;
} igi_resize_ports;

/* dims[] of the output for input dims xd; IG_OK with *known false when a list is not
 * known yet. */
ig_status igi_resize_infer(ig_infer *x,
                           const igi_resize_ports *p,
                           int rank,
                           const int64_t *xd,
                           int64_t *dims,
                           bool *known);

typedef struct igi_resize_axis {
    int64_t in, out;
    int taps;
    int64_t *index;  /* [out][taps] */
    double *weight;  /* [out][taps]; nearest: 1 */
    uint8_t *beyond; /* [out]: takes extrapolation_value; NULL: none does */
} igi_resize_axis;

typedef struct igi_resize {
    int rank;
    igi_resize_axis axis[IG_RANK_MAX];
    void *memory; /* of all tables */
} igi_resize;

/* Tables for a call from x (dims xd) to y (dims yd); checks the lists. Freed by
 * igi_free(r->memory). */
ig_status igi_resize_make(igi_resize *r,
                          const ig_kernel_ctx *k,
                          const igi_resize_ports *p,
                          int rank,
                          const int64_t *xd,
                          const int64_t *yd);
/* y[i] := v; integers drop the fraction and saturate, anything but 0 is true. */
void igi_put_sampled(ig_dtype type, void *y, int64_t i, double v);
/* Element i of y := element `at` of x, of any type with addresses. */
void igi_put_element(ig_tensor *y, int64_t i, const void *x, int64_t at);
/* Elements that one output reads, at least up to IGI_POLL_WORK: for igi_pace_go. */
int64_t igi_resize_work(const igi_resize *r);
/* Does the axis copy its input? */
bool igi_resize_is_copy(const igi_resize_axis *a);

#endif
