/* Sampling at positions of a grid: what GridSample and its gradients share.
 *
 * y[n, c, o] = sum over taps of X[n, c, taps] * product of weights, where the weights
 * of an axis are functions of its coordinate grid[n, o, k]. With `orders` the weights
 * of an axis are derived that many times by the coordinate: so the derivative of a
 * sample by a coordinate is a sample of another order, and gradients of any order stay
 * within these operators. grid[..., 0] belongs to the last axis of X. */
#ifndef OPERATORS_COMMON_GRID_H
#define OPERATORS_COMMON_GRID_H

#include "operators/common_grad.h"
#include "operators/common_resize.h"

enum { IGI_GRID_LINEAR, IGI_GRID_NEAREST, IGI_GRID_CUBIC }; /* ORDER: grid modes */
enum {
    IGI_GRID_ZEROS,
    IGI_GRID_BORDER,
    IGI_GRID_REFLECTION
}; /* ORDER: grid paddings */
extern const char *const igi_grid_modes[], *const igi_grid_paddings[];

typedef struct igi_grid_sample_attrs {
    uint32_t struct_size;
    int64_t align_corners, mode, padding_mode;
} igi_grid_sample_attrs;

typedef struct igi_grid_slope_attrs {
    uint32_t struct_size;
    int64_t align_corners, mode;
    ig_ints orders; /* per spatial axis of X; empty: zeros */
    int64_t padding_mode;
} igi_grid_slope_attrs;
extern const ig_attr_def igi_grid_slope_rows[];

/* Dims of y from those of x (port `xp`, or NULL and dims) and grid. */
ig_status
igi_grid_infer(ig_infer *x, const ig_type *xt, const ig_type *grid, int64_t *yd);

typedef struct igi_grid_axis {
    int n;
    int64_t index[4]; /* in elements of x; -1: outside, counts 0 */
    double weight[4];
} igi_grid_axis;

/* Geometry of a call from x (dims xd) and grid to y. */
typedef struct igi_grid {
    igi_grid_slope_attrs a;
    int rank;                                            /* spatial */
    int64_t batch, channels, places;                     /* places: of y's plane */
    int64_t in[IG_RANK_MAX], stride[IG_RANK_MAX], plane; /* of x */
    const ig_tensor *grid;
    igi_grid_axis axis[IG_RANK_MAX]; /* taps of the current place */
} igi_grid;
void igi_grid_set(igi_grid *v,
                  const igi_grid_slope_attrs *a,
                  int rank,
                  const int64_t *xd,
                  const ig_tensor *grid);
/* Weights of a linear or cubic filter's taps around a coordinate whose fraction is f,
 * derived `order` times. */
void igi_grid_weights(igi_grid_axis *t, int64_t mode, int order, double f);
/* Taps of place p of item n. */
void igi_grid_seek(igi_grid *v, int64_t n, int64_t p);
/* Sum over all taps of the plane that begins at number `at` of x, or what dy adds to
 * them. `step`: numbers an element (2: complex). */
double
igi_grid_gather(const igi_grid *v, ig_dtype type, const void *x, int64_t at, int step);
void igi_grid_scatter(const igi_grid *v, double *dx, int64_t at, double dy);
/* The whole forward pass, and the transposed one. */
ig_status igi_grid_sample(ig_kernel_ctx *k, const igi_grid_slope_attrs *a);

/* Gradient by grid of <dy, sample of order a->orders of x>. */
ig_var igi_emit_grid_gradient(
    ig_grad *g, const igi_grid_slope_attrs *a, ig_var dy, ig_var x, ig_var grid);

#endif
